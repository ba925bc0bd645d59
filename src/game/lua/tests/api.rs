//! What modules write: entities, walks, timers, players, messages, and what misuse is answered with.

use super::*;
use crate::{
    game::{Admission, Audience},
    protocol::{CloseReason, schema::FieldKind},
};

fn bench(messages: &str) -> Bench {
    let mut bench = Bench::new(&module(messages));
    bench.join(1);
    bench
}

/// Runs one handler body and gives back its error, or "".
fn run(body: &str) -> String {
    bench(&format!("function game.messages.go(room, player, data)\n{body}\nend")).run("go")
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

#[test]
fn a_despawned_entity_tells_only_that_it_is_gone() {
    let mut bench = bench(
        r#"
function game.messages.gone(room)
  local box = room:spawn("box", { x = 1, y = 2, secret = 5 })
  assert(box.alive and box.id == 1 and box.class == "box" and box.secret == 5 and box.open == false)
  assert(box.colour == "red" and box.turn == 0 and tostring(box) == "box 1")
  box:despawn()
  assert(box.alive == false)
  for _, use in ipairs {
    function() return box.x end, function() box.x = 1 end, function() box:despawn() end, function() return box.secret end,
  } do
    local ok, problem = pcall(use)
    assert(not ok and problem:find("this box was despawned at test/main.lua:15", 1, true), problem)
  end
  assert(next(box) == nil and getmetatable(box) == false and not pcall(setmetatable, box, {}))
end"#,
    );
    assert_eq!(bench.run("gone"), "");
}

#[test]
fn walks_hold_while_entities_come_and_go() {
    let text = run(r#"
  local first = {}
  for i = 1, 5 do first[i] = room:spawn("box", { x = i, y = 0 }) end
  local seen = {}
  for box in room:each("box") do
    seen[#seen + 1] = box.id
    room:spawn("box", { x = 50, y = 0 })
    if box.id == 2 then box:despawn(); first[4]:despawn() end
    assert(#seen < 20)
  end
  assert(table.concat(seen, ",") == "1,2,3,5", table.concat(seen, ","))
  local count = 0
  for _ in room:each("box") do count = count + 1 end
  assert(count == 7, count)
"#);
    assert_eq!(text, "");
}

#[test]
fn nearest_and_within() {
    let text = run(r#"
  for i = 1, 5 do room:spawn("box", { x = i * 10, y = 0 }) end
  local box, distance = room:nearest("box", 22, 0)
  assert(box.x == 20 and distance == 2)
  assert(room:nearest("box", 22, 0, 1) == nil)
  assert(room:nearest("box", 15, 0).x == 10) -- of equals the older
  local found = {}
  for box in room:within("box", 30, 0, 10) do found[#found + 1] = box.x end
  assert(table.concat(found, ",") == "20,30,40")
  local ghost = room:seen(player):nearest("box", 41, 0)
  assert(ghost.x == 40 and ghost.entity.id == 4 and not pcall(function() ghost.x = 1 end))
  for ghost in room:seen(player):within("box", 30, 0, 5) do assert(ghost.entity.x == 30) end
"#);
    assert_eq!(text, "");
}

#[test]
fn linear_entities_move_before_the_callbacks_and_end_on_their_tick() {
    let mut bench = bench(
        r#"
function game.messages.go(room, player)
  room.memory.dart = room:spawn("dart", { x = 1, y = 2, velocity = { x = 20, y = -10 }, life = 0.25, owner = player })
end
function game.tick(room)
  local dart = room.memory.dart
  room.state.alive = dart and dart.alive
  if dart and dart.alive then room.state.x = dart.x end
  room.state.tick, room.state.time, room.state.dt, room.state.os = room.tick, room.time, room.dt, os.clock()
end"#,
    );
    bench.steps(2);
    assert_eq!(bench.run("go"), "");
    bench.collect().unwrap();
    let dart = bench.world.classes[1].clone();
    assert_eq!(
        (dart.ids.as_slice(), dart.values.iter().map(|c| c[0]).collect::<Vec<_>>()),
        (&[1][..], vec![1, 8, 16, 160, -80, 2, 7])
    );
    for tick in 3..=6 {
        bench.step();
        assert_eq!(bench.state().get("x"), &Value::Number(1.0 + f64::from(tick - 2)));
        assert_eq!(bench.world.classes[1], dart);
    }
    bench.step();
    assert_eq!(bench.state().get("alive"), &Value::Bool(false));
    assert!(bench.world.classes[1].is_empty());
    assert_eq!(bench.state().get("time"), &Value::Number(7.0 / 20.0));
    assert_eq!(bench.state().get("os"), bench.state().get("time"));
    assert_eq!(bench.state().get("dt"), &Value::Number(0.05));
}

#[test]
fn timers_fire_by_name_once_and_in_order() {
    let mut bench = bench(
        r#"
local function note(room, text) room:log(room.tick .. " " .. text) end
function game.timers.ring(room, text, n) note(room, text .. (n or "")) end
function game.timers.again(room) note(room, "again"); room:after(0, "again") end
function game.timers.fails(room) error("no luck") end
function game.messages.go(room, player)
  room:after(0.1, "ring", "a", 1)
  room:after(0, "ring", "soon")
  room:after(0.1, "fails")
  room:after(0.1, "ring", "b", 2)
  local timer = room:after(0.1, "ring", "never")
  assert(type(timer) == "number" and room:cancel(timer) == true and room:cancel(timer) == false)
  assert(room:cancel(12345) == false and not pcall(room.cancel, room, {}))
  local box = room:spawn("box", {})
  room:after(0.1, "ring", box)
  box:despawn()
end
function game.messages.after_leave(room, player) room:after(0.1, "ring", player) end
function game.messages.loop(room) room:after(0, "again") end
"#,
    );
    bench.step();
    assert_eq!(bench.run("go"), "");
    bench.step();
    assert_eq!(bench.logs(), ["2 soon"]);
    let error = bench.try_step(&[]).unwrap_err().to_string();
    assert_says(&error, &["test/main.lua:14: no luck", "traceback"]);
    assert_eq!(bench.logs(), ["3 a1", "3 b2"]);
    bench.join(2);
    bench.game.message(2, "after_leave", &Value::Nil, None, &mut bench.effects).unwrap();
    bench.game.leave(2, CloseReason::Left, &mut bench.effects).unwrap();
    bench.steps(3);
    assert_eq!(bench.logs(), Vec::<String>::new());
    assert_eq!(bench.run("loop"), "");
    bench.steps(3);
    assert_eq!(bench.logs(), ["7 again", "8 again", "9 again"]);
}

#[test]
fn callbacks_of_a_seat() {
    let mut bench = bench(
        r#"
function game.enter(room, player)
  if player.name == "Player 7" then return false, "not you" end
  if player.name == "Player 8" then return "full of you" end
end
local function note(what) return function(room, player, reason)
  room:log(what, player.id, player.name, player.kind, reason)
  player.state.what, player.secret.what, player.memory.what = what, what, what
end end
game.join, game.drop, game.back, game.leave = note "join", note "drop", note "back", note "leave"
"#,
    );
    bench.logs();
    let mut enter = |number| bench.game.enter(&seat(number), &mut bench.effects).unwrap();
    assert_eq!(enter(6), Admission::As("player".into()));
    assert_eq!(enter(7), Admission::Refused("not you".into()));
    assert_eq!(enter(8), Admission::Refused("full of you".into()));
    bench.join(3);
    bench.collect().unwrap();
    assert_eq!(bench.documents[&DocumentName::Secret(3)], Value::map([("what", "join".into())]));
    bench.game.drop(3, &mut bench.effects).unwrap();
    bench.game.back(3, &mut bench.effects).unwrap();
    bench.collect().unwrap();
    assert_eq!(bench.documents[&DocumentName::PlayerState(3)], Value::map([("what", "back".into())]));
    bench.game.leave(3, CloseReason::Kicked, &mut bench.effects).unwrap();
    bench.game.leave(3, CloseReason::Kicked, &mut bench.effects).unwrap();
    let lines = ["join\t3\tPlayer 3\tplayer\tnil", "drop\t3\tPlayer 3\tplayer\tnil", "back\t3\tPlayer 3\tplayer\tnil"];
    assert_eq!(bench.logs()[..3], lines);
}

#[test]
fn players_send_kick_and_have_a_role() {
    let mut bench = bench(
        r#"
function game.messages.go(room, player)
  player:send("secret", { 1, 2, player })
  room:broadcast("news")
  player.role = "goalkeeper"
  assert(player.role == "goalkeeper")
  player:kick("enough")
  room:close()
  print("a", nil, 1.5, true)
end
"#,
    );
    assert_eq!(bench.run("go"), "");
    let list = Value::List(vec![1.0.into(), 2.0.into(), Value::Player(1)]);
    assert_eq!(
        bench.effects,
        [
            Effect::Message { to: Audience::Player(1), name: "secret".into(), data: list },
            Effect::Message { to: Audience::Room, name: "news".into(), data: Value::Nil },
            Effect::Role { player: 1, role: "goalkeeper".into() },
            Effect::Log { level: LogLevel::Info, text: "player 1 kicked: enough".into() },
            Effect::Kick { player: 1, reason: CloseReason::Kicked, text: "enough".into() },
            Effect::Close,
            Effect::Log { level: LogLevel::Info, text: "a\tnil\t1.5\ttrue".into() },
        ]
    );
}

#[test]
fn a_kick_says_at_most_a_sentence() {
    let told = |kick: &str| {
        let mut bench = bench(&format!("function game.messages.go(room, player) player:kick({kick}) end"));
        assert_eq!(bench.run("go"), "");
        bench.effects.iter().find_map(|effect| match effect {
            Effect::Kick { text, .. } => Some(text.clone()),
            _ => None,
        })
    };
    assert_eq!(told("('ä'):rep(150)"), Some("ä".repeat(100)));
    assert_eq!(told(""), Some("kicked".to_owned()));
}

#[test]
fn inputs_arrive_in_the_units_of_their_kinds() {
    let mut bench = bench(
        r#"
function game.input(room, player, input)
  room.state.last = input
  assert(player.id == "1")
end"#,
    );
    let names: Vec<_> = bench.game.info().schema.inputs.iter().map(|f| f.name.clone()).collect();
    assert_eq!(names, ["aim", "fire", "mode", "run"]);
    bench.try_step(&[(1, &[1.5, 2.0, 1.0, 1.0])]).unwrap();
    let expected =
        Value::map([("aim", 1.5.into()), ("fire", 2.0.into()), ("mode", "run".into()), ("run", true.into())]);
    assert_eq!(bench.state().get("last"), &expected);
}

#[test]
fn message_handlers_answer_calls() {
    let mut bench = bench(
        r#"
function game.messages.double(room, player, data) return { n = data.n * 2, box = room:spawn("box"), me = player } end
function game.messages.broken(room) return function() end end
function game.messages.same(room, player, data) return data end
"#,
    );
    let mut call = |name: &str, data: Value| {
        let result = bench.game.message(1, name, &data, Some(9), &mut bench.effects);
        let Some(Effect::Reply { to: 1, call: 9, result: reply }) = bench.effects.pop() else { panic!() };
        (result, reply)
    };
    let answer = Value::map([("n", 8.0.into()), ("box", Value::Entity(1)), ("me", Value::Player(1))]);
    assert_eq!(call("double", Value::map([("n", 4.0.into())])), (Ok(()), Ok(answer)));
    let (result, reply) = call("double", Value::Nil);
    assert_says(&result.unwrap_err().to_string(), &["test/main.lua:11", "data"]);
    assert_eq!(reply, Err("double failed".into()));
    let (result, _) = call("broken", Value::Nil);
    assert_says(&result.unwrap_err().to_string(), &["game.messages.broken", "a function can not be copied"]);
    // Entities and players come in as themselves; those that are not there are nil.
    let data = Value::List(vec![Value::Entity(1), Value::Entity(77), Value::Player(1), Value::Player(5), true.into()]);
    let (_, reply) = call("same", Value::map([("list", data)]));
    assert!(reply.is_err(), "a list with nil in it has a hole");
    let data = Value::map([("a", Value::Entity(1)), ("b", Value::Player(1)), ("c", Value::Entity(99))]);
    assert_eq!(call("same", data).1, Ok(Value::map([("a", Value::Entity(1)), ("b", Value::Player(1))])));
}

#[test]
fn misuse_says_what_exists_and_where() {
    for (body, parts) in [
        ("return room.tik", &["test/main.lua:11: room.tik does not exist; did you mean tick?"][..]),
        ("return room.xyzzy", &["room.xyzzy does not exist; there are after, broadcast, cancel, close, "]),
        ("room.state = {}", &["room.state is changed, never replaced"]),
        ("room.score = {}", &["room.score can not be set"]),
        ("return player.nme", &["test/main.lua:11: player.nme does not exist; did you mean name?"]),
        ("player.secret = {}", &["player.secret is changed, never replaced"]),
        ("player.role = 5", &["player.role is a string"]),
        ("room:spawn('bxo')", &["test/main.lua:11: room:spawn: there is no class bxo; did you mean box?"]),
        ("room:each('nothing')", &["each: there is no class nothing; there are box, dart"]),
        ("room:spawn('box', { velocity = { x = 1, y = 1 } })", &["velocity and life need moves = \"linear\""]),
        ("room:spawn('dart', { velocity = 5 })", &["velocity is a table"]),
        ("room:spawn('box', { owner = {} })", &["owner is a player or nil"]),
        ("room:after(1, 'rign')", &["test/main.lua:11: room:after: there is no game.timers.rign"]),
        ("room:after('soon', 'x')", &["the first argument is a number of seconds"]),
        ("room:nearest('box', 1)", &["nearest: (class, x, y, distance) with numbers"]),
        ("room:broadcast('x', { f = print })", &["room:broadcast: message x: data.f: a function can not be copied"]),
        ("room:broadcast('x', { [1] = 1, [3] = 3 })", &["data: ", "keys are strings, or exactly 1 to n"]),
        ("local t = {} t.t = t room:broadcast('x', t)", &["nested deeper than 16, or in a circle"]),
        ("room:random(2, 1)", &["room:random: two whole numbers, the smaller first"]),
        ("room.spawn('box')", &["test/main.lua:11: room:spawn takes the name of a class: write room:spawn(class, …)"]),
        ("room.each('box')", &["write room:each(class, …), with a colon"]),
        ("room.nearest('box', 1, 2)", &["write room:nearest(class, …), with a colon"]),
        ("room.after(1, 'ring')", &["write room:after(seconds, name), with a colon"]),
        ("room.cancel(5)", &["write room:cancel(timer)"]),
        ("room.broadcast('boom', {})", &["the message's name is a string; write room:broadcast(name, data)"]),
        ("room.random(5)", &["room:random: write room:random(…), with a colon"]),
        ("room.log('x')", &["room:log: write room:log(…), with a colon"]),
        ("room.count('player')", &["room:count: write room:count(…), with a colon"]),
        ("room.players('player')", &["room:players: write room:players(…), with a colon"]),
        ("room.player('1')", &["write room:player(id)"]),
        ("room.store.get('k', 'x')", &["test/main.lua:11: room.store:get: write room.store:get(key, answer)"]),
        ("room.store.set('k', 'x')", &["write room.store:set(key, value), with a colon"]),
        ("room.store.delete('k')", &["write room.store:delete(key), with a colon"]),
        ("room.store:put('k', 1)", &["room.store.put does not exist; there are delete, get, set"]),
        ("room:after(1, function() end)", &["timers are named", "function game.timers.NAME", "not a function"]),
        ("return field.nmuber", &["field.nmuber does not exist; did you mean number?"]),
    ] {
        assert_says(&run(body), parts);
    }
}

#[test]
fn the_room_has_its_own_dice() {
    let source = module(
        r#"
function game.tick(room)
  local n = room:random(3, 5)
  assert(n == 3 or n == 4 or n == 5)
  local unit = room:random()
  assert(unit >= 0 and unit < 1)
  room.state.n, room.state.unit, room.state.m = n, unit, math.random(1000000)
end
function game.messages.seed(room) math.randomseed(5); room.state.n = math.random(1000000) end
"#,
    );
    let run = |seed: u64| {
        let mut bench = Bench::new(&source);
        let opening = RoomOpening { name: "again".into(), seed };
        bench.game.open(&opening, &mut bench.effects).unwrap();
        bench.steps(20);
        bench.state().clone()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_ne!(run(1), run(1 << 40));
    let mut mean = 0.0;
    let mut bench = Bench::new(&source);
    for _ in 0..1000 {
        bench.step();
        mean += bench.state().get("unit").number().unwrap() / 1000.0;
    }
    assert!((0.45..0.55).contains(&mean), "{mean}");
}

#[test]
fn a_player_who_left_keeps_id_and_memory() {
    let mut bench = bench(
        r#"
function game.join(room, player)
  player.memory.score = 5
  room:spawn("box", { owner = player })
  room.memory.last = player
end
function game.tick(room)
  for box in room:each("box") do
    room.state.owner, room.state.score, room.state.who = box.owner.id, box.owner.memory.score, box.owner
    box.owner:send("still")
  end
end"#,
    );
    bench.join(2).step();
    assert_eq!(bench.state().get("who"), &Value::Player(2));
    bench.game.leave(2, CloseReason::Left, &mut bench.effects).unwrap();
    bench.messages();
    bench.step();
    assert_eq!((bench.state().get("owner"), bench.state().get("score")), (&"2".into(), &Value::Number(5.0)));
    assert_eq!(bench.state().get("who"), &Value::Nil, "documents do not name who is not there");
    assert_eq!(bench.world.classes[0].values[0], [1, 2], "the owner column does");
    assert_eq!(bench.messages().len(), 1, "to player 1 only");
}

#[test]
fn choices_and_flags_on_the_wire() {
    let mut bench = bench(
        r#"function game.open(room) room:spawn("box", { colour = "green", open = true, turn = -math.pi / 2, x = 3 }) end"#,
    );
    bench.step();
    let class = &bench.game.info().schema.classes[0];
    let names: Vec<_> = class.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["colour", "open", "turn", "x", "y"]);
    assert!(matches!(class.fields[0].kind, FieldKind::Choice(_)));
    let row: Vec<_> = bench.world.classes[0].values.iter().map(|column| column[0]).collect();
    assert_eq!(row, [0, 1, 1, 768, 24, 0]);
}
