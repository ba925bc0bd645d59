// The documents of a room: plain objects that are changed in place, so that whoever holds one never has to ask again.

import { put } from "./codec.js";
import { CodecError } from "./errors.js";
import { isTable, list, table, type Table } from "./frames.js";

export type Key = string | number;

/** What becomes of `old` when `value` takes its place: tables and lists stay the same object and are filled anew. */
function settle(old: unknown, value: unknown): unknown {
  if (Array.isArray(old) && Array.isArray(value)) {
    value.forEach((item, index) => (old[index] = settle(old[index], item)));
    old.length = value.length;
    return old;
  }
  if (isTable(old) && isTable(value)) {
    for (const key of Object.keys(old)) if (!Object.hasOwn(value, key)) delete old[key];
    for (const key of Object.keys(value)) put(old, key, settle(own(old, key), value[key]));
    return old;
  }
  return value;
}

const own = (map: Table, key: string): unknown => (Object.hasOwn(map, key) ? map[key] : undefined);

/** Where `key` stands in a list: from 1 on the wire. */
function index(items: unknown[], key: Key): number {
  if (typeof key !== "number") throw new CodecError("shape");
  const at = key - 1;
  if (!(at >= 0 && at <= items.length && Number.isInteger(at))) throw new CodecError("range");
  return at;
}

function descend(at: unknown, key: Key): unknown {
  if (Array.isArray(at)) return at[index(at, key)];
  const [map, name] = [table(at), String(key)];
  let next = own(map, name);
  if (next == null) put(map, name, (next = {}));
  return next;
}

function assign(at: unknown, key: Key, value: unknown): void {
  if (Array.isArray(at)) {
    const i = index(at, key);
    at[i] = settle(at[i], value);
  } else put(table(at), String(key), settle(own(table(at), String(key)), value));
}

function remove(at: unknown, key: Key): void {
  if (Array.isArray(at)) {
    // A list shrinks from its end only.
    if (at.length === 0 || index(at, key) !== at.length - 1) throw new CodecError("range");
    at.pop();
  } else delete table(at)[String(key)];
}

/** The keys of a list count from 1, so that a document that is a list can live in an object. */
const asTable = (value: unknown): Table =>
  table(Array.isArray(value) ? Object.fromEntries(value.map((item, i) => [i + 1, item])) : (value ?? {}));

type Watcher = { path: Key[]; fn: (value: unknown) => void };

export class Documents {
  readonly state: Table = {};
  readonly players: Table = {};
  readonly secret: Table = {};
  private readonly _watchers = new Set<Watcher>();

  /** Everything anew, in the objects that are there. */
  restart(all: Table): void {
    for (const name of ["state", "players", "secret"]) this.patch(name, [[[], all[name] ?? {}]]);
  }

  /** Applies one frame's operations: `[path, value]` sets, `[path]` deletes. */
  patch(document: string, operations: unknown[]): void {
    const root = own(this as unknown as Table, document);
    if (!isTable(root)) return; // a document of a later version
    const paths = operations.map((operation) => {
      const parts = list(operation);
      const path = list(parts[0]) as Key[];
      if (path.length > 16 || path.some((k) => typeof k !== "string" && typeof k !== "number")) throw new CodecError("shape");
      this._carryOut(root, path, parts);
      return [document, ...path];
    });
    for (const watcher of [...this._watchers]) {
      if (paths.some((path) => touches(path, watcher.path))) watcher.fn(this.get(watcher.path));
    }
  }

  private _carryOut(root: Table, path: Key[], parts: unknown[]): void {
    const last = path[path.length - 1];
    if (last === undefined) return void settle(root, asTable(parts[1]));
    let at: unknown = root;
    for (const key of path.slice(0, -1)) at = descend(at, key);
    if (parts.length > 1) assign(at, last, parts[1]);
    else remove(at, last);
  }

  /** What stands at a path now. Lists count from 1, as in the module. */
  get(path: readonly Key[]): unknown {
    let at: unknown = this;
    for (const key of path) {
      if (Array.isArray(at)) at = at[Number(key) - 1];
      else if (at === this || isTable(at)) at = own(at as Table, String(key));
      else return undefined;
    }
    return at;
  }

  /** `path`: the document, then keys: `state.score.3`, or as a list. */
  watch(path: string | readonly Key[], fn: (value: unknown) => void): () => void {
    const watcher = { path: typeof path === "string" ? path.split(".") : [...path], fn };
    this._watchers.add(watcher);
    return () => void this._watchers.delete(watcher);
  }
}

/** Whether a change at `path` can be seen from `watched`: above it, at it or below it. */
function touches(path: readonly Key[], watched: readonly Key[]): boolean {
  for (let i = 0; i < path.length && i < watched.length; i++) {
    if (String(path[i]) !== String(watched[i])) return false;
  }
  return true;
}
