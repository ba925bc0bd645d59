//! What a room costs: time to open, memory idle, memory once it has been played and its traces are compiled.
//!
//! `cargo bench --bench rooms`. A room is idle as it was opened, and after ticks in which nobody is there. Resident memory of this process before and after, divided by the number of rooms. With more
//! than one module in `AIRBOAT_MODULES`, later ones find memory that earlier ones have freed: believe the first only.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod common;

use airboat::game::{Game, lua::Settings};
use common::{Played, factory, median, size, timed};

const PLAYERS: u32 = 2;
const TICKS: u32 = 300;

fn resident_kb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4.0
}

fn main() {
    let rooms = size("AIRBOAT_ROOMS", 1_000);
    let modules = std::env::var("AIRBOAT_MODULES").unwrap_or_else(|_| "sample".into());
    for module in modules.split(' ') {
        let factory = factory(module, &Settings::default());
        let per_room = |kb: f64| kb / f64::from(rooms);
        // The first one pays for what all share.
        drop(Played::open(&factory));
        let start = resident_kb();
        let (mut open, mut times) = (Vec::new(), Vec::new());
        for _ in 0..rooms {
            let (room, took) = timed(|| Played::open(&factory));
            open.push(room);
            times.push(took.as_micros());
        }
        let idle = per_room(resident_kb() - start);
        let script_kb =
            |open: &[Played]| open.iter().map(|room| room.game.memory_bytes()).sum::<usize>() as f64 / 1024.0;
        let idle_script = per_room(script_kb(&open));
        open.iter_mut().for_each(|room| room.play(TICKS));
        let ticked = per_room(resident_kb() - start);
        let ticked_script = per_room(script_kb(&open));
        for room in &mut open {
            room.join(PLAYERS);
            room.play(TICKS);
        }
        let played = per_room(resident_kb() - start);
        let played_script = per_room(script_kb(&open));
        let most = times.iter().max().copied().unwrap_or_default();
        println!(
            "{module}, {rooms} rooms: opened in {} us (median), {most} us at most; idle {idle:.0} kB resident, {idle_script:.0} kB \
             of Lua; after {TICKS} ticks of nobody {ticked:.0} and {ticked_script:.0}; after {TICKS} more of {PLAYERS} players {played:.0} and {played_script:.0}",
            median(&mut times)
        );
    }
}
