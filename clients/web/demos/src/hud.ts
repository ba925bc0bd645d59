// Everything on the game's page that is no drawing: scores, the room's name and code, the connection, and what is said
// when it is gone. Real elements, so that they can be read, zoomed and reached by keyboard.

import type { AirboatError, Client, Room } from "../../src/index.js";
import type { Status } from "../../src/session.js";
import { byId, element, playUrl, qrCode, sharedBase } from "./common.js";
import { coat } from "./palette.js";
import type { State } from "./play.js";

const LOOK_MS = 500;
const NAMES: Record<string, string> = { webtransport: "WebTransport", websocket: "WebSocket", http: "HTTP" };

/** What the words of the protocol mean to somebody who wanted to play. */
const SAYINGS: Record<string, [string, string]> = {
  room_full: ["This room is full", "Every seat is taken. Try again in a moment, or open a room of your own."],
  bad_name: ["That name does not work", "Room names are letters and digits with spaces or dashes between them."],
  unknown_module: ["War Battles is not here", "This server runs without the game's module."],
  unreachable: ["The server does not answer", "Is it still running, and are you on the same network?"],
  timeout: ["The server does not answer", "It took too long. It may be busy, or the network slow."],
  kicked: ["You were sent off", "Somebody in charge closed your seat."],
  banned: ["You were sent off", "This server does not let you in any more."],
  replaced: ["You play elsewhere now", "Another window has taken this seat."],
  room_closed: ["The room was closed", "The battle is over. Open another one?"],
  room_failed: ["The room broke", "Something went wrong in the game. It was written down."],
  restarting: ["The server is starting anew", "It will be back in a moment."],
  lost: ["Your seat is gone", "The connection was away for too long."],
  left: ["You have left", "The field is waiting, should you want to come back."],
};

export class Hud {
  readonly #client: Client;
  readonly #live = byId("live");
  readonly #overlay = byId("overlay");
  readonly #share = byId<HTMLDialogElement>("share");
  #room: Room<State> | undefined;
  #status: Status = "connecting";
  #dead: boolean | undefined;
  #scored = 0;
  #stop: (() => void)[] = [];

  constructor(client: Client) {
    this.#client = client;
    setInterval(() => this.#link(), LOOK_MS);
    byId("share-open").addEventListener("click", () => void this.#invite());
    this.#share.addEventListener("click", (event) => event.target === this.#share && this.#share.close());
    byId("share-close").addEventListener("click", () => this.#share.close());
    // Else the space bar would open it again instead of firing.
    this.#share.addEventListener("close", () => byId("share-open").blur());
    byId("copy").addEventListener("click", () => void this.#copy());
  }

  waiting(): void {
    this.#say("Wading in…", "Looking for the room.");
  }

  entered(room: Room<State>): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#room = room;
    this.#scored = room.state.score[room.me] ?? 0;
    byId("room-name").textContent = room.name;
    document.title = `${room.name} · War Battles`;
    byId("lost").hidden = true;
    this.#stop = ["state.score", "state.best", "players"].map((path) => room.watch(path, () => this.#scores()));
    this.#scores();
    this.#overlay.hidden = true;
    this.#link();
  }

  /** Whether one has a soldier at the moment. */
  alive(alive: boolean): void {
    if (this.#dead === !alive) return;
    this.#dead = !alive;
    byId("down").hidden = alive;
  }

  status(status: Status): void {
    this.#status = status;
    const lost = this.#room !== undefined && status === "reconnecting";
    if (byId("lost").hidden === lost) this.#live.textContent = lost ? "Connection lost. Coming back." : "Connected again.";
    byId("lost").hidden = !lost;
    this.#link();
  }

  refused(error: AirboatError, again: () => void): void {
    const [title, text] = SAYINGS[error.reason] ?? ["That did not work", error.message];
    this.#room = undefined;
    byId("lost").hidden = true;
    byId("down").hidden = true;
    this.#say(title, text, again);
  }

  #say(title: string, text: string, again?: () => void): void {
    byId("overlay-title").textContent = title;
    byId("overlay-text").textContent = text;
    const buttons = byId("overlay-buttons");
    buttons.replaceChildren();
    if (again) {
      const retry = element("button", "button primary", "Try again");
      retry.type = "button";
      retry.addEventListener("click", again);
      const home = element("a", "button", "To the front page");
      home.href = "/";
      buttons.append(retry, home);
    }
    byId("spinner").hidden = again !== undefined;
    this.#overlay.hidden = false;
    buttons.querySelector("button")?.focus();
  }

  #scores(): void {
    const room = this.#room;
    if (!room) return;
    const { score, best } = room.state;
    const rows = Object.entries(score).map(([id, points]) => ({ id, points, player: room.players[id] }));
    rows.sort((a, b) => b.points - a.points || Number(a.id) - Number(b.id));
    byId("scores").replaceChildren(
      ...rows.map(({ id, points, player }) => {
        const dot = element("i", "dot");
        dot.style.background = coat(Number(id) - 1)[0];
        const row = element("li", id === room.me ? "me" : "", dot, element("span", "who", player?.name ?? "…"));
        if (player?.connected === false) row.classList.add("away");
        row.append(element("span", "points", String(points)));
        row.dataset["player"] = id;
        return row;
      }),
    );
    const crown = byId("best");
    crown.hidden = best.score === 0;
    crown.textContent = `Best: ${best.name}, ${best.score}`;
    const mine = score[room.me] ?? 0;
    if (mine > this.#scored) this.#live.textContent = `Tank destroyed. You have ${mine} points.`;
    this.#scored = mine;
  }

  #link(): void {
    const { transport, rtt, loss } = this.#client;
    const here = this.#status === "online" && transport !== undefined;
    byId("transport").textContent = here ? NAMES[transport]! : this.#status === "offline" ? "offline" : "connecting";
    byId("rtt").textContent = here && rtt > 0 ? `${rtt < 10 ? rtt.toFixed(1) : Math.round(rtt)} ms` : "–";
    byId("loss").textContent = here ? `${(loss * 100).toFixed(loss > 0 && loss < 0.1 ? 1 : 0)} %` : "–";
    const health = !here ? "bad" : rtt > 250 || loss > 0.1 ? "bad" : rtt > 120 || loss > 0.03 ? "warn" : "good";
    byId("link").dataset["health"] = health;
  }

  async #invite(): Promise<void> {
    const url = playUrl(await sharedBase(), this.#room?.name);
    byId("share-qr").replaceChildren(qrCode(url, "QR code of this room's address"));
    byId<HTMLInputElement>("share-url").value = url;
    byId("copy").textContent = "Copy";
    this.#share.showModal();
  }

  async #copy(): Promise<void> {
    const field = byId<HTMLInputElement>("share-url");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      byId("copy").textContent = "Copied";
    } catch {
      // No clipboard without TLS: it is selected, which is the next best.
      byId("copy").textContent = "Selected";
    }
  }
}
