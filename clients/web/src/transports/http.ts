// HTTP: one link made of many requests. One is always parked at the server until there is something to read; what we
// send goes beside it, one request at a time, so that nothing overtakes.

import { framed, Frames, Reader, Writer } from "../bytes.js";
import { BaseLink, type Link, type Target } from "./link.js";

const PARK = 1;
const TRIES = 3;
const PAUSE_MS = 250;
const POLL_LIMIT_MS = 30_000;
const SEND_LIMIT_MS = 10_000;
/** Frames that may be lost and may wait: about what the inputs' repeats cover many times over. */
const BACKLOG = 16;

class HttpLink extends BaseLink {
  readonly transport = "http";
  private _token: Uint8Array = new Uint8Array(16);
  private _number = 0;
  private _queue: { frame: Uint8Array; mayBeLost: boolean }[] = [];
  private _greeted = false;
  private _sending = false;
  private readonly _open = new Set<AbortController>();

  constructor(private readonly _url: string) {
    super();
  }

  send(frame: Uint8Array, mayBeLost = false): void {
    if (this._over) return;
    if (!this._greeted) {
      this._greeted = true;
      void this._poll(frame);
      return;
    }
    this._queue.push({ frame, mayBeLost });
    if (this._queue.filter((q) => q.mayBeLost).length > BACKLOG) {
      this._queue.splice(this._queue.findIndex((q) => q.mayBeLost), 1);
    }
    void this._flush();
  }

  /** The server has answered, and given a token. */
  private get _known(): boolean {
    return this._token.some(Boolean);
  }

  private _body(flags: number, frames: Uint8Array[]): Uint8Array {
    const out = new Writer();
    out.raw(this._token);
    out.u32(++this._number);
    out.u8(flags);
    out.raw(framed(...frames));
    return out.finish();
  }

  /**
   * The frames of the answer. A request that fails is sent again as it was: its number makes that harmless. Not so the hello:
   * where nothing answers, the other transports have another chance with the next.
   */
  private async _ask(body: Uint8Array, limit: number): Promise<Uint8Array[]> {
    for (let tries = 1; ; tries++) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), limit);
      this._open.add(stop);
      try {
        const response = await fetch(this._url, {
          method: "POST",
          headers: { "content-type": "text/plain" },
          body: body as Uint8Array<ArrayBuffer>,
          signal: stop.signal,
          cache: "no-store",
        });
        if (!response.ok) throw response.status;
        const reader = new Reader(new Uint8Array(await response.arrayBuffer()));
        this._token = reader.take(16).slice();
        reader.u32();
        const frames: Uint8Array[] = [];
        new Frames().push(reader.take(reader.left), (frame) => frames.push(frame));
        return frames;
      } catch (error) {
        if (this._over || tries === TRIES || !this._known) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tries));
      } finally {
        clearTimeout(timer);
        this._open.delete(stop);
      }
    }
  }

  private async _poll(hello: Uint8Array): Promise<void> {
    try {
      let body = this._body(0, [hello]);
      while (!this._over) {
        for (const frame of await this._ask(body, POLL_LIMIT_MS)) this._give(frame);
        const ack = this.onpoll();
        body = this._body(PARK, ack ? [ack] : []);
        void this._flush();
      }
    } catch {
      this._ended(0);
    }
  }

  private async _flush(): Promise<void> {
    // The token comes with the answer to the hello; frames wait for it.
    if (this._sending || !this._known) return;
    this._sending = true;
    try {
      while (this._queue.length > 0 && !this._over) {
        const frames = this._queue.splice(0).map((q) => q.frame);
        for (const frame of await this._ask(this._body(0, frames), SEND_LIMIT_MS)) this._give(frame);
      }
    } catch {
      this._ended(0);
    }
    this._sending = false;
  }

  /** A beacon leaves even when the page does not live to see it go. */
  override last(frame: Uint8Array): void {
    const body = this._body(0, [...this._queue.filter((q) => !q.mayBeLost).map((q) => q.frame), frame]);
    globalThis.navigator?.sendBeacon?.(this._url, new Blob([body as BlobPart], { type: "text/plain" }));
  }

  protected _drop(): void {
    for (const stop of this._open) stop.abort();
  }
}

/** Ready at once: the hello is the first request. */
export const dialHttp = ({ url }: Target): Promise<Link> => Promise.resolve(new HttpLink(url));
