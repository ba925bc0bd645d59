import { Playout, type Status } from "./interpolation.js";
export type { Status } from "./interpolation.js";
export { Playout } from "./interpolation.js";
export interface BufferOptions {
    /** States a second, as they are made. */
    rate: number;
    /** Seconds for which things go on as they went when the next state is late. Default 0.1. */
    extrapolate?: number | undefined;
    /** Fields that wrap, in radians. */
    angles?: readonly string[] | undefined;
    /** A number that changes by more than this from one state to the next is elsewhere: nothing is drawn between. */
    snap?: number | undefined;
}
export type Values = Record<string, unknown>;
export declare class StateBuffer {
    /** When to show what. */
    readonly playout: Playout;
    private readonly _rate;
    private readonly _angles;
    private readonly _snap;
    /** Ascending by time. */
    private _states;
    constructor({ rate, extrapolate, angles, snap }: BufferOptions);
    /** A state made at `time` has arrived `now`; seconds, of two clocks. In any order; false for one that is dropped. */
    push(time: number, values: Values, now: number): boolean;
    /** Fills `into` with what to draw `now`, and says how that came about. */
    sample(now: number, into: Values): Status | "empty";
    private _between;
}
export declare const buffer: (options: BufferOptions) => StateBuffer;
