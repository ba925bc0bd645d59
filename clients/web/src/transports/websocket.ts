// WebSocket: one binary message is one frame.

import { BaseLink, type Link, type Target } from "./link.js";

/** Bytes that may wait in the socket before frames that may be lost are left out. */
const BACKLOG = 16 * 1024;

class SocketLink extends BaseLink {
  readonly transport = "websocket";

  constructor(private readonly _socket: WebSocket) {
    super();
    _socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) this._give(new Uint8Array(event.data));
    };
    _socket.onclose = (event) => this._ended(event.code >= 4000 && event.code < 4100 ? event.code - 4000 : 0);
  }

  send(frame: Uint8Array, mayBeLost = false): void {
    if (this._over || this._socket.readyState !== 1 || (mayBeLost && this._socket.bufferedAmount > BACKLOG)) return;
    this._socket.send(frame as Uint8Array<ArrayBuffer>);
  }

  protected _drop(): void {
    this._socket.close();
  }
}

export function dialWebSocket({ url, signal }: Target): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "airboat.1");
    socket.binaryType = "arraybuffer";
    const failed = () => {
      // A browser warns on its console of a socket that is closed before it is open: then it is, and nobody will hear.
      socket.onopen = () => socket.close();
      reject();
    };
    signal.addEventListener("abort", failed);
    socket.onclose = failed;
    socket.onopen = () => {
      signal.removeEventListener("abort", failed);
      resolve(new SocketLink(socket));
    };
  });
}
