export interface AirboatError {
    /** A number of the protocol (1-99) or of the client (from 100). */
    readonly code: number;
    /** A word for the code, for programs: `room_full`, `unreachable`, … */
    readonly reason: string;
    /** A sentence for people. */
    readonly message: string;
    /** Whether trying the same again later makes sense. */
    readonly retry: boolean;
}
export declare const UNREACHABLE = 100;
export declare const TIMEOUT = 101;
export declare const CLOSED = 102;
export declare const LOST = 103;
export declare const FAILED = 104;
export declare const BUSY = 7;
export declare const HIDDEN = 10;
export declare const LEFT = 50;
export declare const RESUME_REFUSED = 57;
export declare const BAD_DEVICE = 63;
export declare const EXPIRED = 64;
export declare const UNKNOWN_MESSAGE = 65;
/** Whether a link that ended with this code is worth another try. */
export declare const comesBack: (code: number) => boolean;
export declare function failure(code: number, message?: string): AirboatError;
/** For what is wrong with the program, not with the network. */
export declare function mistake(text: string): never;
export type CodecReason = "truncated" | "range" | "marker" | "count" | "depth" | "shape" | "text" | "trailing" | "baseline";
/** Bytes that are no frame of this protocol. Stays inside the library: the link is dropped and the session resumed. */
export declare class CodecError extends Error {
    readonly reason: CodecReason;
    constructor(reason: CodecReason);
}
