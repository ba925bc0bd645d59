// The front page: a name, a room, the rooms that are open, and a code for the phone.

import { attract } from "./attract.js";
import { byId, element, MODULE, playUrl, qrCode, savedName, saveName, sharedBase } from "./common.js";
import { coat } from "./palette.js";
import { dice } from "./scene.js";

const LOOK_MS = 3000;

interface OpenRoom {
  room: string;
  players: number;
  seats: number;
}

const form = byId<HTMLFormElement>("join");
const nameField = byId<HTMLInputElement>("name");
const roomField = byId<HTMLInputElement>("room");

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}

async function suggest(): Promise<void> {
  try {
    roomField.value = (await get<{ room: string }>(`/api/v1/name?module=${MODULE}`)).room;
  } catch {
    // An empty field means the same: the server chooses.
  }
}

let shown = "";

async function look(): Promise<void> {
  let rooms: OpenRoom[];
  try {
    rooms = (await get<{ rooms: OpenRoom[] }>(`/api/v1/rooms?module=${MODULE}`)).rooms;
  } catch {
    byId("rooms-note").textContent = "The server does not answer. Trying again…";
    return;
  }
  rooms.sort((a, b) => b.players - a.players || a.room.localeCompare(b.room));
  // A list that is rebuilt takes the focus with it.
  const text = JSON.stringify(rooms.map((r) => [r.room, r.players, r.seats]));
  if (text === shown) return;
  shown = text;
  byId("rooms-note").textContent = rooms.length === 0 ? "No room is open yet. Yours can be the first." : "";
  const focused = (document.activeElement as HTMLElement | null)?.dataset["room"];
  byId("rooms").replaceChildren(...rooms.slice(0, 12).map(roomRow));
  if (focused !== undefined) {
    [...document.querySelectorAll<HTMLElement>("[data-room]")].find((row) => row.dataset["room"] === focused)?.focus();
  }
}

function roomRow({ room, players, seats }: OpenRoom): HTMLLIElement {
  const full = players >= seats;
  const people = element("span", "people", players === 0 ? "waiting" : players === 1 ? "1 person" : `${players} people`);
  const dots = element("span", "dots");
  dots.setAttribute("aria-hidden", "true");
  for (let i = 0; i < Math.min(players, 8); i++) dots.append(element("i", `dot dot-${i}`));
  const label = element("span", "room-name", room);
  if (full) return element("li", "", element("span", "room full", label, dots, element("span", "people", "full")));
  const link = element("a", "room", label, dots, people);
  link.href = playUrl(location.href, room);
  link.dataset["room"] = room;
  link.addEventListener("click", keepName);
  return element("li", "", link);
}

interface Game {
  module: string;
  title: string;
  seats: number;
}

/** Every module the server offers; each has a page, made for it or made for any. */
async function games(): Promise<void> {
  const { modules } = await get<{ modules: Game[] }>("/api/v1/modules");
  modules.sort((a, b) => Number(b.module === MODULE) - Number(a.module === MODULE) || a.title.localeCompare(b.title));
  byId("games").replaceChildren(...modules.map(({ module, title, seats }) => {
    const people = seats === 1 ? "1 player" : `up to ${seats} players`;
    const link = element("a", "game", badge(module), element("span", "", element("b", "", title), element("span", "muted", people)));
    link.href = playUrl(location.href, undefined, module);
    link.addEventListener("click", keepName);
    return element("li", "", link);
  }));
  byId("games-card").hidden = modules.length === 0;
}

/** A sign of its own for each module, made from its name. */
function badge(module: string): SVGSVGElement {
  let seed = 7;
  for (const letter of module) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) | 0;
  const random = dice(seed);
  const make = (tag: string, values: Record<string, string | number>) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(values)) made.setAttribute(name, String(value));
    return made;
  };
  const svg = make("svg", { viewBox: "0 0 34 34", "aria-hidden": "true" }) as SVGSVGElement;
  const [ground, , light] = coat(Math.floor(random() * 15));
  svg.append(make("rect", { width: 34, height: 34, rx: 10, fill: ground }));
  for (let i = 0; i < 3; i++) {
    svg.append(make("circle", { cx: 6 + random() * 22, cy: 6 + random() * 22, r: 3 + random() * 6, fill: i === 0 ? "#fff" : light, opacity: 0.85 }));
  }
  return svg;
}

function keepName(): void {
  const name = nameField.value.trim();
  if (name) saveName(name);
}

async function invite(): Promise<void> {
  const base = await sharedBase();
  byId("qr").replaceChildren(qrCode(base, `QR code of ${base}`));
  const link = byId<HTMLAnchorElement>("lan");
  link.href = base;
  link.textContent = base.replace(/\/$/, "");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  keepName();
  location.href = playUrl(location.href, roomField.value.trim());
});
byId("dice").addEventListener("click", () => void suggest());

nameField.value = savedName();
if (!roomField.value) void suggest();
void invite();
games().catch(() => {});
void look();
setInterval(() => document.visibilityState === "visible" && void look(), LOOK_MS);
attract(byId<HTMLCanvasElement>("show"));
