//! What containment costs: the ticks of real modules with the watchdog and the memory cap, and without, in one run.
//!
//! `cargo bench --bench containment`. Rounds alternate, each on fresh VMs; a round's figure is the median of its tick
//! times over slices of 50 ticks, the result the median of the rounds. Not taken away, as it cannot be told from noise or
//! is built in: the sandbox's wrappers (`pcall`, patterns) and LuaJIT's own check for hooks in compiled loops.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod common;

use airboat::game::{Budgets, lua::Settings};
use common::{Played, factory, median, size, timed};

const PLAYERS: u32 = 8;
const WARM_TICKS: u32 = 1_000;
const SLICE: u32 = 50;
const SLICES: u32 = 60;

fn main() {
    let rounds = size("AIRBOAT_ROUNDS", 21);
    let contained = Settings::default();
    // A budget without an end arms nothing, a cap of nothing is none.
    let budgets = Budgets { callback_us: u64::MAX, load_us: u64::MAX, memory_bytes: 0 };
    let bare = Settings { budgets, ..contained.clone() };
    for module in ["tank8", "warbattles"] {
        let factories = [factory(module, &contained), factory(module, &bare)];
        let mut figures = [Vec::new(), Vec::new()];
        let mut ratios = Vec::new();
        for round in 0..rounds {
            let mut pair = [0, 0];
            for turn in 0..2 {
                // Who goes first changes from round to round.
                let which = ((round + turn) % 2) as usize;
                let mut room = Played::open(&factories[which]);
                room.join(PLAYERS);
                room.play(WARM_TICKS);
                let mut slices: Vec<_> =
                    (0..SLICES).map(|_| timed(|| room.play(SLICE)).1.as_nanos() / u128::from(SLICE)).collect();
                pair[which] = median(&mut slices);
                figures[which].push(pair[which]);
            }
            ratios.push(pair[0] * 10_000 / pair[1].max(1));
        }
        let [with, without] = &mut figures;
        let (with, without) = (median(with) as f64 / 1000.0, median(without) as f64 / 1000.0);
        let ratio = median(&mut ratios) as f64 / 10_000.0;
        println!(
            "{module}, {PLAYERS} players: {with:.2} us a tick contained, {without:.2} us bare; median of {rounds} ratios {ratio:.3}"
        );
    }
}
