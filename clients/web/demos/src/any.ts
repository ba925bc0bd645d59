// The page that plays any module: everything on it comes from the schema, the documents and the messages of the room.

import { connect, type AirboatError, type Client, type Room } from "../../src/index.js";
import { askedTransport, byId, element, savedName } from "./common.js";
import { Frame } from "./frame.js";
import { Lobby, playerRow, isBot } from "./lobby.js";
import { Steering } from "./steering.js";
import { Tree } from "./tree.js";
import { World } from "./world.js";

const LOG_MAX = 200;
const LOOK_MS = 250;

declare global {
  interface Window {
    airboat: { client: Client; room?: Room };
  }
}

const query = new URLSearchParams(location.search);
const module = query.get("module") ?? "";
const kind = query.get("kind") === "spectator" || query.get("kind") === "screen" ? (query.get("kind") as "spectator") : undefined;
const canvas = byId<HTMLCanvasElement>("field");
const client = connect({ name: savedName(), transport: askedTransport() });
window.airboat = { client };

const frame = new Frame(client, { title: module });
const steering = new Steering(canvas);
const lobby = new Lobby(client, { button: true, changed: (phase) => phase && frame.announce(`Now: ${phase.name}`) });
const tree = new Tree(byId("tree"));
let world: World | undefined;

async function enter(): Promise<void> {
  frame.waiting();
  const { room, error } = await client.join(module, query.get("room") ?? "", { kind });
  if (error) return frame.refused(error, () => void enter());
  window.airboat.room = room;
  const url = new URL(location.href);
  url.searchParams.set("room", room.name);
  history.replaceState(null, "", url);
  byId("title").textContent = room.title;
  frame.entered(room);
  listen(room);
  look();
}

/** Messages have names that only the module knows: all of them are taken on their way in. */
function listen(room: Room): void {
  const told = room._message.bind(room);
  room._message = (name, data, tick) => {
    note(name, data, tick);
    told(name, data, tick);
  };
  adopt(room);
  lobby.entered(room);
}

/** The first time, and when a reload has brought another schema. */
function adopt(room: Room): void {
  world = new World(canvas, room);
  steering.adopt(room, world);
  byId("nothing").hidden = !world.empty;
}

// The log.

const log = byId("log");

function note(name: string, data: unknown, tick: number | string): void {
  const row = element("li", "", element("span", "when", String(tick)), element("b", "", name));
  if (data !== null && data !== undefined) row.append(element("code", "", brief(data)));
  log.prepend(row);
  while (log.children.length > LOG_MAX) log.lastElementChild!.remove();
  byId("log-empty").hidden = true;
}

function brief(data: unknown): string {
  try {
    const text = JSON.stringify(data) ?? String(data);
    return text.length > 300 ? `${text.slice(0, 299)}…` : text;
  } catch {
    return String(data);
  }
}

// Sending.

const sender = byId<HTMLFormElement>("sender");
sender.addEventListener("submit", (event) => {
  event.preventDefault();
  const room = client.room;
  const name = byId<HTMLInputElement>("message-name").value.trim();
  const text = byId<HTMLTextAreaElement>("message-data").value.trim();
  if (!room || !name) return say("A message needs a name.");
  let data: unknown;
  try {
    data = text === "" ? null : JSON.parse(text);
  } catch (error) {
    return say(`That is no JSON: ${(error as Error).message}`);
  }
  say("");
  const call = (event.submitter as HTMLButtonElement | null)?.value === "call";
  try {
    if (!call) return say(room.send(name, data) ? `${name} is on its way.` : "It could not be sent: too much waits already.");
  } catch (error) {
    return say((error as Error).message);
  }
  void room.call(name, data).then((answer) => {
    note(`${name} →`, answer.error ? answer.error.message : answer.data, "reply");
    say(answer.error ? `Refused: ${answer.error.message}` : "Answered: see the log.");
  });
});

// That the module has no such message is known a moment later.
addEventListener("error", (event) => {
  const [unknown] = /unknown message .*/.exec(event.message) ?? [];
  if (!unknown) return;
  event.preventDefault();
  say(`Refused: ${unknown}`);
});

function say(text: string): void {
  byId("sender-note").textContent = text;
}

// What is looked at now and then, for as long as it can be seen.

function look(): void {
  const room = client.room;
  if (!room) return;
  const rows = Object.entries(room.players).map(([id, player]) => {
    const marks = [player.kind === "player" ? "" : player.kind, player.role, isBot(player) ? "bot" : ""].filter(Boolean);
    return [id, marks] as const;
  });
  // A list that is rebuilt for nothing would be read out again.
  const text = JSON.stringify([rows, Object.values(room.players).map((p) => [p.name, p.connected])]);
  if (text !== shown) byId("players").replaceChildren(...rows.map(([id, marks]) => playerRow(room, id, ...marks)));
  shown = text;
  if (byId("panel").hidden) return;
  const crowd: Record<string, number> = {};
  const mine: Record<string, unknown> = {};
  for (const { name, fields } of room.schema.classes) {
    const all = room.entities(name);
    crowd[name] = all.size;
    for (const entity of all.values()) {
      if (entity.owner === room.me) mine[`${name} ${entity.id}`] = Object.fromEntries(fields.map((f) => [f.name, entity[f.name]]));
    }
  }
  tree.show({ state: room.state, secret: room.secret, players: room.players, entities: crowd, mine });
}
let shown = "";

const panel = byId("panel");
const toggle = byId("panel-toggle");
function open(there: boolean): void {
  panel.hidden = !there;
  toggle.setAttribute("aria-expanded", String(there));
  document.body.classList.toggle("with-panel", there);
  look();
}
toggle.addEventListener("click", () => (open(panel.hidden), toggle.blur()));
byId("panel-close").addEventListener("click", () => (open(false), toggle.focus()));
open(matchMedia("(min-width: 1000px)").matches);

client.on("status", (status) => frame.status(status));
client.on("resumed", ({ how }) => how === "joined" && note("joined anew", null, client.room?.tick ?? 0));
client.on("left", (error: AirboatError) => {
  world = undefined;
  steering.release();
  lobby.entered(undefined);
  frame.refused(error, () => void enter());
});

setInterval(look, LOOK_MS);
requestAnimationFrame(function draw() {
  const room = client.room;
  if (world?.outdated && room) adopt(room);
  steering.follow();
  world?.draw();
  requestAnimationFrame(draw);
});

if (module) void enter();
else frame.refused({ code: 59, reason: "unknown_module", message: "", retry: false }, () => (location.href = "/"));
