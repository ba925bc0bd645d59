import { EntityRef, PlayerRef } from "./codec.js";
import { type Key } from "./document.js";
import { type InputValues } from "./inputs.js";
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
export declare class Room<State = Record<string, any>> {
    #private;
    /** As it was first typed. */
    readonly name: string;
    readonly module: string;
    title: string;
    /** Your player's id. */
    me: string;
    schema: Schema;
    /** Of `debugHash`: how many hashes agreed with the server's and how many did not. */
    readonly hashes: {
        right: number;
        wrong: number;
    };
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
    /** What the newest snapshot said about your inputs. */
    get report(): Readonly<Report>;
    /**
     * Calls back after each change at, above or below a path, with what stands there then. A path begins with the
     * document: `"players"`, `"state.score.3"`, or as a list of keys. Lists count from 1.
     */
    watch(path: string | readonly Key[], fn: (value: any) => void): () => void;
    /** The entities of a class being shown, by id. */
    entities(className: string): ReadonlyMap<number, Entity>;
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
    /** What is held from now on; fields not named stay as they are. Sent once a tick. */
    input(values: InputValues): void;
    /** A press: an edge, never lost and never doubled. */
    press(name: string): void;
    /** Gives the seat back. */
    leave(): Promise<void>;
}
