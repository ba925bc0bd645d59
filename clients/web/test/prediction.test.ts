// Prediction and reconciliation: the vectors in tests/golden/prediction.json, which the Lua client is held to as well, and
// what must be true of any of them. A room is played against the helper: it applies one input a tick, repeats what is
// held when none has come, passes one over when too many wait, and tells rounded numbers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { predict, type Prediction, type PredictOptions } from "../src/predict.js";
import { bless, chance } from "./support.js";

interface State {
  x: number;
  y: number;
  heading: number;
  walking: boolean;
  /** The room keeps it to itself. */
  shots: number;
}

interface Input {
  mx: number;
  my: number;
  turn: number;
  fire: number;
}

const TAU = 2 * Math.PI;
const DT = 1 / 30;
const STEPS: Record<string, number> = { x: 1 / 8, y: 1 / 8, heading: TAU / 1024 };
const within = (n: number, low: number, high: number) => Math.min(Math.max(n, low), high);

function step(state: State, input: Input, dt: number): void {
  state.walking = input.mx !== 0 || input.my !== 0;
  state.x = within(state.x + input.mx * 60 * dt, 0, 400);
  state.y = within(state.y + input.my * 60 * dt, 0, 400);
  state.heading += input.turn * 2 * dt;
  if (state.heading >= TAU) state.heading -= TAU;
  if (state.heading < 0) state.heading += TAU;
  state.shots += input.fire;
}

const ABOUT = [
  "Vectors of prediction and reconciliation. Written by clients/web/test/prediction.test.ts with AIRBOAT_BLESS=1.",
  "The step, on a state {x, y, heading, walking, shots} with an input {mx, my, turn, fire}:",
  "  walking = mx ~= 0 or my ~= 0",
  "  x = min(max(x + mx * 60 * dt, 0), 400), and y with my likewise",
  "  heading = heading + turn * 2 * dt; 2 pi less when that is 2 pi or more, then 2 pi more when it is below 0",
  "  shots = shots + fire",
  "Options: those of each story. Times are seconds.",
  "Events, with what can be read after them (null: nothing is predicted), compared up to rounding:",
  "  [restart, applied, state]  [input, input, now, number, state]  [hold, input, now, state]",
  "  [view, now, what view returns]",
  "  [ack, applied, truth or null, now, [substitutions, skips], state,",
  "    [error, offset, corrections, snaps, repeats, skipped, refused, waiting]]",
  "A state is [x, y, heading, walking, shots]; a truth is [x, y, heading, walking]; an input is [mx, my, turn, fire], null: not named.",
];

const OPTIONS = {
  dt: DT, quantum: STEPS, angles: ["heading"], fresh: { shots: 0 }, presses: ["fire"], smooth: 0.1, snap: 40, limit: 30,
} as const satisfies Omit<PredictOptions<State, Input>, "step">;

const START: State = { x: 100, y: 100, heading: 0, walking: false, shots: 0 };
const STILL: Input = { mx: 0, my: 0, turn: 0, fire: 0 };

const rounded = ({ x, y, heading, walking }: State) => ({
  x: Math.round(x * 8) / 8, y: Math.round(y * 8) / 8, heading: (Math.round((heading / TAU) * 1024) % 1024) * STEPS["heading"]!, walking,
});

type Truth = ReturnType<typeof rounded>;

const told = (state: Partial<State> | undefined) =>
  state ? [state.x, state.y, state.heading, state.walking, state.shots] : null;
const listed = (input: Partial<Input>) => [input.mx ?? null, input.my ?? null, input.turn ?? null, input.fire ?? null];

/** Plays and writes down what it does. */
class Story {
  readonly events: unknown[][] = [];
  readonly p: Prediction<State, Input>;

  constructor(readonly name: string, readonly options: Partial<typeof OPTIONS> = {}) {
    this.p = predict<State, Input>({ step, ...OPTIONS, ...options });
  }

