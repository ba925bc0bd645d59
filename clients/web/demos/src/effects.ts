// Smoke, fire, scorch marks and floating points. All of it is decoration: nothing here decides anything.

import { coat, type Palette } from "./palette.js";
import type { Sheet } from "./sheet.js";

type Context = CanvasRenderingContext2D;

const MOST = 700;
const SCORCH_SECONDS = 25;

interface Particle {
  kind: "smoke" | "fire" | "spark" | "chip" | "ring" | "flash" | "dust";
  x: number;
  y: number;
  vx: number;
  vy: number;
  age: number;
  life: number;
  size: number;
  grow: number;
  turn: number;
  colour: string;
}

interface Scorch {
  x: number;
  y: number;
  size: number;
  age: number;
  turn: number;
}

interface Floater {
  x: number;
  y: number;
  text: string;
  age: number;
}

const any = (low: number, high: number): number => low + Math.random() * (high - low);

export class Effects {
  readonly #particles: Particle[] = [];
  #scorches: Scorch[] = [];
  #floaters: Floater[] = [];
  /** How hard the ground shakes, 0 to 1. */
  shake = 0;
  calm = false;

  #add(kind: Particle["kind"], x: number, y: number, life: number, size: number, more: Partial<Particle> = {}): void {
    if (this.#particles.length >= MOST) return;
    this.#particles.push({ kind, x, y, life, size, vx: 0, vy: 0, age: 0, grow: 0, turn: any(0, 6), colour: "", ...more });
  }

  trail(x: number, y: number, vx: number, vy: number): void {
    this.#add("smoke", x, y, any(0.45, 0.8), any(1.6, 2.6), { vx: vx * -0.06 + any(-5, 5), vy: vy * -0.06 + any(-5, 5), grow: 7 });
  }

  dust(x: number, y: number): void {
    this.#add("dust", x, y, any(0.4, 0.7), any(1.2, 2.4), { vx: any(-6, 6), vy: any(-6, 2), grow: 5 });
  }

  /** A launcher or a gun goes off. */
  muzzle(x: number, y: number, heading: number): void {
    // Behind it, so that whoever fires can be seen.
    const [back, up] = [x - Math.cos(heading) * 17, y - Math.sin(heading) * 17];
    this.#add("flash", back, up, 0.1, 7);
    for (let i = 0; i < (this.calm ? 2 : 6); i++) {
      const [a, v] = [heading + Math.PI + any(-0.6, 0.6), any(20, 80)];
      this.#add("smoke", back, up, any(0.25, 0.55), any(1.6, 3), { vx: Math.cos(a) * v, vy: Math.sin(a) * v, grow: 8 });
    }
  }

