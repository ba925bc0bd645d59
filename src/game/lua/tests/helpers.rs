//! What ships for `require "airboat.…"`: each function once, in the sandbox that modules run in.

use super::*;

/// Runs `checks` when a room opens; its errors are the test's.
fn check(checks: &str) {
    let main = format!("local game = {{}}\nfunction game.open(room)\n{checks}\nend\nreturn game");
    let mut game = factory(&main).unwrap().create_lua().unwrap();
    let opening = RoomOpening { name: "r".into(), seed: 5 };
    game.open(&opening, &mut Effects::new()).unwrap();
}

#[test]
fn vectors() {
    check(
        r#"
local vector = require "airboat.vector"
local function near(a, b) assert(math.abs(a - b) < 1e-9, a .. " is not " .. b) end
near(vector.length(3, 4), 5)
near(vector.distance(1, 1, 4, 5), 5)
local x, y, length = vector.unit(0, -2)
near(x, 0) near(y, -1) near(length, 2)
assert(vector.unit(0, 0) == 0)
near(select(1, vector.limit(30, 40, 5)), 3)
near(select(2, vector.limit(0.3, 0.4, 5)), 0.4)
local polar = vector.polar(math.pi / 2, 7)
near(polar.x, 0) near(polar.y, 7)
x, y = vector.rotate(1, 0, math.pi / 2)
near(x, 0) near(y, 1)
near(vector.dot(1, 2, 3, 4), 11)
assert(vector.cross(1, 0, 0, 1) > 0)
near(vector.mix(10, 20, 0.25), 12.5)
local there
x, y, there = vector.toward(0, 0, 10, 0, 4)
assert(x == 4 and y == 0 and there == false)
x, y, there = vector.toward(8, 0, 10, 0, 4)
assert(x == 10 and there == true)
near(vector.turn(0.1, 2 * math.pi - 0.1), -0.2)
near(vector.turn_toward(3, -3, 0.1), 3.1)
near(vector.clamp(-3, 0, 1), 0) near(vector.clamp(3, 0, 1), 1) near(vector.clamp(0.5, 0, 1), 0.5)
near(vector.angle(0, 2), math.pi / 2)
"#,
    );
}

#[test]
fn paths() {
    check(
        r#"
local path = require "airboat.path"
local function near(a, b) assert(math.abs(a - b) < 1e-9, a .. " is not " .. b) end
local square = path.new({ 0, 0, 10, 0, 10, 0, 10, 10, 0, 10 }, true)
near(square.length, 40)
assert(#square.legs == 4, "a point that stands twice makes no leg")
local x, y = path.at(square, 45)
near(x, 5) near(y, 0)
x, y = path.at(square, -5)
near(x, 0) near(y, 5)
near(path.heading(square, 12), math.pi / 2)
near(path.heading(square, 10, 2), math.pi / 4)
local open = path.new { 0, 0, 10, 0 }
near((path.at(open, 99)), 10)
near((path.at(open, -1)), 0)
local distance, far = path.nearest(square, 12, 3)
near(distance, 13) near(far, 2)
for i = 0, 400 do -- halving finds the leg that walking finds
  local d = i / 10 % 40
  local px, py = path.at(square, d)
  local wx, wy
  if d < 10 then wx, wy = d, 0 elseif d < 20 then wx, wy = 10, d - 10 elseif d < 30 then wx, wy = 30 - d, 10 else wx, wy = 0, 40 - d end
  near(px, wx) near(py, wy)
end
assert(not pcall(path.new, { 1, 1 }))
assert(not pcall(path.new, { 1, 1, 1, 1 }))
"#,
    );
}

#[test]
fn grids() {
    check(
        r##"
local grid = require "airboat.grid"
local rows = { "..#.", ".##.", "...." }
local board = grid.new(4, 3, function(column, row) return rows[row]:sub(column, column) end)
assert(grid.get(board, 3, 1) == "#" and grid.get(board, 5, 1) == nil)
assert(grid.set(board, 1, 1, "@") and not grid.set(board, 0, 1, "@"))
assert(grid.get(board, 1, 1) == "@")
local count = 0
for column, row, value in grid.each(board) do
  assert(grid.get(board, column, row) == value)
  count = count + 1
end
assert(count == 12)
assert(#grid.beside(board, 1, 1) == 2 and #grid.beside(board, 2, 2, true) == 8)
local way = grid.way(board, 1, 1, 4, 1, function(value) return value == "." end)
assert(#way == 7 and way[7][1] == 4 and way[7][2] == 1, #way)
assert(grid.way(board, 1, 1, 4, 1, function() return false end) == nil)
assert(#grid.way(board, 2, 2, 2, 2, function() return true end) == 0)
local column, row = grid.cell(33, 15, 16)
assert(column == 3 and row == 1)
assert(select(2, grid.centre(3, 1, 16)) == 8)
room.state.board = board -- a plain table: it may stand in a document
"##,
    );
}

#[test]
fn lists() {
    check(
        r#"
local lists = require "airboat.list"
local deck = {}
for i = 1, 20 do deck[i] = i end
local shuffled = lists.shuffle(lists.copy(deck))
assert(lists.sum(shuffled) == 210 and table.concat(shuffled, ",") ~= table.concat(deck, ","))
local hand = lists.take(shuffled, 4)
assert(#hand == 4 and #shuffled == 16 and not lists.contains(shuffled, hand[1]))
assert(#lists.take({ 1 }, 4) == 1)
local value, at = lists.pick(deck)
assert(deck[at] == value and lists.pick({}) == nil)
assert(lists.pick(deck, function(low, high) return high end) == 20)
assert(lists.index_of(deck, 7) == 7 and lists.remove_value(deck, 7) and not lists.remove_value(deck, 7))
assert(table.concat(lists.map({ 1, 2 }, function(v, i) return v * 10 + i end), ",") == "11,22")
assert(#lists.filter(deck, function(v) return v > 10 end) == 10)
local best, most = lists.best({ "a", "ccc", "bb", "ddd" }, function(s) return #s end)
assert(best == "ccc" and most == 3)
local text = ""
for key, v in lists.sorted_pairs { b = 2, a = 1, [3] = 0 } do text = text .. tostring(key) .. v end
assert(text == "30a1b2", text)
assert(lists.sum({ { n = 1 }, { n = 2 } }, function(v) return v.n end) == 3)
"#,
    );
}

#[test]
fn an_unknown_helper_is_told_what_there_is() {
    let error = factory("local v = require 'airboat.vectr' return {}").err().unwrap().to_string();
    assert!(
        error.contains("no such helper; there are airboat.grid, airboat.list, airboat.path, airboat.vector"),
        "{error}"
    );
    assert!(error.contains("main.lua:1"), "{error}");
}

#[test]
fn a_module_can_not_stand_in_for_a_helper() {
    let sources = [
        (
            "main.lua".to_owned(),
            "local v = require 'airboat.vector' return { title = v.length and 'ours' or 'theirs' }".into(),
        ),
        ("airboat/vector.lua".to_owned(), "return {}".to_owned()),
    ];
    let factory = LuaFactory::from_sources("test", sources, &patient()).unwrap();
    assert_eq!(crate::game::GameFactory::info(&factory).title, "ours");
}
