// One's own things in a room, over a link that the test holds: prediction bound to the room, one's own shots, and another
// transport while one plays. Time is the test's.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Writer } from "../src/bytes.js";
import { connect, type Room } from "../src/index.js";
import { predictOwn } from "../src/predict.js";
import { JOINED, RESUMED, WELCOME as WELCOMES } from "../src/frames.js";
import { FakeLink, joinAnswer, SCHEMA, settle, until, WELCOME } from "./support.js";

const TICK = 1000 / SCHEMA.tick_rate;

interface Tank {
  heading: number;
  x: number;
}

const drive = (tank: Tank, { mx, aim }: { mx: number; aim: number }, dt: number): void => {
  tank.x += mx * 60 * dt;
  tank.heading = aim;
};

class Table {
  now = 5000;
  tick = 100;
  readonly links: FakeLink[] = [];
  client!: ReturnType<typeof connect>;
  room!: Room;

  async sit(): Promise<void> {
    const dial = async () => {
      this.links.push(new FakeLink());
      return this.links.at(-1)!;
    };
    const http = () => Promise.reject(new Error("no way"));
    this.client = connect({ url: "http://test.invalid", transport: "websocket" }, {
      dialers: { websocket: dial, http }, around: {}, now: () => this.now,
    });
    const joining = this.client.join("tank8", "pond");
    await until("a link", () => this.links[0]?.sent.length === 1);
    this.links[0]!.say(WELCOMES, { ...WELCOME, device: ["id", "secret"] });
    this.links[0]!.say(JOINED, joinAnswer());
    this.room = (await joining).room!;
    await settle();
  }

  get link(): FakeLink {
    return this.links.at(-1)!;
  }

  /** So many milliseconds, with all that falls due in them. */
  pass(context: TestContext, ms: number): void {
    for (; ms > 0; ms--) {
      this.now++;
      context.mock.timers.tick(1);
    }
  }

  /** A key snapshot of the next tick: a tank of ours at `x`, and bullets `[id, owner, x, vx, since, ends]`. */
  snapshot(applied: number, x: number | undefined, { heading = 0, id = 5, bullets = [] as number[][], substitutions = 0, skips = 0 } = {}): void {
    const out = new Writer();
    this.tick++;
    for (const byte of [1, 1, 7, this.tick & 255, this.tick >> 8, 0, applied & 255, applied >> 8, substitutions, skips, 4]) out.u8(byte);
    if (bullets.length > 0) {
      for (const byte of [2, bullets.length]) out.u8(byte);
      out.signed(bullets[0]![0]!);
      for (let i = 1; i < bullets.length; i++) out.varint(bullets[i]![0]! - bullets[i - 1]![0]! - 1);
      const column = (fn: (b: number[]) => number) => bullets.forEach((b) => out.signed(fn(b)));
      column((b) => b[1]!);
      column((b) => b[2]! * 8);
      column(() => 0);
      column((b) => b[3]! * 8);
      column(() => 0);
      column((b) => b[4]! - this.tick);
      column((b) => (b[5]! === 0 ? 0 : b[5]! - this.tick));
    }
    if (x !== undefined) {
      for (const byte of [(1 << 3) | 2, 1]) out.u8(byte);
      for (const n of [id, 1, Math.round((heading / (2 * Math.PI)) * 1024), Math.round(x * 8)]) out.signed(n);
    }
    this.link.onframe(out.finish());
  }

  /** Inputs sent so far, by number. */
  get sent(): number {
    const last = this.link.sent.filter((frame) => frame[0] === 2).at(-1);
    return last ? last[6]! | (last[7]! << 8) : 0;
  }
}

test("a class or field that the module does not have is a mistake, and nothing follows", async () => {
  const table = new Table();
  await table.sit();
  assert.throws(() => predictOwn<Tank, { mx: number; aim: number }>(table.room, "tnk", { step: drive }), TypeError);
  assert.throws(() => predictOwn(table.room, "tank", { step: drive, fields: ["nope"] as never }), TypeError);
  table.link.say(JOINED, joinAnswer({ epoch: 8 }));
  assert.equal(table.room.tick, 100);
  table.client.close();
});

