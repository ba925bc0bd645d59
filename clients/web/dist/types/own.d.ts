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
export declare class Own<State extends object, Input extends object> implements Follower {
    #private;
    /** The arithmetic and what it has seen so far; another one when the module's schema changes. */
    prediction: Prediction<State, Input>;
    constructor(room: Room, className: string, options: OwnOptions<State, Input>);
    /** What to draw now, or undefined while one has no such entity. The same object each time. */
    get view(): Readonly<State> | undefined;
    /** The entity's id while it is predicted. */
    get id(): number | undefined;
    stop(): void;
    restart(applied: number): void;
    hold(values: object, now: number): void;
    input(number: number, values: object, due: number): void;
    snapshot(now: number): void;
}
/** Predicts one's own entity of a class: read `view` where one would read the entity's. */
export declare function predictOwn<State extends object, Input extends object>(room: Room, className: string, options: OwnOptions<State, Input>): Own<State, Input>;
