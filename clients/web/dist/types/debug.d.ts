import type { World } from "./delta.js";
/** Class by class, row by row: the id, then every column. */
export declare function hashWorld(world: World): number;
/** Of `state` and `players`, as the codec encodes them. */
export declare function hashDocuments(...encoded: Uint8Array[]): number;
/** For `connect({ debugHash: new HashCheck() })`: the server sends a hash twice a second or so. */
export declare class HashCheck {
    /** How many agreed, and how many did not. */
    right: number;
    wrong: number;
    /** Hashes of ticks whose snapshot is still on its way. */
    private _awaited;
    /** Another life of the room: its ticks are others. */
    restart(): void;
    /** What the server says of a tick; `held`: the world of that tick, if there is one. */
    told(tick: number, world: number, documents: number, held: World | undefined, encoded: Uint8Array[]): void;
    snapshot(world: World): void;
    private _judge;
}
