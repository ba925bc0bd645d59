//! When within their period rooms are due. Those that are due together share one wake-up of the worker and of the
//! sockets' threads, and wait for one another; so periods are cut into slots, and a new room gets the emptiest.

use crate::protocol::Micros;

/// The first tick after `now` of a room with this period, in the slot that has the fewest of the `others`: when they are
/// due, with the same period. `slot`: its length; 0 lets every room be due when it was opened.
pub(super) fn first_tick(now: Micros, period: Micros, slot: Micros, others: impl Iterator<Item = Micros>) -> Micros {
    let slots = period.checked_div(slot).unwrap_or(0) as usize;
    if slots < 2 {
        return now + period;
    }
    let length = period as f64 / slots as f64;
    let mut taken = vec![0_u32; slots];
    for due in others {
        taken[(((due % period) as f64 / length).round() as usize) % slots] += 1;
    }
    let fewest = taken.iter().min().copied().unwrap_or(0);
    // In steps of the golden ratio, so that a few rooms lie far apart.
    let spread = (0..).map(|n| (f64::from(n) * 0.618_033_988_75).fract() * slots as f64).map(|at| at as usize);
    let free = spread.take(16 * slots).find(|at| taken[*at] == fewest);
    let free = free.or_else(|| taken.iter().position(|n| *n == fewest)).unwrap_or(0);
    let phase = (free as f64 * length).round() as Micros;
    let begun = now - now % period + phase;
    if begun > now { begun } else { begun + period }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Micros = 33_333;

    #[test]
    fn slots_fill_evenly_and_every_room_is_due_in_time() {
        let mut due: Vec<Micros> = Vec::new();
        for n in 0..64 {
            let now = 5_000_000 + n * 12_345;
            let others = due.clone();
            let first = first_tick(now, PERIOD, 2_000, others.into_iter());
            assert!(first > now && first <= now + PERIOD, "{first} after {now}");
            due.push(first);
        }
        let mut phases: Vec<_> = due.iter().map(|at| at % PERIOD).collect();
        phases.sort_unstable();
        let mut slots: Vec<Vec<Micros>> = Vec::new();
        for phase in phases {
            match slots.last_mut() {
                Some(slot) if slot[0] == phase => slot.push(phase),
                _ => slots.push(vec![phase]),
            }
        }
        assert_eq!(slots.len(), 16, "33 ms in slots of 2 ms");
        assert!(slots.iter().all(|slot| slot.len() == 4), "{slots:?}");
    }

    #[test]
    fn the_first_rooms_lie_far_apart() {
        let first = first_tick(1_000_000, PERIOD, 2_000, std::iter::empty());
        let second = first_tick(1_000_000, PERIOD, 2_000, std::iter::once(first));
        let apart = (first % PERIOD).abs_diff(second % PERIOD);
        assert!(apart > 10_000 && apart < PERIOD - 10_000, "{apart}");
    }

    #[test]
    fn without_slots_a_room_is_due_a_period_after_it_was_opened() {
        assert_eq!(first_tick(7, PERIOD, 0, std::iter::empty()), 7 + PERIOD);
        assert_eq!(first_tick(7, 1_500, 2_000, std::iter::empty()), 7 + 1_500);
    }
}
