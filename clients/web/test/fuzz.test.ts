// Hostile bytes: whatever arrives, decoders end and say what is wrong in a CodecError.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Frames } from "../src/bytes.js";
import { decode, encode } from "../src/codec.js";
import { Documents } from "../src/document.js";
import { CodecError } from "../src/errors.js";
import { readArray, readJoined, readPong } from "../src/frames.js";
import { Mirror } from "../src/mirror.js";
import { readSchema } from "../src/schema.js";
import { chance, golden, hex, read, unhex } from "./support.js";

/** Frames that once ended in a way of their own: grown by the server's test of its decoders. */
const corpus: Uint8Array[] = read("corpus.json").frames.map(unhex);
/** `make soak` takes its time. */
const LONGER = process.env.AIRBOAT_SOAK ? 50 : 1;

const joined = readJoined(readArray(unhex(golden.joined.bytes))![1]);
const story: Uint8Array[] = golden.snapshots.map((v: { bytes: string }) => unhex(v.bytes));

/** Runs it; only a CodecError may come out. */
function survives(what: string, bytes: Uint8Array, fn: () => void): boolean {
  try {
    fn();
    return true;
  } catch (error) {
    assert.ok(error instanceof CodecError, `${what} ${hex(bytes)}: ${String(error)}`);
    return false;
  }
}

function mutate(random: (below: number) => number, bytes: Uint8Array, from: number): Uint8Array {
  let out = Array.from(bytes);
  for (let n = 1 + random(4); n > 0; n--) {
    const at = from + random(Math.max(1, out.length - from));
    const kind = random(4);
    if (kind === 0) out[at] = random(256);
    else if (kind === 1) out.splice(at, 1 + random(3));
    else if (kind === 2) out.splice(at, 0, random(256), random(256));
    else out = out.slice(0, at);
  }
  return Uint8Array.from(out);
}

test("mutated snapshots", () => {
  const random = chance("snapshots", 0x5eed0001);
  const schema = readSchema(joined.schema);
  const counts = [0, 0];
  for (let round = 0; round < 20_000 * LONGER; round++) {
    const mirror = new Mirror(schema, () => 0, () => {});
    mirror.restart(joined.epoch, 100, joined.snapshot, 0);
    const upTo = 1 + random(4);
    for (let i = 1; i < upTo; i++) mirror.apply(story[i]!);
    // Half the time the header is left alone, so that the body is what is looked at.
    const bytes = mutate(random, story[upTo]!, random(2) * 11);
    const before = [mirror.tick, [...mirror.newest!.classes[1]!.ids.subarray(0, mirror.newest!.classes[1]!.count)]];
    const fine = survives("snapshot", bytes, () => void mirror.apply(bytes));
    counts[fine ? 0 : 1]!++;
    if (!fine) {
      const after = [mirror.tick, [...mirror.newest!.classes[1]!.ids.subarray(0, mirror.newest!.classes[1]!.count)]];
      assert.deepEqual(after, before, "a bad snapshot changes nothing");
    }
    for (const rows of mirror.newest!.classes) {
      for (let row = 1; row < rows.count; row++) assert.ok(rows.ids[row - 1]! < rows.ids[row]!, "ids ascend");
    }
  }
  console.log(`snapshots: ${counts[0]} read, ${counts[1]} refused`);
  assert.ok(counts[0]! > 500 && counts[1]! > 500);
});

test("random bodies", () => {
  const random = chance("bodies", 0x5eed0002);
  const mirror = new Mirror(readSchema(joined.schema), () => 0, () => {});
  mirror.restart(joined.epoch, 100, joined.snapshot, 0);
  for (let round = 0; round < 20_000 * LONGER; round++) {
    const body = Array.from({ length: random(60) }, () => random(256));
    const tick = mirror.tick + 1;
    const bytes = Uint8Array.of(1, 0, joined.epoch & 255, tick & 255, tick >> 8, 1, 0, 0, 0, 0, 0, ...body);
    if (survives("body", bytes, () => void mirror.apply(bytes))) mirror.advance(tick);
  }
});

