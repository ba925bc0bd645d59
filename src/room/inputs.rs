//! One player's inputs on the way from the lane to the script: ordered by number, one a tick.
//!
//! Numbers are not tied to ticks. With none waiting the holds repeat and no number is used up; after a while, or when the
//! link is lost, they become neutral. Presses are running counts on the wire, so none is lost, doubled or repeated.

use std::collections::BTreeMap;

use crate::protocol::{
    Micros,
    input::InputFrame,
    schema::{Field, FieldKind, PRESS_MASK},
    snapshot::InputReport,
    varint::widen,
};

/// Without input for this long, holds become neutral.
const NEUTRAL_AFTER: Micros = 250_000;
/// Inputs that may wait without being called too many.
const TARGET: usize = 1;
/// Ticks the buffer must stand above its target before one input is skipped.
const PATIENCE_TICKS: u32 = 15;

#[derive(Debug)]
pub struct InputBuffer {
    kinds: Vec<FieldKind>,
    /// Steps and time of arrival by number; all above `applied`.
    waiting: BTreeMap<u32, (Vec<i32>, Micros)>,
    capacity: usize,
    applied: u32,
    /// The steps of the last applied input; presses as the running count.
    held: Vec<i32>,
    /// The input of this tick in real units.
    values: Vec<f64>,
    started: bool,
    heard: Micros,
    ticks_above_target: u32,
    substituted_at: Option<Micros>,
    substitutions: u8,
    skips: u8,
    slack_half_ms: i8,
}

/// What one tick took from the buffer; for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    pub substituted: bool,
    pub skipped: u32,
}

impl InputBuffer {
    pub fn new(fields: &[Field], capacity: usize) -> Self {
        let kinds: Vec<_> = fields.iter().map(|f| f.kind.clone()).collect();
        let mut buffer = Self {
            held: vec![0; kinds.len()],
            values: vec![0.0; kinds.len()],
            kinds,
            waiting: BTreeMap::new(),
            capacity,
            applied: 0,
            started: false,
            heard: 0,
            ticks_above_target: 0,
            substituted_at: None,
            substitutions: 0,
            skips: 0,
            slack_half_ms: 0,
        };
        buffer.neutral();
        buffer
    }

    /// Begins anew for a client that starts from the join answer: returns the number of its first input.
    pub fn restart(&mut self) -> u32 {
        self.applied = self.waiting.last_key_value().map_or(self.applied, |(number, _)| *number);
        self.waiting.clear();
        for (held, kind) in self.held.iter_mut().zip(&self.kinds) {
            if *kind == FieldKind::Press {
                *held = 0;
            }
        }
        self.started = false;
        self.applied + 1
    }

    /// Takes in a packet; numbers already applied or waiting are repeats.
    pub fn receive(&mut self, frame: InputFrame, arrived: Micros) {
        let newest = widen(frame.newest, self.waiting.last_key_value().map_or(self.applied, |(n, _)| *n));
        for (age, steps) in frame.inputs.into_iter().enumerate() {
            let Some(number) = newest.checked_sub(age as u32) else { break };
            if number <= self.applied {
                break;
            }
            self.waiting.entry(number).or_insert((steps, arrived));
        }
        while self.waiting.len() > self.capacity {
            self.waiting.pop_first();
        }
        self.heard = arrived;
    }

    /// Holds become neutral: numbers 0, flags off, the first choice. Angles stay where they point.
    pub fn neutral(&mut self) {
        for (held, kind) in self.held.iter_mut().zip(&self.kinds) {
            match kind {
                FieldKind::Angle | FieldKind::Press => {}
                kind => *held = kind.quantise(0.0).0,
            }
        }
    }

    /// The input of the tick that is due at `now`.
    pub fn next(&mut self, now: Micros) -> (&[f64], Taken) {
        let mut taken = Taken::default();
        self.relieve();
        let before: Vec<i32> = self.held.clone();
        match self.waiting.pop_first() {
            Some((number, (steps, arrived))) => {
                taken.skipped = number - self.applied - 1;
                self.skips = self.skips.wrapping_add(taken.skipped as u8);
                self.applied = number;
                self.held = steps;
                self.slack_half_ms = self.slack(arrived, now);
                self.started = true;
                self.substituted_at = None;
            }
            None => {
                taken.substituted = self.started;
                self.substitutions = self.substitutions.wrapping_add(u8::from(self.started));
                self.substituted_at.get_or_insert(now);
                if now.saturating_sub(self.heard) > NEUTRAL_AFTER {
                    self.neutral();
                }
            }
        }
        for (index, kind) in self.kinds.iter().enumerate() {
            self.values[index] = match kind {
                FieldKind::Press => f64::from((self.held[index] - before[index]) & PRESS_MASK),
                kind => kind.dequantise(self.held[index]),
            };
        }
        (&self.values, taken)
    }

