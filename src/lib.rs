//! Airboat: a realtime game server. See ARCHITECTURE.md for the map.

pub mod game;
pub mod protocol;
