export type Listener = (...args: any[]) => void;
/** Runs the program's code; what it throws goes where uncaught errors go. */
export declare function guarded(fn: Listener, ...args: unknown[]): void;
export declare class Listeners {
    private readonly _map;
    /** Returns the way to take it back. */
    add(event: string, fn: Listener): () => void;
    tell(event: string, ...args: unknown[]): void;
}
