// The night of Lanterns: the ground of each place, darkness with holes of light in it, and everything that glows.

import { coat } from "./palette.js";
import { dice } from "./scene.js";

export const WIDTH = 960;
export const HEIGHT = 640;

export const GLOW: Record<string, string> = { rose: "#ff6b8b", amber: "#ffc145", mint: "#5ff0b8", sky: "#6cc5ff" };

/** y goes down here. */
export interface Lantern {
  id: number;
  x: number;
  y: number;
  heading: number;
  lit: boolean;
  mood: string;
  owner: string | null;
  name: string;
  me: boolean;
}
export interface Firefly {
  id: number;
  x: number;
  y: number;
  colour: string;
}
export interface Gust {
  x: number;
  y: number;
  vx: number;
  vy: number;
}
export interface Night {
  place: string;
  /** How dark it should be, 0 to 1. */
  dark: number;
  lanterns: Lantern[];
  fireflies: Firefly[];
  gusts: Gust[];
}

interface Ground {
  low: string;
  high: string;
  tuft: string;
  seed: number;
}
const GROUNDS: Record<string, Ground> = {
  pond: { low: "#1d4a3c", high: "#2f6a4d", tuft: "#4c8a5c", seed: 11 },
  hill: { low: "#3c4a2a", high: "#5c6f35", tuft: "#8a9a4c", seed: 23 },
  wood: { low: "#173526", high: "#21492f", tuft: "#356b40", seed: 37 },
};

interface Spark {
  x: number;
  y: number;
  vx: number;
  vy: number;
  age: number;
  life: number;
  colour: string;
  text?: string;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const LIGHT = 165;

export class Stage {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #shade = document.createElement("canvas");
  readonly #grounds = new Map<string, HTMLCanvasElement>();
  #sparks: Spark[] = [];
  #dark = 0.4;
  #time = 0;
  #scale = 1;
  #left = 0;
  #top = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d")!;
  }

