// What both pages need: the player's name, addresses to share, QR codes.

import { encode } from "uqr";
import type { TransportName } from "../../src/transports/link.js";

export const MODULE = "warbattles";

const NAME_KEY = "airboat:name";
const ANIMALS = ["Otter", "Heron", "Beaver", "Newt", "Kingfisher", "Dragonfly", "Frog", "Swan", "Pike", "Coot", "Teal", "Mallard"];

/** Storage may be blocked; then the name is forgotten with the page. */
export function savedName(): string {
  try {
    const kept = localStorage.getItem(NAME_KEY);
    if (kept) return kept;
  } catch {
    // As good as none.
  }
  const name = ANIMALS[Math.floor(Math.random() * ANIMALS.length)]!;
  saveName(name);
  return name;
}

export function saveName(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // It is only a comfort.
  }
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id} in the page`);
  return found as T;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A room's page; of the query only what was asked for is handed on. War Battles needs no name. */
export function playUrl(base: string, room?: string, module = MODULE, handedOn = ["view", "transport"]): string {
  const asked = new URLSearchParams(location.search);
  const url = new URL(module === MODULE && !asked.has("view") ? "play" : "play/", base);
  if (url.pathname.endsWith("/")) url.searchParams.set("module", module);
  if (room) url.searchParams.set("room", room);
  for (const name of handedOn) {
    const value = asked.get(name);
    if (value) url.searchParams.set(name, value);
  }
  return url.href;
}

const TRANSPORTS = ["webtransport", "websocket", "http"];

/** The transport the address asks for. */
export function askedTransport(): TransportName | "auto" {
  const asked = new URLSearchParams(location.search).get("transport") ?? "";
  return (TRANSPORTS.includes(asked) ? asked : "auto") as TransportName | "auto";
}

const near = /^(localhost|127\.|\[::1\])/;

/** This server as others reach it: the page's own address, unless that means "this machine" to everybody. */
export async function sharedBase(): Promise<string> {
  if (!near.test(location.hostname)) return `${location.origin}/`;
  try {
    const answer = (await (await fetch("/api/v1/connect", { cache: "no-store" })).json()) as { lan_urls?: string[] };
    return answer.lan_urls?.[0] ?? `${location.origin}/`;
  } catch {
    return `${location.origin}/`;
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** Dark on light whatever the theme: not every camera reads the opposite. */
export function qrCode(text: string, label: string): SVGSVGElement {
  const { data, size } = encode(text, { border: 2, ecc: "M" });
  let path = "";
  data.forEach((row, y) => row.forEach((dark, x) => dark && (path += `M${x} ${y}h1v1h-1z`)));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("class", "qr");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
