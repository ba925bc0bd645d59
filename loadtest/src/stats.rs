//! What one bot measured, and the sum over all of them.

use airboat::protocol::Micros;
use hdrhistogram::Histogram;

use crate::{client::Hashes, tank8::Checks};

/// Sentences kept about errors, by each bot and in the sum: enough to see what went wrong.
const COMPLAINTS: usize = 10;

/// Durations in microseconds, to three digits.
#[derive(Debug, Clone)]
pub struct Durations(Histogram<u32>);

impl Default for Durations {
    fn default() -> Self {
        let mut histogram = Histogram::new_with_bounds(1, 2, 3).unwrap_or_else(|_| unreachable!("constant arguments"));
        histogram.auto(true);
        Self(histogram)
    }
}

impl Durations {
    pub fn record(&mut self, us: f64) {
        // It grows as needed; an hour fits.
        let _ = self.0.record(us.clamp(0.0, 3.6e9) as u64);
    }

    pub fn add(&mut self, other: &Self) {
        // It grows to hold what the other held; it could only fail if it did not.
        let _ = self.0.add(&other.0);
    }

    /// None without a single sample.
    pub fn percentile_ms(&self, percentile: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_percentile(percentile) as f64 / 1e3)
    }

    /// Shares of the samples in `bins` equal parts from 0 to `most_ms`; what is above is in none.
    pub fn shares(&self, most_ms: f64, bins: usize) -> Vec<f64> {
        let edge = |bin: usize| (most_ms * 1e3 * bin as f64 / bins as f64) as u64;
        let all = self.0.len().max(1) as f64;
        (0..bins)
            .map(|bin| self.0.count_between(edge(bin) + 1, edge(bin + 1).max(edge(bin) + 1)) as f64 / all)
            .collect()
    }
}

/// The time in which figures count, known once everyone has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Micros,
    pub end: Micros,
}

impl Window {
    pub const fn holds(&self, now: Micros) -> bool {
        now >= self.start && now < self.end
    }
}

#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Input to state.
    pub latency: Durations,
    pub state_age: Durations,
    /// How late inputs went out, by the bot's own fault.
    pub lateness: Durations,
    /// How early inputs came to their tick, by the server's word; those too late as nothing, and counted.
    pub slack: Durations,
    pub late: u64,
    /// Ticks that had no input of ours.
    pub substituted: u64,
    pub rx_bytes: u64,
    pub inputs_sent: u64,
    pub input_bytes: u64,
    pub snapshots: u64,
    /// Snapshots in each second of the window.
    pub by_second: Vec<u64>,
    pub inputs_applied: u64,
    /// Time inside the window during which the bot was in its room.
    pub played_us: u64,
    pub checks: Checks,
    pub hashes: Hashes,
    pub errors: u64,
    pub complaints: Vec<String>,
}

impl Stats {
    pub fn complain(&mut self, sentence: String) {
        self.errors += 1;
        self.keep(sentence);
    }

    pub fn snapshot(&mut self, second: usize) {
        self.snapshots += 1;
        self.in_second(second, 1);
    }

    fn in_second(&mut self, second: usize, snapshots: u64) {
        self.by_second.resize(self.by_second.len().max(second + 1), 0);
        self.by_second[second] += snapshots;
    }

    fn keep(&mut self, sentence: String) {
        if self.complaints.len() < COMPLAINTS {
            self.complaints.push(sentence);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.latency.add(&other.latency);
        self.state_age.add(&other.state_age);
        self.lateness.add(&other.lateness);
        self.slack.add(&other.slack);
        self.late += other.late;
        self.substituted += other.substituted;
        self.rx_bytes += other.rx_bytes;
        self.inputs_sent += other.inputs_sent;
        self.input_bytes += other.input_bytes;
        other.by_second.iter().enumerate().for_each(|(second, snapshots)| self.in_second(second, *snapshots));
        self.snapshots += other.snapshots;
        self.inputs_applied += other.inputs_applied;
        self.played_us += other.played_us;
        self.checks.exact += other.checks.exact;
        self.checks.resynchronised += other.checks.resynchronised;
        self.hashes.worlds += other.hashes.worlds;
        self.hashes.documents += other.hashes.documents;
        self.hashes.uncompared += other.hashes.uncompared;
        self.errors += other.errors;
        other.complaints.into_iter().for_each(|sentence| self.keep(sentence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_survive_adding() {
        let (mut low, mut high) = (Durations::default(), Durations::default());
        (1..=50).for_each(|n| low.record(f64::from(n) * 1_000.0));
        (51..=100).for_each(|n| high.record(f64::from(n) * 1_000.0));
        assert_eq!(Durations::default().percentile_ms(50.0), None);
        low.add(&high);
        let near = |p: f64, ms: f64| (low.percentile_ms(p).unwrap() - ms).abs() < ms / 500.0;
        assert!(near(50.0, 50.0) && near(95.0, 95.0) && near(99.0, 99.0));
    }
}
