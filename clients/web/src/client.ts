// What `connect` returns: a server, the way to it, and the room one is in.

import { Clock } from "./clock.js";
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
  /** Compare the state with the server's hashes twice a second or so; see `room.hashes`. */
  debugHash?: boolean | undefined;
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

  readonly #base: string;
  readonly #listeners = new Listeners();
  readonly #session: Session;
  readonly #identity: Identity;
  readonly #clock = new Clock();
  readonly #now: () => number;
  #tender: ReturnType<typeof setInterval> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #unlisten: (() => void)[] = [];
  #tended = 0;

  /** @internal */
  constructor(options: ConnectOptions, { dialers, around, now }: Environment) {
    const url = new URL(options.url ?? globalThis.location?.origin ?? "http://127.0.0.1:7777");
    url.protocol = url.protocol.replace("ws", "http");
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    this.#base = url.origin + url.pathname;
    this.#now = now;
    const ladder = new Ladder(this.#base, options.transport ?? "auto", dialers, new Shelf(around.local));
    this.#identity = new Identity(url.host, options.profile ?? "", around);
    this.#session = new Session(
      {
        name: options.name ?? "",
        client: VERSION,
        debugHash: options.debugHash ?? false,
        climb: () => ladder.climb(),
        greeted: (transport) => ladder.worked(transport),
        failed: (transport) => ladder.failed(transport),
        identity: this.#identity,
        now,
      },
      {
        status: (status, error) => this.#status(status, error),
        joined: (answer) => {
          if (this.room) this.room._restart(answer);
          else this.room = new Room(answer, this.#session, now);
          this.#clock.reset();
          this.#clock.hint(answer.tick, this.room.schema.tickRate, now());
        },
        resumed: (how, messagesLost) => this.#listeners.tell("resumed", { how, messagesLost }),
        left: (error) => {
          const room = this.room;
          this.room = undefined;
          room?._over();
          if (room) this.#listeners.tell("left", error, room);
        },
        message: (name, data, tick) => this.room?._message(name, data, tick),
        document: (name, operations) => this.room?._document(name, operations),
        hash: (tick, world, documents) => this.room?._hash(tick, world, documents),
        snapshot: (frame) => {
          this.room?._snapshot(frame);
          if (now() - this.#tended > TEND_MS) this.#tend();
        },
        pong: (sent, tick, age) => this.#clock.answered(sent, now(), tick, age, this.room?.schema.tickRate ?? 1),
        tick: () => this.room?.tick ?? 0,
      },
    );
    this.#watchPage();
  }

  #watchPage(): void {
    const listen = (target: EventTarget | undefined, event: string, fn: (event: Event) => void) => {
      if (typeof target?.addEventListener !== "function") return;
      target.addEventListener(event, fn);
      this.#unlisten.push(() => target.removeEventListener(event, fn));
    };
    const page = globalThis.document;
    listen(page, "visibilitychange", () => {
      if (page.visibilityState === "visible") this.#session.wake();
      else this.#session.ping();
    });
    if (!page) return;
    listen(globalThis, "online", () => this.#session.wake());
    listen(globalThis, "pagehide", () => this.#session.hide());
    listen(globalThis, "pageshow", () => this.#session.wake());
  }

  #status(status: Status, error?: AirboatError): void {
    if (status === "offline") clearInterval(this.#tender);
    else if (this.status === "offline") this.#tender = setInterval(() => this.#tend(), TEND_MS);
    if (status === this.status) return;
    this.status = status;
    this.#listeners.tell("status", status, error);
  }

  #tend(): void {
    this.#tended = this.#now();
    this.#session.tend();
    this.room?._tend();
  }

  async #get(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(new URL(`api/v1/${path}`, this.#base), {
      cache: "no-store",
      signal: AbortSignal.timeout(FETCH_MS),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  /** Enters a room, opening it if there is none of this name; without a name, a free one that is easy to say. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  join<State = Record<string, any>>(module: string, name = "", options: JoinOptions = {}): Promise<JoinResult<State>> {
    const joining = this.#queue.then(() => this.#join<State>(module, name, options));
    this.#queue = joining;
    return joining;
  }

  async #join<State>(module: string, name: string, options: JoinOptions): Promise<JoinResult<State>> {
    let room = name.trim();
    if (!room) {
      try {
        room = String((await this.#get(`name?module=${encodeURIComponent(module)}`)).room);
      } catch (error) {
        return { error: failure(UNREACHABLE, String(error)) };
      }
    }
    const error = await this.#session.join({ module, room, ...options });
    return error ? { error } : { room: this.room as Room<State> };
  }

  /** The open rooms of a module, or of all. */
  async list(module?: string): Promise<ListResult> {
    try {
      const answer = await this.#get(module ? `rooms?module=${encodeURIComponent(module)}` : "rooms");
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
    return this.#listeners.add(event, fn);
  }

  /** How the link travels, while there is one. */
  get transport(): TransportName | undefined {
    return this.#session.link?.transport;
  }

  /** Round trip in milliseconds, smoothed. */
  get rtt(): number {
    return this.#clock.rtt;
  }

  /** How late snapshots come, in milliseconds: 19 of 20 are better. */
  get jitter(): number {
    const room = this.room;
    return room ? (room._playout.late * 1000) / room.schema.tickRate : 0;
  }

  /** The share of snapshots that did not arrive, 0 to 1; only datagrams get lost. */
  get loss(): number {
    return this.#session.link?.datagrams ? (this.room?._playout.loss ?? 0) : 0;
  }

  /** Seconds on the room's clock: what `room.time` is in the module, with its fraction. */
  serverTime(): number {
    return this.#clock.at(this.#now()) / 1000;
  }

  /** Gives up the seat and ends everything. */
  close(): void {
    for (const stop of this.#unlisten.splice(0)) stop();
    this.#session.close();
    this.#identity.release();
  }
}

/** A client of the server at `url`. Opens no connection before the first `join`. */
export function connect(options: ConnectOptions = {}, environment: Environment = browser()): Client {
  return new Client(options, environment);
}
