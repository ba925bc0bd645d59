// The meadow: everything that does not move, painted once per size and theme. Trees come back as sprites, as soldiers
// walk under them.

import { dice, type Field } from "./scene.js";
import type { Palette } from "./palette.js";

type Context = CanvasRenderingContext2D;

const MOST_PIXELS = 9e6;

export interface Ground {
  canvas: HTMLCanvasElement;
  /** The part of the world it shows. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** `margin`: how far beyond the fence one can see. */
export function paintGround(field: Field, colours: Palette, scale: number, marginX: number, marginY: number): Ground {
  const [x, y] = [-marginX, -marginY];
  const [width, height] = [field.width + 2 * marginX, field.height + 2 * marginY];
  const fine = Math.min(scale, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * fine);
  canvas.height = Math.ceil(height * fine);
  const c = canvas.getContext("2d", { alpha: false })!;
  c.scale(fine, fine);
  c.translate(-x, -y);
  const ground = { canvas, x, y, width, height };
  const random = dice(8);
  meadow(c, colours, ground, random);
  paths(c, colours, field, random);
  for (let i = 0; i + 2 < field.ponds.length; i += 3) {
    pond(c, colours, field.ponds[i]!, field.ponds[i + 1]!, field.ponds[i + 2]!, dice(i + 3));
  }
  for (let i = 0; i + 1 < field.bushes.length; i += 2) bush(c, colours, field.bushes[i]!, field.bushes[i + 1]!, dice(i + 77));
  woods(c, colours, field, ground, random);
  for (let i = 0; i + 1 < field.trees.length; i += 2) treeShadow(c, colours, field.trees[i]!, field.trees[i + 1]!, treeSize(i));
  return ground;
}

function meadow(c: Context, p: Palette, g: Ground, random: () => number): void {
  c.fillStyle = p.grass;
  c.fillRect(g.x, g.y, g.width, g.height);
  const area = (g.width * g.height) / 691_200;
  const place = (): [number, number] => [g.x + random() * g.width, g.y + random() * g.height];
  for (let i = 0; i < 190 * area; i++) {
    const [x, y] = place();
    c.globalAlpha = 0.25 + random() * 0.3;
    c.fillStyle = random() < 0.5 ? p.grassLight : p.grassDark;
    c.beginPath();
    c.ellipse(x, y, 20 + random() * 60, 12 + random() * 30, random() * 3, 0, 7);
    c.fill();
  }
  c.globalAlpha = 1;
  c.lineCap = "round";
  for (let i = 0; i < 1500 * area; i++) {
    const [x, y] = place();
    const h = 3 + random() * 4;
    c.strokeStyle = random() < 0.3 ? p.bladeLight : p.blade;
    c.lineWidth = 1;
    c.beginPath();
    for (const lean of [-2, 0, 2.2]) {
      c.moveTo(x + lean * 0.4, y);
      c.quadraticCurveTo(x + lean * 0.6, y - h * 0.6, x + lean, y - h);
    }
    c.stroke();
  }
  for (let i = 0; i < 46 * area; i++) {
    const [x, y] = place();
    const colour = p.flowers[Math.floor(random() * p.flowers.length)]!;
    for (let n = 0; n < 3 + random() * 4; n++) flower(c, p, colour, x + (random() - 0.5) * 26, y + (random() - 0.5) * 18);
  }
}

function flower(c: Context, p: Palette, colour: string, x: number, y: number): void {
  c.fillStyle = colour;
  for (let i = 0; i < 5; i++) {
    const a = (i * Math.PI * 2) / 5;
    c.beginPath();
    c.arc(x + Math.cos(a) * 1.4, y + Math.sin(a) * 1.4, 1.1, 0, 7);
    c.fill();
  }
  c.fillStyle = colour === p.flowers[1] ? p.pathEdge : p.flowers[1]!;
  c.beginPath();
  c.arc(x, y, 0.9, 0, 7);
  c.fill();
}

/** A closed way through the points, its corners rounded. */
function loop(c: Context, points: number[], round: number): void {
  const n = points.length / 2;
  const at = (i: number): [number, number] => [points[((i + n) % n) * 2]!, points[((i + n) % n) * 2 + 1]!];
  c.beginPath();
  const [x0, y0] = at(0);
  const [x1, y1] = at(1);
  c.moveTo((x0 + x1) / 2, (y0 + y1) / 2);
  for (let i = 1; i <= n; i++) c.arcTo(...at(i), (at(i)[0] + at(i + 1)[0]) / 2, (at(i)[1] + at(i + 1)[1]) / 2, round);
  c.closePath();
}

function paths(c: Context, p: Palette, field: Field, random: () => number): void {
  c.lineJoin = "round";
  const stroke = (width: number, colour: string, alpha = 1) => {
    c.globalAlpha = alpha;
    c.lineWidth = width;
    c.strokeStyle = colour;
    for (const points of field.paths) {
      loop(c, points, 16);
      c.stroke();
    }
    c.globalAlpha = 1;
  };
  stroke(39, p.blade, 0.35);
  stroke(35, p.pathEdge);
  stroke(31, p.path);
  // Where the treads run.
  stroke(24, p.rut, 0.55);
  stroke(14, p.path);
  for (const points of field.paths) {
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [points[i]!, points[i + 1]!];
      const [nx, ny] = [points[(i + 2) % points.length]!, points[(i + 3) % points.length]!];
      const far = Math.hypot(nx - x, ny - y);
      for (let d = 0; d < far; d += 9) {
        const t = d / far;
        const off = (random() - 0.5) * 26;
        const [px, py] = [x + (nx - x) * t - ((ny - y) / far) * off, y + (ny - y) * t + ((nx - x) / far) * off];
        c.fillStyle = random() < 0.4 ? p.pathEdge : p.pebble;
        c.globalAlpha = 0.5;
        c.beginPath();
        c.ellipse(px, py, 0.7 + random(), 0.6 + random() * 0.6, random() * 3, 0, 7);
        c.fill();
      }
    }
  }
  c.globalAlpha = 1;
}

