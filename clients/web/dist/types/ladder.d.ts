import type { Shelf } from "./identity.js";
import type { Dial, Link, TransportName } from "./transports/link.js";
export declare const LADDER: readonly TransportName[];
export type Dialers = Partial<Record<TransportName, Dial>>;
export declare class Ladder {
    /** `http(s)://host…/`, with the slash. */
    private readonly _base;
    /** One of them, or the best that works. */
    wish: TransportName | "auto";
    private readonly _dialers;
    private readonly _shelf;
    private readonly _strikes;
    private readonly _key;
    /** None was left out of the last climb. */
    private _whole;
    /** When those better than the present one may be tried. */
    private _next;
    constructor(
    /** `http(s)://host…/`, with the slash. */
    _base: string, 
    /** One of them, or the best that works. */
    wish: TransportName | "auto", _dialers: Dialers, _shelf: Shelf);
    /** The transports to try, best first; only those better `than` one. */
    private _rungs;
    /** A link was greeted over it. */
    worked(name: TransportName): void;
    /** It connected and then said nothing. HTTP connects always. */
    failed(name: TransportName): void;
    private _forget;
    /** Whether a better one than this, which one plays over, may be tried now. */
    due(name: TransportName): boolean;
    /** A link that is ready for a hello, better `than` some, or undefined when none could be had. */
    climb(than?: TransportName): Promise<Link | undefined>;
    /** Rejects where there is no such transport, here or there: nobody is told why. */
    private _dial;
    private _offer;
}
