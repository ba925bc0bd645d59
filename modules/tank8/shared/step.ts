// What step.lua says, for clients in a browser: how a tank moves. Both are held to step.vectors.json; change them together.

export const SIZE = 1000;
export const SPEED = 120;
export const BULLET_SPEED = 400;

export interface Tank {
  x: number;
  y: number;
  heading: number;
  turret: number;
}

export interface Input {
  /** Where the stick is, -1 to 1 each; y up. */
  mx: number;
  my: number;
  aim: number;
}

const within = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high);

/** One tick, in place. */
export function drive(tank: Tank, input: Input, dt: number): void {
  let { mx, my } = input;
  const length = Math.sqrt(mx * mx + my * my);
  if (length > 1) [mx, my] = [mx / length, my / length];
  tank.x = within(tank.x + mx * SPEED * dt, 0, SIZE);
  tank.y = within(tank.y + my * SPEED * dt, 0, SIZE);
  if (mx !== 0 || my !== 0) tank.heading = Math.atan2(my, mx);
  tank.turret = input.aim;
}

export function muzzle(aim: number): { x: number; y: number } {
  return { x: Math.cos(aim) * BULLET_SPEED, y: Math.sin(aim) * BULLET_SPEED };
}
