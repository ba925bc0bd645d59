// The session against a server played by the test: numbering, resume, epochs, refusals, backoff.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENT, JOINED, REFUSED, REPLY, RESUMED, SAVED, WELCOME as WELCOMES, BYE, GONE } from "../src/frames.js";
import { Session, type SessionEvents, type SessionInit } from "../src/session.js";
import type { AirboatError } from "../src/errors.js";
import { FakeLink, joinAnswer, settle, until, WELCOME } from "./support.js";

class Stage {
  links: FakeLink[] = [];
  log: unknown[][] = [];
  now = 1000;
  held = 0;
  saved: (Uint8Array | undefined)[] = [];
  reachable = true;
  datagrams = false;
  due = false;
  readonly identity: SessionInit["identity"];
  readonly session: Session;

  constructor(device: [string, string] | null = ["id", "secret"], token?: Uint8Array) {
    const saved = this.saved;
    this.identity = {
      device: device ?? undefined,
      token,
      claim: () => Promise.resolve(),
      saveToken(next) {
        (this as { token: Uint8Array | undefined }).token = next;
        saved.push(next);
      },
    };
    const note = (what: string) => (...args: unknown[]) => void this.log.push([what, ...args]);
    const on: SessionEvents = {
      status: (status, error) => void this.log.push(["status", status, ...(error ? [error.code] : [])]),
      joined: (answer) => void (this.held = answer.tick),
      resumed: note("resumed"),
      left: (error: AirboatError) => void this.log.push(["left", error.code]),
      message: (name, data) => void this.log.push(["message", name, data]),
      document: note("document"),
      hash: note("hash"),
      snapshot: note("snapshot"),
      pong: note("pong"),
      tick: () => this.held,
    };
    this.session = new Session(
      {
        name: "ann", client: "test/1", debugHash: undefined, identity: this.identity, now: () => this.now,
        ladder: {
          worked: () => {}, failed: note("failed"), due: () => this.due,
          climb: async (than) => {
            if (than) this.log.push(["climb", than]);
            if (!this.reachable) return undefined;
            const link = new FakeLink(this.datagrams ? "webtransport" : "websocket");
            this.links.push(link);
            return link;
          },
        },
      },
      on,
    );
  }

  get link(): FakeLink {
    return this.links[this.links.length - 1]!;
  }

  /** The next hello. */
  async hello(count: number): Promise<Record<string, unknown>> {
    await until(`hello ${count}`, () => this.links.length === count && this.link.sent.length > 0);
    const [hello, ...more] = this.link.take();
    assert.equal(hello![0], 1);
    assert.equal(more.length, 0, "nothing follows the hello before it is answered");
    return hello![1] as Record<string, unknown>;
  }

  async seat(more: Record<string, unknown> = {}): Promise<void> {
    const joining = this.session.join({ module: "tank8", room: "Blue Fox" });
    await this.hello(1);
    this.link.say(WELCOMES, WELCOME);
    this.link.say(JOINED, joinAnswer(more));
    assert.equal(await joining, undefined);
    this.link.take();
  }

  said(what: string): unknown[][] {
    return this.log.filter((entry) => entry[0] === what);
  }
}

test("a typed name is one hello", async () => {
  const stage = new Stage(null);
  const joining = stage.session.join({ module: "tank8", room: "Blue Fox" });
  assert.deepEqual(await stage.hello(1), {
    protocol: 1, client: "test/1", name: "ann", join: { module: "tank8", room: "Blue Fox" },
  });
  assert.equal(stage.session.send("chat", 1), false);
  stage.link.say(WELCOMES, { ...WELCOME, device: ["new", "hush"] });
  assert.deepEqual(stage.identity.device, ["new", "hush"]);
  assert.deepEqual(stage.identity.token, Uint8Array.of(9));
  stage.link.say(JOINED, joinAnswer());
  assert.equal(await joining, undefined);
  assert.deepEqual(stage.said("status"), [["status", "connecting"], ["status", "online"]]);
  stage.session.close();
  assert.deepEqual(stage.link.take().at(-1), [7, 50]);
});