  /** `coatOf`: whose soldier it was; a tank otherwise. */
  boom(x: number, y: number, coatOf?: number): void {
    const big = coatOf === undefined;
    const many = this.calm ? 0.4 : 1;
    this.#scorches.push({ x, y, size: big ? 21 : 11, age: 0, turn: any(0, 6) });
    if (this.#scorches.length > 40) this.#scorches.shift();
    this.#add("flash", x, y, 0.16, big ? 34 : 20);
    this.#add("ring", x, y, 0.42, big ? 10 : 6, { grow: big ? 120 : 70 });
    for (let i = 0; i < (big ? 22 : 10) * many; i++) {
      const [a, v] = [any(0, 7), any(5, big ? 75 : 45)];
      this.#add("fire", x, y, any(0.3, 0.75), any(4, big ? 10 : 6), { vx: Math.cos(a) * v, vy: Math.sin(a) * v - 12, grow: 6 });
    }
    for (let i = 0; i < (big ? 16 : 8) * many; i++) {
      const [a, v] = [any(0, 7), any(4, 34)];
      this.#add("smoke", x, y, any(0.9, 1.9), any(5, 9), { vx: Math.cos(a) * v, vy: Math.sin(a) * v - 16, grow: 10, age: -any(0, 0.2) });
    }
    const chips = big ? ["#52613a", "#2d2f2b", "#8c9f66"] : coat(coatOf);
    for (let i = 0; i < (big ? 12 : 8) * many; i++) {
      const [a, v] = [any(0, 7), any(60, 170)];
      const colour = chips[i % chips.length]!;
      this.#add("chip", x, y, any(0.5, 0.95), any(1.6, 3.6), { vx: Math.cos(a) * v, vy: Math.sin(a) * v, colour });
      this.#add("spark", x, y, any(0.2, 0.5), any(1, 1.8), { vx: Math.cos(a + 1) * v * 1.3, vy: Math.sin(a + 1) * v * 1.3 });
    }
    if (big && !this.calm) this.shake = Math.min(1, this.shake + 0.5);
  }

  float(x: number, y: number, text: string): void {
    this.#floaters.push({ x, y, text, age: 0 });
  }

  step(dt: number): void {
    this.shake = Math.max(0, this.shake - dt * 2.6);
    const kept = this.#particles.filter((p) => {
      p.age += dt;
      if (p.age < 0) return true;
      p.x += p.vx * dt;
      p.y += p.vy * dt;
      const drag = Math.exp(-dt * (p.kind === "chip" ? 3 : 2.2));
      p.vx *= drag;
      p.vy *= drag;
      p.size += p.grow * dt;
      return p.age < p.life;
    });
    this.#particles.length = 0;
    this.#particles.push(...kept);
    for (const scorch of this.#scorches) scorch.age += dt;
    this.#scorches = this.#scorches.filter((s) => s.age < SCORCH_SECONDS);
    for (const floater of this.#floaters) floater.age += dt;
    this.#floaters = this.#floaters.filter((f) => f.age < 1.3);
  }

  /** Under everything that moves. */
  drawBelow(c: Context, sheet: Sheet): void {
    for (const { x, y, size, age, turn } of this.#scorches) {
      c.save();
      c.globalAlpha = Math.min(1, (SCORCH_SECONDS - age) / 8);
      c.translate(x, y);
      c.rotate(turn);
      sheet.draw(c, `scorch ${size}`, size + 1, size + 1, (g) => paintScorch(g, size));
      c.restore();
    }
  }

  drawAbove(c: Context, colours: Palette): void {
    for (const p of this.#particles) {
      if (p.age < 0) continue;
      const left = 1 - p.age / p.life;
      c.globalAlpha = left;
      switch (p.kind) {
        case "smoke":
          c.globalAlpha = left * 0.42;
          c.fillStyle = `rgb(${colours.smoke})`;
          break;
        case "dust":
          c.globalAlpha = left * 0.4;
          c.fillStyle = colours.rut;
          break;
        case "fire":
          c.globalAlpha = Math.min(1, left * 1.6);
          c.fillStyle = left > 0.75 ? "#fff3b0" : left > 0.5 ? "#ffc44d" : left > 0.25 ? "#ff8a1f" : "#b5401a";
          break;
        case "spark":
          c.fillStyle = "#ffe9a8";
          break;
        case "flash":
          c.fillStyle = "#fff6d0";
          break;
        case "ring":
          c.globalAlpha = left * 0.7;
          c.strokeStyle = "#fff3d6";
          c.lineWidth = 5 * left;
          c.beginPath();
          c.arc(p.x, p.y, p.size, 0, 7);
          c.stroke();
          continue;
        case "chip":
          c.save();
          c.translate(p.x, p.y);
          c.rotate(p.turn + p.age * 9);
          c.fillStyle = p.colour;
          c.fillRect(-p.size, -p.size * 0.6, p.size * 2, p.size * 1.2);
          c.restore();
          continue;
      }
      c.beginPath();
      c.arc(p.x, p.y, p.size, 0, 7);
      c.fill();
    }
    c.globalAlpha = 1;
  }

  drawTexts(c: Context, font: string, scale: number): void {
    c.font = `800 ${17 / scale}px ${font}`;
    c.textAlign = "center";
    c.lineJoin = "round";
    for (const { x, y, text, age } of this.#floaters) {
      c.globalAlpha = Math.min(1, (1.3 - age) * 2.5);
      const up = y - 14 - (1 - Math.exp(-age * 3)) * 24;
      c.strokeStyle = "rgb(40 16 0 / 75%)";
      c.lineWidth = 4 / scale;
      c.strokeText(text, x, up);
      c.fillStyle = "#ffd166";
      c.fillText(text, x, up);
    }
    c.globalAlpha = 1;
  }
}

function paintScorch(c: Context, size: number): void {
  const burnt = c.createRadialGradient(0, 0, 0, 0, 0, size);
  burnt.addColorStop(0, "rgb(32 26 20 / 62%)");
  burnt.addColorStop(0.55, "rgb(40 33 24 / 34%)");
  burnt.addColorStop(1, "rgb(40 33 24 / 0%)");
  c.fillStyle = burnt;
  c.beginPath();
  // Rays of soot.
  for (let i = 0; i <= 24; i++) {
    const a = (i * Math.PI) / 12;
    const r = size * (i % 2 ? 0.62 : 0.86 + 0.14 * Math.sin(i * 2.3));
    c.lineTo(Math.cos(a) * r, Math.sin(a) * r);
  }
  c.fill();
}
