// The game's page: joins the room of the address, draws it, and shows how the connection is.

import { RELOAD, ROCKET_SPEED, toward, walk, type Input, type Soldier } from "../../../../modules/warbattles/shared/step.js";
import { connect, type AirboatError, type Client, type Room } from "../../src/index.js";
import { predictOwn, type Own } from "../../src/predict.js";
import { askedTransport, byId, MODULE, savedName } from "./common.js";
import { keyboard, thumbstick, trigger } from "./controls.js";
import { Hud } from "./hud.js";
import { Meter } from "./meter.js";
import { emptyScene, type Field, type Flying, type Scene } from "./scene.js";
import { Stage } from "./stage.js";

type Entity = ReturnType<Room["entities"]> extends ReadonlyMap<number, infer E> ? E : never;

type Pressed = Input & { fire: number };

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

/** A rocket of one's own that the room has not told of yet. */
interface Ghost {
  /** Below zero: no entity's. */
  id: number;
  x: number;
  y: number;
  vx: number;
  vy: number;
  since: number;
}

/** Corrections beyond this many units are no glide. */
const SNAP = 60;
/** Ticks after which a rocket that the room does not tell of was none. */
const GHOST_TICKS = 30;
/** Ticks by which the room's rocket may be off from ours. */
const ALIKE = 8;

const query = new URLSearchParams(location.search);
const client = connect({ name: savedName(), transport: askedTransport() });
const hud = new Hud(client);

/** For the console, and for tests. */
declare global {
  interface Window {
    airboat: { client: Client; room?: Room };
    /** One's own soldier. */
    mine?: Own<Soldier, Pressed>;
  }
}
window.airboat = { client };
new Meter(client, () => current?.mine.prediction);

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
  if (current) window.mine = current.mine;
}

/** Only the first time: a room that is entered again after a loss is another one with its own stage. */
let current: Game | undefined;

function play(room: Room<State>): void {
  current?.mine.stop();
  current = new Game(room);
}

class Game {
  readonly #room: Room<State>;
  readonly #stage: Stage;
  readonly #height: number;
  readonly #booms: { tick: number; boom: Boom }[] = [];
  readonly #scene: Scene = emptyScene();
  /** One's own soldier, as it will be: the room's step on the very inputs that are on their way to it. */
  readonly mine: Own<Soldier, Pressed>;
  /** Where one's soldier was last: the camera waits there for it to come back. */
  #eye: { x: number; y: number };
  #ghosts: Ghost[] = [];
  #ghost = 0;
  /** A rocket of the room goes on under the name of the ghost that it was. */
  readonly #names = new Map<number, number>();
  /** The soldier that was predicted last. */
  #self: number | undefined;
  readonly #launcher = { soldier: -1, rockets: 0, loaded: 0 };

  constructor(room: Room<State>) {
    this.#room = room;
    const { map } = room.state;
    this.#height = map.height;
    this.#eye = { x: map.width / 2, y: map.height / 2 };
    this.#stage = new Stage(byId<HTMLCanvasElement>("field"), flipped(map));
    room.on("boom", (boom: Boom, tick) => this.#booms.push({ tick, boom }));
    // Those that are there already were not fired just now.
    room.on("spawn", "rocket", (rocket) => this.#materialise(rocket) || this.#fired(rocket, false));
    room.on("despawn", "rocket", ({ id }) => this.#names.delete(id));
    room.on("spawn", "shell", (shell) => this.#fired(shell, true));
    this.mine = predictOwn<Soldier, Pressed>(room as Room, "soldier", {
      step: walk,
      snap: SNAP,
      stepped: (soldier, input, tick) => this.#launch(soldier, input, tick),
    });
    room.input({ mx: 0, my: 0 });
  }

  /** What the room will do with a press, done here at once. */
  #launch(soldier: Soldier, input: Pressed, tick: number): void {
    const launcher = this.#launcher;
    if (launcher.soldier !== this.mine.id) Object.assign(launcher, { soldier: this.mine.id, rockets: 0, loaded: 0 });
    launcher.rockets += input.fire;
    const { tickRate } = this.#room.schema;
    if (launcher.rockets === 0 || tick / tickRate < launcher.loaded) return;
    launcher.rockets--;
    launcher.loaded = tick / tickRate + RELOAD;
    const { x, y } = soldier;
    const velocity = toward(soldier.heading, ROCKET_SPEED);
    this.#ghosts.push({ id: --this.#ghost, x, y, vx: velocity.x, vy: velocity.y, since: tick });
    const at = this.#place(x, y);
    this.#stage.effects.muzzle(at.x, at.y, Math.atan2(-velocity.y, velocity.x));
  }

  /** The room's own rocket takes the place of the one that was shown already. */
  #materialise(rocket: Entity): boolean {
    if (rocket.owner !== this.#room.me) return false;
    const i = this.#ghosts.findIndex(({ since }) => Math.abs(since - rocket.since) <= ALIKE);
    if (i < 0) return false;
    this.#names.set(rocket.id, this.#ghosts.splice(i, 1)[0]!.id);
    return true;
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
    const mine = this.mine.view;
    if (mine) this.#self = this.mine.id;
    for (const { id, owner, view } of room.entities("soldier").values()) {
      const player = room.player(owner);
      const me = owner === room.me;
      const { x, y, heading, moving } = mine && id === this.mine.id ? mine : (view as Soldier);
      // One that is hit already, but not yet in what is seen of others, stays where it was seen.
      const at = me && !mine && this.#self === id ? this.#eye : { x, y: height - y };
      if (me) this.#eye = at;
      soldiers.push({
        id, ...at, heading: -heading, moving, colour: Number(owner) - 1, name: player?.name ?? "", me,
        away: player?.connected === false,
      });
    }
    for (const { id, view } of room.entities("tank").values()) tanks.push({ id, x: view.x, y: height - view.y, heading: -view.heading });
    for (const [name, list] of [["rocket", rockets], ["shell", shells]] as const) {
      for (const { id, view } of room.entities(name).values()) {
        list.push({ id: this.#names.get(id) ?? id, x: view.x, y: height - view.y, vx: view.vx, vy: -view.vy });
      }
    }
    this.#drawGhosts(rockets);
    // On foot first, then those with the ring: one should always see oneself.
    soldiers.sort((a, b) => Number(a.me) - Number(b.me));
    hud.alive(soldiers.some((s) => s.me));
    this.#stage.draw(this.#scene, dt, this.#eye);
  }

  #drawGhosts(rockets: Flying[]): void {
    if (this.#ghosts.length === 0) return;
    const now = this.#room.ownTick;
    this.#ghosts = this.#ghosts.filter(({ since }) => now - since < GHOST_TICKS);
    for (const { id, x, y, vx, vy, since } of this.#ghosts) {
      const seconds = Math.max(0, now - since) / this.#room.schema.tickRate;
      const at = this.#place(x + vx * seconds, y + vy * seconds);
      rockets.push({ id, ...at, vx, vy: -vy });
    }
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

const move = (mx: number, my: number) => client.room?.input({ mx, my });
const fire = () => client.room?.press("fire");
keyboard({ move, presses: { Space: fire, Enter: fire } });
thumbstick(byId("pad"), byId("stick"), move, true);
trigger(byId("fire"), fire);

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

