//! Airboat: a realtime game server. See ARCHITECTURE.md for the map.

pub mod admin;
pub mod api;
pub mod clock;
pub mod config;
pub mod game;
mod greeting;
pub mod health;
pub mod metrics;
pub mod peer;
pub mod protocol;
pub mod room;
pub mod server;
pub mod session;
pub mod store;
pub mod tools;
pub mod transport;
