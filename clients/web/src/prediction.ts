// Prediction and reconciliation: one's own thing moves at once, by the very step that the room will run on the same
// input, and what the room says of it is held against what was predicted. No clock, no network and no room in here.

/** Where the room's word is off by more than this many quanta, it was right and we were not. */
const TOLERANCE = 1 + 1e-9;
/** Ticks that are drawn beyond the newest input at most, should the next one be late. */
const LEAD = 1.5;
const TAU = 2 * Math.PI;

export interface PredictOptions<State extends object, Input extends object> {
  /** One tick, in place: the same arithmetic that the room does. Also called with parts of a tick, to draw. */
  step: (state: State, input: Input, dt: number) => void;
  /** Seconds of a tick. */
  dt: number;
  /** What the room rounds its fields to. Fields that are not named here are compared exactly. */
  quantum?: { readonly [Field in keyof State]?: number } | undefined;
  /** Fields that wrap, in radians. */
  angles?: readonly (keyof State & string)[] | undefined;
  /** Fields that the room keeps to itself, as they are in the beginning. */
  fresh?: Partial<State> | undefined;
  /** Inputs that are edges: where a tick repeats what was held, it does not repeat these. */
  presses?: readonly (keyof Input & string)[] | undefined;
  /** Seconds in which a correction loses two thirds of what one sees of it. Default 0.1. */
  smooth?: number | undefined;
  /** Corrections that are larger than this in any field are not smoothed. */
  snap?: number | undefined;
  /** Inputs that may wait for the room; beyond, nothing is predicted. Default: one second of them. */
  limit?: number | undefined;
}

/** Running counts modulo 256, as every snapshot has them. */
export interface Counts {
  /** Ticks that repeated what was held, because no fresh input had come. */
  substitutions: number;
  /** Inputs that were passed over; their presses went into the next. */
  skips: number;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Loose = Record<string, any>;

const zeros = (fields: readonly string[]): Loose => Object.fromEntries(fields.map((field) => [field, 0]));

export class Prediction<State extends object, Input extends object> {
  /** The state after the newest input. Undefined while there is nothing to predict. */
  state: State | undefined;
  /** Of what the room last said: quanta between it and what was predicted. */
  error = 0;
  /** How often the room was right and we were not. */
  corrections = 0;
  /** How often that was too far to be smoothed. */
  snaps = 0;
  /** Ticks that repeated what was held, and inputs passed over. */
  repeats = 0;
  skipped = 0;
  /** Inputs that were not predicted because too many waited. */
  refused = 0;

  readonly #step: (state: Loose, input: Loose, dt: number) => void;
  readonly #dt: number;
  readonly #quantum: Record<string, number>;
  readonly #angles: readonly string[];
  readonly #fresh: object;
  readonly #presses: readonly string[];
  /** Fields whose corrections are smoothed. */
  readonly #smoothed: readonly string[];
  readonly #smooth: number;
  readonly #snap: number;
  readonly #limit: number;

  /** The room's newest word, in our own doubles where they agree with it, and what was applied last. */
  #base: Loose = {};
  #applied = 0;
  #held: Loose = {};
  #counts: Counts | undefined;
  /** Inputs that are not in `#base` yet. */
  #waiting: { number: number; input: Loose }[] = [];
  #newest = 0;
  /** When the newest input was due, and what is held since then. */
  #at = 0;
  #hold: Loose | undefined;
  /** What is drawn beside the state, and until when that has been made smaller. */
  readonly #offset: Loose;
  #seen = -Infinity;
  readonly #view: Loose = {};
  readonly #before: Loose = {};
  readonly #after: Loose = {};

  constructor(options: PredictOptions<State, Input>) {
    this.#step = options.step as (state: Loose, input: Loose, dt: number) => void;
    this.#dt = options.dt;
    this.#quantum = { ...options.quantum } as Record<string, number>;
    this.#angles = options.angles ?? [];
    this.#fresh = options.fresh ?? {};
    this.#presses = options.presses ?? [];
    this.#smoothed = Object.keys(this.#quantum).filter((field) => !this.#angles.includes(field)).sort();
    this.#smooth = options.smooth ?? 0.1;
    this.#snap = options.snap ?? Infinity;
    this.#limit = options.limit ?? Math.ceil(1 / options.dt);
    this.#offset = zeros(this.#smoothed);
  }

  /** Inputs that the room has not applied yet, as far as we know. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Begins anew: the last input applied has this number, and nothing waits. */
  restart(applied: number): void {
    this.#applied = this.#newest = applied;
    this.#waiting = [];
    this.#counts = undefined;
    this.forget();
  }

  /** There is nothing to predict, or something else: inputs go on waiting for it. */
  forget(): void {
    this.state = undefined;
    Object.assign(this.#offset, zeros(this.#smoothed));
  }

  /** One tick's input, in real units; `now` in seconds: when it was due. Returns its number, to be sent with it. */
  input(input: Input, now: number, number: number = this.#newest + 1): number {
    this.#newest = number;
    this.#change(now, () => {
      this.#at = now;
      this.#hold = this.#still(input);
      // Nobody knows what becomes of what so long ago was told nobody: stand still until the room is heard again.
      if (this.#waiting.length >= this.#limit) return void this.refused++;
      this.#waiting.push({ number, input: { ...input } });
      if (this.state) this.#step(this.state, input, this.#dt);
    });
    return number;
  }

