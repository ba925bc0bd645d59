// Draws any module's entities: each class a shape of its own, in the colour of its owner or of what it says of itself.

import type { Entity, EntityClass, Room, Schema } from "../../src/index.js";
import { coat, onTheme } from "./palette.js";

type Kind = "ball" | "box" | "dart" | "gem" | "hex" | "star";
const KINDS: Kind[] = ["ball", "box", "gem", "hex", "star", "dart"];

/** For things that nobody owns, by class. */
const CLASS_COLOURS: [string, string][] = [
  ["#0f9f8f", "#5eead4"], ["#c2780a", "#fcd34d"], ["#7048e8", "#c4b5fd"], ["#b83280", "#f9a8d4"], ["#3b7d2f", "#a3e635"], ["#2563c9", "#93c5fd"],
];
/** Words that modules use for colours. */
const WORDS: Record<string, string> = {
  red: "#e03131", orange: "#f08c00", amber: "#f59f00", yellow: "#f2c200", green: "#37b24d", mint: "#20c997", teal: "#12b5a6",
  cyan: "#15aabf", sky: "#339af0", blue: "#3b5bdb", violet: "#7048e8", purple: "#9c36b5", pink: "#e64980", rose: "#f0527e",
  white: "#f8f9fa", black: "#343a40", grey: "#868e96", gray: "#868e96", brown: "#99673a", gold: "#e0a800",
};

interface Paint {
  of: EntityClass;
  kind: Kind;
  radius: number;
  colours: [string, string];
  heading: string | undefined;
  /** A choice that says a colour. */
  tint: string | undefined;
  /** A number shown as a bar. */
  bar: { name: string; low: number; high: number } | undefined;
}

export interface Bounds {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** What of a schema can be drawn, or undefined when nothing of it has a place. */
function bounds(schema: Schema): Bounds | undefined {
  const placed = schema.classes.filter((of) => of.x > 0 && of.y > 0);
  // What flies by may leave the field on all sides; the others tell how large it is.
  const still = placed.filter((of) => !of.linear);
  const all = (still.length > 0 ? still : placed).map((of) => [of.fields[of.x - 1]!, of.fields[of.y - 1]!] as const);
  if (all.length === 0) return undefined;
  return {
    x0: Math.min(...all.map(([x]) => x.low * x.step)), x1: Math.max(...all.map(([x]) => x.high * x.step)),
    y0: Math.min(...all.map(([, y]) => y.low * y.step)), y1: Math.max(...all.map(([, y]) => y.high * y.step)),
  };
}

function paint(of: EntityClass, index: number, size: number): Paint {
  const angles = of.fields.filter((f) => f.kind === "angle");
  const heading = (angles.find((f) => f.name === "heading") ?? angles[0])?.name;
  const tint = of.fields.find((f) => f.kind === "choice" && f.names.some((name) => name in WORDS))?.name;
  const bar = of.fields.find((f) => f.kind === "number" && /^(hp|health|energy|life|fuel)$/.test(f.name));
  return {
    of, heading, tint, colours: CLASS_COLOURS[index % CLASS_COLOURS.length]!,
    kind: heading ? "dart" : of.linear ? "ball" : KINDS[index % KINDS.length]!,
    // What flies straight and has no front is a shot.
    radius: size * (of.linear && !heading ? 0.008 : 0.021),
    bar: bar && { name: bar.name, low: bar.low * bar.step, high: bar.high * bar.step },
  };
}

export class World {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #room: Room;
  readonly #schema: Schema;
  readonly #bounds: Bounds | undefined;
  readonly #paints: Paint[];
  #ink = "";
  #ground = "";
  #low = "";
  #edge = "";
  #scale = 1;
  #left = 0;
  #bottom = 0;

  constructor(canvas: HTMLCanvasElement, room: Room) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d")!;
    this.#room = room;
    this.#schema = room.schema;
    this.#bounds = bounds(room.schema);
    const b = this.#bounds;
    const size = b ? Math.min(b.x1 - b.x0, b.y1 - b.y0) : 1;
    this.#paints = room.schema.classes.filter((of) => of.x > 0 && of.y > 0).map((of) => paint(of, of.index, size));
    this.#theme();
    onTheme(() => this.#theme());
  }

  /** Another version of the module may have another schema. */
  get outdated(): boolean {
    return this.#room.schema !== this.#schema;
  }

