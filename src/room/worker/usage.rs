//! What a room's steps take of a core, second by second: a share of its period, so that it shows in full where a worker is
//! too busy to give a room all its ticks.
//!
//! Wall time is known anyway and never less than CPU time. Only where it looks like too much, the CPU is asked for: a room
//! that had to wait for a core is not to blame.

use crate::protocol::Micros;

const SECOND: Micros = 1_000_000;

/// Seconds in a row that a room may be above its share: opening, a new level, and the compiler's first traces are no habit.
const OVER_SECS: u32 = 3;

#[derive(Debug)]
pub(super) struct Usage {
    /// When the second that is being measured began.
    since: Micros,
    steps: Micros,
    used: Micros,
    /// In this second the CPU is asked for.
    by_cpu: bool,
    /// Seconds in a row above the share.
    over: u32,
}

impl Usage {
    pub(super) fn new(now: Micros) -> Self {
        Self { since: now, steps: 0, used: 0, by_cpu: false, over: 0 }
    }

    /// Whether `note` wants to know what CPU time the next step takes.
    pub(super) const fn asks_for_cpu(&self) -> bool {
        self.by_cpu
    }

    /// A step is over; `cpu` is what it took where that was asked for. Once a second: the percentage of a core at most,
    /// if it is known.
    pub(super) fn note(
        &mut self,
        now: Micros,
        wall: Micros,
        cpu: Option<Micros>,
        period: Micros,
        most: u32,
    ) -> Option<u32> {
        self.steps += 1;
        self.used += cpu.unwrap_or(wall);
        if now.saturating_sub(self.since) < SECOND {
            return None;
        }
        let share = u32::try_from(self.used * 100 / (self.steps * period)).unwrap_or(u32::MAX);
        // Half of it is what a room must keep to before it is trusted again.
        let suspicious = share > most / 2;
        let known = self.by_cpu || !suspicious;
        let over = if known && share > most { self.over + 1 } else { self.over * u32::from(!known) };
        *self = Self { since: now, by_cpu: suspicious, over, ..Self::new(now) };
        known.then_some(share)
    }

    /// Whether it has been above its share for too long.
    pub(super) const fn is_too_much(&self) -> bool {
        self.over >= OVER_SECS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Micros = 10_000;

    /// Seconds of steps that take so much.
    fn run(usage: &mut Usage, from: Micros, seconds: Micros, wall: Micros, cpu: Micros) -> Vec<u32> {
        let ticks = (1..=seconds * SECOND / PERIOD).map(|tick| from + tick * PERIOD);
        let mut step = |now| {
            let cpu = usage.asks_for_cpu().then_some(cpu);
            usage.note(now, wall, cpu, PERIOD, 25)
        };
        ticks.filter_map(&mut step).collect()
    }

    #[test]
    fn a_room_is_over_its_share_after_some_seconds_of_it() {
        let mut usage = Usage::new(0);
        assert_eq!(run(&mut usage, 0, 3, 9_000, 9_000), [90, 90], "the first second only raises the suspicion");
        assert!(!usage.is_too_much());
        assert_eq!(run(&mut usage, 3 * SECOND, 1, 9_000, 9_000), [90]);
        assert!(usage.is_too_much());
        assert_eq!(run(&mut usage, 4 * SECOND, 1, 1_000, 1_000), [10]);
        assert!(!usage.is_too_much());
    }

    #[test]
    fn waiting_for_a_core_is_no_fault() {
        let mut usage = Usage::new(0);
        assert_eq!(run(&mut usage, 0, 10, 9_000, 1_000), [10; 5], "every other second is looked at");
        assert!(!usage.is_too_much());
    }

    #[test]
    fn what_is_cheap_is_never_asked_for_its_cpu() {
        let mut usage = Usage::new(0);
        for second in 0..5 {
            assert_eq!(run(&mut usage, second * SECOND, 1, 1_200, 9_999), [12]);
            assert!(!usage.asks_for_cpu());
        }
    }

    /// A worker with ten times as much to do as it can: each room gets few of its ticks.
    #[test]
    fn on_a_worker_that_is_too_busy_the_share_is_what_all_ticks_would_take() {
        let mut usage = Usage::new(0);
        let shares: Vec<_> = (1..=50)
            .filter_map(|tick| {
                let cpu = usage.asks_for_cpu().then_some(8_000);
                usage.note(tick * 100_000, 8_000, cpu, PERIOD, 25)
            })
            .collect();
        assert_eq!(shares, [80; 4]);
        assert!(usage.is_too_much());
    }
}
