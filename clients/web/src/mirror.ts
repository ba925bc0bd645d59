// The entities of a room: a few past worlds, decoded from snapshots, and one object for each entity that stays the same
// for as long as the entity lives.

import { Reader, widen } from "./bytes.js";
import { DeltaDecoder, World } from "./delta.js";
import { CodecError } from "./errors.js";
import { SNAPSHOT } from "./frames.js";
import { lerp, lerpAngle, within } from "./interpolation.js";
import { dequantise, type EntityClass, type Schema } from "./schema.js";

const KEY = 1;
const PARTIAL = 2;
const WORLDS_MAX = 256;

/** What a snapshot says to its one receiver. */
export interface Report {
  applied: number;
  substitutions: number;
  skips: number;
  /** Milliseconds the applied input came early; negative: a tick had to do without it. */
  slack: number;
  /** The newest state lacks some of what the room has: so much changes that not all of it fits a datagram. */
  partial: boolean;
}

/** The interpolated values of an entity: those of its fields, at the time being shown. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type View = Record<string, any>;

/** An entity. Its fields stand on it with their newest values in real units. */
export class Entity {
  readonly id: number;
  /** The class's name. */
  readonly class: string;
  /** The owning player's id, or null. */
  owner: string | null = null;
  /** False once it is gone. */
  alive = true;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  [field: string]: any;

  readonly #mirror: Mirror;
  readonly #of: EntityClass;
  readonly #view: View = {};
  #stamp = -1;

  constructor(mirror: Mirror, of: EntityClass, id: number) {
    this.#mirror = mirror;
    this.#of = of;
    this.id = id;
    this.class = of.name;
  }

  /** Its fields at the time being shown: `tank.view.x`. The same object for ever, brought up to date when it is read. */
  get view(): View {
    const stamp = this.#mirror.present();
    if (this.#stamp !== stamp) {
      this.#stamp = stamp;
      this.#mirror.show(this.#of, this, this.#view);
    }
    return this.#view;
  }
}

/** The entities of one class. */
class Population {
  /** The objects of the newest world's rows, in their order. */
  rows: Entity[] = [];
  spare: Entity[] = [];
  /** What is being shown: follows the newest world at view time. */
  readonly shown = new Map<number, Entity>();
  arriving: { entity: Entity; tick: number }[] = [];
  leaving: { entity: Entity; tick: number }[] = [];
}

/** Told of entities that come and go, at view time. */
export type Crowd = (event: "spawn" | "despawn", entity: Entity) => void;

export class Mirror {
  readonly report: Report = { applied: 0, substitutions: 0, skips: 0, slack: 0, partial: false };
  private _epoch = 0;
  /** Ascending by tick; the last is the newest. */
  private _worlds: World[] = [];
  private readonly _pool: World[] = [];
  private readonly _decoder: DeltaDecoder;
  /** What snapshots have brought, by class. */
  readonly bytes: readonly number[];
  private readonly _populations: Population[];
  private _baseline = 0;

  private _stamp = 0;
  private _fresh = false;
  private _viewTick = 0;
  private _ownTick = 0;
  private _before: World | undefined;
  private _after: World | undefined;
  private _share = 0;
  /** The player whose client this is. */
  me = "";

  constructor(
    readonly schema: Schema,
    /** The tick to show now. */
    private readonly _view: () => number,
    private readonly _crowd: Crowd,
    /** The tick at which one's own are, where it is another. */
    private readonly _own: () => number = _view,
  ) {
    this._decoder = new DeltaDecoder(schema);
    this.bytes = this._decoder.bytes;
    this._populations = schema.classes.map(() => new Population());
  }

  /** The newest tick held. */
  get tick(): number {
    return this.newest?.tick ?? 0;
  }

  get newest(): World | undefined {
    return this._worlds[this._worlds.length - 1];
  }

  at(tick: number): World | undefined {
    return this._worlds.find((world) => world.tick === tick);
  }

  /**
   * A join answer: starts anew from its key snapshot, which says nothing of inputs; the last applied is told apart.
   * Entities that are still there keep their objects.
   */
  restart(epoch: number, tick: number, frame: Uint8Array, applied: number): void {
    const old = this.newest;
    this._epoch = epoch;
    const world = this._decode(frame, tick, undefined);
    this.report.applied = applied;
    this._pool.push(...this._worlds.filter((w) => w !== old));
    this._worlds = [world];
    this._baseline = tick;
    this._compare(old, world);
    if (old) this._pool.push(old);
    this._fresh = false;
    this.advance(Infinity);
  }

