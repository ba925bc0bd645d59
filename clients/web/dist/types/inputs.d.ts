import { type Field } from "./schema.js";
export type InputValues = Record<string, number | boolean | string>;
/** An input with a press that the room is not known to have. */
interface Kept {
    number: number;
    steps: Int32Array[];
    pressed: Int32Array;
}
export declare class Inputs {
    private readonly _fields;
    /** Set by the first `set` or `press`: until then nothing is sent. */
    active: boolean;
    /** The number of the newest input. */
    newest: number;
    /** Ascending. */
    kept: Kept[];
    private readonly _held;
    private readonly _waiting;
    private _recent;
    /** By field, how many presses the newest input has: none or one. */
    private _pressed;
    private _epoch;
    constructor(_fields: readonly Field[]);
    /**
     * The join answer names the number to start with, and presses count from 0 again. In the same life of the room, those
     * from that number on never came.
     */
    restart(epoch: number, first: number): void;
    /** Goes on holding what another version of the module was told, as far as there are fields for it. */
    adopt(old: Inputs): void;
    private _index;
    set(values: InputValues): void;
    press(name: string): void;
    /** The room has applied this one, and by the running counts all presses before it. */
    applied(number: number): void;
    /** This tick's input. Whether it has a press. */
    sample(): boolean;
    /** What is held, as the room reads it: in real units, rounded. Presses are those of the newest input. */
    get values(): InputValues;
    /** The newest, with the last three; or one of those that are kept. */
    frame(acked: number, viewTick: number, { number, steps }?: {
        number: number;
        steps: Int32Array<ArrayBufferLike>[];
    }): Uint8Array;
}
export {};
