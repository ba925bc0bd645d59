//! War Battles, played by its own bots: rules, figures and what it costs on the wire.

use std::f64::consts::{PI, TAU};

use super::{super::modules, *};
use crate::protocol::{
    CloseReason, delta, message,
    schema::{Class, FieldKind},
};

const ROCKET: usize = 0;
const SHELL: usize = 1;
const SOLDIER: usize = 2;
const TANK: usize = 3;

/// Around the real game: `bot` answers what its bot would do, `stand` puts one's soldier somewhere.
const WRAPPER: &str = r#"
local game = require "game"
game.messages = {}
function game.messages.bot(room, player)
  local input = game.bot(room, player)
  return { input.fire and 1 or 0, input.mx, input.my }
end
function game.messages.stand(_, player, data)
  local soldier = player.memory.soldier
  soldier.x, soldier.y = data.x, data.y
end
return game
"#;

struct Battle {
    bench: Bench,
    before: World,
    snapshot_bytes: usize,
    document_bytes: usize,
    booms: Vec<Value>,
}

/// An entity as a client sees it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    id: u32,
    x: f64,
    y: f64,
    heading: f64,
    /// Radians, where the class is linear.
    course: f64,
}

fn bench() -> Bench {
    let sources = [
        ("main.lua", WRAPPER),
        ("game.lua", include_str!("../../../../modules/warbattles/main.lua")),
        ("bot.lua", include_str!("../../../../modules/warbattles/bot.lua")),
        ("shared/map.lua", include_str!("../../../../modules/warbattles/shared/map.lua")),
        ("shared/paths.lua", include_str!("../../../../modules/warbattles/shared/paths.lua")),
        ("shared/step.lua", include_str!("../../../../modules/warbattles/shared/step.lua")),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()));
    Bench::with(LuaFactory::from_sources("warbattles", sources, &patient()).unwrap().create_lua().unwrap())
}

impl Battle {
    fn new(players: u32) -> Self {
        let mut bench = bench();
        bench.join_all(1..=players);
        let before = bench.world.clone();
        Self { bench, before, snapshot_bytes: 0, document_bytes: 0, booms: Vec::new() }
    }

    /// A tick; nothing may fail. Counts what it costs on the wire.
    fn step(&mut self, inputs: &[(PlayerNumber, [f64; 3])]) {
        self.step_behind(inputs, 0.0);
    }

    /// The same, for players whose screens are so many ticks behind.
    fn step_behind(&mut self, inputs: &[(PlayerNumber, [f64; 3])], behind: f64) {
        let bench = &mut self.bench;
        self.before.clone_from(&bench.world);
        bench.tick += 1;
        bench.game.begin(bench.tick, &mut bench.effects).unwrap();
        for (player, input) in inputs {
            let seen = f64::from(bench.tick) - behind;
            bench.game.input(*player, input, seen, &mut bench.effects).unwrap();
        }
        bench.game.tick(&mut bench.effects).unwrap();
        let at = bench.effects.len();
        bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
        for effect in &bench.effects[at..] {
            if let Effect::Document { operations, .. } = effect {
                self.document_bytes += message::document_body("state", operations.iter()).len();
            }
        }
        bench.collect().unwrap();
        let mut body = Vec::new();
        delta::encode(&mut body, &bench.game.info().schema, &self.before, &bench.world, bench.tick);
        self.snapshot_bytes += body.len();
        assert_eq!((bench.logs(), bench.game.clamped()), (Vec::new(), 0), "tick {}", bench.tick);
        let booms = bench.messages().into_iter().map(|(name, data)| {
            assert_eq!(name, "boom");
            data
        });
        self.booms.extend(booms);
    }

    fn idle(&mut self, ticks: u32) {
        (0..ticks).for_each(|_| self.step(&[]));
    }

    /// A tick in which these players do as the bot says.
    fn bots(&mut self, players: std::ops::RangeInclusive<u32>) {
        let inputs: Vec<_> = players.map(|player| (player, self.bot(player))).collect();
        self.step(&inputs);
    }

