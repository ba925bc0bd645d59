//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::Failure;

/// Fills rooms with bots, plays, checks everything the server says and measures it.
///
/// A table and one line of JSON go to standard output. The exit code is 1 when a bot found an error.
#[derive(Debug, Clone, Parser)]
#[command(name = "airboat-loadtest", version)]
pub struct Args {
    /// The server, as in http://127.0.0.1:7777; quic and webtransport use the UDP port of the same number.
    #[arg(long, default_value = "http://127.0.0.1:7777")]
    pub url: String,
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    /// The game to play. Bots that know its rules exist for tank8.
    #[arg(long, default_value = "tank8")]
    pub module: String,
    #[arg(long, default_value_t = 10)]
    pub rooms: u32,
    /// Players in each room.
    #[arg(long, default_value_t = 8)]
    pub players: u32,
    /// Length of the measurement.
    #[arg(long, default_value_t = 15.0)]
    pub seconds: f64,
    /// Play before the measurement, once everyone has joined.
    #[arg(long, default_value_t = 2.0)]
    pub warmup: f64,
    /// The server's process, to measure its CPU and memory (same machine, Linux).
    #[arg(long)]
    pub pid: Option<u32>,
    /// Writes the JSON object here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    Quic,
    Webtransport,
    Websocket,
    Http,
}

impl Transport {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Webtransport => "webtransport",
            Self::Websocket => "websocket",
            Self::Http => "http",
        }
    }
}

impl Args {
    /// What clap cannot say.
    pub fn check(&self) -> Result<(), Failure> {
        if self.module != "tank8" {
            return Err(format!("no bot knows the rules of `{}` yet; try --module tank8", self.module).into());
        }
        if self.rooms == 0 || self.players == 0 {
            return Err("--rooms and --players start at 1".into());
        }
        let seconds = |n: f64| n.is_finite() && (0.0..=86_400.0).contains(&n);
        if !seconds(self.seconds) || self.seconds == 0.0 || !seconds(self.warmup) {
            return Err("--seconds must be above 0 and --warmup not below it".into());
        }
        Ok(())
    }

    pub const fn bots(&self) -> usize {
        self.rooms as usize * self.players as usize
    }
}
