// Reading and writing bytes: little-endian numbers, varints, a buffer that grows.

import { CodecError } from "./errors.js";

/** Reads forward; every read checks what is left. */
export class Reader {
  pos = 0;
  readonly end: number;

  constructor(readonly bytes: Uint8Array) {
    this.end = bytes.length;
  }

  get left(): number {
    return this.end - this.pos;
  }

  u8(): number {
    if (this.pos >= this.end) throw new CodecError("truncated");
    return this.bytes[this.pos++]!;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    if (length > this.left) throw new CodecError("truncated");
    this.pos += length;
    return this.bytes.subarray(this.pos - length, this.pos);
  }

  /** Big-endian, as in MessagePack. */
  big(size: number, signed = false): number {
    const bytes = this.take(size);
    let n = signed ? (bytes[0]! << 24) >> 24 : bytes[0]!;
    for (let i = 1; i < size; i++) n = n * 256 + bytes[i]!;
    return n;
  }

  float(size: number): number {
    const bytes = this.take(size);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return size === 4 ? view.getFloat32(0) : view.getFloat64(0);
  }

  varint(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let n = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.u8();
      if (shift === 28 && (byte & 0x70) !== 0) break;
      n |= (byte & 0x7f) << shift;
      if (byte < 0x80) return n >>> 0;
    }
    throw new CodecError("range");
  }

  signed(): number {
    const n = this.varint();
    return (n >>> 1) ^ -(n & 1);
  }
}

/** Appends to a buffer that grows. */
export class Writer {
  private _bytes = new Uint8Array(256);
  length = 0;

  /** Room for `count` more bytes; returns where they begin. Call it first: it may replace the buffer. */
  private _at(count: number): number {
    const start = this.length;
    if (start + count > this._bytes.length) {
      const grown = new Uint8Array(Math.max(this._bytes.length * 2, start + count));
      grown.set(this._bytes);
      this._bytes = grown;
    }
    this.length = start + count;
    return start;
  }

  u8(n: number): void {
    const at = this._at(1);
    this._bytes[at] = n;
  }

  u16(n: number): void {
    this.u8(n);
    this.u8(n >>> 8);
  }

  u32(n: number): void {
    this.u16(n);
    this.u16(n >>> 16);
  }

  /** Big-endian, two's complement. */
  big(n: number, size: number): void {
    for (let unit = 2 ** (size * 8 - 8); unit >= 1; unit /= 256) this.u8(Math.floor(n / unit) % 256);
  }

  f64(n: number): void {
    const eight = new DataView(new ArrayBuffer(8));
    eight.setFloat64(0, n);
    this.raw(new Uint8Array(eight.buffer));
  }

  raw(bytes: Uint8Array): void {
    const at = this._at(bytes.length);
    this._bytes.set(bytes, at);
  }

  varint(n: number): void {
    n >>>= 0;
    for (; n >= 0x80; n >>>= 7) this.u8((n & 0x7f) | 0x80);
    this.u8(n);
  }

  signed(n: number): void {
    this.varint((n << 1) ^ (n >> 31));
  }

  /** A copy of what was written; the writer starts anew. */
  finish(): Uint8Array {
    const out = this._bytes.slice(0, this.length);
    this.length = 0;
    return out;
  }
}

/** Widens the low 16 bits of a tick or a number to the full one nearest `near`. */
export const widen = (low: number, near: number): number => (near + (((low - near) << 16) >> 16)) >>> 0;

/** The largest frame believed; a longer one means that we have lost our place in the stream. */
const FRAME_MAX = 1 << 24;

/** Whole frames with their u32 length before them, out of chunks cut anywhere. */
export class Frames {
  private _kept = new Uint8Array(0);

  push(chunk: Uint8Array, each: (frame: Uint8Array) => void): void {
    let bytes = chunk;
    if (this._kept.length > 0) {
      bytes = new Uint8Array(this._kept.length + chunk.length);
      bytes.set(this._kept);
      bytes.set(chunk, this._kept.length);
    }
    const reader = new Reader(bytes);
    let whole = 0;
    while (reader.left >= 4) {
      const length = reader.u32();
      if (length > FRAME_MAX) throw new CodecError("count");
      if (reader.left < length) break;
      each(reader.take(length));
      whole = reader.pos;
    }
    this._kept = bytes.slice(whole);
  }
}

/** A frame with its length before it. */
export function framed(...frames: Uint8Array[]): Uint8Array {
  const out = new Writer();
  for (const frame of frames) {
    out.u32(frame.length);
    out.raw(frame);
  }
  return out.finish();
}