test("one's own entity is where it will be, and the room's word puts it right", async (context) => {
  const table = new Table();
  await table.sit();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { room } = table;
  const stepped: [number, number][] = [];
  const mine = predictOwn<Tank, { mx: number; aim: number }>(room, "tank", {
    step: drive, now: () => table.now, stepped: (tank, _, tick) => stepped.push([tick, tank.x]),
  });
  assert.equal(mine.view, undefined);
  room.input({ mx: 0, aim: 1 });
  table.snapshot(0, 50);
  assert.equal(room.own("tank")!.id, 5);
  assert.equal(mine.view!.x, 50);
  table.pass(context, TICK * 3);
  assert.ok(table.sent >= 2, `${table.sent} inputs`);
  // Between two ticks: seen at once, taken with the next.
  const sent = table.sent;
  room.input({ mx: 1 });
  table.pass(context, 2);
  assert.ok(mine.view!.x > 50 && mine.view!.x < 51, String(mine.view!.x));
  assert.equal(mine.view!.heading, (163 / 1024) * 2 * Math.PI, "as the room will read it");
  while (table.sent < sent + 3) table.pass(context, 1);
  assert.equal(mine.prediction.state!.x, 56);
  assert.deepEqual(stepped.map(([tick]) => tick), stepped.map((_, i) => stepped[0]![0] + i), "each in a tick of its own");
  // The room comes to the same, quantised, one input a tick.
  for (let n = 1; n <= table.sent; n++) table.snapshot(n, 50 + Math.max(0, n - sent) * 2, { heading: 1 });
  assert.deepEqual([mine.prediction.corrections, mine.prediction.waiting], [0, 0]);
  // Something pushes it.
  const before = mine.view!.x;
  table.snapshot(table.sent, 80, { heading: 1 });
  assert.equal(mine.prediction.corrections, 1);
  assert.equal(mine.prediction.state!.x, 80);
  assert.ok(Math.abs(mine.view!.x - before) < 0.01, "one does not see it jump");
  // Gone, and another one elsewhere.
  table.snapshot(table.sent, undefined);
  assert.equal(mine.view, undefined);
  table.snapshot(table.sent, 20, { id: 9 });
  assert.ok(Math.abs(mine.view!.x - 20) < 3.1);
  assert.equal(mine.id, 9);
  mine.stop();
  table.client.close();
});

test("one's own shots are shown at the tick of one's inputs, others' at the view's", async (context) => {
  const table = new Table();
  await table.sit();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { room } = table;
  const crowd: string[] = [];
  room.on("spawn", "bullet", ({ id }) => crowd.push(`spawn ${id}`));
  room.on("despawn", "bullet", ({ id }) => crowd.push(`despawn ${id}`));
  room.input({ mx: 0 });
  for (let i = 0; i < 10; i++) {
    table.pass(context, Math.round(TICK));
    table.snapshot(Math.max(0, table.sent - 3), 50);
  }
  assert.ok(room.ownTick > room.tick + 2 && room.ownTick < room.tick + 5, `${room.ownTick} at ${room.tick}`);
  const since = table.tick + 1;
  const bullets = [[11, 1, 100, 240, since, since + 9], [12, 2, 100, 240, since, since + 9]];
  table.pass(context, Math.round(TICK));
  table.snapshot(table.sent - 3, 50, { bullets });
  assert.deepEqual(crowd, ["spawn 11"], "one's own at once");
  await Promise.resolve();
  const own = room.entities("bullet").get(11)!;
  assert.ok(Math.abs(own.view.x - (100 + ((room.ownTick - since) * 240) / 30)) < 1e-6);
  for (let i = 0; i < 6; i++) {
    table.pass(context, Math.round(TICK));
    table.snapshot(table.sent - 3, 50, { bullets });
  }
  // The room's bullet flies on for three ticks; ours has come to its end.
  assert.deepEqual(crowd, ["spawn 11", "spawn 12", "despawn 11"]);
  for (let i = 0; i < 6; i++) {
    table.pass(context, Math.round(TICK));
    table.snapshot(table.sent - 3, 50);
  }
  assert.deepEqual(crowd, ["spawn 11", "spawn 12", "despawn 11", "despawn 12"], "once each");
  table.client.close();
});

test("another transport while one plays: the old link serves until the new one is there", async () => {
  const table = new Table();
  await table.sit();
  const { client, room } = table;
  const seen: unknown[] = [];
  client.on("status", (status) => seen.push(status));
  client.on("resumed", ({ how }) => seen.push(how));
  assert.equal(await client.use("http"), false);
  assert.equal(table.link.closed, false, "it could not be had: all stays as it was");
  room.send("chat", "a");
  assert.equal(await client.use("websocket"), true);
  const [old, link] = table.links as [FakeLink, FakeLink];
  assert.ok(old.closed);
  const [hello] = link.take();
  assert.deepEqual([hello![0], (hello![1] as { resume: { epoch: number } }).resume.epoch], [1, 7]);
  room.send("chat", "b");
  assert.deepEqual(link.take(), [], "nothing before the answer");
  link.say(WELCOMES, WELCOME);
  link.say(RESUMED, 7, 1);
  assert.deepEqual(link.take().filter(([kind]) => kind === 2), [[2, 7, 2, "chat", "b"]], "what has arrived is not sent twice");
  assert.deepEqual(seen, ["replayed"], "and nobody was told of a loss");
  assert.equal(client.room, room);
  client.close();
});
