// MessagePack values and the frames made of them.
//
// The encoder is canonical (keys in ascending order, shortest forms), because hashes are taken of its bytes.

import { Reader, Writer } from "./bytes.js";
import { CodecError } from "./errors.js";

/** Names an entity in a message or a document; `room.entity(ref)` finds it. */
export class EntityRef {
  constructor(readonly id: number) {}
}

/** Names a player; `room.players[ref.id]` finds it. */
export class PlayerRef {
  constructor(readonly id: string) {}
}

const DEPTH_MAX = 16;
const text = new TextEncoder();
const texts = new TextDecoder("utf-8", { fatal: true });

/** UTF-16 order made that of the UTF-8 bytes: surrogates stand for what comes after everything else. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);

export function byBytes(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function head(out: Writer, count: number, fix: number, fixMax: number, byte: number, from = 16): void {
  if (count <= fixMax) out.u8(fix | count);
  else if (from === 8 && count < 0x100) {
    out.u8(byte);
    out.u8(count);
  } else if (count < 0x10000) {
    out.u8(byte + (from === 8 ? 1 : 0));
    out.u16(count, false);
  } else {
    out.u8(byte + (from === 8 ? 2 : 1));
    out.u32(count, false);
  }
}

function writeNumber(out: Writer, n: number): void {
  if (!Number.isSafeInteger(n)) {
    out.u8(0xcb);
    out.f64(n);
  } else if (n >= 0) {
    if (n < 0x80) out.u8(n);
    else if (n < 0x100) out.u16(0xcc00 | n, false);
    else if (n < 0x10000) {
      out.u8(0xcd);
      out.u16(n, false);
    } else if (n <= 0xffffffff) {
      out.u8(0xce);
      out.u32(n, false);
    } else write64(out, 0xcf, n);
  } else if (n >= -0x20) out.u8(n);
  else if (n >= -0x80) out.u16(0xd000 | (n & 0xff), false);
  else if (n >= -0x8000) {
    out.u8(0xd1);
    out.u16(n, false);
  } else if (n >= -0x80000000) {
    out.u8(0xd2);
    out.u32(n, false);
  } else write64(out, 0xd3, n);
}

function write64(out: Writer, marker: number, n: number): void {
  out.u8(marker);
  out.u32(Math.floor(n / 0x100000000), false);
  out.u32(n % 0x100000000, false);
}

function writeText(out: Writer, value: string): void {
  const bytes = text.encode(value);
  head(out, bytes.length, 0xa0, 31, 0xd9, 8);
  out.raw(bytes);
}

function reference(out: Writer, kind: number, id: number): void {
  out.u8(0xd6);
  out.u8(kind);
  out.u32(id, false);
}

/** Throws a TypeError on what no value can carry (functions, cycles): a mistake of the program, not of the network. */
function write(out: Writer, value: unknown, depth: number): void {
  if (depth === 0) throw new TypeError("airboat: a value nested deeper than 16, or within itself");
  if (value == null) out.u8(0xc0);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") writeText(out, value);
  else if (typeof value === "boolean") out.u8(value ? 0xc3 : 0xc2);
  else if (Array.isArray(value)) {
    head(out, value.length, 0x90, 15, 0xdc);
    for (const item of value) write(out, item, depth - 1);
  } else if (value instanceof Uint8Array) {
    head(out, value.length, 0, -1, 0xc4, 8);
    out.raw(value);
  } else if (value instanceof EntityRef) reference(out, 1, value.id);
  else if (value instanceof PlayerRef) reference(out, 2, Number(value.id));
  else if (typeof value === "object") {
    const map = value as Record<string, unknown>;
    const keys = Object.keys(map).filter((key) => map[key] !== undefined).sort(byBytes);
    head(out, keys.length, 0x80, 15, 0xde);
    for (const key of keys) {
      writeText(out, key);
      write(out, map[key], depth - 1);
    }
  } else throw new TypeError(`airboat: a ${typeof value} cannot be sent`);
}

/** The canonical MessagePack of a value. */
export function encode(value: unknown): Uint8Array {
  const out = new Writer();
  write(out, value, DEPTH_MAX + 2);
  return out.finish();
}

