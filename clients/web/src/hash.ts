// Adler-32 (RFC 1950) of a room's state, to be compared with what the server says (`debugHash`).

import { encode } from "./codec.js";
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

export function hashDocuments(state: unknown, players: unknown): number {
  const adler = new Adler();
  for (const document of [state, players]) for (const byte of encode(document)) adler.byte(byte);
  return adler.sum;
}