  get empty(): boolean {
    return this.#bounds === undefined;
  }

  #theme(): void {
    const style = getComputedStyle(document.documentElement);
    this.#ink = style.getPropertyValue("--text");
    this.#ground = style.getPropertyValue("--surface");
    this.#low = style.getPropertyValue("--water-soft");
    this.#edge = style.getPropertyValue("--line");
  }

  /** Where a point of the page is in the world. */
  at(clientX: number, clientY: number): { x: number; y: number } {
    const box = this.#canvas.getBoundingClientRect();
    return { x: (clientX - box.left - this.#left) / this.#scale, y: (box.height - (clientY - box.top) - this.#bottom) / this.#scale };
  }

  /** Fits the world into the canvas; its y goes up. */
  #fit(b: Bounds): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== w || this.#canvas.height !== h) [this.#canvas.width, this.#canvas.height] = [w, h];
    const [sx, sy] = [b.x1 - b.x0, b.y1 - b.y0];
    // The chips above and the line below want some room of their own.
    const [top, foot, side] = [68, 58, 14];
    this.#scale = Math.max(1e-9, Math.min((width - 2 * side) / sx, (height - top - foot) / sy));
    const centre = foot + (height - top - foot) / 2;
    this.#left = width / 2 - ((b.x0 + b.x1) / 2) * this.#scale;
    this.#bottom = centre - ((b.y0 + b.y1) / 2) * this.#scale;
    this.#context.setTransform(ratio * this.#scale, 0, 0, -ratio * this.#scale, ratio * this.#left, ratio * (height - this.#bottom));
  }

  draw(): void {
    const [b, g] = [this.#bounds, this.#context];
    if (!b || this.outdated) return;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#fit(b);
    this.#field(b);
    const own: [Paint, Entity][] = [];
    for (const paint of this.#paints) {
      for (const entity of this.#room.entities(paint.of.name).values()) {
        if (entity.owner === this.#room.me) own.push([paint, entity]);
        else this.#entity(paint, entity, false);
      }
    }
    // One should always see oneself.
    for (const [paint, entity] of own) this.#entity(paint, entity, true);
  }

  #field({ x0, y0, x1, y1 }: Bounds): void {
    const g = this.#context;
    const pixel = 1 / this.#scale;
    const [w, h] = [x1 - x0, y1 - y0];
    g.beginPath();
    g.roundRect(x0, y0, w, h, 14 * pixel);
    const light = g.createLinearGradient(0, y1, 0, y0);
    light.addColorStop(0, this.#ground);
    light.addColorStop(1, this.#low);
    g.fillStyle = light;
    g.fill();
    g.save();
    g.clip();
    // A grid of round numbers, fine enough to see that something moves.
    const raw = Math.max(w, h) / 12;
    const power = 10 ** Math.floor(Math.log10(raw));
    const cell = power * (raw / power >= 5 ? 5 : raw / power >= 2 ? 2 : 1);
    g.beginPath();
    for (let x = Math.ceil(x0 / cell) * cell; x < x1; x += cell) g.rect(x - pixel / 2, y0, pixel, h);
    for (let y = Math.ceil(y0 / cell) * cell; y < y1; y += cell) g.rect(x0, y - pixel / 2, w, pixel);
    g.fillStyle = this.#edge;
    g.globalAlpha = 0.55;
    g.fill();
    g.restore();
    g.strokeStyle = this.#edge;
    g.lineWidth = 2 * pixel;
    g.beginPath();
    g.roundRect(x0, y0, w, h, 14 * pixel);
    g.stroke();
  }

  #colours(paint: Paint, entity: Entity): [string, string] {
    const word = paint.tint && WORDS[String(entity[paint.tint])];
    if (word) return [word, "#ffffff"];
    if (entity.owner === null) return paint.colours;
    const [coatColour, , light] = coat(Number(entity.owner) - 1);
    return [coatColour, light];
  }

  #entity(paint: Paint, entity: Entity, mine: boolean): void {
    const g = this.#context;
    const pixel = 1 / this.#scale;
    const { view } = entity;
    const radius = Math.max(paint.radius, (paint.kind === "ball" && paint.of.linear ? 3.5 : 8) * pixel);
    const [colour, light] = this.#colours(paint, entity);
    g.save();
    g.translate(view["x"] as number, view["y"] as number);
    if (mine) this.#halo(radius, pixel, colour);
    if (paint.heading) g.rotate(view[paint.heading] as number);
    g.shadowColor = "rgb(10 30 25 / 30%)";
    g.shadowBlur = 5;
    g.shadowOffsetY = 2;
    g.beginPath();
    outline(g, paint.kind, radius);
    g.fillStyle = colour;
    g.fill();
    g.shadowColor = "transparent";
    g.lineWidth = Math.max(1.5 * pixel, radius * 0.12);
    g.strokeStyle = mine ? this.#ink : "rgb(10 25 20 / 55%)";
    g.stroke();
    // A little light, so that a shape is a thing.
    g.beginPath();
    g.arc(paint.heading ? radius * 0.2 : -radius * 0.22, radius * 0.22, radius * 0.26, 0, 7);
    g.globalAlpha = 0.75;
    g.fillStyle = light;
    g.fill();
    g.restore();
    if (paint.bar) this.#bar(paint.bar, view, radius, pixel);
    if (entity.owner !== null && !paint.of.linear) this.#name(entity, view, radius, mine);
  }

  #halo(radius: number, pixel: number, colour: string): void {
    const g = this.#context;
    g.beginPath();
    g.arc(0, 0, radius * 1.75, 0, 7);
    g.globalAlpha = 0.22;
    g.fillStyle = colour;
    g.fill();
    g.globalAlpha = 1;
    g.setLineDash([radius * 0.5, radius * 0.38]);
    g.lineWidth = 2 * pixel;
    g.strokeStyle = this.#ink;
    g.stroke();
    g.setLineDash([]);
  }

  #bar(bar: { name: string; low: number; high: number }, view: Record<string, number>, radius: number, pixel: number): void {
    const g = this.#context;
    const share = Math.min(1, Math.max(0, (view[bar.name]! - bar.low) / (bar.high - bar.low)));
    const [w, h] = [radius * 2, Math.max(4 * pixel, radius * 0.2)];
    const [x, y] = [view["x"]! - w / 2, view["y"]! - radius * 1.5 - h];
    g.fillStyle = "rgb(10 25 20 / 45%)";
    g.fillRect(x, y, w, h);
    g.fillStyle = share > 0.5 ? "#37b24d" : share > 0.25 ? "#f59f00" : "#e03131";
    g.fillRect(x, y, w * share, h);
  }

