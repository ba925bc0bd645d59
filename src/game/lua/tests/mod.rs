//! Tests of the Lua layer through the trait [`Game`], as a room drives it.

mod api;
mod bots;
mod checkpoint;
mod copying;
mod documents;
mod grid;
mod handbook;
mod helpers;
mod hostile;
mod loading;
mod memory;

mod phases;
mod seen;
mod store;
mod tank8;
mod warbattles;

use std::{collections::BTreeMap, sync::Arc};

use super::{LuaFactory, LuaGame, Settings};
use crate::{
    game::{DocumentName, Effect, Effects, Game, GameError, LogLevel, Restored, RoomOpening, Seat, at_rate},
    protocol::{PlayerNumber, Tick, Value, world::World},
};

/// A fixed generator for tests; seeds are printed by whoever uses it.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// One room, stepped by hand.
pub(super) struct Bench {
    pub game: LuaGame,
    pub tick: Tick,
    pub world: World,
    pub effects: Effects,
    /// What a client would hold, patched by the operations.
    pub documents: BTreeMap<DocumentName, Value>,
}

/// Budgets that a busy machine does not run into; `hostile` has its own.
pub(super) fn patient() -> Settings {
    let mut settings = Settings::default();
    settings.budgets.callback_us = 2_000_000;
    settings.budgets.load_us = 10_000_000;
    settings
}

pub(super) fn factory(main: &str) -> Result<LuaFactory, GameError> {
    LuaFactory::from_sources("test", [("main.lua".to_owned(), main.to_owned())], &patient())
}

pub(super) fn seat(number: PlayerNumber) -> Seat {
    Seat { number, name: format!("Player {number}"), kind: "player".to_owned(), bot: false }
}

impl Bench {
    pub(super) fn with(game: LuaGame) -> Self {
        let world = World::empty(&game.info().schema);
        let mut bench = Self { game, tick: 0, world, effects: Vec::new(), documents: BTreeMap::new() };
        let opening = RoomOpening { name: "Bench".to_owned(), seed: 7 };
        bench.game.open(&opening, &mut bench.effects).unwrap();
        bench
    }

    /// A module whose text is `main`, opened.
    pub(super) fn new(main: &str) -> Self {
        Self::with(factory(main).unwrap().create_lua().unwrap())
    }

    /// A fresh VM that goes on from a checkpoint.
    pub(super) fn restored(main: &str, checkpoint: &Value, why: Restored) -> Self {
        let game = factory(main).unwrap().create_lua().unwrap();
        let (world, rate) = (World::empty(&game.info().schema), game.info().schema.tick_rate);
        let saved_at = checkpoint.get("rate").u32().unwrap_or(rate);
        let tick = at_rate(checkpoint.get("tick").u32().unwrap(), saved_at, rate);
        let mut bench = Self { game, tick, world, effects: Vec::new(), documents: BTreeMap::new() };
        let opening = RoomOpening { name: "Bench".to_owned(), seed: 99 };
        bench.game.restore(&opening, checkpoint, why, &mut bench.effects).unwrap();
        bench
    }

    pub(super) fn checkpoint(&mut self) -> Value {
        self.game.checkpoint(&mut self.effects).unwrap()
    }

    pub(super) fn join(&mut self, number: PlayerNumber) -> &mut Self {
        self.game.join(&seat(number), &mut self.effects).unwrap();
        self
    }

    pub(super) fn join_all(&mut self, numbers: std::ops::RangeInclusive<PlayerNumber>) {
        for number in numbers {
            self.join(number);
        }
    }

    /// A whole tick with these inputs; the first error ends it, as it does not in a room.
    pub(super) fn try_step(&mut self, inputs: &[(PlayerNumber, &[f64])]) -> Result<(), GameError> {
        self.tick += 1;
        self.game.begin(self.tick, &mut self.effects)?;
        for (player, input) in inputs {
            self.game.input(*player, input, f64::from(self.tick), &mut self.effects)?;
        }
        self.game.tick(&mut self.effects)?;
        self.collect()
    }

    pub(super) fn collect(&mut self) -> Result<(), GameError> {
        let result = self.game.collect(&mut self.world, &mut self.effects);
        for effect in &self.effects {
            if let Effect::Document { name, operations } = effect {
                let document = self.documents.entry(*name).or_insert_with(|| Value::map([]));
                operations.iter().for_each(|operation| operation.apply(document).unwrap());
            }
        }
        self.effects.retain(|effect| !matches!(effect, Effect::Document { .. }));
        result
    }

    pub(super) fn step(&mut self) -> &mut Self {
        self.try_step(&[]).unwrap();
        self
    }

    pub(super) fn steps(&mut self, count: u32) -> &mut Self {
        for _ in 0..count {
            self.step();
        }
        self
    }

    pub(super) fn state(&self) -> &Value {
        self.documents.get(&DocumentName::State).unwrap_or(&Value::Nil)
    }

    /// What was logged since the last call.
    pub(super) fn logs(&mut self) -> Vec<String> {
        let logs = self.effects.iter().filter_map(|effect| match effect {
            Effect::Log { level: LogLevel::Info | LogLevel::Error, text } => Some(text.clone()),
            _ => None,
        });
        let logs = logs.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::Log { .. }));
        logs
    }

    /// Messages since the last call, as (name, data).
    pub(super) fn messages(&mut self) -> Vec<(String, Value)> {
        let messages = self.effects.iter().filter_map(|effect| match effect {
            Effect::Message { name, data, .. } => Some((name.clone(), data.clone())),
            _ => None,
        });
        let messages = messages.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::Message { .. }));
        messages
    }

    /// Sends `run` to the module's message handler of that name; the error's text, or "" when there was none.
    pub(super) fn run(&mut self, name: &str) -> String {
        match self.game.message(1, name, &Value::Nil, None, &mut self.effects) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }
}

/// A module with one entity class of each sort, and these message handlers.
pub(super) fn module(messages: &str) -> String {
    format!(
        r#"
local game = {{ title = "Test", tick_rate = 20, seats = {{ 1, 4 }} }}
game.entities = {{
  box = {{ fields = {{ x = field.number(0, 100, 1/8), y = field.number(0, 100, 1/8), open = field.flag(),
    colour = field.choice {{ "red", "green" }}, turn = field.angle() }} }},
  dart = {{ fields = {{ x = field.number(-100, 100, 1/8), y = field.number(-100, 100, 1/8) }}, moves = "linear", life = 1 }},
}}
game.inputs = {{ aim = field.angle(), fire = field.press(), mode = field.choice {{ "walk", "run" }}, run = field.flag() }}
game.timers, game.messages = {{}}, {{}}
{messages}
return game
"#
    )
}

fn shared<T: Send + Sync + 'static>() {}

#[test]
fn factories_are_shared_and_games_are_handed_over() {
    shared::<Arc<LuaFactory>>();
    let game = factory(&module("function game.tick(room) room.state.n = room.tick end")).unwrap().create_lua().unwrap();
    let thread = std::thread::spawn(move || {
        let mut bench = Bench::with(game);
        bench.steps(50);
        bench.state().get("n").clone()
    });
    assert_eq!(thread.join().unwrap(), Value::Number(50.0));
}
