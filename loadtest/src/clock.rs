//! When the server stepped a tick, in our own time: estimated from pings.

use std::collections::VecDeque;

use airboat::protocol::{Micros, Tick};

/// Pings remembered; the quickest of them is believed, because its way there and back had least room to differ.
const SAMPLES: usize = 5;
/// A disagreement above what the round trips explain, plus this, means that the room skipped ticks.
const SHIFT_US: f64 = 3_000.0;

#[derive(Debug, Clone)]
pub struct Clock {
    tick_us: f64,
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    rtt_us: f64,
    tick: Tick,
    /// When `tick` was stepped, in our time.
    at: f64,
}

impl Clock {
    pub fn new(tick_rate: u32) -> Self {
        Self { tick_us: 1e6 / f64::from(tick_rate.max(1)), samples: VecDeque::new() }
    }

    /// "At the moment of the answer the newest tick was `tick`, stepped `age_us` ago."
    pub fn pong(&mut self, sent: Micros, received: Micros, tick: Tick, age_us: u32) {
        let rtt_us = received.saturating_sub(sent) as f64;
        let sample = Sample { rtt_us, tick, at: sent as f64 + rtt_us / 2.0 - f64::from(age_us) };
        if let Some(best) = self.best() {
            let disagreement = (self.at(best, tick) - sample.at).abs();
            if disagreement > (best.rtt_us + rtt_us) / 2.0 + SHIFT_US {
                self.samples.clear();
            }
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// When `tick` was or will be stepped; None before the first pong.
    pub fn tick_at(&self, tick: Tick) -> Option<f64> {
        self.best().map(|best| self.at(best, tick))
    }

    pub fn rtt_us(&self) -> Option<f64> {
        self.best().map(|best| best.rtt_us)
    }

    fn best(&self) -> Option<&Sample> {
        self.samples.iter().min_by(|a, b| a.rtt_us.total_cmp(&b.rtt_us))
    }

    fn at(&self, sample: &Sample, tick: Tick) -> f64 {
        sample.at + (f64::from(tick) - f64::from(sample.tick)) * self.tick_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_ping_is_believed() {
        let mut clock = Clock::new(50);
        assert_eq!(clock.tick_at(1), None);
        clock.pong(1_000_000, 1_008_000, 100, 4_000); // answered at 1.004 s at best: tick 100 at 1.000 s
        assert_eq!(clock.tick_at(100), Some(1_000_000.0));
        clock.pong(2_000_000, 2_001_000, 150, 1_500); // a shorter way: tick 150 at 1.999 s
        assert_eq!(clock.tick_at(150), Some(1_999_000.0));
        clock.pong(3_000_000, 3_009_000, 200, 0);
        assert_eq!(clock.tick_at(200), Some(2_999_000.0));
        assert_eq!(clock.rtt_us(), Some(1_000.0));
    }

    #[test]
    fn skipped_ticks_start_it_over() {
        let mut clock = Clock::new(50);
        clock.pong(1_000_000, 1_001_000, 100, 500);
        clock.pong(2_000_000, 2_006_000, 145, 3_000); // five ticks were skipped: 100 ms
        assert_eq!(clock.tick_at(145), Some(2_000_000.0));
    }
}
