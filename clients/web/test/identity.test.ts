// Devices and seats, with storage, locks and channels made by the test; and the choice of transport.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Identity, Shelf, type Surroundings } from "../src/identity.js";
import { Ladder, type Dialers } from "../src/ladder.js";
import { dialWebSocket } from "../src/transports/websocket.js";
import type { Target, TransportName } from "../src/transports/link.js";
import { FakeLink } from "./support.js";

class FakeStorage {
  readonly map = new Map<string, string>();
  getItem = (key: string) => this.map.get(key) ?? null;
  setItem = (key: string, value: string) => void this.map.set(key, value);
  removeItem = (key: string) => void this.map.delete(key);
  copy(): FakeStorage {
    const copy = new FakeStorage();
    for (const [k, v] of this.map) copy.map.set(k, v);
    return copy;
  }
}

class FakeLocks {
  readonly held = new Set<string>();
  private readonly queue: { name: string; take: () => void }[] = [];
  request = ((name: string, options: LockOptions, fn: () => Promise<unknown>) =>
    new Promise((resolve, reject) => {
      const take = () => {
        this.held.add(name);
        void fn().then((value) => {
          this.held.delete(name);
          const next = this.queue.findIndex((q) => q.name === name);
          if (next >= 0) this.queue.splice(next, 1)[0]!.take();
          resolve(value);
        });
      };
      if (!this.held.has(name)) return take();
      const waiting = { name, take };
      this.queue.push(waiting);
      options.signal?.addEventListener("abort", () => {
        if (this.queue.includes(waiting)) this.queue.splice(this.queue.indexOf(waiting), 1);
        reject(new Error("aborted"));
      });
    })) as unknown as LockManager["request"];
}

class FakeChannels {
  readonly all: { onmessage: ((e: { data: unknown }) => void) | null; name: string }[] = [];
  open = (name: string): BroadcastChannel => {
    const channel = {
      name,
      onmessage: null as ((e: { data: unknown }) => void) | null,
      postMessage: (data: unknown) => {
        for (const other of this.all) if (other !== channel && other.name === name) queueMicrotask(() => other.onmessage?.({ data }));
      },
      close: () => void this.all.splice(this.all.indexOf(channel), 1),
    };
    this.all.push(channel);
    return channel as unknown as BroadcastChannel;
  };
}

let host = 0;

for (const kind of ["locks", "channel"] as const) {
  test(`a reload takes its seat again, a duplicated tab does not (${kind})`, async () => {
    const name = `host${host++}`;
    const [locks, channels, local] = [new FakeLocks(), new FakeChannels(), new FakeStorage()];
    const around = (session: FakeStorage): Surroundings =>
      kind === "locks" ? { local, session, locks } : { local, session, channel: channels.open };
    const tab = new FakeStorage();
    // Each page has its own set of taken places; in one process the profile tells them apart, so the key is moved.
    const page = async (session: FakeStorage): Promise<Identity> => {
      const identity = new Identity(name, "", around(session));
      await identity.claim();
      return identity;
    };
    const first = await page(tab);
    assert.equal(first.token, undefined);
    first.saveToken(Uint8Array.of(1, 2));
    first.device = ["id", "secret"];
    const copy = tab.copy();
    // What a closing page does to the browser, without giving the seat up.
    const kept = new Map(tab.map);
    first.release();
    for (const [k, v] of kept) tab.map.set(k, v);
    const again = await page(tab);
    assert.deepEqual(again.token, Uint8Array.of(1, 2));
    assert.deepEqual(again.device, ["id", "secret"]);
    // The copy's page has the same key under another place: move it to where the second client of this process looks.
    for (const [k, v] of [...copy.map]) copy.map.set(k.replace(/:0$/, ":1"), v);
    const duplicate = await page(copy);
    assert.equal(duplicate.token, undefined);
    assert.deepEqual(duplicate.device, ["id", "secret"]);
    again.release();
    duplicate.release();
  });
}