function pond(c: Context, p: Palette, x: number, y: number, r: number, random: () => number): void {
  const bumps = Array.from({ length: 9 }, () => 0.9 + random() * 0.16);
  const shore = (size: number) => {
    c.beginPath();
    const at = (i: number): [number, number] => {
      const a = (i / bumps.length) * Math.PI * 2;
      const radius = size * bumps[i % bumps.length]!;
      return [x + Math.cos(a) * radius, y + Math.sin(a) * radius * 0.92];
    };
    const middle = (i: number): [number, number] => [(at(i)[0] + at(i + 1)[0]) / 2, (at(i)[1] + at(i + 1)[1]) / 2];
    c.moveTo(...middle(0));
    for (let i = 1; i <= bumps.length; i++) c.quadraticCurveTo(...at(i), ...middle(i));
    c.closePath();
  };
  c.fillStyle = p.blade;
  c.globalAlpha = 0.5;
  shore(r * 1.1 + 8);
  c.fill();
  c.globalAlpha = 1;
  c.fillStyle = p.sand;
  shore(r * 1.06 + 5);
  c.fill();
  const water = c.createRadialGradient(x - r * 0.2, y - r * 0.2, r * 0.1, x, y, r * 1.1);
  water.addColorStop(0, p.waterDeep);
  water.addColorStop(1, p.water);
  c.fillStyle = water;
  shore(r);
  c.fill();
  c.save();
  shore(r);
  c.clip();
  c.strokeStyle = p.glint;
  c.lineWidth = 1.6;
  for (let i = 0; i < r / 5; i++) {
    const [gx, gy, w] = [x + (random() - 0.5) * r * 1.5, y + (random() - 0.5) * r * 1.5, 4 + random() * 9];
    c.beginPath();
    c.moveTo(gx - w, gy);
    c.quadraticCurveTo(gx - w / 2, gy - 2.4, gx, gy);
    c.quadraticCurveTo(gx + w / 2, gy + 2.4, gx + w, gy);
    c.stroke();
  }
  c.restore();
  for (let i = 0; i < r / 7; i++) {
    const [a, d] = [random() * 7, r * (0.35 + random() * 0.42)];
    lily(c, p, x + Math.cos(a) * d, y + Math.sin(a) * d * 0.9, 3 + random() * 3, random);
  }
  for (let i = 0; i < r / 2.2; i++) {
    const a = random() * Math.PI * 2;
    if (Math.sin(a * 1.5 + r) < 0.1) continue;
    reed(c, p, x + Math.cos(a) * r * 1.04, y + Math.sin(a) * r * 0.98 + 3, random);
  }
}

function lily(c: Context, p: Palette, x: number, y: number, r: number, random: () => number): void {
  const turn = random() * 7;
  c.fillStyle = p.lily;
  c.beginPath();
  c.moveTo(x, y);
  c.arc(x, y, r, turn, turn + 5.7);
  c.fill();
  if (random() > 0.45) return;
  c.fillStyle = p.flowers[2]!;
  for (let i = 0; i < 6; i++) {
    c.beginPath();
    c.ellipse(x + Math.cos(i * 1.05) * 1.4, y + Math.sin(i * 1.05) * 1.4, 1.7, 0.9, i * 1.05, 0, 7);
    c.fill();
  }
}

function reed(c: Context, p: Palette, x: number, y: number, random: () => number): void {
  const h = 10 + random() * 9;
  const lean = (random() - 0.5) * 6;
  c.strokeStyle = p.reed;
  c.lineWidth = 1.3;
  c.beginPath();
  c.moveTo(x, y);
  c.quadraticCurveTo(x, y - h * 0.6, x + lean, y - h);
  c.stroke();
  if (random() < 0.5) return;
  c.strokeStyle = p.cattail;
  c.lineWidth = 2.6;
  c.beginPath();
  c.moveTo(x + lean, y - h);
  c.lineTo(x + lean * 0.85, y - h + 4.5);
  c.stroke();
}

