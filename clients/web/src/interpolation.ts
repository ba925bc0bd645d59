// When to show what: the view time, which runs a little behind the newest snapshot so that there is always a next one to
// move towards, and the arithmetic between two snapshots.

/** Snapshots by which the path is judged. */
const WINDOW = 64;
/** Ticks of delay. Less than one, and there would be no next snapshot to move towards. */
const DELAY_MIN = 1.05;
const DELAY_MAX = 6;
/** A time that is shown runs at most this much faster or slower than the room's. */
const SLEW = 0.1;
/** Ticks off by which it jumps: a pause of the page or the network, not jitter. */
const JUMP = 15;
/** Seconds for which things are shown to go on as they went, when the next snapshot is late; then they hold. */
const EXTRAPOLATE = 0.1;

/** From `a` to `b` the short way round, in radians. */
export function lerpAngle(a: number, b: number, t: number): number {
  const turn = 2 * Math.PI;
  let difference = (b - a) % turn;
  if (difference > Math.PI) difference -= turn;
  else if (difference < -Math.PI) difference += turn;
  return a + difference * t;
}

export const within = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high);

export const lerp = (a: number, b: number, t: number): number => a + (b - a) * t;

/** A time that runs evenly towards one that does not, and never backwards. Ticks. */
export class Steady {
  private _shown = 0;
  private _at: number | undefined;

  reset(): void {
    this._at = undefined;
  }

  /** What to show where `wanted` would be right, at the local time `ticks`; not later than `most`. */
  at(wanted: number, ticks: number, most = Infinity): number {
    const step = this._at === undefined ? 0 : ticks - this._at;
    const error = wanted - this._shown - step;
    if (this._at === undefined || error > JUMP) this._shown = wanted;
    else {
      // Far ahead of a room that has paused, it stands still until the room has come up.
      const slowest = error < -JUMP ? step : SLEW * step;
      this._shown += Math.max(0, step + within(error, -slowest, SLEW * step));
    }
    this._at = ticks;
    return (this._shown = Math.min(this._shown, most));
  }
}

export type Status = "interpolated" | "extrapolated" | "held";

/** The view tick of a room, from when its snapshots arrive. All times are milliseconds of one clock. */
export class Playout {
  /** How far each of the last snapshots was behind the local clock, in ticks. */
  private readonly _behind = new Float64Array(WINDOW);
  private readonly _gaps = new Float64Array(WINDOW);
  private readonly _steady = new Steady();
  private _count = 0;
  private _newest = 0;
  private _base = 0;
  private _now = -Infinity;
  private _shown = 0;
  /** Ticks between the newest snapshot that could have arrived and what is shown. */
  delay = DELAY_MIN;
  /** 95th percentile of how late snapshots come, in ticks. */
  late = 0;
  /** What the time last asked for was. */
  status: Status = "held";
  /** How often it was which; a time that is asked for twice counts once. */
  readonly counts = { interpolated: 0, extrapolated: 0, held: 0 };

  constructor(
    private readonly _tickRate: number,
    private readonly _extrapolate = EXTRAPOLATE,
  ) {}

  /** A new epoch: other ticks. */
  reset(): void {
    this._count = 0;
    this._newest = 0;
    this._now = -Infinity;
    this._steady.reset();
  }

  private _ticks(now: number): number {
    return (now * this._tickRate) / 1000;
  }

  /** A snapshot of `tick` has arrived, newer than all before. */
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
    this.delay = within(gap + this.late, DELAY_MIN, DELAY_MAX);
  }

  /** The share of ticks of which no snapshot came. */
  get loss(): number {
    const size = Math.min(this._count, WINDOW);
    return size === 0 ? 0 : 1 - size / this._gaps.subarray(0, size).reduce((sum, gap) => sum + gap);
  }

  /** The tick to show, with its fraction. Never goes backwards within an epoch. */
  at(now: number): number {
    if (now <= this._now) return this._shown;
    this._now = now;
    if (this._count > 0) {
      const ticks = this._ticks(now);
      const last = this._newest + this._extrapolate * this._tickRate;
      this._shown = this._steady.at(ticks - this._base - this.delay, ticks, last);
      this.status = this._shown <= this._newest ? "interpolated" : this._shown < last ? "extrapolated" : "held";
      this.counts[this.status]++;
    }
    return this._shown;
  }
}
