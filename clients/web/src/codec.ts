// MessagePack values and the frames made of them.
//
// The encoder is canonical (keys in ascending order, shortest forms), because hashes are taken of its bytes.

import { Reader, Writer } from "./bytes.js";
import { CodecError, mistake } from "./errors.js";

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

/** A count with its marker: in the marker itself up to `fixMax`, else in as few of `sizes` bytes as will do. */
function head(out: Writer, count: number, fix: number, fixMax: number, marker: number, sizes: readonly number[]): void {
  if (count <= fixMax) return out.u8(fix | count);
  const i = sizes.findIndex((size) => count < 2 ** (size * 8));
  out.u8(marker + i);
  out.big(count, sizes[i]!);
}

const SHORT = [1, 2, 4];
const LONG = [2, 4];
const WHOLE = [1, 2, 4, 8];

function writeNumber(out: Writer, n: number): void {
  if (!Number.isSafeInteger(n)) {
    out.u8(0xcb);
    out.f64(n);
  } else if (n >= 0) head(out, n, 0, 0x7f, 0xcc, WHOLE);
  else if (n >= -0x20) out.u8(n);
  else {
    const i = WHOLE.findIndex((size) => n >= -(2 ** (size * 8 - 1)));
    out.u8(0xd0 + i);
    out.big(n, WHOLE[i]!);
  }
}

function writeText(out: Writer, value: string): void {
  const bytes = text.encode(value);
  head(out, bytes.length, 0xa0, 31, 0xd9, SHORT);
  out.raw(bytes);
}

function reference(out: Writer, kind: number, id: number): void {
  out.u8(0xd6);
  out.u8(kind);
  out.big(id, 4);
}

/** Throws a TypeError on what no value can carry (functions, cycles): a mistake of the program, not of the network. */
function write(out: Writer, value: unknown, depth: number): void {
  if (depth === 0) mistake("nested deeper than 16");
  if (value == null) out.u8(0xc0);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") writeText(out, value);
  else if (typeof value === "boolean") out.u8(value ? 0xc3 : 0xc2);
  else if (Array.isArray(value)) {
    head(out, value.length, 0x90, 15, 0xdc, LONG);
    for (const item of value) write(out, item, depth - 1);
  } else if (value instanceof Uint8Array) {
    head(out, value.length, 0, -1, 0xc4, SHORT);
    out.raw(value);
  } else if (value instanceof EntityRef) reference(out, 1, value.id);
  else if (value instanceof PlayerRef) reference(out, 2, Number(value.id));
  else if (typeof value === "object") {
    const map = value as Record<string, unknown>;
    const keys = Object.keys(map).filter((key) => map[key] !== undefined).sort(byBytes);
    head(out, keys.length, 0x80, 15, 0xde, LONG);
    for (const key of keys) {
      writeText(out, key);
      write(out, map[key], depth - 1);
    }
  } else mistake(`a ${typeof value} cannot be sent`);
}

/** The canonical MessagePack of a value. */
export function encode(value: unknown): Uint8Array {
  const out = new Writer();
  write(out, value, DEPTH_MAX + 2);
  return out.finish();
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
  if (marker >= 0xde) return readMap(reader, reader.big(2 << (marker - 0xde)), depth);
  if (marker >= 0xdc) return readList(reader, reader.big(2 << (marker - 0xdc)), depth);
  if (marker >= 0xd9) return readText(reader, reader.big(1 << (marker - 0xd9)));
  if (marker >= 0xd0 && marker < 0xd4) {
    return reader.big(1 << (marker - 0xd0), true);
  }
  if (marker >= 0xcc && marker < 0xd0) return reader.big(1 << (marker - 0xcc));
  if (marker >= 0xc4 && marker < 0xc7) return reader.take(reader.big(1 << (marker - 0xc4))).slice();
  if (marker === 0xca || marker === 0xcb) return reader.float(marker === 0xca ? 4 : 8);
  if (marker === 0xc2 || marker === 0xc3) return marker === 0xc3;
  if (marker === 0xc0) return null;
  const kind = marker === 0xd6 ? reader.u8() : 0;
  if (kind === 1) return new EntityRef(reader.big(4));
  if (kind === 2) return new PlayerRef(String(reader.big(4)));
  throw new CodecError("marker");
}

/** Exactly one value; anything left over is an error. */
export function decode(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = read(reader, DEPTH_MAX + 2); // a frame's own array and map come on top of what it carries
  if (reader.left > 0) throw new CodecError("trailing");
  return value;
}
