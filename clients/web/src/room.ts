// A room as the game sees it: state, players, entities, messages, inputs.

import { EntityRef, PlayerRef } from "./codec.js";
import { Documents, type Key } from "./document.js";
import { guarded, Listeners, type Listener } from "./events.js";
import { ack, type Joined } from "./frames.js";
import { hashDocuments, hashWorld } from "./hash.js";
import { Inputs, Pacer, type InputValues } from "./inputs.js";
import { Playout } from "./interpolation.js";
import { Mirror, type Entity, type Report } from "./mirror.js";
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

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export class Room<State = Record<string, any>> {
  /** As it was first typed. */
  readonly name: string;
  readonly module: string;
  title = "";
  /** Your player's id. */
  me = "";
  schema!: Schema;
  /** Of `debugHash`: how many hashes agreed with the server's and how many did not. */
  readonly hashes = { right: 0, wrong: 0 };

  readonly #documents = new Documents();
  readonly #listeners = new Listeners();
  readonly #crowds = new Listeners();
  readonly #session: Session;
  readonly #now: () => number;
  #schemaText = "";
  #mirror!: Mirror;
  #inputs!: Inputs;
  #playout!: Playout;
  #pacer!: Pacer;
  #applied = 0;
  #unacked = 0;
  #heard = 0;
  #worldHashes = new Map<number, number>();
  /** Messages that came with the join answer wait until the program has had its turn to listen. */
  #early: [string, unknown, number][] | undefined = [];

  /** @internal */
  constructor(answer: Joined, session: Session, now: () => number) {
    this.name = answer.room;
    this.module = answer.module;
    this.#session = session;
    this.#now = now;
    this._restart(answer);
    setTimeout(() => {
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const [name, data, tick] of early) this.#listeners.tell(name, data, tick);
    });
  }

  // State.

  /** The module's `room.state`: the same object for ever, changed in place. */
  get state(): State {
    return this.#documents.state as State;
  }

  /** By id; each player stays the same object. */
  get players(): Record<string, Player> {
    return this.#documents.players as unknown as Record<string, Player>;
  }

  /** What only you see. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  get secret(): Record<string, any> {
    return this.#documents.secret;
  }

  /** The newest tick known. */
  get tick(): number {
    return this.#mirror.tick;
  }

  /** The tick being shown, with its fraction. */
  get viewTick(): number {
    return this.#playout.at(this.#now());
  }

  /** What the newest snapshot said about your inputs. */
  get report(): Readonly<Report> {
    return this.#mirror.report;
  }

  /**
   * Calls back after each change at, above or below a path, with what stands there then. A path begins with the
   * document: `"players"`, `"state.score.3"`, or as a list of keys. Lists count from 1.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  watch(path: string | readonly Key[], fn: (value: any) => void): () => void {
    return this.#documents.watch(path, (value) => guarded(fn, value));
  }

  // Entities.

  /** The entities of a class being shown, by id. */
  entities(className: string): ReadonlyMap<number, Entity> {
    const map = this.#mirror.entities(className);
    if (!map) throw new TypeError(`airboat: ${this.module} has no entity class ${className}`);
    return map;
  }

  /** The entity a message or document names, or undefined when it is not there (yet, or any more). */
  entity(ref: EntityRef | number | null | undefined): Entity | undefined {
    return ref == null ? undefined : this.#mirror.entity(typeof ref === "number" ? ref : ref.id);
  }

  /** The player a message, a document or `entity.owner` names. */
  player(ref: PlayerRef | string | null | undefined): Player | undefined {
    return ref == null ? undefined : this.players[typeof ref === "string" ? ref : ref.id];
  }

  // Messages.

  /** Reliable and in order. False when you are out of the room or too much waits already. */
  send(name: string, data: unknown = null): boolean {
    return this.#session.send(name, data);
  }

  /** Asks the room; ends with what its handler returned, or with an error. */
  call(name: string, data: unknown = null, { timeout = CALL_MS } = {}): Promise<Answer> {
    return this.#session.call(name, data, timeout);
  }

  /** A message of the room by name. Returns the way to stop listening. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(message: string, fn: (data: any, tick: number) => void): () => void;
  /** Entities of a class that come into view or go. `spawn` is called at once for those that are there. */
  on(event: "spawn" | "despawn", className: string, fn: (entity: Entity) => void): () => void;
  on(event: string, second: string | Listener, third?: Listener): () => void {
    if (typeof second === "function") return this.#listeners.add(event, second);
    const there = this.entities(second);
    if (event === "spawn") for (const entity of [...there.values()]) guarded(third!, entity);
    return this.#crowds.add(`${event} ${second}`, third!);
  }

  // Inputs.

  /** What is held from now on; fields not named stay as they are. Sent once a tick. */
  input(values: InputValues): void {
    this.#inputs.set(values);
    this.#pacer.start();
  }

  /** A press: an edge, never lost and never doubled. */
  press(name: string): void {
    this.#inputs.press(name);
    this.#pacer.start();
  }

  /** Gives the seat back. */
  leave(): Promise<void> {
    return this.#session.leave();
  }

  // What the client feeds it with.

  /** @internal A join answer, the first or a later one. */
  _restart(answer: Joined): void {
    this.me = answer.player;
    this.title = answer.title;
    const text = JSON.stringify(answer.schema);
    if (text !== this.#schemaText) {
      const schema = readSchema(answer.schema);
      // Another version of the module: its entities are others.
      this.#mirror?.advance(Infinity);
      for (const of of this.schema?.classes ?? []) {
        for (const entity of this.entities(of.name).values()) {
          entity.alive = false;
          this.#crowds.tell(`despawn ${of.name}`, entity);
        }
      }
      this.#pacer?.stop();
      this.#schemaText = text;
      this.schema = schema;
      this.#playout = new Playout(schema.tickRate);
      this.#mirror = new Mirror(schema, () => this.viewTick, (event, entity) =>
        this.#crowds.tell(`${event} ${entity.class}`, entity),
      );
      this.#inputs = new Inputs(schema.inputs);
      this.#pacer = new Pacer(1000 / schema.tickRate, this.#now, () => this.#sendInput());
    }
    this.#playout.reset();
    this.#worldHashes.clear();
    this.#documents.restart(answer.documents);
    this.#mirror.restart(answer.epoch, answer.tick, answer.snapshot, answer.input - 1);
    this.#playout.arrived(answer.tick, this.#now());
    this.#inputs.restart(answer.input);
    this.#applied = this.#mirror.report.applied;
    this.#unacked = 0;
  }

  /** @internal */
  _snapshot(frame: Uint8Array): void {
    const tick = this.#mirror.apply(frame);
    if (tick === undefined) return;
    const now = (this.#heard = this.#now());
    this.#playout.arrived(tick, now);
    const { applied, slack } = this.#mirror.report;
    if (applied !== this.#applied) this.#pacer.slack(slack);
    this.#applied = applied;
    // Inputs acknowledge too; polls carry their own acknowledgement.
    const link = this.#session.link;
    if (++this.#unacked >= 2 && link && link.transport !== "http") this._ack();
    const world = this.#worldHashes.get(tick);
    if (world !== undefined) this.#compare(tick, world);
    this.#mirror.advance(this.#playout.at(now));
  }

  /** @internal */
  _ack(): void {
    this.#unacked = 0;
    this.#session.link?.send(ack(this.#session.epoch, this.tick), true);
  }

  /** @internal Now and then: an acknowledgement may have been lost, and with it all snapshots to come. */
  _tend(): void {
    const quiet = this.#now() - this.#heard > 500;
    if (quiet && this.#session.open && this.#session.link?.transport !== "http") this._ack();
  }

  /** @internal */
  _message(name: string, data: unknown, tick: number): void {
    if (this.#early) this.#early.push([name, data, tick]);
    else this.#listeners.tell(name, data, tick);
  }

  /** @internal */
  _document(name: string, operations: unknown[]): void {
    this.#documents.patch(name, operations);
  }

  /** @internal */
  _hash(tick: number, world: number, documents: number): void {
    this.#judge(documents === hashDocuments(this.state, this.players));
    if (this.#worldHashes.size > 8) this.#worldHashes.clear();
    if (tick > this.tick) this.#worldHashes.set(tick, world);
    else this.#compare(tick, world);
  }

  #compare(tick: number, hash: number): void {
    this.#worldHashes.delete(tick);
    const world = this.#mirror.at(tick);
    if (world) this.#judge(hash === hashWorld(world));
  }

  #judge(right: boolean): void {
    this.hashes[right ? "right" : "wrong"]++;
  }

  /** @internal */
  _over(): void {
    this.#pacer.stop();
  }

  /** @internal */
  get _playout(): Playout {
    return this.#playout;
  }

  #sendInput(): void {
    const link = this.#session.link;
    if (!link || !this.#session.open || !this.#inputs.active) return;
    this.#inputs.sample();
    this.#unacked = 0;
    link.send(this.#inputs.frame(this.#session.epoch, this.tick, this.viewTick), true);
  }
}
