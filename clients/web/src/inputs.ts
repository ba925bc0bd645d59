// What the player holds down: sampled once a tick, numbered, sent with the last three again. Those with a press are kept
// until the room has applied them or a later one, for a link that breaks takes with it what is on its way.

import { mistake } from "./errors.js";
import * as frames from "./frames.js";
import { dequantise, quantise, type Field } from "./schema.js";

const REPEATED = 4;
/** Presses that may wait for their tick: what one hammers at a game that does not answer is not all meant. */
const PRESSES_MAX = 3;
/** Inputs that are kept. With more presses on their way the oldest count modulo 4 only. */
const KEPT_MAX = 32;

export type InputValues = Record<string, number | boolean | string>;

/** An input with a press that the room is not known to have. */
interface Kept {
  number: number;
  steps: Int32Array[];
  pressed: Int32Array;
}

export class Inputs {
  /** Set by the first `set` or `press`: until then nothing is sent. */
  active = false;
  /** The number of the newest input. */
  newest = 0;
  /** Ascending. */
  kept: Kept[] = [];
  private readonly _held: Int32Array;
  private readonly _waiting: Int32Array;
  private _recent: Int32Array[] = [];
  /** By field, how many presses the newest input has: none or one. */
  private _pressed: Int32Array;
  private _epoch = 0;

  constructor(private readonly _fields: readonly Field[]) {
    this._held = Int32Array.from(_fields, (field) => quantise(field, 0));
    this._waiting = new Int32Array(_fields.length);
    this._pressed = this._waiting.slice();
  }

  /**
   * The join answer names the number to start with, and presses count from 0 again. In the same life of the room, those
   * from that number on never came.
   */
  restart(epoch: number, first: number): void {
    for (const { number, pressed } of this.kept) {
      if (epoch === this._epoch && number >= first) pressed.forEach((count, i) => (this._waiting[i]! += count));
    }
    this._epoch = epoch;
    this.newest = first - 1;
    this.kept = [];
    this._recent = [];
    this._fields.forEach((field, i) => {
      if (field.kind === "press") this._held[i] = 0;
    });
  }

  /** Goes on holding what another version of the module was told, as far as there are fields for it. */
  adopt(old: Inputs): void {
    this.active = old.active;
    old._fields.forEach((was, i) => {
      const at = this._fields.findIndex((f) => f.name === was.name && f.kind === was.kind);
      if (at >= 0) this._held[at] = quantise(this._fields[at]!, dequantise(was, old._held[i]!));
    });
  }

  private _index(name: string, press: boolean): number {
    const i = this._fields.findIndex((f) => f.name === name && (f.kind === "press") === press);
    if (i < 0) mistake(`the module has no ${press ? "press" : "input"} ${name}`);
    this.active = true;
    return i;
  }

  set(values: InputValues): void {
    for (const name of Object.keys(values)) {
      const i = this._index(name, false);
      const [field, value] = [this._fields[i]!, values[name]!];
      if (!(field.kind === "choice" ? field.names.includes(value as string) : isFinite(value as number))) {
        mistake(`${name} cannot be ${value}`);
      }
      this._held[i] = quantise(field, value);
    }
  }

  press(name: string): void {
    const i = this._index(name, true);
    if (this._waiting[i]! < PRESSES_MAX) this._waiting[i]!++;
  }

  /** The room has applied this one, and by the running counts all presses before it. */
  applied(number: number): void {
    this.kept = this.kept.filter((input) => input.number > number);
  }

  /** This tick's input. Whether it has a press. */
  sample(): boolean {
    const pressed = (this._pressed = this._waiting.map((count) => Math.min(1, count)));
    pressed.forEach((count, i) => {
      if (count === 0) return;
      this._waiting[i]!--;
      this._held[i] = (this._held[i]! + 1) & 3;
    });
    const steps = this._held.slice();
    this._recent = [steps, ...this._recent.slice(0, REPEATED - 1)];
    this.newest++;
    if (!pressed.includes(1)) return false;
    this.kept.push({ number: this.newest, steps: [steps], pressed });
    if (this.kept.length > KEPT_MAX) this.kept.shift();
    return true;
  }

  /** What is held, as the room reads it: in real units, rounded. Presses are those of the newest input. */
  get values(): InputValues {
    return Object.fromEntries(
      this._fields.map((field, i) => [
        field.name,
        field.kind === "press" ? this._pressed[i]! : dequantise(field, this._held[i]!),
      ]),
    );
  }

  /** The newest, with the last three; or one of those that are kept. */
  frame(acked: number, viewTick: number, { number, steps } = { number: this.newest, steps: this._recent }): Uint8Array {
    return frames.inputs(this._epoch, acked, Math.max(0, Math.round(viewTick * 8)), number, steps);
  }
}