    fn bot(&mut self, player: u32) -> [f64; 3] {
        let bench = &mut self.bench;
        bench.game.message(player, "bot", &Value::Nil, Some(1), &mut bench.effects).unwrap();
        let Some(Effect::Reply { result: Ok(answer), .. }) = bench.effects.pop() else { panic!("no answer") };
        let input = answer.list().unwrap();
        [0, 1, 2].map(|i| input[i].number().unwrap())
    }

    fn stand(&mut self, player: u32, x: f64, y: f64) {
        let data = Value::map([("x", x.into()), ("y", y.into())]);
        self.bench.game.message(player, "stand", &data, None, &mut self.bench.effects).unwrap();
    }

    fn leave(&mut self, player: u32) {
        self.bench.game.leave(player, CloseReason::Left, &mut self.bench.effects).unwrap();
    }

    fn class(&self, index: usize) -> Class {
        self.bench.game.info().schema.classes[index].clone()
    }

    fn seen(&self, index: usize) -> Vec<Seen> {
        let (class, rows) = (self.class(index), &self.bench.world.classes[index]);
        let real = |name: &str, row: usize| {
            let field = class.field(name)?;
            Some(class.fields[field].kind.dequantise(rows.values[1 + field][row]))
        };
        let entity = |row: usize| {
            let (mut x, mut y, mut course) = (real("x", row).unwrap(), real("y", row).unwrap(), 0.0);
            if class.linear {
                let at = class.velocity_column();
                let [vx, vy] = [0, 1].map(|i| f64::from(rows.values[at + i][row]) / 8.0);
                let since = f64::from(self.bench.tick - rows.values[class.since_column()][row] as u32) / 30.0;
                (x, y, course) = (x + vx * since, y + vy * since, vy.atan2(vx));
            }
            Seen { id: rows.ids[row], x, y, heading: real("heading", row).unwrap_or(0.0), course }
        };
        (0..rows.len()).map(entity).collect()
    }

    fn count(&self, index: usize) -> usize {
        self.bench.world.classes[index].len()
    }

    fn score(&self, player: u32) -> Option<f64> {
        self.bench.state().get("score").get(&player.to_string()).number()
    }

    fn scores(&self) -> f64 {
        (1..=16).filter_map(|player| self.score(player)).sum()
    }

    fn boomed(&self, kind: &str) -> usize {
        self.booms.iter().filter(|boom| boom.get("kind").text() == Some(kind)).count()
    }

    /// Numbers of `room.state.map`.
    fn map(&self, name: &str) -> Vec<f64> {
        numbers(self.bench.state().get("map").get(name))
    }

    fn paths(&self) -> Vec<Vec<f64>> {
        self.bench.state().get("map").get("paths").list().unwrap().iter().map(numbers).collect()
    }

    fn distance_from_paths(&self, x: f64, y: f64) -> f64 {
        self.paths().iter().map(|path| from_path(path, x, y)).fold(f64::MAX, f64::min)
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.text().unwrap().split(' ').map(|n| n.parse().unwrap()).collect()
}

/// How far a point is from a closed path.
fn from_path(path: &[f64], x: f64, y: f64) -> f64 {
    let corner = |i: usize| (path[2 * i % path.len()], path[(2 * i + 1) % path.len()]);
    let from_leg = |i: usize| {
        let ((ax, ay), (bx, by)) = (corner(i), corner(i + 1));
        let (dx, dy) = (bx - ax, by - ay);
        let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        (ax + dx * along - x).hypot(ay + dy * along - y)
    };
    (0..path.len() / 2).map(from_leg).fold(f64::MAX, f64::min)
}

/// The difference of two angles, the short way round, without its sign.
fn apart(a: f64, b: f64) -> f64 {
    let turn = (a - b).rem_euclid(TAU);
    turn.min(TAU - turn)
}

#[test]
fn is_bundled_and_declares_what_clients_expect() {
    let (found, problems) = modules::discover(None);
    assert_eq!(problems, Vec::<String>::new());
    let factory = found.iter().find(|factory| factory.info().module == "warbattles").unwrap();
    let info = factory.info();
    assert_eq!((info.title.as_str(), info.seats, info.schema.tick_rate), ("War Battles", (1, 16), 30));
    let classes: Vec<_> = info.schema.classes.iter().map(|c| (c.name.as_str(), c.linear, c.life_ticks)).collect();
    assert_eq!(classes, [("rocket", true, 30), ("shell", true, 51), ("soldier", false, 0), ("tank", true, 0)]);
    let inputs: Vec<_> = info.schema.inputs.iter().map(|f| (f.name.as_str(), f.kind.clone())).collect();
    let axis = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 };
    assert_eq!(inputs, [("fire", FieldKind::Press), ("mx", axis.clone()), ("my", axis)]);
}