test("mutated array frames", () => {
  const random = chance("arrays", 0x5eed0003);
  const { server } = golden;
  const seeds: Uint8Array[] = [
    unhex(golden.joined.bytes), unhex(server.welcome), unhex(server.event.bytes), unhex(server.reply.bytes),
    ...golden.documents.map((d: { bytes: string }) => unhex(d.bytes)),
  ];
  for (let round = 0; round < 30_000 * LONGER; round++) {
    const bytes = mutate(random, seeds[random(seeds.length)]!, 0);
    survives("array", bytes, () => readAny(bytes));
  }
});

/** What a client does with a frame, whatever it is. */
function readAny(bytes: Uint8Array): void {
  readPong(bytes);
  if (bytes[0] === 1) {
    const mirror = new Mirror(readSchema(joined.schema), () => 0, () => {});
    mirror.restart(joined.epoch, 100, joined.snapshot, 0);
    mirror.apply(bytes);
  }
  const array = bytes.length > 0 ? readArray(bytes) : undefined;
  if (array?.[0] === 17) {
    const answer = readJoined(array[1]);
    new Mirror(readSchema(answer.schema), () => 0, () => {}).restart(1, answer.tick, answer.snapshot, 0);
    new Documents().restart(answer.documents);
  }
  if (array?.[0] === 21) {
    const documents = new Documents();
    documents.restart(structuredClone(joined.documents));
    if (Array.isArray(array[4])) documents.patch(String(array[3]), array[4]);
  }
}

test("the corpus, as it is and damaged further", () => {
  const random = chance("corpus", 0x5eed0006);
  assert.ok(corpus.length > 100);
  for (const bytes of corpus) {
    survives("corpus", bytes, () => readAny(bytes));
    survives("corpus as a value", bytes, () => void decode(bytes));
  }
  for (let round = 0; round < 30_000 * LONGER; round++) {
    const bytes = mutate(random, corpus[random(corpus.length)]!, 0);
    survives("corpus, damaged", bytes, () => readAny(bytes));
    survives("corpus, damaged, as a value", bytes, () => void decode(bytes));
  }
});

test("bombs", () => {
  for (const text of ["ddffffffff", "dfffffffff", "c6ffffffff", "dbffffffff", "91".repeat(100), "c1", "c0c0", "d7", "a2c328"]) {
    assert.equal(survives("bomb", unhex(text), () => void decode(unhex(text))), false, text);
  }
});

test("values survive the way there and back", () => {
  const random = chance("values", 0x5eed0004);
  const value = (depth: number): unknown => {
    switch (random(depth > 0 ? 8 : 6)) {
      case 0: return null;
      case 1: return random(2) === 1;
      case 2: return (random(2) * 2 - 1) * random(2 ** 31) * 2 ** random(22);
      case 3: return random(1000) / 7;
      case 4: return Array.from({ length: random(40) }, () => String.fromCodePoint(32 + random(0x3000))).join("");
      case 5: return random(256);
      case 6: return Array.from({ length: random(20) }, () => value(depth - 1));
      default: return Object.fromEntries(Array.from({ length: random(20) }, (_, i) => [`k${i}${"x".repeat(random(300))}`, value(depth - 1)]));
    }
  };
  for (let round = 0; round < 500; round++) {
    const before = value(4);
    assert.deepEqual(decode(encode(before)), before);
  }
});

test("frames come whole however the bytes are cut", () => {
  const random = chance("chunks", 0x5eed0005);
  for (let round = 0; round < 300; round++) {
    const sizes = Array.from({ length: 1 + random(6) }, () => random(300));
    const all = sizes.flatMap((size) => [size & 255, size >> 8, 0, 0, ...Array.from({ length: size }, () => 7)]);
    const frames = new Frames();
    const seen: number[] = [];
    for (let at = 0; at < all.length; ) {
      const next = Math.min(all.length, at + 1 + random(200));
      frames.push(Uint8Array.from(all.slice(at, next)), (frame) => seen.push(frame.length));
      at = next;
    }
    assert.deepEqual(seen, sizes);
  }
  assert.throws(() => new Frames().push(Uint8Array.of(1, 0, 0, 1), () => {}), CodecError);
});