  /** Where a point of the page is on the ground. */
  at(clientX: number, clientY: number): { x: number; y: number } {
    return { x: (clientX - this.#left) / this.#scale, y: (clientY - this.#top) / this.#scale };
  }

  burst(x: number, y: number, colour: string, text?: string): void {
    const count = calm.matches ? 0 : 12;
    for (let i = 0; i < count; i++) {
      const [angle, speed] = [(i / count) * 6.28 + Math.random(), 30 + Math.random() * 60];
      this.#sparks.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, age: 0, life: 0.7, colour });
    }
    if (text) this.#sparks.push({ x, y: y - 14, vx: 0, vy: -34, age: 0, life: 1.1, colour, text });
  }

  /** The whole place where it fits; else as much of it as one can still play on, around `eye`. */
  #look(eye: { x: number; y: number }): number {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    for (const canvas of [this.#canvas, this.#shade]) if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const [sx, sy] = [width / WIDTH, height / HEIGHT];
    this.#scale = Math.max(Math.min(sx, sy), Math.min(0.95, Math.max(sx, sy)));
    const place = (eye: number, view: number, size: number) =>
      size * this.#scale <= view ? (view - size * this.#scale) / 2 : Math.min(0, Math.max(view - size * this.#scale, view / 2 - eye * this.#scale));
    this.#left = place(eye.x, width, WIDTH);
    this.#top = place(eye.y, height, HEIGHT);
    return ratio;
  }

  draw(night: Night, dt: number, eye: { x: number; y: number }): void {
    this.#time += calm.matches ? 0 : dt;
    this.#dark = calm.matches ? night.dark : this.#dark + (night.dark - this.#dark) * Math.min(1, dt * 1.6);
    const ratio = this.#look(eye);
    const g = this.#context;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.fillStyle = "#070d14";
    g.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    const onto = (context: CanvasRenderingContext2D) =>
      context.setTransform(ratio * this.#scale, 0, 0, ratio * this.#scale, ratio * this.#left, ratio * this.#top);
    onto(g);
    g.drawImage(this.#ground(night.place), 0, 0, WIDTH, HEIGHT);
    for (const lantern of night.lanterns) this.#walker(lantern);
    this.#darkness(night, onto);
    g.globalCompositeOperation = "lighter";
    for (const lantern of night.lanterns) if (lantern.lit) this.#flame(lantern);
    for (const firefly of night.fireflies) this.#firefly(firefly);
    g.globalCompositeOperation = "source-over";
    for (const gust of night.gusts) this.#gust(gust);
    for (const lantern of night.lanterns) this.#label(lantern, night);
    this.#flySparks(dt);
  }

  // The ground, drawn once for each place.

  #ground(name: string): HTMLCanvasElement {
    let canvas = this.#grounds.get(name);
    if (canvas) return canvas;
    const look = GROUNDS[name] ?? GROUNDS["pond"]!;
    canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [WIDTH * 1.5, HEIGHT * 1.5];
    const g = canvas.getContext("2d")!;
    g.scale(1.5, 1.5);
    g.beginPath();
    g.roundRect(0, 0, WIDTH, HEIGHT, 26);
    g.clip();
    const sky = g.createLinearGradient(0, 0, WIDTH * 0.3, HEIGHT);
    sky.addColorStop(0, look.high);
    sky.addColorStop(1, look.low);
    g.fillStyle = sky;
    g.fillRect(0, 0, WIDTH, HEIGHT);
    const random = dice(look.seed);
    const spot = () => [random() * WIDTH, random() * HEIGHT] as const;
    for (let i = 0; i < 46; i++) {
      const [x, y] = spot();
      blot(g, x, y, 40 + random() * 90, random() < 0.5 ? look.high : look.low, 0.32);
    }
    if (name === "pond") for (const [x, y, r] of [[300, 250, 120], [690, 430, 140], [560, 130, 60]] as const) water(g, x, y, r, random);
    if (name === "hill") for (let y = 70; y < HEIGHT; y += 84) furrow(g, y, look.tuft, random);
    for (let i = 0; i < 520; i++) {
      const [x, y] = spot();
      tuft(g, x, y, look.tuft, random);
    }
    for (let i = 0; i < (name === "wood" ? 46 : 14); i++) {
      const [x, y] = spot();
      tree(g, x, y, 18 + random() * 22, look, random);
    }
    this.#grounds.set(name, canvas);
    return canvas;
  }

  #darkness(night: Night, onto: (context: CanvasRenderingContext2D) => void): void {
    const s = this.#shade.getContext("2d")!;
    s.setTransform(1, 0, 0, 1, 0, 0);
    s.globalCompositeOperation = "source-over";
    s.clearRect(0, 0, this.#shade.width, this.#shade.height);
    onto(s);
    s.fillStyle = `rgb(6 10 30 / ${this.#dark * 100}%)`;
    s.fillRect(0, 0, WIDTH, HEIGHT);
    s.globalCompositeOperation = "destination-out";
    for (const { id, x, y, lit, me } of night.lanterns) {
      const flicker = 1 + 0.025 * Math.sin(this.#time * 9 + id) + 0.02 * Math.sin(this.#time * 23 + id * 3);
      hole(s, x, y, lit ? LIGHT * flicker : me ? 62 : 26, lit ? 0.96 : 0.5);
    }
    for (const { x, y } of night.fireflies) hole(s, x, y, 34, 0.6);
    for (const { x, y } of night.gusts) hole(s, x, y, 30, 0.4);
    const g = this.#context;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.drawImage(this.#shade, 0, 0);
    onto(g);
  }

  // What moves.

  #walker({ x, y, heading, owner, lit, me }: Lantern): void {
    const g = this.#context;
    const [cloak, shade, light] = coat(Number(owner ?? 0) - 1);
    g.save();
    g.translate(x, y);
    g.fillStyle = "rgb(0 0 0 / 35%)";
    g.beginPath();
    g.ellipse(0, 9, 13, 6, 0, 0, 7);
    g.fill();
    // A cloak, a hood, and the face towards where one goes.
    g.fillStyle = cloak;
    g.strokeStyle = shade;
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(-11, 9);
    g.quadraticCurveTo(-10, -8, 0, -13);
    g.quadraticCurveTo(10, -8, 11, 9);
    g.quadraticCurveTo(0, 14, -11, 9);
    g.fill();
    g.stroke();
    g.fillStyle = light;
    g.beginPath();
    g.arc(0, -9, 7, 0, 7);
    g.fill();
    g.stroke();
    g.fillStyle = "#2a1c14";
    g.beginPath();
    g.ellipse(Math.cos(heading) * 3, -9 + Math.sin(heading) * 2, 3.6, 3.2, 0, 0, 7);
    g.fill();
    if (me) {
      g.strokeStyle = "rgb(255 255 255 / 75%)";
      g.setLineDash([5, 5]);
      g.beginPath();
      g.ellipse(0, 9, 20, 10, 0, 0, 7);
      g.stroke();
      g.setLineDash([]);
    }
    const [hx, hy] = hand(heading);
    g.fillStyle = lit ? "#ffe9a8" : "#3b3f48";
    g.strokeStyle = "#1c1410";
    g.lineWidth = 1.5;
    g.beginPath();
    g.roundRect(hx - 4, hy - 5, 8, 11, 2.5);
    g.fill();
    g.stroke();
    g.beginPath();
    g.arc(hx, hy - 6, 3, Math.PI, 0);
    g.stroke();
    g.restore();
  }

  #flame({ x, y, heading }: Lantern): void {
    const [hx, hy] = hand(heading);
    blot(this.#context, x + hx, y + hy, 46, "#ffb347", 0.4);
    blot(this.#context, x + hx, y + hy, 13, "#fff3c4", 0.8);
  }

  #firefly({ id, x, y, colour }: Firefly): void {
    const pulse = 0.78 + 0.22 * Math.sin(this.#time * 5 + id * 1.7);
    const hover = Math.sin(this.#time * 3 + id) * 2.5;
    const glow = GLOW[colour] ?? "#ffffff";
    blot(this.#context, x, y + hover, 21, glow, 0.62 * pulse);
    blot(this.#context, x, y + hover, 6.5, glow, 1);
    blot(this.#context, x, y + hover, 3.2, "#ffffff", 0.95);
  }

  #gust({ x, y, vx, vy }: Gust): void {
    const g = this.#context;
    g.save();
    g.translate(x, y);
    g.rotate(Math.atan2(vy, vx));
    g.lineCap = "round";
    for (const [side, size] of [[0, 15], [-7, 10], [7, 10]] as const) {
      g.strokeStyle = `rgb(225 240 255 / ${side === 0 ? 80 : 50}%)`;
      g.lineWidth = side === 0 ? 3 : 2;
      g.beginPath();
      g.moveTo(-size, side);
      g.quadraticCurveTo(0, side - 4, size, side);
      g.stroke();
    }
    g.restore();
  }

  #label({ x, y, name, me, lit, mood }: Lantern, night: Night): void {
    const g = this.#context;
    // Who stands in the dark is not given away.
    if (lit || me || night.dark < 0.6) {
      g.font = `${me ? 800 : 600} 13px ui-rounded, "SF Pro Rounded", "Segoe UI", system-ui, sans-serif`;
      g.textAlign = "center";
      g.lineJoin = "round";
      g.lineWidth = 4;
      g.strokeStyle = "rgb(4 10 20 / 80%)";
      g.strokeText(name, x, y + 29);
      g.fillStyle = "#ffffff";
      g.fillText(name, x, y + 29);
    }
    if (mood !== "none") bubble(g, x, y - 26, mood, this.#time);
  }

  #flySparks(dt: number): void {
    const g = this.#context;
    this.#sparks = this.#sparks.filter((spark) => (spark.age += dt) < spark.life);
    for (const spark of this.#sparks) {
      spark.x += spark.vx * dt;
      spark.y += spark.vy * dt;
      g.globalAlpha = 1 - spark.age / spark.life;
      if (spark.text) {
        g.font = "800 20px ui-rounded, system-ui, sans-serif";
        g.textAlign = "center";
        g.lineWidth = 4;
        g.strokeStyle = "rgb(4 10 20 / 80%)";
        g.strokeText(spark.text, spark.x, spark.y);
        g.fillStyle = spark.colour;
        g.fillText(spark.text, spark.x, spark.y);
      } else blot(g, spark.x, spark.y, 5, spark.colour, 1);
      g.globalAlpha = 1;
    }
  }
}

/** Where the lantern hangs. */
const hand = (heading: number): [number, number] => [Math.cos(heading) * 13, Math.sin(heading) * 6 + 1];

function blot(g: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string, alpha: number): void {
  const soft = g.createRadialGradient(x, y, 0, x, y, radius);
  soft.addColorStop(0, colour);
  soft.addColorStop(1, `${colour}00`);
  const before = g.globalAlpha;
  g.globalAlpha = before * alpha;
  g.fillStyle = soft;
  g.beginPath();
  g.arc(x, y, radius, 0, 7);
  g.fill();
  g.globalAlpha = before;
}

function hole(g: CanvasRenderingContext2D, x: number, y: number, radius: number, depth: number): void {
  const soft = g.createRadialGradient(x, y, 0, x, y, radius);
  soft.addColorStop(0, `rgb(0 0 0 / ${depth * 100}%)`);
  soft.addColorStop(0.45, `rgb(0 0 0 / ${depth * 72}%)`);
  soft.addColorStop(1, "rgb(0 0 0 / 0%)");
  g.fillStyle = soft;
  g.fillRect(x - radius, y - radius, radius * 2, radius * 2);
}

function bubble(g: CanvasRenderingContext2D, x: number, y: number, mood: string, time: number): void {
  g.save();
  g.translate(x, y);
  g.fillStyle = "rgb(255 255 255 / 92%)";
  g.beginPath();
  g.roundRect(-15, -22, 30, 24, 10);
  g.moveTo(-4, 1);
  g.lineTo(0, 8);
  g.lineTo(4, 1);
  g.fill();
  g.strokeStyle = g.fillStyle = "#c2480a";
  g.lineWidth = 2.4;
  g.lineCap = "round";
  if (mood === "cheer") {
    for (let i = 0; i < 5; i++) {
      const angle = -Math.PI / 2 + (i - 2) * 0.62;
      g.beginPath();
      g.moveTo(Math.cos(angle) * 3.5, -8 + Math.sin(angle) * 3.5);
      g.lineTo(Math.cos(angle) * 9.5, -8 + Math.sin(angle) * 9.5);
      g.stroke();
    }
    g.beginPath();
    g.arc(0, -6, 2, 0, 7);
    g.fill();
  } else if (mood === "wave") {
    g.translate(0, -4);
    g.rotate(Math.sin(time * 8) * 0.3);
    for (const [dx, length] of [[-4.5, 9], [-1.5, 12], [1.5, 12], [4.5, 10]] as const) {
      g.beginPath();
      g.moveTo(dx, 0);
      g.lineTo(dx * 1.25, -length);
      g.stroke();
    }
    g.beginPath();
    g.arc(0, -1, 5, 0, 7);
    g.fill();
  } else {
    g.font = "800 14px system-ui, sans-serif";
    g.textAlign = "center";
    g.fillStyle = "#4a645b";
    g.fillText("zz", 0, -5);
  }
  g.restore();
}

type Random = () => number;

function tuft(g: CanvasRenderingContext2D, x: number, y: number, colour: string, random: Random): void {
  g.strokeStyle = colour;
  g.globalAlpha = 0.25 + random() * 0.4;
  g.lineWidth = 1.4;
  g.beginPath();
  for (const lean of [-3, 0, 3]) {
    g.moveTo(x + lean * 0.5, y);
    g.quadraticCurveTo(x + lean * 0.5, y - 4, x + lean, y - 6 - random() * 4);
  }
  g.stroke();
  g.globalAlpha = 1;
}

function water(g: CanvasRenderingContext2D, x: number, y: number, radius: number, random: Random): void {
  g.save();
  g.beginPath();
  g.ellipse(x, y, radius, radius * 0.62, -0.2, 0, 7);
  g.fillStyle = "#1b5c6b";
  g.fill();
  g.lineWidth = 7;
  g.strokeStyle = "#3f7a58";
  g.stroke();
  g.clip();
  blot(g, x - radius * 0.2, y - radius * 0.2, radius, "#3b93a0", 0.7);
  g.strokeStyle = "rgb(190 235 240 / 35%)";
  g.lineWidth = 2;
  for (let i = 0; i < 14; i++) {
    const [wx, wy] = [x + (random() - 0.5) * radius * 1.7, y + (random() - 0.5) * radius];
    g.beginPath();
    g.moveTo(wx, wy);
    g.quadraticCurveTo(wx + 9, wy - 3, wx + 18, wy);
    g.stroke();
  }
  g.fillStyle = "#5da45c";
  for (let i = 0; i < 7; i++) {
    const [lx, ly] = [x + (random() - 0.5) * radius * 1.5, y + (random() - 0.5) * radius * 0.9];
    g.beginPath();
    g.moveTo(lx, ly);
    g.ellipse(lx, ly, 9, 6, 0, 0.4, 6);
    g.fill();
  }
  g.restore();
}

function furrow(g: CanvasRenderingContext2D, y: number, colour: string, random: Random): void {
  g.strokeStyle = colour;
  g.globalAlpha = 0.28;
  g.lineWidth = 16;
  g.beginPath();
  g.moveTo(-20, y);
  for (let x = 0; x <= WIDTH; x += 120) g.quadraticCurveTo(x + 60, y - 26 + random() * 26, x + 120, y + random() * 12);
  g.stroke();
  g.globalAlpha = 1;
}

function tree(g: CanvasRenderingContext2D, x: number, y: number, size: number, look: Ground, random: Random): void {
  g.fillStyle = "rgb(0 0 0 / 26%)";
  g.beginPath();
  g.ellipse(x + 5, y + size * 0.75, size * 1.05, size * 0.45, 0, 0, 7);
  g.fill();
  for (const [part, share] of [[look.low, 1], [look.high, 0.78], [look.tuft, 0.42]] as const) {
    g.fillStyle = part;
    g.beginPath();
    for (let i = 0; i < 6; i++) {
      const angle = (i / 6) * 6.28 + random();
      g.moveTo(x, y);
      g.arc(x + Math.cos(angle) * size * 0.42 * share - (1 - share) * 5, y + Math.sin(angle) * size * 0.36 * share - (1 - share) * 9, size * 0.62 * share, 0, 7);
    }
    g.fill();
  }
}