test("two clients of one page have two seats, in the same order after a reload", async () => {
  const name = `host${host++}`;
  const session = new FakeStorage();
  const [a, b] = [new Identity(name, "", { session }), new Identity(name, "", { session })];
  await Promise.all([a.claim(), b.claim()]);
  a.saveToken(Uint8Array.of(1));
  b.saveToken(Uint8Array.of(2));
  const kept = new Map(session.map);
  a.release();
  b.release();
  for (const [k, v] of kept) session.map.set(k, v);
  const [c, d] = [new Identity(name, "", { session }), new Identity(name, "", { session })];
  await Promise.all([c.claim(), d.claim()]);
  assert.deepEqual([c.token, d.token], [Uint8Array.of(1), Uint8Array.of(2)]);
});

test("blocked or spoilt storage forgets with the page", async () => {
  const blocked = { getItem: () => { throw new Error("blocked"); }, setItem: () => { throw new Error("full"); }, removeItem: () => {} };
  const identity = new Identity(`host${host++}`, "b", { local: blocked, session: blocked });
  await identity.claim();
  identity.device = ["id", "secret"];
  assert.deepEqual(identity.device, ["id", "secret"]);
  const spoilt = new FakeStorage();
  spoilt.map.set("airboat:device:h:", "{oops");
  assert.equal(new Identity("h", "", { local: spoilt }).device, undefined);
});

/** Milliseconds that have passed in the test's own time. */
let elapsed = 0;

/** Dialers that take so long, or fail (negative) after so long. */
function dialers(times: Partial<Record<TransportName, number>>, log: string[]): Dialers {
  return Object.fromEntries(
    Object.entries(times).map(([name, ms]) => [
      name,
      ({ url, hashes, signal }: Target) =>
        new Promise((resolve, reject) => {
          log.push(`${name} ${url}${hashes.length ? ` ${hashes.length} hashes` : ""} at ${elapsed}`);
          let open = true;
          const timer = setTimeout(() => {
            open = false;
            if (ms < 0) reject(new Error("no"));
            else resolve(new FakeLink(name as TransportName));
          }, Math.abs(ms));
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            if (!open) return;
            log.push(`${name} aborted`);
            reject(new Error("aborted"));
          });
        }),
    ]),
  ) as Dialers;
}

const base = "http://127.0.0.1:7777/";
const OFFER = { transports: [{ name: "webtransport", url: "https://127.0.0.1:7777/wt" }], certificate_hashes: ["00ff", "0102"] };

test("the ladder", async (context) => {
  context.mock.method(globalThis, "fetch", () => Promise.resolve({ json: () => Promise.resolve(OFFER) }));
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const climb = async (times: Partial<Record<TransportName, number>>, shelf = new Shelf(undefined), wish: TransportName | "auto" = "auto") => {
    const log: string[] = [];
    elapsed = 0;
    const ends: string[] = [];
    const climbing = new Ladder(base, wish, dialers(times, log), shelf).climb();
    void climbing.then((link) => ends.push(link?.transport ?? "nothing"));
    while (ends.length === 0) {
      await new Promise(setImmediate);
      elapsed += 10;
      context.mock.timers.tick(10);
    }
    return [...ends, ...log];
  };
  const wt = "webtransport https://127.0.0.1:7777/wt 2 hashes at 0";
  assert.deepEqual(await climb({ webtransport: 20, websocket: 20, http: 0 }), ["webtransport", wt]);
  assert.deepEqual(await climb({ webtransport: 5000, websocket: 20, http: 0 }), [
    "websocket", wt, "websocket ws://127.0.0.1:7777/ws at 300", "webtransport aborted",
  ]);
  assert.deepEqual(await climb({ webtransport: -10, websocket: -10, http: 0 }), [
    "http", wt, "websocket ws://127.0.0.1:7777/ws at 10", "http http://127.0.0.1:7777/poll at 20",
  ], "a failure does not wait for the next one's time");
  assert.deepEqual(await climb({ websocket: -10 }), ["nothing", "websocket ws://127.0.0.1:7777/ws at 0"]);
  assert.deepEqual(await climb({ webtransport: 10, http: 0 }, undefined, "http"), ["http", "http http://127.0.0.1:7777/poll at 0"]);
  const shelf = new Shelf(new FakeStorage());
  assert.equal((await climb({ webtransport: -10, websocket: 20 }, shelf))[0], "websocket");
  new Ladder(base, "auto", {}, shelf).worked("websocket");
  assert.deepEqual(await climb({ webtransport: 10, websocket: 20 }, shelf), ["websocket", "websocket ws://127.0.0.1:7777/ws at 0"]);
  new Ladder(base, "auto", {}, shelf).failed("websocket");
  assert.equal((await climb({ webtransport: 10, websocket: 20 }, shelf))[0], "webtransport", "what failed is not remembered");
});

