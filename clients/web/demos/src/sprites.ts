// What moves, each drawn at the origin looking to the right.

import { coat, type Palette } from "./palette.js";
import type { Sheet } from "./sheet.js";

type Context = CanvasRenderingContext2D;

function box(c: Context, x: number, y: number, w: number, h: number, r: number, fill: string): void {
  c.fillStyle = fill;
  c.beginPath();
  c.roundRect(x, y, w, h, r);
  c.fill();
}

function disc(c: Context, x: number, y: number, r: number, fill: string): void {
  c.fillStyle = fill;
  c.beginPath();
  c.arc(x, y, r, 0, 7);
  c.fill();
}

/** Steps of a soldier's walk that are drawn. */
const PACES = 16;
const PHASES = 8;
const FLAMES = 5;

/** `walk`: the phase of the steps; undefined when standing. */
export function soldier(c: Context, sheet: Sheet, colour: number, heading: number, walk: number | undefined): void {
  const pace = walk === undefined ? 0 : Math.round((walk / (2 * Math.PI)) * PACES) % PACES;
  c.save();
  c.rotate(heading);
  sheet.draw(c, `soldier ${colour} ${pace}`, 18, 12, (g) => paintSoldier(g, colour, Math.sin((pace / PACES) * 2 * Math.PI)));
  c.restore();
  // The light does not turn with the head.
  disc(c, -1.9, -2.3, 2, coat(colour)[2]);
}

function paintSoldier(c: Context, colour: number, swing: number): void {
  const [main, shade] = coat(colour);
  // Boots.
  box(c, -3.6 + swing * 4.6, -6.2, 7.4, 4.4, 2, "#33302c");
  box(c, -3.6 - swing * 4.6, 1.8, 7.4, 4.4, 2, "#33302c");
  c.rotate(swing * 0.09);
  // Pack and rolled mat.
  box(c, -10, -5, 6, 10, 2.4, "#6b5a3c");
  box(c, -11.4, -6, 3.2, 12, 1.6, "#b79b66");
  // Shoulders and arms.
  c.fillStyle = shade;
  c.beginPath();
  c.ellipse(-0.6, 0, 5.4, 9, 0, 0, 7);
  c.fill();
  c.fillStyle = main;
  c.beginPath();
  c.ellipse(-0.9, -0.4, 4.6, 8.2, 0, 0, 7);
  c.fill();
  c.strokeStyle = main;
  c.lineCap = "round";
  c.lineWidth = 3.6;
  c.beginPath();
  c.moveTo(0.5, -6.6);
  c.lineTo(6 - swing * 1.6, -4.2);
  c.moveTo(0.5, 6.8);
  c.lineTo(5.6, 6.4);
  c.stroke();
  disc(c, 6.6 - swing * 1.6, -4, 1.9, "#f0c49a");
  disc(c, 6.4, 6, 1.9, "#f0c49a");
  // The launcher on the right shoulder, loaded.
  box(c, -9.5, 4.6, 21, 4.4, 1.6, "#3d4a3a");
  box(c, -9.5, 4.9, 21, 1.4, 0.7, "#5d6e57");
  box(c, -11.5, 4.1, 3, 5.4, 1, "#2b342a");
  box(c, 1.5, 4.3, 2.4, 5, 0.8, "#2b342a");
  c.fillStyle = "#d9480f";
  c.beginPath();
  c.moveTo(11.4, 4.4);
  c.lineTo(16.4, 6.8);
  c.lineTo(11.4, 9.2);
  c.fill();
  // Helmet, with a brim that shows where the nose is.
  c.fillStyle = shade;
  c.beginPath();
  c.ellipse(1.2, 0, 7, 6.4, 0, 0, 7);
  c.fill();
  disc(c, 0, -0.2, 5.9, main);
  c.strokeStyle = shade;
  c.lineWidth = 1.3;
  c.beginPath();
  c.arc(0, -0.2, 4.4, -0.9, 0.9);
  c.stroke();
}

const HULLS = [
  ["#6d7f4c", "#52613a", "#8c9f66"],
  ["#8c7a55", "#6a5b3e", "#ad9a72"],
  ["#5f7280", "#475763", "#8194a3"],
] as const;

/** `tread`: how far it has come, which turns the treads. */
export function tank(c: Context, sheet: Sheet, id: number, heading: number, aim: number, tread: number, recoil: number): void {
  const kind = id % HULLS.length;
  const phase = Math.floor(((((tread % 4) + 4) % 4) / 4) * PHASES);
  c.save();
  c.rotate(heading);
  sheet.draw(c, `hull ${kind} ${phase}`, 18, 14, (g) => paintHull(g, kind, (phase / PHASES) * 4));
  c.restore();
  c.save();
  c.rotate(aim);
  c.translate(-recoil, 0);
  sheet.draw(c, `barrel ${kind}`, 23, 3, (g) => paintBarrel(g, kind));
  c.translate(recoil, 0);
  sheet.draw(c, `turret ${kind}`, 10, 10, (g) => paintTurret(g, kind));
  c.restore();
}

