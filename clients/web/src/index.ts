// Airboat's browser client. See README.md for the API in one table.

export { connect, Client } from "./client.js";
export type { ConnectOptions, JoinOptions, JoinResult, ListResult, Resumed, RoomSummary } from "./client.js";
export { EntityRef, PlayerRef } from "./codec.js";
export type { AirboatError } from "./errors.js";
export type { InputValues } from "./inputs.js";
export { lerpAngle } from "./interpolation.js";
export type { Entity, Report, View } from "./mirror.js";
export { Room, type Player } from "./room.js";
export type { EntityClass, Field, Schema } from "./schema.js";
export type { Answer } from "./outbox.js";
export type { Status } from "./session.js";
export type { TransportName } from "./transports/link.js";
