// The room's clock as far as pings can tell it: round trip, and which tick it is over there.

const KEPT = 10;
/** Milliseconds off by which the estimate jumps instead of creeping. */
const JUMP = 250;

export class Clock {
  /** Smoothed round trip in milliseconds; 0 before the first answer. */
  rtt = 0;
  /** The room's time minus ours, in milliseconds. */
  private _offset: number | undefined;
  private readonly _samples: { rtt: number; offset: number }[] = [];
  private _last = -Infinity;

  /** Another room or another life of it: its ticks are others. The round trip stays. */
  reset(): void {
    this._offset = undefined;
    this._samples.length = 0;
    this._last = -Infinity;
  }

  /** The join answer names a tick: better than nothing until pings are answered. */
  hint(tick: number, tickRate: number, now: number): void {
    this._offset ??= (tick * 1000) / tickRate - now;
  }

  answered(sent: number, now: number, tick: number, ageUs: number, tickRate: number): void {
    const rtt = Math.max(0, now - sent);
    this.rtt = this.rtt === 0 ? rtt : this.rtt + (rtt - this.rtt) / 8;
    this._samples.push({ rtt, offset: (tick * 1000) / tickRate + ageUs / 1000 + rtt / 2 - now });
    if (this._samples.length > KEPT) this._samples.shift();
    // The quickest round trip had the least to wait for, so its halves are the most alike.
    const best = this._samples.reduce((a, b) => (b.rtt < a.rtt ? b : a)).offset;
    const error = best - (this._offset ?? best);
    const first = this._samples.length === 1;
    this._offset = first || Math.abs(error) > JUMP ? best : this._offset! + error * 0.2;
  }

  /** Milliseconds of the room's own time. Does not go backwards but for a jump. */
  at(now: number): number {
    const time = now + (this._offset ?? 0);
    if (time < this._last && this._last - time < JUMP) return this._last;
    this._last = time;
    return time;
  }
}
