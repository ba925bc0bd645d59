// Every vector of tests/golden/frames.json, decoded and, where the client sends it, encoded.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../src/codec.js";
import { Documents } from "../src/document.js";
import { comesBack, failure } from "../src/errors.js";
import * as frames from "../src/frames.js";
import { hashDocuments, hashWorld } from "../src/debug.js";
import { Mirror, type Entity } from "../src/mirror.js";
import { dequantise, readSchema, type Schema } from "../src/schema.js";
import { golden, hex, plain, read, unhex } from "./support.js";

test("numbers, both ways", () => {
  for (const { bytes, value } of golden.numbers) {
    assert.equal(decode(unhex(bytes)), value);
    assert.equal(hex(encode(value)), bytes);
  }
});

test("client frames are encoded as the server expects them", () => {
  const { client } = golden;
  const data = client.message_data;
  const first = { protocol: 1, client: "golden/1", name: "ann" };
  const full: frames.Hello = {
    ...first,
    device: ["id", "secret"],
    resume: { token: Uint8Array.of(1, 2, 255), epoch: 7, tick: 9, received: 3 },
    join: { module: "tank8", room: "blue fox" },
    debug_hash: true,
  };
  assert.equal(hex(frames.hello(full)), client.hello);
  assert.equal(hex(frames.hello({ ...first, device: undefined, resume: undefined })), client.hello_first);
  assert.equal(hex(frames.message(0xfeedbeef, 5, "chat", data)), client.message);
  assert.equal(hex(frames.call(0xfeedbeef, 5, 2, "chat", data)), client.call);
  assert.equal(hex(frames.join({ module: "m", room: "r", password: "p", kind: "screen" })), client.join);
  assert.equal(hex(frames.leave()), client.leave);
  assert.equal(hex(frames.received(0xfeedbeef, 300)), client.received);
  assert.equal(hex(frames.bye(50)), client.bye_left);
  assert.equal(hex(frames.bye(10)), client.bye_hidden);
  assert.equal(hex(frames.ack(0xfeedbeef, 0x1234)), client.ack);
  assert.equal(hex(frames.ping(0x01020304)), client.ping);
  for (const name of ["hello", "message", "join"]) {
    assert.equal(hex(encode(decode(unhex(client[name])))), client[name], "decoded and encoded again");
  }
});

test("inputs", () => {
  const { epoch, ack, view_eighths, newest, newest_first, bytes, first_only } = golden.inputs;
  const inputs = newest_first.map((steps: number[]) => Int32Array.from(steps));
  assert.equal(hex(frames.inputs(epoch, ack, view_eighths, newest, inputs)), bytes);
  assert.equal(hex(frames.inputs(epoch, ack, view_eighths, newest - 3, inputs.slice(3))), first_only);
});

test("server frames are read as they were meant", () => {
  const { server } = golden;
  const array = (text: string): unknown[] => frames.readArray(unhex(text))!;
  const welcome = array(server.welcome);
  assert.equal(welcome[0], frames.WELCOME);
  assert.deepEqual(plain(welcome[1]), {
    device: ["id", "secret"], ping_ms: 5000, protocol: [1, 1], resume: { $bytes: "090807" },
    resume_window_ms: 30_000, session: "00000000000000ff",
  });
  const { event, reply, reply_error, hash, saved, bye, refused, resumed, pong } = server;
  assert.deepEqual(array(resumed.bytes), [frames.RESUMED, resumed.epoch, resumed.received]);
  assert.deepEqual(plain(array(event.bytes)), [frames.EVENT, event.number, event.tick, event.name, event.data]);
  assert.deepEqual(array(reply.bytes), [frames.REPLY, reply.number, 78, reply.call, reply.ok, reply.data]);
  assert.deepEqual(array(reply_error.bytes), [frames.REPLY, 3, 78, 6, false, "no"]);
  assert.deepEqual(array(hash.bytes), [frames.HASH, hash.number, hash.tick, hash.world, hash.documents]);
  assert.deepEqual(array(saved.bytes), [frames.SAVED, saved.epoch, saved.received, saved.saved]);
  assert.deepEqual(array(bye.bytes), [frames.BYE, bye.reason, bye.text]);
  assert.deepEqual(array(refused.bytes), [frames.REFUSED, refused.reason, refused.text]);
  assert.deepEqual(array(server.left), [frames.GONE]);
  assert.deepEqual(frames.readPong(unhex(pong.bytes)), { token: 7, tick: 100, ageUs: 2500 });
  const [binary, list] = server.unknown;
  assert.equal(frames.readPong(unhex(binary)), undefined);
  assert.equal(frames.readArray(unhex(binary)), undefined);
  assert.deepEqual(array(list), [99]);
});

