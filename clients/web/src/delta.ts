// The body of a snapshot: what differs from a baseline, column by column. The layout is in docs/protocol.md §5.
//
// Rows are structures of typed arrays, copied and changed in place: a snapshot allocates nothing unless a class grows.

import type { Reader } from "./bytes.js";
import { CodecError } from "./errors.js";
import { TURN, type EntityClass, type Schema } from "./schema.js";

const REMOVED = 1;
const NEW = 2;
const CHANGED = 4;
const ENTITIES_MAX = 16_384;
const WIDEST = 0x7fffffff;

/** The entities of one class: `columns[c][row]` belongs to `ids[row]`; ids ascend; `count` rows are in use. */
export class Rows {
  count = 0;
  ids = new Uint32Array(0);
  readonly columns: Int32Array[];

  constructor(readonly width: number) {
    this.columns = Array.from({ length: width }, () => new Int32Array(0));
  }

  reserve(count: number): void {
    if (count <= this.ids.length) return;
    const capacity = Math.max(16, count, this.ids.length * 2);
    const ids = new Uint32Array(capacity);
    ids.set(this.ids);
    this.ids = ids;
    this.columns.forEach((old, index) => {
      const column = new Int32Array(capacity);
      column.set(old);
      this.columns[index] = column;
    });
  }

  copy(from: Rows): void {
    this.reserve(from.count);
    this.count = from.count;
    this.ids.set(from.ids.subarray(0, from.count));
    for (let c = 0; c < this.width; c++) this.columns[c]!.set(from.columns[c]!.subarray(0, from.count));
  }

  /** Where this id stands, or would: `~place`. */
  find(id: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.ids[low] === id ? low : ~low;
  }

  /** Moves rows from `from` up to `to` down to `at`. */
  private _shift(at: number, from: number, to: number): void {
    this.ids.copyWithin(at, from, to);
    for (const column of this.columns) column.copyWithin(at, from, to);
  }

  /** Drops `gone`: ascending row numbers. */
  remove(gone: readonly number[]): void {
    if (gone.length === 0) return;
    let at = gone[0]!;
    for (let i = 0; i < gone.length; i++) {
      const from = gone[i]! + 1;
      const to = gone[i + 1] ?? this.count;
      this._shift(at, from, to);
      at += to - from;
    }
    this.count = at;
  }

  /** Puts other rows among these; an id on both sides is an error. */
  merge(added: Rows): void {
    const total = this.count + added.count;
    if (total > ENTITIES_MAX) throw new CodecError("count");
    this.reserve(total);
    let [mine, theirs] = [this.count - 1, added.count - 1];
    for (let to = total - 1; theirs >= 0; to--) {
      const [a, b] = [mine >= 0 ? this.ids[mine]! : -1, added.ids[theirs]!];
      if (a === b) throw new CodecError("range");
      const [from, row] = a > b ? [this, mine--] : [added, theirs--];
      this.ids[to] = from.ids[row]!;
      for (let c = 0; c < this.width; c++) this.columns[c]![to] = from.columns[c]![row]!;
    }
    this.count = total;
  }
}

/** All entities at one tick, in the schema's order of classes. */
export class World {
  tick = 0;
  /** Lacks some of what the room has: it did not fit into a datagram. Not to be compared with hashes. */
  partial = false;
  readonly classes: Rows[];

  constructor(schema: Schema) {
    this.classes = schema.classes.map((c) => new Rows(c.width));
  }

  copy(from: World | undefined): void {
    this.classes.forEach((rows, index) => {
      const base = from?.classes[index];
      if (base) rows.copy(base);
      else rows.count = 0;
    });
  }
}

/** Decodes bodies; keeps what it needs for that between calls. */
export class DeltaDecoder {
  private readonly _added: Rows[];
  /** The lowest and highest value of each column, by class. */
  private readonly _low: Int32Array[];
  private readonly _high: Int32Array[];
  private readonly _gone: number[] = [];
  /** What the blocks of each class have taken so far. */
  readonly bytes: number[];

  constructor(private readonly _schema: Schema) {
    this._added = _schema.classes.map((c) => new Rows(c.width));
    this.bytes = _schema.classes.map(() => 0);
    const bounds = (free: number, of: "low" | "high") =>
      _schema.classes.map((c) => Int32Array.from({ length: c.width }, (_, i) => c.fields[i - 1]?.[of] ?? free));
    this._low = bounds(-WIDEST - 1, "low");
    this._high = bounds(WIDEST, "high");
  }

