// `room.state.phase` as people see it: what phase it is and for how long, who is ready, who may start, who is done. The
// same for every module, because the engine writes it.

import type { Client, PlayerRef, Room } from "../../src/index.js";
import { byId, element } from "./common.js";
import { coat } from "./palette.js";

export interface Phase {
  name: string;
  since: number;
  ends?: number;
  done?: Record<string, boolean>;
  ready?: Record<string, boolean>;
  host?: PlayerRef | null;
  min?: number;
  needs?: "players" | "ready" | "host";
}

const LOOK_MS = 200;

/** Words for the phases, where the module's own names are not good enough. */
export type Words = Record<string, string>;

/** `turn_over` is "Turn over". */
export const spoken = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

export function phaseOf(room: Room): Phase | undefined {
  const phase = room.state["phase"] as Phase | undefined;
  return typeof phase === "object" && typeof phase?.name === "string" ? phase : undefined;
}

/** The row of a player in a list: colour, name, and what is to be said of them. */
export function playerRow(room: Room, id: string, ...marks: string[]): HTMLLIElement {
  const player = room.players[id];
  const dot = element("i", "dot");
  dot.style.background = coat(Number(id) - 1)[0];
  const row = element("li", id === room.me ? "me" : "", dot, element("span", "who", player?.name ?? "…"));
  if (player?.connected === false && !isBot(player)) row.classList.add("away");
  for (const mark of marks) row.append(element("span", "mark", mark));
  row.dataset["player"] = id;
  return row;
}

export const isBot = (player: unknown): boolean => (player as { bot?: boolean } | undefined)?.bot === true;

export interface LobbyOptions {
  words?: Words;
  /** Whether players may say that they are done by a button. */
  button?: boolean;
  changed?: (phase: Phase | undefined) => void;
}

/** Fills `#phase` (a line) and `#lobby` (a card), both hidden while they have nothing to say. */
export class Lobby {
  readonly #client: Client;
  readonly #options: LobbyOptions;
  #room: Room | undefined;
  #stop: (() => void)[] = [];
  #was = "";

  constructor(client: Client, options: LobbyOptions) {
    this.#client = client;
    this.#options = options;
    setInterval(() => this.#count(), LOOK_MS);
    byId("ready").addEventListener("click", () => this.#room?.ready(!this.#ready()));
    byId("start").addEventListener("click", () => this.#room?.start());
    byId("done").addEventListener("click", () => this.#room?.done());
  }

  entered(room: Room | undefined): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#room = room;
    this.#was = "";
    if (room) this.#stop = ["state.phase", "players"].map((path) => room.watch(path, () => this.#show()));
    this.#show();
  }

  #phase(): Phase | undefined {
    return this.#room && phaseOf(this.#room);
  }

  #ready(): boolean {
    return this.#phase()?.ready?.[this.#room!.me] === true;
  }

  #plays(): boolean {
    return this.#room?.players[this.#room.me]?.kind === "player";
  }

  #show(): void {
    const [room, phase] = [this.#room, this.#phase()];
    byId("phase").hidden = !phase;
    byId("lobby").hidden = !room || !phase?.ready;
    byId("done").hidden = !this.#options.button || !room || !phase?.done || !!phase.ready || phase.done[room.me] === true || !this.#plays();
    if ((phase?.name ?? "") !== this.#was) {
      this.#was = phase?.name ?? "";
      this.#options.changed?.(phase);
    }
    if (!room || !phase) return;
    byId("phase-name").textContent = this.#options.words?.[phase.name] ?? spoken(phase.name);
    if (phase.ready) this.#gather(room, phase);
    this.#count();
  }

  /** The card of a phase that waits for people. */
  #gather(room: Room, phase: Phase): void {
    const host = phase.host?.id;
    const rows = Object.entries(room.players).filter(([, player]) => player.kind === "player").map(([id, player]) => {
      const marks = [];
      if (id === host) marks.push("host");
      if (isBot(player)) marks.push("bot");
      if (phase.ready![id]) marks.push("ready");
      return playerRow(room, id, ...marks);
    });
    byId("lobby-players").replaceChildren(...rows);
    const watching = Object.values(room.players).filter((player) => player.kind === "spectator").length;
    byId("lobby-needs").textContent = needs(room, phase) + (watching > 0 ? ` ${watching} watching.` : "");
    const ready = byId<HTMLButtonElement>("ready");
    ready.hidden = !this.#plays();
    ready.textContent = this.#ready() ? "I am ready" : "Ready?";
    ready.setAttribute("aria-pressed", String(this.#ready()));
    const start = byId<HTMLButtonElement>("start");
    start.hidden = host !== room.me;
    start.disabled = phase.needs === "players";
  }

  /** Room time is what the deadline is in. */
  #count(): void {
    const phase = this.#phase();
    const clock = byId("phase-clock");
    clock.hidden = phase?.ends === undefined;
    if (phase?.ends === undefined) return;
    const left = Math.max(0, Math.ceil(phase.ends - this.#client.serverTime()));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("late", left <= 10);
  }
}

function needs(room: Room, phase: Phase): string {
  const min = phase.min ?? 1;
  if (phase.needs === "players") return `${min} players are needed.`;
  if (phase.needs === "ready") return "It begins when everybody is ready.";
  if (phase.host?.id === room.me) return "Start when you like.";
  return `${room.player(phase.host)?.name ?? "The host"} starts.`;
}
