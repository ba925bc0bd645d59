import { type AirboatError } from "./errors.js";
import { type JoinRequest, type Joined } from "./frames.js";
import { type Answer } from "./outbox.js";
import type { Link, TransportName } from "./transports/link.js";
export type Status = "connecting" | "online" | "reconnecting" | "offline";
export interface SessionInit {
    name: string;
    client: string;
    debugHash: boolean;
    climb(): Promise<Link | undefined>;
    greeted(transport: TransportName): void;
    failed(transport: TransportName): void;
    identity: {
        device: [string, string] | undefined;
        readonly token: Uint8Array | undefined;
        claim(): Promise<void>;
        saveToken(token: Uint8Array | undefined): void;
    };
    now(): number;
}
/** What the session tells its owner. */
export interface SessionEvents {
    status(status: Status, error?: AirboatError): void;
    joined(answer: Joined): void;
    /** A lost link is back; `joined` came before it when the room had to be told anew. */
    resumed(how: "replayed" | "joined", messagesLost: number): void;
    left(error: AirboatError): void;
    message(name: string, data: unknown, tick: number): void;
    document(name: string, operations: unknown[], tick: number): void;
    hash(tick: number, world: number, documents: number): void;
    snapshot(frame: Uint8Array): void;
    pong(sent: number, tick: number, ageUs: number): void;
    /** The newest snapshot held. */
    tick(): number;
}
export declare class Session {
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
    private readonly _outbox;
    private _received;
    private _confirmed;
    private _attempt;
    private _openSince;
    private _retry;
    private _answerTimer;
    private _heard;
    private _pinged;
    /** When the first ping left since we last heard anything. */
    private _unanswered;
    private _pings;
    private _quick;
    private _token;
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
    private _dial;
    private _greet;
    /** A server that says nothing where an answer is due: the room may have gone without our knowing. */
    private _awaitAnswer;
    private _cut;
    /** The link is over. Reasons below 50 mean come back. */
    private _ended;
    private _again;
    private _take;
    private _dispatch;
    private _reliable;
    private _numbered;
    private _welcome;
    private _joined;
    private _resumed;
    private _opened;
    private _refused;
    /** Out of the room, for whatever reason. */
    private _gone;
    /** False when there is no room, or too much waits already. Throws on what cannot be encoded. */
    send(name: string, data: unknown): boolean;
    call(name: string, data: unknown, timeoutMs: number): Promise<Answer>;
    private _pump;
    private _saved;
    private _confirm;
    ping(): void;
    /** Several times a second, from a timer and, as hidden pages have slow timers, from incoming frames. */
    tend(): void;
}
