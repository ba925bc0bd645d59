export declare class Clock {
    /** Smoothed round trip in milliseconds; 0 before the first answer. */
    rtt: number;
    /** The room's time minus ours, in milliseconds. */
    private _offset;
    private readonly _samples;
    private _last;
    /** Another room or another life of it: its ticks are others. The round trip stays. */
    reset(): void;
    /** The join answer names a tick: better than nothing until pings are answered. */
    hint(tick: number, tickRate: number, now: number): void;
    answered(sent: number, now: number, tick: number, ageUs: number, tickRate: number): void;
    /** Milliseconds of the room's own time. Does not go backwards but for a jump. */
    at(now: number): number;
}
