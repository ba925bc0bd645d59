import { type AirboatError } from "./errors.js";
import * as frames from "./frames.js";
import { type JoinRequest, type Joined, type Pong } from "./frames.js";
import { type Hearer, type News } from "./incoming.js";
import { Outbox, type Answer } from "./outbox.js";
import type { Link, TransportName } from "./transports/link.js";
export type Status = "connecting" | "online" | "reconnecting" | "offline";
export interface SessionInit {
    name: string;
    client: string;
    debugHash: true | undefined;
    ladder: {
        climb(than?: TransportName): Promise<Link | undefined>;
        due(transport: TransportName): boolean;
        worked(transport: TransportName): void;
        failed(transport: TransportName): void;
    };
    identity: {
        device: [string, string] | undefined;
        readonly token: Uint8Array | undefined;
        claim(): Promise<void>;
        saveToken(token?: Uint8Array): void;
    };
    now(): number;
}
/** What the session tells its owner. */
export interface SessionEvents extends News {
    status(status: Status, error?: AirboatError): void;
    joined(answer: Joined): void;
    /** A lost link is back; `joined` came before it when the room had to be told anew. */
    resumed(how: "replayed" | "joined", messagesLost: number): void;
    left(error: AirboatError): void;
    pong(sent: number, tick: number, ageUs: number): void;
    /** The newest snapshot held. */
    tick(): number;
}
export declare class Session implements Hearer {
    private readonly _init;
    private readonly _on;
    epoch: number;
    link: Link | undefined;
    private _phase;
    /** The room we are in or want to be in; asked for again whenever the session had to begin anew. */
    private _wish;
    /** The wish that the answer to come is about. */
    private _asked;
    /** In a room as far as we know, and in which: `module/name`. */
    private _seated;
    private _place;
    private _request;
    private _closed;
    readonly _outbox: Outbox;
    private _received;
    private _confirmed;
    private _attempt;
    private _openSince;
    private _retry;
    private _answerTimer;
    /** The link's. */
    private _pulse;
    private _pingMs;
    private _presentedToken;
    private _afresh;
    private _leaving;
    constructor(_init: SessionInit, _on: SessionEvents);
    /** Whether messages and inputs may be sent now. */
    get open(): boolean;
    /** One at a time: the caller waits for the answer before the next. */
    join(request: JoinRequest): Promise<AirboatError | undefined>;
    /** Nobody waits for the room any more. */
    private _giveUp;
    private _ask;
    /** Ends when the server says that we have left, or cannot say so any more. */
    leave(): Promise<void>;
    /** For good: the seat is given up. */
    close(): void;
    /** The page goes, perhaps to come back: the server drops the link at once and the seat waits. */
    hide(): void;
    /** The page is back, or the network: no reason to wait any longer. */
    wake(): void;
    private _end;
    /** To whatever the ladder says now, or a better one `than` this: the old link serves until then. False: it stays. */
    move(than?: TransportName): Promise<boolean>;
    private _dial;
    private _greet;
    /** A server that says nothing where an answer is due: the room may have gone without our knowing. */
    private _awaitAnswer;
    private _cut;
    /** The link is over. Reasons below 50 mean come back. */
    _ended(reason: number, text?: string): void;
    private _again;
    private _take;
    _pong({ token, tick, ageUs }: Pong): void;
    _counts(number: number): boolean;
    _welcome(map: frames.Table): void;
    _joined(answer: Joined): void;
    _resumed(epoch: number, received: number): void;
    private _opened;
    _refused(reason: number, text: string): void;
    /** Out of the room, for whatever reason. */
    _gone(error: AirboatError): void;
    /** False when there is no room, or too much waits already. Throws on what cannot be encoded. */
    send(name: string, data: unknown): boolean;
    call(name: string, data: unknown, timeoutMs: number): Promise<Answer>;
    private _pump;
    _saved(epoch: number, received: number, saved: number): void;
    private _confirm;
    ping(): void;
    /** Several times a second, from a timer and, as hidden pages have slow timers, from incoming frames. */
    tend(): void;
}
