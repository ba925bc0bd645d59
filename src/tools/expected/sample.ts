// Made by `airboat types sample --typescript`.

import type { Room } from "airboat";

export type Firefly = {
  readonly id: number;
  readonly class: "firefly";
  owner: string | null;
  readonly alive: boolean;
  /** Its fields at the time being shown. */
  readonly view: Readonly<Omit<Firefly, "id" | "class" | "owner" | "alive" | "view">>;
  colour: "rose" | "amber" | "mint" | "sky";
  x: number; // 0 to 960
  y: number; // 0 to 640
};

export type Gust = {
  readonly id: number;
  readonly class: "gust";
  owner: string | null;
  readonly alive: boolean;
  /** Its fields at the time being shown. */
  readonly view: Readonly<Omit<Gust, "id" | "class" | "owner" | "alive" | "view">>;
  x: number; // 0 to 960
  y: number; // 0 to 640
};

export type Lantern = {
  readonly id: number;
  readonly class: "lantern";
  owner: string | null;
  readonly alive: boolean;
  /** Its fields at the time being shown. */
  readonly view: Readonly<Omit<Lantern, "id" | "class" | "owner" | "alive" | "view">>;
  heading: number; // radians
  lit: boolean;
  mood: "none" | "cheer" | "wave" | "away";
  x: number; // 0 to 960
  y: number; // 0 to 640
};

export type InputValues = {
  aim: number; // radians
  mood: "none" | "cheer" | "wave";
  mx: number; // -1 to 1
  my: number; // -1 to 1
  sneak: boolean;
};

/** Entities by the name of their class. */
export type EntitiesByClass = {
  firefly: Firefly;
  gust: Gust;
  lantern: Lantern;
};

export type PressName = "puff";

/** What the module takes from clients. */
export type MessageName = "done" | "door" | "ready" | "start" | "vote";

/** A room of this module: `const typed = room as SampleRoom`. */
export type SampleRoom = Omit<Room, "entities" | "own" | "input" | "press" | "send"> & {
  entities<Name extends keyof EntitiesByClass>(className: Name): ReadonlyMap<number, EntitiesByClass[Name]>;
  own<Name extends keyof EntitiesByClass>(className: Name): EntitiesByClass[Name] | undefined;
  input(values: Partial<InputValues>): void;
  press(name: PressName): void;
  send(name: MessageName, data?: unknown): boolean;
};