#[test]
fn the_map_is_small_and_fits_together() {
    let mut battle = Battle::new(1);
    battle.idle(1);
    let bytes = battle.bench.state().get("map").to_bytes().len();
    println!("room.state.map: {bytes} bytes");
    assert!(bytes < 4096);
    let paths = battle.paths();
    assert!(paths.len() >= 5);
    for path in &paths {
        assert!(path.len() >= 6 && path.len() % 2 == 0);
        for corner in path.chunks_exact(2) {
            assert!((40.0..=920.0).contains(&corner[0]) && (40.0..=680.0).contains(&corner[1]), "{corner:?}");
        }
    }
    for (name, room) in [("trees", 24.0), ("bushes", 20.0), ("spawns", 30.0)] {
        for place in battle.map(name).chunks_exact(2) {
            let distance = battle.distance_from_paths(place[0], place[1]);
            assert!(distance >= room, "{name} {place:?} is {distance:.1} from a path");
        }
    }
    for pond in battle.map("ponds").chunks_exact(3) {
        let distance = battle.distance_from_paths(pond[0], pond[1]) - pond[2];
        assert!(distance >= 14.0, "pond {pond:?} is {distance:.1} from a path");
    }
}

#[test]
fn eight_bots_play_two_thousand_ticks() {
    let mut battle = Battle::new(8);
    let (mut entities, mut died) = (0, 0);
    for _ in 0..2000 {
        battle.bots(1..=8);
        entities += battle.bench.world.entities();
        died += usize::from(battle.count(SOLDIER) < 8);
        assert!(battle.count(TANK) <= 20);
        for index in [ROCKET, SHELL, SOLDIER, TANK] {
            for Seen { x, y, id, .. } in battle.seen(index) {
                // What clients compute from a rounded start may be off by a step.
                assert!((-0.125..=960.125).contains(&x) && (-0.125..=720.125).contains(&y), "{id} at {x}, {y}");
            }
        }
        // Points come from hits and from nothing else.
        assert_eq!(battle.scores(), 100.0 * battle.boomed("tank") as f64);
    }
    let per_tick = |sum: usize| sum as f64 / 2000.0;
    let per_minute = |sum: usize| sum as f64 * 1800.0 / 2000.0;
    println!(
        "8 bots, 2000 ticks: {:.1} snapshot bytes a tick, {:.0} document bytes a minute, {:.1} entities; {} tanks and {} \
         soldiers hit, someone down in {died} ticks",
        per_tick(battle.snapshot_bytes),
        per_minute(battle.document_bytes),
        per_tick(entities),
        battle.boomed("tank"),
        battle.boomed("soldier"),
    );
    assert!((20..=400).contains(&battle.boomed("tank")), "{} tanks hit", battle.boomed("tank"));
    assert!(battle.boomed("soldier") > 0);
    assert!(per_tick(battle.snapshot_bytes) < 150.0);
    assert!(per_minute(battle.document_bytes) < 30_000.0);
    let best = battle.bench.state().get("best");
    let most = (1..=8).filter_map(|player| battle.score(player)).fold(0.0, f64::max);
    assert_eq!(best.get("score").number(), Some(most));
    assert!(
        battle
            .booms
            .iter()
            .all(|boom| (boom.get("kind").text() == Some("tank")) == matches!(boom.get("by"), Value::Player(1..=8)))
    );
}

