export type TransportName = "webtransport" | "websocket" | "http";
export interface Link {
    readonly transport: TransportName;
    /** Snapshots may be lost or overtake each other: acknowledgements decide what the next one is made against. */
    readonly datagrams: boolean;
    /** Never waits. `mayBeLost`: by datagram where there are some, and left out where too much waits already. */
    send(frame: Uint8Array, mayBeLost?: boolean): void;
    /** The page is going: the last thing that can still be said. */
    last(frame: Uint8Array): void;
    /** Drops the connection; nothing is called afterwards. */
    close(): void;
    onframe: (frame: Uint8Array) => void;
    /** The connection has ended; the protocol's reason where the transport carries one, else 0. Called once. */
    onclosed: (reason: number) => void;
    /** HTTP: what the next poll should say of the newest snapshot. */
    onpoll: () => Uint8Array | undefined;
}
/** The parts all transports share. */
export declare abstract class BaseLink implements Link {
    abstract readonly transport: TransportName;
    readonly datagrams: boolean;
    onframe: (frame: Uint8Array) => void;
    onclosed: (reason: number) => void;
    onpoll: () => Uint8Array | undefined;
    protected _over: boolean;
    abstract send(frame: Uint8Array, mayBeLost?: boolean): void;
    protected abstract _drop(): void;
    last(frame: Uint8Array): void;
    protected _give(frame: Uint8Array): void;
    protected _ended(reason: number): void;
    close(): void;
}
/** Where to, and when to give up. */
export interface Target {
    url: string;
    /** SHA-256 of certificates to accept besides the real ones. */
    hashes: Uint8Array[];
    signal: AbortSignal;
}
/** Ends with a link that is ready for a hello, or rejects. */
export type Dial = (target: Target) => Promise<Link>;
