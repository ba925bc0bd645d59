import type { Reader } from "./bytes.js";
import { type Schema } from "./schema.js";
/** The entities of one class: `columns[c][row]` belongs to `ids[row]`; ids ascend; `count` rows are in use. */
export declare class Rows {
    readonly width: number;
    count: number;
    ids: Uint32Array<ArrayBuffer>;
    readonly columns: Int32Array[];
    constructor(width: number);
    reserve(count: number): void;
    copy(from: Rows): void;
    /** Where this id stands, or would: `~place`. */
    find(id: number): number;
    /** Moves rows from `from` up to `to` down to `at`. */
    private _shift;
    /** Drops `gone`: ascending row numbers. */
    remove(gone: readonly number[]): void;
    /** Puts other rows among these; an id on both sides is an error. */
    merge(added: Rows): void;
}
/** All entities at one tick, in the schema's order of classes. */
export declare class World {
    tick: number;
    /** Lacks some of what the room has: it did not fit into a datagram. Not to be compared with hashes. */
    partial: boolean;
    readonly classes: Rows[];
    constructor(schema: Schema);
    copy(from: World | undefined): void;
}
/** Decodes bodies; keeps what it needs for that between calls. */
export declare class DeltaDecoder {
    private readonly _schema;
    private readonly _added;
    /** The lowest and highest value of each column, by class. */
    private readonly _low;
    private readonly _high;
    private readonly _gone;
    /** What the blocks of each class have taken so far. */
    readonly bytes: number[];
    constructor(_schema: Schema);
    /** Turns `world` (a copy of the baseline) into the state at `tick`. On an error it is left half done. */
    decode(reader: Reader, world: World, tick: number): void;
    /** Drops the linear entities whose life is over: both sides do this by themselves. */
    private _expire;
    private _block;
    private _removed;
    private _fresh;
    private _changed;
}
