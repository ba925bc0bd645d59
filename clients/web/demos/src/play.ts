// The game's page: joins the room of the address, draws it, and shows how the connection is.

import { connect, type AirboatError, type Client, type Room } from "../../src/index.js";
import type { TransportName } from "../../src/transports/link.js";
import { byId, MODULE, savedName } from "./common.js";
import { keyboard, touch } from "./controls.js";
import { Hud } from "./hud.js";
import { emptyScene, type Field, type Scene } from "./scene.js";
import { Stage } from "./stage.js";

type Entity = ReturnType<Room["entities"]> extends ReadonlyMap<number, infer E> ? E : never;

interface Boom {
  kind: string;
  x: number;
  y: number;
  by?: { id: string } | null;
}

/** Lists of numbers come as text, "x y x y …": a document of a thousand numbers would be as many values to watch. */
interface MapData {
  width: number;
  height: number;
  paths: string[];
  ponds: string;
  trees: string;
  bushes: string;
}

export interface State {
  map: MapData;
  score: Record<string, number>;
  best: { name: string; score: number };
}

const TRANSPORTS = ["webtransport", "websocket", "http"];

const query = new URLSearchParams(location.search);
const asked = query.get("transport") ?? "";
const transport = (TRANSPORTS.includes(asked) ? asked : "auto") as TransportName | "auto";
const client = connect({ name: savedName(), transport });
const hud = new Hud(client);

/** For the console, and for tests. */
declare global {
  interface Window {
    airboat: { client: Client; room?: Room };
  }
}
window.airboat = { client };

async function enter(): Promise<void> {
  hud.waiting();
  const { room, error } = await client.join<State>(MODULE, query.get("room") ?? "");
  if (error) return hud.refused(error, () => void enter());
  window.airboat.room = room;
  const url = new URL(location.href);
  url.searchParams.set("room", room.name);
  history.replaceState(null, "", url);
  hud.entered(room);
  play(room);
}

/** Only the first time: a room that is entered again after a loss is another one with its own stage. */
let current: Game | undefined;

function play(room: Room<State>): void {
  current = new Game(room);
}

class Game {
  readonly #room: Room<State>;
  readonly #stage: Stage;
  readonly #height: number;
  readonly #booms: { tick: number; boom: Boom }[] = [];
  readonly #scene: Scene = emptyScene();
  /** Where one's soldier was last: the camera waits there for it to come back. */
  #eye: { x: number; y: number };

  constructor(room: Room<State>) {
    this.#room = room;
    const { map } = room.state;
    this.#height = map.height;
    this.#eye = { x: map.width / 2, y: map.height / 2 };
    this.#stage = new Stage(byId<HTMLCanvasElement>("field"), flipped(map));
    room.on("boom", (boom: Boom, tick) => this.#booms.push({ tick, boom }));
    // Those that are there already were not fired just now.
    room.on("spawn", "rocket", (rocket) => this.#fired(rocket, false));
    room.on("spawn", "shell", (shell) => this.#fired(shell, true));
    room.input({ mx: 0, my: 0 });
  }

  #fired(flying: Entity, byTank: boolean): void {
    if (this.#room.viewTick - flying.since > this.#room.schema.tickRate / 2) return;
    const heading = Math.atan2(-flying.vy, flying.vx);
    const { x, y } = this.#place(flying.view.x, flying.view.y);
    if (byTank) this.#stage.shot(x, y, heading);
    else this.#stage.effects.muzzle(x, y, heading);
  }

  /** The world's y goes up. */
  #place(x: number, y: number): { x: number; y: number } {
    return { x, y: this.#height - y };
  }

  draw(dt: number): void {
    this.#explode();
    const { soldiers, tanks, rockets, shells } = this.#scene;
    const [room, height] = [this.#room, this.#height];
    soldiers.length = tanks.length = rockets.length = shells.length = 0;
    for (const { id, owner, view } of room.entities("soldier").values()) {
      const player = room.player(owner);
      const me = owner === room.me;
      const at = { x: view.x as number, y: height - view.y };
      if (me) this.#eye = at;
      soldiers.push({
        id, ...at, heading: -view.heading, moving: view.moving, colour: Number(owner) - 1, name: player?.name ?? "", me,
        away: player?.connected === false,
      });
    }
    for (const { id, view } of room.entities("tank").values()) tanks.push({ id, x: view.x, y: height - view.y, heading: -view.heading });
    for (const [name, list] of [["rocket", rockets], ["shell", shells]] as const) {
      for (const { id, view } of room.entities(name).values()) list.push({ id, x: view.x, y: height - view.y, vx: view.vx, vy: -view.vy });
    }
    // On foot first, then those with the ring: one should always see oneself.
    soldiers.sort((a, b) => Number(a.me) - Number(b.me));
    hud.alive(soldiers.some((s) => s.me));
    this.#stage.draw(this.#scene, dt, this.#eye);
  }

  /** Messages come as soon as they can; what they tell of is seen a little later. */
  #explode(): void {
    const now = this.#room.viewTick;
    for (let i = 0; i < this.#booms.length; i++) {
      const { tick, boom } = this.#booms[i]!;
      if (tick > now) continue;
      this.#booms.splice(i--, 1);
      if (now - tick > this.#room.schema.tickRate * 2) continue;
      const { x, y } = this.#place(boom.x, boom.y);
      const soldier = boom.kind === "soldier";
      this.#stage.effects.boom(x, y, soldier ? 13 : undefined);
      if (!soldier && boom.by?.id === this.#room.me) this.#stage.effects.float(x, y, "+100");
    }
  }
}

function flipped(map: MapData): Field {
  const points = (numbers: string, each: number): number[] =>
    numbers.split(" ").map((n, i) => (i % each === 1 ? map.height - Number(n) : Number(n)));
  return {
    width: map.width,
    height: map.height,
    paths: map.paths.map((path) => points(path, 2)),
    ponds: points(map.ponds, 3),
    trees: points(map.trees, 2),
    bushes: points(map.bushes, 2),
  };
}

const steering = {
  move: (mx: number, my: number) => client.room?.input({ mx, my }),
  fire: () => client.room?.press("fire"),
};
keyboard(steering);
touch(byId("pad"), byId("stick"), byId("fire"), steering);

client.on("status", (status) => hud.status(status));
client.on("left", (error: AirboatError) => {
  current = undefined;
  hud.refused(error, () => void enter());
});

let last = performance.now();
requestAnimationFrame(function frame(now) {
  const dt = Math.min(0.1, (now - last) / 1000);
  last = now;
  current?.draw(dt);
  requestAnimationFrame(frame);
});

void enter();

