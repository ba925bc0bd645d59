//! Airboat: a realtime game server. See ARCHITECTURE.md for the map.

pub mod clock;
pub mod config;
pub mod game;
pub mod metrics;
pub mod protocol;
pub mod room;
pub mod server;
pub mod session;
pub mod store;
