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
export const UNKNOWN_MESSAGE = 65;

/** The words from some number on, one after the other. */
const WORDS: Readonly<Record<number, string>> = {
  1: "restarting moved slow_consumer idle_link internal room_failed busy rate_limited no_hello hidden",
  [LEFT]:
    "left kicked banned bad_frame wrong_password version room_closed resume_refused room_full unknown_module refused " +
    "bad_name replaced bad_device expired unknown_message too_large",
  [UNREACHABLE]: "unreachable timeout closed lost failed",
};

function word(code: number): string {
  const first = code < LEFT ? 1 : code < UNREACHABLE ? LEFT : UNREACHABLE;
  return WORDS[first]!.split(" ")[code - first] ?? "unknown";
}

/** Whether a link that ended with this code is worth another try. */
export const comesBack = (code: number): boolean => code < 50;

export function failure(code: number, message?: string): AirboatError {
  const reason = word(code);
  const retry = comesBack(code) || [UNREACHABLE, TIMEOUT, LOST].includes(code);
  return { code, reason, message: message || reason.replace(/_/g, " "), retry };
}

/** For what is wrong with the program, not with the network. */
export function mistake(text: string): never {
  throw new TypeError(`airboat: ${text}`);
}

export type CodecReason = "truncated" | "range" | "marker" | "count" | "depth" | "shape" | "text" | "trailing" | "baseline";

/** Bytes that are no frame of this protocol. Stays inside the library: the link is dropped and the session resumed. */
export class CodecError extends Error {
  constructor(readonly reason: CodecReason) {
    super(reason);
  }
}
