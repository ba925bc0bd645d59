// War Battles' own part of what stands around the field: scores, the crown, and waiting for the next soldier.

import type { AirboatError, Client, Room } from "../../src/index.js";
import type { Status } from "../../src/session.js";
import { byId, element } from "./common.js";
import { Frame } from "./frame.js";
import { isBot } from "./lobby.js";
import { coat } from "./palette.js";
import type { State } from "./play.js";

export class Hud {
  readonly #frame: Frame;
  #room: Room<State> | undefined;
  #dead: boolean | undefined;
  #scored = 0;
  #stop: (() => void)[] = [];

  constructor(client: Client) {
    this.#frame = new Frame(client, {
      title: "War Battles",
      sayings: {
        unknown_module: ["War Battles is not here", "This server runs without the game's module."],
        room_closed: ["The room was closed", "The battle is over. Open another one?"],
        left: ["You have left", "The field is waiting, should you want to come back."],
      },
    });
  }

  waiting(): void {
    this.#frame.waiting();
  }

  entered(room: Room<State>): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#room = room;
    this.#scored = room.state.score[room.me] ?? 0;
    this.#stop = ["state.score", "state.best", "players"].map((path) => room.watch(path, () => this.#scores()));
    this.#scores();
    this.#frame.entered(room as Room);
  }

  /** Whether one has a soldier at the moment. */
  alive(alive: boolean): void {
    if (this.#dead === !alive) return;
    this.#dead = !alive;
    byId("down").hidden = alive;
  }

  status(status: Status): void {
    this.#frame.status(status);
  }

  refused(error: AirboatError, again: () => void): void {
    this.#room = undefined;
    byId("down").hidden = true;
    this.#frame.refused(error, again);
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
        if (player?.connected === false && !isBot(player)) row.classList.add("away");
        if (isBot(player)) row.append(element("span", "mark", "bot"));
        row.append(element("span", "points", String(points)));
        row.dataset["player"] = id;
        return row;
      }),
    );
    const crown = byId("best");
    crown.hidden = best.score === 0;
    crown.textContent = `Best: ${best.name}, ${best.score}`;
    const mine = score[room.me] ?? 0;
    if (mine > this.#scored) this.#frame.announce(`Tank destroyed. You have ${mine} points.`);
    this.#scored = mine;
  }
}