    /// Skips one input when too many have waited for too long. Its presses live on in the running counts.
    fn relieve(&mut self) {
        if self.waiting.len() <= TARGET + 1 {
            self.ticks_above_target = 0;
            return;
        }
        self.ticks_above_target += 1;
        if self.ticks_above_target >= PATIENCE_TICKS {
            self.ticks_above_target = 0;
            self.waiting.pop_first();
        }
    }

    /// How early an input came, in half milliseconds; negative when a tick had to do without it.
    fn slack(&self, arrived: Micros, now: Micros) -> i8 {
        let half_ms = match self.substituted_at {
            Some(missed) if self.started => -(arrived.saturating_sub(missed) as i64) / 500,
            _ => now.saturating_sub(arrived) as i64 / 500,
        };
        half_ms.clamp(-128, 127) as i8
    }

    pub fn report(&self) -> InputReport {
        InputReport {
            applied: self.applied,
            substitutions: self.substitutions,
            skips: self.skips,
            slack_half_ms: self.slack_half_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Micros = 33_333;

    fn buffer() -> InputBuffer {
        let field = |name: &str, kind| Field { name: name.into(), kind };
        let mx = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
        InputBuffer::new(&[field("fire", FieldKind::Press), field("mx", mx)], 64)
    }

    fn packet(newest: u32, inputs: &[[i32; 2]]) -> InputFrame {
        let inputs = inputs.iter().map(|i| i.to_vec()).collect();
        InputFrame { newest: newest as u16, inputs, ..InputFrame::default() }
    }

    #[test]
    fn repeats_fill_gaps_and_nothing_is_applied_twice() {
        let mut buffer = buffer();
        buffer.receive(packet(1, &[[1, 10]]), 0);
        buffer.receive(packet(3, &[[2, 30], [2, 20], [1, 10]]), 0);
        let mut applied = Vec::new();
        for tick in 1..=4 {
            let (values, taken) = buffer.next(tick * TICK);
            applied.push((values[0], (values[1] * 127.0).round(), taken.substituted));
        }
        assert_eq!(applied, [(1.0, 10.0, false), (1.0, 20.0, false), (0.0, 30.0, false), (0.0, 30.0, true)]);
        buffer.receive(packet(2, &[[2, 20]]), 0);
        buffer.next(5 * TICK);
        assert_eq!(buffer.report().applied, 3);
        assert_eq!(buffer.report().substitutions, 2);
    }

    #[test]
    fn lost_numbers_count_as_skips_and_keep_their_presses() {
        let mut buffer = buffer();
        buffer.receive(packet(1, &[[1, 10]]), 0);
        buffer.next(TICK);
        buffer.receive(packet(9, &[[3, 90]]), TICK);
        let (values, taken) = buffer.next(2 * TICK);
        assert_eq!(values[0], 2.0);
        assert_eq!(taken.skipped, 7);
        assert_eq!(buffer.report().skips, 7);
    }

    #[test]
    fn holds_become_neutral_after_silence() {
        let mut buffer = buffer();
        buffer.receive(packet(1, &[[0, 127]]), 0);
        assert_eq!(buffer.next(TICK).0[1], 1.0);
        assert_eq!(buffer.next(2 * TICK).0[1], 1.0);
        assert_eq!(buffer.next(NEUTRAL_AFTER + 2 * TICK).0[1], 0.0);
    }

    #[test]
    fn a_standing_queue_is_shortened() {
        let mut buffer = buffer();
        let mut skipped = 0;
        let mut newest = 3;
        buffer.receive(packet(3, &[[0, 3], [0, 2], [0, 1]]), 0);
        for tick in 1..=40 {
            newest += 1;
            buffer.receive(packet(newest, &[[0, 1]]), tick * TICK);
            skipped += buffer.next(tick * TICK + 1).1.skipped;
        }
        assert_eq!(skipped, 2, "the queue is down to its target and stays there");
        assert_eq!(buffer.report().skips, 2);
    }

    #[test]
    fn slack_tells_early_from_late() {
        let mut buffer = buffer();
        buffer.receive(packet(1, &[[0, 1]]), 30_000);
        buffer.next(40_000);
        assert_eq!(buffer.report().slack_half_ms, 20);
        buffer.next(70_000);
        buffer.receive(packet(2, &[[0, 1]]), 75_000);
        buffer.next(100_000);
        assert_eq!(buffer.report().slack_half_ms, -10);
    }
}
