// The page of Lanterns, the teaching module: what modules/sample says, drawn; what people do, sent.

import { connect, type AirboatError, type Client, type Entity, type Room } from "../../src/index.js";
import { askedTransport, byId, element, savedName } from "./common.js";
import { keyboard, thumbstick, trigger } from "./controls.js";
import { Frame } from "./frame.js";
import { isBot, Lobby, phaseOf, playerRow, type Phase } from "./lobby.js";
import { GLOW, HEIGHT, Stage, WIDTH, type Night } from "./night.js";

const MODULE = "sample";
const MOOD_MS = 2500;
const COLOUR_NAMES: Record<string, string> = { rose: "rose", amber: "amber", mint: "mint", sky: "sky blue" };
const PLACES: [name: string, text: string][] = [["pond", "The pond"], ["hill", "The windy hill"], ["wood", "The deep wood"]];

interface State {
  place: string;
  night: number;
  best: { name: string; points: number };
  result?: { player: string; name: string; points: number; colour: string }[] | null;
}

declare global {
  interface Window {
    airboat: { client: Client; room?: Room };
  }
}

const query = new URLSearchParams(location.search);
const client = connect({ name: savedName(), transport: askedTransport() });
window.airboat = { client };
const stage = new Stage(byId<HTMLCanvasElement>("field"));
const frame = new Frame(client, {
  title: "Lanterns",
  sayings: { left: ["You have left", "The fireflies are still there, should you want to come back."] },
});
const lobby = new Lobby(client, { words: { lobby: "Lobby", night: "Night", dawn: "Dawn" }, changed: phaseChanged });

let room: Room<State> | undefined;
let aim = 0;
/** Where the page points with the mouse; without one, the way one walks. */
let pointer: { x: number; y: number } | undefined;
let eye = { x: WIDTH / 2, y: HEIGHT / 2 };

async function enter(): Promise<void> {
  frame.waiting();
  const joined = await client.join<State>(MODULE, query.get("room") ?? "");
  if (joined.error) return frame.refused(joined.error, () => void enter());
  room = joined.room;
  window.airboat.room = room as Room;
  const url = new URL(location.href);
  url.searchParams.set("module", MODULE);
  url.searchParams.set("room", room.name);
  history.replaceState(null, "", url);
  url.searchParams.set("view", "plain");
  byId<HTMLAnchorElement>("plain").href = url.href;
  frame.entered(room as Room);
  lobby.entered(room as Room);
  listen(room);
  room.input({ mx: 0, my: 0, aim: 0, sneak: false, mood: "none" });
}

function listen(room: Room<State>): void {
  room.on("caught", ({ colour, x, y, by }: { colour: string; x: number; y: number; by: { id: string } | null }) => {
    const double = by?.id === room.me && colour === room.secret["colour"];
    stage.burst(x, HEIGHT - y, GLOW[colour] ?? "#fff", by?.id === room.me ? (double ? "+2" : "+1") : undefined);
  });
  // These two come to one player alone.
  room.on("double", ({ colour }: { colour: string }) => frame.announce(`A ${COLOUR_NAMES[colour]} one: it counts double.`));
  room.on("dark", ({ by }: { by: unknown }) => {
    frame.announce(`${room.player(by as string)?.name ?? "Somebody"} blew out your light. Stand close to somebody who has one.`);
  });
  room.on("hurry", ({ seconds }: { seconds: number }) => frame.announce(`${seconds} seconds left.`));
  for (const path of ["players", "state.best"]) room.watch(path, scores);
  room.watch("secret", secret);
  room.watch("state.result", dawn);
  scores();
  secret();
  dawn();
}

// What stands around the field.

function phaseChanged(phase: Phase | undefined): void {
  if (phase) frame.announce({ lobby: "In the lobby.", night: "Night falls. Catch fireflies!", dawn: "Dawn. The colours are told." }[phase.name] ?? "");
  secret();
  dawn();
  if (phase?.name !== "dawn") voted = "";
}

function scores(): void {
  if (!room) return;
  const people = Object.entries(room.players).filter(([, player]) => player.kind === "player");
  people.sort(([a, one], [b, other]) => (other.state["points"] ?? 0) - (one.state["points"] ?? 0) || Number(a) - Number(b));
  byId("scores").replaceChildren(...people.map(([id, player]) => {
    const row = playerRow(room as Room, id, ...(isBot(player) ? ["bot"] : []));
    row.append(element("span", "points", String(player.state["points"] ?? 0)));
    return row;
  }));
  const { best } = room.state;
  byId("best").hidden = !best?.points;
  if (best?.points) byId("best").textContent = `Best night ever: ${best.name}, ${best.points}`;
  byId("watching").hidden = room.players[room.me]?.kind !== "spectator";
}

function secret(): void {
  const colour = room?.secret["colour"] as string | undefined;
  const there = colour !== undefined && room !== undefined && phaseOf(room as Room)?.name === "night";
  byId("secret").hidden = !there;
  if (!there) return;
  byId("secret-colour").textContent = COLOUR_NAMES[colour!] ?? colour!;
  byId("secret-dot").style.background = GLOW[colour!] ?? "#fff";
}

