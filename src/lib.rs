//! Airboat: a realtime game server. See ARCHITECTURE.md for the map.

pub mod config;
pub mod game;
pub mod metrics;
pub mod peer;
pub mod protocol;
pub mod room;
pub mod session;
pub mod transport;
