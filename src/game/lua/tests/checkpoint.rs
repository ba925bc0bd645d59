//! Checkpoints: a room that is restored goes on as one that is not, whatever stood in its tables.

use super::*;
use crate::{
    game::lua::checkpoint::DECODE_DEPTH_MAX,
    protocol::{CloseReason, schema::Class},
};

/// A module that does something at random in every tick, in all places that a checkpoint keeps.
const BUSY: &str = r#"
local names = { "a", "b", "c", "dd", "e e", "" }
local function someone(room)
  local pick = room:random(room:count() + 1)
  for player in room:players() do
    pick = pick - 1
    if pick == 0 then return player end
  end
end
local function value(room, depth)
  local kind = room:random(depth > 3 and 7 or 11)
  if kind == 1 then return room:random(1000) / 7 elseif kind == 2 then return names[room:random(6)]
  elseif kind == 3 then return room:random(2) == 1 elseif kind == 4 then return "\255\0raw"
  elseif kind == 5 then return room:nearest("box", room:random(100), 1)
  elseif kind == 6 then return someone(room)
  elseif kind == 7 then return room.memory.dead
  elseif kind == 8 then return list {} elseif kind == 9 then return {} end
  local made = {}
  for i = 1, room:random(4) do
    local v = value(room, depth + 1)
    if kind == 10 then made[i] = v == nil and 0 or v else made[names[room:random(6)]] = v end
  end
  return made
