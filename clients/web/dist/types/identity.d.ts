type Place = Pick<Storage, "getItem" | "setItem" | "removeItem">;
export interface Surroundings {
    local?: Place | undefined;
    session?: Place | undefined;
    locks?: Pick<LockManager, "request"> | undefined;
    channel?: ((name: string) => BroadcastChannel) | undefined;
}
/** What the browser has; storage may be blocked, and then asking for it throws. */
export declare function surroundings(): Surroundings;
/** Storage that may be missing, full or forbidden; then it forgets with the page. */
export declare class Shelf {
    private readonly _place;
    private readonly _memory;
    constructor(_place: Place | undefined);
    read<T>(key: string): T | undefined;
    write(key: string, value?: object): void;
}
export declare class Identity {
    private readonly _host;
    private readonly _profile;
    private readonly _around;
    private readonly _local;
    private readonly _session;
    private readonly _deviceKey;
    private _seatKey;
    private _seat;
    private _letGo;
    private _ready;
    token: Uint8Array | undefined;
    constructor(_host: string, _profile: string, _around: Surroundings);
    /** Read each time: another tab may have got one meanwhile. */
    get device(): [string, string] | undefined;
    set device(pair: [string, string] | undefined);
    /** Settles which seat is ours. Ends always; afterwards `token` is what may be presented. */
    claim(): Promise<void>;
    private _settle;
    /** Whether nobody else holds this seat; from then on we do. */
    private _hold;
    private _lock;
    /** Asks all tabs; whoever holds the seat, or asked for it with the lower number, says so. */
    private _ask;
    saveToken(token?: Uint8Array): void;
    /** For good: another tab or client may have the place. */
    release(): void;
}
export {};