function bigEndian(reader: Reader, bytes: number): number {
  let n = 0;
  while (bytes-- > 0) n = n * 256 + reader.u8();
  return n;
}

function readSigned(reader: Reader, bytes: number): number {
  const n = bigEndian(reader, bytes);
  const top = 2 ** (bytes * 8);
  return n >= top / 2 ? n - top : n;
}

function readSigned64(reader: Reader): number {
  const high = bigEndian(reader, 4) | 0;
  return high * 0x100000000 + bigEndian(reader, 4);
}

function readText(reader: Reader, length: number): string {
  const bytes = reader.take(length);
  // Most texts are short and ASCII; the decoder's call costs more than these.
  if (length < 24) {
    let out = "";
    for (let i = 0; i < length; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80) return readWide(bytes);
      out += String.fromCharCode(byte);
    }
    return out;
  }
  return readWide(bytes);
}

function readWide(bytes: Uint8Array): string {
  try {
    return texts.decode(bytes);
  } catch {
    throw new CodecError("text");
  }
}

function readList(reader: Reader, count: number, depth: number): unknown[] {
  if (count > reader.left) throw new CodecError("truncated");
  const list: unknown[] = [];
  while (count-- > 0) list.push(read(reader, depth));
  return list;
}

/** Sets an own property whatever its name: a `__proto__` from the network is a key like any other. */
export function put(map: object, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
  } else (map as Record<string, unknown>)[key] = value;
}

function readMap(reader: Reader, count: number, depth: number): Record<string, unknown> {
  if (count > reader.left) throw new CodecError("truncated");
  const map = {};
  while (count-- > 0) {
    const key = read(reader, 2);
    if (typeof key !== "string" && !Number.isInteger(key)) throw new CodecError("marker");
    put(map, String(key), read(reader, depth));
  }
  return map;
}

function read(reader: Reader, depth: number): unknown {
  if (--depth < 0) throw new CodecError("depth");
  const marker = reader.u8();
  if (marker < 0x80) return marker;
  if (marker < 0x90) return readMap(reader, marker & 15, depth);
  if (marker < 0xa0) return readList(reader, marker & 15, depth);
  if (marker < 0xc0) return readText(reader, marker & 31);
  if (marker >= 0xe0) return marker - 256;
  switch (marker) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: return reader.take(reader.u8()).slice();
    case 0xc5: return reader.take(bigEndian(reader, 2)).slice();
    case 0xc6: return reader.take(bigEndian(reader, 4)).slice();
    case 0xca: case 0xcb: {
      const bytes = reader.take(marker === 0xca ? 4 : 8);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return marker === 0xca ? view.getFloat32(0) : view.getFloat64(0);
    }
    case 0xcc: return reader.u8();
    case 0xcd: return bigEndian(reader, 2);
    case 0xce: return bigEndian(reader, 4);
    case 0xcf: {
      const n = readSigned64(reader);
      if (n < 0) throw new CodecError("range");
      return n;
    }
    case 0xd0: return readSigned(reader, 1);
    case 0xd1: return readSigned(reader, 2);
    case 0xd2: return readSigned(reader, 4);
    case 0xd3: return readSigned64(reader);
    case 0xd6: {
      const kind = reader.u8();
      const id = bigEndian(reader, 4);
      if (kind === 1) return new EntityRef(id);
      if (kind === 2) return new PlayerRef(String(id));
      throw new CodecError("marker");
    }
    case 0xd9: return readText(reader, reader.u8());
    case 0xda: return readText(reader, bigEndian(reader, 2));
    case 0xdb: return readText(reader, bigEndian(reader, 4));
    case 0xdc: return readList(reader, bigEndian(reader, 2), depth);
    case 0xdd: return readList(reader, bigEndian(reader, 4), depth);
    case 0xde: return readMap(reader, bigEndian(reader, 2), depth);
    case 0xdf: return readMap(reader, bigEndian(reader, 4), depth);
    default: throw new CodecError("marker");
  }
}

/** Exactly one value; anything left over is an error. */
export function decode(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = read(reader, DEPTH_MAX + 2); // a frame's own array and map come on top of what it carries
  if (reader.left > 0) throw new CodecError("trailing");
  return value;
}
