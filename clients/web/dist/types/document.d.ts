import { type Table } from "./frames.js";
export type Key = string | number;
export declare class Documents {
    readonly state: Table;
    readonly players: Table;
    readonly secret: Table;
    private readonly _watchers;
    /** Everything anew, in the objects that are there. */
    restart(all: Table): void;
    /** Applies one frame's operations: `[path, value]` sets, `[path]` deletes. */
    patch(document: string, operations: unknown[]): void;
    private _carryOut;
    /** What stands at a path now. Lists count from 1, as in the module. */
    get(path: readonly Key[]): unknown;
    /** `path`: the document, then keys: `state.score.3`, or as a list. */
    watch(path: string | readonly Key[], fn: (value: unknown) => void): () => void;
}
