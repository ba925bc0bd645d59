// When to show what: the view time, which runs a little behind the newest snapshot so that there is always a next one to
// move towards, and the arithmetic between two snapshots.

const WINDOW = 64;
const DELAY_MIN = 1.2;
const DELAY_MAX = 6;
/** The view runs at most this much faster or slower than the room. */
const SLEW = 0.1;
/** Ticks off by which the view jumps: a pause of the page or the network, not jitter. */
const JUMP = 15;

/** From `a` to `b` the short way round, in radians. */
export function lerpAngle(a: number, b: number, t: number): number {
  const turn = 2 * Math.PI;
  let difference = (b - a) % turn;
  if (difference > Math.PI) difference -= turn;
  else if (difference < -Math.PI) difference += turn;
  return a + difference * t;
}

export const lerp = (a: number, b: number, t: number): number => a + (b - a) * t;

/** The view tick of a room, from when its snapshots arrive. All times are milliseconds of one clock. */
export class Playout {
  /** How far each of the last snapshots was behind the local clock, in ticks. */
  private readonly _behind = new Float64Array(WINDOW);
  private readonly _gaps = new Float64Array(WINDOW);
  private _count = 0;
  private _newest = 0;
  private _base = 0;
  private _shown = 0;
  private _shownAt = 0;
  private _started = false;
  /** Ticks between the newest snapshot that could have arrived and what is shown. */
  delay = DELAY_MIN;
  /** 95th percentile of how late snapshots come, in ticks. */
  late = 0;

  constructor(private readonly _tickRate: number) {}

  /** A new epoch: other ticks. */
  reset(): void {
    this._count = 0;
    this._newest = 0;
    this._started = false;
  }

  private _ticks(now: number): number {
    return (now * this._tickRate) / 1000;
  }

  /** A snapshot of `tick` has arrived. */
  arrived(tick: number, now: number): void {
    const slot = this._count % WINDOW;
    this._behind[slot] = this._ticks(now) - tick;
    this._gaps[slot] = this._count === 0 ? 1 : Math.max(1, tick - this._newest);
    this._newest = tick;
    this._count++;
    const size = Math.min(this._count, WINDOW);
    const sorted = this._behind.slice(0, size).sort();
    this._base = sorted[0]!;
    this.late = sorted[Math.floor((size - 1) * 0.95)]! - this._base;
    // Over a link that brings every third tick, the next snapshot is three ticks away; over one that loses some, two.
    const gap = this._gaps.slice(0, size).sort()[Math.floor((size - 1) * 0.9)]!;
    this.delay = Math.min(DELAY_MAX, Math.max(DELAY_MIN, gap + this.late));
  }

  /** The share of ticks of which no snapshot came. */
  get loss(): number {
    const size = Math.min(this._count, WINDOW);
    return size === 0 ? 0 : 1 - size / this._gaps.subarray(0, size).reduce((sum, gap) => sum + gap);
  }

  /** The tick to show, with its fraction. Never goes backwards within an epoch. */
  at(now: number): number {
    if (this._count === 0) return this._shown;
    const wanted = this._ticks(now) - this._base - this.delay;
    if (!this._started) {
      this._started = true;
      this._shown = wanted;
    } else {
      const step = this._ticks(now - this._shownAt);
      const error = wanted - this._shown - step;
      if (error > JUMP) this._shown = wanted;
      else {
        // Far ahead of a room that has paused, it stands still until the room has come up.
        const slowest = error < -JUMP ? step : SLEW * step;
        this._shown += Math.max(0, step + Math.max(-slowest, Math.min(SLEW * step, error)));
      }
    }
    this._shownAt = now;
    return this._shown;
  }
}
