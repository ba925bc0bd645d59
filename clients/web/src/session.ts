// The connection-independent half of a client: greets over whatever link there is, numbers what must arrive, keeps it
// until the server has it, and comes back after a loss without losing or doubling anything.

import * as codes from "./errors.js";
import { CodecError, failure, mistake, type AirboatError } from "./errors.js";
import { guarded } from "./events.js";
import * as frames from "./frames.js";
import { bytes, string, u32, type JoinRequest, type Joined, type Pong } from "./frames.js";
import { hear, type Hearer, type News } from "./incoming.js";
import { Outbox, type Answer } from "./outbox.js";
import { Pulse } from "./pulse.js";
import type { Link, TransportName } from "./transports/link.js";

const ANSWER_MS = 8000;
const JOIN_MS = 15_000;
const PING_MAX_MS = 2000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 8000;
/** A link that lasted this long was a good one: the next loss starts from the shortest pause. */
const GOOD_MS = 5000;
const RECEIVED_EVERY = 32;

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

interface Wish {
  request: JoinRequest;
  /** Until the first answer: whoever asked. */
  resolve: ((error?: AirboatError) => void) | undefined;
}

/** From hello to the room's answer nothing numbered may be sent. */
type Phase = "idle" | "dialing" | "greeting" | "welcome" | "open";

export class Session implements Hearer {
  epoch = 0;
  link: Link | undefined;
  private _phase: Phase = "idle";
  /** The room we are in or want to be in; asked for again whenever the session had to begin anew. */
  private _wish: Wish | undefined;
  /** The wish that the answer to come is about. */
  private _asked: Wish | undefined;
  /** In a room as far as we know, and in which: `module/name`. */
  private _seated = false;
  private _place = "";
  private _request: JoinRequest | undefined;
  private _closed = false;

  readonly _outbox = new Outbox((message) => this.link!.send(message));
  private _received = 0;
  private _confirmed = 0;

  private _attempt = 0;
  private _openSince = 0;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _answerTimer: ReturnType<typeof setTimeout> | undefined;
  /** The link's. */
  private _pulse!: Pulse;
  private _pingMs = PING_MAX_MS;
  private _presentedToken = false;
  private _afresh = false;
  private _leaving: (() => void) | undefined;

  constructor(
    private readonly _init: SessionInit,
    private readonly _on: SessionEvents,
  ) {}

  /** Whether messages and inputs may be sent now. */
  get open(): boolean {
    return this._phase === "open" && this._seated;
  }

  // Joining and leaving.

  /** One at a time: the caller waits for the answer before the next. */
  join(request: JoinRequest): Promise<AirboatError | undefined> {
    return new Promise((resolve) => {
      const wish: Wish = {
        request,
        resolve: (error) => {
          clearTimeout(timer);
          wish.resolve = undefined;
          resolve(error);
        },
      };
      const timer = setTimeout(() => {
        if (this._wish !== wish || !wish.resolve) return;
        const error = failure(this.link ? codes.TIMEOUT : codes.UNREACHABLE);
        this._giveUp(error);
        if (!this.link) this._end(error);
      }, JOIN_MS);
      this._closed = false;
      this._wish = wish;
      // While another answer is due it would be taken for ours.
      if (this._phase === "open") this._ask();
      else if (this._phase === "idle") this._dial();
    });
  }

  /** Nobody waits for the room any more. */
  private _giveUp(error: AirboatError): void {
    const wish = this._wish;
    this._wish = undefined;
    wish?.resolve?.(error);
  }

  private _ask(): void {
    if (!this._wish || !this.link) return;
    this._phase = "welcome";
    this._asked = this._wish;
    this.link.send(frames.join(this._wish.request));
    this._awaitAnswer();
  }

