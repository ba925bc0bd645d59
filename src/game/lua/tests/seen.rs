//! room:seen: the past as it stood on a player's screen.

use super::*;
use crate::protocol::CloseReason;

/// A box that is at x = tick, y = 10 × tick after each tick, and a check in `input`.
fn moving(check: &str) -> String {
    module(&format!(
        r#"
local function near(a, b) return math.abs(a - b) < 1e-9 end
function game.open(room)
  room.memory.box = room:spawn("box", {{ colour = "green" }})
  room.memory.far = room:spawn("box", {{ x = 90, y = 90 }})
end
function game.tick(room)
  room:seen(nil)
  local box = room.memory.box
  if box.alive then box.x, box.y, box.open = room.tick % 80, room.tick % 8 * 10, room.tick % 2 == 0 end
end
function game.input(room, player, input)
  if room.tick < 12 then room:seen(player) return end
  {check}
  room.state.checked = (room.state.checked or 0) + 1
end"#
    ))
}

/// Runs ticks up to `last`, in which player 1's screen shows `behind` ticks ago.
fn play(check: &str, last: u32, behind: f64) -> Bench {
    let mut bench = Bench::new(&moving(check));
    bench.join(1);
    while bench.tick < last {
        let seen = f64::from(bench.tick + 1) - behind;
        step(&mut bench, seen);
    }
    assert_eq!(bench.state().get("checked"), &Value::Number(f64::from(last - 11)));
    bench
}

fn step(bench: &mut Bench, seen: f64) {
    bench.tick += 1;
    bench.game.begin(bench.tick, &mut bench.effects).unwrap();
    bench.game.input(1, &[0.0, 0.0, 0.0, 0.0], seen, &mut bench.effects).unwrap();
    bench.game.tick(&mut bench.effects).unwrap();
    bench.collect().unwrap();
}

#[test]
fn a_ghost_stands_where_the_screen_had_it() {
    play(
        r#"
  local ghost, far = room:seen(player):nearest("box", room.tick - 3, 0, 100)
  assert(ghost.x == room.tick - 3 and ghost.y == (room.tick - 3) % 8 * 10, ghost.x)
  assert(ghost.open == ((room.tick - 3) % 2 == 0) and ghost.colour == "green" and ghost.turn == 0)
  assert(ghost.id == 1 and ghost.class == "box" and ghost.owner == nil and ghost.alive)
  assert(ghost.entity == room.memory.box and ghost.entity.x == room.tick - 1)
  assert(near(far, ghost.y))
  for g in room:seen(player):each("box") do
    if g.id == 2 then assert(g.x == 90) else assert(g.x == room.tick - 3) end
  end
"#,
        60,
        3.0,
    );
}

#[test]
fn between_two_ticks_places_are_mixed_and_the_rest_is_the_earlier() {
    play(
        r#"
  for ghost in room:seen(player):within("box", room.tick - 2.75, 0, 1000) do
    if ghost.id == 1 then
      local at = room.tick - 2.75
      assert(near(ghost.x, at), ghost.x)
      local a, b = (room.tick - 3) % 8 * 10, (room.tick - 2) % 8 * 10
      assert(near(ghost.y, a + (b - a) * 0.25))
      assert(ghost.open == ((room.tick - 3) % 2 == 0))
    end
  end
  local count = 0
  for ghost in room:seen(player):within("box", 90, 90, 0.5) do count = count + 1; assert(ghost.id == 2) end
  assert(count == 1)
"#,
        60,
        2.75,
    );
}

#[test]
fn two_hundred_milliseconds_are_the_limit() {
    // 20 ticks a second: four of them.
    for behind in [4.0, 5.0, 11.5, 1000.0] {
        let check = r#"local ghost = room:seen(player):nearest("box", 0, 0)
  for g in room:seen(player):each("box") do if g.id == 1 then assert(g.x == room.tick - 4, g.x) end end"#;
        let mut bench = Bench::new(&moving(check));
        bench.join(1);
        while bench.tick < 50 {
            let seen = (f64::from(bench.tick + 1) - behind).max(0.125);
            step(&mut bench, seen);
        }
        assert_eq!(bench.state().get("checked"), &Value::Number(39.0));
    }
}

#[test]
fn the_present_for_nobody_for_who_is_ahead_and_for_who_says_nothing_sensible() {
    for seen in [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e300] {
        let mut bench = Bench::new(&moving(
            r#"
  for _, view in ipairs { room:seen(player), room:seen(nil) } do
    for g in view:each("box") do if g.id == 1 then assert(g.x == room.tick - 1) end end
    local ghost = view:nearest("box", room.tick - 1, 0, 200)
    assert(ghost.entity == room.memory.box and ghost.x == ghost.entity.x)
  end"#,
        ));
        bench.join(1);
        while bench.tick < 40 {
            step(&mut bench, seen);
        }
        assert_eq!(bench.state().get("checked"), &Value::Number(29.0));
    }
}

