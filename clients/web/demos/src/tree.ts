// A value as a tree that can be folded, kept up to date in place: what has not changed keeps its element, and the focus.

import { EntityRef, PlayerRef } from "../../src/index.js";
import { element } from "./common.js";

const MANY = 60;
const FLASH_MS = 700;

type Branches = Map<string, Node>;

const isBranch = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !(value instanceof EntityRef || value instanceof PlayerRef || value instanceof Uint8Array);

function text(value: unknown): string {
  if (value instanceof EntityRef) return `entity ${value.id}`;
  if (value instanceof PlayerRef) return `player ${value.id}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "number" && !Number.isInteger(value)) return value.toFixed(3);
  if (typeof value === "string") return JSON.stringify(value.length > 120 ? `${value.slice(0, 117)}…` : value);
  return String(value);
}

class Node {
  readonly root: HTMLElement;
  readonly #value: HTMLElement;
  readonly #list: HTMLElement | undefined;
  readonly #branches: Branches = new Map();
  #shown: string | undefined;

  constructor(readonly key: string, readonly branch: boolean, open: boolean) {
    const label = element("span", "key", key);
    this.#value = element("span", "value");
    if (!branch) {
      this.root = element("li", "leaf", label, this.#value);
      return;
    }
    this.#list = element("ul");
    const details = element("details", "", element("summary", "", label, this.#value), this.#list);
    details.open = open;
    this.root = element("li", "", details);
  }

  show(value: unknown): void {
    if (this.#list) return this.#showBranches(value as Record<string, unknown>);
    const next = text(value);
    if (next === this.#shown) return;
    if (this.#shown !== undefined) {
      this.#value.classList.add("fresh");
      setTimeout(() => this.#value.classList.remove("fresh"), FLASH_MS);
    }
    this.#value.textContent = this.#shown = next;
    this.#value.dataset["type"] = typeof value;
  }

  #showBranches(value: Record<string, unknown>): void {
    const isList = Array.isArray(value);
    const entries = Object.entries(value);
    const size = isList ? `[${entries.length}]` : entries.length === 0 ? "{}" : "";
    if (this.#value.textContent !== size) this.#value.textContent = size;
    grow(this.#list!, this.#branches, entries.map(([k, v]) => [isList ? String(Number(k) + 1) : k, v]), false);
  }
}

function grow(list: HTMLElement, branches: Branches, entries: [string, unknown][], open: boolean): void {
  const rows = entries.slice(0, MANY);
  const names = new Set(rows.map(([key]) => key));
  for (const [key, node] of branches) {
    if (names.has(key)) continue;
    node.root.remove();
    branches.delete(key);
  }
  rows.forEach(([key, value], index) => {
    let node = branches.get(key);
    if (!node || node.branch !== isBranch(value)) {
      node?.root.remove();
      node = new Node(key, isBranch(value), open);
      branches.set(key, node);
    }
    if (list.children[index] !== node.root) list.insertBefore(node.root, list.children[index] ?? null);
    node.show(value);
  });
}

export class Tree {
  readonly #list: HTMLElement;
  readonly #branches: Branches = new Map();

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  show(value: Record<string, unknown>): void {
    grow(this.#list, this.#branches, Object.entries(value), true);
  }
}
