//! How much a room keeps: idle, and when a game is over in it.

use std::path::Path;

use super::*;
use crate::protocol::CloseReason;

/// Bytes of Lua that an idle room of the benchmark module may have.
const IDLE_MAX: usize = 100 << 10;

fn bundled(module: &str, settings: &Settings) -> Bench {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules").join(module);
    Bench::with(LuaFactory::from_folder(&folder, settings).unwrap().create_lua().unwrap())
}

#[test]
fn an_idle_room_of_tank8_stays_small() {
    let mut bench = bundled("tank8", &patient());
    assert!(bench.game.memory_bytes() <= IDLE_MAX, "opened: {} bytes", bench.game.memory_bytes());
    bench.steps(3_000);
    // Compiled code, and a fifth of garbage before the next collection.
    let ticked = bench.game.memory_bytes();
    assert!(ticked <= IDLE_MAX * 13 / 10, "after ticks of nobody: {ticked} bytes");
}

/// Four play for ten seconds and leave, twice: live bytes five seconds later, and all bytes when the room has rested.
fn left_and_rested(settings: &Settings) -> [(usize, usize); 2] {
    let mut bench = bundled("tank8", settings);
    let input: &[f64] = &[0.5, 1.0, 0.3, 1.0];
    let input = &input[..bench.game.info().schema.inputs.len()];
    [(); 2].map(|()| {
        bench.join_all(1..=4);
        (0..300).for_each(|_| bench.try_step(&[1, 2, 3, 4].map(|number| (number, input))).unwrap());
        for number in 1..=4 {
            bench.game.leave(number, CloseReason::Left, &mut bench.effects).unwrap();
        }
        bench.steps(150);
        bench.game.collect_garbage(); // or the figure depends on where the collector happens to stand
        let left = bench.game.memory_bytes();
        bench.steps(165);
        (left, bench.game.memory_bytes())
    })
}

/// Compiled code is measured against the same games without any. A third of it is back soon: rooms go on ticking.
#[test]
fn a_room_that_everybody_left_gives_back_what_playing_had_compiled() {
    let compiled = left_and_rested(&patient());
    let interpreted = left_and_rested(&Settings { jit: false, ..patient() });
    for ((left, rested), (bare, _)) in compiled.into_iter().zip(interpreted) {
        let code = left - bare;
        assert!(
            code > 0 && rested < bare + code * 2 / 3,
            "{left} bytes when everybody had left, {rested} after a rest, {bare} without compiled code"
        );
    }
}

/// A hostile heap, all of it garbage, is left to the collector's small steps: a whole collection is one step that nothing can stop.
#[test]
fn a_large_room_is_not_collected_at_once() {
    let mut bench = Bench::new(&module(
        "local kept = {}\n\
         function game.open() for i = 1, 100000 do kept[i] = { i } end end\n\
         function game.leave() kept = nil end",
    ));
    bench.join(1).step();
    bench.game.leave(1, CloseReason::Left, &mut bench.effects).unwrap();
    bench.steps(400);
    let kept = bench.game.memory_bytes();
    assert!(kept > 8 << 20, "{kept} bytes are left: more than that was collected in one step");
}
