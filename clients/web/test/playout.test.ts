// The adaptive buffer: the vectors in tests/golden/playout.json, which the Lua client is held to as well, and what must be
// true of any path. Time and chance are the test's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buffer, Playout, type BufferOptions, type Values } from "../src/buffer.js";
import { bless, chance } from "./support.js";

const ABOUT = [
  "Vectors of the adaptive buffer. Written by clients/web/test/playout.test.ts with AIRBOAT_BLESS=1; compared up to rounding.",
  "Kind `playout`: when to show what, at `rate` ticks a second, times in milliseconds.",
  "  [arrived, tick, now, [delay, late, loss]]  [at, now, tick shown, status]  [reset]  [counts, interpolated, extrapolated, held]",
  "Kind `buffer`: states of one thing with `options`, times in seconds.",
  "  [push, time, values, now, taken]  [sample, now, values, status]",
];

const stories: { name: string; kind: string; rate?: number; options?: BufferOptions; events: unknown[][] }[] = [];

interface Path {
  rate: number;
  seconds: number;
  /** Milliseconds on the way. */
  delay: (tick: number) => number;
  lost?: (tick: number) => boolean;
  /** Milliseconds between looks. */
  frame?: number;
}

/** Every snapshot as it arrives and every look; each look is told. */
function run(path: Path, playout: Playout, events: unknown[][], each: (now: number, view: number, newest: number) => void): void {
  const arrivals: { at: number; tick: number }[] = [];
  for (let tick = 1; tick <= path.rate * path.seconds; tick++) {
    if (!path.lost?.(tick)) arrivals.push({ at: (tick * 1000) / path.rate + path.delay(tick), tick });
  }
  arrivals.sort((a, b) => a.at - b.at || a.tick - b.tick);
  const end = arrivals.at(-1)!.at;
  let newest = 0;
  for (let now = Math.floor(arrivals[0]!.at), next = 0; now < end; now += path.frame ?? 16) {
    for (; next < arrivals.length && arrivals[next]!.at <= now; next++) {
      const { tick, at } = arrivals[next]!;
      if (tick <= newest) continue;
      playout.arrived((newest = tick), at);
      events.push(["arrived", tick, at, [playout.delay, playout.late, playout.loss]]);
    }
    const view = playout.at(now);
    events.push(["at", now, view, playout.status]);
    each(now, view, newest);
  }
  const { interpolated, extrapolated, held } = playout.counts;
  events.push(["counts", interpolated, extrapolated, held]);
}

function story(name: string, path: Path, check: (playout: Playout, views: number[]) => void): void {
  test(name, () => {
    const events: unknown[][] = [];
    const playout = new Playout(path.rate);
    const views: number[] = [];
    run(path, playout, events, (_, view) => views.push(view));
    stories.push({ name, kind: "playout", rate: path.rate, events });
    for (let i = 1; i < views.length; i++) assert.ok(views[i]! >= views[i - 1]!, "backwards");
    check(playout, views);
  });
}

story("an even path is shown a tick behind", { rate: 30, seconds: 2, delay: () => 20 }, ({ counts, delay }) => {
  assert.ok(delay < 1.1, `a delay of ${delay}`);
  assert.deepEqual([counts.extrapolated, counts.held], [0, 0]);
});

story("an uneven path needs more", { rate: 30, seconds: 3, delay: (tick) => 20 + ((tick * 7) % 5) * 8 }, ({ counts, delay, late }) => {
  assert.ok(late > 0.5 && delay > 1.5 && delay < 2.5, `${late} late, a delay of ${delay}`);
  assert.ok(counts.interpolated > 10 * (counts.extrapolated + counts.held));
});

story("one snapshot is late: things go on as they went", { rate: 30, seconds: 2, delay: (tick) => (tick === 40 ? 90 : tick === 41 ? 60 : 20) }, ({ counts }) => {
  assert.ok(counts.extrapolated > 0);
  assert.equal(counts.held, 0);
});

story("a stall: they go on for a while, hold, and catch up", { rate: 30, seconds: 3, delay: (tick) => (tick >= 30 && tick < 40 ? (40 - tick) * 33.4 + 20 : 20) }, ({ counts }, views) => {
  assert.ok(counts.extrapolated > 0 && counts.held > 0);
  assert.ok(views.at(-1)! > 86, "it has caught up");
});

story("every third tick only", { rate: 60, seconds: 2, delay: () => 30, lost: (tick) => tick % 3 !== 0 }, ({ counts, delay, loss }) => {
  assert.ok(delay >= 3 && delay < 3.2, `a delay of ${delay}`);
  assert.ok(Math.abs(loss - 2 / 3) < 0.03);
  assert.equal(counts.held, 0);
});

