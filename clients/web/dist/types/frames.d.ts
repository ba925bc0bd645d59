export declare const PROTOCOL = 1;
/** First bytes of the binary frames. */
export declare const SNAPSHOT = 1;
/** First elements of the array frames a server sends. */
export declare const WELCOME = 16;
export declare const JOINED = 17;
export declare const RESUMED = 18;
export declare const EVENT = 19;
export declare const REPLY = 20;
export declare const DOCUMENT = 21;
export declare const HASH = 22;
export declare const SAVED = 23;
export declare const BYE = 24;
export declare const REFUSED = 25;
export declare const GONE = 26;
export interface JoinRequest {
    module: string;
    room: string;
    password?: string | undefined;
    kind?: string | undefined;
}
export interface Hello {
    protocol: number;
    client: string;
    name: string;
    device?: readonly [string, string] | undefined;
    resume?: {
        token: Uint8Array;
        epoch: number;
        tick: number;
        received: number;
    } | undefined;
    join?: JoinRequest | undefined;
    debug_hash?: true | undefined;
}
export declare const hello: (map: Hello) => Uint8Array;
export declare const message: (epoch: number, number: number, name: string, data: unknown) => Uint8Array;
export declare const call: (epoch: number, number: number, id: number, name: string, data: unknown) => Uint8Array;
export declare const join: (request: JoinRequest) => Uint8Array;
export declare const leave: () => Uint8Array;
export declare const received: (epoch: number, number: number) => Uint8Array;
export declare const bye: (reason: number) => Uint8Array;
export declare const ack: (epoch: number, tick: number) => Uint8Array;
export declare const ping: (token: number) => Uint8Array;
/** `newestFirst`: steps of each input field, at most four inputs. */
export declare function inputs(epoch: number, acked: number, viewEighths: number, newest: number, newestFirst: readonly Int32Array[]): Uint8Array;
export interface Pong {
    token: number;
    tick: number;
    ageUs: number;
}
export declare function readPong(frame: Uint8Array): Pong | undefined;
/** `[kind, …]`, or undefined for a frame this version does not know. */
export declare function readArray(frame: Uint8Array): [number, ...unknown[]] | undefined;
/** A whole number that fits a u32. */
export declare function u32(value: unknown): number;
export declare function string(value: unknown): string;
export declare function list(value: unknown): unknown[];
export type Table = Record<string, unknown>;
/** A plain object, not a list, bytes or a reference. */
export declare const isTable: (value: unknown) => value is Table;
export declare function table(value: unknown): Table;
export declare function bytes(value: unknown): Uint8Array;
/** The whole room as it stands. */
export interface Joined {
    epoch: number;
    module: string;
    title: string;
    room: string;
    player: string;
    tick: number;
    schema: unknown;
    documents: Table;
    snapshot: Uint8Array;
    input: number;
    applied: number;
    messagesLost: number;
}
export declare function readJoined(value: unknown): Joined;
