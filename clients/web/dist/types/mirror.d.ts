import { World } from "./delta.js";
import { type EntityClass, type Schema } from "./schema.js";
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
export type View = Record<string, any>;
/** An entity. Its fields stand on it with their newest values in real units. */
export declare class Entity {
    #private;
    readonly id: number;
    /** The class's name. */
    readonly class: string;
    /** The owning player's id, or null. */
    owner: string | null;
    /** False once it is gone. */
    alive: boolean;
    [field: string]: any;
    constructor(mirror: Mirror, of: EntityClass, id: number);
    /** Its fields at the time being shown: `tank.view.x`. The same object for ever, brought up to date when it is read. */
    get view(): View;
}
/** Told of entities that come and go, at view time. */
export type Crowd = (event: "spawn" | "despawn", entity: Entity) => void;
export declare class Mirror {
    readonly schema: Schema;
    /** The tick to show now. */
    private readonly _view;
    private readonly _crowd;
    /** The tick at which one's own are, where it is another. */
    private readonly _own;
    readonly report: Report;
    private _epoch;
    /** Ascending by tick; the last is the newest. */
    private _worlds;
    private readonly _pool;
    private readonly _decoder;
    /** What snapshots have brought, by class. */
    readonly bytes: readonly number[];
    private readonly _populations;
    private _baseline;
    private _stamp;
    private _fresh;
    private _viewTick;
    private _ownTick;
    private _before;
    private _after;
    private _share;
    /** The player whose client this is. */
    me: string;
    constructor(schema: Schema, 
    /** The tick to show now. */
    _view: () => number, _crowd: Crowd, 
    /** The tick at which one's own are, where it is another. */
    _own?: () => number);
    /** The newest tick held. */
    get tick(): number;
    get newest(): World | undefined;
    at(tick: number): World | undefined;
    /**
     * A join answer: starts anew from its key snapshot, which says nothing of inputs; the last applied is told apart.
     * Entities that are still there keep their objects.
     */
    restart(epoch: number, tick: number, frame: Uint8Array, applied: number): void;
    /** The tick of a snapshot that is newer than all held; undefined for one to be dropped. */
    apply(frame: Uint8Array): number | undefined;
    private _decode;
    /** Brings the objects from one newest world to the next. */
    private _compare;
    private _gone;
    /** One column of an object, in real units. */
    private _set;
    /** Lets entities come and go as the view time passes their tick, and forgets worlds nobody needs. */
    advance(viewTick: number): void;
    /** What moves by itself and is one's own is shown at the tick that one's inputs are for: others are seen as they were. */
    private _ahead;
    private _of;
    entities(className: string): Map<number, Entity> | undefined;
    /** One's own in the newest world. */
    own(className: string): Entity | undefined;
    /** By id, whatever its class: as soon as it is known, not only when it is shown. */
    entity(id: number): Entity | undefined;
    /**
     * Fixes the time shown for the rest of this turn of the event loop, so that everything drawn in one frame belongs
     * together. Returns its stamp.
     */
    present(): number;
    /** Fills `view` with the values at the time being shown. An entity in neither world keeps the ones it had. */
    show(of: EntityClass, entity: Entity, view: View): void;
}
