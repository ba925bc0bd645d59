/** The law, without a clock: the same as the loadtest's, and held to `tests/golden/pacing.json`. */
export declare class Pacer {
    private readonly _period;
    /** By number: the shift it was sent with. */
    private readonly _sent;
    /** All changes of the period so far. */
    private _shift;
    /** How early inputs come, less what the shift does to it: the mean, and the last one reported. */
    private _mean;
    private _last;
    private _scatter;
    private _margin;
    constructor(_period: number);
    /** How early inputs should come. */
    get aim(): number;
    /** A snapshot names an input as newly applied and says how early it came; negative: a tick had to do without it. */
    note(number: number, early: number): void;
    /** An input was sent, `late` after it was due: how long after its due time is the next one due? */
    next(number: number, late: number): number;
    /** It was sent again: how early it comes then says nothing. */
    resent(number: number): void;
    /** Nothing was sent. */
    pause(late: number): number;
    /** Whole periods are left out, so that a stall shifts nothing. */
    private _wait;
    private _change;
    private _periods;
}
/** Calls once a tick, when the pacer says so. */
export declare class Beat {
    private readonly _period;
    private readonly _now;
    /** Sends an input that was due `late` ago; returns how long after that the next one is. */
    private readonly _beat;
    /** When the next is due, while it runs. */
    private _next;
    private readonly _soon;
    /** When the newest beat was due: the moment that its input stands for. */
    due: number;
    constructor(_period: number, _now: () => number, 
    /** Sends an input that was due `late` ago; returns how long after that the next one is. */
    _beat: (late: number) => number);
    start(): void;
    stop(): void;
    private _await;
    private _wake;
}
