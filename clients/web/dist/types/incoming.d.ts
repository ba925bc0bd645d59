import { type AirboatError } from "./errors.js";
import { type Joined, type Pong, type Table } from "./frames.js";
import type { Outbox } from "./outbox.js";
/** The session. */
export interface Hearer {
    readonly _outbox: Outbox;
    _pong(pong: Pong): void;
    _welcome(map: Table): void;
    _joined(answer: Joined): void;
    _resumed(epoch: number, received: number): void;
    _saved(epoch: number, received: number, saved: number): void;
    _ended(reason: number, text: string): void;
    _refused(reason: number, text: string): void;
    _gone(error: AirboatError): void;
    /** Whether what has this number is no repeat. It is counted before it is told: a listener may cause a resume. */
    _counts(number: number): boolean;
}
/** The room. */
export interface News {
    snapshot(frame: Uint8Array): void;
    message(name: string, data: unknown, tick: number): void;
    document(name: string, operations: unknown[], tick: number): void;
    hash(tick: number, world: number, documents: number): void;
}
export declare function hear(frame: Uint8Array, session: Hearer, room: News): void;
