// Errors are values: every asynchronous call of the library ends with a result or with one of these.
//
// Codes 1-99 are the server's (docs/protocol.md §6), 100 and above are the client's own.

export interface AirboatError {
  /** A number of the protocol (1-99) or of the client (from 100). */
  readonly code: number;
  /** A word for the code, for programs: `room_full`, `unreachable`, … */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  /** Whether trying the same again later makes sense. */
  readonly retry: boolean;
}

export const UNREACHABLE = 100;
export const TIMEOUT = 101;
export const CLOSED = 102;
export const LOST = 103;
export const FAILED = 104;

export const BUSY = 7;
export const HIDDEN = 10;
export const LEFT = 50;
export const RESUME_REFUSED = 57;
export const BAD_DEVICE = 63;
export const EXPIRED = 64;

const WORDS: Record<number, string> = {
  1: "restarting",
  2: "moved",
  3: "slow_consumer",
  4: "idle_link",
  5: "internal",
  6: "room_failed",
  7: "busy",
  8: "rate_limited",
  9: "no_hello",
  10: "hidden",
  50: "left",
  51: "kicked",
  52: "banned",
  53: "bad_frame",
  54: "wrong_password",
  55: "version",
  56: "room_closed",
  57: "resume_refused",
  58: "room_full",
  59: "unknown_module",
  60: "refused",
  61: "bad_name",
  62: "replaced",
  63: "bad_device",
  64: "expired",
  65: "unknown_message",
  66: "too_large",
  100: "unreachable",
  101: "timeout",
  102: "closed",
  103: "lost",
  104: "failed",
};

/** Whether a link that ended with this code is worth another try. */
export const comesBack = (code: number): boolean => code < 50;

export function failure(code: number, message?: string): AirboatError {
  const reason = WORDS[code] ?? "unknown";
  const retry = comesBack(code) || code === UNREACHABLE || code === TIMEOUT || code === LOST;
  return { code, reason, message: message || reason.replace(/_/g, " "), retry };
}

export type CodecReason = "truncated" | "range" | "marker" | "count" | "depth" | "shape" | "text" | "trailing" | "baseline";

/** Bytes that are no frame of this protocol. Stays inside the library: the link is dropped and the session resumed. */
export class CodecError extends Error {
  constructor(readonly reason: CodecReason) {
    super(reason);
  }
}
