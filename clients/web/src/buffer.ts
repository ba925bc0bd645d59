// The package's entry `airboat/buffer`: the client's interpolation for states from anywhere. States of one thing, each with
// its time, go in as they arrive; what to draw comes out, a little later and evenly.

import { lerp, lerpAngle, Playout, type Status } from "./interpolation.js";

export type { Status } from "./interpolation.js";
export { Playout } from "./interpolation.js";

const WINDOW_MAX = 256;

export interface BufferOptions {
  /** States a second, as they are made. */
  rate: number;
  /** Seconds for which things go on as they went when the next state is late. Default 0.1. */
  extrapolate?: number | undefined;
  /** Fields that wrap, in radians. */
  angles?: readonly string[] | undefined;
  /** A number that changes by more than this from one state to the next is elsewhere: nothing is drawn between. */
  snap?: number | undefined;
}

export type Values = Record<string, unknown>;

export class StateBuffer {
  /** When to show what. */
  readonly playout: Playout;
  private readonly _rate: number;
  private readonly _angles: ReadonlySet<string>;
  private readonly _snap: number;
  /** Ascending by time. */
  private _states: { tick: number; values: Values }[] = [];

  constructor({ rate, extrapolate, angles = [], snap = Infinity }: BufferOptions) {
    this._rate = rate;
    this._angles = new Set(angles);
    this._snap = snap;
    this.playout = new Playout(rate, extrapolate);
  }

  /** A state made at `time` has arrived `now`; seconds, of two clocks. In any order; false for one that is dropped. */
  push(time: number, values: Values, now: number): boolean {
    const tick = time * this._rate;
    let at = this._states.length - 1;
    while (at >= 0 && this._states[at]!.tick > tick) at--;
    if (this._states[at]?.tick === tick || (at < 0 && this._states.length > 1)) return false;
    if (at === this._states.length - 1) this.playout.arrived(tick, now * 1000);
    this._states.splice(at + 1, 0, { tick, values: { ...values } });
    if (this._states.length > WINDOW_MAX) this._states.shift();
    return true;
  }

  /** Fills `into` with what to draw `now`, and says how that came about. */
  sample(now: number, into: Values): Status | "empty" {
    const tick = this.playout.at(now * 1000);
    const states = this._states;
    let after = states.findIndex((state) => state.tick > tick);
    // Two behind the time shown stay: what goes on as it went needs to know how.
    if (after > 2) after -= states.splice(0, after - 2).length;
    if (after < 0) after = states.length;
    if (after === states.length && after > 1) after--;
    const [a, b] = [states[after - 1] ?? states[after], states[after]];
    if (!a) return "empty";
    const share = b && b !== a ? (tick - a.tick) / (b.tick - a.tick) : 0;
    for (const name of Object.keys({ ...a.values, ...b?.values })) into[name] = this._between(name, a.values[name], b?.values[name], share);
    return this.playout.status;
  }

  private _between(name: string, a: unknown, b: unknown, share: number): unknown {
    if (typeof a !== "number" || typeof b !== "number") return share >= 1 || a === undefined ? (b ?? a) : a;
    if (this._angles.has(name)) return lerpAngle(a, b, Math.min(1, share));
    if (Math.abs(b - a) > this._snap) return share < 1 ? a : b;
    return lerp(a, b, share);
  }
}

export const buffer = (options: BufferOptions): StateBuffer => new StateBuffer(options);