test("a lost link is resumed, and what was not received is sent again", async () => {
  const stage = new Stage();
  await stage.seat();
  for (const text of ["a", "b", "c"]) assert.ok(stage.session.send("chat", text));
  assert.deepEqual(stage.link.take(), [[2, 7, 1, "chat", "a"], [2, 7, 2, "chat", "b"], [2, 7, 3, "chat", "c"]]);
  stage.link.say(EVENT, 1, 101, "hit", { by: 1 });
  stage.link.break();
  stage.session.send("chat", "d");
  const hello = await stage.hello(2);
  assert.deepEqual(hello.resume, { token: Uint8Array.of(9), epoch: 7, tick: 100, received: 1 });
  assert.equal(hello.join, undefined);
  stage.link.say(WELCOMES, WELCOME);
  assert.deepEqual(stage.link.take(), [], "nothing numbered before the room's answer");
  stage.link.say(RESUMED, 7, 2);
  assert.deepEqual(stage.link.take(), [[2, 7, 3, "chat", "c"], [2, 7, 4, "chat", "d"]]);
  stage.link.say(EVENT, 1, 101, "hit", { by: 1 });
  stage.link.say(EVENT, 2, 102, "hit", { by: 2 });
  assert.deepEqual(stage.said("message"), [["message", "hit", { by: 1 }], ["message", "hit", { by: 2 }]], "repeats are dropped");
  assert.deepEqual(stage.said("resumed"), [["resumed", "replayed", 0]]);
  stage.session.close();
});

test("a new epoch renumbers what the state does not contain", async () => {
  const stage = new Stage();
  await stage.seat();
  const contained = stage.session.call("buy", "old", 60_000);
  for (const text of ["b", "c"]) stage.session.send("chat", text);
  const open = stage.session.call("buy", "new", 60_000);
  stage.link.say(SAVED, 7, 3, 0);
  stage.link.break();
  await stage.hello(2);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(JOINED, joinAnswer({ epoch: 8, tick: 5, applied: 2, messages_lost: 4 }));
  assert.deepEqual(stage.link.take(), [[2, 8, 1, "chat", "c"], [3, 8, 2, 2, "buy", "new"]]);
  assert.deepEqual(await contained, { error: { code: 103, reason: "lost", message: "lost", retry: true } });
  assert.deepEqual(stage.said("resumed"), [["resumed", "joined", 4]]);
  stage.link.say(REPLY, 1, 6, 2, true, 0.5);
  assert.deepEqual(await open, { data: 0.5 });
  stage.link.say(SAVED, 8, 2, 2);
  stage.session.send("chat", "e");
  assert.deepEqual(stage.link.take(), [[2, 8, 3, "chat", "e"]]);
  stage.session.close();
});

test("a refused token falls back on the name of the room", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.link.say(BYE, 1, "server restarting");
  const first = await stage.hello(2);
  assert.ok(first.resume && !first.join);
  stage.link.say(BYE, 57, "resume refused");
  const second = await stage.hello(3);
  assert.equal(second.resume, undefined);
  assert.deepEqual(second.join, { module: "tank8", room: "blue-fox" });
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(JOINED, joinAnswer({ epoch: 9 }));
  assert.deepEqual(stage.said("left"), []);
  assert.deepEqual(stage.said("status").at(-1), ["status", "online"]);
  stage.session.close();
});

test("a reloaded page presents its token together with the room", async () => {
  const stage = new Stage(["id", "secret"], Uint8Array.of(5));
  const joining = stage.session.join({ module: "tank8", room: "x" });
  const hello = await stage.hello(1);
  assert.deepEqual(hello.resume, { token: Uint8Array.of(5), epoch: 0, tick: 0, received: 0 });
  assert.deepEqual(hello.join, { module: "tank8", room: "x" });
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(REFUSED, 58, "all 8 seats are taken");
  // The token was that of another room: its answer comes too late, and nobody plays there any more.
  assert.deepEqual(stage.link.take(), [[5]]);
  stage.link.say(JOINED, joinAnswer({ room: "old" }));
  assert.equal(stage.session.send("chat", 1), false);
  stage.link.say(GONE);
  assert.deepEqual(await joining, { code: 58, reason: "room_full", message: "all 8 seats are taken", retry: false });
  assert.deepEqual(stage.said("left"), []);
  assert.equal(stage.link.closed, false, "the session goes on outside a room");
  stage.session.close();
});

