//! The benchmark room against a rule of its own in Rust.

use std::f64::consts::TAU;

use super::{super::modules, *};
use crate::{
    game::GameFactory,
    protocol::{CloseReason, schema::FieldKind},
};

fn tank8() -> Arc<dyn GameFactory> {
    let (found, problems) = modules::discover(None);
    assert_eq!(problems, Vec::<String>::new());
    found.into_iter().find(|factory| factory.info().module == "tank8").unwrap()
}

fn bench() -> Bench {
    let source = include_str!("../../../../modules/tank8/main.lua").to_owned();
    let step = include_str!("../../../../modules/tank8/shared/step.lua").to_owned();
    let sources = [("main.lua".to_owned(), source), ("shared/step.lua".to_owned(), step)];
    Bench::with(LuaFactory::from_sources("tank8", sources, &patient()).unwrap().create_lua().unwrap())
}

/// What the loadtest's oracles compute.
#[derive(Clone, Copy)]
struct Oracle {
    x: f64,
    y: f64,
    heading: f64,
    turret: f64,
}

impl Oracle {
    fn drive(&mut self, mx: f64, my: f64, aim: f64) {
        let length = (mx * mx + my * my).sqrt();
        let (mx, my) = if length > 1.0 { (mx / length, my / length) } else { (mx, my) };
        let dt = 1.0 / 30.0;
        self.x = (self.x + mx * 120.0 * dt).clamp(0.0, 1000.0);
        self.y = (self.y + my * 120.0 * dt).clamp(0.0, 1000.0);
        if mx != 0.0 || my != 0.0 {
            self.heading = my.atan2(mx);
        }
        self.turret = aim;
    }
}

#[test]
fn is_what_the_benchmark_says() {
    let info = tank8().info().clone();
    assert_eq!((info.title.as_str(), info.seats, info.saved, info.schema.tick_rate), ("Tank 8", (1, 8), false, 30));
    assert_eq!(info.messages, ["chat", "echo"]);
    let names: Vec<_> = info.schema.inputs.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["aim", "fire", "mx", "my"]);
    let classes: Vec<_> = info.schema.classes.iter().map(|c| (c.name.as_str(), c.linear, c.life_ticks)).collect();
    assert_eq!(classes, [("bullet", true, 30), ("tank", false, 0)]);
}

#[test]
fn eight_tanks_drive_as_the_oracles_say() {
    let seed = 0x7a9c;
    println!("seed {seed:#x}");
    let (mut dice, mut bench) = (Dice(seed), bench());
    let schema = bench.game.info().schema.clone();
    let mut oracles: Vec<Oracle> =
        (0..8).map(|n| Oracle { x: 100.0 + 100.0 * f64::from(n), y: 500.0, heading: 0.0, turret: 0.0 }).collect();
    bench.join_all(1..=8);
    let stick = 1.0 / 127.0;
    let mut held = [[0.0, 0.0, 0.0]; 8];
    for _ in 0..1000 {
        let mut inputs = Vec::new();
        for (seat, oracle) in oracles.iter_mut().enumerate() {
            if dice.below(10) == 0 {
                let roll = |dice: &mut Dice| (dice.below(255) as f64 - 127.0) * stick;
                held[seat] = [roll(&mut dice), roll(&mut dice), dice.below(1024) as f64 * TAU / 1024.0];
            }
            let [mx, my, aim] = held[seat];
            let fire = usize::from(dice.below(30) == 0);
            oracle.drive(mx, my, aim);
            inputs.push([aim, fire as f64, mx, my]);
        }
        let inputs: Vec<(u32, &[f64])> = inputs.iter().enumerate().map(|(n, i)| (n as u32 + 1, &i[..])).collect();
        bench.try_step(&inputs).unwrap();

        let (class, rows) = (&schema.classes[1], &bench.world.classes[1]);
        assert_eq!(rows.len(), 8);
        for (row, oracle) in oracles.iter().enumerate() {
            let at = |name: &str| rows.values[1 + class.field(name).unwrap()][row];
            let steps = |name: &str, value: f64| class.fields[class.field(name).unwrap()].kind.quantise(value).0;
            assert_eq!(rows.values[0][row], row as i32 + 1, "owner");
            for (name, value) in
                [("x", oracle.x), ("y", oracle.y), ("heading", oracle.heading), ("turret", oracle.turret)]
            {
                assert_eq!(at(name), steps(name, value), "tick {} tank {row} {name}", bench.tick);
            }
            assert_eq!(at("hp"), 100);
        }
    }
    assert_eq!(bench.game.clamped(), 0);
    assert_eq!(bench.logs(), Vec::<String>::new());
}

#[test]
fn bullets_fly_by_themselves_and_end_on_time() {
    let mut bench = bench();
    bench.join(1);
    bench.steps(3);
    bench.try_step(&[(1, &[0.0, 1.0, 0.0, 0.0])]).unwrap();
    let fired = bench.tick;
    let class = bench.game.info().schema.classes[0].clone();
    let first = bench.world.classes[0].clone();
    assert_eq!(first.len(), 1);
    let column = |index: usize| first.values[index][0];
    assert_eq!(column(class.since_column()), fired as i32);
    assert_eq!(column(class.ends_column()), fired as i32 + 30);
    assert_eq!(column(class.velocity_column()), 3200);
    for _ in 1..30 {
        bench.step();
        assert_eq!(bench.world.classes[0], first, "columns stay as they are at tick {}", bench.tick);
    }
    bench.step();
    assert!(bench.world.classes[0].is_empty());
}

