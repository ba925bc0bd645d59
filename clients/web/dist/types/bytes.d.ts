/** Reads forward; every read checks what is left. */
export declare class Reader {
    readonly bytes: Uint8Array;
    pos: number;
    readonly end: number;
    constructor(bytes: Uint8Array);
    get left(): number;
    u8(): number;
    u16(): number;
    u32(): number;
    /** A view, not a copy. */
    take(length: number): Uint8Array;
    /** Big-endian, as in MessagePack. */
    big(size: number, signed?: boolean): number;
    float(size: number): number;
    varint(): number;
    signed(): number;
}
/** Appends to a buffer that grows. */
export declare class Writer {
    private _bytes;
    length: number;
    /** Room for `count` more bytes; returns where they begin. Call it first: it may replace the buffer. */
    private _at;
    u8(n: number): void;
    u16(n: number): void;
    u32(n: number): void;
    /** Big-endian, two's complement. */
    big(n: number, size: number): void;
    f64(n: number): void;
    raw(bytes: Uint8Array): void;
    varint(n: number): void;
    signed(n: number): void;
    /** A copy of what was written; the writer starts anew. */
    finish(): Uint8Array;
}
/** Widens the low 16 bits of a tick or a number to the full one nearest `near`. */
export declare const widen: (low: number, near: number) => number;
/** Whole frames with their u32 length before them, out of chunks cut anywhere. */
export declare class Frames {
    private _kept;
    push(chunk: Uint8Array, each: (frame: Uint8Array) => void): void;
}
/** A frame with its length before it. */
export declare function framed(...frames: Uint8Array[]): Uint8Array;
