import type { World } from "./delta.js";
/** Class by class, row by row: the id, then every column. */
export declare function hashWorld(world: World): number;
export declare function hashDocuments(state: unknown, players: unknown): number;
