// Whether the other side of a link is still there: pings, and how long it may be silent.

import { ping } from "./frames.js";

const SILENCE_MS = 1000;
const DEAD_MS = 5000;
/** The first pings of a link come quickly: the clock knows nothing yet. */
const QUICK = 5;
const QUICK_MS = 100;
/** Pings whose answer may still come. */
const PINGS_MAX = 16;

/** Of one link. Times are milliseconds. */
export class Pulse {
  private readonly _pings = new Map<number, number>();
  private _token = 0;
  private _pinged = 0;
  /** When the first ping left since we last heard anything. */
  private _unanswered = 0;

  constructor(private _heard: number) {}

  /** Something came. */
  heard(now: number): void {
    this._heard = now;
    this._unanswered = 0;
  }

  /** The next ping, which leaves now. */
  ping(now: number): Uint8Array {
    this._pinged = now;
    this._unanswered ||= now;
    this._pings.set(++this._token, now);
    this._pings.delete(this._token - PINGS_MAX);
    return ping(this._token);
  }

  /** When the ping left that was answered. */
  sent(token: number): number | undefined {
    const sent = this._pings.get(token);
    this._pings.delete(token);
    return sent;
  }

  /** Only an unanswered ping says that the other side is gone; a late timer of ours does not. */
  dead(now: number): boolean {
    return this._unanswered > 0 && now - this._unanswered > DEAD_MS;
  }

  /** Whether it is time for a ping, where one is usually sent `every` so often. */
  due(now: number, every: number): boolean {
    if (now - this._heard > SILENCE_MS) every = SILENCE_MS;
    return now - this._pinged >= (this._token > QUICK ? every : QUICK_MS);
  }
}
