//! Entities out of the VM: growth, values that are not of their kind, linear entities that leave their line.

use super::*;
use crate::game::lua::ENTITIES_MAX;

fn bench(code: &str) -> Bench {
    let mut bench = Bench::new(&module(code));
    bench.join(1);
    bench
}

#[test]
fn the_array_grows_with_the_room_up_to_the_limit() {
    let mut bench = bench(
        r#"
function game.tick(room)
  for i = 1, 500 do
    local class, life = "box", nil
    if i % 2 == 0 then class, life = "dart", 86400 end
    local ok, problem = pcall(room.spawn, room, class, { x = i % 100, y = 1, life = life })
    if not ok then room.state.problem = problem return end
  end
end"#,
    );
    let mut before = 0;
    while bench.state().get("problem") == &Value::Nil {
        bench.step();
        let (boxes, darts) = (&bench.world.classes[0], &bench.world.classes[1]);
        let count = boxes.len() + darts.len();
        assert!(count > before || count == ENTITIES_MAX);
        before = count;
        for rows in &bench.world.classes {
            assert!(rows.ids.is_sorted() && rows.values.iter().all(|column| column.len() == rows.len()));
        }
        for (row, id) in boxes.ids.iter().enumerate() {
            let i = (id - 1) % 500 + 1;
            assert_eq!(boxes.values[4][row], (i % 100) as i32 * 8, "x of box {id}");
        }
    }
    assert_eq!(before, ENTITIES_MAX);
    assert!(bench.state().get("problem").text().unwrap().contains("4096 entities live already"));
}

