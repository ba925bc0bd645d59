// Every frame by name. Numbers and layouts are those of docs/protocol.md.

import { Reader, Writer } from "./bytes.js";
import { decode, encode } from "./codec.js";
import { CodecError } from "./errors.js";

export const PROTOCOL = 1;

/** First bytes of the binary frames. */
export const SNAPSHOT = 1;
const INPUTS = 2;
const PING = 3;
const PONG = 4;
const ACK = 5;

/** First elements of the array frames a server sends. */
export const WELCOME = 16;
export const JOINED = 17;
export const RESUMED = 18;
export const EVENT = 19;
export const REPLY = 20;
export const DOCUMENT = 21;
export const HASH = 22;
export const SAVED = 23;
export const BYE = 24;
export const REFUSED = 25;
export const GONE = 26;

export interface JoinRequest {
  module: string;
  room: string;
  password?: string | undefined;
  kind?: string | undefined;
}

export interface Hello {
  protocol: number;
  client: string;
  name: string;
  device?: readonly [string, string] | undefined;
  resume?: { token: Uint8Array; epoch: number; tick: number; received: number } | undefined;
  join?: JoinRequest | undefined;
  debug_hash?: true | undefined;
}

export const hello = (map: Hello): Uint8Array => encode([1, map]);
export const message = (epoch: number, number: number, name: string, data: unknown): Uint8Array =>
  encode([2, epoch, number, name, data]);
export const call = (epoch: number, number: number, id: number, name: string, data: unknown): Uint8Array =>
  encode([3, epoch, number, id, name, data]);
export const join = (request: JoinRequest): Uint8Array => encode([4, request]);
export const leave = (): Uint8Array => encode([5]);
export const received = (epoch: number, number: number): Uint8Array => encode([6, epoch, number]);
export const bye = (reason: number): Uint8Array => encode([7, reason]);

export const ack = (epoch: number, tick: number): Uint8Array =>
  Uint8Array.of(ACK, epoch, tick, tick >>> 8);
export const ping = (token: number): Uint8Array =>
  Uint8Array.of(PING, token, token >>> 8, token >>> 16, token >>> 24);

/** `newestFirst`: steps of each input field, at most four inputs. */
export function inputs(
  epoch: number,
  acked: number,
  viewEighths: number,
  newest: number,
  newestFirst: readonly Int32Array[],
): Uint8Array {
  const out = new Writer();
  out.u8(INPUTS);
  out.u8(epoch);
  for (const n of [acked, viewEighths, newest]) out.u16(n);
  out.u8(newestFirst.length);
  newestFirst.forEach((input, index) => {
    const newer = newestFirst[index - 1];
    if (newer) out.varint(input.reduce((mask, value, i) => (value === newer[i] ? mask : mask | (1 << i)), 0));
    input.forEach((value, i) => {
      if (value !== newer?.[i]) out.signed(value);
    });
  });
  return out.finish();
}

export interface Pong {
  token: number;
  tick: number;
  ageUs: number;
}

export function readPong(frame: Uint8Array): Pong | undefined {
  if (frame[0] !== PONG) return undefined;
  const reader = new Reader(frame);
  reader.u8();
  const pong = { token: reader.u32(), tick: reader.u32(), ageUs: reader.u32() };
  if (reader.left > 0) throw new CodecError("trailing");
  return pong;
}

/** `[kind, …]`, or undefined for a frame this version does not know. */
export function readArray(frame: Uint8Array): [number, ...unknown[]] | undefined {
  const first = frame[0];
  if (first === undefined) throw new CodecError("truncated");
  if (first < 0x90 || first > 0x9f) return undefined;
  const list = decode(frame) as [number, ...unknown[]];
  if (typeof list[0] !== "number") throw new CodecError("shape");
  return list;
}

/** A whole number that fits a u32. */
export function u32(value: unknown): number {
  if (typeof value !== "number" || value >>> 0 !== value) throw new CodecError("shape");
  return value;
}

export function string(value: unknown): string {
  if (typeof value !== "string") throw new CodecError("shape");
  return value;
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new CodecError("shape");
  return value;
}

export type Table = Record<string, unknown>;

/** A plain object, not a list, bytes or a reference. */
export const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

export function table(value: unknown): Table {
  if (!isTable(value)) throw new CodecError("shape");
  return value;
}

export function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new CodecError("shape");
  return value;
}

/** The whole room as it stands. */
export interface Joined {
  epoch: number;
  module: string;
  title: string;
  room: string;
  player: string;
  tick: number;
  schema: unknown;
  documents: Table;
  snapshot: Uint8Array;
  input: number;
  applied: number;
  messagesLost: number;
}

export function readJoined(value: unknown): Joined {
  const map = table(value);
  return {
    epoch: u32(map.epoch),
    module: string(map.module),
    title: string(map.title),
    room: string(map.room),
    player: String(u32(map.player)),
    tick: u32(map.tick),
    schema: map.schema,
    documents: table(map.documents),
    snapshot: bytes(map.snapshot),
    input: u32(map.input),
    applied: u32(map.applied),
    messagesLost: u32(map.messages_lost),
  };
}
