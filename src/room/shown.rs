//! What stood on a player's screen when each of their inputs was made: `room:seen` looks at the room as it was then.
//!
//! A frame tells it for its newest input; older inputs in it are one tick older each.

use std::collections::VecDeque;

use crate::protocol::Tick;

/// Inputs that may wait: as many as a lane usually holds. Above it the oldest go, and the next one speaks for them.
const KEPT_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Shown {
    /// Ascending: low 16 bits of an input's number, and the tick shown, with its fraction.
    waiting: VecDeque<(u16, f64)>,
    /// The input that was applied last, and what was shown then.
    last: Option<(u32, f64)>,
}

impl Shown {
    /// A frame has come: `view` is the tick shown times 8, low 16 bits, and `now` the room's tick.
    pub fn note(&mut self, newest: u16, view: u16, now: Tick) {
        if self.waiting.back().is_some_and(|(number, _)| newest.wrapping_sub(*number) as i16 <= 0) {
            return; // overtaken on the way
        }
        let behind = (now.wrapping_mul(8) as u16).wrapping_sub(view) as i16;
        if self.waiting.len() >= KEPT_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((newest, f64::from(now) - f64::from(behind) / 8.0));
    }

    /// For the tick `now`, in which `applied` is the last input applied. While none comes the screen goes on.
    pub fn at(&mut self, applied: u32, now: Tick) -> f64 {
        let next = match self.last {
            Some((number, shown)) if number == applied => shown + 1.0,
            _ => {
                self.take(applied as u16).unwrap_or_else(|| self.last.map_or(f64::from(now), |(_, shown)| shown + 1.0))
            }
        };
        let next = next.min(f64::from(now));
        self.last = Some((applied, next));
        next
    }

    fn take(&mut self, applied: u16) -> Option<f64> {
        while let Some((number, shown)) = self.waiting.front().copied() {
            let ahead = number.wrapping_sub(applied) as i16;
            if ahead >= 0 {
                return Some(shown - f64::from(ahead));
            }
            self.waiting.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_input_has_what_was_shown_when_it_was_made() {
        let mut shown = Shown::default();
        assert_eq!(shown.at(0, 100), 100.0, "nobody has said anything yet");
        shown.note(7, (96 * 8 + 3) as u16, 100);
        // Number 6 came with 7 only.
        assert_eq!(shown.at(6, 101), 95.375);
        assert_eq!(shown.at(7, 102), 96.375);
        // None waits: the screen goes on.
        assert_eq!(shown.at(7, 103), 97.375);
        shown.note(9, 99 * 8, 104);
        shown.note(8, 98 * 8, 104);
        assert_eq!(shown.at(9, 105), 99.0, "8 was skipped");
    }

    #[test]
    fn numbers_and_ticks_may_wrap_and_nobody_sees_the_future() {
        let mut shown = Shown::default();
        let tick = 0x2000_0001; // times 8 it is beyond 32 bits
        shown.note(65_535, (tick as u16).wrapping_mul(8).wrapping_sub(20), tick);
        shown.note(0, (tick as u16).wrapping_mul(8).wrapping_sub(12), tick);
        assert_eq!(shown.at(65_535, tick), f64::from(tick) - 2.5);
        assert_eq!(shown.at(65_536, tick + 1), f64::from(tick) - 1.5);
        shown.note(1, (tick as u16).wrapping_mul(8).wrapping_add(800), tick);
        assert_eq!(shown.at(65_537, tick + 2), f64::from(tick + 2));
    }
}