  #name(entity: Entity, view: Record<string, number>, radius: number, mine: boolean): void {
    const name = this.#room.player(entity.owner)?.name;
    if (!name) return;
    const g = this.#context;
    g.save();
    g.translate(view["x"]!, view["y"]! + radius * (mine ? 1.9 : 1.35));
    // Text stands upright and keeps its size, whatever the world's.
    g.scale(1 / this.#scale, -1 / this.#scale);
    g.font = `${mine ? 800 : 600} 13px ui-rounded, "SF Pro Rounded", "Segoe UI", system-ui, sans-serif`;
    g.textAlign = "center";
    g.lineWidth = 4;
    g.lineJoin = "round";
    g.strokeStyle = this.#ground;
    g.strokeText(name, 0, -3);
    g.fillStyle = this.#ink;
    g.fillText(name, 0, -3);
    g.restore();
  }
}

function outline(g: CanvasRenderingContext2D, kind: Kind, r: number): void {
  const ring = (corners: number, start: number, inner = 1) => {
    const steps = inner === 1 ? corners : corners * 2;
    for (let i = 0; i < steps; i++) {
      const angle = start + (i * 2 * Math.PI) / steps;
      const far = i % 2 === 1 ? r * inner : r;
      g.lineTo(Math.cos(angle) * far, Math.sin(angle) * far);
    }
    g.closePath();
  };
  switch (kind) {
    case "ball": return g.arc(0, 0, r, 0, 7);
    case "box": return g.roundRect(-r * 0.86, -r * 0.86, r * 1.72, r * 1.72, r * 0.35);
    case "gem": return ring(4, 0);
    case "hex": return ring(6, 0);
    case "star": return ring(5, Math.PI / 2, 0.52);
    case "dart":
      g.moveTo(r * 1.3, 0);
      g.quadraticCurveTo(r * 0.2, r * 0.75, -r * 0.9, r * 0.85);
      g.quadraticCurveTo(-r * 0.5, 0, -r * 0.9, -r * 0.85);
      g.quadraticCurveTo(r * 0.2, -r * 0.75, r * 1.3, 0);
  }
}