  /** Turns `world` (a copy of the baseline) into the state at `tick`. On an error it is left half done. */
  decode(reader: Reader, world: World, tick: number): void {
    for (const c of this._schema.classes) if (c.linear) this._expire(world.classes[c.index]!, tick);
    let lowest = 0;
    while (reader.left > 0) {
      const from = reader.pos;
      const head = reader.u8();
      const index = head >> 3;
      const of = this._schema.classes[index];
      if (!of || index < lowest) throw new CodecError("range");
      lowest = index + 1;
      this._block(reader, head & 7, of, world.classes[index]!, tick);
      this.bytes[index]! += reader.pos - from;
    }
    world.tick = tick;
  }

  /** Drops the linear entities whose life is over: both sides do this by themselves. */
  private _expire(rows: Rows, tick: number): void {
    const ends = rows.columns[rows.width - 1]!;
    this._gone.length = 0;
    for (let row = 0; row < rows.count; row++) {
      if (ends[row] !== 0 && tick >= ends[row]! >>> 0) this._gone.push(row);
    }
    rows.remove(this._gone);
  }

  private _block(reader: Reader, flags: number, of: EntityClass, rows: Rows, tick: number): void {
    const highest = rows.count > 0 ? rows.ids[rows.count - 1]! : 0;
    if (flags & REMOVED) this._removed(reader, rows);
    const added = this._added[of.index]!;
    added.count = 0;
    if (flags & NEW) this._fresh(reader, of, added, highest, tick);
    if (flags & CHANGED) this._changed(reader, of, rows);
    if (flags & NEW) rows.merge(added);
  }

  private _removed(reader: Reader, rows: Rows): void {
    const count = reader.varint();
    if (count > rows.count) throw new CodecError("count");
    this._gone.length = 0;
    for (let i = 0, next = 0; i < count; i++) {
      const row = next + reader.varint();
      if (row >= rows.count) throw new CodecError("range");
      this._gone.push(row);
      next = row + 1;
    }
    rows.remove(this._gone);
  }

  private _fresh(reader: Reader, of: EntityClass, added: Rows, highest: number, tick: number): void {
    const count = reader.varint();
    if (count === 0 || count > ENTITIES_MAX || count > reader.left) throw new CodecError("count");
    added.reserve(count);
    added.count = count;
    let id = (highest + reader.signed()) >>> 0;
    added.ids[0] = id;
    for (let row = 1; row < count; row++) {
      id += reader.varint() + 1;
      if (id > 0xffffffff) throw new CodecError("range");
      added.ids[row] = id;
    }
    const [low, high] = [this._low[of.index]!, this._high[of.index]!];
    for (let c = 0; c < of.width; c++) {
      const column = added.columns[c]!;
      // `since` and an `ends` that comes travel relative to the tick.
      const since = of.linear && c === of.width - 2;
      const ends = of.linear && c === of.width - 1;
      for (let row = 0; row < count; row++) {
        let value = reader.signed();
        if (since || (ends && value !== 0)) value = (value + tick) | 0;
        if (value < low[c]! || value > high[c]!) throw new CodecError("range");
        column[row] = value;
      }
    }
  }

  private _changed(reader: Reader, of: EntityClass, rows: Rows): void {
    const mask = reader.varint();
    const full = reader.varint();
    if (mask >>> of.width !== 0 || (full & ~mask) !== 0) throw new CodecError("range");
    const [low, high] = [this._low[of.index]!, this._high[of.index]!];
    for (let c = 0; c < of.width; c++) {
      if ((mask & (1 << c)) === 0) continue;
      const column = rows.columns[c]!;
      const angle = of.fields[c - 1]?.kind === "angle";
      const bits = full & (1 << c) ? undefined : reader.take((rows.count + 7) >> 3);
      for (let row = 0; row < rows.count; row++) {
        if (bits && (bits[row >> 3]! & (1 << (row & 7))) === 0) continue;
        let value = (column[row]! + reader.signed()) | 0;
        if (angle) value &= TURN - 1;
        else if (value < low[c]! || value > high[c]!) throw new CodecError("range");
        column[row] = value;
      }
    }
  }
}
