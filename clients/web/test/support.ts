// What several tests need: the golden vectors, seeded chance, a clock and a link that do as they are told.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode, EntityRef, PlayerRef } from "../src/codec.js";
import { BaseLink, type TransportName } from "../src/transports/link.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const golden: any = JSON.parse(
  readFileSync(join(process.env.AIRBOAT_REPO ?? "../..", "tests", "golden", "frames.json"), "utf8"),
);

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

  constructor(readonly transport: TransportName = "websocket") {
    super();
    this.datagrams = transport === "webtransport";
  }

  send(frame: Uint8Array): void {
    if (!this.closed) this.sent.push(frame);
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
