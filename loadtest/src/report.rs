//! The figures of a run, as a table for people and as one JSON object for programs.

use serde::Serialize;

use crate::{
    args::Args,
    floor::Floor,
    process,
    relay::Conditions,
    stats::{Durations, Stats},
};

/// The bots are the bottleneck when they send this late, or use this much of the cores they may run on.
pub const LATENESS_MS_MAX: f64 = 5.0;
const OWN_CPU_MAX: f64 = 0.9;

/// What the processes used during the window.
#[derive(Debug, Clone, Default)]
pub struct Load {
    pub wall_s: f64,
    pub own_cpu_s: Option<f64>,
    pub server_cpu_s: Option<f64>,
    /// The server, some times a second.
    pub server: Vec<Moment>,
}

/// The server's process at a moment of the window.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub at_us: u64,
    pub cpu_s: f64,
    pub rss_mb: f64,
}

/// What the page draws and the table does not show.
#[derive(Debug, Clone, Default)]
pub struct Charts {
    pub latency: Durations,
    pub state_age: Durations,
    pub slack: Durations,
    pub lateness: Durations,
    /// Snapshots a player in each second.
    pub by_second: Vec<f64>,
    pub server: Vec<Moment>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub transport: &'static str,
    pub module: String,
    pub rooms: u32,
    pub players: u32,
    pub seconds: f64,
    pub paced: bool,
    /// The relay between bots and server.
    pub network: Option<Conditions>,
    pub latency_ms: Percentiles,
    pub state_age_ms: Percentiles,
    /// How early inputs came to their tick.
    pub slack_ms: Percentiles,
    /// Percent of the inputs that came after their tick, and of the ticks that had none.
    pub late_percent: f64,
    pub substituted_percent: f64,
    pub rx_bytes_per_player_s: f64,
    pub snapshots_per_player_s: f64,
    pub inputs_applied_per_player_s: f64,
    pub tx_input_bytes: f64,
    pub server_cpu_us_per_player_s: Option<f64>,
    pub server_rss_mb_peak: Option<f64>,
    pub floor: Option<Floor>,
    /// How many times its CPU the server used.
    pub times_floor: Option<f64>,
    pub bot_limited: bool,
    pub errors: u64,
    pub bots: Bots,
    pub oracle: Oracle,
    /// Some of the errors, in words.
    #[serde(skip)]
    pub complaints: Vec<String>,
    #[serde(skip)]
    pub charts: Charts,
}

/// None (null) where nothing was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

/// How the bots themselves fared.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bots {
    pub lateness_ms: Percentiles,
    /// Share of the cores they may run on.
    pub cpu_share: Option<f64>,
    pub cores: usize,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Oracle {
    pub positions_exact: u64,
    pub positions_resynchronised: u64,
    pub worlds_compared: u64,
    pub worlds_uncompared: u64,
    pub documents_compared: u64,
}

impl Percentiles {
    pub fn of(durations: &Durations) -> Self {
        let at = |percentile| durations.percentile_ms(percentile);
        Self { p50: at(50.0), p95: at(95.0), p99: at(99.0) }
    }

    fn row(&self) -> String {
        let cell = |value: Option<f64>| value.map_or_else(|| format!("{:>9}", "-"), |ms| format!("{ms:>9.2}"));
        [self.p50, self.p95, self.p99].map(cell).concat()
    }
}

impl Report {
    pub fn new(args: &Args, stats: &Stats, load: &Load) -> Self {
        let played_s = stats.played_us as f64 / 1e6;
        let rate = |amount: f64| if played_s > 0.0 { round(amount / played_s, 3) } else { 0.0 };
        let cores = process::cores();
        let cpu_share = load.own_cpu_s.filter(|_| load.wall_s > 0.0).map(|s| round(s / load.wall_s / cores as f64, 3));
        let lateness_ms = Percentiles::of(&stats.lateness);
        let percent = |part: u64, of: u64| round(100.0 * part as f64 / of.max(1) as f64, 3);
        let told = stats.inputs_applied + stats.substituted;
        Self {
            transport: args.transport.name(),
            module: args.module.clone(),
            rooms: args.rooms,
            players: args.players,
            seconds: args.seconds,
            paced: args.is_paced(),
            network: args.conditions(),
            latency_ms: Percentiles::of(&stats.latency),
            state_age_ms: Percentiles::of(&stats.state_age),
            slack_ms: Percentiles::of(&stats.slack),
            late_percent: percent(stats.late, stats.inputs_applied),
            substituted_percent: percent(stats.substituted, told),
            rx_bytes_per_player_s: rate(stats.rx_bytes as f64),
            snapshots_per_player_s: rate(stats.snapshots as f64),
            inputs_applied_per_player_s: rate(stats.inputs_applied as f64),
            tx_input_bytes: round(stats.input_bytes as f64 / stats.inputs_sent.max(1) as f64, 2),
            server_cpu_us_per_player_s: load.server_cpu_s.map(|s| rate(s * 1e6)),
            server_rss_mb_peak: load.server.iter().map(|moment| moment.rss_mb).reduce(f64::max).map(|mb| round(mb, 2)),
            floor: None,
            times_floor: None,
            bot_limited: lateness_ms.p99.is_some_and(|ms| ms > LATENESS_MS_MAX)
                || cpu_share.is_some_and(|share| share > OWN_CPU_MAX),
            errors: stats.errors,
            bots: Bots { lateness_ms, cpu_share, cores },
            oracle: Oracle {
                positions_exact: stats.checks.exact,
                positions_resynchronised: stats.checks.resynchronised,
                worlds_compared: stats.hashes.worlds,
                worlds_uncompared: stats.hashes.uncompared,
                documents_compared: stats.hashes.documents,
            },
            complaints: stats.complaints.clone(),
            charts: Charts {
                latency: stats.latency.clone(),
                state_age: stats.state_age.clone(),
                slack: stats.slack.clone(),
                lateness: stats.lateness.clone(),
                by_second: stats.by_second.iter().map(|n| *n as f64 / args.bots() as f64).collect(),
                server: load.server.clone(),
            },
        }
    }

