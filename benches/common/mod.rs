//! A room's script, driven by hand: what both measurements share.

#![allow(clippy::unwrap_used, reason = "a failed measurement is a failed run")]
#![allow(dead_code, reason = "each measurement uses its part")]
#![allow(unreachable_pub, reason = "each measurement is a crate of its own")]

#[path = "../../tests/support/allocations.rs"]
pub mod allocations;
pub mod arena;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use airboat::{
    game::{
        Effects, Game, RoomOpening, Seat,
        lua::{LuaFactory, LuaGame, Settings},
    },
    protocol::{schema::FieldKind, world::World},
};

pub struct Played {
    pub game: LuaGame,
    world: World,
    effects: Effects,
    tick: u32,
    players: u32,
}

pub fn factory(module: &str, settings: &Settings) -> LuaFactory {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules").join(module);
    LuaFactory::from_folder(&folder, settings).unwrap()
}

impl Played {
    pub fn open(factory: &LuaFactory) -> Self {
        let mut game = factory.create_lua().unwrap();
        let (world, mut effects) = (World::empty(&game.info().schema), Effects::new());
        game.open(&RoomOpening { name: "bench".into(), seed: 1 }, &mut effects).unwrap();
        Self { game, world, effects, tick: 0, players: 0 }
    }

    pub fn join(&mut self, players: u32) {
        for number in 1..=players {
            let seat = Seat { number, name: format!("p{number}"), kind: "player".into(), bot: false };
            self.game.join(&seat, &mut self.effects).unwrap();
        }
        self.players = players;
    }

    /// Whole ticks, as a room runs them: everybody steers in circles and fires now and then.
    pub fn play(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.tick += 1;
            self.game.begin(self.tick, &mut self.effects).unwrap();
            for number in 1..=self.players {
                let input = self.input(number);
                self.game.input(number, &input, f64::from(self.tick), &mut self.effects).unwrap();
            }
            self.game.tick(&mut self.effects).unwrap();
            self.game.collect(&mut self.world, &mut self.effects).unwrap();
            self.effects.clear();
        }
    }

    fn input(&self, number: u32) -> Vec<f64> {
        let turn = f64::from(self.tick) / 30.0 + f64::from(number);
        let inputs = self.game.info().schema.inputs.iter();
        let value = |(at, kind): (usize, &FieldKind)| match kind {
            FieldKind::Number { min, max, .. } => (turn + at as f64).sin().clamp(*min, *max),
            FieldKind::Angle => turn,
            FieldKind::Press => f64::from(u32::from((self.tick + number * 7).is_multiple_of(20))),
            FieldKind::Flag | FieldKind::Choice(_) => 0.0,
        };
        inputs.map(|field| &field.kind).enumerate().map(value).collect()
    }
}

#[allow(clippy::disallowed_methods, reason = "a measurement is a clock")]
pub fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = run();
    (result, began.elapsed())
}

pub fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// A number from the environment: how large a run is to be.
pub fn size(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