function paintHull(c: Context, kind: number, phase: number): void {
  const [main, shade] = HULLS[kind]!;
  for (const y of [-13, 6.4]) {
    box(c, -17, y, 34, 6.6, 2.6, "#2d2f2b");
    c.fillStyle = "#4d504a";
    for (let x = -16 - phase; x < 16; x += 4) if (x > -16.6) c.fillRect(x + 0.6, y + 0.9, 1.9, 4.8);
  }
  c.fillStyle = shade;
  c.beginPath();
  c.roundRect(-15.5, -9, 30, 18, 3);
  c.fill();
  c.fillStyle = main;
  c.beginPath();
  c.moveTo(-14.5, -8);
  c.lineTo(9, -8);
  c.lineTo(14, -5);
  c.lineTo(14, 5);
  c.lineTo(9, 8);
  c.lineTo(-14.5, 8);
  c.closePath();
  c.fill();
  c.fillStyle = shade;
  for (let x = -13; x < -7; x += 2.2) c.fillRect(x, -5.6, 1.1, 11.2);
  disc(c, 11.4, -4, 1.2, "#ffe8a3");
  disc(c, 11.4, 4, 1.2, "#ffe8a3");
  box(c, -15.9, -7.6, 2, 4.6, 0.8, "#3a3d35");
}

function paintBarrel(c: Context, kind: number): void {
  const [, shade, light] = HULLS[kind]!;
  box(c, 4, -1.9, 17, 3.8, 1, shade);
  box(c, 4, -1.5, 17, 1.4, 0.7, light);
  box(c, 18.4, -2.7, 4, 5.4, 1.2, "#34372f");
}

function paintTurret(c: Context, kind: number): void {
  const [main, shade, light] = HULLS[kind]!;
  c.fillStyle = "rgb(0 0 0 / 18%)";
  c.beginPath();
  c.ellipse(0.8, 1, 9, 8.4, 0, 0, 7);
  c.fill();
  c.fillStyle = shade;
  c.beginPath();
  c.roundRect(-8.6, -7.2, 16.6, 14.4, 5.4);
  c.fill();
  c.fillStyle = main;
  c.beginPath();
  c.roundRect(-7.9, -6.7, 15, 13, 5);
  c.fill();
  disc(c, -2, -1.8, 3.4, shade);
  disc(c, -2.2, -2.1, 2.7, light);
}

export function rocket(c: Context, sheet: Sheet, heading: number, flicker: number): void {
  const size = Math.floor(flicker * FLAMES);
  c.save();
  c.rotate(heading);
  sheet.draw(c, `rocket ${size}`, 23, 14, (g) => paintRocket(g, size / FLAMES));
  c.restore();
}

function paintRocket(c: Context, flicker: number): void {
  const flame = 9 + flicker * 5;
  const glow = c.createRadialGradient(-9, 0, 0, -9, 0, 13);
  glow.addColorStop(0, "rgb(255 190 80 / 75%)");
  glow.addColorStop(1, "rgb(255 140 40 / 0%)");
  disc(c, -9, 0, 13, glow as unknown as string);
  for (const [length, width, colour] of [[flame, 3.2, "#ff8a1f"], [flame * 0.6, 2, "#ffe27a"]] as const) {
    c.fillStyle = colour;
    c.beginPath();
    c.moveTo(-5, -width);
    c.quadraticCurveTo(-5 - length * 0.6, -width * 0.7, -5 - length, 0);
    c.quadraticCurveTo(-5 - length * 0.6, width * 0.7, -5, width);
    c.fill();
  }
  c.fillStyle = "#a8320a";
  c.beginPath();
  c.moveTo(-2, 0);
  c.lineTo(-7, -4.6);
  c.lineTo(-5.6, 0);
  c.lineTo(-7, 4.6);
  c.closePath();
  c.fill();
  box(c, -6, -2.1, 11, 4.2, 1.6, "#f4efe4");
  box(c, -6, 0.3, 11, 1.8, 0.8, "#c9c2b2");
  c.fillStyle = "#d9480f";
  c.beginPath();
  c.moveTo(4.4, -2.2);
  c.quadraticCurveTo(8, -1.4, 9.6, 0);
  c.quadraticCurveTo(8, 1.4, 4.4, 2.2);
  c.fill();
}

export function shell(c: Context, sheet: Sheet): void {
  sheet.draw(c, "shell", 10, 10, paintShell);
}

function paintShell(c: Context): void {
  const glow = c.createRadialGradient(0, 0, 1, 0, 0, 9);
  glow.addColorStop(0, "rgb(255 220 120 / 95%)");
  glow.addColorStop(1, "rgb(255 120 30 / 0%)");
  disc(c, 0, 0, 9, glow as unknown as string);
  disc(c, 0, 0, 3.4, "#3a2f28");
  disc(c, -1, -1.1, 1.2, "#ffcf8a");
}

export function shadow(c: Context, p: Palette, x: number, y: number, rx: number, ry: number, turn = 0): void {
  c.fillStyle = p.shadow;
  c.beginPath();
  c.ellipse(x, y, rx, ry, turn, 0, 7);
  c.fill();
}
