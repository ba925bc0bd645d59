/** Of one link. Times are milliseconds. */
export declare class Pulse {
    private _heard;
    private readonly _pings;
    private _token;
    private _pinged;
    /** When the first ping left since we last heard anything. */
    private _unanswered;
    constructor(_heard: number);
    /** Something came. */
    heard(now: number): void;
    /** The next ping, which leaves now. */
    ping(now: number): Uint8Array;
    /** When the ping left that was answered. */
    sent(token: number): number | undefined;
    /** Only an unanswered ping says that the other side is gone; a late timer of ours does not. */
    dead(now: number): boolean;
    /** Whether it is time for a ping, where one is usually sent `every` so often. */
    due(now: number, every: number): boolean;
}