    /// Messages a second and player.
    pub const fn rate(&self) -> f64 {
        self.snapshots_per_player_s
    }

    /// Bytes of an inputs frame, and of what comes back for it.
    pub fn frame_bytes(&self) -> (f64, f64) {
        (self.tx_input_bytes, self.rx_bytes_per_player_s / self.snapshots_per_player_s.max(1.0))
    }

    pub fn compare(&mut self, floor: Floor) {
        let (ours, bare) = (self.server_cpu_us_per_player_s, floor.server_cpu_us_per_connection_s);
        self.times_floor = ours.zip(bare).filter(|(_, bare)| *bare > 0.0).map(|(ours, bare)| round(ours / bare, 2));
        self.floor = Some(floor);
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // numbers and strings only: it cannot fail
    }

    pub fn title(&self) -> String {
        let network = self.network.map_or(String::new(), |n| {
            format!(", {} ms each way, up to {} ms more, {} % lost", n.delay_ms, n.jitter_ms, n.loss_percent)
        });
        format!(
            "{} over {}: {} rooms of {} players, {} s{network}",
            self.module, self.transport, self.rooms, self.players, self.seconds
        )
    }

    pub fn table(&self) -> String {
        let (oracle, bots) = (&self.oracle, &self.bots);
        let known = |value: Option<f64>, digits: usize| value.map_or("-".into(), |v| format!("{v:.digits$}"));
        let rows = [
            ("", format!("{:>9}{:>9}{:>9}", "p50", "p95", "p99")),
            ("input to state, ms", self.latency_ms.row()),
            ("age of state, ms", self.state_age_ms.row()),
            (if self.paced { "early by, paced, ms" } else { "early by, not paced, ms" }, self.slack_ms.row()),
            ("late inputs, ticks without, %", format!("{:>9.2}{:>9.2}", self.late_percent, self.substituted_percent)),
            ("bots send late by, ms", bots.lateness_ms.row()),
            ("received, B/s a player", format!("{:>9.0}", self.rx_bytes_per_player_s)),
            ("snapshots/s a player", format!("{:>9.2}", self.snapshots_per_player_s)),
            ("inputs applied/s a player", format!("{:>9.2}", self.inputs_applied_per_player_s)),
            ("server CPU, µs a player-second", format!("{:>9}", known(self.server_cpu_us_per_player_s, 1))),
            ("  times the floor", {
                let bare = self.floor.as_ref().and_then(|floor| floor.server_cpu_us_per_connection_s);
                format!("{:>9}   (floor {})", known(self.times_floor, 2), known(bare, 1))
            }),
            ("server memory peak, MB", format!("{:>9}", known(self.server_rss_mb_peak, 1))),
            ("bots' CPU, % of their cores", {
                format!("{:>9}   ({} cores)", known(bots.cpu_share.map(|share| share * 100.0), 0), bots.cores)
            }),
            ("bots are the bottleneck", format!("{:>9}", if self.bot_limited { "yes" } else { "no" })),
            ("positions checked", {
                format!("{:>9}   ({} resynchronised)", oracle.positions_exact, oracle.positions_resynchronised)
            }),
            ("world hashes compared", {
                format!("{:>9}   ({} without their snapshot)", oracle.worlds_compared, oracle.worlds_uncompared)
            }),
            ("document hashes compared", format!("{:>9}", oracle.documents_compared)),
            ("errors", format!("{:>9}", self.errors)),
        ];
        let head = self.title() + "\n";
        rows.iter().fold(head, |table, (name, value)| table + &format!("\n  {name:<32}{value}"))
    }
}

pub fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn the_json_has_the_promised_keys() {
        let args = Args::parse_from(["airboat-loadtest", "--transport", "quic"]);
        let mut stats = Stats { played_us: 2_000_000, rx_bytes: 5_000, ..Stats::default() };
        stats.latency.record(12_000.0);
        let load = Load { wall_s: 1.0, own_cpu_s: Some(50.0), server_cpu_s: Some(0.01), server: Vec::new() };
        let json: serde_json::Value = serde_json::from_str(&Report::new(&args, &stats, &load).json()).unwrap();
        for key in [
            "transport",
            "module",
            "rooms",
            "players",
            "seconds",
            "latency_ms",
            "state_age_ms",
            "rx_bytes_per_player_s",
            "snapshots_per_player_s",
            "inputs_applied_per_player_s",
            "server_cpu_us_per_player_s",
            "server_rss_mb_peak",
            "bot_limited",
            "errors",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["rx_bytes_per_player_s"], 2_500.0);
        assert_eq!(json["server_cpu_us_per_player_s"], 5_000.0);
        assert_eq!(json["bot_limited"], true);
        assert!(json["latency_ms"]["p99"].as_f64().is_some_and(|ms| (ms - 12.0).abs() < 0.1));
        assert!(json["state_age_ms"]["p50"].is_null());
    }
}
