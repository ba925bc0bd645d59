// A room as the game sees it: state, players, entities, messages, inputs.

import { encode, EntityRef, PlayerRef } from "./codec.js";
import type { HashCheck } from "./debug.js";
import { Documents, type Key } from "./document.js";
import { mistake } from "./errors.js";
import { guarded, Listeners, type Listener } from "./events.js";
import { ack, type Joined } from "./frames.js";
import { Inputs, type InputValues } from "./inputs.js";
import { Playout, Steady } from "./interpolation.js";
import { Mirror, type Entity, type Report } from "./mirror.js";
import { Beat, Pacer } from "./pacer.js";
import { readSchema, type Schema } from "./schema.js";
import type { Answer } from "./outbox.js";
import type { Session } from "./session.js";

const CALL_MS = 30_000;

/** A seat as everybody sees it. */
export interface Player {
  name: string;
  kind: "player" | "spectator" | "screen";
  /** The module's own word. */
  role: string;
  connected: boolean;
  /** What the module shows of this player. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  state: Record<string, any>;
}

/** What follows the inputs and what becomes of them: `airboat/predict` does. Times are milliseconds of the room's clock. */
export interface Follower {
  /** The room is told anew, and perhaps another one: `applied` is the last input in its state. */
  restart(applied: number): void;
  /** What is held from now on. */
  hold(values: InputValues, now: number): void;
  /** This tick's input, as the room will read it; `due` is the moment it stands for. */
  input(number: number, values: InputValues, due: number): void;
  /** A newer state; `room.report` says which inputs are in it. */
  snapshot(now: number): void;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export class Room<State = Record<string, any>> {
  /** As it was first typed. */
  readonly name: string;
  readonly module: string;
  title = "";
  /** Your player's id. */
  me = "";
  schema!: Schema;
  /** The interpolation: its `delay` and how `late` snapshots come, in ticks, and its `counts`. */
  playout!: Playout;

  private readonly _documents = new Documents();
  private readonly _listeners = new Listeners();
  private readonly _crowds = new Listeners();
  private readonly _session: Session;
  private readonly _now: () => number;
  private readonly _check: HashCheck | undefined;
  private _schemaText = "";
  private _mirror!: Mirror;
  private _inputs!: Inputs;
  private _pacer!: Pacer;
  private _beat!: Beat;
  private readonly _ahead = new Steady();
  private readonly _followers = new Set<Follower>();
  private _applied = 0;
  private _unacked = 0;
  private _heard = 0;
  /** Messages that came with the join answer wait until the program has had its turn to listen. */
  private _early: [string, unknown, number][] | undefined = [];

  /** @internal */
  constructor(answer: Joined, session: Session, now: () => number, check?: HashCheck) {
    this.name = answer.room;
    this.module = answer.module;
    this._session = session;
    this._now = now;
    this._check = check;
    this._restart(answer);
    setTimeout(() => {
      const early = this._early ?? [];
      this._early = undefined;
      for (const [name, data, tick] of early) this._listeners.tell(name, data, tick);
    });
  }

  // State.

  /** The module's `room.state`: the same object for ever, changed in place. */
  get state(): State {
    return this._documents.state as State;
  }

  /** By id; each player stays the same object. */
  get players(): Record<string, Player> {
    return this._documents.players as unknown as Record<string, Player>;
  }

  /** What only you see. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  get secret(): Record<string, any> {
    return this._documents.secret;
  }

  /** The newest tick known. */
  get tick(): number {
    return this._mirror.tick;
  }

  /** The tick being shown, with its fraction. */
  get viewTick(): number {
    return this.playout.at(this._now());
  }

  /** The tick that what you do now will be in. One's own shots are shown at it. Of who plays nothing it is the view's. */
  get ownTick(): number {
    if (!this._inputs.active) return this.viewTick;
    const { applied } = this.report;
    const now = this._now();
    const { tickRate } = this.schema;
    const since = Math.min(1.5, ((now - this._beat.due) * tickRate) / 1000);
    return this._ahead.at(this.tick + this._inputs.newest - applied + since, (now * tickRate) / 1000);
  }

  /** Bytes of state that each class has taken so far, in the schema's order. */
  get bytes(): readonly number[] {
    return this._mirror.bytes;
  }

  /** What the newest snapshot said about your inputs. */
  get report(): Readonly<Report> {
    return this._mirror.report;
  }

  /**
   * Calls back after each change at, above or below a path, with what stands there then. A path begins with the
   * document: `"players"`, `"state.score.3"`, or as a list of keys. Lists count from 1.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  watch(path: string | readonly Key[], fn: (value: any) => void): () => void {
    return this._documents.watch(path, (value) => guarded(fn, value));
  }

  // Entities.

  /** The entities of a class being shown, by id. */
  entities(className: string): ReadonlyMap<number, Entity> {
    const map = this._mirror.entities(className);
    return map ?? mistake(`the module has no class ${className}`);
  }

  /** Your entity of a class, as soon as it is known. */
  own(className: string): Entity | undefined {
    return this._mirror.own(className);
  }

  /** The entity a message or document names, or undefined when it is not there (yet, or any more). */
  entity(ref: EntityRef | number | null | undefined): Entity | undefined {
    return ref == null ? undefined : this._mirror.entity(typeof ref === "number" ? ref : ref.id);
  }

  /** The player a message, a document or `entity.owner` names. */
  player(ref: PlayerRef | string | null | undefined): Player | undefined {
    return ref == null ? undefined : this.players[typeof ref === "string" ? ref : ref.id];
  }

  // Messages.

  /** Reliable and in order. False when you are out of the room or too much waits already. */
  send(name: string, data: unknown = null): boolean {
    return this._session.send(name, data);
  }

  /** Asks the room; ends with what its handler returned, or with an error. */
  call(name: string, data: unknown = null, { timeout = CALL_MS } = {}): Promise<Answer> {
    return this._session.call(name, data, timeout);
  }

  /** A message of the room by name. Returns the way to stop listening. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(message: string, fn: (data: any, tick: number) => void): () => void;
  /** Entities of a class that come into view or go. `spawn` is called at once for those that are there. */
  on(event: "spawn" | "despawn", className: string, fn: (entity: Entity) => void): () => void;
  on(event: string, second: string | Listener, third?: Listener): () => void {
    if (typeof second === "function") return this._listeners.add(event, second);
    const there = this.entities(second);
    if (event === "spawn") for (const entity of [...there.values()]) guarded(third!, entity);
    return this._crowds.add(`${event} ${second}`, third!);
  }

  // Phases: see `room.state.phase`.

  /** Says that you are ready, or are not any more, where a phase waits for that. */
  ready(value = true): boolean {
    return this.send("ready", value);
  }

  /** The host's: begin. */
  start(): boolean {
    return this.send("start");
  }

  /** That you are done, where a phase lets players say so themselves. */
  done(): boolean {
    return this.send("done");
  }

  // Inputs.

  /** What is held from now on; fields not named stay as they are. Sent once a tick. */
  input(values: InputValues): void {
    this._inputs.set(values);
    this._beat.start();
    this._followers.forEach((follower) => follower.hold(this._inputs.values, this._now()));
  }

  /** A press: an edge, never lost and never doubled. */
  press(name: string): void {
    this._inputs.press(name);
    this._beat.start();
  }

  /** Tells of each input and what became of it. Returns the way to stop. */
  follow(follower: Follower): () => void {
    this._followers.add(follower);
    follower.restart(this._applied);
    return () => void this._followers.delete(follower);
  }

  /** Gives the seat back. */
  leave(): Promise<void> {
    return this._session.leave();
  }

  // What the client feeds it with.

  /** @internal A join answer, the first or a later one. */
  _restart(answer: Joined): void {
    this.me = answer.player;
    this.title = answer.title;
    const text = JSON.stringify(answer.schema);
    if (text !== this._schemaText) {
      const schema = readSchema(answer.schema);
      // Another version of the module: its entities are others.
      this._mirror?.advance(Infinity);
      for (const of of this.schema?.classes ?? []) {
        for (const entity of this.entities(of.name).values()) {
          entity.alive = false;
          this._crowds.tell(`despawn ${of.name}`, entity);
        }
      }
      this._beat?.stop();
      this._schemaText = text;
      this.schema = schema;
      this.playout = new Playout(schema.tickRate);
      this._mirror = new Mirror(
        schema,
        () => this.viewTick,
        (event, entity) => this._crowds.tell(`${event} ${entity.class}`, entity),
        () => this.ownTick,
      );
      const held = this._inputs;
      this._inputs = new Inputs(schema.inputs);
      this._beat = new Beat(1000 / schema.tickRate, this._now, (late) => this._sendInput(late));
      if (held?.active) {
        this._inputs.adopt(held);
        this._beat.start();
      }
    }
    this.playout.reset();
    this._ahead.reset();
    this._pacer = new Pacer(1000 / this.schema.tickRate);
    this._mirror.me = this.me;
    this._check?.restart();
    this._documents.restart(answer.documents);
    this._mirror.restart(answer.epoch, answer.tick, answer.snapshot, answer.input - 1);
    this.playout.arrived(answer.tick, this._now());
    this._inputs.restart(answer.epoch, answer.input);
    this._applied = this._mirror.report.applied;
    this._unacked = 0;
    this._followers.forEach((follower) => follower.restart(this._applied));
  }

  /**
   * @internal The link is back. What of the inputs on their way had come nobody knows, so those with presses are sent
   * again: the room drops the numbers that it has.
   */
  _resumed(): void {
    for (const input of this._inputs.kept) {
      this._pacer.resent(input.number);
      this._session.link!.send(this._inputs.frame(this.tick, this.viewTick, input));
    }
  }

  /** @internal */
  _snapshot(frame: Uint8Array): void {
    const tick = this._mirror.apply(frame);
    if (!tick) return;
    const now = (this._heard = this._now());
    this.playout.arrived(tick, now);
    const { applied, slack } = this._mirror.report;
    // Polls go when they can: there is no pacing them.
    if (applied !== this._applied && this._session.link?.transport !== "http") this._pacer.note(applied, slack);
    this._applied = applied;
    this._inputs.applied(applied);
    // Inputs acknowledge too.
    if (++this._unacked >= 2) this._ack();
    this._check?.snapshot(this._mirror.newest!);
    this._mirror.advance(this.playout.at(now));
    this._followers.forEach((follower) => follower.snapshot(now));
  }

  /** @internal */
  _ack(): void {
    this._unacked = 0;
    const link = this._session.link;
    // Polls carry their own.
    if (link?.transport !== "http") link?.send(ack(this._session.epoch, this.tick), true);
  }

  /** @internal Now and then: an acknowledgement may have been lost, and with it all snapshots to come. */
  _tend(): void {
    const quiet = this._now() - this._heard > 500;
    if (quiet && this._session.open) this._ack();
  }

  /** @internal */
  _message(name: string, data: unknown, tick: number): void {
    if (this._early) this._early.push([name, data, tick]);
    else this._listeners.tell(name, data, tick);
  }

  /** @internal */
  _document(name: string, operations: unknown[]): void {
    this._documents.patch(name, operations);
  }

  /** @internal */
  _hash(tick: number, world: number, documents: number): void {
    this._check?.told(tick, world, documents, this._mirror.at(tick), [encode(this.state), encode(this.players)]);
  }

  /** @internal */
  _over(): void {
    this._beat.stop();
  }

  /** Milliseconds until the next. */
  private _sendInput(late: number): number {
    const link = this._session.link;
    if (!link || !this._session.open || !this._inputs.active) return this._pacer.pause(late);
    // Three repeats make up for one that is lost; a press should not depend on them.
    const mayBeLost = !this._inputs.sample();
    this._unacked = 0;
    link.send(this._inputs.frame(this.tick, this.viewTick), mayBeLost);
    const { newest, values } = this._inputs;
    this._followers.forEach((follower) => follower.input(newest, values, this._beat.due));
    return this._pacer.next(newest, late);
  }
}