test("reasons of 50 and more end it", async () => {
  for (const reason of [51, 52, 56, 62]) {
    const stage = new Stage();
    await stage.seat();
    const open = stage.session.call("x", 1, 60_000);
    stage.link.say(BYE, reason, "");
    assert.deepEqual(stage.said("left"), [["left", reason]]);
    assert.deepEqual(stage.said("status").at(-1), ["status", "offline", reason]);
    assert.equal((await open).error?.code, 102);
    assert.equal(stage.session.send("x", 1), false);
    await settle();
    assert.equal(stage.links.length, 1);
  }
});

test("messages are kept until they are saved, and handed over in bounded portions", async () => {
  const stage = new Stage();
  await stage.seat();
  for (let i = 1; i <= 100; i++) stage.session.send("n", i);
  assert.equal(stage.link.take().length, 48);
  stage.link.say(SAVED, 7, 40, 10);
  assert.equal(stage.link.take().length, 40);
  stage.link.say(SAVED, 6, 99, 99);
  assert.equal(stage.link.take().length, 0, "of another epoch");
  stage.link.say(SAVED, 7, 88, 88);
  assert.deepEqual(stage.link.take().map((m) => m[2]), [89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100]);
  assert.throws(() => stage.session.send("x", () => 1), TypeError);
  assert.throws(() => stage.session.send("x", "y".repeat(70_000)), TypeError);
  stage.session.send("n", 101);
  assert.deepEqual(stage.link.take(), [[2, 7, 101, "n", 101]], "a message that could not be encoded takes no number");
  stage.session.close();
});

test("a gap or garbage drops the link, and a whole snapshot is asked for", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.link.say(EVENT, 3, 101, "hit", null);
  const hello = await stage.hello(2);
  assert.equal((hello.resume as { tick: number }).tick, 0);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(RESUMED, 7, 0);
  stage.link.onframe(Uint8Array.of(0x92, 0xc1));
  await stage.hello(3);
  stage.session.close();
});

test("frames of a later version are skipped", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.link.say(99, "what");
  stage.link.onframe(Uint8Array.of(0x0f, 1, 2));
  stage.link.say(EVENT, 1, 101, "hit", null);
  assert.equal(stage.said("message").length, 1);
  stage.session.close();
});

test("a message that the module does not have is the program's mistake, and costs nothing", async (context) => {
  const reported: unknown[] = [];
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) });
  context.after(() => delete (globalThis as { reportError?: unknown }).reportError);
  const stage = new Stage();
  await stage.seat();
  stage.session.send("nope", 1);
  stage.link.say(REFUSED, 65, 'unknown message "nope"');
  assert.deepEqual(reported.map(String), ['TypeError: airboat: unknown message "nope"']);
  assert.deepEqual(stage.said("left"), []);
  // While a join is being answered it is no answer to that.
  const joining = stage.session.join({ module: "tank8", room: "b" });
  stage.link.say(REFUSED, 65, 'unknown message "nope"');
  stage.link.say(JOINED, joinAnswer({ room: "b", epoch: 20 }));
  assert.equal(await joining, undefined);
  stage.session.close();
});

test("leaving, joining another, and being put out of the first by it", async () => {
  const stage = new Stage();
  await stage.seat();
  const leaving = stage.session.leave();
  assert.deepEqual(stage.link.take(), [[5]]);
  stage.link.say(GONE);
  await leaving;
  assert.deepEqual(stage.said("left"), [["left", 50]]);
  const second = stage.session.join({ module: "tank8", room: "b" });
  assert.deepEqual(stage.link.take(), [[4, { module: "tank8", room: "b" }]]);
  stage.link.say(JOINED, joinAnswer({ room: "b", epoch: 20 }));
  assert.equal(await second, undefined);
  stage.session.send("lost", 1);
  const third = stage.session.join({ module: "tank8", room: "c" });
  stage.link.say(GONE);
  stage.link.take();
  stage.link.say(JOINED, joinAnswer({ room: "c", epoch: 21 }));
  assert.equal(await third, undefined);
  assert.deepEqual(stage.link.take(), [], "messages to one room do not go to another");
  assert.equal(stage.said("left").length, 2);
  stage.session.close();
});

