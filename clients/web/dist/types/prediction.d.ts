export interface PredictOptions<State extends object, Input extends object> {
    /** One tick, in place: the same arithmetic that the room does. Also called with parts of a tick, to draw. */
    step: (state: State, input: Input, dt: number) => void;
    /** Seconds of a tick. */
    dt: number;
    /** What the room rounds its fields to. Fields that are not named here are compared exactly. */
    quantum?: {
        readonly [Field in keyof State]?: number;
    } | undefined;
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
export declare class Prediction<State extends object, Input extends object> {
    #private;
    /** The state after the newest input. Undefined while there is nothing to predict. */
    state: State | undefined;
    /** Of what the room last said: quanta between it and what was predicted. */
    error: number;
    /** How often the room was right and we were not. */
    corrections: number;
    /** How often that was too far to be smoothed. */
    snaps: number;
    /** Ticks that repeated what was held, and inputs passed over. */
    repeats: number;
    skipped: number;
    /** Inputs that were not predicted because too many waited. */
    refused: number;
    constructor(options: PredictOptions<State, Input>);
    /** Inputs that the room has not applied yet, as far as we know. */
    get waiting(): number;
    /** Begins anew: the last input applied has this number, and nothing waits. */
    restart(applied: number): void;
    /** There is nothing to predict, or something else: inputs go on waiting for it. */
    forget(): void;
    /** One tick's input, in real units; `now` in seconds: when it was due. Returns its number, to be sent with it. */
    input(input: Input, now: number, number?: number): number;
    /** What is held from now on, seen before the next tick takes it. Fields not named stay. Nothing before the first input. */
    hold(input: Partial<Input>, now: number): void;
    /**
     * What a snapshot says: the number of the last input `applied`, and what is predicted as it stands there, or undefined
     * when it is not there.
     */
    ack(applied: number, truth: Partial<State> | undefined, now: number, counts?: Counts): void;
    /** What to draw at `now` (seconds), or undefined. The same object each time. */
    view(now: number): State | undefined;
    /** How far what is drawn is beside what is predicted, in units. */
    get offset(): number;
}
/** A prediction of whatever `step` moves. Knows nothing of rooms; see `predictOwn` for one that does. */
export declare function predict<State extends object, Input extends object>(options: PredictOptions<State, Input>): Prediction<State, Input>;
