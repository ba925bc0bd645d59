import { EntityRef, PlayerRef } from "./codec.js";
import { type Key } from "./document.js";
import { type InputValues } from "./inputs.js";
import { Playout } from "./interpolation.js";
import { type Entity, type Report } from "./mirror.js";
import { type Schema } from "./schema.js";
import type { Answer } from "./outbox.js";
/** A seat as everybody sees it. */
export interface Player {
    name: string;
    kind: "player" | "spectator" | "screen";
    /** The module's own word. */
    role: string;
    connected: boolean;
    /** What the module shows of this player. */
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
export declare class Room<State = Record<string, any>> {
    /** As it was first typed. */
    readonly name: string;
    readonly module: string;
    title: string;
    /** Your player's id. */
    me: string;
    schema: Schema;
    /** The interpolation: its `delay` and how `late` snapshots come, in ticks, and its `counts`. */
    playout: Playout;
    private readonly _documents;
    private readonly _listeners;
    private readonly _crowds;
    private readonly _session;
    private readonly _now;
    private readonly _check;
    private _schemaText;
    private _mirror;
    private _inputs;
    private _pacer;
    private _beat;
    private readonly _ahead;
    private readonly _followers;
    private _applied;
    private _unacked;
    private _heard;
    /** Messages that came with the join answer wait until the program has had its turn to listen. */
    private _early;
    /** The module's `room.state`: the same object for ever, changed in place. */
    get state(): State;
    /** By id; each player stays the same object. */
    get players(): Record<string, Player>;
    /** What only you see. */
    get secret(): Record<string, any>;
    /** The newest tick known. */
    get tick(): number;
    /** The tick being shown, with its fraction. */
    get viewTick(): number;
    /** The tick that what you do now will be in. One's own shots are shown at it. Of who plays nothing it is the view's. */
    get ownTick(): number;
    /** Bytes of state that each class has taken so far, in the schema's order. */
    get bytes(): readonly number[];
    /** What the newest snapshot said about your inputs. */
    get report(): Readonly<Report>;
    /**
     * Calls back after each change at, above or below a path, with what stands there then. A path begins with the
     * document: `"players"`, `"state.score.3"`, or as a list of keys. Lists count from 1.
     */
    watch(path: string | readonly Key[], fn: (value: any) => void): () => void;
    /** The entities of a class being shown, by id. */
    entities(className: string): ReadonlyMap<number, Entity>;
    /** Your entity of a class, as soon as it is known. */
    own(className: string): Entity | undefined;
    /** The entity a message or document names, or undefined when it is not there (yet, or any more). */
    entity(ref: EntityRef | number | null | undefined): Entity | undefined;
    /** The player a message, a document or `entity.owner` names. */
    player(ref: PlayerRef | string | null | undefined): Player | undefined;
    /** Reliable and in order. False when you are out of the room or too much waits already. */
    send(name: string, data?: unknown): boolean;
    /** Asks the room; ends with what its handler returned, or with an error. */
    call(name: string, data?: unknown, { timeout }?: {
        timeout?: number | undefined;
    }): Promise<Answer>;
    /** A message of the room by name. Returns the way to stop listening. */
    on(message: string, fn: (data: any, tick: number) => void): () => void;
    /** Entities of a class that come into view or go. `spawn` is called at once for those that are there. */
    on(event: "spawn" | "despawn", className: string, fn: (entity: Entity) => void): () => void;
    /** Says that you are ready, or are not any more, where a phase waits for that. */
    ready(value?: boolean): boolean;
    /** The host's: begin. */
    start(): boolean;
    /** That you are done, where a phase lets players say so themselves. */
    done(): boolean;
    /** What is held from now on; fields not named stay as they are. Sent once a tick. */
    input(values: InputValues): void;
    /** A press: an edge, never lost and never doubled. */
    press(name: string): void;
    /** Tells of each input and what became of it. Returns the way to stop. */
    follow(follower: Follower): () => void;
    /** Gives the seat back. */
    leave(): Promise<void>;
    /** Milliseconds until the next. */
    private _sendInput;
}
