// Listeners. One that throws is reported and hurts nobody else.

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Listener = (...args: any[]) => void;

/** Runs the program's code; what it throws goes where uncaught errors go. */
export function guarded(fn: Listener, ...args: unknown[]): void {
  try {
    fn(...args);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else setTimeout(() => { throw error; });
  }
}

export class Listeners {
  private readonly _map = new Map<string, Set<Listener>>();

  /** Returns the way to take it back. */
  add(event: string, fn: Listener): () => void {
    const set = this._map.get(event) ?? new Set();
    this._map.set(event, set.add(fn));
    return () => void set.delete(fn);
  }

  tell(event: string, ...args: unknown[]): void {
    for (const fn of [...(this._map.get(event) ?? [])]) guarded(fn, ...args);
  }
}
