import { type AirboatError } from "./errors.js";
export type Answer = {
    data: unknown;
    error?: undefined;
} | {
    error: AirboatError;
    data?: undefined;
};
export declare class Outbox {
    private readonly _send;
    private _kept;
    private _sent;
    /** The last one given to the link there is. */
    private _handed;
    private _received;
    private readonly _calls;
    private _nextCall;
    constructor(_send: (frame: Uint8Array) => void);
    /** False when too much waits already. Throws on what cannot be encoded: it takes no number. */
    push(name: string, data: unknown, call?: number): boolean;
    call(name: string, data: unknown, timeoutMs: number): Promise<Answer>;
    replied(id: number, ok: boolean, data: unknown): void;
    private _settle;
    /** Hands over what the window allows. */
    pump(epoch: number): void;
    saved(received: number, saved: number): void;
    /** A new link to the same life of the room, which has these. */
    resume(received: number): void;
    /** A new life: what its state contains is done, the rest gets new numbers. Answers of what is done are lost. */
    restart(applied: number, reason?: number): void;
    /** Out of the room. */
    clear(): void;
}
