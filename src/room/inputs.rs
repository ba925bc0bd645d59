//! One player's inputs on the way from the lane to the script: ordered by number, one a tick.
//!
//! Numbers are not tied to ticks. With none waiting the holds repeat and no number is used up; after a while, or when the
//! link is lost, they become neutral. Presses are running counts on the wire, so none is lost, doubled or repeated.
//!
//! How many inputs may wait follows from how much their arrivals scatter: one for almost everybody, more for those whose
//! network could not otherwise bring one to each tick. Runs for each player and tick, so nothing here allocates once warm.

use std::collections::VecDeque;

use crate::protocol::{
    Micros,
    input::InputFrame,
    schema::{FieldKind, PRESS_MASK, Schema},
    snapshot::InputReport,
    varint::widen,
};

/// Without input for this long, holds become neutral.
const NEUTRAL_AFTER: Micros = 250_000;
/// Inputs that may wait for a tick, the one it takes included, at most: 100 ms at 30 Hz.
const TARGET_MAX: usize = 4;
/// Inputs too many, summed over ticks, before one is skipped: one of them for 15 ticks, five for three.
const PATIENCE: usize = 15;
/// Share by which one arrival moves the measured scatter.
const SHARE: f32 = 1.0 / 32.0;
/// Times the scatter that the wait should cover: as in the clients' pacing, which covers half a period by itself.
const SCATTERS: f32 = 2.5;
/// One more may wait when the scatter calls for three quarters of a period more than is there; one less when it calls for
/// a quarter of a period less than that.
const GROW: f32 = 0.75;
const SHRINK: f32 = 1.5;
/// Packets further apart than this tell of silence, not of scatter.
const APART_MAX: u32 = 8;

#[derive(Debug)]
pub struct InputBuffer {
    kinds: Vec<FieldKind>,
    period: Micros,
    /// Ascending by number; all above `applied`.
    waiting: VecDeque<Waiting>,
    /// Steps of inputs that are done with, for the next to come.
    spare: Vec<Vec<i32>>,
    capacity: usize,
    applied: u32,
    /// The steps of the last applied input; presses as the running count.
    held: Vec<i32>,
    /// The input of this tick in real units.
    values: Vec<f64>,
    started: bool,
    heard: Micros,
    /// Number and arrival of the newest input.
    newest: Option<(u32, Micros)>,
    /// Mean difference between when packets come and when they should after the one before, in periods.
    scatter: f32,
    /// Inputs that may wait, the one a tick takes included.
    target: usize,
    excess: usize,
    substituted_at: Option<Micros>,
    substitutions: u8,
    skips: u8,
    slack_half_ms: i8,
}

#[derive(Debug)]
struct Waiting {
    number: u32,
    arrived: Micros,
    steps: Vec<i32>,
}

/// What one tick took from the buffer; for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    pub substituted: bool,
    pub skipped: u32,
}