  /** Ends when the server says that we have left, or cannot say so any more. */
  leave(): Promise<void> {
    this._wish = undefined;
    if (!this.open || !this.link) {
      this._gone(failure(codes.LEFT));
      if (this._phase !== "open") this._end(failure(codes.LEFT));
      return Promise.resolve();
    }
    this.link.send(frames.leave());
    return new Promise((resolve) => {
      const timer = setTimeout(() => this._gone(failure(codes.LEFT)), ANSWER_MS);
      this._leaving = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** For good: the seat is given up. */
  close(): void {
    this._closed = true;
    this.link?.last(frames.bye(codes.LEFT));
    this._giveUp(failure(codes.CLOSED));
    this._gone(failure(codes.CLOSED));
    this._end();
  }

  /** The page goes, perhaps to come back: the server drops the link at once and the seat waits. */
  hide(): void {
    if (!this.link) return;
    this.link.last(frames.bye(codes.HIDDEN));
    this._cut();
    this._phase = "idle";
  }

  /** The page is back, or the network: no reason to wait any longer. */
  wake(): void {
    if (this._closed) return;
    if (this.link) {
      this.ping();
    } else if (this._wish && (this._phase === "idle" || this._retry)) {
      this._attempt = 0;
      this._dial();
    }
  }

  private _end(error?: AirboatError): void {
    this._cut();
    this._gone(error ?? failure(codes.LOST));
    clearTimeout(this._retry);
    this._retry = undefined;
    this._phase = "idle";
    this._attempt = 0;
    this._on.status("offline", error);
  }

  // The link.

  /** To whatever the ladder says now, or a better one `than` this: the old link serves until then. False: it stays. */
  async move(than?: TransportName): Promise<boolean> {
    if (!this.link) return true;
    const link = await this._init.ladder.climb(than);
    const old = this.link;
    if (link && this._phase === "open") {
      this._greet(link);
      old?.close();
      return true;
    }
    link?.close();
    return false;
  }

  private _dial(): void {
    clearTimeout(this._retry);
    this._retry = undefined;
    this._phase = "dialing";
    this._on.status(this._seated ? "reconnecting" : "connecting");
    void Promise.all([this._init.ladder.climb(), this._init.identity.claim()]).then(([link]) => {
      if (this._phase !== "dialing" || !this._wish) link?.close();
      else if (link) this._greet(link);
      else this._again(codes.UNREACHABLE);
    });
  }

  private _greet(link: Link): void {
    this.link = link;
    this._phase = "greeting";
    this._pulse = new Pulse(this._init.now());
    link.onframe = (frame) => this.link === link && this._take(frame);
    link.onclosed = (reason) => this.link === link && this._ended(reason);
    link.onpoll = () => (this.open ? frames.ack(this.epoch, this._on.tick()) : undefined);
    const { device, token } = this._init.identity;
    const tick = this._afresh ? 0 : this._on.tick();
    const resume = device && token && { token, epoch: this.epoch, tick, received: this._received };
    this._presentedToken = !!resume;
    this._asked = this._wish;
    link.send(
      frames.hello({
        protocol: frames.PROTOCOL,
        client: this._init.client,
        name: this._init.name,
        device,
        resume,
        // Only a resume without a join is answered by a replay; a page without a past has nothing to replay.
        join: resume && this._seated && !this._wish?.resolve ? undefined : this._wish?.request,
        debug_hash: this._init.debugHash,
      }),
    );
    this._awaitAnswer();
  }

  /** A server that says nothing where an answer is due: the room may have gone without our knowing. */
  private _awaitAnswer(): void {
    clearTimeout(this._answerTimer);
    this._answerTimer = setTimeout(() => {
      if (this._phase === "greeting") this._ended(0);
      else if (this._phase === "welcome") this._ask();
    }, ANSWER_MS);
  }

  private _cut(): void {
    const link = this.link;
    this.link = undefined;
    clearTimeout(this._answerTimer);
    link?.close();
  }

  /** The link is over. Reasons below 50 mean come back. */
  _ended(reason: number, text?: string): void {
    if (this._phase === "greeting" && reason === 0 && this.link) this._init.ladder.failed(this.link.transport);
    const lasted = this._phase === "open" ? this._init.now() - this._openSince : 0;
    this._cut();
    if (lasted > GOOD_MS) this._attempt = 0;
    const stale = reason === codes.RESUME_REFUSED || reason === codes.EXPIRED;
    if (stale && this._presentedToken) {
      // The seat is gone or somebody's else; the room may still have one for this device.
      this._init.identity.saveToken();
      reason = this._attempt = 0;
    } else if (reason === codes.BAD_DEVICE && this._init.identity.device) {
      this._init.identity.device = undefined;
      reason = this._attempt = 0;
    } else if (!codes.comesBack(reason)) {
      const error = failure(reason, text);
      this._giveUp(error);
      this._init.identity.saveToken();
      return this._end(error);
    }
    this._again(reason);
  }

  private _again(reason: number): void {
    const error = reason ? failure(reason) : undefined;
    if (!this._wish) return this._end(error);
    this._phase = "idle";
    // Who was told to come back later does not come back at once, and not together with everybody else.
    if (reason > 0 && this._attempt === 0) this._attempt = 1;
    const longest = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** (this._attempt - 1));
    const pause = this._attempt === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    this._attempt++;
    this._on.status(this._seated ? "reconnecting" : "connecting", error);
    this._retry = setTimeout(() => this._dial(), pause);
  }

  // Frames, as `hear` tells them.

  private _take(frame: Uint8Array): void {
    this._pulse.heard(this._init.now());
    try {
      hear(frame, this, this._on);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      // A lost datagram may take a baseline with it, but the next snapshot has one. Anything else is beyond repair
      // on this link: begin anew from a whole snapshot.
      if (error.reason === "baseline" && this.link?.datagrams) return;
      this._afresh = true;
      if (this._attempt === 0) this._attempt = 1;
      this._ended(0);
    }
  }

  _pong({ token, tick, ageUs }: Pong): void {
    const sent = this._pulse.sent(token);
    if (sent !== undefined) this._on.pong(sent, tick, ageUs);
  }

  _counts(number: number): boolean {
    if (!this._seated || number <= this._received) return false;
    if (number !== this._received + 1) throw new CodecError("shape");
    this._received = number;
    if (number - this._confirmed >= RECEIVED_EVERY) this._confirm();
    return true;
  }

  _welcome(map: frames.Table): void {
    if (Array.isArray(map.device)) this._init.identity.device = [string(map.device[0]), string(map.device[1])];
    this._init.identity.saveToken(bytes(map.resume).slice());
    this._pingMs = Math.min(PING_MAX_MS, u32(map.ping_ms));
    this._init.ladder.worked(this.link!.transport);
    this._phase = "welcome";
    this.ping();
  }

  _joined(answer: Joined): void {
    // Of the room that the page before this one was in, and that is being left.
    if (this._leaving && !this._seated) return;
    const wish = this._wish === this._asked ? this._wish : undefined;
    const place = `${answer.module}/${answer.room}`;
    const back = this._seated && place === this._place;
    if (this._seated && !back) this._gone(failure(codes.LEFT));
    // Whatever the server knows of ours stands in the state; the rest gets new numbers.
    this._outbox.restart(answer.applied);
    this._received = this._confirmed = 0;
    this.epoch = answer.epoch;
    this._seated = true;
    this._place = place;
    if (wish) this._request = wish.request = { ...wish.request, room: answer.room };
    this._on.joined(answer);
    // Over datagrams no snapshot comes before this.
    this.link?.send(frames.ack(this.epoch, answer.tick), true);
    const asked = wish?.resolve;
    if (back && !asked) this._on.resumed("joined", answer.messagesLost);
    this._opened();
    asked?.();
  }

  _resumed(epoch: number, received: number): void {
    if (epoch !== this.epoch) throw new CodecError("shape");
    this._outbox.resume(received);
    this._on.resumed("replayed", 0);
    this._opened();
  }

  private _opened(): void {
    clearTimeout(this._answerTimer);
    this._phase = "open";
    this._afresh = false;
    this._openSince = this._init.now();
    this._attempt = Math.min(this._attempt, 2);
    this._on.status("online");
    if (this._wish && this._wish !== this._asked) this._ask();
    else this._outbox.pump(this.epoch);
  }

  _refused(reason: number, text: string): void {
    // A mistake of the program, which is told where those go; the message is dropped and the seat kept.
    if (reason === codes.UNKNOWN_MESSAGE) return guarded(mistake, text);
    const error = failure(reason, text);
    clearTimeout(this._answerTimer);
    const wish = this._asked;
    if (wish && wish === this._wish && !wish.resolve && error.retry && this._seated) {
      // It wanted us back and is busy: soon again.
      this._answerTimer = setTimeout(() => this._ask(), BACKOFF_MS * 4);
      return;
    }
    const resolve = wish?.resolve;
    if (this._wish === wish) this._wish = undefined;
    if (this._seated && resolve) {
      // Refused before it was put out of the old room: there it stays.
      if (!this._wish) this._asked = this._wish = { request: this._request!, resolve: undefined };
      resolve(error);
    } else {
      this._gone(error);
      // The page before this one may have a seat elsewhere; whoever asked for another room has left it.
      this.link!.send(frames.leave());
      this._leaving = () => resolve?.(error);
    }
    this._opened();
  }

  /** Out of the room, for whatever reason. */
  _gone(error: AirboatError): void {
    const was = this._seated;
    this._seated = false;
    this.epoch = 0;
    this._received = this._confirmed = 0;
    this._outbox.clear();
    if (!this._wish?.resolve) this._wish = undefined;
    if (was) this._on.left(error);
    this._leaving?.();
    this._leaving = undefined;
  }

  // Messages.

  /** False when there is no room, or too much waits already. Throws on what cannot be encoded. */
  send(name: string, data: unknown): boolean {
    if (!this._seated || !this._outbox.push(name, data)) return false;
    this._pump();
    return true;
  }

  call(name: string, data: unknown, timeoutMs: number): Promise<Answer> {
    if (!this._seated) return Promise.resolve({ error: failure(codes.CLOSED) });
    const answer = this._outbox.call(name, data, timeoutMs);
    this._pump();
    return answer;
  }

  private _pump(): void {
    if (this.open) this._outbox.pump(this.epoch);
  }

  _saved(epoch: number, received: number, saved: number): void {
    if (epoch !== this.epoch) return;
    this._outbox.saved(received, saved);
    this._pump();
  }

  // What has to be said now and then.

  private _confirm(): void {
    this._confirmed = this._received;
    this.link?.send(frames.received(this.epoch, this._received));
  }

  ping(): void {
    if (this._phase !== "greeting") this.link?.send(this._pulse.ping(this._init.now()), true);
  }

  /** Several times a second, from a timer and, as hidden pages have slow timers, from incoming frames. */
  tend(): void {
    if (!this.link || this._phase === "greeting") return;
    const now = this._init.now();
    if (this._pulse.dead(now)) return this._ended(0);
    if (this._pulse.due(now, this._pingMs)) this.ping();
    if (this._received > this._confirmed) this._confirm();
    const { transport } = this.link;
    if (this.open && this._init.ladder.due(transport)) void this.move(transport);
  }
}
