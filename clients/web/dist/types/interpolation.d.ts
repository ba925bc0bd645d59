/** From `a` to `b` the short way round, in radians. */
export declare function lerpAngle(a: number, b: number, t: number): number;
export declare const within: (n: number, low: number, high: number) => number;
export declare const lerp: (a: number, b: number, t: number) => number;
/** A time that runs evenly towards one that does not, and never backwards. Ticks. */
export declare class Steady {
    private _shown;
    private _at;
    reset(): void;
    /** What to show where `wanted` would be right, at the local time `ticks`; not later than `most`. */
    at(wanted: number, ticks: number, most?: number): number;
}
export type Status = "interpolated" | "extrapolated" | "held";
/** The view tick of a room, from when its snapshots arrive. All times are milliseconds of one clock. */
export declare class Playout {
    private readonly _tickRate;
    private readonly _extrapolate;
    /** How far each of the last snapshots was behind the local clock, in ticks. */
    private readonly _behind;
    private readonly _gaps;
    private readonly _steady;
    private _count;
    private _newest;
    private _base;
    private _now;
    private _shown;
    /** Ticks between the newest snapshot that could have arrived and what is shown. */
    delay: number;
    /** 95th percentile of how late snapshots come, in ticks. */
    late: number;
    /** What the time last asked for was. */
    status: Status;
    /** How often it was which; a time that is asked for twice counts once. */
    readonly counts: {
        interpolated: number;
        extrapolated: number;
        held: number;
    };
    constructor(_tickRate: number, _extrapolate?: number);
    /** A new epoch: other ticks. */
    reset(): void;
    private _ticks;
    /** A snapshot of `tick` has arrived, newer than all before. */
    arrived(tick: number, now: number): void;
    /** The share of ticks of which no snapshot came. */
    get loss(): number;
    /** The tick to show, with its fraction. Never goes backwards within an epoch. */
    at(now: number): number;
}