test("refused and cut off before the old seat is given up: the answer is the refusal", async () => {
  const stage = new Stage(["id", "secret"], Uint8Array.of(5));
  const joining = stage.session.join({ module: "nosuch", room: "x" });
  await stage.hello(1);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(REFUSED, 59, "there is no such module");
  stage.link.break();
  assert.equal((await joining)?.code, 59);
  stage.session.close();
});

test("refused elsewhere, one stays where one was", async () => {
  const stage = new Stage();
  await stage.seat();
  const joining = stage.session.join({ module: "nosuch", room: "b" });
  stage.link.say(REFUSED, 59, "there is no such module");
  assert.equal((await joining)?.code, 59);
  assert.deepEqual(stage.said("left"), []);
  stage.link.take();
  assert.ok(stage.session.send("chat", 1));
  assert.deepEqual(stage.link.take(), [[2, 7, 1, "chat", 1]]);
  stage.link.break();
  assert.ok((await stage.hello(2)).resume);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(RESUMED, 7, 1);
  // Put out of the room first, and then refused: outside.
  const second = stage.session.join({ module: "tank8", room: "full" });
  stage.link.say(GONE);
  stage.link.say(REFUSED, 58, "full");
  stage.link.say(GONE);
  assert.equal((await second)?.code, 58);
  assert.deepEqual(stage.said("left"), [["left", 50]]);
  assert.equal(stage.session.send("chat", 1), false);
  stage.session.close();
});

test("hidden: last words, a waiting seat, and back", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.session.hide();
  assert.deepEqual(stage.link.take(), [[7, 10]]);
  assert.equal(stage.link.closed, true);
  assert.deepEqual(stage.said("left"), []);
  stage.session.wake();
  assert.ok((await stage.hello(2)).resume);
  stage.session.close();
});

test("a link that answers no pings is dropped, one whose timers were late is not", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.now += 60_000;
  stage.session.tend();
  assert.equal(stage.links.length, 1, "the page slept; the first ping after it is still young");
  assert.equal(stage.link.closed, false);
  for (let i = 0; i < 7; i++) {
    stage.now += 1000;
    stage.session.tend();
  }
  assert.equal(stage.links[0]!.closed, true);
  await stage.hello(2);
  stage.session.close();
});

test("in time a better link than the one there is is looked for, and taken when it is ready", async () => {
  const stage = new Stage();
  await stage.seat();
  stage.session.tend();
  assert.equal(stage.said("climb").length, 0);
  stage.due = true;
  stage.reachable = false;
  stage.session.tend();
  await settle();
  assert.equal(stage.links[0]!.closed, false, "none is better: it stays");
  stage.reachable = true;
  stage.datagrams = true;
  stage.session.tend();
  stage.due = false;
  assert.ok((await stage.hello(2)).resume);
  assert.deepEqual(stage.said("climb"), [["climb", "websocket"], ["climb", "websocket"]]);
  assert.equal(stage.links[0]!.closed, true);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(RESUMED, 7, 0);
  assert.deepEqual(stage.said("status").map(([, status]) => status), ["connecting", "online", "online"]);
  assert.deepEqual(stage.said("left"), []);
  stage.session.close();
});

test("over datagrams the join answer is acknowledged at once", async () => {
  const stage = new Stage();
  stage.datagrams = true;
  const joining = stage.session.join({ module: "tank8", room: "x" });
  await stage.hello(1);
  stage.link.say(WELCOMES, WELCOME);
  stage.link.say(JOINED, joinAnswer());
  await joining;
  assert.ok(stage.link.sent.some((f) => f[0] === 5 && f[1] === 7 && f[2] === 100));
  stage.session.close();
});