  #state(): unknown {
    return told(this.p.state);
  }

  restart(applied: number): void {
    this.p.restart(applied);
    this.events.push(["restart", applied, this.#state()]);
  }

  input(input: Input, now: number, number: number): void {
    assert.equal(this.p.input(input, now, number), number);
    this.events.push(["input", listed(input), now, number, this.#state()]);
  }

  hold(input: Partial<Input>, now: number): void {
    this.p.hold(input, now);
    this.events.push(["hold", listed(input), now, this.#state()]);
  }

  ack(applied: number, truth: Truth | null, now: number, counts: { substitutions: number; skips: number }): void {
    this.p.ack(applied, truth ?? undefined, now, counts);
    const { error, offset, corrections, snaps, repeats, skipped, refused, waiting } = this.p;
    const numbers = [error, offset, corrections, snaps, repeats, skipped, refused, waiting];
    this.events.push(["ack", applied, told(truth ?? undefined)?.slice(0, 4) ?? null, now, [counts.substitutions, counts.skips], this.#state(), numbers]);
  }

  view(now: number): State | undefined {
    const view = this.p.view(now);
    this.events.push(["view", now, told(view)]);
    return view;
  }
}

interface Play {
  ticks: number;
  /** What the player does in a tick. */
  keys: (tick: number) => Input;
  /** Ticks on the way to the room, by input number; undefined: never by itself. */
  up?: (number: number) => number;
  /** Ticks on the way back. */
  down?: number;
  /** What happens in the room besides. */
  meddle?: (tick: number, state: State) => void;
  there?: (tick: number) => boolean;
  /** Inputs that wait before one is passed over. */
  passes?: (tick: number) => boolean;
  lost?: (tick: number) => boolean;
  /** Seconds after each tick's input. */
  looksAt?: number[];
}

/** A room and a client in lockstep; each tick one input, the snapshot that is due, two looks. Returns all looks. */
function play(story: Story, { ticks, keys, up = () => 1, down = 2, meddle, there = () => true, passes = () => false, lost = () => false, looksAt = [0.006, 0.022] }: Play): { now: number; x: number }[] {
  const room: State = { ...START };
  const arriving: { at: number; number: number; input: Input }[] = [];
  const waiting: { number: number; input: Input }[] = [];
  const snapshots: { at: number; applied: number; truth: Truth | null; counts: { substitutions: number; skips: number } }[] = [];
  const looks: { now: number; x: number }[] = [];
  let [applied, held, carried, substitutions, skips] = [0, STILL, 0, 0, 0];
  story.restart(0);
  for (let tick = 1; tick <= ticks; tick++) {
    const now = tick * DT;
    const input = keys(tick);
    story.input(input, now, tick);
    arriving.push({ at: tick + up(tick), number: tick, input });
    for (const a of arriving.filter((a) => a.at === tick)) waiting.push(a);
    if (passes(tick) && waiting.length > 1) {
      carried += waiting.shift()!.input.fire;
      skips++;
    }
    const next = waiting.shift();
    if (next) {
      step(room, { ...next.input, fire: next.input.fire + carried }, DT);
      [applied, held, carried] = [next.number, { ...next.input, fire: 0 }, 0];
    } else if (applied > 0) {
      step(room, held, DT);
      substitutions++;
    }
    meddle?.(tick, room);
    snapshots.push({ at: tick + down, applied, truth: there(tick) ? rounded(room) : null, counts: { substitutions: substitutions & 255, skips: skips & 255 } });
    for (const s of snapshots.filter((s) => s.at === tick && !lost(tick))) story.ack(s.applied, s.truth, now + 0.004, s.counts);
    for (const part of looksAt) {
      const view = story.view(now + part);
      if (view) looks.push({ now: now + part, x: view.x });
    }
  }
  return looks;
}

const walk = (tick: number): Input => ({
  mx: tick % 20 < 12 ? 1 : -1, my: tick % 14 < 7 ? 0 : 1, turn: tick % 10 < 5 ? -1 : 1, fire: tick % 9 === 0 ? 1 : 0,
});

/** No two looks are farther apart than one can walk, and a correction's share of the way. */
function even(looks: { now: number; x: number }[], most: number): void {
  for (let i = 1; i < looks.length; i++) {
    const far = Math.abs(looks[i]!.x - looks[i - 1]!.x);
    assert.ok(far <= most, `a leap of ${far} at ${looks[i]!.now}`);
  }
}

const stories: Story[] = [];
function story(name: string, options: Partial<typeof OPTIONS>, fn: (story: Story) => void): void {
  test(name, () => {
    const made = new Story(name, options);
    stories.push(made);
    fn(made);
  });
}

story("a clean link: what is predicted is what comes", {}, (s) => {
  even(play(s, { ticks: 40, keys: walk }), 60 * 0.035 + 1.6);
  assert.deepEqual([s.p.corrections, s.p.repeats, s.p.skipped], [0, 0, 0]);
  // An eighth is the quantum: rounding is half of it at most.
  assert.ok(s.p.error <= 0.5 + 1e-9, String(s.p.error));
  assert.equal(s.p.waiting, 3);
});

story("an input comes too late, and later one is passed over", {}, (s) => {
  const keys = (tick: number): Input => ({ mx: 1, my: 0, turn: 0, fire: tick === 11 || tick === 12 ? 1 : 0 });
  even(play(s, { ticks: 40, keys, up: (n) => (n >= 10 ? 2 : 1), passes: (tick) => tick === 25 }), 60 * 0.035 + 0.5);
  assert.equal(s.p.repeats, 1);
  // What a tick repeats and what is passed over is known: it is no misprediction.
  assert.equal(s.p.corrections, 0);
});

story("one is passed over, and its press is not", {}, (s) => {
  play(s, { ticks: 30, keys: (tick) => ({ mx: 1, my: 0, turn: 0, fire: tick === 12 ? 1 : 0 }), up: (n) => (n < 6 || n > 12 ? 1 : n === 12 ? 2 : 1), passes: () => true });
  assert.equal(s.p.state!.shots, 1);
});

story("the room pushes: the correction is seen as a glide", {}, (s) => {
  const looks = play(s, { ticks: 40, keys: () => ({ ...STILL, mx: 1 }), meddle: (tick, room) => void (tick === 15 && (room.x += 20)) });
  even(looks, 60 * 0.035 + 20 * 0.2);
  assert.equal(s.p.corrections, 1);
  assert.ok(s.p.offset < 0.2, `${s.p.offset} are left of it`);
});

story("too far to glide", {}, (s) => {
  play(s, { ticks: 25, keys: () => ({ ...STILL, my: -1 }), meddle: (tick, room) => void (tick === 10 && (room.x += 200)) });
  assert.deepEqual([s.p.corrections, s.p.snaps], [1, 1]);
  assert.ok(s.p.offset < 1e-9);
});

story("gone and back elsewhere", {}, (s) => {
  const looks = play(s, {
    ticks: 40, keys: () => ({ ...STILL, mx: 1 }), there: (tick) => tick < 10 || tick > 20,
    meddle: (tick, room) => void (tick === 20 && ([room.x, room.y] = [300, 50])),
  });
  assert.ok(looks.length < 80 - 10, "nothing was drawn meanwhile");
  assert.equal(s.p.corrections, 0);
});

story("snapshots are lost, and inputs come late meanwhile", {}, (s) => {
  play(s, { ticks: 50, keys: walk, up: (n) => (n % 16 === 5 ? 2 : 1), lost: (tick) => tick % 3 !== 0, passes: (tick) => tick % 16 === 13 });
  assert.ok(s.p.repeats > 0);
});

story("nobody answers: at some point one stands still", { limit: 10 }, (s) => {
  play(s, { ticks: 40, keys: () => ({ ...STILL, mx: 1 }), lost: (tick) => tick > 10 && tick < 30 });
  assert.ok(s.p.refused > 0);
  assert.ok(s.p.waiting <= 10);
});

story("another life of the room", {}, (s) => {
  s.restart(50);
  s.ack(50, rounded(START), 0, { substitutions: 250, skips: 3 });
  s.input({ ...STILL, mx: 1 }, 0.01, 51);
  s.view(0.02);
  s.restart(7);
  assert.equal(s.view(0.03), undefined);
  s.input({ ...STILL, mx: -1 }, 0.04, 8);
  s.ack(7, rounded(START), 0.05, { substitutions: 1, skips: 0 });
  // Counts of another life say nothing.
  assert.equal(s.p.repeats, 0);
  assert.equal(s.p.state!.x, 98);
  s.ack(8, rounded({ ...START, x: 98, walking: true }), 0.08, { substitutions: 1, skips: 0 });
  s.ack(3, rounded(START), 0.09, { substitutions: 9, skips: 0 });
  assert.equal(s.p.state!.x, 98, "older news is none");
});

story("a key is seen before the next tick takes it", {}, (s) => {
  s.restart(0);
  s.ack(0, rounded(START), 0, { substitutions: 0, skips: 0 });
  s.input(STILL, 0, 1);
  assert.equal(s.view(0.016)!.x, 100);
  s.hold({ mx: 1 }, 0.02);
  const first = s.view(0.022)!.x;
  assert.ok(first > 100 && first < 101, `${first} two milliseconds later`);
  assert.equal(s.view(0.022)!.walking, true);
  const later = s.view(0.032)!.x;
  s.input({ ...STILL, mx: 1 }, 1 / 30, 2);
  const next = s.view(0.034)!.x;
  assert.ok(next > later && next - later < 0.5, `from ${later} to ${next}`);
  s.hold({ mx: 0 }, 0.05);
  const [a, b] = [s.view(0.05)!.x, s.view(0.06)!.x];
  assert.ok(a >= next && b <= a, "and so is letting go");
});

story("a heading that passes zero is as near as it is", {}, (s) => {
  play(s, { ticks: 20, keys: (tick) => ({ ...STILL, turn: tick < 10 ? -1 : 1 }) });
  assert.equal(s.p.corrections, 0);
});

test("the vectors are what is checked in", () => {
  const told = stories.map(({ name, options, events }) => ({ name, options: { ...OPTIONS, ...options }, events }));
  bless("prediction.json", { about: ABOUT, stories: told });
});

test("whatever the way does, the state comes to be the room's", () => {
  const random = chance("prediction", 0x5eed0010);
  for (let round = 0; round < 200; round++) {
    const calm = 60;
    const [down, late] = [1 + random(5), random(3)];
    const story = new Story("");
    let pushed = 0;
    let last: State | undefined;
    play(story, {
      ticks: 120, down, keys: (tick) => (tick < calm ? walk(tick + random(7)) : { ...STILL, mx: 1 }),
      up: (n) => 1 + (n < calm ? random(late + 1) : late),
      lost: (tick) => tick < 100 && random(10) === 0,
      passes: () => random(15) === 0,
      meddle: (tick, room) => {
        if (tick < calm && random(30) === 0) [pushed, room.y] = [pushed + 1, within(room.y + random(30), 0, 400)];
        last = { ...room };
      },
    });
    const { p } = story;
    // Whatever waits is one more step to the right.
    const ahead = Math.min(400, last!.x + (p.waiting - down) * 2);
    assert.ok(Math.abs(p.state!.x - ahead) <= 2 * 2 * (late + 1) + 0.25, `round ${round}: ${p.state!.x}, the room comes to ${ahead}`);
    assert.ok(Math.abs(p.state!.y - last!.y) <= 0.25, `round ${round}: y ${p.state!.y}, ${last!.y} there`);
    assert.ok(p.offset < 8, `round ${round}: ${p.offset} beside`);
  }
});