function joined(): frames.Joined {
  const array = frames.readArray(unhex(golden.joined.bytes))!;
  assert.equal(array[0], frames.JOINED);
  return frames.readJoined(array[1]);
}

test("the join answer", () => {
  const answer = joined();
  assert.equal(answer.epoch, golden.joined.epoch);
  assert.equal(answer.player, String(golden.joined.player));
  assert.equal(answer.tick, golden.joined.tick);
  assert.deepEqual(plain(answer.schema), golden.joined.schema);
  assert.deepEqual(plain(answer.documents), golden.joined.documents);
  assert.equal(hex(encode(decode(unhex(golden.joined.bytes)))), golden.joined.bytes);
});

/** The objects of a world as the vector writes them. */
function compare(schema: Schema, mirror: Mirror, expected: Record<string, Record<string, number>[]>): void {
  for (const of of schema.classes) {
    const rows = expected[of.name]!;
    assert.equal(mirror.newest!.classes[of.index]!.count, rows.length, of.name);
    for (const row of rows) {
      const entity = mirror.entity(row.id!)!;
      assert.equal(entity.class, of.name);
      assert.equal(Number(entity.owner ?? 0), row.owner);
      for (const field of of.fields) {
        const value = row[field.name]!;
        const wanted = field.kind === "flag" || field.kind === "choice" ? dequantise(field, value) : value;
        if (typeof wanted === "number") assert.ok(Math.abs(entity[field.name] - wanted) < 1e-9, field.name);
        else assert.equal(entity[field.name], wanted);
      }
      if (of.linear) {
        assert.equal(entity.vx, row.vx_steps! * 0.125);
        assert.equal(entity.vy, row.vy_steps! * 0.125);
        assert.deepEqual([entity.since, entity.ends], [row.since, row.ends]);
      }
    }
  }
}

test("snapshots follow the story, entities stay the same objects", () => {
  const answer = joined();
  const schema = readSchema(answer.schema);
  let viewTick = 100;
  const crowd: string[] = [];
  const mirror = new Mirror(schema, () => viewTick, (event, entity: Entity) => crowd.push(`${event} ${entity.class} ${entity.id}`));
  mirror.restart(answer.epoch, answer.tick, answer.snapshot, 65_530);
  const tank = mirror.entities("tank")!.get(1)!;
  golden.snapshots.slice(0, 5).forEach((vector: Record<string, unknown>, index: number) => {
    // The first is the key snapshot that came with the join answer; datagrams may bring it again.
    const got = mirror.apply(unhex(vector.bytes as string));
    assert.equal(got, index === 0 ? undefined : vector.tick);
    viewTick = vector.tick as number;
    mirror.advance(viewTick);
    assert.equal(mirror.tick, vector.tick);
    assert.equal(hashWorld(mirror.newest!), vector.hash);
    compare(schema, mirror, vector.world as Record<string, Record<string, number>[]>);
    if (index > 0) {
      const { applied, substitutions, skips, slack } = mirror.report;
      assert.deepEqual(
        [applied, substitutions, skips, slack * 2],
        [vector.applied, vector.substitutions, vector.skips, vector.slack_half_ms],
      );
    }
    if ((vector.tick as number) < 105) assert.equal(mirror.entities("tank")!.get(1), tank);
  });
  assert.equal(tank.alive, false);
  assert.deepEqual(crowd, [
    "spawn tank 1", "spawn tank 2", "spawn bullet 3", "spawn bullet 7", "despawn bullet 3", "spawn tank 300",
    "despawn tank 2", "despawn bullet 7", "despawn tank 1", "despawn tank 300",
  ]);
});

