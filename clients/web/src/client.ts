// What `connect` returns: a server, the way to it, and the room one is in.

import { Clock } from "./clock.js";
import type { HashCheck } from "./debug.js";
import { failure, UNREACHABLE, type AirboatError } from "./errors.js";
import { Listeners } from "./events.js";
import { Identity, Shelf, surroundings, type Surroundings } from "./identity.js";
import { Ladder, type Dialers } from "./ladder.js";
import { Room } from "./room.js";
import { Session, type Status } from "./session.js";
import { dialHttp } from "./transports/http.js";
import type { TransportName } from "./transports/link.js";
import { dialWebSocket } from "./transports/websocket.js";
import { dialWebTransport } from "./transports/webtransport.js";

const TEND_MS = 250;
const FETCH_MS = 8000;
const VERSION = "airboat-web/0.1.0";

export interface ConnectOptions {
  /** `https://host:port` (ws and wss too); the page's own origin when left out. */
  url?: string | undefined;
  /** The player's display name. */
  name?: string | undefined;
  /** Another person in the same browser. */
  profile?: string | undefined;
  transport?: "auto" | TransportName | undefined;
  /** Compares the state with the server's hashes; from `airboat/debug`. */
  debugHash?: HashCheck | undefined;
}

export interface JoinOptions {
  password?: string | undefined;
  kind?: "player" | "spectator" | "screen" | undefined;
}

export interface RoomSummary {
  module: string;
  room: string;
  players: number;
  seats: number;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type JoinResult<State = Record<string, any>> =
  | { room: Room<State>; error?: undefined }
  | { error: AirboatError; room?: undefined };
export type ListResult = { rooms: RoomSummary[]; error?: undefined } | { error: AirboatError; rooms?: undefined };
export type Resumed = { how: "replayed" | "joined"; messagesLost: number };

/** What tests put in place of the browser. */
export interface Environment {
  dialers: Dialers;
  around: Surroundings;
  now: () => number;
}

function browser(): Environment {
  const dialers: Dialers = { websocket: dialWebSocket, http: dialHttp };
  if (typeof WebTransport === "function" && globalThis.isSecureContext !== false) dialers.webtransport = dialWebTransport;
  if (typeof WebSocket !== "function") delete dialers.websocket;
  return { dialers, around: surroundings(), now: () => performance.now() };
}

export class Client {
  /** What the last `list` brought. */
  rooms: RoomSummary[] = [];
  room: Room | undefined;
  status: Status = "offline";

  private readonly _base: string;
  private readonly _listeners = new Listeners();
  private readonly _session: Session;
  private readonly _ladder: Ladder;
  private readonly _identity: Identity;
  private readonly _clock = new Clock();
  private readonly _now: () => number;
  private _tender: ReturnType<typeof setInterval> | undefined;
  private _queue: Promise<unknown> = Promise.resolve();
  private readonly _over = new AbortController();
  private _tended = 0;

  /** @internal */
  constructor(options: ConnectOptions, { dialers, around, now }: Environment) {
    const url = new URL(options.url ?? globalThis.location?.origin ?? "http://127.0.0.1:7777");
    url.protocol = url.protocol.replace("ws", "http");
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    this._base = url.origin + url.pathname;
    this._now = now;
    this._ladder = new Ladder(this._base, options.transport ?? "auto", dialers, new Shelf(around.local));
    this._identity = new Identity(url.host, options.profile ?? "", around);
    this._session = new Session(
      {
        name: options.name ?? "",
        client: VERSION,
        debugHash: options.debugHash && true,
        ladder: this._ladder,
        identity: this._identity,
        now,
      },
      {
        status: (status, error) => this._status(status, error),
        joined: (answer) => {
          if (this.room) this.room._restart(answer);
          else this.room = new Room(answer, this._session, now, options.debugHash);
          this._clock.reset();
          this._clock.hint(answer.tick, this.room.schema.tickRate, now());
        },
        resumed: (how, messagesLost) => {
          this.room?._resumed();
          this._listeners.tell("resumed", { how, messagesLost });
        },
        left: (error) => {
          const room = this.room;
          this.room = undefined;
          room?._over();
          if (room) this._listeners.tell("left", error, room);
        },
        message: (name, data, tick) => this.room?._message(name, data, tick),
        document: (name, operations) => this.room?._document(name, operations),
        hash: (tick, world, documents) => this.room?._hash(tick, world, documents),
        snapshot: (frame) => {
          this.room?._snapshot(frame);
          if (now() - this._tended > TEND_MS) this._tend();
        },
        pong: (sent, tick, age) => this._clock.answered(sent, now(), tick, age, this.room?.schema.tickRate ?? 1),
        tick: () => this.room?.tick ?? 0,
      },
    );
    this._watchPage();
  }

