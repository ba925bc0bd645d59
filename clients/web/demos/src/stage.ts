// The canvas: its size, its camera, and the order in which a scene is drawn.

import { Effects } from "./effects.js";
import { paintGround, tree, treeSize, type Ground } from "./ground.js";
import { coat, onTheme, palette } from "./palette.js";
import type { Field, Flying, Scene, Soldier, Tank } from "./scene.js";
import { Sheet } from "./sheet.js";
import * as sprites from "./sprites.js";

/** Smaller than this nobody recognises a soldier: then the camera follows instead of showing everything. */
const SMALLEST = 0.78;
const FINEST = 2;
/** Soldiers are drawn larger than life, as one has to tell eight directions apart. */
const LARGER = 1.3;
/** A rocket's trail begins this far from whoever fired it. */
const CLEAR = 26;
/** How far the camera goes beyond the fence. */
const BEYOND = 44;
const SIGHT = 190;
const TAU = Math.PI * 2;

const turned = (from: number, to: number, most: number): number => {
  const by = ((((to - from) % TAU) + 3 * Math.PI) % TAU) - Math.PI;
  return from + Math.max(-most, Math.min(most, by));
};

/** What a thing did before, as its drawing depends on it. */
interface Trace {
  x: number;
  y: number;
  way: number;
  heading: number;
  aim: number;
  recoil: number;
  /** How far it had come when it last left a puff behind. */
  puffed: number;
  seen: number;
}

export interface StageOptions {
  /** Fill the canvas with the field and let its edges go, instead of showing all of it. */
  cover?: boolean;
  names?: boolean;
}