  /** What is held from now on, seen before the next tick takes it. Fields not named stay. Nothing before the first input. */
  hold(input: Partial<Input>, now: number): void {
    this.#change(now, () => (this.#hold &&= { ...this.#hold, ...this.#still(input) }));
  }

  /**
   * What a snapshot says: the number of the last input `applied`, and what is predicted as it stands there, or undefined
   * when it is not there.
   */
  ack(applied: number, truth: Partial<State> | undefined, now: number, counts?: Counts): void {
    if (applied < this.#applied) return;
    this.#change(now, () => {
      const known = this.#advance(applied, counts);
      if (!truth) return this.forget();
      if (!this.state) {
        this.#base = { ...this.#fresh, ...truth };
        this.error = 0;
      } else {
        const wrong = this.#compare(truth as Loose);
        if (!wrong && known) return;
        if (wrong) {
          this.corrections++;
          Object.assign(this.#base, truth);
        }
      }
      const state = { ...this.#base };
      for (const { input } of this.#waiting) this.#step(state, input, this.#dt);
      this.state = state as State;
    });
  }

  /** What to draw at `now` (seconds), or undefined. The same object each time. */
  view(now: number): State | undefined {
    if (!this.state) return undefined;
    this.#decay(now);
    this.#ahead(Math.max(now, this.#seen), this.#view);
    for (const field of this.#smoothed) this.#view[field] += this.#offset[field];
    return this.#view as State;
  }

  /** How far what is drawn is beside what is predicted, in units. */
  get offset(): number {
    return Math.hypot(...this.#smoothed.map((field) => this.#offset[field]));
  }

  #still(input: object): Loose {
    const held: Loose = { ...input };
    for (const press of this.#presses) if (press in held) held[press] = 0;
    return held;
  }

  /** Brings `#base` to the room's last tick by our own arithmetic. Whether it went as the inputs were predicted. */
  #advance(applied: number, counts: Counts | undefined): boolean {
    const since = (name: keyof Counts) => (counts && this.#counts ? (counts[name] - this.#counts[name]) & 255 : 0);
    const [repeats, skips] = [since("substitutions"), since("skips")];
    if (counts) this.#counts = { substitutions: counts.substitutions, skips: counts.skips };
    this.repeats += repeats;
    this.skipped += skips;
    // The ticks in which nothing waited came first: then what was missing arrived.
    const step = (input: Loose) => this.state && this.#step(this.#base, input, this.#dt);
    for (let i = 0; i < Math.min(repeats, this.#limit); i++) step(this.#held);
    let passed = 0;
    const presses = zeros(this.#presses);
    while (this.#waiting[0] && this.#waiting[0].number <= applied) {
      const { number, input } = this.#waiting.shift()!;
      for (const press of this.#presses) presses[press] += Number(input[press] ?? 0);
      if (passed < skips && number < applied) {
        passed++;
        continue;
      }
      this.#held = this.#still(input);
      step({ ...input, ...presses });
      Object.assign(presses, zeros(this.#presses));
    }
    this.#applied = applied;
    if (this.#newest < applied) this.#newest = applied;
    return repeats === 0 && skips === 0;
  }

  /** Whether the room's word is another than ours. */
  #compare(truth: Loose): boolean {
    let exact = true;
    this.error = 0;
    for (const field of Object.keys(truth)) {
      const [ours, theirs, quantum] = [this.#base[field], truth[field], this.#quantum[field]];
      if (ours === theirs) continue;
      let off = Math.abs(ours - theirs);
      if (this.#angles.includes(field)) off = Math.min(off % TAU, TAU - (off % TAU));
      if (quantum === undefined || Number.isNaN(off)) exact = false;
      else this.error = Math.max(this.error, off / quantum);
    }
    return !exact || this.error > TOLERANCE;
  }

  /** Whatever happens to the state, what is drawn goes on from where it was, and comes over to it by and by. */
  #change(now: number, change: () => unknown): void {
    this.#decay(now);
    const at = Math.max(now, this.#seen);
    const drawn = this.state !== undefined && this.#ahead(at, this.#before);
    change();
    if (!drawn || !this.state) return;
    this.#ahead(at, this.#after);
    let far = 0;
    for (const field of this.#smoothed) {
      this.#offset[field] += this.#before[field] - this.#after[field];
      far = Math.max(far, Math.abs(this.#offset[field]));
    }
    if (far <= this.#snap) return;
    this.snaps++;
    Object.assign(this.#offset, zeros(this.#smoothed));
  }

  #decay(now: number): void {
    if (now <= this.#seen) return;
    const left = Math.exp((this.#seen - now) / this.#smooth);
    for (const field of this.#smoothed) this.#offset[field] *= left;
    this.#seen = now;
  }

  /** The state at `now`: whole ticks, and the part of one that has passed since with what is held. */
  #ahead(now: number, into: Loose): true {
    Object.assign(into, this.state);
    const passed = Math.min(Math.max(now - this.#at, 0), LEAD * this.#dt);
    if (passed > 0 && this.#hold) this.#step(into, this.#hold, passed);
    return true;
  }
}

/** A prediction of whatever `step` moves. Knows nothing of rooms; see `predictOwn` for one that does. */
export function predict<State extends object, Input extends object>(
  options: PredictOptions<State, Input>,
): Prediction<State, Input> {
  return new Prediction(options);
}
