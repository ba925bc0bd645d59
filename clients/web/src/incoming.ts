// What the server says on a link: frames taken apart and checked, each told to whom it is for.

import { failure, LEFT, type AirboatError } from "./errors.js";
import * as frames from "./frames.js";
import { list, readJoined, string, table, u32, type Joined, type Pong, type Table } from "./frames.js";
import type { Outbox } from "./outbox.js";

/** The session. */
export interface Hearer {
  readonly _outbox: Outbox;
  _pong(pong: Pong): void;
  _welcome(map: Table): void;
  _joined(answer: Joined): void;
  _resumed(epoch: number, received: number): void;
  _saved(epoch: number, received: number, saved: number): void;
  _ended(reason: number, text: string): void;
  _refused(reason: number, text: string): void;
  _gone(error: AirboatError): void;
  /** Whether what has this number is no repeat. It is counted before it is told: a listener may cause a resume. */
  _counts(number: number): boolean;
}

/** The room. */
export interface News {
  snapshot(frame: Uint8Array): void;
  message(name: string, data: unknown, tick: number): void;
  document(name: string, operations: unknown[], tick: number): void;
  hash(tick: number, world: number, documents: number): void;
}

export function hear(frame: Uint8Array, session: Hearer, room: News): void {
  if (frame[0] === frames.SNAPSHOT) return room.snapshot(frame);
  const pong = frames.readPong(frame);
  if (pong) return session._pong(pong);
  const array = frames.readArray(frame);
  if (!array) return;
  const [kind, first, second, third, fourth, fifth] = array;
  const numbered = (tell: (tick: number) => void): void => {
    if (session._counts(u32(first))) tell(u32(second));
  };
  switch (kind) {
    case frames.WELCOME: return session._welcome(table(first));
    case frames.JOINED: return session._joined(readJoined(first));
    case frames.RESUMED: return session._resumed(u32(first), u32(second));
    case frames.SAVED: return session._saved(u32(first), u32(second), u32(third));
    case frames.BYE: return session._ended(u32(first), String(second ?? ""));
    case frames.REFUSED: return session._refused(u32(first), String(second ?? ""));
    case frames.GONE: return session._gone(failure(LEFT));
    case frames.EVENT: return numbered((tick) => room.message(string(third), fourth, tick));
    case frames.REPLY: return numbered(() => session._outbox.replied(u32(third), fourth === true, fifth));
    case frames.DOCUMENT: return numbered((tick) => room.document(string(third), list(fourth), tick));
    case frames.HASH: return numbered((tick) => room.hash(tick, u32(third), u32(fourth)));
  }
}
