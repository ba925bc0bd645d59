//! Documents: random changes to a table in a real VM, and what is refused.

use super::*;
use crate::game::lua::{
    RoomLimits, Settings,
    measure::{BYTES_MAX, Measure},
    quiet::Quiet,
    salvage::{Found, Shadow},
    sandbox::Vm,
};

fn bench(code: &str) -> Bench {
    let mut bench = Bench::new(&module(code));
    bench.join(1);
    bench
}

/// Whatever a script does to a table: patches applied to a client's copy always give the whole table.
#[test]
fn patches_always_give_the_whole_table() {
    let sources = Arc::new([("main.lua".to_owned(), "return {}".to_owned())].into());
    let vm = Vm::new("test", &sources, &Settings::default()).unwrap();
    // `change(table, dice…)`: one random change, somewhere.
    let change: mlua::Function = vm
        .lua
        .load(
            r#"
local list = list
local names = { "a", "b", "c", "dd", "e e", "" }
local function value(roll, depth)
  local kind = roll(depth > 3 and 5 or 9)
  if kind == 1 then return roll(3) elseif kind == 2 then return names[roll(6)] elseif kind == 3 then return roll(2) == 1
  elseif kind == 4 then return roll(1000) / 7 elseif kind == 5 then return nil
  elseif kind == 6 then return list {} elseif kind == 7 then return {} end
  local made = {}
  for i = 1, roll(4) do
    local v = value(roll, depth + 1)
    if kind == 8 then made[i] = v == nil and 0 or v else made[names[roll(6)]] = v end
  end
  return made
end
local function is_list(t)
  return #t > 0 or (next(t) == nil and getmetatable(t) == false)
end
local function change(t, roll, depth)
  local inner = {}
  for key, v in pairs(t) do if type(v) == "table" then inner[#inner + 1] = v end end
  if #inner > 0 and roll(3) > 1 then return change(inner[(roll(#inner))], roll, depth + 1) end
  if is_list(t) and roll(6) > 1 then
    local action = roll(5)
    if action == 1 then t[#t] = nil
    elseif action == 2 and #t > 0 then table.remove(t, roll(#t))
    elseif action == 3 then table.insert(t, 1, roll(9))
    elseif action == 4 then
      local v = value(roll, depth)
      t[#t + 1] = v
    else t[1] = roll(9) end
  elseif next(t) == nil or not is_list(t) then
    t[names[roll(6)]] = value(roll, depth)
  else
    for i = #t, 1, -1 do t[i] = nil end
  end
end
return change"#,
        )
        .eval()
        .unwrap();

    for seed in 0..40 {
        let dice = Arc::new(std::sync::Mutex::new(Dice(seed)));
        let shared = dice.clone();
        let roll = vm.lua.create_function(move |_, n: usize| Ok(shared.lock().unwrap().below(n.max(1)) + 1)).unwrap();
        let document = vm.lua.create_table().unwrap();
        let tables = vm.lua.create_table().unwrap();
        tables.raw_push(&document).unwrap();
        let (mut copy, mut quiet) = (Value::map([]), Quiet::default());
        for step in 0..200 {
            let changes = dice.lock().unwrap().below(4);
            for _ in 0..=changes {
                change.call::<()>((&document, &roll, 0)).unwrap();
            }
            let whole = vm.marks.read(&vm.lua, mlua::Value::Table(document.clone()), &mut Measure::default()).unwrap();
            let before = copy.clone();
            let shadow = Shadow { value: &before, own: None, bytes_max: BYTES_MAX, shared: "", tells: true };
            let each = |_, _, result: Result<Found, _>| match result {
                Ok(Found { operations, problem, .. }) => {
                    // What is in order goes out, whatever is not.
                    operations.iter().for_each(|operation| operation.apply(&mut copy).unwrap());
                    assert_eq!(problem.is_some(), whole.is_err(), "seed {seed} step {step}");
                    assert!(
                        before != copy || operations.is_empty(),
                        "seed {seed} step {step}: needless {operations:?}"
                    );
                }
                Err(_) => assert!(whole.is_err(), "seed {seed} step {step}: {whole:?}"),
            };
            vm.marks.diff(&vm.lua, &tables, std::iter::once(shadow), &mut quiet, each).unwrap();
            if let Ok(whole) = whole {
                assert_eq!(copy, whole, "seed {seed} step {step}");
            }
        }
    }
}

#[test]
fn entities_and_players_may_be_values_and_go_when_they_go() {
    let mut bench = bench(
        r#"
function game.open(room)
  local box = room:spawn("box", {})
  room.memory.box = box
  room.state.box, room.state.list, room.state.deep = box, { 1, box }, { x = { y = box } }
end
function game.join(room, player) room.state.players = room.state.players or {}; room.state.players[player.id] = player end
function game.messages.gone(room) room.memory.box:despawn() end
function game.messages.look(room)
  local state = room.state
  assert(state.box == room.memory.box and state.list[2] == state.box and not state.box.alive, "a dead handle in Lua")
end
"#,
    );
    bench.step();
    let state = bench.state().clone();
    assert_eq!(state.get("box"), &Value::Entity(1));
    assert_eq!(state.get("list"), &Value::List(vec![1.0.into(), Value::Entity(1)]));
    assert_eq!(state.get("players").get("1"), &Value::Player(1));
    bench.run("gone");
    bench.step();
    assert_eq!(bench.state().get("box"), &Value::Nil);
    assert_eq!(bench.state().get("list"), &Value::List(vec![1.0.into(), Value::Nil]));
    assert_eq!(bench.state().get("deep"), &Value::map([("x", Value::map([]))]));
    assert_eq!(bench.run("look"), "");
}

#[test]
fn what_can_not_be_kept_is_named_and_stays_while_the_rest_goes_out() {
    for (code, text) in [
        ("s.a = { b = { print } }", "room.state.a.b[1]: a function can not be copied"),
        ("s.t = coroutine.create(print)", "room.state.t: a thread can not be copied"),
        ("s.a = setmetatable({}, {})", "room.state.a: a table with a metatable can not be copied"),
        ("s.a = { x = 1, 2 }", "room.state.a: the key 1: keys are strings, or exactly 1 to n"),
        ("s.a = { [1.5] = 2 }", "room.state.a: the key 1.5"),
        ("s.a = { 1, nil, 3, 4 }", "room.state.a: "),
        ("s.a = { [true] = 2 }", "room.state.a: a key that is neither"),
        ("s.a = { ['\\255'] = 2 }", "room.state.a: a key that is not UTF-8"),
        ("s.s = s", "nested deeper than 16, or in a circle"),
        (
            "s.a = ('x'):rep(70000)",
            "room.state.a: does not fit: it has 1 values, 70005 bytes, and one document holds at most 4096",
        ),
        ("s.a = {} for i = 1, 5000 do s.a[i] = i end", "room.state.a: does not fit: it has 5000 values, "),
        ("setmetatable(s, {})", "room.state: a table with a metatable"),
        ("s.a = 1LL", "room.state.a: a cdata can not be copied"),
    ] {
        let mut bench = bench(&format!(
            "function game.open(room) room.state.good = 1 end
function game.messages.go(room) local s = room.state; s.good = 2; {code} end
function game.messages.mend(room) room.state.a, room.state.t, room.state.s = nil, nil, nil end"
        ));
        bench.step();
        assert_eq!(bench.run("go"), "");
        bench.steps(3);
        let logs = bench.logs();
        assert_eq!(logs.len(), 1, "told once: {logs:?}");
        assert!(logs[0].contains(text), "{logs:?} does not say {text}");
        // Without an order among its keys there is nothing to tell apart.
        let good = if code.starts_with("setmetatable") { 1.0 } else { 2.0 };
        assert_eq!(bench.state(), &Value::map([("good", good.into())]), "{code}");
        if !code.starts_with("setmetatable") {
            assert_eq!(bench.run("mend"), "");
            bench.steps(3); // large ones are not walked on every tick
            assert_eq!(bench.state(), &Value::map([("good", 2.0.into())]), "{code}");
        }
    }
}

/// The engine's own key is in nobody's way, and nothing is in its.
#[test]
fn the_phase_reaches_clients_whatever_the_module_has_done_to_the_rest() {
    for bad in ["print", "('x'):rep(70000)", "many", "room.state"] {
        let mut bench = bench(&format!(
            "game.phases = {{ lobby = {{}}, play = {{}} }}
local many = {{}} for i = 1, 5000 do many[i] = i end
function game.open(room) room.state.kept, room.state.gone = 1, 1 end
function game.messages.go(room) room.state.kept, room.state.gone, room.state.bad = 2, nil, {bad}; room:go('play') end
function game.messages.mend(room) room.state.bad = 'good'; room:go('lobby') end"
        ));
        let phase = |bench: &Bench| bench.state().get("phase").get("name").text().unwrap_or_default().to_owned();
        bench.step();
        assert_eq!(phase(&bench), "lobby");
        assert_eq!(bench.run("go"), "");
        bench.steps(3);
        assert_eq!(phase(&bench), "play", "{bad}");
        assert_eq!((bench.state().get("kept"), bench.state().get("gone")), (&2.0.into(), &Value::Nil), "{bad}");
        assert_eq!(bench.state().get("bad"), &Value::Nil);
        assert!(bench.logs()[0].contains("room.state.bad"));
        assert_eq!(bench.run("mend"), "");
        bench.steps(3);
        assert_eq!((phase(&bench).as_str(), bench.state().get("bad")), ("lobby", &"good".into()), "{bad}");
    }
}

/// Many keys that do not fit together: as many as do, and never more.
#[test]
fn a_document_is_filled_up_to_its_limit_and_what_is_there_may_change() {
    let mut bench = bench(
        "function game.messages.fill(room, _, _) for i = 1, 20 do room.state['k' .. i] = ('x'):rep(5000) end end
function game.messages.change(room) for i = 1, 20 do room.state['k' .. i] = ('y'):rep(4000 + i) end end
function game.messages.clear(room) for i = 1, 20 do room.state['k' .. i] = nil end end",
    );
    let held = |bench: &Bench| match bench.state() {
        Value::Map(map) => map.len(),
        _ => 0,
    };
    assert_eq!(bench.run("fill"), "");
    bench.steps(3);
    assert_eq!(held(&bench), 13, "13 times 5,010 bytes are within 65,536");
    assert!(bench.logs()[0].contains("and so do 6 others"));
    assert_eq!(bench.run("change"), "");
    bench.steps(3);
    assert_eq!(held(&bench), 16);
    let Value::Map(map) = bench.state() else { panic!() };
    assert!(map.values().all(|text| text.text().unwrap().starts_with('y')), "what shrinks always goes");
    assert_eq!(bench.run("clear"), "");
    bench.steps(3);
    assert_eq!(held(&bench), 0);
}

/// What one player is sent holds together what a session's lane can take, however many players there are.
#[test]
fn all_documents_of_a_room_are_bounded_together() {
    let mut bench = bench(
        "function game.join(room, player) player.state.s = ('x'):rep(30000); player.secret.s = player.state.s end
function game.messages.less(room) for player in room:players() do player.state.s = 'less' end end",
    );
    bench.join_all(2..=60);
    bench.steps(40);
    let bytes = |bench: &Bench, secret: bool| {
        let of = |name: &DocumentName| matches!(name, DocumentName::Secret(_)) == secret;
        bench.documents.iter().filter(|(name, _)| of(name)).map(|(_, value)| value.to_bytes().len()).collect::<Vec<_>>()
    };
    let limits = RoomLimits::new(&crate::config::Limits::default());
    let (open, secrets) = (bytes(&bench, false), bytes(&bench, true));
    let largest = *secrets.iter().max().unwrap();
    assert!((60_000..limits.documents_bytes).contains(&(open.iter().sum::<usize>() + largest)), "{open:?}");
    assert!((960_000..limits.secrets_bytes).contains(&secrets.iter().sum()), "{secrets:?}");
    let logs = bench.logs();
    let told = |text: &str| logs.iter().filter(|line| line.contains(text)).count();
    assert!(
        told(
            "state of player 60: player.state.s: does not fit: it has 1 values, 30005 bytes, and all documents that \
                  one player is sent, everybody's states and the own secret, hold at most 131072 bytes"
        ) >= 1,
        "{logs:?}"
    );
    assert!(told("secret of player 60: player.secret.s") >= 1, "{logs:?}");
    assert!(told("player 60") <= 2 * 3, "told once a second");
    // Where there is room again it is used.
    assert_eq!(bench.run("less"), "");
    bench.steps(2);
    assert!((1..=60).all(|number| bench.documents[&DocumentName::PlayerState(number)].get("s") == &"less".into()));
}

/// Keys as long as texts, in every path: the whole is less.
#[test]
fn long_keys_do_not_multiply() {
    let mut bench = bench(
        "local key = ('k'):rep(30000)
function game.open(room) room.state[key] = {} for i = 1, 300 do room.state[key]['n' .. i] = 0 end end
function game.messages.go(room) for i = 1, 300 do room.state[key]['n' .. i] = 1 end end",
    );
    bench.step();
    assert_eq!(bench.run("go"), "");
    bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
    let Some(Effect::Document { operations, .. }) = bench.effects.pop() else { panic!() };
    assert_eq!(operations.len(), 1);
}

#[test]
fn only_what_changed_is_sent() {
    let mut bench = bench(
        r#"
function game.open(room) room.state.list, room.state.map = { 1, 2, 3 }, { a = { b = 1, c = 2 } } end
function game.messages.go(room)
  room.state.list[3], room.state.list[2] = nil, nil
  room.state.map.a.b = 5
  room.state.map.a.c = nil
end"#,
    );
    bench.step();
    assert_eq!(bench.run("go"), "");
    bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
    let Some(Effect::Document { name: DocumentName::State, operations }) = bench.effects.pop() else { panic!() };
    let mut text: Vec<_> = operations.iter().map(|operation| format!("{:?}", operation.to_value())).collect();
    text.sort();
    assert_eq!(operations.len(), 4, "{text:?}");
    bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
    assert!(bench.effects.is_empty());
}

#[test]
fn large_documents_are_walked_every_few_ticks_and_large_changes_go_whole() {
    let mut bench = bench(
        r#"
function game.open(room) room.state.cells = {} for i = 1, 4000 do room.state.cells[i] = 0 end end
function game.tick(room) for i = 1, 4000 do room.state.cells[i] = room.tick end end
"#,
    );
    let mut sent = 0;
    for _ in 0..20 {
        bench.tick += 1;
        bench.game.begin(bench.tick, &mut bench.effects).unwrap();
        bench.game.tick(&mut bench.effects).unwrap();
        bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
        for effect in bench.effects.drain(..) {
            if let Effect::Document { name: DocumentName::State, operations } = effect {
                assert!(operations.len() == 1);
                let cells = operations[0].value.as_ref().unwrap();
                let cells = if operations[0].path.is_empty() { cells.get("cells") } else { cells };
                assert!(cells.list().unwrap().iter().all(|cell| *cell == Value::Number(f64::from(bench.tick))));
                sent += 1;
            }
        }
    }
    assert!((9..=11).contains(&sent), "{sent}");
}

/// A map that never changes is passed over; when it does change after all, clients have it within 100 ms.
#[test]
fn a_large_table_that_changes_after_a_long_time_is_seen_soon_and_then_at_once() {
    let mut bench = bench(
        r#"
function game.open(room)
  room.state.map, room.state.moving, room.state.box = {}, {}, room:spawn("box", {})
  for i = 1, 240 do room.state.map[i] = i end
  for i = 1, 240 do room.state.moving["k" .. i] = { i } end
end
function game.tick(room) room.state.n, room.state.moving.k7[1] = room.tick, room.tick end
function game.messages.change(room) room.state.map[100] = room.tick end
function game.messages.replace(room)
  local other = {}
  for i = 1, 240 do other[i] = -i end
  room.state.map = other
end
function game.messages.shrink(room) room.state.map = { 1 } end
"#,
    );
    // 20 ticks a second: 100 ms are two of them.
    let until_seen = |bench: &mut Bench, name: &str| {
        let before = bench.state().get("map").clone();
        assert_eq!(bench.run(name), "");
        let mut ticks = 0;
        while bench.state().get("map") == &before {
            bench.step();
            ticks += 1;
            assert_eq!(bench.state().get("n"), &Value::Number(f64::from(bench.tick)), "the rest is never late");
            assert_eq!(bench.state().get("moving").get("k7").list(), Some(&[f64::from(bench.tick).into()][..]));
            assert!(ticks <= 2, "{name} was not seen");
        }
        ticks
    };
    for pause in [100, 101, 102, 103] {
        bench.steps(pause);
        until_seen(&mut bench, "replace");
        bench.steps(pause);
        until_seen(&mut bench, "change");
        for _ in 0..3 {
            bench.steps(pause);
            assert_eq!(until_seen(&mut bench, "change"), 1, "it has changed before");
        }
    }
    bench.steps(100);
    assert_eq!(until_seen(&mut bench, "shrink"), 1);
}

/// Microseconds a walk of a map that never changes: `cargo test --lib documents -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn microseconds_a_walk() {
    let mut bench = bench(
        "function game.open(room) room.state.map = {} for i = 1, 240 do room.state.map[i] = i * 1.5 end end
function game.tick(room) room.state.n = room.tick end",
    );
    bench.steps(100);
    for _ in 0..3 {
        let mut spent = std::time::Duration::ZERO;
        for _ in 0..2_000 {
            bench.tick += 1;
            bench.game.begin(bench.tick, &mut bench.effects).unwrap();
            bench.game.tick(&mut bench.effects).unwrap();
            let began = std::time::Instant::now();
            bench.game.collect(&mut bench.world, &mut bench.effects).unwrap();
            spent += began.elapsed();
            bench.effects.clear();
        }
        println!("{:.2} µs a collect with a list of 240 numbers", spent.as_secs_f64() * 1e6 / 2_000.0);
    }
}
