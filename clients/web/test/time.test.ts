// Clock, playout, angles, inputs and their pace: arithmetic with a time that the test makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../src/clock.js";
import { readSchema, quantise } from "../src/schema.js";
import { Inputs } from "../src/inputs.js";
import { Beat, Pacer } from "../src/pacer.js";
import { lerpAngle, Playout } from "../src/interpolation.js";
import { Mirror, type Entity } from "../src/mirror.js";
import { Writer } from "../src/bytes.js";
import { chance, close, hex, joinAnswer, read, SCHEMA } from "./support.js";

const schema = readSchema(SCHEMA);

test("angles go the short way round", () => {
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);
  close(lerpAngle(0, 1, 0.5), 0.5);
  close(lerpAngle(0.1, 2 * Math.PI - 0.1, 0.5), 0);
  close(lerpAngle(2 * Math.PI - 0.1, 0.1, 1), 2 * Math.PI + 0.1);
  close(lerpAngle(-3, 3, 0.5), -Math.PI);
});

test("a long pause is jumped over, not caught up with", () => {
  const playout = new Playout(30);
  for (let tick = 0; tick < 60; tick++) playout.arrived(tick, tick * 33.3);
  const before = playout.at(60 * 33.3);
  for (let tick = 3000; tick < 3060; tick++) playout.arrived(tick, tick * 33.3);
  assert.ok(playout.at(3060 * 33.3) > 3050);
  assert.ok(before < 61);
});

test("the clock finds the room's time through jitter, and creeps", () => {
  const random = chance("clock", 0x5eed0007);
  const clock = new Clock();
  const truth = (now: number) => now + 123_456;
  let last = 0;
  for (let now = 0; now < 60_000; now += 500) {
    const [there, back] = [20 + random(30), 20 + random(30)];
    const serverTime = truth(now - back);
    const tick = Math.floor((serverTime * 30) / 1000);
    clock.answered(now - there - back, now, tick, Math.round((serverTime - (tick * 1000) / 30) * 1000), 30);
    const time = clock.at(now);
    assert.ok(time >= last);
    last = time;
    if (now > 10_000) assert.ok(Math.abs(time - truth(now)) < 12, String(time - truth(now)));
  }
  assert.ok(clock.rtt > 40 && clock.rtt < 100);
  clock.reset();
  clock.hint(30, 30, 0);
  assert.equal(clock.at(0), 1000);
});

test("inputs are numbered, repeated, and presses counted", () => {
  const inputs = new Inputs(schema.inputs);
  inputs.restart(7, 11);
  inputs.set({ mx: 1, aim: -0.1 });
  for (let i = 0; i < 5; i++) inputs.press("fire");
  const sent: string[] = [];
  for (let tick = 0; tick < 5; tick++) {
    inputs.sample();
    sent.push(hex(inputs.frame(100 + tick, 97.5)));
  }
  assert.equal(inputs.newest, 15);
  // newest 15: aim 1008, fire 3 presses (three at most wait), mx 127; the older ones differ in nothing or in fire.
  assert.equal(sent[4], "0207" + "6800" + "0c03" + "0f00" + "04" + "e00f" + "06" + "fe01" + "00" + "00" + "0204");
  assert.equal(sent[0]!.slice(0, 16), "0207" + "6400" + "0c03" + "0b00");
  assert.throws(() => inputs.set({ fire: 1 }), TypeError);
  for (const wrong of [NaN, Infinity, "much", undefined]) {
    assert.throws(() => inputs.set({ mx: wrong as number }), TypeError, String(wrong));
    assert.deepEqual(inputs.values.mx, 1, "as it was");
  }
  assert.throws(() => inputs.press("mx"), TypeError);
  inputs.restart(8, 1);
  inputs.sample();
  assert.equal(hex(inputs.frame(0, -3)), "0208" + "0000" + "0000" + "0100" + "01" + "e00f" + "00" + "fe01");
});

