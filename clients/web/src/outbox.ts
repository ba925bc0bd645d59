// What must arrive: messages numbered from 1 in each epoch, kept until the server has saved them, and calls that wait for
// their answer.

import * as codes from "./errors.js";
import { CodecError, failure, mistake, type AirboatError } from "./errors.js";
import * as frames from "./frames.js";

/** Messages the server has not yet said to have received. Its lane takes 64 between two ticks. */
const WINDOW = 48;
/** Messages kept until they are saved. */
const KEPT_MAX = 1024;
const BYTES_MAX = 64 * 1024;

export type Answer = { data: unknown; error?: undefined } | { error: AirboatError; data?: undefined };

interface Kept {
  number: number;
  name: string;
  data: unknown;
  call: number | undefined;
}

interface Call {
  resolve: (answer: Answer) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class Outbox {
  private _kept: Kept[] = [];
  private _sent = 0;
  /** The last one given to the link there is. */
  private _handed = 0;
  private _received = 0;
  private readonly _calls = new Map<number, Call>();
  private _nextCall = 1;

  constructor(private readonly _send: (frame: Uint8Array) => void) {}

  /** False when too much waits already. Throws on what cannot be encoded: it takes no number. */
  push(name: string, data: unknown, call?: number): boolean {
    if (this._kept.length >= KEPT_MAX) return false;
    if (frames.call(~0 >>> 0, ~0 >>> 0, ~0 >>> 0, name, data).length > BYTES_MAX) {
      mistake(`${name} is larger than 64 kB`);
    }
    this._kept.push({ number: ++this._sent, name, data, call });
    return true;
  }

  call(name: string, data: unknown, timeoutMs: number): Promise<Answer> {
    const id = this._nextCall++;
    if (!this.push(name, data, id)) return Promise.resolve({ error: failure(codes.BUSY) });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this._settle(id, { error: failure(codes.TIMEOUT) }), timeoutMs);
      this._calls.set(id, { resolve, timer });
    });
  }

  replied(id: number, ok: boolean, data: unknown): void {
    this._settle(id, ok ? { data } : { error: failure(codes.FAILED, String(data)) });
  }

  private _settle(id: number, answer: Answer): void {
    const call = this._calls.get(id);
    this._calls.delete(id);
    clearTimeout(call?.timer);
    call?.resolve(answer);
  }

  /** Hands over what the window allows. */
  pump(epoch: number): void {
    for (const { number, name, data, call } of this._kept) {
      if (number <= this._handed) continue;
      if (number > this._received + WINDOW) break;
      this._handed = number;
      this._send(
        call ? frames.call(epoch, number, call, name, data) : frames.message(epoch, number, name, data),
      );
    }
  }

  saved(received: number, saved: number): void {
    this._received = Math.max(this._received, received);
    this._kept = this._kept.filter((m) => m.number > saved);
  }

  /** A new link to the same life of the room, which has these. */
  resume(received: number): void {
    if (received > this._sent) throw new CodecError("shape");
    this._received = this._handed = received;
  }

  /** A new life: what its state contains is done, the rest gets new numbers. Answers of what is done are lost. */
  restart(applied: number, reason = codes.LOST): void {
    this._kept = this._kept.filter((m) => m.number > applied);
    this._kept.forEach((m, i) => (m.number = i + 1));
    this._sent = this._kept.length;
    this._handed = this._received = 0;
    const open = new Set(this._kept.map((m) => m.call));
    for (const id of [...this._calls.keys()]) if (!open.has(id)) this._settle(id, { error: failure(reason) });
  }

  /** Out of the room. */
  clear(): void {
    this.restart(Infinity, codes.CLOSED);
  }
}
