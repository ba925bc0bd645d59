// Prediction of one's own entity in a room: what `predict` needs to know stands in the room's schema.

import type { Follower, Room } from "./room.js";
import { Prediction } from "./prediction.js";

export interface OwnOptions<State extends object, Input extends object> {
  /** One tick, in place; called with parts of a tick too, to draw. */
  step: (state: State, input: Input, dt: number) => void;
  /** The fields that `step` works on; all of the class's when left out. */
  fields?: readonly (keyof State & string)[] | undefined;
  /** See `PredictOptions`. */
  fresh?: Partial<State> | undefined;
  smooth?: number | undefined;
  snap?: number | undefined;
  /** Each tick's input once it is part of the prediction, with the state it led to; not again when it is replayed. */
  stepped?: ((state: State, input: Input, tick: number) => void) | undefined;
  /** Milliseconds of the room's clock. */
  now?: (() => number) | undefined;
}

/** Made by `predictOwn`. */
export class Own<State extends object, Input extends object> implements Follower {
  /** The arithmetic and what it has seen so far; another one when the module's schema changes. */
  prediction!: Prediction<State, Input>;
  readonly #room: Room;
  readonly #class: string;
  readonly #options: OwnOptions<State, Input>;
  readonly #now: () => number;
  #schema: unknown;
  #fields: readonly string[] = [];
  #id = -1;
  #unfollow: () => void;

  constructor(room: Room, className: string, options: OwnOptions<State, Input>) {
    this.#room = room;
    this.#class = className;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    // Only now: a later version of the module may have others, and that is no mistake of the program.
    const of = room.schema.classes.find(({ name }) => name === className);
    if (!of) throw new TypeError(`airboat: the module has no class ${className}`);
    const strange = options.fields?.find((name) => !of.fields.some((field) => field.name === name));
    if (strange) throw new TypeError(`airboat: ${className} has no field ${strange}`);
    this.#unfollow = room.follow(this);
  }

  /** What to draw now, or undefined while one has no such entity. The same object each time. */
  get view(): Readonly<State> | undefined {
    return this.prediction.view(this.#now() / 1000);
  }

  /** The entity's id while it is predicted. */
  get id(): number | undefined {
    return this.prediction.state && this.#id;
  }

  stop(): void {
    this.#unfollow();
    this.prediction.forget();
  }

  restart(applied: number): void {
    const { schema } = this.#room;
    if (schema !== this.#schema) {
      const of = schema.classes.find((c) => c.name === this.#class);
      const wanted: readonly string[] | undefined = this.#options.fields;
      const fields = (of?.fields ?? []).filter((field) => wanted?.includes(field.name) ?? true);
      const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
      const numbers = fields.filter(({ kind }) => kind === "number" || kind === "angle");
      this.#schema = schema;
      this.#fields = names(fields);
      this.prediction = new Prediction<State, Input>({
        step: this.#options.step,
        dt: 1 / schema.tickRate,
        quantum: Object.fromEntries(numbers.map(({ name, step }) => [name, step])) as Record<keyof State, number>,
        angles: names(fields.filter(({ kind }) => kind === "angle")) as (keyof State & string)[],
        presses: names(schema.inputs.filter(({ kind }) => kind === "press")) as (keyof Input & string)[],
        fresh: this.#options.fresh,
        smooth: this.#options.smooth,
        snap: this.#options.snap,
      });
    }
    this.prediction.restart(applied);
    this.snapshot(this.#now());
  }

  hold(values: object, now: number): void {
    this.prediction.hold(values as Partial<Input>, now / 1000);
  }

  input(number: number, values: object, due: number): void {
    const before = this.prediction.refused;
    this.prediction.input(values as Input, due / 1000, number);
    const { state, refused } = this.prediction;
    if (!state || refused !== before) return;
    const tick = this.#room.tick + number - this.#room.report.applied;
    this.#options.stepped?.({ ...state }, values as Input, tick);
  }

  snapshot(now: number): void {
    const entity = this.#room.own(this.#class);
    const { report } = this.#room;
    if (entity && entity.id !== this.#id) {
      this.#id = entity.id;
      this.prediction.forget();
    }
    const truth = entity && (Object.fromEntries(this.#fields.map((name) => [name, entity[name]])) as State);
    this.prediction.ack(report.applied, truth, now / 1000, report);
  }
}

/** Predicts one's own entity of a class: read `view` where one would read the entity's. */
export function predictOwn<State extends object, Input extends object>(
  room: Room,
  className: string,
  options: OwnOptions<State, Input>,
): Own<State, Input> {
  return new Own(room, className, options);
}