#[test]
fn who_left_lost_the_link_or_is_a_bot_sees_the_present() {
    let source = moving("").replace(
        "function game.tick(room)",
        r#"
function game.join(room, player) room.memory["p" .. player.id] = player end
function game.messages.go(room)
  local seen = {}
  for i = 1, 3 do
    for ghost in room:seen(room.memory["p" .. i]):each("box") do
      if ghost.id == 1 then seen[i] = room.memory.box.x - ghost.x end
    end
  end
  room:log(seen[1], seen[2], seen[3])
end
function game.tick(room)"#,
    );
    let mut bench = Bench::new(&source);
    bench.join_all(1..=2);
    let bot = Seat { bot: true, ..seat(3) };
    bench.game.join(&bot, &mut bench.effects).unwrap();
    let step = |bench: &mut Bench| {
        let inputs = [1, 2, 3];
        bench.tick += 1;
        bench.game.begin(bench.tick, &mut bench.effects).unwrap();
        let seen = f64::from(bench.tick) - 3.0;
        for player in inputs {
            bench.game.input(player, &[0.0; 4], seen, &mut bench.effects).unwrap();
        }
        bench.game.tick(&mut bench.effects).unwrap();
        bench.collect().unwrap();
        assert_eq!(bench.run("go"), "");
        bench.logs().pop().unwrap()
    };
    (0..20).for_each(|_| drop(step(&mut bench)));
    assert_eq!(step(&mut bench), "3\t3\t0");
    bench.game.leave(2, CloseReason::Left, &mut bench.effects).unwrap();
    assert_eq!(step(&mut bench), "3\t0\t0");
    bench.game.drop(1, &mut bench.effects).unwrap();
    assert_eq!(bench.run("go"), "");
    assert_eq!(bench.logs(), ["0\t0\t0"]);
}

#[test]
fn those_despawned_since_are_not_there_and_those_spawned_since_not_yet() {
    play(
        r#"
  local count = {}
  for ghost in room:seen(player):each("box") do count[ghost.id] = true end
  assert(count[1] and count[2])
  if room.tick == 20 then room.memory.young = room:spawn("box", { x = 50, y = 50 }) end
  if room.tick >= 20 then
    local there = room:seen(player):nearest("box", 50, 50, 0.1)
    assert((there ~= nil) == (room.tick >= 23), room.tick)
  end
  if room.tick == 30 then
    local old = room:spawn("box", { x = 20, y = 95 })
    room.memory.old = old
  elseif room.tick == 36 then
    assert(room:seen(player):nearest("box", 20, 95, 1).entity == room.memory.old)
    room.memory.old:despawn()
    assert(room:seen(player):nearest("box", 20, 95, 1) == nil)
    for ghost in room:seen(player):each("box") do assert(ghost.entity.alive) end
  end
"#,
        40,
        3.0,
    );
}

#[test]
fn ghosts_of_one_tick_are_different_and_can_not_be_changed() {
    play(
        r#"
  local all = {}
  for ghost in room:seen(player):each("box") do all[#all + 1] = ghost end
  local again = room:seen(player):nearest("box", 90, 90)
  assert(#all == 2 and all[1] ~= all[2] and all[1].id == 1 and all[2].id == 2 and again ~= all[2] and again.id == 2)
  for _, write in ipairs {
    function() all[1].x = 5 end, function() all[1].new = 5 end, function() room:seen(player).each = print end,
    function() setmetatable(all[1], nil) end, function() return all[1].hidden end, function() return all[1].velocity end,
    function() return room:seen(player).all end, function() room:seen(player).each("box") end,
    function() room:seen(player):each("bxo") end, function() room:seen(player):nearest("box") end,
    function() room:seen({}) end,
  } do assert(not pcall(write)) end
  local step, walk = room:seen(player):each("box")
  for _, handle in ipairs { all[1], room:seen(player), walk, room:seen(nil) } do
    assert(next(handle) == nil and getmetatable(handle) == false and not pcall(setmetatable, handle, {}))
  end
  assert(not pcall(step, {}) and not pcall(step, all[1]))
  rawset(all[1], "x", "spoilt")
  rawset(walk, "columns", {})
"#,
        40,
        3.0,
    );
}

#[test]
fn a_warm_past_makes_no_garbage() {
    let source = moving(
        r#"
  local view = room:seen(player)
  local before = collectgarbage("count")
  for _ = 1, 10 do
    for ghost in view:each("box") do if ghost.x > 1000 then error() end end
    for ghost in view:within("box", 50, 50, 100) do if ghost.x > 1000 then error() end end
    view:nearest("box", 1, 1)
  end
  local made = collectgarbage("count") - before
  assert(room.tick < 30 or made == 0, made)"#,
    );
    let mut settings = patient();
    settings.jit = false; // traces are no garbage, but count
    let sources = [("main.lua".to_owned(), source)];
    let mut bench = Bench::with(LuaFactory::from_sources("test", sources, &settings).unwrap().create_lua().unwrap());
    bench.join(1);
    while bench.tick < 100 {
        let seen = f64::from(bench.tick) - 1.5;
        step(&mut bench, seen);
    }
    assert_eq!(bench.state().get("checked"), &Value::Number(89.0));
}

#[test]
fn a_module_that_turned_string_format_into_its_own_reaches_nothing() {
    let mut bench = Bench::new(&moving("").replace(
        "local function near",
        r#"
local real = string.format
string.format = function(...) error("the engine called the module's format") end
local function near"#,
    ));
    bench.join(1);
    while bench.tick < 20 {
        let seen = f64::from(bench.tick);
        step(&mut bench, seen);
    }
}