#[test]
fn rows_follow_random_spawns_and_despawns() {
    let seed = 0xc0b1;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    let mut bench = bench(
        r#"
local live = {}
function game.input(room, player, input)
  if input.fire == 1 then live[#live + 1] = room:spawn("box", { x = #live % 100 })
  elseif input.fire == 2 and #live > 0 then
    local at = math.floor(input.aim) % #live + 1
    live[at]:despawn()
    table.remove(live, at)
  end
  local ids = list {}
  for i, box in ipairs(live) do ids[i] = box.id end
  table.sort(ids)
  room.state.ids = ids
end"#,
    );
    for _ in 0..300 {
        let inputs: Vec<[f64; 4]> =
            (0..dice.below(6)).map(|_| [dice.below(999) as f64, 1.0 + dice.below(2) as f64, 0.0, 0.0]).collect();
        let inputs: Vec<(u32, &[f64])> = inputs.iter().map(|input| (1, &input[..])).collect();
        bench.try_step(&inputs).unwrap();
        if let Some(ids) = bench.state().get("ids").list() {
            let ids: Vec<u32> = ids.iter().map(|id| id.u32().unwrap()).collect();
            assert_eq!(bench.world.classes[0].ids, ids);
        }
    }
}

#[test]
fn a_value_that_is_not_of_its_kind_is_named_and_the_old_one_stays() {
    let mut bench = bench(
        r#"
function game.open(room)
  room.memory.box = room:spawn("box", { x = 10, colour = "green" })
  room.memory.dart = room:spawn("dart", { velocity = { x = 1, y = 0 }, life = 100 })
end
function game.messages.text(room) room.memory.box.x = "far" end
function game.messages.none(room) room.memory.box.x = nil end
function game.messages.nan(room) room.memory.box.x = 0 / 0 end
function game.messages.colour(room) room.memory.box.colour = "blue" end
function game.messages.flag(room) room.memory.box.open = 1 end
function game.messages.owner(room) room.memory.box.owner = {} end
function game.messages.turn(room) room.memory.box.turn = math.huge end
function game.messages.velocity(room) room.memory.dart.velocity = nil end
function game.messages.velocity_x(room) room.memory.dart.velocity.x = setmetatable({}, {}) end
function game.messages.dart(room) room.memory.dart.y = false end
function game.messages.good(room)
  local box, dart = room.memory.box, room.memory.dart
  box.x, box.colour, box.open, box.owner, box.turn = 10, "green", false, nil, 0
  dart.velocity, dart.y = { x = 1, y = 0 }, 0
end
"#,
    );
    bench.step();
    let good = bench.world.classes[0].clone();
    for (name, text) in [
        ("text", "box 1: field x is \"far\", not a number"),
        ("none", "box 1: field x is nil, not a number"),
        ("nan", "box 1: field x is nan, not a number"),
        ("colour", "box 1: field colour is \"blue\", not one of red, green"),
        ("flag", "box 1: field open is 1, not true or false"),
        ("owner", "box 1: field owner is a table, not a player or nil"),
        ("turn", "box 1: field turn is inf, not an angle in radians"),
        ("velocity", "dart 2: field velocity is nil, not a table { x = number, y = number }"),
        ("velocity_x", "dart 2: field velocity is { x = table"),
        ("dart", "dart 2: field y is false, not a number"),
    ] {
        assert_eq!(bench.run(name), "");
        let error = bench.try_step(&[]).expect_err(name);
        assert!(!error.is_fatal());
        assert!(error.to_string().replace("-nan", "nan").starts_with(text), "{error} is not {text}");
        assert_eq!(bench.world.classes[0], good, "{name}");
        assert_eq!(bench.run("good"), "");
        bench.step();
        assert_eq!(bench.world.classes[0], good);
    }
}

#[test]
fn a_value_outside_its_range_is_clamped_counted_and_told_once() {
    let mut bench = bench(
        r#"
function game.open(room) room:spawn("box", { x = 101, y = -5 }) end
"#,
    );
    bench.steps(3);
    assert_eq!(bench.game.clamped(), 6);
    assert_eq!(bench.world.classes[0].values[4..], [[800], [0]]);
    let logs = bench.logs();
    assert_eq!(logs.len(), 2);
    assert!(logs[0].starts_with("box 1: field x = 101 is outside its range"), "{logs:?}");
}

/// What both sides compute from the columns.
fn place(bench: &Bench, column: usize) -> f64 {
    let values = &bench.world.classes[1].values;
    let seconds = f64::from(bench.tick as i32 - values[5][0]) / 20.0;
    (f64::from(values[column][0]) + f64::from(values[column + 2][0]) * seconds) / 8.0
}

#[test]
fn linear_columns_change_only_when_the_script_leaves_the_line() {
    let mut bench = bench(
        r#"
function game.open(room)
  room.memory.dart = room:spawn("dart", { x = 0.03, y = -50, velocity = { x = 3.3, y = 7.77 }, life = 100 })
end
function game.messages.nudge(room) room.memory.dart.x = room.memory.dart.x + 0.05 end
function game.messages.jump(room) room.memory.dart.x = room.memory.dart.x + 5 end
function game.messages.turn(room) room.memory.dart.velocity.x = -9 end
function game.tick(room) room.state.x, room.state.y = room.memory.dart.x, room.memory.dart.y end
"#,
    );
    let mut bases = 0;
    let mut before = None;
    for tick in 1..=200 {
        match tick {
            20 => assert_eq!(bench.run("nudge"), ""),
            40 => assert_eq!(bench.run("jump"), ""),
            60 => assert_eq!(bench.run("turn"), ""),
            _ => {}
        }
        bench.step();
        for (column, name) in [(1, "x"), (2, "y")] {
            let truth = bench.state().get(name).number().unwrap();
            assert!((place(&bench, column) - truth).abs() <= 0.1251, "{name} at tick {tick}");
        }
        let now = Some(bench.world.classes[1].clone());
        if now != before {
            bases += 1;
            if [40, 60].contains(&tick) {
                assert_eq!(bench.world.classes[1].values[5][0], tick, "since");
            }
        }
        before = now;
    }
    // Rounded velocities drift by up to half a step a second: some bases anew are right, one a tick is not.
    assert!((3..=40).contains(&bases), "{bases}");
    assert_eq!(bench.world.classes[1].values[3][0], -72);
}
