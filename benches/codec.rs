//! What the state sync costs: encoding, decoding, a room's tick of it, and the script's part beside that.
//!
//! `cargo bench --bench codec`. Where valgrind is installed, each subject runs once more under callgrind, which counts the
//! instructions of one call: a figure that does not depend on what else the machine does. The workload follows from the
//! seed that is printed.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod common;

use std::{process::Command, sync::Arc};

use airboat::{
    config::Limits,
    game::lua::Settings,
    protocol::{
        delta::{Encoder, decode},
        snapshot::{HEADER_BYTES, InputReport},
        varint::Reader,
        world::World,
    },
    room::replication::{Plan, Replication, View},
    session::Delivery,
};
use common::{
    Played, allocations,
    arena::{self, Arena},
    factory, median, size, timed,
};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const SEED: u64 = 8;
const TICKS: usize = 600;
/// Names the subject that a run under callgrind is about.
const UNDER: &str = "AIRBOAT_BENCH_SUBJECT";

/// Calls made, what a call does, and bytes where those are of interest.
type Subject = (&'static str, &'static str, fn() -> Box<dyn FnMut(usize)>);

const SUBJECTS: [Subject; 6] = [
    ("encode", "8 tanks, 32 bullets, 60 Hz, from the tick before", || encoding(60, 8, 32)),
    ("encode-64", "64 tanks, 128 bullets, 30 Hz, from the tick before", || encoding(30, 64, 128)),
    ("decode", "8 tanks, 32 bullets, 60 Hz, from the tick before", || decoding(60, 8, 32)),
    ("tick", "a room's world into the ring and to 8 players, of 3 baselines", || sending(8, 32, 8)),
    ("tick-partial", "the same of 300 tanks and 100 bullets, in portions", || sending(300, 100, 8)),
    ("script", "tank8's script, 8 players, whole ticks", script),
];

fn worlds(tick_rate: u32, tanks: u32, bullets: usize) -> (Arena, Vec<World>) {
    let mut arena = Arena::new(SEED, tick_rate, tanks, bullets);
    let worlds = (0..=TICKS).map(|_| {
        arena.step();
        let mut world = World::empty(&arena.schema);
        arena.collect(&mut world);
        world
    });
    let worlds = worlds.collect();
    (arena, worlds)
}

fn encoding(tick_rate: u32, tanks: u32, bullets: usize) -> Box<dyn FnMut(usize)> {
    let (arena, worlds) = worlds(tick_rate, tanks, bullets);
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    Box::new(move |call| {
        let at = call % TICKS;
        out.clear();
        encoder.encode(&mut out, &arena.schema, &worlds[at], &worlds[at + 1], at as u32 + 2);
        std::hint::black_box(&out);
    })
}

fn decoding(tick_rate: u32, tanks: u32, bullets: usize) -> Box<dyn FnMut(usize)> {
    let (arena, worlds) = worlds(tick_rate, tanks, bullets);
    let mut encoder = Encoder::default();
    let bodies: Vec<Vec<u8>> = (0..TICKS)
        .map(|at| {
            let mut out = Vec::new();
            encoder.encode(&mut out, &arena.schema, &worlds[at], &worlds[at + 1], at as u32 + 2);
            out
        })
        .collect();
    let mut world = World::empty(&arena.schema);
    Box::new(move |call| {
        let at = call % TICKS;
        world.clone_from(&worlds[at]);
        decode(&mut Reader::new(&bodies[at]), &arena.schema, &mut world, at as u32 + 2)
            .expect("it was encoded just now");
        std::hint::black_box(&world);
    })
}

