//! Bots that play over any transport, check what they are told, and measure.
//!
//! `client` is the protocol as a state machine without I/O; `transport` carries its frames, `relay` makes their way worse;
//! `driver` plays: `tank8` with its rules, any other module by its own `game.bot`; `pacer` says when the next input is due,
//! `alarm` wakes for it; `bot` joins them; `run` holds many to one window of time; `stats`, `report` and `page` say what it
//! was. `floor` measures the same traffic without a game, `idle` what a session costs that does nothing.

pub mod alarm;
pub mod args;
pub mod bot;
pub mod client;
pub mod clock;
pub mod driver;
pub mod floor;
pub mod idle;
pub mod pacer;
pub mod page;
pub mod player;
pub mod process;
pub mod relay;
pub mod report;
pub mod run;
pub mod stats;
pub mod tank8;
pub mod transport;

/// Whatever stops a connection or a run, as a sentence for people.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