#[test]
fn nobody_scores_without_a_hit() {
    let mut battle = Battle::new(4);
    for tick in 0..600 {
        // Into the corner and shooting out of the field.
        let fire = f64::from(u8::from(tick % 10 == 0));
        let inputs = [1, 2, 3, 4].map(|player| (player, [fire, -1.0, -1.0]));
        battle.step(&inputs);
        assert_eq!(battle.scores(), 100.0 * battle.boomed("tank") as f64);
    }
    let mut battle = Battle::new(4);
    battle.idle(600);
    assert_eq!((battle.scores(), battle.boomed("tank")), (0.0, 0));
}

#[test]
fn tanks_are_more_with_more_players_and_fewer_again() {
    let mut battle = Battle::new(1);
    battle.idle(1);
    assert_eq!(battle.count(TANK), 6);
    for players in 2..=16 {
        battle.bench.join(players);
        battle.idle(1);
        assert_eq!(battle.count(TANK), (4 + 2 * players as usize).min(20));
    }
    (3..=16).for_each(|player| battle.leave(player));
    battle.idle(1);
    assert_eq!((battle.count(TANK), battle.count(SOLDIER)), (20, 2));
    assert_eq!((battle.score(2), battle.score(3)), (Some(0.0), None));
    let mut ticks = 0;
    while battle.boomed("tank") < 30 {
        battle.bots(1..=2);
        ticks += 1;
        assert!(ticks < 20_000, "{} of 30 tanks hit", battle.boomed("tank"));
    }
    battle.idle(150);
    assert_eq!(battle.count(TANK), 8);
}

#[test]
fn players_come_and_go_at_any_time() {
    let seed = 0x3a71;
    println!("seed {seed:#x}");
    let (mut dice, mut battle, mut next) = (Dice(seed), Battle::new(0), 1);
    let mut playing: Vec<u32> = Vec::new();
    for _ in 0..3000 {
        if dice.below(40) == 0 && playing.len() < 16 {
            battle.bench.join(next);
            playing.push(next);
            next += 1;
        }
        if dice.below(60) == 0 && !playing.is_empty() {
            battle.leave(playing.swap_remove(dice.below(playing.len())));
        }
        let inputs: Vec<_> = playing.iter().map(|&player| (player, battle.bot(player))).collect();
        battle.step(&inputs);
        assert!(battle.count(TANK) <= 20);
        assert!(battle.bench.world.classes[SOLDIER].values[0].iter().all(|owner| playing.contains(&(*owner as u32))));
        let Value::Map(scores) = battle.bench.state().get("score") else { panic!("no scores") };
        assert_eq!(scores.len(), playing.len());
    }
    assert!(next > 50 && battle.boomed("tank") > 50 && battle.boomed("soldier") > 5);
}

/// A tank on a straight along one of the axes, with nobody near, as soon as there is one and a soldier.
fn tank_on_a_straight(battle: &mut Battle) -> Seen {
    let fits = |battle: &Battle, tank: &Seen| {
        let quarters = tank.heading / (PI / 2.0);
        let on_path = |reach: f64| {
            let (x, y) = (tank.x + reach * tank.heading.cos(), tank.y + reach * tank.heading.sin());
            (8.0..952.0).contains(&x) && (8.0..712.0).contains(&y) && battle.distance_from_paths(x, y) < 0.3
        };
        let alone = |other: &Seen| other.id == tank.id || (other.x - tank.x).hypot(other.y - tank.y) > 80.0;
        (quarters - quarters.round()).abs() < 0.001
            && on_path(-60.0)
            && on_path(40.0)
            && battle.seen(TANK).iter().all(alone)
            && battle.count(SOLDIER) == 1
    };
    loop {
        battle.idle(1);
        if let Some(tank) = battle.seen(TANK).into_iter().find(|tank| fits(battle, tank)) {
            return tank;
        }
        assert!(battle.bench.tick < 3000);
    }
}

