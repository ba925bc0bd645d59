// What the player holds down: sampled once a tick, numbered, sent with the last three again.

import * as frames from "./frames.js";
import { quantise, type Field } from "./schema.js";

const REPEATED = 4;
/** Presses that may wait for their tick; more than one a tick would be lost when inputs are. */
const PRESSES_MAX = 3;

export type InputValues = Record<string, number | boolean | string>;

export class Inputs {
  /** Set by the first `set` or `press`: until then nothing is sent. */
  active = false;
  /** The number of the newest input. */
  newest = 0;
  private readonly _held: Int32Array;
  private readonly _waiting: Int32Array;
  private _recent: Int32Array[] = [];

  constructor(private readonly _fields: readonly Field[]) {
    this._held = new Int32Array(_fields.length);
    this._waiting = new Int32Array(_fields.length);
    _fields.forEach((field, i) => (this._held[i] = field.kind === "press" ? 0 : quantise(field, 0)));
  }

  /** The join answer names the number to start with, and presses count from 0 again. */
  restart(first: number): void {
    this.newest = first - 1;
    this._recent = [];
    this._fields.forEach((field, i) => {
      if (field.kind === "press") this._held[i] = 0;
    });
  }

  private _index(name: string, press: boolean): number {
    const i = this._fields.findIndex((f) => f.name === name && (f.kind === "press") === press);
    if (i < 0) throw new TypeError(`airboat: the module has no ${press ? "press" : "input"} ${name}`);
    this.active = true;
    return i;
  }

  set(values: InputValues): void {
    for (const name of Object.keys(values)) {
      const i = this._index(name, false);
      this._held[i] = quantise(this._fields[i]!, values[name]);
    }
  }

  press(name: string): void {
    const i = this._index(name, true);
    this._waiting[i] = Math.min(PRESSES_MAX, this._waiting[i]! + 1);
  }

  /** This tick's input. */
  sample(): void {
    this._waiting.forEach((count, i) => {
      if (count === 0) return;
      this._waiting[i] = count - 1;
      this._held[i] = (this._held[i]! + 1) & 3;
    });
    const input = this._recent.length === REPEATED ? this._recent.pop()! : new Int32Array(this._fields.length);
    input.set(this._held);
    this._recent.unshift(input);
    this.newest++;
  }

  frame(epoch: number, acked: number, viewTick: number): Uint8Array {
    return frames.inputs(epoch, acked, Math.max(0, Math.round(viewTick * 8)), this.newest, this._recent);
  }
}

/** Calls once a tick, shifted so that what it sends arrives shortly before the room's tick. */
export class Pacer {
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _due = 0;
  private _shift = 0;
  /** Milliseconds an input should arrive early. */
  private _aim = 3;

  constructor(
    private readonly _period: number,
    private readonly _now: () => number,
    private readonly _beat: () => void,
  ) {}

  start(): void {
    if (this._timer !== undefined) return;
    this._due = this._now();
    this._schedule();
  }

  stop(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
  }

  private _schedule(): void {
    this._due += this._period + this._shift;
    this._shift = 0;
    // Ticks missed while the page was held up are gone; sending them in a burst would help nobody.
    const now = this._now();
    if (this._due < now - this._period) this._due = now;
    this._timer = setTimeout(() => {
      this._schedule();
      this._beat();
    }, Math.max(0, this._due - now));
  }

  /** How early the last input came. Late ones move the beat at once and ask for more room; early ones only slowly. */
  slack(early: number): void {
    if (early < 0) this._aim = Math.min(this._period / 2, this._aim + 1);
    else this._aim = Math.max(3, this._aim - 0.02);
    const error = early - this._aim;
    this._shift = error < 0 ? Math.max(-this._period / 4, error / 4) : Math.min(this._period / 20, error / 20);
  }
}
