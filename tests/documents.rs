//! Documents of up to 64 kB, changed at random by a script: the Rust client holds what the room holds, and so does the
//! TypeScript client, which reads the same frames from `tests/golden/documents.json`.
//!
//! `AIRBOAT_BLESS=1 cargo test --test documents` writes that file anew.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{
    game::{
        DocumentName, Effect, Effects, Game, RoomOpening,
        lua::{LuaFactory, Settings},
    },
    protocol::{
        Value,
        document::Operation,
        hash,
        message::{self, Joined, ServerFrame},
        mirror::Mirror,
        world::World,
    },
};
use serde_json::json;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/documents.json");

/// Grows, changes, replaces and empties parts of `room.state` at random, and tells what it should be by another way: a
/// message, which is copied whole. `ROUGHLY` bytes is what it settles around; now and then it goes to the limit.
const MODULE: &str = r#"
local game = {}

local function text(room, most)
  return ("abcdefghij klmn äöü\0"):rep(10):sub(1, room:random(0, most))
end

local function value(room, depth)
  local kind = room:random(depth > 4 and 4 or 7)
  if kind == 1 then return room:random(-1000000, 1000000) end
  if kind == 2 then return room:random() * 1e6 end
  if kind == 3 then return room:random(2) == 1 end
  if kind == 4 then return text(room, 40) end
  local made = kind == 5 and list {} or {}
  for i = 1, room:random(0, 6) do
    if kind == 5 then made[i] = value(room, depth + 1) else made["k" .. room:random(20)] = value(room, depth + 1) end
  end
  return made
end