/// A tank drives 8 units in 200 ms, and is hit from 14 away.
#[test]
fn a_rocket_hits_the_tank_that_stood_on_the_screen() {
    for (behind, hits) in [(0.0, false), (6.0, true)] {
        let mut battle = Battle::new(1);
        // What was is kept from the first rocket on.
        battle.stand(1, 20.0, 20.0);
        battle.step(&[(1, [1.0, -1.0, 0.0])]);
        battle.idle(40);
        let tank = tank_on_a_straight(&mut battle);
        let (ahead_x, ahead_y) = (tank.heading.cos().round(), tank.heading.sin().round());
        // In the next tick the tank is 1.3 further, the soldier has turned round and gone three units.
        let back = 18.0 - 3.0 - 1.3;
        battle.stand(1, tank.x - back * ahead_x, tank.y - back * ahead_y);
        battle.step_behind(&[(1, [1.0, -ahead_x, -ahead_y])], behind);
        let hit = battle.seen(TANK).iter().all(|other| other.id != tank.id);
        assert_eq!((hit, battle.score(1)), (hits, Some(if hits { 100.0 } else { 0.0 })), "{behind} ticks behind");
        battle.idle(30);
        assert_eq!(battle.score(1), Some(if hits { 100.0 } else { 0.0 }), "it flies away from the tank");
    }
}

#[test]
fn a_rocket_fired_straight_at_a_tank_hits_it() {
    let mut battle = Battle::new(1);
    let tank = tank_on_a_straight(&mut battle);
    let (ahead_x, ahead_y) = (tank.heading.cos().round(), tank.heading.sin().round());
    // Sixty units behind it.
    battle.stand(1, tank.x - 60.0 * ahead_x, tank.y - 60.0 * ahead_y);
    battle.step(&[(1, [1.0, ahead_x, ahead_y])]);
    assert_eq!(battle.count(ROCKET), 1);
    battle.idle(12);
    assert!(battle.seen(TANK).iter().all(|other| other.id != tank.id));
    assert_eq!((battle.count(ROCKET), battle.score(1)), (0, Some(100.0)));
    let boom = battle.booms.iter().find(|boom| boom.get("kind").text() == Some("tank")).unwrap();
    assert_eq!(boom.get("by"), &Value::Player(1));
    let off = (boom.get("x").number().unwrap() - tank.x).hypot(boom.get("y").number().unwrap() - tank.y);
    assert!(off < 20.0, "{boom:?}");
    // Four seconds later there is another.
    assert_eq!(battle.count(TANK), 5);
    battle.idle(120);
    assert_eq!(battle.count(TANK), 6);
}

#[test]
fn presses_that_come_too_fast_are_kept() {
    let mut battle = Battle::new(1);
    battle.idle(1);
    battle.stand(1, 20.0, 700.0);
    let mut fired = Vec::new();
    for tick in 0..40 {
        let fire = if tick == 0 { 3.0 } else { 0.0 };
        battle.step(&[(1, [fire, 0.0, -1.0])]);
        let rockets = battle.seen(ROCKET);
        fired.extend(
            rockets.iter().map(|rocket| rocket.id).filter(|id| !battle.before.classes[ROCKET].ids.contains(id)),
        );
    }
    assert_eq!(fired.len(), 3);
}

#[test]
fn soldiers_walk_in_eight_directions_and_keep_their_heading() {
    let mut battle = Battle::new(1);
    battle.idle(1);
    for (mx, my) in [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (-1.0, 0.0), (-1.0, -1.0), (0.0, -1.0)] {
        battle.stand(1, 480.0, 360.0);
        (0..10).for_each(|_| battle.step(&[(1, [0.0, mx, my])]));
        let soldier = battle.seen(SOLDIER)[0];
        let (dx, dy): (f64, f64) = (soldier.x - 480.0, soldier.y - 360.0);
        assert!((dx.hypot(dy) - 30.0).abs() < 0.2, "ten ticks are 30 units");
        assert!(apart(dy.atan2(dx), f64::atan2(my, mx)) < 0.01);
        battle.step(&[(1, [0.0, 0.0, 0.0])]);
        let still = battle.seen(SOLDIER)[0];
        assert_eq!((still.x, still.y, still.heading), (soldier.x, soldier.y, soldier.heading));
        assert!(apart(still.heading, f64::atan2(my, mx)) < 0.01);
    }
}

