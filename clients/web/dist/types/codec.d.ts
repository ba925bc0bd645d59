/** Names an entity in a message or a document; `room.entity(ref)` finds it. */
export declare class EntityRef {
    readonly id: number;
    constructor(id: number);
}
/** Names a player; `room.players[ref.id]` finds it. */
export declare class PlayerRef {
    readonly id: string;
    constructor(id: string);
}
export declare function byBytes(a: string, b: string): number;
/** The canonical MessagePack of a value. */
export declare function encode(value: unknown): Uint8Array;
/** Sets an own property whatever its name: a `__proto__` from the network is a key like any other. */
export declare function put(map: object, key: string, value: unknown): void;
/** Exactly one value; anything left over is an error. */
export declare function decode(bytes: Uint8Array): unknown;
