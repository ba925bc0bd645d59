// WebTransport: one stream for what must arrive, datagrams for the rest.

import { Frames, framed } from "../bytes.js";
import { BaseLink, type Link, type Target } from "./link.js";

/** Longer datagrams vanish without a word. */
const DATAGRAM_MAX = 1100;
/** Datagrams that may wait to leave; older news is worth nothing. */
const BACKLOG = 8;

class WebTransportLink extends BaseLink {
  readonly transport = "webtransport";
  override readonly datagrams = true;
  private readonly _stream: WritableStreamDefaultWriter<Uint8Array>;
  private readonly _datagram: WritableStreamDefaultWriter<Uint8Array>;
  private _waiting = 0;

  constructor(private readonly _session: WebTransport, stream: WebTransportBidirectionalStream) {
    super();
    this._stream = stream.writable.getWriter();
    this._datagram = _session.datagrams.writable.getWriter();
    const frames = new Frames();
    void this._read(stream.readable, (chunk) => frames.push(chunk, (frame) => this._give(frame)));
    void this._read(_session.datagrams.readable, (frame) => this._give(frame));
    const gone = () => this._ended(0);
    this._stream.closed.catch(gone);
    this._datagram.closed.catch(() => {});
    _session.closed.then((info) => this._ended(info.closeCode ?? 0), gone);
  }

  private async _read(from: ReadableStream<Uint8Array>, each: (chunk: Uint8Array) => void): Promise<void> {
    try {
      const reader = from.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this._over) return;
        each(value);
      }
    } catch {
      this._ended(0);
    }
  }

  send(frame: Uint8Array, mayBeLost = false): void {
    if (this._over) return;
    if (!mayBeLost || frame.length > DATAGRAM_MAX) void this._stream.write(framed(frame)).catch(() => this._ended(0));
    else if (this._waiting < BACKLOG) {
      this._waiting++;
      const left = () => void this._waiting--;
      this._datagram.write(frame).then(left, left);
    }
  }

  protected _drop(): void {
    // What was just written, such as a bye, should leave before the session ends.
    const close = () => {
      try {
        this._session.close();
      } catch {
        // It was never open, or is closed already.
      }
    };
    this._stream.close().then(close, close);
    setTimeout(close, 500);
  }
}

export async function dialWebTransport({ url, hashes, signal }: Target): Promise<Link> {
  const options: WebTransportOptions = {};
  if (hashes.length > 0) {
    options.serverCertificateHashes = hashes.map((value) => ({ algorithm: "sha-256", value: value as BufferSource }));
  }
  const session = new WebTransport(url, options);
  session.closed.catch(() => {});
  const abandon = () => session.close();
  signal.addEventListener("abort", abandon);
  await session.ready;
  const stream = await session.createBidirectionalStream();
  signal.removeEventListener("abort", abandon);
  if (signal.aborted) throw 0;
  return new WebTransportLink(session, stream);
}
