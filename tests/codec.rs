//! What the codec promises of sizes. Speed is measured by `cargo bench --bench codec`.

#![allow(clippy::print_stdout, reason = "seeds and sizes are printed")]

#[path = "support/allocations.rs"]
#[allow(unreachable_pub, reason = "several tests share it")]
mod allocations;
#[path = "../benches/common/arena.rs"]
mod arena;

use std::{collections::BTreeMap, sync::Arc};

use airboat::{
    config::Limits,
    protocol::{
        delta::{Encoder, Part},
        snapshot::{HEADER_BYTES, InputReport},
        world::World,
    },
    room::replication::{Plan, Replication, View},
    session::Delivery,
};
use arena::Arena;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Mean bytes of a snapshot over 20 s of play, its baseline `age` ticks older.
fn mean_snapshot(seed: u64, tick_rate: u32, tanks: u32, bullets: usize, age: usize) -> f64 {
    println!("seed {seed}");
    let mut arena = Arena::new(seed, tick_rate, tanks, bullets);
    let (mut encoder, mut worlds) = (Encoder::default(), Vec::new());
    let mut spent: BTreeMap<(usize, Part), usize> = BTreeMap::new();
    let ticks = 20 * tick_rate as usize;
    let mut bytes = 0;
    for _ in 0..ticks + age {
        arena.step();
        let mut world = World::empty(&arena.schema);
        arena.collect(&mut world);
        assert_eq!(world.entities(), tanks as usize + bullets);
        if worlds.len() >= age {
            let mut body = Vec::new();
            let baseline: &World = &worlds[worlds.len() - age];
            encoder.encode_metered(
                &mut body,
                &arena.schema,
                baseline,
                &world,
                arena.tick,
                &mut |class, part, bytes| {
                    *spent.entry((class, part)).or_default() += bytes;
                },
            );
            bytes += HEADER_BYTES + body.len();
        }
        worlds.push(world);
    }
    for ((class, part), bytes) in spent {
        println!("  {} {part:?}: {:.2}", arena.schema.classes[class].name, bytes as f64 / ticks as f64);
    }
    bytes as f64 / ticks as f64
}

#[test]
fn eight_tanks_and_thirty_two_bullets_take_at_most_64_bytes() {
    let mean = mean_snapshot(8, 60, 8, 32, 1);
    println!("{mean:.1} bytes");
    assert!(mean <= 64.0, "{mean}");
}

/// Allocations of a tick, warm: a room's world into the ring and to 8 players with acknowledgements of different ages.
fn allocations_a_tick(tanks: u32, bullets: usize) -> f64 {
    let mut arena = Arena::new(9, 30, tanks, bullets);
    let mut room = Replication::new(Arc::new(arena.schema.clone()), 7, Arc::new(Limits::default()));
    let mut views: Vec<View> = (0..8).map(|_| View::starting_from(0, true)).collect();
    let mut play = |ticks: u32| {
        let mut counted = 0;
        for _ in 0..ticks {
            arena.step();
            let mut world = room.blank();
            arena.collect(&mut world);
            let (_, count, _) = allocations::of(|| {
                room.commit(arena.tick, world);
                for (view, number) in views.iter_mut().zip(1..) {
                    if let Some(acked) = arena.tick.checked_sub(1 + number % 3) {
                        view.acknowledge(acked as u16, arena.tick);
                    }
                    let Plan::Send(baseline) = room.plan(view, Delivery::Datagram) else { continue };
                    room.snapshot(view, number, Delivery::Datagram, baseline, InputReport::default());
                }
            });
            counted += count;
        }
        counted as f64 / f64::from(ticks)
    };
    play(300);
    play(1000)
}

#[test]
fn a_tick_allocates_for_no_player() {
    let small = allocations_a_tick(8, 32);
    println!("{small} allocations a tick");
    assert!(small < 0.5, "{small}");
    // Portions keep worlds of their own, whose memory goes round.
    let large = allocations_a_tick(300, 100);
    println!("{large} allocations a tick in portions");
    assert!(large < 8.0, "{large}");
}
