//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{Failure, relay::Conditions};

/// Fills rooms with bots, plays, checks everything the server says and measures it.
///
/// A table and one line of JSON go to standard output. The exit code is 1 when a bot found an error.
#[derive(Debug, Clone, Parser)]
#[command(name = "airboat-loadtest", version, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The server, as in http://127.0.0.1:7777; quic and webtransport use the UDP port of the same number.
    #[arg(long, default_value = "http://127.0.0.1:7777")]
    pub url: String,
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    /// The game to play. The bots of tank8 know its rules and check every position; those of any other module are its own
    /// `game.bot`, run here over what a client sees.
    #[arg(long, default_value = "tank8")]
    pub module: String,
    /// Where the module's folder is: the same files as the server's.
    #[arg(long, default_value = "modules")]
    pub modules_dir: PathBuf,
    #[arg(long, default_value_t = 10)]
    pub rooms: u32,
    /// Players in each room.
    #[arg(long, default_value_t = 8)]
    pub players: u32,
    /// Only in so many rooms do bots decode and check everything; the others send and acknowledge all the same, but believe
    /// what they are told. For more players than one core can check.
    #[arg(long)]
    pub checked: Option<u32>,
    /// Length of the measurement.
    #[arg(long, default_value_t = 15.0)]
    pub seconds: f64,
    /// Play before the measurement, once everyone has joined.
    #[arg(long, default_value_t = 2.0)]
    pub warmup: f64,
    /// Sends inputs at any time, not just before the tick they are for. Over http they always are.
    #[arg(long)]
    pub unpaced: bool,
    /// Through a relay that adds this many ms each way.
    #[arg(long, default_value_t = 0.0)]
    pub delay: f64,
    /// Up to this many ms more, at random; nothing is reordered.
    #[arg(long, default_value_t = 0.0)]
    pub jitter: f64,
    /// Percent of packets lost each way. A stream of TCP stalls instead, for 200 ms and a round trip.
    #[arg(long, default_value_t = 0.0)]
    pub loss: f64,
    /// Of the relay: the same seed drops the same packets.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The server's process, to measure its CPU and memory (same machine, Linux).
    #[arg(long)]
    pub pid: Option<u32>,
    /// Measures the floor of the same traffic afterwards, on the cores of --pid.
    #[arg(long, requires = "pid")]
    pub floor: bool,
    /// Writes the JSON object here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Writes a page with charts here: one file that needs nothing else.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// What the same traffic costs without a game: a bare server that answers each message with one.
    Floor(FloorArgs),
    /// What a session costs that does nothing: connects, says hello, and joins no room.
    Idle(IdleArgs),
}

#[derive(Debug, Clone, Parser)]
pub struct FloorArgs {
    #[arg(long, value_enum)]
    pub transport: Transport,
    #[arg(long, default_value_t = 80)]
    pub connections: usize,
    /// Messages a second and connection, each way.
    #[arg(long, default_value_t = 30.0)]
    pub rate: f64,
    /// Bytes of a message to the server: as an inputs frame of tank8.
    #[arg(long, default_value_t = 30)]
    pub up: usize,
    /// Bytes of its answer: as a snapshot of tank8.
    #[arg(long, default_value_t = 53)]
    pub down: usize,
    #[arg(long, default_value_t = 8.0)]
    pub seconds: f64,
    /// Cores the server may use, as in 0,2; else any.
    #[arg(long, value_delimiter = ',')]
    pub server_cores: Vec<usize>,
    /// Is the server: prints its address and serves until its standard input ends.
    #[arg(long)]
    pub serve: bool,
}

#[derive(Debug, Clone, Parser)]
pub struct IdleArgs {
    #[arg(long, default_value = "http://127.0.0.1:7777")]
    pub url: String,
    #[arg(long, value_enum)]
    pub transport: Transport,
    #[arg(long, default_value_t = 500)]
    pub sessions: usize,
    /// The server's process.
    #[arg(long)]
    pub pid: u32,
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

    pub const fn rides_udp(self) -> bool {
        matches!(self, Self::Quic | Self::Webtransport)
    }
}

impl Args {
    /// What clap cannot say.
    pub fn check(&self) -> Result<(), Failure> {
        if self.rooms == 0 || self.players == 0 {
            return Err("--rooms and --players start at 1".into());
        }
        let seconds = |n: f64| n.is_finite() && (0.0..=86_400.0).contains(&n);
        if !seconds(self.seconds) || self.seconds == 0.0 || !seconds(self.warmup) {
            return Err("--seconds must be above 0 and --warmup not below it".into());
        }
        let ms = |n: f64| (0.0..=10_000.0).contains(&n);
        if !ms(self.delay) || !ms(self.jitter) || !(0.0..=100.0).contains(&self.loss) {
            return Err("--delay and --jitter are 0 to 10000 ms, --loss 0 to 100 percent".into());
        }
        Ok(())
    }

    pub const fn bots(&self) -> usize {
        self.rooms as usize * self.players as usize
    }

    /// Slack over HTTP tells how polls meet ticks, so nobody paces by it.
    pub fn is_paced(&self) -> bool {
        !self.unpaced && self.transport != Transport::Http
    }

    /// None where the network is to stay as it is.
    pub fn conditions(&self) -> Option<Conditions> {
        let conditions =
            Conditions { delay_ms: self.delay, jitter_ms: self.jitter, loss_percent: self.loss, seed: self.seed };
        (self.delay > 0.0 || self.jitter > 0.0 || self.loss > 0.0).then_some(conditions)
    }
}

impl FloorArgs {
    pub fn check(&self) -> Result<(), Failure> {
        let sizes = |n: usize| (1..=1_100).contains(&n);
        if self.connections == 0 || !sizes(self.up) || !sizes(self.down) {
            return Err("--connections start at 1, --up and --down are 1 to 1100".into());
        }
        if !(0.1..=1_000.0).contains(&self.rate) || !(0.1..=86_400.0).contains(&self.seconds) {
            return Err("--rate is 0.1 to 1000, --seconds 0.1 to 86400".into());
        }
        Ok(())
    }
}
