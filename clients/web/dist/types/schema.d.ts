export declare const TURN = 1024;
export type Kind = "number" | "angle" | "flag" | "choice" | "press";
export interface Field {
    readonly name: string;
    readonly kind: Kind;
    /** Real units of one step; radians for angles. */
    readonly step: number;
    /** The steps that may stand on the wire. */
    readonly low: number;
    readonly high: number;
    /** Names of a choice. */
    readonly names: readonly string[];
}
export interface EntityClass {
    readonly index: number;
    readonly name: string;
    readonly fields: readonly Field[];
    /** Moves by itself along a line: sent once. */
    readonly linear: boolean;
    /** Columns: owner, the fields, then `vx vy since ends` for linear ones. */
    readonly width: number;
    /** Columns of `x` and `y`, when there are any. */
    readonly x: number;
    readonly y: number;
}
export interface Schema {
    /** Ticks a second. */
    readonly tickRate: number;
    readonly classes: readonly EntityClass[];
    readonly inputs: readonly Field[];
}
export declare function quantise(field: Field, value: unknown): number;
/** Numbers in real units, radians, booleans, a choice's name. */
export declare function dequantise(field: Field, steps: number): number | boolean | string;
export declare function readSchema(value: unknown): Schema;