test("the same world against another baseline", () => {
  const answer = joined();
  const mirror = new Mirror(readSchema(answer.schema), () => 0, () => {});
  mirror.restart(answer.epoch, answer.tick, answer.snapshot, 65_530);
  for (const index of [1, 2, 5]) {
    const vector = golden.snapshots[index];
    assert.equal(mirror.apply(unhex(vector.bytes)), vector.tick);
    assert.equal(hashWorld(mirror.newest!), vector.hash);
  }
});

test("partial states say so", () => {
  const answer = joined();
  const schema = readSchema(answer.schema);
  const mirror = new Mirror(schema, () => 0, () => {});
  mirror.restart(answer.epoch, answer.tick, answer.snapshot, 65_530);
  assert.equal(mirror.newest!.partial, false);
  for (const vector of golden.partial_snapshots) {
    assert.equal(mirror.apply(unhex(vector.bytes)), vector.tick);
    assert.equal(mirror.newest!.partial, vector.partial);
    assert.equal(hashWorld(mirror.newest!), vector.hash);
    compare(schema, mirror, vector.world);
  }
});

test("a key snapshot lets nothing go: one before it may be acknowledged late, and the next is made against that", () => {
  // The tick 106, in which nothing differs from 102: the last delta's baseline, from before the key snapshot of 105.
  const late = unhex("0100ef6a00040000000000");
  const after = (vectors: { bytes: string; tick: number }[]) => {
    const answer = joined();
    let viewTick = 0;
    const mirror = new Mirror(readSchema(answer.schema), () => viewTick, () => {});
    mirror.restart(answer.epoch, answer.tick, answer.snapshot, 65_530);
    for (const { bytes, tick } of vectors) {
      assert.equal(mirror.apply(unhex(bytes)), tick);
      viewTick = tick;
      mirror.advance(viewTick);
    }
    assert.equal(mirror.apply(late), 106);
    return hashWorld(mirror.newest!);
  };
  assert.equal(after(golden.partial_snapshots), after(golden.partial_snapshots.slice(0, 2)));
});

test("documents are patched in place", () => {
  const documents = new Documents();
  documents.restart(joined().documents);
  const { state, players } = documents;
  for (const vector of golden.documents) {
    const array = frames.readArray(unhex(vector.bytes))!;
    assert.deepEqual(array.slice(0, 4), [frames.DOCUMENT, vector.number, vector.tick, vector.name]);
    documents.patch(array[3] as string, frames.list(array[4]));
    assert.deepEqual(plain({ state, players, secret: documents.secret }), vector.documents);
    assert.equal(hashDocuments(encode(state), encode(players)), vector.hash);
  }
});

test("a document changed at random is the room's after each frame", () => {
  const documents = new Documents();
  documents.restart({ state: {}, players: {}, secret: {} });
  const { state, players } = documents;
  const story = read("documents.json").frames;
  assert.ok(story.length > 50);
  for (const { bytes, hash } of story) {
    const array = frames.readArray(unhex(bytes))!;
    documents.patch(array[3] as string, frames.list(array[4]));
    assert.equal(hashDocuments(encode(state), encode(players)), hash);
  }
});

test("reasons", () => {
  const words = new Set<string>();
  for (const [number, , back] of golden.reasons) {
    assert.equal(comesBack(number), back);
    const error = failure(number);
    assert.notEqual(error.reason, "unknown", String(number));
    words.add(error.reason);
  }
  assert.equal(words.size, golden.reasons.length);
});