end
-- Only what does not depend on the order of pairs, which no table keeps over a checkpoint.
local function change(room, into, prefix)
  local key = names[room:random(6)]
  local old = into[key]
  if type(old) == "table" and getmetatable(old) == nil and #old > 0 and room:random(2) == 1 then
    if room:random(2) == 1 then table.remove(old, room:random(#old)) else table.insert(old, room:random(9)) end
  else
    into[key] = value(room, 1)
  end
end
function game.open(room)
  room.memory.dead = room:spawn("box", {})
  room.memory.dead:despawn()
  room.state.queue, room.memory.fired = list {}, 0
end
function game.join(room, player) player.memory.me = player; player.role = "role " .. player.id end
function game.leave(room, player)
  player.memory.last = room.tick
  room:spawn("box", { x = room:random(99), owner = player })
end
function game.timers.ring(room, a, b, c)
  room.memory.fired = room.memory.fired + 1
  room.memory.rang = { a, b, c }
  room.memory.at = room.tick
end
game.answers = {}
function game.answers.got(room, value, a, b, c) room.memory.got = { value, a, b, c } end
function game.input(room, player, input) player.memory.pressed = (player.memory.pressed or 0) + input.fire end
function game.tick(room)
  for _ = 1, 3 do
    local roll = room:random(15)
    local box = room:nearest("box", room:random(100), 1)
    local player = someone(room)
    if roll == 1 then
      room:spawn("box", { x = room:random(99), y = 1, colour = "green", owner = player, inner = value(room, 1) })
    elseif roll == 2 then
      room:spawn("dart", { x = room:random(99), y = 2, velocity = { x = room:random(9), y = -room:random(9) / 3 },
        life = room:random(1, 90) / 10, owner = player })
    elseif roll == 3 and box and box.id % 3 == 0 then box:despawn()
    elseif roll == 4 then change(room, room.state, "s")
    elseif roll == 5 then change(room, room.memory, "m")
    elseif roll == 6 and player then change(room, player.state, "s")
    elseif roll == 7 and player then change(room, player.secret, "s")
    elseif roll == 8 and player then change(room, player.memory, "m")
    elseif roll == 9 then
      room.memory.timer = room:after(room:random(60) / 20, "ring", value(room, 2), nil, value(room, 2))
    elseif roll == 10 and room.memory.timer and room:random(3) == 1 then room:cancel(room.memory.timer)
    elseif roll == 11 and box then box.x, box.turn, box.open = room:random(99), box.turn + 0.1, not box.open
    elseif roll == 12 then
      local queue = room.state.queue
      if #queue > 0 and room:random(2) == 1 then table.remove(queue) else table.insert(queue, room.tick) end
    elseif roll == 13 and box then room.memory[box.id], room.memory[-3] = box, box.owner
    elseif roll == 15 then room.store:get("key " .. room.tick, "got", value(room, 2), nil, room:random(9))
    elseif roll == 14 then
      for dart in room:each("dart") do
        if room:random(4) == 1 then dart.velocity.x = dart.velocity.x + 1; dart.x = room:random(99) end
      end
    end
  end
  room.state.fired, room.state.players = room.memory.fired, room:count()
end
"#;

fn busy(seed: u64) -> Bench {
    let mut bench = Bench::new(&module(BUSY));
    let opening = RoomOpening { name: "Bench".to_owned(), seed };
    bench.game.open(&opening, &mut bench.effects).unwrap();
    bench.join_all(1..=4);
    bench
}

/// One tick, with somebody coming or going now and then.
fn live(bench: &mut Bench, dice: &mut Dice) {
    let saved = bench.checkpoint();
    let players = saved.get("players").list().unwrap();
    let player = players.get(dice.below(6)).map_or(99, |player| player.get("number").u32().unwrap());
    match dice.below(40) {
        0 if players.len() > 1 => bench.game.leave(player, CloseReason::Left, &mut bench.effects).unwrap(),
        // Numbers are never used again.
        1 if players.len() < 6 => drop(bench.join(100 + bench.tick)),
        2 => bench.game.drop(player, &mut bench.effects).unwrap(),
        3 => bench.game.back(player, &mut bench.effects).unwrap(),
        _ => {}
    }
    let requests = saved.get("requests").list().unwrap_or_default();
    if let Some(request) = requests.get(dice.below(8)) {
        let number = request.get("id").u32().unwrap();
        let value = (dice.below(2) == 0).then(|| Value::map([("n", Value::Number(f64::from(number)))]));
        bench.game.answer(number, value.as_ref(), &mut bench.effects).unwrap();
    }
    let input = [0.5, dice.below(3) as f64, 0.0, 1.0];
    bench.try_step(&[(player, &input)]).unwrap();
}

/// Where two checkpoints differ first, with what stands there.
fn difference(a: &Value, b: &Value, path: &str) -> Option<String> {
    match (a, b) {
        (Value::Map(x), Value::Map(y)) => x.keys().chain(y.keys()).find_map(|key| {
            let at = |map: &BTreeMap<_, Value>| map.get(key).cloned().unwrap_or_default();
            difference(&at(x), &at(y), &format!("{path}.{key:?}"))
        }),
        (Value::List(x), Value::List(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (x, y))| difference(x, y, &format!("{path}[{i}]")))
        }
        _ => (a != b).then(|| format!("{path}: {a:?} and {b:?}")),
    }
}

#[test]
fn a_checkpoint_of_a_restored_room_is_the_same_checkpoint() {
    for seed in 0..12 {
        println!("seed {seed}");
        let (mut dice, mut bench) = (Dice(seed), busy(seed));
        for _ in 0..25 {
            (0..20).for_each(|_| live(&mut bench, &mut dice));
            let saved = bench.checkpoint();
            let bytes = saved.to_bytes();
            let decoded = Value::from_bytes_within(&bytes, DECODE_DEPTH_MAX).unwrap();
            assert_eq!(difference(&decoded, &saved, ""), None, "seed {seed}");
            let mut again = Bench::restored(&module(BUSY), &saved, Restored::Checkpoint);
            assert_eq!(difference(&again.checkpoint(), &saved, ""), None, "seed {seed} tick {}", bench.tick);
            assert_eq!(again.logs(), Vec::<String>::new());
        }
    }
}

/// Entities, documents and everything that a checkpoint has, compared after every tick.
fn goes_on_alike(main: &str, seed: u64, every: u32, mut bench: Bench, mut live: impl FnMut(&mut Bench, &mut Dice)) {
    println!("seed {seed}");
    let (mut dice, mut other_dice) = (Dice(seed), Dice(seed));
    let mut other = Bench::restored(main, &bench.checkpoint(), Restored::Checkpoint);
    for _ in 0..1_000 {
        live(&mut bench, &mut dice);
        live(&mut other, &mut other_dice);
        assert_eq!(other.world, bench.world, "seed {seed} tick {}", bench.tick);
        assert_eq!(other.messages(), bench.messages());
        if bench.tick.is_multiple_of(every) {
            let saved = other.checkpoint();
            assert_eq!(difference(&saved, &bench.checkpoint(), ""), None, "seed {seed} tick {}", bench.tick);
            other = Bench::restored(main, &saved, Restored::Reload);
        }
    }
    assert!(bench.tick >= 1_000);
}

#[test]
fn a_room_restored_every_50_ticks_goes_on_as_one_that_is_not() {
    for seed in 20..24 {
        goes_on_alike(&module(BUSY), seed, 50, busy(seed), live);
    }
}

#[test]
fn references_lists_and_numbers_as_keys_come_back_as_they_were() {
    let source = module(
        r#"
function game.open(room)
  local m = room.memory
  m.box = room:spawn("box", { x = 5, note = { "private" }, open = true, colour = "green" })
  m.box.friend = room:spawn("box", { x = 6, friend = m.box })
  m.gone = room:spawn("box", {})
  m.gone:despawn()
  m.sparse = { [3] = "three", [-1] = "minus", [1000000] = "million" }
  m.empty, m.queue, m.plain, m.hole = list {}, list { 1, 2 }, { 1, 2 }, { 1, nil, 3 }
  m.seven = room:random(1, 7)
end
function game.join(room, player)
  if player.id == "2" then room.memory.two = player; player.memory.score = 5; player.role = "keeper" end
  room.memory.one = room.memory.one or player
end
function game.restored(room, why)
  local m = room.memory
  assert(why == "checkpoint" and room.name == "Bench" and room.tick == 3 and room.time == 3 / 20)
  assert(m.box.x == 5 and m.box.note[1] == "private" and m.box.open and m.box.colour == "green" and m.box.id == 1)
  assert(m.box.friend.friend == m.box and m.box.friend.alive and m.box.class == "box")
  assert(m.gone.alive == false and not pcall(function() return m.gone.x end))
  assert(m.sparse[3] == "three" and m.sparse[-1] == "minus" and m.sparse[1000000] == "million")
  assert(m.hole[1] == 1 and m.hole[3] == 3 and m.plain[2] == 2 and m.queue[2] == 2)
  assert(getmetatable(m.empty) == false and getmetatable(m.queue) == false and getmetatable(m.plain) == nil)
  assert(m.one == room:player("1") and m.one.kind == "player" and m.one.connected == true)
  assert(m.two.id == "2" and m.two.name == "Player 2" and m.two.memory.score == 5 and m.two.role == "keeper")
  assert(m.two.connected == false and room:player("2") == nil and room:count() == 1)
  m.two:send("nothing")
  room.state.fine = true
end
"#,
    );
    let mut bench = Bench::new(&source);
    bench.join_all(1..=2);
    bench.game.leave(2, CloseReason::Left, &mut bench.effects).unwrap();
    bench.steps(3);
    let saved = bench.checkpoint();
    assert_eq!(bench.logs(), Vec::<String>::new());
    let mut again = Bench::restored(&source, &saved, Restored::Checkpoint);
    again.collect().unwrap();
    assert_eq!(again.state().get("fine"), &Value::Bool(true));
    assert_eq!(again.messages(), []);
    // The dice roll on, and ids are not used again.
    assert_eq!(again.checkpoint().get("random"), saved.get("random"));
    assert_eq!(again.checkpoint().get("next_id"), &Value::Number(4.0));
}

#[test]
fn roles_and_documents_come_as_effects() {
    let source = module(
        r#"
function game.join(room, player) player.role, player.state.a, player.secret.b, room.state.c = "judge", 1, 2, 3 end
"#,
    );
    let mut bench = Bench::new(&source);
    bench.join(1).step();
    let saved = bench.checkpoint();
    let mut again = Bench::restored(&source, &saved, Restored::Reload);
    assert_eq!(again.effects, [Effect::Role { player: 1, role: "judge".into() }]);
    again.collect().unwrap();
    assert_eq!(again.documents, bench.documents);
    assert_eq!(again.documents.len(), 3);
}

#[test]
fn what_can_not_be_saved_is_named_once_and_the_rest_is_kept() {
    let source = module(
        r#"
function game.join(room, player)
  local m = room.memory
  m.callback, m.good = print, 1
  m.thread = coroutine.create(print)
  m.classy = setmetatable({ x = 1 }, { __index = {} })
  m.list = { 1, print, 3 }
  m.keys = { [true] = 1, [1.5] = 2, ["\255"] = 3, fine = 4 }
  m.circle = { name = "round" }
  m.circle.again = m.circle
  local deep = m
  for i = 1, 40 do deep.deep = { level = i }; deep = deep.deep end
  player.secret.f = print
  room:spawn("box", { think = print, hp = 5, [player] = 1 })
  room:after(1, "ring", 1, print, 3)
end
function game.timers.ring(room, a, b, c) room:log("rang", a, b, c) end
function game.messages.more(room) room.memory.other = print end
"#,
    );
    let mut bench = Bench::new(&source);
    bench.join(1);
    let mut told = Vec::new();
    for _ in 0..3 {
        let saved = bench.checkpoint();
        told.extend(bench.logs());
        let memory = saved.get("memory");
        assert_eq!(memory.get("good"), &Value::Number(1.0));
        assert_eq!(memory.get("callback"), &Value::Nil);
        assert_eq!(memory.get("circle"), &Value::map([("name", "round".into())]));
        assert_eq!(memory.get("keys"), &Value::map([("fine", 4.0.into())]));
        let list = Value::Map(
            [(crate::protocol::Key::Index(1), 1.0.into()), (crate::protocol::Key::Index(3), 3.0.into())].into(),
        );
        assert_eq!(memory.get("list"), &list);
        assert_eq!(saved.get("entities").list().unwrap()[0].get("fields").get("hp"), &Value::Number(5.0));
        let mut depth = 0;
        let mut at = memory;
        while at.get("deep") != &Value::Nil {
            at = at.get("deep");
            depth += 1;
        }
        assert!((16..40).contains(&depth), "{depth}");
        let mut again = Bench::restored(&source, &saved, Restored::Checkpoint);
        again.steps(20);
        assert_eq!(again.logs(), ["rang\t1\tnil\t3"]);
    }
    assert_eq!(told.len(), 13, "{told:#?}");
    assert!(told.iter().any(|text| text.contains("room.memory.callback: a function can not be saved")), "{told:#?}");
    let unique: std::collections::BTreeSet<_> = told.iter().collect();
    assert_eq!(unique.len(), told.len(), "told once: {told:#?}");
    assert_eq!(bench.run("more"), "");
}

#[test]
fn a_checkpoint_over_its_limits_is_refused_and_the_room_goes_on() {
    let mut bench = Bench::new(&module(
        r#"
function game.messages.large(room) local t = {} for i = 1, 150000 do t[i] = i end room.memory.t = t end
function game.messages.wide(room)
  local t = { 1 }
  for _ = 1, 14 do t = { t, t, t, t, t, t } end -- shared, so small here and endless as a tree
  room.memory.t = t
end
function game.messages.mend(room) room.memory.t = nil end"#,
    ));
    bench.join(1);
    for what in ["large", "wide"] {
        assert_eq!(bench.run(what), "");
        let error = bench.game.checkpoint(&mut bench.effects).unwrap_err();
        assert!(!error.is_fatal() && error.to_string().contains("no checkpoint: the room holds more than"), "{error}");
        bench.step();
        assert_eq!(bench.run("mend"), "");
        assert_eq!(bench.checkpoint().get("memory"), &Value::map([]));
    }
}

#[test]
fn another_version_of_the_module_takes_what_it_has_a_place_for() {
    let old = module(
        r#"
function game.open(room)
  room:spawn("dart", { x = 1, y = 2, velocity = { x = 5, y = 0 }, life = 60 })
  room:spawn("box", { x = 1, y = 2, colour = "green", mood = "glad" })
  room.memory.dart, room.memory.box = room:nearest("dart", 0, 0), room:nearest("box", 0, 0)
  room:after(1, "ring")
  room:after(1, "sing")
end
function game.timers.ring(room) end
function game.timers.sing(room) end
"#,
    );
    let new = r#"
local game = { tick_rate = 20 }
game.entities = { box = { fields = {
  x = field.number(0, 100, 1/8), colour = field.choice { "blue", "red" }, hp = field.number(5, 10) } } }
game.timers = { sing = function(room) room:log("la", room.memory.dart.alive, room.memory.box.mood, room.memory.box.y) end }
function game.restored(room, why)
  local box = room.memory.box
  room:log(why, box.x, box.colour, box.hp, box.y)
end
return game
"#;
    let mut bench = Bench::new(&old);
    bench.step();
    let saved = bench.checkpoint();
    let mut again = Bench::restored(new, &saved, Restored::Reload);
    let logs = again.logs();
    assert_eq!(
        logs,
        [
            "1 entities of class dart are dropped: the module has no place for them any more",
            "timer ring is dropped: there is no game.timers.ring",
            "reload\t1\tblue\t5\t2",
        ]
    );
    again.steps(25);
    assert_eq!(again.logs(), ["la\tfalse\tglad\t2"]);
}

#[test]
fn linear_entities_keep_their_line_and_their_end() {
    let source = module(
        r#"function game.open(room) room:spawn("dart", { x = 1, y = 2, velocity = { x = 20, y = -10 }, life = 0.5 }) end"#,
    );
    let mut bench = Bench::new(&source);
    bench.steps(4);
    let mut again = Bench::restored(&source, &bench.checkpoint(), Restored::Checkpoint);
    let mut ticks = 0;
    while !bench.world.classes[1].is_empty() {
        bench.step();
        again.step();
        assert_eq!(again.world, bench.world);
        ticks += 1;
    }
    assert_eq!((ticks, bench.tick), (6, 10));
    // A class that no longer moves by itself stays where it was.
    let mut bench = Bench::new(&source);
    bench.steps(4);
    let still = source.replace("moves = \"linear\", life = 1", "");
    let mut again = Bench::restored(&still, &bench.checkpoint(), Restored::Reload);
    again.steps(20);
    let class: &Class = &again.game.info().schema.classes[1];
    assert_eq!(again.world.classes[1].values[1 + class.field("x").unwrap()], [40]);
}

/// Ticks are counted anew, seconds go on: what was due in so many seconds still is.
#[test]
fn time_goes_on_where_it_was_at_another_tick_rate() {
    const CODE: &str = r#"
game.phases = { lobby = { seconds = 8, next = "play" }, play = {} }
function game.open(room)
  room.memory.began = room.time
  room:after(5, "bell")
  room.memory.dart = room:spawn("dart", { life = 4, velocity = { x = 3, y = 0 } })
end
function game.timers.bell(room) room.state.bell = room.time end
function game.tick(room)
  room.state.time = room.time
  if not room.state.ended and not room.memory.dart.alive then room.state.ended = room.time end
end
"#;
    let source = module(CODE);
    let number = |bench: &Bench, name: &str| bench.state().get(name).number().unwrap_or_default();
    for rate in [7, 30, 120, 240] {
        let mut bench = Bench::new(&source);
        bench.steps(61); // 3.05 s
        let before = number(&bench, "time");
        let other = source.replace("tick_rate = 20", &format!("tick_rate = {rate}"));
        let mut again = Bench::restored(&other, &bench.checkpoint(), Restored::Reload);
        let dt = 1.0 / f64::from(rate);
        again.step();
        let after = number(&again, "time");
        assert!((before..=before + 2.0 * dt).contains(&after), "{rate}: {before} became {after}");
        assert!((again.state().get("phase").get("ends").number().unwrap() - 8.0).abs() <= dt);
        assert!(again.state().get("phase").get("since").number().unwrap() <= dt);
        again.steps(4 * rate);
        assert!((number(&again, "bell") - 5.0).abs() <= 2.0 * dt, "{rate}: rang at {}", number(&again, "bell"));
        assert!((number(&again, "ended") - 4.0).abs() <= 2.0 * dt, "{rate}: ended at {}", number(&again, "ended"));
        assert_eq!(again.state().get("phase").get("name").text(), Some("lobby"));
        again.steps(2 * rate);
        assert_eq!(again.state().get("phase").get("name").text(), Some("play"), "{rate}");
    }
}

#[test]
fn what_is_no_checkpoint_is_an_error_and_holes_in_one_are_defaults() {
    let source = module("");
    let game = || factory(&source).unwrap().create_lua().unwrap();
    let opening = RoomOpening { name: "Bench".to_owned(), seed: 1 };
    let error = game().restore(&opening, &Value::Nil, Restored::Checkpoint, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("is none"), "{error}");
    let mut empty = Bench::restored(&source, &Value::map([("tick", 7.0.into())]), Restored::Checkpoint);
    empty.step();
    assert_eq!(empty.tick, 8);
    let seed = 0x5eed;
    println!("seed {seed:#x}");
    let (mut dice, mut bench) = (Dice(seed), busy(seed));
    (0..100).for_each(|_| live(&mut bench, &mut dice));
    let bytes = bench.checkpoint().to_bytes();
    for _ in 0..300 {
        let mut broken = bytes.clone();
        for _ in 0..=dice.below(6) {
            let at = dice.below(broken.len());
            broken[at] = dice.next() as u8;
        }
        // Errors or not, as it happens: but nothing panics, and nothing is fatal.
        if let Ok(value) = Value::from_bytes_within(&broken, DECODE_DEPTH_MAX) {
            let mut game = factory(&module(BUSY)).unwrap().create_lua().unwrap();
            let result = game.restore(&opening, &value, Restored::Checkpoint, &mut Vec::new());
            assert!(result.is_ok() || !result.unwrap_err().is_fatal());
        }
    }
}
