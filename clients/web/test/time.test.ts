// Clock, playout, angles, inputs and their pace: arithmetic with a time that the test makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../src/clock.js";
import { readSchema, quantise } from "../src/schema.js";
import { Inputs, Pacer } from "../src/inputs.js";
import { lerpAngle, Playout } from "../src/interpolation.js";
import { Mirror, type Entity } from "../src/mirror.js";
import { Writer } from "../src/bytes.js";
import { chance, hex, joinAnswer, SCHEMA } from "./support.js";

const schema = readSchema(SCHEMA);

test("angles go the short way round", () => {
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);
  close(lerpAngle(0, 1, 0.5), 0.5);
  close(lerpAngle(0.1, 2 * Math.PI - 0.1, 0.5), 0);
  close(lerpAngle(2 * Math.PI - 0.1, 0.1, 1), 2 * Math.PI + 0.1);
  close(lerpAngle(-3, 3, 0.5), -Math.PI);
});

test("the view time runs evenly, stays behind the snapshots and never goes backwards", () => {
  const random = chance("playout", 0x5eed0006);
  for (const [rate, jitter, loss, jump] of [[30, 0, 0, 0], [30, 20, 0, 0], [60, 8, 10, 0], [20, 30, 20, 300], [30, 5, 0, -80]]) {
    const playout = new Playout(rate!);
    const arrivals: { at: number; tick: number }[] = [];
    for (let tick = 1; tick < rate! * 40; tick++) {
      // Half way through, the path changes.
      const path = 40 + (tick > rate! * 20 ? jump! : 0) + (jump! < 0 ? 80 : 0);
      if (random(100) >= loss!) arrivals.push({ at: (tick * 1000) / rate! + path + random(jitter! + 1), tick });
    }
    arrivals.sort((a, b) => a.at - b.at);
    let [last, newest, starved, frames, next] = [-Infinity, 0, 0, 0, 0];
    for (let now = arrivals[0]!.at; now < arrivals.at(-1)!.at; now += 16) {
      for (; next < arrivals.length && arrivals[next]!.at <= now; next++) {
        if (arrivals[next]!.tick > newest) playout.arrived((newest = arrivals[next]!.tick), arrivals[next]!.at);
      }
      const view = playout.at(now);
      assert.ok(view >= last, "backwards");
      // Evenly: at most a tenth off the room's own pace, but for the jump to a new path.
      if (last > 0 && view - last > ((16 * rate!) / 1000) * 1.11) assert.ok(jump !== 0, `leap of ${view - last}`);
      last = view;
      if (now > 8000 && (now < 19_000 || now > 30_000)) {
        frames++;
        if (view > newest) starved++;
        assert.ok(newest - view < 9, `far behind: ${newest - view}`);
      }
    }
    assert.ok(starved / frames < 0.08, `starved in ${starved} of ${frames} frames (${rate} Hz, jitter ${jitter}, loss ${loss})`);
    if (loss! > 0) assert.ok(Math.abs(playout.loss - loss! / 100) < 0.15);
    else assert.equal(playout.loss, 0);
  }
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
  inputs.restart(11);
  inputs.set({ mx: 1, aim: -0.1 });
  for (let i = 0; i < 5; i++) inputs.press("fire");
  const sent: string[] = [];
  for (let tick = 0; tick < 5; tick++) {
    inputs.sample();
    sent.push(hex(inputs.frame(7, 100 + tick, 97.5)));
  }
  assert.equal(inputs.newest, 15);
  // newest 15: aim 1008, fire 3 presses (three at most wait), mx 127; the older ones differ in nothing or in fire.
  assert.equal(sent[4], "0207" + "6800" + "0c03" + "0f00" + "04" + "e00f" + "06" + "fe01" + "00" + "00" + "0204");
  assert.equal(sent[0]!.slice(0, 16), "0207" + "6400" + "0c03" + "0b00");
  assert.throws(() => inputs.set({ fire: 1 }), TypeError);
  assert.throws(() => inputs.press("mx"), TypeError);
  inputs.restart(1);
  inputs.sample();
  assert.equal(hex(inputs.frame(7, 0, -3)), "0207" + "0000" + "0000" + "0100" + "01" + "e00f" + "00" + "fe01");
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

test("the pacer settles shortly before the tick", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const period = 1000 / 30;
  for (const start of [0, 5, 17, 30]) {
    let now = start;
    let early = 0;
    const pacer = new Pacer(period, () => now, () => {
      const arrival = now + 20;
      early = Math.ceil(arrival / period) * period - arrival;
      setTimeout(() => pacer.slack(early), 60);
    });
    pacer.start();
    for (let i = 0; i < 20_000; i++) {
      now += 1;
      context.mock.timers.tick(1);
    }
    pacer.stop();
    assert.ok(early > 1 && early < 12, `${early} ms early from ${start}`);
  }
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
  view = 110;
  await Promise.resolve();
  assert.equal(entity.view.x, 20, "held when nothing newer is there");

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
