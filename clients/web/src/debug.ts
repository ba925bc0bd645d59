// The package's entry `airboat/debug`: compares what a client holds with the server's hashes of it, Adler-32 (RFC 1950).
// A bundle of its own: what it meets of the client it takes by its public shape.

import type { World } from "./delta.js";

class Adler {
  private _a = 1;
  private _b = 0;

  byte(byte: number): void {
    this._a = (this._a + byte) % 65521;
    this._b = (this._b + this._a) % 65521;
  }

  int(n: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((n >>> shift) & 255);
  }

  get sum(): number {
    return ((this._b << 16) | this._a) >>> 0;
  }
}

/** Class by class, row by row: the id, then every column. */
export function hashWorld(world: World): number {
  const adler = new Adler();
  for (const rows of world.classes) {
    for (let row = 0; row < rows.count; row++) {
      adler.int(rows.ids[row]!);
      for (const column of rows.columns) adler.int(column[row]!);
    }
  }
  return adler.sum;
}

/** Of `state` and `players`, as the codec encodes them. */
export function hashDocuments(...encoded: Uint8Array[]): number {
  const adler = new Adler();
  for (const document of encoded) for (const byte of document) adler.byte(byte);
  return adler.sum;
}

/** For `connect({ debugHash: new HashCheck() })`: the server sends a hash twice a second or so. */
export class HashCheck {
  /** How many agreed, and how many did not. */
  right = 0;
  wrong = 0;
  /** Hashes of ticks whose snapshot is still on its way. */
  private _awaited = new Map<number, number>();

  /** Another life of the room: its ticks are others. */
  restart(): void {
    this._awaited.clear();
  }

  /** What the server says of a tick; `held`: the world of that tick, if there is one. */
  told(tick: number, world: number, documents: number, held: World | undefined, encoded: Uint8Array[]): void {
    this._judge(documents === hashDocuments(...encoded));
    if (this._awaited.size > 8) this._awaited.clear();
    this._awaited.set(tick, world);
    if (held) this.snapshot(held);
  }

  snapshot(world: World): void {
    const awaited = this._awaited.get(world.tick);
    this._awaited.delete(world.tick);
    // What was left out cannot be right or wrong.
    if (awaited !== undefined && !world.partial) this._judge(awaited === hashWorld(world));
  }

  private _judge(right: boolean): void {
    this[right ? "right" : "wrong"]++;
  }
}
