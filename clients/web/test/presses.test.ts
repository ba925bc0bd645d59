// Presses over links that break: each is counted once by the room, or not at all where the room's life is another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JOINED, RESUMED, WELCOME as WELCOMES } from "../src/frames.js";
import { joinAnswer, SCHEMA, seated, settle, until, WELCOME, type FakeLink, type Seated } from "./support.js";

const PRESSES = 7;
/** One press and nothing else, and ticks that do not make the test wait. */
const schema = { ...SCHEMA, tick_rate: 240, inputs: [["fire", ["press"]]] };
const answer = (more: Record<string, unknown> = {}) => joinAnswer({ schema, ...more });

/** What a room does with inputs: one number a tick, in order; presses are what the count grew by, modulo 4. */
class Buffer {
  presses = 0;
  private held = 0;
  private readonly waiting = new Map<number, number>();

  constructor(public applied = 0) {}

  /** Takes in what was sent over a link since it was looked at last. Returns the numbers of the newest in each. */
  receive(link: FakeLink): number[] {
    const frames = inputs(link);
    link.sent.length = 0;
    return frames.map((frame) => {
      const newest = numberOf(frame);
      let [at, count] = [9, 0];
      for (let age = 0; age < frame[8]!; age++) {
        // Zigzagged; an older one begins with whether it differs.
        if (age === 0 || frame[at++] === 1) count = frame[at++]! / 2;
        if (newest - age > this.applied && !this.waiting.has(newest - age)) this.waiting.set(newest - age, count);
      }
      assert.equal(at, frame.length);
      return newest;
    });
  }

  /** Those from this number on never came. */
  forget(first: number): void {
    for (const number of [...this.waiting.keys()]) if (number >= first) this.waiting.delete(number);
  }

  private tick(): void {
    const number = Math.min(...this.waiting.keys());
    const count = this.waiting.get(number)!;
    this.waiting.delete(number);
    this.presses += (count - this.held) & 3;
    this.held = count;
    this.applied = number;
  }

  ticks(): void {
    while (this.waiting.size > 0) this.tick();
  }
}

const numberOf = (frame: Uint8Array): number => frame[6]! | (frame[7]! << 8);
const inputs = (link: FakeLink): Uint8Array[] => link.sent.filter((frame) => frame[0] === 2);

/** Presses so many times, one for each tick. Returns the numbers of the inputs that have them. */
async function press({ room, links }: Seated, times: number): Promise<number[]> {
  const link = links.at(-1)!;
  const numbers: number[] = [];
  for (let i = 0; i < times; i++) {
    const before = inputs(link).length;
    room.press("fire");
    await until("its input", () => inputs(link).length > before);
    numbers.push(numberOf(inputs(link)[before]!));
  }
  return numbers;
}

/** The room's next state: it has applied this input. */
function applied(link: FakeLink, tick: number, number: number): void {
  link.onframe(Uint8Array.of(1, 0, 7, tick & 255, tick >> 8, 1, number & 255, number >> 8, 0, 0, 0));
}

/** The link breaks, and there is another that is greeted. */
async function comeBack({ links }: Seated): Promise<FakeLink> {
  const count = links.length;
  links.at(-1)!.break();
  await until("another link", () => links.length > count && links.at(-1)!.sent.length > 0);
  const link = links.at(-1)!;
  link.sent.length = 0;
  link.say(WELCOMES, WELCOME);
  await settle();
  assert.deepEqual(inputs(link), [], "no inputs before the room's answer");
  return link;
}

/** The room has had these presses, once everything that is sent by itself was. */
async function counts(seat: Seated, buffer: Buffer, presses: number): Promise<void> {
  const link = seat.links.at(-1)!;
  for (let later = 0; later < 12; later++) {
    await until("another input", () => inputs(link).length > 0);
    buffer.receive(link);
    buffer.ticks();
  }
  assert.equal(buffer.presses, presses);
}

test("presses on their way when a link breaks are sent again by their numbers", async () => {
  const seat = await seated(answer());
  const buffer = new Buffer();
  const numbers = await press(seat, PRESSES);
  const link = await comeBack(seat);
  link.say(RESUMED, 7, 0);
  assert.deepEqual(buffer.receive(link), numbers);
  buffer.ticks();
  await counts(seat, buffer, PRESSES);
  seat.client.close();
});

test("what the room had of them already is not counted again", async () => {
  const seat = await seated(answer());
  const buffer = new Buffer();
  const numbers = await press(seat, PRESSES);
  buffer.receive(seat.link);
  buffer.forget(numbers[4]!);
  buffer.ticks();
  assert.equal(buffer.presses, 4);
  // Two of these four are known here.
  applied(seat.link, 101, numbers[1]!);
  const link = await comeBack(seat);
  link.say(RESUMED, 7, 0);
  assert.deepEqual(buffer.receive(link), numbers.slice(2), "none that a snapshot has named");
  buffer.ticks();
  await counts(seat, buffer, PRESSES);
  // And now that the room has told of all, there are none to send.
  applied(link, 102, buffer.applied);
  const third = await comeBack(seat);
  third.say(RESUMED, 7, 0);
  assert.deepEqual(buffer.receive(third), []);
  await counts(seat, buffer, PRESSES);
  seat.client.close();
});

test("a join answer in the same life counts those again that never came", async () => {
  const seat = await seated(answer());
  const numbers = await press(seat, PRESSES);
  const link = await comeBack(seat);
  // It had the first two.
  link.say(JOINED, answer({ tick: 130, input: numbers[1]! + 1 }));
  const buffer = new Buffer(numbers[1]!);
  await counts(seat, buffer, PRESSES - 2);
  // One more while they wait takes none of them away.
  await press(seat, PRESSES);
  const other = await comeBack(seat);
  other.say(JOINED, answer({ tick: 160, input: buffer.applied + 1 }));
  seat.room.press("fire");
  await counts(seat, new Buffer(buffer.applied), PRESSES);
  seat.client.close();
});

test("another life of the room has what it has", async () => {
  const seat = await seated(answer());
  await press(seat, PRESSES);
  const link = await comeBack(seat);
  link.say(JOINED, answer({ epoch: 8, tick: 5 }));
  const buffer = new Buffer();
  await counts(seat, buffer, 0);
  await press(seat, 1);
  await counts(seat, buffer, 1);
  seat.client.close();
});

test("another version of the module has none of them either", async () => {
  const seat = await seated(answer());
  await press(seat, PRESSES);
  seat.link.sent.length = 0;
  seat.link.say(JOINED, answer({ epoch: 8, tick: 5, schema: { ...schema, title: "other" } }));
  const buffer = new Buffer();
  await counts(seat, buffer, 0);
  const link = await comeBack(seat);
  link.say(RESUMED, 8, 0);
  assert.deepEqual(buffer.receive(link), []);
  await counts(seat, buffer, 0);
  seat.client.close();
});

test("a link that leaves out what may be lost leaves out no press", async () => {
  const seat = await seated(answer());
  seat.link.full = true;
  await press(seat, PRESSES);
  const buffer = new Buffer();
  buffer.receive(seat.link);
  buffer.ticks();
  assert.equal(buffer.presses, PRESSES);
  seat.client.close();
});