  /** The tick of a snapshot that is newer than all held; undefined for one to be dropped. */
  apply(frame: Uint8Array): number | undefined {
    if (frame.length < 11) throw new CodecError("truncated");
    const tick = widen(frame[3]! | (frame[4]! << 8), this.tick);
    if (frame[2] !== (this._epoch & 0xff) || tick <= this.tick) return undefined;
    const key = (frame[1]! & KEY) !== 0;
    const baseline = key ? undefined : this.at(tick - frame[5]!);
    if (!key && !baseline) throw new CodecError("baseline");
    const old = this.newest;
    const world = this._decode(frame, tick, baseline);
    if (baseline) this._baseline = baseline.tick;
    this._worlds.push(world);
    this._compare(old, world);
    this._fresh = false;
    return tick;
  }

  private _decode(frame: Uint8Array, tick: number, baseline: World | undefined): World {
    const reader = new Reader(frame);
    const [kind, flags] = [reader.u8(), reader.u8()];
    if (kind !== SNAPSHOT || (flags & ~(KEY | PARTIAL)) !== 0) throw new CodecError("marker");
    reader.take(4);
    const world = this._pool.pop() ?? new World(this.schema);
    world.partial = (flags & PARTIAL) !== 0;
    const [applied, substitutions, skips, slack] = [reader.u16(), reader.u8(), reader.u8(), reader.u8()];
    try {
      world.copy(baseline);
      this._decoder.decode(reader, world, tick);
    } catch (error) {
      this._pool.push(world);
      throw error;
    }
    Object.assign(this.report, {
      applied: widen(applied, this.report.applied),
      substitutions,
      skips,
      slack: ((slack << 24) >> 24) / 2,
      partial: world.partial,
    });
    return world;
  }

  /** Brings the objects from one newest world to the next. */
  private _compare(old: World | undefined, world: World): void {
    for (const of of this.schema.classes) {
      const population = this._populations[of.index]!;
      const [was, is] = [old?.classes[of.index], world.classes[of.index]!];
      const objects = population.rows;
      const next = population.spare;
      next.length = 0;
      let i = 0;
      for (let j = 0; j < is.count; j++) {
        const id = is.ids[j]!;
        while (was && i < was.count && was.ids[i]! < id) this._gone(of, population, objects[i]!, old!, i++, world.tick);
        if (was && i < was.count && was.ids[i] === id) {
          const entity = objects[i]!;
          next.push(entity);
          for (let c = 0; c < of.width; c++) {
            const value = is.columns[c]![j]!;
            if (was.columns[c]![i] !== value) this._set(of, entity, c, value);
          }
          i++;
        } else {
          const entity = new Entity(this, of, id);
          next.push(entity);
          for (let c = 0; c < of.width; c++) this._set(of, entity, c, is.columns[c]![j]!);
          const since = of.linear ? is.columns[of.width - 2]![j]! : world.tick;
          population.arriving.push({ entity, tick: Math.min(since, world.tick) });
        }
      }
      while (was && i < was.count) this._gone(of, population, objects[i]!, old!, i++, world.tick);
      population.rows = next;
      population.spare = objects;
    }
  }

  private _gone(of: EntityClass, population: Population, entity: Entity, old: World, row: number, tick: number): void {
    const ends = of.linear ? old.classes[of.index]!.columns[of.width - 1]![row]! : 0;
    population.leaving.push({ entity, tick: ends !== 0 && ends <= tick ? ends : tick });
  }

  /** One column of an object, in real units. */
  private _set(of: EntityClass, entity: View, column: number, steps: number): void {
    const field = of.fields[column - 1];
    if (field) entity[field.name] = dequantise(field, steps);
    else if (column === 0) entity.owner = steps === 0 ? null : String(steps);
    else {
      const hidden = column - of.fields.length - 1;
      const unit = hidden < 2 ? of.fields[(hidden === 0 ? of.x : of.y) - 1]!.step : 1;
      entity[["vx", "vy", "since", "ends"][hidden]!] = steps * unit;
    }
  }

