import type { Shelf } from "./identity.js";
import type { Dial, Link, TransportName } from "./transports/link.js";
export declare const LADDER: readonly TransportName[];
export type Dialers = Partial<Record<TransportName, Dial>>;
export declare class Ladder {
    /** `http(s)://host…/`, with the slash. */
    private readonly _base;
    private readonly _wish;
    private readonly _dialers;
    private readonly _shelf;
    private readonly _strikes;
    private readonly _key;
    constructor(
    /** `http(s)://host…/`, with the slash. */
    _base: string, _wish: TransportName | "auto", _dialers: Dialers, _shelf: Shelf);
    /** The transports to try, best first. */
    private _rungs;
    /** A link was greeted over it: good for a day. */
    worked(name: TransportName): void;
    /** It connected and then said nothing, or could not connect. */
    failed(name: TransportName): void;
    /** A link that is ready for a hello, or undefined when none could be had. */
    climb(): Promise<Link | undefined>;
    private _dial;
    private _offer;
}
