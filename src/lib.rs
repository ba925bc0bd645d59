//! Airboat: a realtime game server. See ARCHITECTURE.md for the map.

pub mod config;
pub mod game;
pub mod metrics;
pub mod protocol;
pub mod server;
pub mod session;
pub mod store;