function bush(c: Context, p: Palette, x: number, y: number, random: () => number): void {
  const [dark, middle, light] = p.leaves[Math.floor(random() * p.leaves.length)]!;
  c.fillStyle = p.shadow;
  c.beginPath();
  c.ellipse(x + 3, y + 6, 16, 9, 0, 0, 7);
  c.fill();
  const puffs = Array.from({ length: 6 }, (_, i) => [Math.cos(i * 1.05) * 8, Math.sin(i * 1.05) * 5, 6 + random() * 3] as const);
  for (const [colour, dy, less] of [[dark, 1.5, 0], [middle, -0.5, 1.6], [light, -2.5, 4]] as const) {
    c.fillStyle = colour;
    for (const [dx, py, r] of puffs) {
      if (r - less < 2.2) continue;
      c.beginPath();
      c.arc(x + dx, y + py + dy, r - less, 0, 7);
      c.fill();
    }
  }
  c.fillStyle = random() < 0.5 ? "#d6455d" : p.flowers[0]!;
  for (let i = 0; i < 5; i++) {
    c.beginPath();
    c.arc(x + (random() - 0.5) * 20, y - 2 + (random() - 0.5) * 12, 1.5, 0, 7);
    c.fill();
  }
}

/** Beyond the fence: darker, and trees that nobody walks under. */
function woods(c: Context, p: Palette, field: Field, g: Ground, random: () => number): void {
  const { width: w, height: h } = field;
  c.fillStyle = p.woods;
  c.globalAlpha = 0.72;
  c.beginPath();
  c.rect(g.x, g.y, g.width, g.height);
  c.roundRect(-6, -6, w + 12, h + 12, 14);
  c.fill("evenodd");
  c.globalAlpha = 1;
  const trunks: [number, number, number][] = [];
  const step = 34;
  for (let y = g.y; y < g.y + g.height + step; y += step) {
    for (let x = g.x; x < g.x + g.width + step; x += step) {
      const [tx, ty, size] = [x + (random() - 0.5) * 26, y + (random() - 0.5) * 26, 15 + random() * 13];
      const clear = 16 + size;
      if (tx > -clear && tx < w + clear && ty > -clear && ty < h + clear) continue;
      trunks.push([tx, ty, size]);
    }
  }
  for (const [x, y, size] of trunks) treeShadow(c, p, x, y, size);
  for (const [x, y, size] of trunks) tree(c, p, x, y, size, Math.floor(x * 7 + y));
  fence(c, p, w, h);
}

function fence(c: Context, p: Palette, w: number, h: number): void {
  for (const [dy, colour, width] of [[2.5, p.shadow, 3.5], [0, p.fenceDark, 3.4], [-0.9, p.fence, 1.8]] as const) {
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.beginPath();
    c.roundRect(-6, -6 + dy, w + 12, h + 12, 14);
    c.stroke();
  }
  const post = (x: number, y: number) => {
    c.fillStyle = p.fenceDark;
    c.beginPath();
    c.roundRect(x - 2.6, y - 5, 5.2, 9, 1.6);
    c.fill();
    c.fillStyle = p.fence;
    c.beginPath();
    c.roundRect(x - 2.6, y - 5.6, 5.2, 4.6, 1.8);
    c.fill();
  };
  for (let x = 12; x <= w - 12; x += (w - 24) / Math.round(w / 46)) [-6, h + 6].forEach((y) => post(x, y));
  for (let y = 12; y <= h - 12; y += (h - 24) / Math.round(h / 46)) [-6, w + 6].forEach((x) => post(x, y));
}

export const treeSize = (i: number): number => 19 + ((i * 37) % 11);

function treeShadow(c: Context, p: Palette, x: number, y: number, size: number): void {
  c.fillStyle = p.shadow;
  c.beginPath();
  c.ellipse(x + size * 0.32, y + size * 0.42, size * 1.02, size * 0.86, 0.4, 0, 7);
  c.fill();
}

/** From above: three layers of puffs, lit from the upper left. */
export function tree(c: Context, p: Palette, x: number, y: number, size: number, seed: number): void {
  const random = dice(seed);
  const [dark, middle, light] = p.leaves[Math.abs(seed) % p.leaves.length]!;
  const ring = (colour: string, reach: number, puff: number, n: number, ox: number, oy: number) => {
    c.fillStyle = colour;
    const turn = random() * 7;
    c.beginPath();
    for (let i = 0; i < n; i++) {
      const a = turn + (i / n) * Math.PI * 2;
      const r = size * puff * (0.85 + random() * 0.3);
      const [px, py] = [x + ox + Math.cos(a) * size * reach, y + oy + Math.sin(a) * size * reach];
      c.moveTo(px + r, py);
      c.arc(px, py, r, 0, 7);
    }
    c.moveTo(x + ox + size * reach, y + oy);
    c.arc(x + ox, y + oy, size * reach, 0, 7);
    c.fill();
  };
  ring(dark, 0.68, 0.36, 9, 0, 0);
  ring(middle, 0.46, 0.3, 7, -size * 0.08, -size * 0.1);
  ring(light, 0.2, 0.22, 5, -size * 0.2, -size * 0.25);
}
