//! Documents: random changes to a table in a real VM, and what is refused.

use super::*;
use crate::game::lua::{Settings, measure::Measure, sandbox::Vm};

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
        let mut copy = Value::map([]);
        for step in 0..200 {
            let changes = dice.lock().unwrap().below(4);
            for _ in 0..=changes {
                change.call::<()>((&document, &roll, 0)).unwrap();
            }
            let whole = vm.marks.read(&vm.lua, mlua::Value::Table(document.clone()), &mut Measure::default()).unwrap();
            let shadow = copy.clone();
            vm.marks
                .diff(&vm.lua, &tables, std::iter::once(&shadow), |_, _, result| match (&whole, result) {
                    (Ok(_), Ok(operations)) => {
                        operations.iter().for_each(|operation| operation.apply(&mut copy).unwrap());
                        assert!(
                            shadow != copy || operations.is_empty(),
                            "seed {seed} step {step}: needless {operations:?}"
                        );
                    }
                    (Err(_), Err(_)) => {}
                    (whole, Ok(operations)) => panic!("seed {seed} step {step}: {whole:?} but {operations:?}"),
                    (whole, Err(problem)) => {
                        panic!("seed {seed} step {step}: {whole:?} but {}", problem.describe("it"))
                    }
                })
                .unwrap();
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
}

#[test]
fn what_can_not_be_kept_is_named_and_the_document_stays() {
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
        ("s.a = ('x'):rep(70000)", "room.state.a: more than 64 kB"),
        ("s.a = {} for i = 1, 5000 do s.a[i] = i end", "more than 4096 values"),
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
        assert_eq!(bench.state(), &Value::map([("good", 1.0.into())]), "{code}");
        if !code.starts_with("setmetatable") {
            assert_eq!(bench.run("mend"), "");
            bench.steps(3); // large ones are not walked on every tick
            assert_eq!(bench.state(), &Value::map([("good", 2.0.into())]), "{code}");
        }
    }
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