story("away for ten seconds", { rate: 20, seconds: 14, delay: () => 20, lost: (tick) => tick > 30 && tick < 230, frame: 50 }, (_, views) => {
  assert.ok(views.at(-1)! > 276, "jumped, not walked");
});

test("a new epoch has other ticks", () => {
  const playout = new Playout(30);
  const events: unknown[][] = [];
  assert.equal(playout.at(0), 0);
  events.push(["at", 0, 0, playout.status]);
  for (const [from, start] of [[1000, 0], [10, 3000]] as const) {
    for (let i = 0; i < 10; i++) {
      const now = start + i * 33;
      playout.arrived(from + i, now);
      events.push(["arrived", from + i, now, [playout.delay, playout.late, playout.loss]], ["at", now + 5, playout.at(now + 5), playout.status]);
    }
    playout.reset();
    events.push(["reset"]);
  }
  stories.push({ name: "a new epoch has other ticks", kind: "playout", rate: 30, events });
});

function buffered(name: string, options: BufferOptions, fn: (push: (time: number, values: Values, now: number) => boolean, sample: (now: number) => Values) => void): void {
  test(name, () => {
    const events: unknown[][] = [];
    const made = buffer(options);
    fn(
      (time, values, now) => {
        const taken = made.push(time, values, now);
        events.push(["push", time, { ...values }, now, taken]);
        return taken;
      },
      (now) => {
        const values: Values = {};
        events.push(["sample", now, values, made.sample(now, values)]);
        return { ...values, status: events.at(-1)![3] };
      },
    );
    stories.push({ name, kind: "buffer", options, events });
  });
}

buffered("places between two states, and beyond the last", { rate: 10, angles: ["turn"], extrapolate: 0.1 }, (push, sample) => {
  assert.equal(sample(0).status, "empty");
  for (let i = 0; i <= 10; i++) push(50 + i / 10, { x: i * 10, turn: (6 + i / 5) % (2 * Math.PI), on: i % 2 === 0 }, 1 + i / 10);
  const x: number[] = [];
  for (let now = 2; now < 2.5; now += 0.02) x.push(sample(now).x as number);
  for (let i = 1; i < x.length; i++) assert.ok(x[i]! >= x[i - 1]!);
  assert.ok(x.at(-1)! > 100, "a little beyond the last");
  assert.ok(x.at(-1)! < 111, "and not for long");
  assert.equal(sample(2.6).status, "held");
});

buffered("in any order, twice, too late, and elsewhere at once", { rate: 10, snap: 50 }, (push, sample) => {
  assert.ok(push(1, { x: 0 }, 0));
  assert.ok(push(1.2, { x: 20 }, 0.2));
  assert.ok(push(1.1, { x: 12 }, 0.21), "between");
  assert.ok(!push(1.1, { x: 11 }, 0.22), "twice");
  assert.ok(!push(0.9, { x: 9 }, 0.23), "before all");
  assert.ok(push(1.3, { x: 200 }, 0.3));
  assert.ok(push(1.4, { x: 210 }, 0.4));
  for (let now = 0.25; now < 0.7; now += 0.02) {
    const { x } = sample(now) as { x: number };
    assert.ok(x <= 20 || x >= 200, `${x} is nowhere`);
  }
});

test("the vectors are what is checked in", () => bless("playout.json", { about: ABOUT, stories }));

test("whatever the path, time goes on evenly and is seldom short of states", () => {
  const random = chance("paths", 0x5eed0011);
  for (const [rate, jitter, loss] of [[30, 0, 0], [30, 20, 0], [60, 8, 10], [20, 30, 20], [60, 25, 3]] as const) {
    const playout = new Playout(rate);
    let [last, starved, looks] = [-Infinity, 0, 0];
    run({ rate, seconds: 40, delay: () => 40 + random(jitter + 1), lost: () => random(100) < loss }, playout, [], (now, view, newest) => {
      assert.ok(view >= last && (last < 0 || view - last <= ((16 * rate) / 1000) * 1.11), `from ${last} to ${view}`);
      assert.ok(view <= newest + 0.1 * rate + 1e-9);
      last = view;
      if (now < 8000) return;
      looks++;
      if (view > newest) starved++;
      assert.ok(newest - view < 9, `${newest - view} behind`);
    });
    assert.ok(starved / looks < 0.08, `short in ${starved} of ${looks} looks (${rate} Hz, jitter ${jitter}, loss ${loss})`);
  }
});