  /** Lets entities come and go as the view time passes their tick, and forgets worlds nobody needs. */
  advance(viewTick: number): void {
    const ownTick = viewTick === Infinity ? viewTick : this._own();
    for (const of of this.schema.classes) {
      const population = this._populations[of.index]!;
      const { shown } = population;
      const later = (tick: number, entity: Entity) => tick > (this._ahead(of, entity) ? ownTick : viewTick);
      const gone = (entity: Entity) => {
        // One's own shot may be over before the room has said so.
        if (!entity.alive) return;
        entity.alive = false;
        if (shown.get(entity.id) === entity) shown.delete(entity.id);
        this._crowd("despawn", entity);
      };
      population.arriving = population.arriving.filter(({ entity, tick }) => {
        if (later(tick, entity)) return true;
        shown.set(entity.id, entity);
        this._crowd("spawn", entity);
        return false;
      });
      population.leaving = population.leaving.filter(({ entity, tick }) => later(tick, entity) || void gone(entity));
      if (!of.linear || ownTick === Infinity) continue;
      for (const entity of shown.values()) {
        if (entity.owner === this.me && entity.ends > 0 && entity.ends <= ownTick) gone(entity);
      }
    }
    const worlds = this._worlds;
    while (
      worlds.length > WORLDS_MAX ||
      (worlds.length > 1 && worlds[0]!.tick < this._baseline && worlds[1]!.tick <= viewTick)
    ) {
      this._pool.push(worlds.shift()!);
    }
  }

  /** What moves by itself and is one's own is shown at the tick that one's inputs are for: others are seen as they were. */
  private _ahead(of: EntityClass, entity: Entity): boolean {
    return of.linear && entity.owner === this.me;
  }

  private _of(className: string): Population | undefined {
    const of = this.schema.classes.find((c) => c.name === className);
    return of && this._populations[of.index]!;
  }

  entities(className: string): Map<number, Entity> | undefined {
    return this._of(className)?.shown;
  }

  /** One's own in the newest world. */
  own(className: string): Entity | undefined {
    return this._of(className)?.rows.find((entity) => entity.owner === this.me);
  }

  /** By id, whatever its class: as soon as it is known, not only when it is shown. */
  entity(id: number): Entity | undefined {
    for (const of of this.schema.classes) {
      const row = this.newest?.classes[of.index]!.find(id) ?? -1;
      const population = this._populations[of.index]!;
      const entity = row >= 0 ? population.rows[row] : population.shown.get(id);
      if (entity) return entity;
    }
    return undefined;
  }

  /**
   * Fixes the time shown for the rest of this turn of the event loop, so that everything drawn in one frame belongs
   * together. Returns its stamp.
   */
  present(): number {
    if (this._fresh) return this._stamp;
    this._fresh = true;
    this._stamp++;
    queueMicrotask(() => (this._fresh = false));
    const tick = (this._viewTick = this._view());
    this._ownTick = this._own();
    const worlds = this._worlds;
    let after = 0;
    while (after < worlds.length && worlds[after]!.tick <= tick) after++;
    // Behind the newest there is nothing to move towards: for a while things go on as they went.
    if (after === worlds.length && after > 1) after--;
    const [a, b] = [worlds[after - 1], worlds[after]];
    this._share = a && b ? (tick - a.tick) / (b.tick - a.tick) : 0;
    [this._before, this._after] = [a, b];
    return this._stamp;
  }

  /** Fills `view` with the values at the time being shown. An entity in neither world keeps the ones it had. */
  show(of: EntityClass, entity: Entity, view: View): void {
    const ahead = this._ahead(of, entity);
    const [a, b] = (ahead ? [this.newest] : [this._before, this._after]).map((world) => world?.classes[of.index]);
    const [i, j] = [a?.find(entity.id) ?? -1, b?.find(entity.id) ?? -1];
    if (i < 0 && j < 0) return;
    const beyond = this._share >= 1 && j >= 0;
    const [rows, row] = i < 0 || beyond ? [b!, j] : [a!, i];
    const share = beyond ? this._share - 1 : this._share;
    for (let c = 0; c < of.width; c++) {
      const field = of.fields[c - 1];
      const steps = rows.columns[c]![row]!;
      // Places go on as they went; what else changes is not known before it does.
      let next = steps;
      if (!of.linear && i >= 0 && j >= 0) {
        if (!beyond) next = b!.columns[c]![j]!;
        else if (c === of.x || c === of.y) next += steps - a!.columns[c]![i]!;
      }
      if (steps === next || !field || field.kind === "flag" || field.kind === "choice") this._set(of, view, c, steps);
      else if (field.kind === "angle") view[field.name] = lerpAngle(steps * field.step, next * field.step, share);
      else view[field.name] = within(lerp(steps, next, share), field.low, field.high) * field.step;
    }
    if (of.linear) {
      const seconds = Math.max(0, (ahead ? this._ownTick : this._viewTick) - view.since) / this.schema.tickRate;
      view[of.fields[of.x - 1]!.name] += view.vx * seconds;
      view[of.fields[of.y - 1]!.name] += view.vy * seconds;
    }
  }
}
