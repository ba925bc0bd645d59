// What there is to draw, wherever it comes from: a room, or the front page's little show. y goes down here, as on paper.

export interface Field {
  width: number;
  height: number;
  /** Closed: x, y, x, y, … */
  paths: number[][];
  /** x, y, radius, … */
  ponds: number[];
  /** x, y, … */
  trees: number[];
  bushes: number[];
}

export interface Soldier {
  id: number;
  x: number;
  y: number;
  heading: number;
  moving: boolean;
  /** Which of the players' colours. */
  colour: number;
  name: string;
  me: boolean;
  away: boolean;
}

export interface Tank {
  id: number;
  x: number;
  y: number;
  heading: number;
}

export interface Flying {
  id: number;
  x: number;
  y: number;
  vx: number;
  vy: number;
}

export interface Scene {
  soldiers: Soldier[];
  tanks: Tank[];
  rockets: Flying[];
  shells: Flying[];
}

export const emptyScene = (): Scene => ({ soldiers: [], tanks: [], rockets: [], shells: [] });

/** The same numbers each time, so that a meadow looks the same in every window. */
export function dice(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
