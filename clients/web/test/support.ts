// What several tests need: the golden vectors, seeded chance, a clock and a link that do as they are told.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode, EntityRef, PlayerRef } from "../src/codec.js";
import { JOINED, WELCOME as WELCOMES } from "../src/frames.js";
import { connect, type Client, type Room } from "../src/index.js";
import { BaseLink, type TransportName } from "../src/transports/link.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const read = (name: string): any =>
  JSON.parse(readFileSync(join(process.env.AIRBOAT_REPO ?? "../..", "tests", "golden", name), "utf8"));
export const golden = read("frames.json");

/** Sines, exponentials and their like differ by a bit or two between languages and machines. */
const ROUNDING = 1e-12;

/** The same, but for rounding. */
export function close(ours: unknown, theirs: unknown, where: string): void {
  if (typeof theirs === "number") {
    const near = typeof ours === "number" && Math.abs(ours - theirs) <= ROUNDING * Math.max(1, Math.abs(theirs));
    assert.ok(near, `${where}: ${String(ours)} instead of ${theirs}`);
  } else if (typeof theirs === "object" && theirs !== null) {
    assert.ok(typeof ours === "object" && ours !== null, `${where}: ${String(ours)}`);
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort(), where);
    for (const [key, value] of Object.entries(theirs)) close((ours as Record<string, unknown>)[key], value, `${where}.${key}`);
  } else assert.equal(ours, theirs, where);
}

/** Vectors that other clients are held to, too: written with AIRBOAT_BLESS=1, else compared with what is checked in. */
export function bless(name: string, made: { about: string[]; stories: { name: string; events: unknown[][] }[] }): void {
  if (!process.env.AIRBOAT_BLESS) return close(JSON.parse(JSON.stringify(made)), read(name), name);
  const { about, stories, ...rest } = made as Record<string, unknown> & typeof made;
  // One event a line, so that a difference can be read.
  const lines = (events: unknown[][]) => events.map((event) => `\n    ${JSON.stringify(event)}`).join(",");
  const told = stories.map(({ events, ...story }) => `{${JSON.stringify(story).slice(1, -1)}, "events": [${lines(events)}]}`);
  const head = Object.entries({ about, ...rest }).map(([key, value]) => `"${key}": ${JSON.stringify(value, null, 1)},\n`);
  writeFileSync(join(process.env.AIRBOAT_REPO ?? "../..", "tests", "golden", name), `{${head.join("")}"stories": [\n${told.join(",\n")}]}\n`);
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

/** A value as the vectors write it. */
export function plain(value: unknown): unknown {
  if (value instanceof EntityRef) return { $entity: value.id };
  if (value instanceof PlayerRef) return { $player: Number(value.id) };
  if (value instanceof Uint8Array) return { $bytes: hex(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

/** Xorshift: the same everywhere. The seed is printed, and may be set by AIRBOAT_SEED. */
export function chance(name: string, fallback: number): (below: number) => number {
  let state = Number(process.env.AIRBOAT_SEED ?? fallback) >>> 0 || 1;
  console.log(`${name}: seed ${state}`);
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The server's end of a link, in the hands of a test. */
export class FakeLink extends BaseLink {
  override readonly datagrams: boolean;
  readonly sent: Uint8Array[] = [];
  closed = false;
  /** Too much waits in it already: what may be lost is. */
  full = false;

  constructor(readonly transport: TransportName = "websocket") {
    super();
    this.datagrams = transport === "webtransport";
  }

  send(frame: Uint8Array, mayBeLost = false): void {
    if (!this.closed && !(this.full && mayBeLost)) this.sent.push(frame);
  }

  protected _drop(): void {
    this.closed = true;
  }

  /** The connection breaks. */
  break(reason = 0): void {
    this._ended(reason);
  }

  /** The server says `[kind, …]`. */
  say(...array: unknown[]): void {
    this.onframe(encode(array));
  }

  /** What was sent and not looked at yet: arrays decoded, binary frames as `["inputs" …]`-like words left out. */
  take(): unknown[][] {
    const frames = this.sent.splice(0).filter((f) => f[0]! >= 0x90);
    return frames.map((f) => decode(f) as unknown[]);
  }
}

export const SCHEMA = {
  tick_rate: 30,
  classes: [
    { name: "bullet", linear: true, life: 30, fields: [["x", ["number", -512, 1512, 0.125]], ["y", ["number", -512, 1512, 0.125]]] },
    { name: "tank", fields: [["heading", ["angle"]], ["x", ["number", -512, 1512, 0.125]]] },
  ],
  inputs: [["aim", ["angle"]], ["fire", ["press"]], ["mx", ["number", -1, 1, 1 / 127]]],
};

/** A join answer; the snapshot is an empty world. */
export function joinAnswer(more: Record<string, unknown> = {}): Record<string, unknown> {
  const epoch = (more.epoch as number | undefined) ?? 7;
  const tick = (more.tick as number | undefined) ?? 100;
  return {
    epoch, tick, module: "tank8", title: "Tank 8", room: "blue-fox", player: 1, schema: SCHEMA,
    documents: { state: { score: 1 }, players: { "1": { name: "ann" } }, secret: {} },
    snapshot: Uint8Array.of(1, 1, epoch & 255, tick & 255, (tick >> 8) & 255, 0, 0, 0, 0, 0, 0),
    input: 1, applied: 0, messages_lost: 0, ...more,
  };
}

export const WELCOME = { protocol: [1, 1], session: "s", resume: Uint8Array.of(9), resume_window_ms: 30_000, ping_ms: 5000 };

/** Lets promises and zero timers have their turn. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Waits for a condition; fails loudly when it never comes. */
export async function until(what: string, condition: () => boolean, limit = 10_000): Promise<void> {
  const start = Date.now();
  while (!condition()) {
    if (Date.now() - start > limit) throw new Error(`still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface Seated {
  client: Client;
  room: Room;
  /** The first link, and all. */
  link: FakeLink;
  links: FakeLink[];
  /** What the client told since. */
  log: unknown[][];
}

/** A client in a room, over links that the test holds the other end of. */
export async function seated(answer: Record<string, unknown>): Promise<Seated> {
  const links: FakeLink[] = [];
  const log: unknown[][] = [];
  const client = connect({ url: "http://test.invalid", transport: "websocket" }, {
    dialers: {
      websocket: async () => {
        links.push(new FakeLink());
        return links.at(-1)!;
      },
    },
    around: {},
    now: () => performance.now(),
  });
  client.on("status", (status) => log.push(["status", status]));
  client.on("left", () => log.push(["left"]));
  client.on("resumed", (resumed) => log.push(["resumed", resumed]));
  const fetching = globalThis.fetch;
  globalThis.fetch = () => Promise.reject(new Error("no server"));
  const joining = client.join("tank8", "blue-fox");
  await until("a link", () => links.length === 1 && links[0]!.sent.length > 0);
  globalThis.fetch = fetching;
  const link = links[0]!;
  link.say(WELCOMES, { ...WELCOME, device: ["id", "secret"] });
  link.say(JOINED, answer);
  const { room } = await joining;
  await settle();
  log.length = 0;
  return { client, link, links, log, room: room as Room };
}
