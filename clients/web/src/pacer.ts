// When to send the next input, so that it reaches the room just before its tick: docs/protocol.md, "Pacing".

import { within } from "./interpolation.js";

/** What is aimed for even where nothing scatters, and the least aim of all. */
const BASE_MS = 0.5;
const AIM_MIN_MS = 1;
/** Times the mean difference of successive reports. */
const SCATTERS = 2.5;
/** Share by which one report moves the means. */
const SHARE = 1 / 16;
/** What an input that came too late adds to the aim, and the share of it that each report takes away again. */
const MARGIN_STEP_MS = 3;
const MARGIN_DECAY = 1 / 512;
/** Shares of the period by which it may be changed: usually, and when more than a quarter of it is wrong. */
const SLEW = 0.01;
const SLEW_FAST = 0.05;
/** Inputs whose report may still come. */
const REMEMBERED = 128;

/** The law, without a clock: the same as the loadtest's, and held to `tests/golden/pacing.json`. */
export class Pacer {
  /** By number: the shift it was sent with. */
  private readonly _sent = new Map<number, number>();
  /** All changes of the period so far. */
  private _shift = 0;
  /** How early inputs come, less what the shift does to it: the mean, and the last one reported. */
  private _mean: number | undefined;
  private _last = 0;
  private _scatter = 0;
  private _margin = 0;

  constructor(private readonly _period: number) {}

  /** How early inputs should come. */
  get aim(): number {
    return within(BASE_MS + SCATTERS * this._scatter + this._margin, AIM_MIN_MS, this._period / 2);
  }

  /** A snapshot names an input as newly applied and says how early it came; negative: a tick had to do without it. */
  note(number: number, early: number): void {
    const shift = this._sent.get(number);
    if (shift === undefined) return;
    // As if nothing had been shifted, so that reports before and after a change can be compared.
    let plain = early + shift;
    // The ticks it missed used up no numbers: what follows comes whole periods earlier for its own.
    if (early < 0) plain -= this._period * Math.floor(early / this._period);
    if (this._mean === undefined) {
      this._mean = this._last = plain;
      return;
    }
    const step = plain - this._last;
    this._scatter += (Math.abs(step - this._periods(step)) - this._scatter) * SHARE;
    this._last = plain;
    this._margin *= 1 - MARGIN_DECAY;
    // Later than half a period is a stall or a lost packet; no aim would have caught it.
    if (early < 0 && early > -this._period / 2) this._margin += MARGIN_STEP_MS;
    // A whole period more or less means that an input waits behind another, or no longer.
    const mean = this._mean + this._periods(plain - this._mean);
    const off = plain - mean;
    // Being late costs a period, being early a few milliseconds: what would have been late is believed at once.
    this._mean = off < -this.aim ? plain : mean + off * SHARE;
  }

  /** An input was sent, `late` after it was due: how long after its due time is the next one due? */
  next(number: number, late: number): number {
    // What we held up ourselves says nothing about the way.
    if (late <= this._period / 2) this._sent.set(number, this._shift);
    this._sent.delete(number - REMEMBERED);
    const change = this._change();
    this._shift += change;
    return this._wait(this._period + change, late);
  }

  /** It was sent again: how early it comes then says nothing. */
  resent(number: number): void {
    this._sent.delete(number);
  }

  /** Nothing was sent. */
  pause(late: number): number {
    return this._wait(this._period, late);
  }

  /** Whole periods are left out, so that a stall shifts nothing. */
  private _wait(wait: number, late: number): number {
    return wait > late ? wait : wait + (Math.floor((late - wait) / this._period) + 1) * this._period;
  }

  private _change(): number {
    if (this._mean === undefined) return 0;
    const error = this._mean - this._shift - this.aim;
    // One input waits behind another: its turn is left out.
    if (error > this._period / 2) return error;
    const share = Math.abs(error) > this._period / 4 ? SLEW_FAST : SLEW;
    return within(error, -share * this._period, share * this._period);
  }

  private _periods(ms: number): number {
    return this._period * Math.floor(ms / this._period + 0.5);
  }
}

/** Frames, and a browser's whole milliseconds, make timers late: they wake so much before, and messages to oneself do the rest. */
const EARLY_MS = 2;

/** Calls once a tick, when the pacer says so. */
export class Beat {
  /** When the next is due, while it runs. */
  private _next: number | undefined;
  private readonly _soon: MessagePort | undefined;
  /** When the newest beat was due: the moment that its input stands for. */
  due = 0;

  constructor(
    private readonly _period: number,
    private readonly _now: () => number,
    /** Sends an input that was due `late` ago; returns how long after that the next one is. */
    private readonly _beat: (late: number) => number,
  ) {
    // Only pages have frames.
    if (!globalThis.document) return;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => this._wake(data);
    this._soon = port2;
  }

  start(): void {
    if (this._next === undefined) this._await(this._now());
  }

  stop(): void {
    this._next = undefined;
  }

  private _await(due: number): void {
    this._next = due;
    setTimeout(() => this._wake(due), due - this._now() - (this._soon ? EARLY_MS : 0));
  }

  private _wake(due: number): void {
    // Stopped meanwhile, and perhaps begun anew.
    if (due !== this._next) return;
    const late = this._now() - due;
    if (late < 0 && this._soon) return this._soon.postMessage(due);
    this.due = due;
    let wait = this._period;
    try {
      wait = this._beat(late);
    } finally {
      if (due === this._next) this._await(due + wait);
    }
  }
}