#[test]
fn a_soldier_that_is_hit_comes_back_away_from_the_tanks() {
    let mut battle = Battle::new(1);
    battle.idle(1);
    while battle.boomed("soldier") == 0 {
        let tank = battle.seen(TANK)[0];
        battle.stand(1, tank.x, tank.y - 30.0);
        battle.idle(1);
        assert!(battle.bench.tick < 1000);
    }
    assert_eq!(battle.count(SOLDIER), 0);
    battle.idle(74);
    assert_eq!(battle.count(SOLDIER), 0);
    battle.idle(1);
    let soldier = battle.seen(SOLDIER)[0];
    assert_eq!(battle.score(1), Some(0.0));
    let near = battle.seen(TANK).iter().map(|t| (t.x - soldier.x).hypot(t.y - soldier.y)).fold(f64::MAX, f64::min);
    assert!(near > 100.0, "a tank stands {near} from where the soldier came back");
    // Whoever leaves while down is not brought back.
    while battle.boomed("soldier") == 1 {
        let tank = battle.seen(TANK)[0];
        battle.stand(1, tank.x, tank.y - 30.0);
        battle.idle(1);
    }
    battle.leave(1);
    battle.idle(100);
    assert_eq!(battle.count(SOLDIER), 0);
}

#[test]
fn tanks_keep_to_their_paths_and_look_ahead() {
    let mut battle = Battle::new(8);
    let (mut rows, mut straight) = (0, 0);
    let mut before: BTreeMap<u32, Seen> = BTreeMap::new();
    for _ in 0..1500 {
        battle.idle(1);
        for tank in battle.seen(TANK) {
            assert!(battle.distance_from_paths(tank.x, tank.y) < 0.3, "tank {} has left its path", tank.id);
            if let Some(last) = before.insert(tank.id, tank) {
                let moved = (tank.x - last.x).hypot(tank.y - last.y);
                assert!((0.5..1.7).contains(&moved), "a tick is 4/3 units, not {moved}");
                assert!(apart(tank.heading, last.heading) < 0.2, "tanks turn smoothly");
            }
            rows += 1;
            straight += u32::from(apart(tank.heading, tank.course) < 0.02);
            assert!(apart(tank.heading, tank.course) < 1.3);
        }
    }
    println!("{straight} of {rows} on a straight");
    assert!(straight * 10 > rows * 7);
}

/// Microseconds a tick: run with `cargo test --lib warbattles -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn microseconds_a_tick() {
    let mut battle = Battle::new(8);
    let inputs: Vec<Vec<_>> = (0..3000)
        .map(|_| {
            let inputs: Vec<_> = (1..=8).map(|player| (player, battle.bot(player))).collect();
            battle.step(&inputs);
            inputs
        })
        .collect();
    for _ in 0..3 {
        let mut bench = bench();
        bench.join_all(1..=8);
        let mut times = [0_u128; 4];
        for inputs in &inputs {
            bench.tick += 1;
            let began = std::time::Instant::now();
            bench.game.begin(bench.tick, &mut bench.effects).unwrap();
            let moved = std::time::Instant::now();
            for (player, input) in inputs {
                bench.game.input(*player, input, 0.0, &mut bench.effects).unwrap();
            }
            let steered = std::time::Instant::now();
            bench.game.tick(&mut bench.effects).unwrap();
            let ticked = std::time::Instant::now();
            bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
            let spent = [moved - began, steered - moved, ticked - steered, ticked.elapsed()];
            times.iter_mut().zip(spent).for_each(|(sum, time)| *sum += time.as_nanos());
            bench.effects.clear();
        }
        let [begin, input, tick, collect] = times.map(|time| time as f64 / inputs.len() as f64 / 1000.0);
        println!(
            "{:.1} µs (begin {begin:.1}, inputs {input:.1}, tick {tick:.1}, collect {collect:.1}), {} kB in the VM",
            begin + input + tick + collect,
            bench.game.memory_bytes() / 1024,
        );
    }
}
