// Controls for any module, from what its schema says of its inputs: two numbers steer, presses get keys and buttons, an
// angle follows the pointer, and what is left gets a switch, a list or a slider.

import type { Field, Room } from "../../src/index.js";
import { byId, element } from "./common.js";
import { keyboard, thumbstick, trigger } from "./controls.js";
import type { World } from "./world.js";

const PRESS_KEYS: [code: string, name: string][] = [["Space", "space"], ["KeyJ", "J"], ["KeyK", "K"], ["KeyL", "L"]];

interface Plan {
  move: [Field, Field] | undefined;
  presses: Field[];
  angles: Field[];
  others: Field[];
}

function plan(inputs: readonly Field[]): Plan {
  const numbers = inputs.filter((f) => f.kind === "number");
  const named = (name: string) => numbers.find((f) => f.name === name);
  const pairs = [["mx", "my"], ["dx", "dy"], ["x", "y"]].map(([a, b]) => [named(a!), named(b!)]);
  const [a, b] = pairs.find(([x, y]) => x && y) ?? numbers;
  const move: [Field, Field] | undefined = a && b ? [a, b] : undefined;
  return {
    move,
    presses: inputs.filter((f) => f.kind === "press"),
    angles: inputs.filter((f) => f.kind === "angle"),
    others: inputs.filter((f) => f.kind === "flag" || f.kind === "choice" || (f.kind === "number" && !move?.includes(f))),
  };
}

/** From -1 … 1 to what the field takes; where there is no less than 0, 0. */
const reach = (field: Field, share: number): number => share * Math.abs((share > 0 ? field.high : field.low) * field.step);

export class Steering {
  readonly #presses: Record<string, () => void> = {};
  readonly #holds: Record<string, (down: boolean) => void> = {};
  #room: Room | undefined;
  #world: World | undefined;
  #plan: Plan = plan([]);
  #pointer: { x: number; y: number } | undefined;

  constructor(canvas: HTMLCanvasElement) {
    const move = (mx: number, my: number) => this.#move(mx, my);
    keyboard({ move, presses: this.#presses, holds: this.#holds });
    thumbstick(byId("pad"), byId("stick"), (mx, my) => {
      move(mx, my);
      // On glass the thumb that steers aims too.
      if (mx !== 0 || my !== 0) this.#aim(Math.atan2(my, mx));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this.#pointer = { x: event.clientX, y: event.clientY };
    });
    canvas.addEventListener("pointerdown", (event) => {
      const [first] = this.#plan.presses;
      if (event.pointerType === "mouse" && event.button === 0 && first) this.#room?.press(first.name);
    });
  }

  /** For this room and its present schema. */
  adopt(room: Room, world: World): void {
    this.#room = room;
    this.#world = world;
    this.#plan = plan(room.schema.inputs);
    this.#build();
    // Tells the room that somebody is at the controls.
    const { move } = this.#plan;
    if (move) room.input({ [move[0].name]: 0, [move[1].name]: 0 });
    byId("stick").classList.toggle("unused", !move);
  }

  release(): void {
    this.#room = undefined;
  }

  #move(mx: number, my: number): void {
    const { move } = this.#plan;
    // Between a reload and the next frame the plan is the old version's.
    if (!move || !this.#room || this.#world?.outdated) return;
    this.#room.input({ [move[0].name]: reach(move[0], mx), [move[1].name]: reach(move[1], my) });
  }

  #aim(angle: number): void {
    if (!this.#room || this.#world?.outdated) return;
    for (const { name } of this.#plan.angles) this.#room.input({ [name]: angle });
  }

  /** Once a frame: the pointer may rest while one walks past it. */
  follow(): void {
    const [room, world] = [this.#room, this.#world];
    if (!room || !world || !this.#pointer || this.#plan.angles.length === 0) return;
    const target = world.at(this.#pointer.x, this.#pointer.y);
    for (const of of room.schema.classes) {
      if (of.x === 0 || of.linear) continue;
      for (const { owner, view } of room.entities(of.name).values()) {
        if (owner === room.me) return this.#aim(Math.atan2(target.y - view["y"], target.x - view["x"]));
      }
    }
  }

  // The bar with everything that is neither a stick nor a key.

  #build(): void {
    for (const keys of [this.#presses, this.#holds]) for (const code of Object.keys(keys)) delete keys[code];
    const { presses, others } = this.#plan;
    byId("presses").replaceChildren(...presses.map((field, index) => this.#button(field, PRESS_KEYS[index])));
    const flags = others.filter((f) => f.kind === "flag");
    const bar = byId("holds");
    bar.replaceChildren(...others.map((field) => this.#hold(field, field === flags[0])));
    bar.hidden = others.length === 0;
    const { move, angles } = this.#plan;
    const hints: (string | Node)[] = [];
    if (move) hints.push(...["↑", "←", "↓", "→"].map((key) => element("kbd", "", key)), ` ${move[0].name}, ${move[1].name} `);
    if (angles.length > 0) hints.push(element("kbd", "", "pointer"), ` ${angles.map((f) => f.name).join(", ")}`);
    byId("keys").replaceChildren(...hints);
  }

  #button(field: Field, key: [string, string] | undefined): HTMLElement {
    const press = () => this.#room?.schema.inputs.includes(field) && this.#room.press(field.name);
    const button = element("button", "press", element("b", "", field.name));
    button.type = "button";
    if (key) {
      this.#presses[key[0]] = press;
      button.append(element("kbd", "", key[1]));
      button.setAttribute("aria-keyshortcuts", key[1]);
    }
    trigger(button, press);
    // A press of the space bar on a button that has the focus would press twice.
    button.addEventListener("pointerup", () => button.blur());
    return button;
  }

  #hold(field: Field, shift: boolean): HTMLElement {
    const set = (value: number | boolean | string) => {
      if (this.#room?.schema.inputs.includes(field)) this.#room.input({ [field.name]: value });
    };
    if (field.kind === "choice") {
      const select = element("select", "", ...field.names.map((name) => new Option(name)));
      select.addEventListener("change", () => set(select.value));
      return element("label", "hold", field.name, select);
    }
    if (field.kind === "number") {
      const slider = element("input");
      Object.assign(slider, { type: "range", min: field.low, max: field.high, step: 1, value: 0 });
      slider.addEventListener("input", () => set(Number(slider.value) * field.step));
      return element("label", "hold", field.name, slider);
    }
    const box = element("input");
    box.type = "checkbox";
    const tell = () => set(box.checked);
    box.addEventListener("change", () => (tell(), box.blur()));
    const label = element("label", "hold flag", box, field.name);
    if (shift) {
      label.append(element("kbd", "", "shift"));
      for (const code of ["ShiftLeft", "ShiftRight"]) this.#holds[code] = (down) => ((box.checked = down), tell());
    }
    return label;
  }
}