test("what is kept for a link that breaks is bounded", () => {
  const inputs = new Inputs(schema.inputs);
  for (let i = 0; i < 100; i++) {
    inputs.press("fire");
    assert.equal(inputs.sample(), true);
    assert.equal(inputs.sample(), false, "without a press it is not kept");
  }
  assert.deepEqual([inputs.kept.length, inputs.kept[0]!.number, inputs.kept[31]!.number], [32, 137, 199]);
  inputs.applied(150);
  assert.deepEqual([inputs.kept.length, inputs.kept[0]!.number], [25, 151]);
});

test("quantising rounds as the server does", () => {
  const [aim, , mx] = schema.inputs;
  for (let steps = -127; steps <= 127; steps++) assert.equal(quantise(mx!, steps / 127), steps);
  assert.equal(quantise(mx!, -0.5 / 127), -1);
  assert.equal(quantise(mx!, 9), 127);
  assert.equal(quantise(mx!, NaN), 0);
  assert.equal(quantise(aim!, -Math.PI / 2), 768);
  assert.equal(quantise(aim!, 20 * Math.PI), 0);
});

test("inputs are paced by the law of the vectors", () => {
  const { runs } = read("pacing.json") as { runs: { period_ms: number; calls: ["next" | "note", number, number, number][] }[] };
  assert.ok(runs.length > 3);
  for (const { period_ms: period, calls } of runs) {
    const pacer = new Pacer(period);
    calls.forEach(([name, number, ms, then], i) => {
      if (name === "next") close(pacer.next(number, ms), then, `${period} ms, call ${i}: wait`);
      else {
        pacer.note(number, ms);
        close(pacer.aim, then, `${period} ms, call ${i}: aim`);
      }
    });
  }
});

/** A room with a tick every 33 ms, a way of 20 ms there and 40 ms back. */
test("the beat settles shortly before the tick", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const period = 1000 / 30;
  for (const start of [0, 5, 17, 30]) {
    let now = start;
    let early = 0;
    let number = 0;
    const pacer = new Pacer(period);
    const beat = new Beat(period, () => now, (late) => {
      const mine = ++number;
      const arrival = now + 20;
      const at = Math.ceil(arrival / period) * period - arrival;
      setTimeout(() => pacer.note(mine, (early = Math.floor(at * 2) / 2)), 60);
      return pacer.next(mine, late);
    });
    beat.start();
    for (let i = 0; i < 20_000; i++) {
      now += 1;
      context.mock.timers.tick(1);
    }
    beat.stop();
    assert.ok(early >= 0 && early < 5, `${early} ms early from ${start}`);
  }
});

test("a beat that was held up leaves whole periods out", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const beats: number[] = [];
  const pacer = new Pacer(50);
  const beat = new Beat(50, () => now, (late) => {
    beats.push(beat.due);
    const wait = pacer.next(beats.length, late);
    if (beats.length === 2) now += 1000;
    return wait;
  });
  beat.start();
  for (let i = 0; i < 300; i++) {
    now += 1;
    context.mock.timers.tick(1);
  }
  beat.stop();
  assert.deepEqual(beats.slice(0, 2), [0, 50]);
  assert.equal(beats[2]! % 50, 0);
  assert.ok(beats.length >= 6 && beats.length < 9, `${beats}`);
});

/** A snapshot of one class's rows against the empty world. */
function key(tick: number, block: (out: Writer) => void): Uint8Array {
  const out = new Writer();
  for (const byte of [1, 1, 7, tick & 255, tick >> 8, 0, 0, 0, 0, 0, 0]) out.u8(byte);
  block(out);
  return out.finish();
}

const tank = (heading: number, x: number) => (out: Writer) => {
  for (const byte of [(1 << 3) | 2, 1]) out.u8(byte);
  for (const n of [5, 2, heading, x]) out.signed(n);
};

