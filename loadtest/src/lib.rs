//! Bots that play over any transport, check what they are told, and measure.
//!
//! `client` is the protocol as a state machine without I/O; `transport` carries its frames; `tank8` plays and knows the
//! rules; `bot` joins the three; `run` holds many of them to one window of time; `stats` and `report` say what it was.

pub mod args;
pub mod bot;
pub mod client;
pub mod clock;
pub mod player;
pub mod process;
pub mod report;
pub mod run;
pub mod stats;
pub mod tank8;
pub mod transport;

/// Whatever stops a connection or a run, as a sentence for people.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