/// Players whose acknowledgements are one, two and three ticks old.
fn sending(tanks: u32, bullets: usize, players: u32) -> Box<dyn FnMut(usize)> {
    let mut arena = Arena::new(SEED, 30, tanks, bullets);
    let mut room = Replication::new(Arc::new(arena.schema.clone()), 7, Arc::new(Limits::default()));
    let mut views: Vec<View> = (0..players).map(|_| View::starting_from(0, true)).collect();
    Box::new(move |_| {
        arena.step();
        let mut world = room.blank();
        arena.collect(&mut world);
        room.commit(arena.tick, world);
        for (view, number) in views.iter_mut().zip(1..) {
            if let Some(acked) = arena.tick.checked_sub(1 + number % 3) {
                view.acknowledge(acked as u16, arena.tick);
            }
            let Plan::Send(baseline) = room.plan(view, Delivery::Datagram) else { continue };
            let report = InputReport::default();
            std::hint::black_box(room.snapshot(view, number, Delivery::Datagram, baseline, report));
        }
    })
}

fn script() -> Box<dyn FnMut(usize)> {
    let mut room = Played::open(&factory("tank8", &Settings::default()));
    room.join(8);
    Box::new(move |_| room.play(1))
}

fn warm(subject: &mut dyn FnMut(usize)) {
    (0..300).for_each(subject);
}

/// Microseconds and allocations of one call: the median of slices.
fn time(make: fn() -> Box<dyn FnMut(usize)>) -> (f64, f64) {
    let (slices, slice) = (size("AIRBOAT_ROUNDS", 21), 200);
    let mut subject = make();
    warm(&mut *subject);
    let mut call = 300;
    let mut nanos = Vec::new();
    let (_, count, _) = allocations::of(|| {
        for _ in 0..slices {
            let (_, took) = timed(|| {
                for _ in 0..slice {
                    subject(call);
                    call += 1;
                }
            });
            nanos.push(took.as_nanos() / slice as u128);
        }
    });
    (median(&mut nanos) as f64 / 1000.0, count as f64 / f64::from(slices) / slice as f64)
}

/// Instructions of one call, where there is a valgrind: what more calls add to those of a whole run.
fn instructions(name: &str) -> Option<u64> {
    let exe = std::env::current_exe().ok()?;
    let run = |calls: u64| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&exe)
            .env(UNDER, format!("{name} {calls}"))
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected :"))?;
        line.rsplit(' ').next()?.parse::<u64>().ok()
    };
    Some(run(350)?.checked_sub(run(100)?)? / 250)
}

fn main() {
    if let Some((name, calls)) = std::env::var(UNDER).ok().as_deref().and_then(|text| text.split_once(' ')) {
        let Some((_, _, make)) = SUBJECTS.iter().find(|(n, _, _)| *n == name) else { return };
        let mut subject = make();
        warm(&mut *subject);
        let calls: usize = calls.parse().unwrap_or(1);
        (300..300 + calls).for_each(subject);
        return;
    }
    println!("seed {SEED}");
    for (name, what, make) in SUBJECTS {
        let (micros, allocated) = time(make);
        let counted = instructions(name).map_or("no valgrind".into(), |n| format!("{n} instructions"));
        println!("{name:>12}  {micros:8.2} us  {counted:>20}  {allocated:6.2} allocations   {what}");
    }
    for (tick_rate, tanks, bullets) in [(60, 8, 32), (30, 8, 32), (30, 64, 128)] {
        for age in [1, 2, 6] {
            let mean = mean_bytes(tick_rate, tanks, bullets, age);
            println!("{tanks} tanks, {bullets} bullets, {tick_rate} Hz, baseline {age} ticks old: {mean:.1} bytes");
        }
    }
}

fn mean_bytes(tick_rate: u32, tanks: u32, bullets: usize, age: usize) -> f64 {
    let (arena, worlds) = worlds(tick_rate, tanks, bullets);
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    let pairs = worlds.iter().zip(&worlds[age..]).zip(1 + age as u32..);
    let sizes = pairs.map(|((old, new), tick)| {
        out.clear();
        encoder.encode(&mut out, &arena.schema, old, new, tick);
        HEADER_BYTES + out.len()
    });
    let sizes: Vec<usize> = sizes.collect();
    debug_assert_eq!(arena.schema, arena::schema(tick_rate));
    sizes.iter().sum::<usize>() as f64 / sizes.len() as f64
}
