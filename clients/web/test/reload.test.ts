// A reload of the module while one plays: a second join answer over the same link, in the same session. The room stays
// the same object, its listeners stay, and its state is the new one; the module's schema may be another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../src/codec.js";
import { JOINED, EVENT, DOCUMENT } from "../src/frames.js";
import { FakeLink, golden, joinAnswer, SCHEMA, seated, unhex, until } from "./support.js";

/** The newest input on the wire. */
const inputs = (link: FakeLink): Uint8Array[] => link.sent.filter((frame) => frame[0] === 2);

test("a second join answer replaces the state and keeps the room", async () => {
  const { client, link, links, log, room } = await seated(joinAnswer());
  const heard: unknown[] = [];
  const scores: unknown[] = [];
  room.on("chat", (text) => heard.push(text));
  room.watch("state.score", (score) => scores.push(score));
  const { state, players, schema } = room;
  const tanks = room.entities("tank");
  link.say(JOINED, joinAnswer({
    epoch: 8, tick: 130, documents: { state: { score: 5, map: "b" }, players: { "1": { name: "ann" }, "2": { name: "bob" } }, secret: { card: 3 } },
  }));
  assert.equal(client.room, room);
  assert.equal(room.state, state, "the same object, filled anew");
  assert.deepEqual(state, { score: 5, map: "b" });
  assert.deepEqual(Object.keys(players), ["1", "2"]);
  assert.deepEqual(room.secret, { card: 3 });
  assert.equal(room.tick, 130);
  assert.equal(room.schema, schema, "the same schema is not read anew");
  assert.equal(room.entities("tank"), tanks);
  assert.deepEqual(scores, [5]);
  link.say(EVENT, 1, 131, "chat", "hello");
  link.say(DOCUMENT, 2, 131, "state", [[["score"], 6]]);
  assert.deepEqual(heard, ["hello"]);
  assert.deepEqual(scores, [5, 6]);
  assert.deepEqual(log, [["resumed", { how: "joined", messagesLost: 0 }]], "neither reconnecting nor left");
  assert.equal(links.length, 1);
  assert.equal(link.closed, false);
  // What is said now belongs to the new epoch.
  link.take();
  room.send("chat", "x");
  room.ready();
  room.ready(false);
  room.start();
  room.done();
  assert.deepEqual(link.take(), [
    [2, 8, 1, "chat", "x"], [2, 8, 2, "ready", true], [2, 8, 3, "ready", false], [2, 8, 4, "start", null], [2, 8, 5, "done", null],
  ]);
  client.close();
});

test("a reload may bring another schema: entities are others, listeners and what is held stay", async () => {
  // The golden answer has two tanks in it.
  const [, first] = decode(unhex(golden.joined.bytes)) as [number, Record<string, unknown>];
  const { client, link, room } = await seated({ ...first, module: "tank8", room: "blue-fox" });
  const [tank] = room.entities("tank").values();
  const seen: string[] = [];
  room.on("despawn", "tank", ({ id }) => seen.push(`-${id}`));
  const before = room.schema.inputs.map((f) => f.name);
  room.input({ mx: 1, aim: Math.PI });
  await until("an input", () => inputs(link).length > 0);
  const schema = {
    ...SCHEMA,
    classes: [...SCHEMA.classes, { name: "wall", fields: [["x", ["number", 0, 10, 1]], ["y", ["number", 0, 10, 1]]] }],
    inputs: [["jump", ["press"]], ["mx", ["number", -2, 2, 1 / 64]]],
  };
  link.sent.length = 0;
  link.say(JOINED, joinAnswer({ epoch: 9, tick: 7, input: 40, schema }));
  assert.equal(client.room, room);
  assert.deepEqual(room.schema.classes.map((c) => c.name), ["bullet", "tank", "wall"]);
  assert.equal(room.entities("wall").size, 0);
  await until("an input of the new schema", () => inputs(link).length > 0);
  // [2, epoch, acked, view, newest, count, jump, mx]: still to the right, in the new steps.
  const frame = inputs(link)[0]!;
  assert.equal(frame[1], 9);
  assert.deepEqual([...frame.subarray(6, 8)], [40, 0], "numbered from where the answer says");
  assert.deepEqual([...frame.subarray(9, 12)], [0, 128, 1], "1 is 64 steps, zigzagged in two bytes");
  assert.ok(before.includes("aim"));
  assert.throws(() => room.input({ aim: 1 }), TypeError);
  room.press("jump");
  link.say(EVENT, 1, 8, "chat", "still here");
  assert.deepEqual(seen, ["-1", "-2"]);
  assert.equal(tank!.alive, false, "entities of the old version are gone");
  client.close();
});
