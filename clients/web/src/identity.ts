// Who this is without signing up: a device, kept by the browser, and a seat, kept by the tab.
//
// The seat's resume token lives in sessionStorage, which a duplicated tab copies. Whether another tab holds the seat is
// told by a Web Lock; where the page is no secure context and has none, by asking around on a BroadcastChannel.

type Place = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export interface Surroundings {
  local?: Place | undefined;
  session?: Place | undefined;
  locks?: Pick<LockManager, "request"> | undefined;
  channel?: ((name: string) => BroadcastChannel) | undefined;
}

/** Long enough for the page before a reload to let go, and for another tab to answer. */
const PATIENCE_MS = 150;

/** Seats held by this page: two clients of one page are two players. */
const mine = new Set<string>();

const random = (): string => Math.random().toString(36).slice(2);

/** What the browser has; storage may be blocked, and then asking for it throws. */
export function surroundings(): Surroundings {
  const attempt = <T>(fn: () => T): T | undefined => {
    try {
      return fn();
    } catch {
      return undefined;
    }
  };
  return {
    local: attempt(() => globalThis.localStorage),
    session: attempt(() => globalThis.sessionStorage),
    locks: attempt(() => globalThis.navigator?.locks),
    channel: typeof BroadcastChannel === "function" ? (name) => new BroadcastChannel(name) : undefined,
  };
}

/** Storage that may be missing, full or forbidden; then it forgets with the page. */
export class Shelf {
  private readonly _memory = new Map<string, unknown>();

  constructor(private readonly _place: Place | undefined) {}

  read<T>(key: string): T | undefined {
    try {
      const text = this._place?.getItem(key);
      if (text) return JSON.parse(text) as T;
    } catch {
      // Someone else's text under our key is as good as none.
    }
    return this._memory.get(key) as T | undefined;
  }

  write(key: string, value?: object): void {
    this._memory.set(key, value);
    try {
      if (value) this._place?.setItem(key, JSON.stringify(value));
      else this._place?.removeItem(key);
    } catch {
      // It is in memory.
    }
  }
}

export class Identity {
  private readonly _local: Shelf;
  private readonly _session: Shelf;
  private readonly _deviceKey: string;
  private _seatKey = "";
  private _seat = "";
  private _letGo = (): void => {};
  private _ready: Promise<void> | undefined;
  token: Uint8Array | undefined;

  constructor(
    private readonly _host: string,
    private readonly _profile: string,
    private readonly _around: Surroundings,
  ) {
    this._local = new Shelf(_around.local);
    this._session = new Shelf(_around.session);
    this._deviceKey = `airboat:device:${_host}:${_profile}`;
  }

  /** Read each time: another tab may have got one meanwhile. */
  get device(): [string, string] | undefined {
    const pair = this._local.read<unknown>(this._deviceKey);
    return Array.isArray(pair) && pair.length === 2 ? [String(pair[0]), String(pair[1])] : undefined;
  }

  set device(pair: [string, string] | undefined) {
    this._local.write(this._deviceKey, pair);
  }

  /** Settles which seat is ours. Ends always; afterwards `token` is what may be presented. */
  claim(): Promise<void> {
    return (this._ready ??= this._settle());
  }

  private async _settle(): Promise<void> {
    for (let n = 0; this._seatKey === ""; n++) {
      const key = `airboat:seat:${this._host}:${this._profile}:${n}`;
      if (!mine.has(key)) this._seatKey = key;
    }
    mine.add(this._seatKey);
    const kept = this._session.read<{ seat: string; token?: number[] }>(this._seatKey);
    if (kept?.token && typeof kept.seat === "string" && (await this._hold(kept.seat))) {
      this._seat = kept.seat;
      this.token = Uint8Array.from(kept.token);
    } else {
      this._seat = random();
      void this._hold(this._seat);
    }
  }

  /** Whether nobody else holds this seat; from then on we do. */
  private _hold(seat: string): Promise<boolean> {
    const name = `airboat:${this._host}:${seat}`;
    if (this._around.locks) return this._lock(this._around.locks, name);
    if (this._around.channel) return this._ask(this._around.channel(name));
    return Promise.resolve(true);
  }

  private _lock(locks: Pick<LockManager, "request">, name: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = new AbortController();
      const timer = setTimeout(() => waiting.abort(), PATIENCE_MS);
      const keep = () => {
        clearTimeout(timer);
        resolve(true);
        return new Promise<void>((release) => (this._letGo = release));
      };
      locks.request(name, { signal: waiting.signal }, keep).catch(() => resolve(false));
    });
  }

  /** Asks all tabs; whoever holds the seat, or asked for it with the lower number, says so. */
  private _ask(channel: BroadcastChannel): Promise<boolean> {
    const me = random();
    return new Promise((resolve) => {
      let held = false;
      const timer = setTimeout(() => {
        held = true;
        resolve(true);
      }, PATIENCE_MS);
      channel.onmessage = ({ data }: MessageEvent<{ ask?: string; held?: string }>) => {
        if (data.ask && (held || me < data.ask)) channel.postMessage({ held: data.ask });
        else if (!held && (data.held === me || data.ask)) {
          clearTimeout(timer);
          channel.close();
          resolve(false);
        }
      };
      this._letGo = () => channel.close();
      channel.postMessage({ ask: me });
    });
  }

  saveToken(token?: Uint8Array): void {
    this.token = token;
    this._session.write(this._seatKey, token && { seat: this._seat, token: [...token] });
  }

  /** For good: another tab or client may have the place. */
  release(): void {
    this.saveToken();
    mine.delete(this._seatKey);
    this._letGo();
  }
}