#[test]
fn seats_are_filled_from_the_first_free_one_and_kept_on_drop() {
    let mut bench = bench();
    bench.join_all(1..=3);
    bench.step();
    bench.game.drop(2, &mut bench.effects).unwrap();
    bench.step();
    assert_eq!(bench.world.classes[1].len(), 3);
    bench.game.leave(2, CloseReason::Expired, &mut bench.effects).unwrap();
    bench.step();
    assert_eq!(bench.world.classes[1].values[0], [1, 3]);
    bench.join(9).step();
    let class = &bench.game.info().schema.classes[1];
    let x = class.field("x").unwrap();
    let FieldKind::Number { step, .. } = class.fields[x].kind else { panic!() };
    assert_eq!(bench.world.classes[1].values[0], [1, 3, 9]);
    assert_eq!(f64::from(bench.world.classes[1].values[1 + x][2]) * step, 200.0);
}

#[test]
fn chat_and_echo() {
    let mut bench = bench();
    bench.join(1);
    let data = Value::map([("text", "hello".into())]);
    bench.game.message(1, "chat", &data, None, &mut bench.effects).unwrap();
    let sent = Value::map([("text", "hello".into()), ("from", Value::Player(1))]);
    assert_eq!(bench.messages(), [("chat".to_owned(), sent)]);
    let data =
        Value::map([("list", Value::List(vec![1.0.into(), Value::List(vec![])])), ("b", Value::Bytes(vec![255]))]);
    bench.game.message(1, "echo", &data, Some(5), &mut bench.effects).unwrap();
    assert_eq!(bench.effects.pop(), Some(Effect::Reply { to: 1, call: 5, result: Ok(data) }));
}

/// Microseconds a tick: run with `cargo test --release -- --ignored --nocapture microseconds`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn microseconds_a_tick() {
    let mut bench = bench();
    bench.join_all(1..=8);
    let mut run = |ticks: u32| {
        let (mut times, mut bullets) = ([0_u128; 4], 0);
        for _ in 0..ticks {
            bench.tick += 1;
            let tick = bench.tick;
            let began = std::time::Instant::now();
            bench.game.begin(tick, &mut bench.effects).unwrap();
            let moved = std::time::Instant::now();
            for n in 1..=8 {
                // 32 of 240 tank-ticks fire: with a life of 30 ticks about 32 bullets are in the air.
                let fire = f64::from(u8::from((tick * 8 + n) % 15 < 2));
                let angle = f64::from(tick) * 0.05 + f64::from(n);
                bench.game.input(n, &[angle, fire, angle.cos(), angle.sin()], 0.0, &mut bench.effects).unwrap();
            }
            let steered = std::time::Instant::now();
            bench.game.tick(&mut bench.effects).unwrap();
            let ticked = std::time::Instant::now();
            bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
            bench.effects.clear();
            for (sum, time) in
                times.iter_mut().zip([moved - began, steered - moved, ticked - steered, ticked.elapsed()])
            {
                *sum += time.as_nanos();
            }
            bullets = bench.world.classes[0].len();
        }
        let micros = times.map(|time| time as f64 / f64::from(ticks) / 1000.0);
        (micros, bullets)
    };
    run(3000);
    // The machine may be busy with other things: the best batch says what the code costs.
    let batches: Vec<_> = (0..40).map(|_| run(1000)).collect();
    let sum = |batch: &([f64; 4], usize)| batch.0.iter().sum::<f64>();
    let best = batches.iter().min_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap();
    let mean = batches.iter().map(sum).sum::<f64>() / batches.len() as f64;
    let ([begin, inputs, tick, collect], bullets) = *best;
    println!("{bullets} bullets: best {:.1} µs, mean {mean:.1} µs a tick", sum(best));
    println!("best: begin {begin:.1}, inputs {inputs:.1}, tick {tick:.1}, collect {collect:.1}");
    println!("{} kB in the VM", bench.game.memory_bytes() / 1024);
}

/// `cargo test --release --lib kilobytes -- --ignored --nocapture`
#[test]
#[ignore = "measures, and checks nothing"]
#[allow(clippy::disallowed_methods, reason = "a measurement")]
fn kilobytes_and_microseconds_a_room() {
    for module in ["tank8", "warbattles", "sample"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("modules").join(module);
        let factory = LuaFactory::from_folder(&folder, &patient()).unwrap();
        let mut took: Vec<_> = (0..50)
            .map(|_| {
                let began = std::time::Instant::now();
                let game = factory.create_lua().unwrap();
                (began.elapsed().as_micros(), game.memory_bytes() / 1024)
            })
            .collect();
        took.sort_unstable();
        println!("{module}: opened in {} us, {} kB", took[25].0, took[25].1);
    }
}
