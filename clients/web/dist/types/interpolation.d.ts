/** From `a` to `b` the short way round, in radians. */
export declare function lerpAngle(a: number, b: number, t: number): number;
export declare const lerp: (a: number, b: number, t: number) => number;
/** The view tick of a room, from when its snapshots arrive. All times are milliseconds of one clock. */
export declare class Playout {
    private readonly _tickRate;
    /** How far each of the last snapshots was behind the local clock, in ticks. */
    private readonly _behind;
    private readonly _gaps;
    private _count;
    private _newest;
    private _base;
    private _shown;
    private _shownAt;
    private _started;
    /** Ticks between the newest snapshot that could have arrived and what is shown. */
    delay: number;
    /** 95th percentile of how late snapshots come, in ticks. */
    late: number;
    constructor(_tickRate: number);
    /** A new epoch: other ticks. */
    reset(): void;
    private _ticks;
    /** A snapshot of `tick` has arrived. */
    arrived(tick: number, now: number): void;
    /** The share of ticks of which no snapshot came. */
    get loss(): number;
    /** The tick to show, with its fraction. Never goes backwards within an epoch. */
    at(now: number): number;
}
