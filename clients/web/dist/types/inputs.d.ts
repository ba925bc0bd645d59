import { type Field } from "./schema.js";
export type InputValues = Record<string, number | boolean | string>;
export declare class Inputs {
    private readonly _fields;
    /** Set by the first `set` or `press`: until then nothing is sent. */
    active: boolean;
    /** The number of the newest input. */
    newest: number;
    private readonly _held;
    private readonly _waiting;
    private _recent;
    constructor(_fields: readonly Field[]);
    /** The join answer names the number to start with, and presses count from 0 again. */
    restart(first: number): void;
    private _index;
    set(values: InputValues): void;
    press(name: string): void;
    /** This tick's input. */
    sample(): void;
    frame(epoch: number, acked: number, viewTick: number): Uint8Array;
}
/** Calls once a tick, shifted so that what it sends arrives shortly before the room's tick. */
export declare class Pacer {
    private readonly _period;
    private readonly _now;
    private readonly _beat;
    private _timer;
    private _due;
    private _shift;
    /** Milliseconds an input should arrive early. */
    private _aim;
    constructor(_period: number, _now: () => number, _beat: () => void);
    start(): void;
    stop(): void;
    private _schedule;
    /** How early the last input came. Late ones move the beat at once and ask for more room; early ones only slowly. */
    slack(early: number): void;
}
