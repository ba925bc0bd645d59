// What step.lua says, for clients in a browser: how a soldier walks, and how fast all else is. Both are held to
// step.vectors.json; change them together.

export const WIDTH = 960;
export const HEIGHT = 720;
export const SPEED = 90;
export const ROCKET_SPEED = 200;
export const SHELL_SPEED = 120;
export const TANK_SPEED = 40;
/** Seconds between two rockets of a soldier. */
export const RELOAD = 0.15;
export const MARGIN = 8;

export interface Soldier {
  x: number;
  y: number;
  heading: number;
  moving: boolean;
}

export interface Input {
  /** -1, 0 or 1; y up. */
  mx: number;
  my: number;
}

const within = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high);

/** One tick, in place. Standing still keeps the heading. */
export function walk(soldier: Soldier, input: Input, dt: number): void {
  const { mx, my } = input;
  soldier.moving = mx !== 0 || my !== 0;
  if (!soldier.moving) return;
  const pace = (SPEED * dt) / Math.sqrt(mx * mx + my * my);
  soldier.x = within(soldier.x + mx * pace, MARGIN, WIDTH - MARGIN);
  soldier.y = within(soldier.y + my * pace, MARGIN, HEIGHT - MARGIN);
  soldier.heading = Math.atan2(my, mx);
}

/** The velocity of what flies along `heading`. */
export function toward(heading: number, speed: number): { x: number; y: number } {
  return { x: Math.cos(heading) * speed, y: Math.sin(heading) * speed };
}
