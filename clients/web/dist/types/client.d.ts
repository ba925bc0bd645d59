import type { HashCheck } from "./debug.js";
import { type AirboatError } from "./errors.js";
import { type Surroundings } from "./identity.js";
import { type Dialers } from "./ladder.js";
import { Room } from "./room.js";
import { type Status } from "./session.js";
import type { TransportName } from "./transports/link.js";
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
export type JoinResult<State = Record<string, any>> = {
    room: Room<State>;
    error?: undefined;
} | {
    error: AirboatError;
    room?: undefined;
};
export type ListResult = {
    rooms: RoomSummary[];
    error?: undefined;
} | {
    error: AirboatError;
    rooms?: undefined;
};
export type Resumed = {
    how: "replayed" | "joined";
    messagesLost: number;
};
/** What tests put in place of the browser. */
export interface Environment {
    dialers: Dialers;
    around: Surroundings;
    now: () => number;
}
export declare class Client {
    /** What the last `list` brought. */
    rooms: RoomSummary[];
    room: Room | undefined;
    status: Status;
    private readonly _base;
    private readonly _listeners;
    private readonly _session;
    private readonly _ladder;
    private readonly _identity;
    private readonly _clock;
    private readonly _now;
    private _tender;
    private _queue;
    private readonly _over;
    private _tended;
    private _watchPage;
    private _status;
    private _tend;
    private _get;
    /** Enters a room, opening it if there is none of this name; without a name, a free one that is easy to say. */
    join<State = Record<string, any>>(module: string, name?: string, options?: JoinOptions): Promise<JoinResult<State>>;
    _join<State>(module: string, name: string, options: JoinOptions): Promise<JoinResult<State>>;
    /** The open rooms of a module, or of all. */
    list(module?: string): Promise<ListResult>;
    on(event: "status", fn: (status: Status, error?: AirboatError) => void): () => void;
    /** Out of the room: kicked, closed, lost for good, or by `leave`. */
    on(event: "left", fn: (error: AirboatError, room: Room) => void): () => void;
    /** A lost link is back. `joined`: the state was sent anew, and so many messages of the room are gone. */
    on(event: "resumed", fn: (resumed: Resumed) => void): () => void;
    /** How the link travels, while there is one. */
    get transport(): TransportName | undefined;
    /** Another transport, while one plays: nothing is lost on the way. False: it did not work, and all stays as it was. */
    use(transport: TransportName | "auto"): Promise<boolean>;
    /** Round trip in milliseconds, smoothed. */
    get rtt(): number;
    /** How late snapshots come, in milliseconds: 19 of 20 are better. */
    get jitter(): number;
    /** The share of snapshots that did not arrive, 0 to 1; only datagrams get lost. */
    get loss(): number;
    /** Seconds on the room's clock: what `room.time` is in the module, with its fraction. */
    serverTime(): number;
    /** Gives up the seat and ends everything. */
    close(): void;
}
/** A client of the server at `url`. Opens no connection before the first `join`. */
export declare function connect(options?: ConnectOptions, environment?: Environment): Client;
