//! What a link may send: two token buckets, and strikes for whoever keeps running into them.

use crate::{config::Limits, protocol::Micros};

/// Strikes older than this are forgiven.
const STRIKE_WINDOW: Micros = 10_000_000;

#[derive(Debug)]
pub(super) struct Rate {
    frames: f64,
    bytes: f64,
    at: Micros,
    strikes: u32,
    strikes_since: Micros,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
    /// Too many drops in a row.
    Close,
}

impl Rate {
    pub(super) fn new(limits: &Limits, now: Micros) -> Self {
        Self {
            frames: f64::from(limits.frames_burst),
            bytes: f64::from(limits.bytes_burst),
            at: now,
            strikes: 0,
            strikes_since: now,
        }
    }

    pub(super) fn admit(&mut self, bytes: usize, limits: &Limits, now: Micros) -> Verdict {
        let seconds = now.saturating_sub(self.at) as f64 / 1e6;
        self.at = now;
        let refill = |level: f64, rate: u32, burst: u32| (level + seconds * f64::from(rate)).min(f64::from(burst));
        self.frames = refill(self.frames, limits.frames_per_second, limits.frames_burst);
        self.bytes = refill(self.bytes, limits.bytes_per_second, limits.bytes_burst);
        if self.frames >= 1.0 && self.bytes >= bytes as f64 {
            self.frames -= 1.0;
            self.bytes -= bytes as f64;
            return Verdict::Pass;
        }
        if now.saturating_sub(self.strikes_since) > STRIKE_WINDOW {
            self.strikes = 0;
            self.strikes_since = now;
        }
        self.strikes += 1;
        if self.strikes > limits.rate_strikes { Verdict::Close } else { Verdict::Drop }
    }
}
