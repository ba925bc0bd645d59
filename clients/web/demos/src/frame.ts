// What every game's page has around its game: the room's name and code, the connection, and what is said when it is
// gone. Real elements, so that they can be read, zoomed and reached by keyboard.

import type { AirboatError, Client, Room } from "../../src/index.js";
import type { Status } from "../../src/session.js";
import { byId, element, playUrl, qrCode, sharedBase } from "./common.js";

const LOOK_MS = 500;
const NAMES: Record<string, string> = { webtransport: "WebTransport", websocket: "WebSocket", http: "HTTP" };

export type Saying = [title: string, text: string];

/** What the words of the protocol mean to somebody who wanted to play. */
const SAYINGS: Record<string, Saying> = {
  room_full: ["This room is full", "Every seat is taken. Try again in a moment, or open a room of your own."],
  bad_name: ["That name does not work", "Room names are letters and digits with spaces or dashes between them."],
  unreachable: ["The server does not answer", "Is it still running, and are you on the same network?"],
  timeout: ["The server does not answer", "It took too long. It may be busy, or the network slow."],
  banned: ["You were sent off", "This server does not let you in any more."],
  replaced: ["You play elsewhere now", "Another window has taken this seat."],
  room_closed: ["The room was closed", "The game is over. Open another one?"],
  room_failed: ["The room broke", "Something went wrong in the game. It was written down."],
  restarting: ["The server is starting anew", "It will be back in a moment."],
  lost: ["Your seat is gone", "The connection was away for too long."],
  left: ["You have left", "The room is waiting, should you want to come back."],
};

export interface FrameOptions {
  /** The game's name. */
  title: string;
  sayings?: Record<string, Saying>;
}

export class Frame {
  readonly #client: Client;
  readonly #options: FrameOptions;
  readonly #live = byId("live");
  readonly #overlay = byId("overlay");
  readonly #share = byId<HTMLDialogElement>("share");
  #room: Room | undefined;
  #status: Status = "connecting";

  constructor(client: Client, options: FrameOptions) {
    this.#client = client;
    this.#options = options;
    setInterval(() => this.#link(), LOOK_MS);
    byId("share-open").addEventListener("click", () => void this.#invite());
    this.#share.addEventListener("click", (event) => event.target === this.#share && this.#share.close());
    byId("share-close").addEventListener("click", () => this.#share.close());
    // Else the space bar would open it again instead of being the game's.
    this.#share.addEventListener("close", () => byId("share-open").blur());
    byId("copy").addEventListener("click", () => void this.#copy());
  }

  /** For people who listen to the page. */
  announce(text: string): void {
    this.#live.textContent = text;
  }

  waiting(): void {
    this.#say("Wading in…", "Looking for the room.");
  }

  entered(room: Room): void {
    this.#room = room;
    byId("room-name").textContent = room.name;
    document.title = `${room.name} · ${this.#options.title || room.title}`;
    byId("lost").hidden = true;
    this.#overlay.hidden = true;
    this.#link();
  }

  status(status: Status): void {
    this.#status = status;
    const lost = this.#room !== undefined && status === "reconnecting";
    if (byId("lost").hidden === lost) this.announce(lost ? "Connection lost. Coming back." : "Connected again.");
    byId("lost").hidden = !lost;
    this.#link();
  }

  refused(error: AirboatError, again: () => void): void {
    const [title, text] = (this.#options.sayings ?? {})[error.reason] ?? SAYINGS[error.reason] ?? this.#plainly(error);
    this.#room = undefined;
    byId("lost").hidden = true;
    this.#say(title, text, again);
  }

  /** Where the game itself may have something to say. */
  #plainly({ reason, message }: AirboatError): Saying {
    const sentence = message && message !== reason ? message : "";
    if (reason === "kicked") return ["You were sent off", sentence || "Somebody in charge closed your seat."];
    if (reason === "unknown_module") return ["That game is not here", "This server runs without the game's module."];
    if (reason === "refused") return ["The game did not let you in", sentence || "Try again a little later."];
    return ["That did not work", sentence || reason];
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
    // Whoever comes finds a transport of their own: not every one works everywhere.
    const url = playUrl(await sharedBase(), this.#room?.name, this.#room?.module, ["view"]);
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
