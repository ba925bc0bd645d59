// What a module declares: entity classes and inputs, with the way from real units to steps on the wire and back.

import { CodecError } from "./errors.js";
import { within } from "./interpolation.js";
import { list, string, table, u32 } from "./frames.js";

export const TURN = 1024;
const TAU = 2 * Math.PI;
const QUANTUM_MAX = 2 ** 30 - 1;

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

/** Half away from zero, as the server rounds. */
const round = (n: number): number => Math.sign(n) * Math.round(Math.abs(n));

export function quantise(field: Field, value: unknown): number {
  if (field.kind === "choice") return Math.max(0, field.names.indexOf(value as string));
  if (field.kind === "flag") return value ? 1 : 0;
  const real = Number(value);
  if (field.kind === "angle") return round((real / TAU) * TURN) & (TURN - 1);
  return within(field.kind === "number" ? round(real / field.step) : Math.trunc(real), field.low, field.high) | 0;
}

/** Numbers in real units, radians, booleans, a choice's name. */
export function dequantise(field: Field, steps: number): number | boolean | string {
  if (field.kind === "flag") return steps === 1;
  if (field.kind === "choice") return field.names[steps] ?? "";
  return steps * field.step;
}

function readField(value: unknown): Field {
  const pair = list(value);
  const kind = list(pair[1]);
  const field = { name: string(pair[0]), kind: kind[0] as Kind, step: 1, low: 0, high: 1, names: [] as string[] };
  switch (field.kind) {
    case "number": {
      const [min, max, step] = kind.slice(1) as [number, number, number];
      if (!(step > 0 && min < max && Math.max(-min, max) / step <= QUANTUM_MAX)) throw new CodecError("range");
      return { ...field, step, low: round(min / step), high: round(max / step) };
    }
    case "angle": return { ...field, step: TAU / TURN, high: TURN - 1 };
    case "flag": return field;
    case "press": return { ...field, high: 3 };
    case "choice": {
      const names = kind.slice(1).map(string);
      return { ...field, names, high: names.length - 1 };
    }
    default: throw new CodecError("shape");
  }
}

function readClass(value: unknown, index: number): EntityClass {
  const map = table(value);
  const fields = list(map.fields).map(readField);
  const linear = map.linear === true;
  const column = (name: string) => 1 + fields.findIndex((f) => f.name === name && f.kind === "number");
  const [x, y] = [column("x"), column("y")];
  if (fields.length > 24 || (linear && (x === 0 || y === 0))) throw new CodecError("shape");
  return { index, name: string(map.name), fields, linear, width: 1 + fields.length + (linear ? 4 : 0), x, y };
}

export function readSchema(value: unknown): Schema {
  const map = table(value);
  const schema = {
    tickRate: u32(map.tick_rate),
    classes: list(map.classes).map(readClass),
    inputs: list(map.inputs).map(readField),
  };
  if (schema.tickRate < 1 || schema.tickRate > 240) throw new CodecError("shape");
  if (schema.classes.length > 31 || schema.inputs.length > 24) throw new CodecError("count");
  return schema;
}