impl InputBuffer {
    pub fn new(schema: &Schema, capacity: usize) -> Self {
        let kinds: Vec<_> = schema.inputs.iter().map(|f| f.kind.clone()).collect();
        let mut buffer = Self {
            held: vec![0; kinds.len()],
            values: vec![0.0; kinds.len()],
            kinds,
            period: 1_000_000 / Micros::from(schema.tick_rate.max(1)),
            waiting: VecDeque::new(),
            spare: Vec::new(),
            capacity,
            applied: 0,
            started: false,
            heard: 0,
            newest: None,
            scatter: 0.0,
            target: 1,
            excess: 0,
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
        self.applied = self.last_number();
        self.spare.extend(self.waiting.drain(..).map(|waiting| waiting.steps));
        for (held, kind) in self.held.iter_mut().zip(&self.kinds) {
            if *kind == FieldKind::Press {
                *held = 0;
            }
        }
        self.started = false;
        self.newest = None;
        self.applied + 1
    }

    fn last_number(&self) -> u32 {
        self.waiting.back().map_or(self.applied, |last| last.number)
    }

    /// Takes in a packet; numbers already applied or waiting are repeats.
    pub fn receive(&mut self, frame: &InputFrame, arrived: Micros) {
        let newest = widen(frame.newest, self.last_number());
        self.measure(newest, arrived);
        for (age, steps) in frame.inputs().enumerate() {
            let Some(number) = newest.checked_sub(age as u32) else { break };
            if number <= self.applied {
                break;
            }
            self.insert(number, steps, arrived);
        }
        while self.waiting.len() > self.capacity {
            self.drop_first();
        }
        self.heard = arrived;
    }

    /// From the back: what comes is almost always the newest.
    fn insert(&mut self, number: u32, steps: &[i32], arrived: Micros) {
        let place = self.waiting.iter().rposition(|waiting| waiting.number <= number);
        if place.is_some_and(|place| self.waiting[place].number == number) {
            return;
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(steps);
        self.waiting.insert(place.map_or(0, |place| place + 1), Waiting { number, arrived, steps: kept });
    }

    fn drop_first(&mut self) {
        self.spare.extend(self.waiting.pop_front().map(|waiting| waiting.steps));
    }

    /// How much arrivals scatter, and how many inputs should wait because of it.
    fn measure(&mut self, number: u32, arrived: Micros) {
        let Some((last, at)) = self.newest.replace((number, arrived)) else { return };
        if number <= last {
            self.newest = Some((last, at)); // overtaken on the way
            return;
        }
        if number - last > APART_MAX {
            return;
        }
        let due = at + Micros::from(number - last) * self.period;
        let off = arrived.abs_diff(due) as f32 / self.period as f32;
        self.scatter += (off.min(TARGET_MAX as f32) - self.scatter) * SHARE;
        let wanted = SCATTERS * self.scatter;
        if wanted > self.target as f32 - 1.0 + GROW {
            self.target = (self.target + 1).min(TARGET_MAX);
        } else if wanted < self.target as f32 - SHRINK {
            self.target -= 1;
        }
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
    pub fn next(&mut self, now: Micros) -> Taken {
        let mut taken = Taken::default();
        self.relieve();
        match self.waiting.pop_front() {
            Some(Waiting { number, arrived, steps }) => {
                taken.skipped = number - self.applied - 1;
                self.skips = self.skips.wrapping_add(taken.skipped as u8);
                self.applied = number;
                self.slack_half_ms = self.slack(arrived, now);
                self.started = true;
                self.substituted_at = None;
                let before = std::mem::replace(&mut self.held, steps);
                self.show(Some(&before));
                self.spare.push(before);
            }
            None => {
                taken.substituted = self.started;
                self.substitutions = self.substitutions.wrapping_add(u8::from(self.started));
                self.substituted_at.get_or_insert(now);
                if now.saturating_sub(self.heard) > NEUTRAL_AFTER {
                    self.neutral();
                }
                self.show(None);
            }
        }
        taken
    }

    /// Real units of what is held; presses are those since `before`.
    fn show(&mut self, before: Option<&[i32]>) {
        for (index, kind) in self.kinds.iter().enumerate() {
            let held = self.held[index];
            self.values[index] = match kind {
                FieldKind::Press => before.map_or(0.0, |before| f64::from((held - before[index]) & PRESS_MASK)),
                kind => kind.dequantise(held),
            };
        }
    }

    /// Skips one input when too many have waited for too long. Its presses live on in the running counts.
    fn relieve(&mut self) {
        if self.waiting.len() <= self.target {
            self.excess = 0;
            return;
        }
        self.excess += self.waiting.len() - self.target;
        if self.excess >= PATIENCE {
            self.excess = 0;
            self.drop_first();
        }
    }

    /// How early an input came, in half milliseconds, less the ticks it was meant to wait, but not below 0; negative when a
    /// tick had to do without it.
    fn slack(&self, arrived: Micros, now: Micros) -> i8 {
        if let Some(missed) = self.substituted_at.filter(|_| self.started) {
            let late = (arrived.saturating_sub(missed) / 500).min(128) as i64;
            return -late.max(1) as i8;
        }
        let meant = (self.target as u64 - 1) * self.period;
        (now.saturating_sub(arrived).saturating_sub(meant) / 500).min(127) as i8
    }

    pub fn report(&self) -> InputReport {
        InputReport {
            applied: self.applied,
            substitutions: self.substitutions,
            skips: self.skips,
            slack_half_ms: self.slack_half_ms,
        }
    }

    /// The inputs of the last tick in real units.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::schema::Field;

    const TICK: Micros = 33_333;

    fn buffer() -> InputBuffer {
        let field = |name: &str, kind| Field { name: name.into(), kind };
        let mx = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
        let inputs = vec![field("fire", FieldKind::Press), field("mx", mx)];
        InputBuffer::new(&Schema { tick_rate: 30, classes: Vec::new(), inputs }, 64)
    }

    fn packet(newest: u32, inputs: &[[i32; 2]]) -> InputFrame {
        InputFrame::of(newest as u16, inputs)
    }

    #[test]
    fn repeats_fill_gaps_and_nothing_is_applied_twice() {
        let mut buffer = buffer();
        buffer.receive(&packet(1, &[[1, 10]]), 0);
        buffer.receive(&packet(3, &[[2, 30], [2, 20], [1, 10]]), 0);
        let mut applied = Vec::new();
        for tick in 1..=4 {
            let taken = buffer.next(tick * TICK);
            let values = buffer.values();
            applied.push((values[0], (values[1] * 127.0).round(), taken.substituted));
        }
        assert_eq!(applied, [(1.0, 10.0, false), (1.0, 20.0, false), (0.0, 30.0, false), (0.0, 30.0, true)]);
        buffer.receive(&packet(2, &[[2, 20]]), 0);
        buffer.next(5 * TICK);
        assert_eq!(buffer.report().applied, 3);
        assert_eq!(buffer.report().substitutions, 2);
    }

    #[test]
    fn lost_numbers_count_as_skips_and_keep_their_presses() {
        let mut buffer = buffer();
        buffer.receive(&packet(1, &[[1, 10]]), 0);
        buffer.next(TICK);
        buffer.receive(&packet(9, &[[3, 90]]), TICK);
        let taken = buffer.next(2 * TICK);
        assert_eq!(buffer.values()[0], 2.0);
        assert_eq!(taken.skipped, 7);
        assert_eq!(buffer.report().skips, 7);
    }

    #[test]
    fn holds_become_neutral_after_silence() {
        let mut buffer = buffer();
        buffer.receive(&packet(1, &[[0, 127]]), 0);
        for (now, held) in [(TICK, 1.0), (2 * TICK, 1.0), (NEUTRAL_AFTER + 2 * TICK, 0.0)] {
            buffer.next(now);
            assert_eq!(buffer.values()[1], held);
        }
    }

    #[test]
    fn a_standing_queue_is_shortened() {
        let mut buffer = buffer();
        let mut skipped = 0;
        let mut newest = 3;
        buffer.receive(&packet(3, &[[0, 3], [0, 2], [0, 1]]), 0);
        for tick in 1..=40 {
            newest += 1;
            buffer.receive(&packet(newest, &[[0, 1]]), tick * TICK);
            skipped += buffer.next(tick * TICK + 1).skipped;
        }
        assert_eq!(skipped, 3, "three, two and then one too many, for 5, 8 and 15 ticks");
        assert_eq!(buffer.report().skips, 3);
    }

    #[test]
    fn slack_tells_early_from_late() {
        let mut buffer = buffer();
        buffer.receive(&packet(1, &[[0, 1]]), 30_000);
        buffer.next(40_000);
        assert_eq!(buffer.report().slack_half_ms, 20);
        buffer.next(70_000);
        buffer.receive(&packet(2, &[[0, 1]]), 75_000);
        buffer.next(100_000);
        assert_eq!(buffer.report().slack_half_ms, -10);
    }

    #[test]
    fn five_too_many_go_faster_than_one() {
        let mut buffer = buffer();
        let mut newest = 6;
        buffer.receive(&packet(2, &[[0, 1], [0, 1]]), 0);
        buffer.receive(&packet(6, &[[0, 1], [0, 1], [0, 1], [0, 1]]), 0);
        let mut ticks = 0;
        while buffer.waiting.len() > 1 {
            ticks += 1;
            newest += 1;
            buffer.next(ticks * TICK + 1);
            buffer.receive(&packet(newest, &[[0, 1]]), ticks * TICK + 2);
        }
        assert!((20..60).contains(&ticks), "{ticks} ticks, where one each 15 would be 75");
    }

    #[test]
    fn who_scatters_gets_a_deeper_buffer_and_loses_it_again() {
        let mut buffer = buffer();
        let mut number = 0;
        let mut play = |buffer: &mut InputBuffer, ticks: u32, late: &dyn Fn(u32) -> Micros| {
            let mut substituted = 0;
            for _ in 0..ticks {
                number += 1;
                let tick = Micros::from(number) * TICK;
                buffer.receive(&packet(number, &[[0, 1]]), tick - 15_000 + late(number));
                substituted += u32::from(buffer.next(tick).substituted);
            }
            substituted
        };
        play(&mut buffer, 100, &|_| 0);
        assert_eq!((buffer.target, buffer.report().slack_half_ms), (1, 30));
        play(&mut buffer, 200, &|number| Micros::from(number % 2) * 15_000);
        assert_eq!(buffer.target, 2);
        assert_eq!(buffer.report().slack_half_ms, 0, "it is meant to wait for another tick");
        play(&mut buffer, 200, &|_| 0);
        assert_eq!((buffer.target, buffer.report().slack_half_ms), (1, 30));
    }
}