test("while nothing answers, failures say nothing of a transport, and what was reached without the better ones is not remembered", async (context) => {
  context.mock.method(globalThis, "fetch", () => Promise.reject(new Error("down")));
  const storage = new FakeStorage();
  const shelf = new Shelf(storage);
  const key = "airboat:transport:127.0.0.1:7777";
  const log: string[] = [];
  let down = true;
  const ladder = new Ladder(base, "auto", {
    websocket: async () => {
      log.push("websocket");
      if (down) throw new Error("refused");
      return new FakeLink("websocket");
    },
    // Ready whether there is a server or not, as the real one is.
    http: async () => new FakeLink("http"),
  }, shelf);
  for (let attempt = 1; attempt <= 5; attempt++) {
    assert.equal((await ladder.climb())?.transport, "http");
    ladder.failed("http");
    assert.equal(log.length, attempt, "tried every time");
    assert.equal(storage.getItem(key), null);
  }
  down = false;
  assert.equal((await ladder.climb())?.transport, "websocket");
  ladder.worked("websocket");
  // Twice silent: the next is HTTP, by leaving one out, so nobody is told that it is the best.
  ladder.failed("websocket");
  ladder.failed("websocket");
  assert.equal((await ladder.climb())?.transport, "http");
  ladder.worked("http");
  assert.equal(storage.getItem(key), null);
  assert.equal((await ladder.climb())?.transport, "websocket");
});

test("a worse transport is remembered for minutes, and while one plays over it a better one is due as soon", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const shelf = new Shelf(new FakeStorage());
  let webSocket = false;
  const dial: Dialers = {
    websocket: () => (webSocket ? Promise.resolve(new FakeLink("websocket")) : Promise.reject(new Error("no"))),
    http: async () => new FakeLink("http"),
  };
  const ladder = new Ladder(base, "auto", dial, shelf);
  assert.equal((await ladder.climb())?.transport, "http");
  ladder.worked("http");
  webSocket = true;
  assert.equal((await new Ladder(base, "auto", dial, shelf).climb())?.transport, "http", "remembered");
  assert.equal(ladder.due("http"), false);
  context.mock.timers.setTime(1e12 + 5 * 60_000 + 1);
  assert.equal(ladder.due("webtransport"), false, "there is no better one");
  assert.equal(ladder.due("http"), true);
  assert.equal(ladder.due("http"), false, "once in that time");
  assert.equal((await ladder.climb("http"))?.transport, "websocket");
  assert.equal(await ladder.climb("websocket"), undefined, "only better ones");
  assert.equal((await new Ladder(base, "auto", dial, shelf).climb())?.transport, "websocket", "forgotten");
  assert.equal(new Ladder(base, "http", dial, shelf).due("http"), false, "who wants HTTP has it");
});

test("a transport that connects and then says nothing is left out", async (context) => {
  context.mock.method(globalThis, "fetch", () => Promise.reject(new Error("down")));
  const ladder = new Ladder(base, "auto", dialers({ websocket: 0, http: 0 }, []), new Shelf(undefined));
  ladder.failed("websocket");
  ladder.failed("websocket");
  assert.equal((await ladder.climb())?.transport, "http");
  assert.equal((await ladder.climb())?.transport, "websocket", "once");
});

test("a WebSocket that lost the race is closed when it is open, and not before: browsers warn of that", async (context) => {
  const sockets: StubSocket[] = [];
  class StubSocket {
    readyState = 0;
    closedIn: number[] = [];
    onopen?: () => void;
    constructor() {
      sockets.push(this);
    }
    close(): void {
      this.closedIn.push(this.readyState);
    }
  }
  const real = globalThis.WebSocket;
  globalThis.WebSocket = StubSocket as unknown as typeof WebSocket;
  context.after(() => (globalThis.WebSocket = real));
  const stop = new AbortController();
  const dialled = dialWebSocket({ url: "ws://test.invalid/ws", hashes: [], signal: stop.signal });
  stop.abort();
  await assert.rejects(dialled);
  const [socket] = sockets;
  assert.ok(socket);
  socket.readyState = 1;
  socket.onopen?.();
  assert.deepEqual(socket.closedIn, [1]);
});
