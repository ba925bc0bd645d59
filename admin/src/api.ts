// The panel's JSON API, as src/admin of the server speaks it. Names end in their unit.

export interface Me {
  admin: string | null;
  setup: boolean;
  password_chars_min: number;
}

export interface Transport {
  name: string;
  players: number;
  connections: number;
  bytes_in_per_second: number;
  bytes_out_per_second: number;
}

export interface Room {
  module: string;
  name: string;
  /** Of the module, as this room runs it: a hash of its files. */
  version: string;
  /** `penalty`: after its script was stopped, on a worker of its own until it has proved itself. */
  state: "running" | "reopening" | "penalty";
  players: number;
  bots: number;
  watching: number;
  seats: number;
  tick_rate: number;
  open_secs: number;
  tick_us: number;
  lateness_us: number;
}

/** What is wrong with a module, for whoever can mend it. */
export interface Problem {
  kind: "load" | "reload" | "quarantine";
  version: string;
  text: string;
  since_unix: number;
}

export interface Module {
  module: string;
  title: string;
  /** What new rooms run; empty when nothing of it has ever worked. */
  version: string;
  seats: number;
  tick_rate: number;
  open: boolean;
  problem: Problem | null;
}

export interface Quantiles {
  p50: number | null;
  p99: number | null;
}

/** Time, players, rooms, tick, lateness, CPU, memory, in, out. */
export type Point = (number | null)[];

export interface Figures {
  version: string;
  uptime_secs: number;
  players: number;
  sessions_held: number;
  transports: Transport[];
  tick_us: Quantiles;
  lateness_us: Quantiles;
  ticks_per_second: number;
  ticks_skipped: number;
  ticks_skipped_total: number;
  memory_bytes: number | null;
  cpu_percent: number | null;
  cores: number;
  threads: number | null;
  open_files: number | null;
  bytes_in_per_second: number;
  bytes_out_per_second: number;
  rooms_open: number;
  rooms: Room[];
  modules: Module[];
  point: Point;
}

/** The server said no, or could not be reached (code `unreachable`). The message is for people. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`/admin/api/${path}`, { cache: "no-store", credentials: "same-origin", ...init });
  } catch {
    throw new Refused("unreachable", "The server does not answer. Is it running?");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body as T;
  const error = body?.error ?? {};
  throw new Refused(error.code ?? "unknown", error.message ?? `The server answered ${answer.status}.`);
}

function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

export const me = () => ask<Me>("me");
export const setup = (token: string, name: string, password: string) =>
  post<{ admin: string }>("setup", { token, name, password });
export const login = (name: string, password: string) => post<{ admin: string }>("login", { name, password });
export const logout = () => post<object>("logout", {});
export const closeRoom = (module: string, name: string) => post<object>("rooms/close", { module, name });
