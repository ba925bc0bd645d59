// The front page: a name, a room, the rooms that are open, and a code for the phone.

import { attract } from "./attract.js";
import { byId, element, MODULE, playUrl, qrCode, savedName, saveName, sharedBase } from "./common.js";

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
void look();
setInterval(() => document.visibilityState === "visible" && void look(), LOOK_MS);
attract(byId<HTMLCanvasElement>("show"));
