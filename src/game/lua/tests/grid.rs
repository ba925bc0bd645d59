//! `within` and `nearest` in large classes: the grid finds what a search one by one finds.

#![allow(clippy::disallowed_methods, reason = "measurements read the clock")]

use std::time::Instant;

use super::*;

const FIELD: &str = r#"
local game = { title = "Test", tick_rate = 30, seats = { 1, 4 }, messages = {} }
game.entities = {
  dot = { fields = { x = field.number(-500, 1500, 1/8), y = field.number(0, 600, 1/8) } },
}
function game.open(room) room.state.wrong, room.state.asked, room.state.found = 0, 0, 0 end
"#;

#[test]
fn the_grid_finds_what_a_search_one_by_one_finds() {
    for seed in [1, 2, 3, 20_260_101] {
        println!("seed {seed}");
        let main = format!(
            r#"{FIELD}
local CELL = 2000 / 64
local function place(room) return room:random(-5200, 15200) / 10, room:random(-200, 6200) / 10 end
local function brute(dots, x, y, reach)
  local inside, best, best_far = {{}}, nil, reach * reach
  for _, dot in ipairs(dots) do
    if dot.alive then
      local far = (dot.x - x) ^ 2 + (dot.y - y) ^ 2
      if far <= reach * reach then inside[#inside + 1] = dot end
      if far < best_far or (far == best_far and not best) then best, best_far = dot, far end
    end
  end
  return inside, best, math.sqrt(best_far)
end
local dots = {{}}
function game.tick(room)
  local function add()
    local x, y = place(room)
    -- Some stand in the very same place: of equals the older.
    if #dots > 0 and room:random(4) == 1 then local d = dots[#dots] x, y = d.x, d.y end
    dots[#dots + 1] = room:spawn("dot", {{ x = x, y = y }})
  end
  while #dots < 300 do add() end
  for query = 1, 60 do
    if room:random(3) == 1 then add() end
    local one = room:random(#dots)
    if room:random(4) == 1 then dots[one]:despawn() table.remove(dots, one) end
    -- After the grid was built, everybody moves by just less than a cell.
    if query == 10 then
      for _, dot in ipairs(dots) do
        dot.x, dot.y = dot.x + (room:random() - 0.5) * 1.98 * CELL, dot.y + (room:random() - 0.5) * 1.98 * CELL
      end
    end
    local x, y = place(room)
    local reach = ({{ 5, 40, 90, 200, 900 }})[room:random(5)]
    local inside, best, far = brute(dots, x, y, reach)
    local got = {{}}
    for dot in room:within("dot", x, y, reach) do got[#got + 1] = dot end
    local found, distance = room:nearest("dot", x, y, reach)
    local same = #got == #inside and found == best and (not best or distance == far)
    for i, dot in ipairs(got) do same = same and dot == inside[i] end
    if query % 7 == 0 then
      local _, first = brute(dots, x, y, math.huge)
      same = same and room:nearest("dot", x, y) == first
    end
    room.state.asked, room.state.found = room.state.asked + 1, room.state.found + #inside
    if not same then room.state.wrong = room.state.wrong + 1 end
  end
end
return game"#
        );
        let mut bench = Bench::new(&main);
        let opening = RoomOpening { name: "again".into(), seed };
        bench.game.open(&opening, &mut bench.effects).unwrap();
        bench.steps(12);
        let number = |name| bench.state().get(name).number().unwrap();
        assert_eq!(number("wrong"), 0.0, "seed {seed}");
        assert!(number("asked") >= 720.0 && number("found") > 1_000.0, "{}", number("found"));
    }
}

#[test]
fn a_walk_over_a_grid_holds_while_entities_come_and_go() {
    let main = format!(
        r#"{FIELD}
function game.tick(room)
  for i = 1, 200 do room:spawn("dot", {{ x = i, y = 1 }}) end
  for _ = 1, 5 do room:nearest("dot", 0, 0) end
  local seen = {{}}
  for dot in room:within("dot", 20, 1, 3) do
    seen[#seen + 1] = dot.x
    if dot.x == 18 then for d in room:each("dot") do if d.x == 19 or d.x == 21 then d:despawn() end end end
    room:spawn("dot", {{ x = 20, y = 1 }})
    assert(#seen < 50)
  end
  room.state.seen = table.concat(seen, " ")
  -- What a walk holds is in the module's hands; nothing but the living comes out of it.
  local step, walk = room:within("dot", 20, 1, 3)
  walk[1], walk[2], walk[3], walk.count = 0, "x", -5, 1e3
  for i = 4, 900 do walk[i] = i end
  local n = 0
  for dot in step, walk do n = n + 1 assert(dot.alive and dot.class == "dot") end
  room.state.n = n
  for k, v in pairs(walk) do assert(type(v) ~= "table") end
  for d in room:each("dot") do d:despawn() end
end
return game"#
    );
    let mut bench = Bench::new(&main);
    bench.steps(3);
    assert_eq!(bench.state().get("seen"), &"17 18 20 22 23".into());
}

/// 1,000 entities, 200 queries a tick of each sort; printed, not asserted. `alive` below the grid's least shows the plain
/// search for comparison: the same number of queries over a tenth of the entities.
#[test]
fn what_queries_cost() {
    for count in [100, 1_000, 4_000] {
        let main = format!(
            r#"{FIELD}
function game.messages.fill(room)
  for i = 1, {count} do room:spawn("dot", {{ x = room:random(-500, 1500), y = room:random(0, 600) }}) end
end
function game.tick(room)
  local n = 0
  for i = 1, 100 do
    local x, y = (i * 37) % 1900 - 450, (i * 91) % 590
    if room:nearest("dot", x, y, 60) then n = n + 1 end
    for _ in room:within("dot", x, y, 30) do n = n + 1 end
  end
  room.state.n = n
end
return game"#
        );
        let mut bench = Bench::new(&main);
        bench.join(1);
        assert_eq!(bench.run("fill"), "");
        let mut best = u128::MAX;
        for _ in 0..60 {
            bench.tick += 1;
            bench.game.begin(bench.tick, &mut bench.effects).unwrap();
            let begun = Instant::now();
            bench.game.tick(&mut bench.effects).unwrap();
            best = best.min(begun.elapsed().as_micros());
        }
        println!("{count} entities: {best} us for 200 queries");
    }
}