  private _watchPage(): void {
    const page = globalThis.document;
    if (!page) return;
    const listen = (target: EventTarget, event: string, fn: () => void) =>
      target.addEventListener(event, fn, { signal: this._over.signal });
    listen(page, "visibilitychange", () => {
      if (page.visibilityState === "visible") this._session.wake();
      else this._session.ping();
    });
    listen(globalThis, "online", () => this._session.wake());
    listen(globalThis, "pagehide", () => this._session.hide());
    listen(globalThis, "pageshow", () => this._session.wake());
  }

  private _status(status: Status, error?: AirboatError): void {
    if (status === "offline") clearInterval(this._tender);
    else if (this.status === "offline") this._tender = setInterval(() => this._tend(), TEND_MS);
    if (status === this.status) return;
    this.status = status;
    this._listeners.tell("status", status, error);
  }

  private _tend(): void {
    this._tended = this._now();
    this._session.tend();
    this.room?._tend();
  }

  private async _get(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(new URL(`api/v1/${path}`, this._base), {
      cache: "no-store",
      signal: AbortSignal.timeout(FETCH_MS),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  /** Enters a room, opening it if there is none of this name; without a name, a free one that is easy to say. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  join<State = Record<string, any>>(module: string, name = "", options: JoinOptions = {}): Promise<JoinResult<State>> {
    const joining = this._queue.then(() => this._join<State>(module, name, options));
    this._queue = joining;
    return joining;
  }

  async _join<State>(module: string, name: string, options: JoinOptions): Promise<JoinResult<State>> {
    let room = name.trim();
    if (!room) {
      try {
        room = String((await this._get(`name?module=${encodeURIComponent(module)}`)).room);
      } catch (error) {
        return { error: failure(UNREACHABLE, String(error)) };
      }
    }
    const error = await this._session.join({ module, room, ...options });
    return error ? { error } : { room: this.room as Room<State> };
  }

  /** The open rooms of a module, or of all. */
  async list(module?: string): Promise<ListResult> {
    try {
      const answer = await this._get(module ? `rooms?module=${encodeURIComponent(module)}` : "rooms");
      this.rooms = answer.rooms as RoomSummary[];
      return { rooms: this.rooms };
    } catch (error) {
      return { error: failure(UNREACHABLE, String(error)) };
    }
  }

  on(event: "status", fn: (status: Status, error?: AirboatError) => void): () => void;
  /** Out of the room: kicked, closed, lost for good, or by `leave`. */
  on(event: "left", fn: (error: AirboatError, room: Room) => void): () => void;
  /** A lost link is back. `joined`: the state was sent anew, and so many messages of the room are gone. */
  on(event: "resumed", fn: (resumed: Resumed) => void): () => void;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: string, fn: (...args: any[]) => void): () => void {
    return this._listeners.add(event, fn);
  }

  /** How the link travels, while there is one. */
  get transport(): TransportName | undefined {
    return this._session.link?.transport;
  }

  /** Another transport, while one plays: nothing is lost on the way. False: it did not work, and all stays as it was. */
  async use(transport: TransportName | "auto"): Promise<boolean> {
    const before = this._ladder.wish;
    this._ladder.wish = transport;
    const moved = await this._session.move();
    if (!moved) this._ladder.wish = before;
    return moved;
  }

  /** Round trip in milliseconds, smoothed. */
  get rtt(): number {
    return this._clock.rtt;
  }

  /** How late snapshots come, in milliseconds: 19 of 20 are better. */
  get jitter(): number {
    const room = this.room;
    return room ? (room.playout.late * 1000) / room.schema.tickRate : 0;
  }

  /** The share of snapshots that did not arrive, 0 to 1; only datagrams get lost. */
  get loss(): number {
    return this._session.link?.datagrams ? (this.room?.playout.loss ?? 0) : 0;
  }

  /** Seconds on the room's clock: what `room.time` is in the module, with its fraction. */
  serverTime(): number {
    return this._clock.at(this._now()) / 1000;
  }

  /** Gives up the seat and ends everything. */
  close(): void {
    this._over.abort();
    this._session.close();
    this._identity.release();
  }
}

/** A client of the server at `url`. Opens no connection before the first `join`. */
export function connect(options: ConnectOptions = {}, environment: Environment = browser()): Client {
  return new Client(options, environment);
}
