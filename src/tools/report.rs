//! What `check` found: one screen for people, one JSON object for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{costs::Costs, thousands};
use crate::{
    game::GameInfo,
    protocol::{Tick, Value},
};

/// Problems kept; the rest is counted.
const PROBLEMS_MAX: usize = 10;
/// Lines of a traceback that are shown.
const TRACEBACK_MAX: usize = 8;
/// Fields listed with what they cost.
const FIELDS_MAX: usize = 10;

#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    pub tick: Tick,
    pub text: String,
    /// How often it came, this time included.
    pub times: u32,
}

impl Problem {
    pub(super) const fn new(tick: Tick, text: String) -> Self {
        Self { tick, text, times: 1 }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Field {
    pub name: String,
    pub bytes_per_second: f64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub module: String,
    pub title: String,
    pub tick_rate: u32,
    pub ticks: Tick,
    pub reloads: u32,
    /// In the room at the end, and ever.
    pub players: usize,
    pub joined: u32,
    /// Played by the module's own `game.bot`, else by random inputs.
    pub own_bot: bool,
    pub problems: Vec<Problem>,
    /// Different problems beyond those.
    pub more_problems: u32,
    /// Values outside their field's range.
    pub clamped: u64,
    pub refused: Vec<String>,
    /// The room closed itself.
    pub ended_at: Option<Tick>,
    pub memory_end: usize,
    pub memory_most: usize,
    pub snapshot_bytes_per_tick: f64,
    pub snapshot_bytes_per_second: f64,
    pub fields: Vec<Field>,
    pub message_count: u64,
    pub message_bytes: u64,
    pub log_lines: u64,
    #[serde(skip)]
    pub(super) patch_bytes: [u64; 3],
    #[serde(serialize_with = "times")]
    pub(super) tick_us: Vec<f64>,
}

/// Mean, p99 and maximum.
fn times<S: serde::Serializer>(us: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let [mean, p99, max] = summary(us);
    serde_json::json!({ "mean": mean, "p99": p99, "max": max }).serialize(serializer)
}

fn summary(us: &[f64]) -> [f64; 3] {
    let mut sorted = us.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
    let p99 = sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0.0);
    [mean, p99, sorted.last().copied().unwrap_or(0.0)]
}

impl Report {
    pub(super) fn new(info: &GameInfo, own_bot: bool) -> Self {
        Self {
            module: info.module.clone(),
            title: info.title.clone(),
            tick_rate: info.schema.tick_rate,
            own_bot,
            ..Self::default()
        }
    }

    pub fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }

    /// The same complaint again is only counted.
    pub(super) fn problem(&mut self, tick: Tick, text: &str) {
        if let Some(known) = self.problems.iter_mut().find(|known| known.text == text) {
            known.times += 1;
        } else if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(tick, text.to_owned()));
        } else {
            self.more_problems += 1;
        }
    }

    pub(super) fn difference(&mut self, tick: Tick, after: Tick, text: &str, reason: &str, reloaded: bool) {
        let when = match (reloaded, after) {
            (false, _) => "two rooms with the same players and inputs are not the same".to_owned(),
            (true, 1) => "a reload loses something (1 tick after it)".to_owned(),
            (true, after) => format!("a reload loses something ({after} ticks after it)"),
        };
        let reason = if reloaded { format!("\nlikely: {reason}") } else { String::new() };
        self.problem(tick, &format!("{when}: {text}{reason}"));
    }

    pub(super) fn message(&mut self, name: &str, data: &Value) {
        self.message_count += 1;
        self.message_bytes += (name.len() + data.to_bytes().len()) as u64;
    }

    pub(super) fn log(&mut self, _: &str) {
        self.log_lines += 1;
    }

    pub(super) fn costs(&mut self, costs: &Costs, schema: &crate::protocol::schema::Schema) {
        let rate = f64::from(self.tick_rate);
        let ticks = costs.ticks.max(1) as f64;
        self.snapshot_bytes_per_tick = round(costs.bytes as f64 / ticks);
        self.snapshot_bytes_per_second = round(costs.bytes as f64 / ticks * rate);
        let field = |(name, bytes): (String, u64)| Field { name, bytes_per_second: round(bytes as f64 / ticks * rate) };
        self.fields =
            costs.fields(schema).into_iter().map(field).filter(|field| field.bytes_per_second >= 0.5).collect();
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // numbers and strings only: it cannot fail
    }

    fn seconds(&self) -> f64 {
        (f64::from(self.ticks) / f64::from(self.tick_rate.max(1))).max(f64::MIN_POSITIVE)
    }

    /// One screen.
    pub fn text(&self) -> String {
        let mut out = self.head();
        let [mean, p99, max] = summary(&self.tick_us);
        let rate = |bytes: u64| thousands((bytes as f64 / self.seconds()).round() as u64);
        let [state, players, secrets] = self.patch_bytes;
        let rows = [
            ("tick time", format!("{mean:.0} µs mean, {p99:.0} p99, {max:.0} max (bots included, on this machine)")),
            ("memory", {
                let kb = |bytes: usize| thousands(bytes as u64 / 1024);
                format!("{} kB, {} at most", kb(self.memory_end), kb(self.memory_most))
            }),
            ("snapshots", {
                let (tick, second) = (self.snapshot_bytes_per_tick, self.snapshot_bytes_per_second);
                format!("{tick:.1} B a tick, {} B/s to each player at full rate", thousands(second.round() as u64))
            }),
            ("documents", {
                format!("{} B/s room.state, {} player.state, {} secrets", rate(state), rate(players), rate(secrets))
            }),
            ("messages", format!("{} sent, {} B/s", thousands(self.message_count), rate(self.message_bytes))),
        ];
        for (name, value) in rows {
            let _ = writeln!(out, "  {name:<12}{value}");
        }
        self.write_fields(&mut out);
        self.write_problems(&mut out);
        out
    }

    fn head(&self) -> String {
        let played = if self.own_bot { "played by game.bot" } else { "random inputs: there is no game.bot" };
        let mut out = format!(
            "{} ({}): {} ticks ({:.1} s at {} Hz), {} seats taken, {} reload{}; {played}\n",
            self.title,
            self.module,
            thousands(u64::from(self.ticks)),
            self.seconds(),
            self.tick_rate,
            self.joined,
            self.reloads,
            if self.reloads == 1 { "" } else { "s" },
        );
        if let Some(tick) = self.ended_at {
            let _ = writeln!(out, "  the room closed itself at tick {tick}");
        }
        if let Some(first) = self.refused.first() {
            let _ = writeln!(out, "  not let in: {first}{}", more(self.refused.len() - 1));
        }
        out.push('\n');
        out
    }

    fn write_fields(&self, out: &mut String) {
        for (index, field) in self.fields.iter().take(FIELDS_MAX).enumerate() {
            let label = if index == 0 { "fields, B/s" } else { "" };
            let bytes = thousands(field.bytes_per_second.round() as u64);
            let _ = writeln!(out, "  {label:<12}{bytes:>7}  {}", field.name);
        }
        if self.fields.len() > FIELDS_MAX {
            let rest: f64 = self.fields.iter().skip(FIELDS_MAX).map(|field| field.bytes_per_second).sum();
            let _ = writeln!(
                out,
                "  {:<12}{:>7}  {} others",
                "",
                thousands(rest.round() as u64),
                self.fields.len() - FIELDS_MAX
            );
        }
        out.push('\n');
    }

    fn write_problems(&self, out: &mut String) {
        if self.is_fine() {
            let _ = writeln!(out, "fine: no errors, and nothing is lost by a reload");
            return;
        }
        let count = self.problems.len() as u32 + self.more_problems;
        let _ = writeln!(out, "{count} problem{}:", if count == 1 { "" } else { "s" });
        for problem in &self.problems {
            let times =
                if problem.times > 1 { format!(", {} times", thousands(problem.times.into())) } else { String::new() };
            let _ = writeln!(out, "  tick {}{times}: {}", problem.tick, indented(&problem.text));
        }
        if self.clamped > 0 {
            let _ = writeln!(out, "  {} values were outside their field's range altogether", thousands(self.clamped));
        }
    }
}

fn more(n: usize) -> String {
    if n == 0 { String::new() } else { format!(" (and {n} more)") }
}

/// Tracebacks without the frames that are the engine's own.
pub(super) fn indented(text: &str) -> String {
    let theirs = |line: &&str| !line.contains("[airboat ") && !line.contains("[C]") && !line.trim().is_empty();
    let lines: Vec<&str> = text.lines().take(1).chain(text.lines().skip(1).filter(theirs)).collect();
    let shown = lines.iter().take(TRACEBACK_MAX).map(|line| line.trim()).collect::<Vec<_>>();
    // A traceback of one place says nothing new.
    let trace = shown.iter().position(|line| *line == "stack traceback:");
    let end = trace.filter(|at| shown.len() <= at + 2).unwrap_or(shown.len());
    shown[..end].join("\n      ")
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