export class Stage {
  readonly effects = new Effects();
  readonly #canvas: HTMLCanvasElement;
  readonly #c: CanvasRenderingContext2D;
  readonly #field: Field;
  readonly #options: StageOptions;
  readonly #traces = new Map<number, Trace>();
  readonly #trees: HTMLCanvasElement[] = [];
  readonly #sheet = new Sheet();
  /** Of names, by text and font. */
  readonly #widths = new Map<string, number>();
  #ground: Ground | undefined;
  #width = 0;
  #height = 0;
  #dpr = 1;
  #scale = 1;
  #cameraX: number;
  #cameraY: number;
  #font: string;
  #time = 0;
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, field: Field, options: StageOptions = {}) {
    this.#canvas = canvas;
    this.#c = canvas.getContext("2d", { alpha: false })!;
    this.#field = field;
    this.#options = options;
    [this.#cameraX, this.#cameraY] = [field.width / 2, field.height / 2];
    this.#font = getComputedStyle(canvas).fontFamily;
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.effects.calm = calm.matches;
    calm.addEventListener("change", () => (this.effects.calm = calm.matches));
    onTheme(() => (this.#ground = undefined));
    new ResizeObserver(() => this.#measure()).observe(canvas);
    this.#measure();
  }

  #measure(): void {
    const { clientWidth: w, clientHeight: h } = this.#canvas;
    const dpr = Math.min(devicePixelRatio || 1, FINEST);
    if (w === this.#width && h === this.#height && dpr === this.#dpr) return;
    [this.#width, this.#height, this.#dpr] = [w, h, dpr];
    this.#canvas.width = Math.max(1, Math.round(w * dpr));
    this.#canvas.height = Math.max(1, Math.round(h * dpr));
    const { width, height } = this.#field;
    const fits = [w / (width + 28), h / (height + 28)] as const;
    this.#scale = this.#options.cover ? Math.max(w / width, h / height) : Math.max(Math.min(...fits), SMALLEST);
    this.#ground = undefined;
  }

  #prepare(): Ground {
    const fine = this.#scale * this.#dpr;
    this.#sheet.reset(fine);
    const beyond = (view: number, size: number) => Math.max(60, (view / this.#scale - size) / 2 + 8);
    const [mx, my] = [beyond(this.#width, this.#field.width), beyond(this.#height, this.#field.height)];
    this.#ground = paintGround(this.#field, palette(), fine, mx, my);
    this.#trees.length = 0;
    for (let i = 0; i + 1 < this.#field.trees.length; i += 2) {
      const size = treeSize(i);
      const sprite = document.createElement("canvas");
      sprite.width = sprite.height = Math.ceil(size * 2.4 * fine);
      const c = sprite.getContext("2d")!;
      c.scale(fine, fine);
      tree(c, palette(), size * 1.2, size * 1.2, size, i);
      this.#trees.push(sprite);
    }
    return this.#ground;
  }

  /** `eye`: what to keep in view when not everything fits. */
  draw(scene: Scene, dt: number, eye?: { x: number; y: number }): void {
    const ground = this.#ground ?? this.#prepare();
    const c = this.#c;
    this.#time += dt;
    this.#frame++;
    this.effects.step(dt);
    this.#look(dt, eye);
    const s = this.#scale * this.#dpr;
    const shake = this.effects.shake ** 2 * 4;
    const [dx, dy] = [Math.sin(this.#time * 71) * shake, Math.cos(this.#time * 83) * shake];
    c.setTransform(s, 0, 0, s, this.#canvas.width / 2 - (this.#cameraX + dx) * s, this.#canvas.height / 2 - (this.#cameraY + dy) * s);
    c.drawImage(ground.canvas, ground.x, ground.y, ground.width, ground.height);
    this.effects.drawBelow(c, this.#sheet);
    for (const tank of scene.tanks) this.#tank(tank, scene.soldiers, dt);
    for (const soldier of scene.soldiers) this.#soldier(soldier, dt);
    for (const shell of scene.shells) this.#shell(shell);
    for (const rocket of scene.rockets) this.#rocket(rocket);
    this.#drawTrees(scene);
    this.effects.drawAbove(c, palette());
    if (this.#options.names !== false) for (const soldier of scene.soldiers) this.#name(soldier);
    this.effects.drawTexts(c, this.#font, this.#scale);
    for (const [id, trace] of this.#traces) if (trace.seen !== this.#frame) this.#traces.delete(id);
  }

  #look(dt: number, eye?: { x: number; y: number }): void {
    const along = (size: number, view: number, at: number) => {
      const half = view / this.#scale / 2;
      return size + 24 <= half * 2 ? size / 2 : Math.max(half - BEYOND, Math.min(size - half + BEYOND, at));
    };
    const to = eye ?? { x: this.#cameraX, y: this.#cameraY };
    const [x, y] = [along(this.#field.width, this.#width, to.x), along(this.#field.height, this.#height, to.y)];
    // Far away means somewhere else: no flight across the field.
    const share = Math.hypot(x - this.#cameraX, y - this.#cameraY) > 400 ? 1 : 1 - Math.exp(-dt * 7);
    this.#cameraX += (x - this.#cameraX) * share;
    this.#cameraY += (y - this.#cameraY) * share;
  }

  #trace(thing: { id: number; x: number; y: number }, heading: number): Trace {
    let trace = this.#traces.get(thing.id);
    if (!trace) {
      trace = { x: thing.x, y: thing.y, way: 0, heading, aim: heading, recoil: 0, puffed: 0, seen: 0 };
      this.#traces.set(thing.id, trace);
    }
    trace.way += Math.hypot(thing.x - trace.x, thing.y - trace.y);
    [trace.x, trace.y, trace.seen] = [thing.x, thing.y, this.#frame];
    return trace;
  }

  #tank(tank: Tank, soldiers: Soldier[], dt: number): void {
    const c = this.#c;
    const trace = this.#trace(tank, tank.heading);
    let [nearest, aim] = [SIGHT, tank.heading];
    for (const { x, y } of soldiers) {
      const far = Math.hypot(x - tank.x, y - tank.y);
      if (far < nearest) [nearest, aim] = [far, Math.atan2(y - tank.y, x - tank.x)];
    }
    trace.aim = turned(trace.aim, aim, dt * 2.8);
    trace.recoil *= Math.exp(-dt * 9);
    if (!this.effects.calm && trace.way > trace.puffed + 9) {
      trace.puffed = trace.way;
      this.effects.dust(tank.x - Math.cos(tank.heading) * 16, tank.y - Math.sin(tank.heading) * 16);
    }
    sprites.shadow(c, palette(), tank.x + 3, tank.y + 5, 19, 15, tank.heading);
    c.save();
    c.translate(tank.x, tank.y);
    sprites.tank(c, this.#sheet, tank.id, tank.heading, trace.aim, trace.way, trace.recoil);
    c.restore();
  }

  /** A gun has gone off here: whichever tank stands nearest jerks. */
  shot(x: number, y: number, heading: number): void {
    const nearest = [...this.#traces.values()].sort((a, b) => Math.hypot(a.x - x, a.y - y) - Math.hypot(b.x - x, b.y - y))[0];
    if (nearest && Math.hypot(nearest.x - x, nearest.y - y) < 30) [nearest.recoil, nearest.aim] = [5, heading];
    this.effects.muzzle(x + Math.cos(heading) * 6, y + Math.sin(heading) * 6, heading + Math.PI);
  }

  #soldier(soldier: Soldier, dt: number): void {
    const c = this.#c;
    const trace = this.#trace(soldier, soldier.heading);
    trace.heading = turned(trace.heading, soldier.heading, dt * 18);
    sprites.shadow(c, palette(), soldier.x + 3, soldier.y + 6, 13, 9.5);
    if (soldier.me) this.#ring(soldier);
    c.save();
    if (soldier.away) c.globalAlpha = 0.5;
    c.translate(soldier.x, soldier.y);
    c.scale(LARGER, LARGER);
    sprites.soldier(c, this.#sheet, soldier.colour, trace.heading, soldier.moving ? trace.way * 0.17 : undefined);
    c.restore();
  }

  #ring({ x, y, colour }: Soldier): void {
    const c = this.#c;
    const beat = this.effects.calm ? 0 : Math.sin(this.#time * 4);
    c.strokeStyle = "rgb(255 255 255 / 90%)";
    c.lineWidth = 3.4;
    c.beginPath();
    c.ellipse(x, y + 1, 20 + beat, 19 + beat, 0, 0, TAU);
    c.stroke();
    c.strokeStyle = coat(colour)[0];
    c.lineWidth = 1.6;
    c.stroke();
  }

  #rocket(rocket: Flying): void {
    const heading = Math.atan2(rocket.vy, rocket.vx);
    const trace = this.#trace(rocket, heading);
    for (; trace.puffed < trace.way; trace.puffed += this.effects.calm ? 16 : 5) {
      const back = trace.way - trace.puffed + 9;
      if (trace.puffed < CLEAR) continue;
      this.effects.trail(rocket.x - Math.cos(heading) * back, rocket.y - Math.sin(heading) * back, rocket.vx, rocket.vy);
    }
    sprites.shadow(this.#c, palette(), rocket.x + 4, rocket.y + 12, 7, 2.6, heading);
    this.#c.save();
    this.#c.translate(rocket.x, rocket.y);
    sprites.rocket(this.#c, this.#sheet, heading, this.effects.calm ? 0.5 : Math.random());
    this.#c.restore();
  }

  #shell(shell: Flying): void {
    sprites.shadow(this.#c, palette(), shell.x + 3, shell.y + 10, 4, 2.4);
    this.#c.save();
    this.#c.translate(shell.x, shell.y);
    sprites.shell(this.#c, this.#sheet);
    this.#c.restore();
  }

  /** Those above somebody let the light through. */
  #drawTrees(scene: Scene): void {
    const c = this.#c;
    const { trees } = this.#field;
    this.#trees.forEach((sprite, i) => {
      const [x, y, size] = [trees[i * 2]!, trees[i * 2 + 1]!, treeSize(i * 2)];
      const under = (t: { x: number; y: number }) => Math.abs(t.x - x) < size + 8 && Math.abs(t.y - y) < size + 8;
      c.globalAlpha = scene.soldiers.some(under) || scene.tanks.some(under) ? 0.55 : 1;
      const sway = this.effects.calm ? 0 : Math.sin(this.#time * 1.3 + x) * 0.6;
      c.drawImage(sprite, x - size * 1.2 + sway, y - size * 1.2, size * 2.4, size * 2.4);
    });
    c.globalAlpha = 1;
  }

  #name({ x, y, name, me, away }: Soldier): void {
    const c = this.#c;
    const size = 11.5 / Math.min(this.#scale, 1.25);
    const text = away ? `${name} …` : name;
    const font = `${me ? 800 : 600} ${size}px ${this.#font}`;
    let width = this.#widths.get(text + font);
    if (width === undefined) {
      c.font = font;
      this.#widths.set(text + font, (width = c.measureText(text).width + size));
    }
    const [w, h] = [width / 2, size * 0.72];
    c.save();
    c.translate(x, y - 24 - size);
    this.#sheet.draw(c, `name ${font} ${text}`, w, h, (g) => {
      g.font = font;
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.fillStyle = palette().label;
      g.beginPath();
      g.roundRect(-w, -h, width!, h * 2, h);
      g.fill();
      g.fillStyle = palette().labelText;
      g.fillText(text, 0, size * 0.06);
    });
    c.restore();
  }
}