test("on a page a beat wakes before its time and waits for the rest by messages, and none of them outlives a stop", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  let messages = 0;
  const waiting: (() => void)[] = [];
  class FakeChannel {
    port1: { onmessage?: (event: { data: unknown }) => void } = {};
    port2 = { postMessage: (data: unknown) => void (messages++, waiting.push(() => this.port1.onmessage!({ data }))) };
  }
  const here = globalThis as { document?: unknown; MessageChannel: unknown };
  const real = here.MessageChannel;
  Object.assign(here, { document: {}, MessageChannel: FakeChannel });
  try {
    const late: number[] = [];
    const beat = new Beat(50, () => now, (ms) => (late.push(ms), 50));
    const run = (until: number) => {
      while (now < until) {
        now += 0.25;
        waiting.splice(0).forEach((each) => each());
        if (now % 1 === 0) context.mock.timers.tick(1);
      }
    };
    beat.start();
    run(500);
    assert.deepEqual(late.slice(1), late.slice(1).map(() => 0), "none early, none late");
    assert.ok(late.length >= 10, `${late.length} beats`);
    assert.ok(messages > late.length && messages < 13 * late.length, `${messages} messages`);
    // While a message is on its way: stopped, and begun anew.
    while (waiting.length === 0) run(now + 0.25);
    const before = late.length;
    beat.stop();
    beat.start();
    const sent = messages;
    run(now + 40);
    assert.equal(late.length, before + 1, "the new beat's first");
    assert.equal(messages, sent, "the old message has ended");
    beat.stop();
  } finally {
    delete here.document;
    here.MessageChannel = real;
  }
});

test("entities are shown between two snapshots, linear ones where they are by then", async () => {
  let view = 100;
  const crowd: string[] = [];
  const mirror = new Mirror(schema, () => view, (event, e: Entity) => crowd.push(`${event} ${e.id}`));
  const answer = joinAnswer();
  mirror.restart(7, 100, answer.snapshot as Uint8Array, 0);
  assert.equal(mirror.apply(key(102, tank(1020, 80))), 102);
  mirror.advance(view);
  assert.equal(mirror.entities("tank")!.size, 0, "not shown yet");
  const entity = mirror.entity(5)!;
  assert.equal(entity.x, 10);
  assert.equal(entity.owner, "2");
  assert.equal(mirror.apply(key(104, tank(4, 160))), 104);
  view = 102;
  mirror.advance(view);
  assert.equal(mirror.entities("tank")!.get(5), entity);
  assert.deepEqual([entity.x, entity.view.x], [20, 10]);
  const shown = entity.view;
  view = 103;
  assert.equal(entity.view.x, 10, "the same time for all of one turn");
  await Promise.resolve();
  assert.equal(entity.view, shown);
  assert.equal(shown.x, 15);
  assert.ok(Math.abs(shown.heading - 2 * Math.PI) < 1e-9, "over the turn");
  view = 105;
  await Promise.resolve();
  assert.equal(entity.view.x, 25, "goes on as it went while nothing newer is there");
  assert.ok(Math.abs(entity.view.heading - (4 / 1024) * 2 * Math.PI) < 1e-9, "and turns no further");

  // A bullet from 100 at 240 units a second, sent at 105, gone at 108.
  const bullet = key(105, (out) => {
    for (const byte of [2, 1]) out.u8(byte);
    for (const n of [9, 1, 800, 0, 1920, 0, 0, 3]) out.signed(n);
  });
  view = 104.5;
  assert.equal(mirror.apply(bullet), 105);
  mirror.advance(view);
  assert.equal(mirror.entities("bullet")!.size, 0);
  view = 106.5;
  mirror.advance(view);
  const shot = mirror.entities("bullet")!.get(9)!;
  assert.equal(shot.view.x, 100 + 240 * 1.5 / 30);
  assert.equal(shot.vx, 240);
  assert.equal(mirror.apply(Uint8Array.of(1, 0, 7, 110, 0, 5, 0, 0, 0, 0, 0)), 110);
  view = 107.9;
  mirror.advance(view);
  assert.ok(shot.alive, "still on its way in what is shown");
  view = 108;
  mirror.advance(view);
  assert.equal(shot.alive, false);
  assert.deepEqual(crowd, ["spawn 5", "spawn 9", "despawn 5", "despawn 9"]);
});