local function some_key(room, within)
  local keys = {}
  for key in pairs(within) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  if #keys == 0 then return nil end
  local key = keys[room:random(#keys)]
  return within[key] ~= nil and key or tonumber(key)
end

local function change(room, within, depth)
  local key = some_key(room, within)
  local inner = key and within[key]
  local is_list = #within > 0
  if type(inner) == "table" and room:random(4) > 1 then return change(room, inner, depth + 1) end
  local what = room:random(10)
  if what <= 3 and key then
    within[key] = value(room, depth)
  elseif what <= 5 and key then
    if is_list then table.remove(within, room:random(#within)) else within[key] = nil end
  elseif is_list then
    table.insert(within, room:random(#within + 1), value(room, depth))
  else
    within["k" .. room:random(40)] = value(room, depth)
  end
end

function game.tick(room)
  local state = room.state
  if room.tick % 20 == 7 then
    local long = ROUGHLY > 40000 and 1000 or 60 -- the limit counts more for a value than most take
    for i = 1, ROUGHLY / (long + 40) do
      state["filler " .. i] = { n = room.tick, text = ("f"):rep(long), at = list { i } }
    end
  elseif room.tick % 20 == 15 then
    for key in pairs(state) do if key:sub(1, 1) == "f" then state[key] = nil end end
  end
  for _ = 1, room:random(0, 30) do change(room, state, 0) end
  room:broadcast("truth", state)
end

return game
"#;

/// Ticks after which every table is looked at, at 30 a second.
const LOOK_TICKS: u32 = 3;

/// One tick: the frame that carries the changes, if there were any, and what the state is now.
fn step(game: &mut dyn Game, tick: u32, number: &mut u32) -> (Option<bytes::Bytes>, Option<Value>) {
    let mut effects = Effects::new();
    let mut world = World::empty(&game.info().schema);
    game.begin(tick, &mut effects).unwrap();
    // What is over 64 kB is neither broadcast nor sent: the document stays, and so does the truth.
    let ticked = game.tick(&mut effects);
    game.collect(&mut world, &mut effects).unwrap();
    let mut operations: Vec<Operation> = Vec::new();
    let mut truth = None;
    for effect in effects {
        match effect {
            Effect::Document { name: DocumentName::State, operations: changed } => operations.extend(changed),
            Effect::Message { data, .. } => truth = Some(data),
            other => assert!(ticked.is_err(), "{other:?}"),
        }
    }
    if operations.is_empty() {
        return (None, truth);
    }
    *number += 1;
    (Some(message::document(*number, tick, &message::document_body("state", operations.iter()))), truth)
}

fn joined(game: &dyn Game) -> Joined {
    let schema = game.info().schema.clone();
    let snapshot = airboat::protocol::snapshot::frame(7, 0, None, Default::default(), &[]);
    Joined {
        epoch: 7,
        module: "m".into(),
        title: "m".into(),
        room: "r".into(),
        player: 1,
        tick: 0,
        schema: (*schema).clone(),
        documents: Value::map([("state", Value::map([])), ("players", Value::map([])), ("secret", Value::map([]))]),
        snapshot: snapshot.to_vec(),
        input: Default::default(),
        applied: 0,
        messages_lost: 0,
    }
}

/// Plays and compares; the frames, each with the hash of the documents after it.
fn play(seed: u64, roughly: u32, ticks: u32) -> (Vec<serde_json::Value>, usize) {
    let mut settings = Settings::default();
    settings.budgets.callback_us = 10_000_000;
    let source = MODULE.replace("ROUGHLY", &roughly.to_string());
    let factory = LuaFactory::from_sources("random", [("main.lua".to_owned(), source)], &settings).unwrap();
    let mut game = factory.create_lua().unwrap();
    game.open(&RoomOpening { name: "r".into(), seed }, &mut Effects::new()).unwrap();
    let mut mirror = Mirror::new(&joined(&game)).unwrap();
    let (mut frames, mut number, mut compared, mut largest) = (Vec::new(), 0, 0, 0);
    // A large table that stood still for long is looked at every third tick: its first change may come that late.
    let mut late = 0;
    for tick in 1..=ticks {
        let (frame, truth) = step(&mut game, tick, &mut number);
        if let Some(frame) = frame {
            let Ok(ServerFrame::Document { name, operations, .. }) = ServerFrame::decode(&frame) else {
                panic!("tick {tick}")
            };
            mirror.patch(&name, &operations).unwrap();
            let hash = mirror.documents_hash();
            let bytes: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
            frames.push(json!({ "bytes": bytes, "hash": hash }));
        }
        if let Some(truth) = truth {
            let held = mirror.documents.get("state");
            let same = held == &truth;
            late = if same { 0 } else { late + 1 };
            assert!(late < LOOK_TICKS, "seed {seed}, tick {tick}: the mirror holds {held:?}, the room {truth:?}");
            let hash = hash::documents(&truth, mirror.documents.get("players"));
            assert_eq!(mirror.documents_hash() == hash, same, "seed {seed}, tick {tick}");
            largest = largest.max(truth.to_bytes().len());
            compared += 1;
        }
    }
    assert!(compared > ticks / 2, "seed {seed}: {compared} of {ticks} compared");
    (frames, largest)
}

#[test]
fn random_documents_are_the_same_at_both_ends() {
    let first = support::seed(41);
    let (seeds, ticks) = if support::soak() { (200, 600) } else { (6, 120) };
    let mut largest = 0;
    for seed in first..first + seeds {
        // From documents that fit a line to those at their limit.
        let roughly = [100, 2_000, 30_000, 59_000][seed as usize % 4];
        largest = largest.max(play(seed, roughly, ticks).1);
    }
    println!("the largest document had {largest} bytes");
    assert!(largest > 58_000, "{largest}");
}

/// The TypeScript client's half reads this file (`clients/web/test/golden.test.ts`). The order of changes within a frame
/// is the order of a Lua table, another in each process: what is kept must mean the same, not be made the same.
#[test]
fn the_typescript_client_gets_the_same_frames() {
    if std::env::var_os("AIRBOAT_BLESS").is_some() {
        let (mut small, _) = play(5, 300, 120);
        small.truncate(100);
        std::fs::write(PATH, format!("{}\n", serde_json::to_string_pretty(&json!({ "frames": small })).unwrap()))
            .unwrap();
    }
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(PATH).unwrap()).unwrap();
    let frames = kept["frames"].as_array().unwrap();
    assert!(frames.len() > 50, "{}", frames.len());
    let factory =
        LuaFactory::from_sources("random", [("main.lua".to_owned(), "return {}".to_owned())], &Settings::default());
    let mut mirror = Mirror::new(&joined(&factory.unwrap().create_lua().unwrap())).unwrap();
    for (index, frame) in frames.iter().enumerate() {
        let digits = frame["bytes"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let bytes: Vec<_> = (0..digits.len()).step_by(2).map(byte).collect();
        let Ok(ServerFrame::Document { name, operations, .. }) = ServerFrame::decode(&bytes) else {
            panic!("frame {index}")
        };
        mirror.patch(&name, &operations).unwrap();
        assert_eq!(u64::from(mirror.documents_hash()), frame["hash"].as_u64().unwrap(), "frame {index}");
    }
}