let voted = "";

function dawn(): void {
  const result = room?.state.result;
  const there = room !== undefined && Array.isArray(result) && phaseOf(room as Room)?.name === "dawn";
  byId("dawn").hidden = !there;
  if (!there) return;
  byId("dawn-title").textContent = result![0] ? `${result![0].name} has the brightest lantern` : "Dawn";
  byId("result").replaceChildren(...result!.map(({ player, name, points, colour }) => {
    const row = playerRow(room as Room, player);
    row.querySelector(".who")!.textContent = name;
    const dot = element("i", "dot");
    dot.style.background = GLOW[colour] ?? "transparent";
    row.append(element("span", "mark", dot, COLOUR_NAMES[colour] ?? ""), element("span", "points", String(points)));
    return row;
  }));
  byId("votes").hidden = room!.players[room!.me]?.kind !== "player";
  byId("votes").replaceChildren(...PLACES.map(([name, text]) => {
    const button = element("button", `button place place-${name}`, text);
    button.type = "button";
    button.dataset["place"] = name;
    button.setAttribute("aria-pressed", String(voted === name));
    button.disabled = voted !== "";
    button.addEventListener("click", () => void vote(name));
    return button;
  }));
  byId("vote-note").textContent = voted ? "Your vote is in. The others are still thinking." : "Where to next?";
}

async function vote(place: string): Promise<void> {
  const { data, error } = (await room?.call("vote", { place })) ?? {};
  if (error || !(data as { taken?: boolean } | undefined)?.taken) return frame.announce("That vote did not count.");
  voted = place;
  dawn();
}

// What people do.

const move = (mx: number, my: number) => {
  room?.input({ mx, my });
  if (!pointer && (mx !== 0 || my !== 0)) aim = Math.atan2(my, mx);
};
const puff = () => {
  room?.input({ aim });
  room?.press("puff");
};
const sneakBox = byId<HTMLInputElement>("sneak");
const sneak = (down: boolean) => {
  sneakBox.checked = down;
  room?.input({ sneak: down });
};
let calmDown: ReturnType<typeof setTimeout> | undefined;
function mood(name: string): void {
  clearTimeout(calmDown);
  room?.input({ mood: name });
  calmDown = setTimeout(() => room?.input({ mood: "none" }), MOOD_MS);
}

keyboard({
  move,
  presses: { Space: puff, Enter: puff, KeyC: () => mood("cheer"), KeyV: () => mood("wave") },
  holds: { ShiftLeft: sneak, ShiftRight: sneak },
});
thumbstick(byId("pad"), byId("stick"), move);
trigger(byId("puff"), puff);
sneakBox.addEventListener("change", () => (sneak(sneakBox.checked), sneakBox.blur()));
for (const name of ["cheer", "wave"]) {
  const button = byId(name);
  button.addEventListener("click", () => (mood(name), button.blur()));
}
const field = byId("field");
field.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse") pointer = { x: event.clientX, y: event.clientY };
});
field.addEventListener("pointerdown", (event) => {
  if (event.pointerType === "mouse" && event.button === 0) puff();
});

// What is drawn.

const night: Night = { place: "pond", dark: 0.4, lanterns: [], fireflies: [], gusts: [] };
const DARKNESS: Record<string, number> = { lobby: 0.5, night: 0.86, dawn: 0.16 };

function picture(room: Room<State>): void {
  night.place = room.state.place;
  night.dark = DARKNESS[phaseOf(room as Room)?.name ?? "night"] ?? 0.86;
  const all = (name: string): Entity[] => [...room.entities(name).values()];
  night.lanterns = all("lantern").map(({ id, owner, view }) => ({
    id, owner, x: view["x"], y: HEIGHT - view["y"], heading: -view["heading"], lit: view["lit"], mood: view["mood"],
    name: room.player(owner)?.name ?? "", me: owner === room.me,
  }));
  night.lanterns.sort((a, b) => a.y - b.y);
  night.fireflies = all("firefly").map(({ id, view }) => ({ id, x: view["x"], y: HEIGHT - view["y"], colour: view["colour"] }));
  night.gusts = all("gust").map(({ view }) => ({ x: view["x"], y: HEIGHT - view["y"], vx: view["vx"], vy: -view["vy"] }));
  const me = night.lanterns.find((lantern) => lantern.me);
  byId("dark").hidden = !me || me.lit;
  if (!me) return;
  eye = me;
  if (!pointer) return;
  const target = stage.at(pointer.x, pointer.y);
  aim = Math.atan2(me.y - target.y, target.x - me.x);
}

client.on("status", (status) => frame.status(status));
client.on("left", (error: AirboatError) => {
  room = undefined;
  lobby.entered(undefined);
  for (const id of ["secret", "dawn", "dark", "watching"]) byId(id).hidden = true;
  frame.refused(error, () => void enter());
});

let last = performance.now();
requestAnimationFrame(function draw(now) {
  const dt = Math.min(0.1, (now - last) / 1000);
  last = now;
  if (room) picture(room);
  stage.draw(night, dt, eye);
  requestAnimationFrame(draw);
});

void enter();
