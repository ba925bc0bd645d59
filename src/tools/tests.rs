//! Both tools on modules made for them: what is fine must pass, and each sort of fault must be found and named.

use super::{check::check_sources, test::test_sources, vectors::Vectors};
use crate::{
    game::{
        GameFactory as _,
        lua::{Bot, LuaFactory, Sources},
    },
    protocol::{Value, world::Rows},
};

/// A module with one class and these lines after it.
fn module(lines: &str) -> Sources {
    let main = format!(
        r#"
local game = {{ title = "Probe", tick_rate = 20, seats = {{ 1, 4 }} }}
game.entities = {{ box = {{ fields = {{ x = field.number(0, 100, 1/8), open = field.flag() }} }} }}
game.inputs = {{ mx = field.number(-1, 1, 1/16), fire = field.press(), mode = field.choice {{ "walk", "run" }} }}
{lines}
return game
"#
    );
    [("main.lua".to_owned(), main)].into()
}

fn found(lines: &str) -> String {
    let report = check_sources("probe", module(lines), 200).unwrap();
    assert!(!report.is_fine(), "{}", report.text());
    serde_json::from_str::<serde_json::Value>(&report.json()).unwrap();
    report.text()
}

const FINE: &str = r#"
function game.open(room) room.state.n, room.memory.sum = 0, 0 end
function game.join(room, player) player.memory.box = room:spawn("box", { x = 50, owner = player }) end
function game.leave(_, player) player.memory.box:despawn() end
function game.input(room, player, input)
  local box = player.memory.box
  box.x = math.max(0, math.min(100, box.x + input.mx))
  box.open = input.fire > 0
  room.memory.sum = room.memory.sum + input.mx
end
function game.tick(room)
  if room.tick % 20 == 0 then room.state.n = room.state.n + room:random(3) room:broadcast("n", { n = room.state.n }) end
end
"#;

#[test]
fn a_sound_module_is_fine() {
    let report = check_sources("probe", module(FINE), 200).unwrap();
    assert!(report.is_fine(), "{}", report.text());
    assert_eq!((report.ticks, report.reloads), (200, 3));
    assert!(report.joined >= 2 && report.snapshot_bytes_per_tick > 11.0 && report.message_count == 10);
    let x = report.fields.iter().find(|field| field.name == "box.x").unwrap();
    assert!(x.bytes_per_second > 0.0, "{}", report.text());
    assert!(report.text().ends_with("fine: no errors, and nothing is lost by a reload\n"), "{}", report.text());
}

#[test]
fn variables_of_a_file_are_named() {
    let text = found("local count = 0\nfunction game.tick(room)\n  count = count + 1\n  room.state.count = count\nend");
    for part in
        ["room.state.count is 51, and 1 after the reload", "`local count` (probe/main.lua:5, written in line 7)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn entities_and_fields_that_differ_are_named() {
    let text = found(
        "local speed = 1\nfunction game.open(room) room:spawn('box', { x = 0 }) end\n\
         function game.tick(room)\n  if room.tick == 10 then\n    speed = 0\n  end\n\
         for box in room:each('box') do box.x = math.min(99, box.x + speed) end\nend",
    );
    assert!(text.contains("box 1: x is 9, and 10 after the reload"), "{text}");
}

#[test]
fn what_can_not_be_saved_is_told_with_its_path() {
    let text = found("function game.open(room) room.memory.plan = { next = function() end } end");
    assert!(text.contains("room.memory.plan.next"), "{text}");
}

#[test]
fn errors_and_values_out_of_range_are_told_where_they_are() {
    let text = found(
        "function game.open(room) room:spawn('box', { x = 500 }) end\n\
         function game.drop() end\nfunction game.tick(room)\n  if room.tick == 30 then room.stat.n = 1 end\nend",
    );
    for part in [
        "field x = 500 is outside its range",
        "probe/main.lua:8: room.stat does not exist; did you mean state?",
        "tick 30",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn losing_the_vm_ends_the_check_with_a_sentence() {
    let text = found("function game.tick(room) if room.tick == 5 then while true do end end end");
    assert!(
        text.contains("tick 5: tick ran longer than its time budget and was stopped (a room gives it 300 ms)"),
        "{text}"
    );
}

#[test]
fn a_module_that_does_not_load_is_an_error() {
    let error = check_sources("probe", module("game.tik = 1"), 10).unwrap_err();
    assert!(error.contains("did you mean"), "{error}");
}

#[test]
fn a_value_out_of_range_is_no_fault_of_a_reload() {
    let text = found(
        "function game.join(room, player) player.memory.box = room:spawn('box', { x = 50, owner = player }) end\n\
         function game.tick(room) for box in room:each('box') do box.x = box.x + 1 end end",
    );
    assert!(text.contains("1 problem:") && !text.contains("only after a reload"), "{text}");
}

#[test]
fn an_input_that_was_not_declared_is_told() {
    let text = found(
        "function game.input(room, player, input)\n  if input.fier == 1 then room:log(input.mx) end\n\
         input.own = 1\n  room:log(input.own, room.tick)\nend\nfunction game.tick(room, input) local input = {} return input.any end",
    );
    assert!(
        text.contains("probe/main.lua:6: there is no game.inputs.fier: it is always nil; did you mean fire?"),
        "{text}"
    );
    assert!(text.contains("problem") && !text.contains("inputs.own") && !text.contains("inputs.any"), "{text}");
}

#[test]
fn a_nan_is_named_and_is_no_difference() {
    let text = found("function game.open(room) room.state.deep = { 1, 0 / 0 } end");
    assert!(text.contains("room.state.deep[2] is no number (NaN, as of 0 / 0)"), "{text}");
    assert!(text.contains("1 problem:") && !text.contains("not the same:"), "{text}");
}

#[test]
fn a_choice_that_is_none_is_told_with_its_names() {
    let main = "local game = {}\n\
        game.entities = { box = { fields = { colour = field.choice { 'red', 'blue' } } } }\n\
        function game.open(room) room:spawn('box').colour = 'bleu' end\nreturn game";
    let sources: Sources = [("main.lua".to_owned(), main.to_owned())].into();
    let text = check_sources("probe", sources, 10).unwrap().text();
    assert!(text.contains("box 1: field colour is \"bleu\", not one of red, blue"), "{text}");
}

/// Listings in the READMEs and the handbook that are whole modules.
fn listings() -> Vec<(&'static str, String)> {
    let pages =
        [("README.md", include_str!("../../README.md")), ("docs/modules.md", include_str!("../../docs/modules.md"))];
    let blocks = pages.into_iter().flat_map(|(page, text)| {
        text.split("```lua\n").skip(1).map(move |rest| (page, rest.split("```").next().unwrap().to_owned()))
    });
    blocks.filter(|(_, text)| text.contains("function game.join(room, player)") && !text.contains('…')).collect()
}

#[test]
fn the_games_in_the_documents_are_fine() {
    let handbook = include_str!("../../docs/modules.md");
    let walk = handbook.split("```lua\n").find(|block| block.starts_with("local tests = {}")).unwrap();
    let walk = walk.split("```").next().unwrap();
    let mut games = 0;
    for (page, main) in listings() {
        let sources: Sources = [("main.lua".to_owned(), main), ("test.lua".to_owned(), walk.to_owned())].into();
        let report = check_sources("listed", sources.clone(), super::check::TICKS).unwrap();
        assert!(report.is_fine(), "{page}: {}", report.text());
        let (outcomes, _) = test_sources("listed", sources).unwrap();
        assert!(outcomes.passed(), "{page}: {}", outcomes.text());
        games += 1;
    }
    assert_eq!(games, 2);
}

fn tests(lines: &str) -> Vec<(String, Option<String>)> {
    let mut sources = module(
        r#"
function game.open(room) room.state.n = 0 end
function game.join(room, player)
  player.memory.box = room:spawn("box", { x = 50, owner = player })
  player.secret.word = "of " .. player.name
  player.state.hits = 0
end
function game.enter(_, player) if player.name == "eve" then return false, "no eves" end end
function game.input(_, player, input)
  player.memory.box.x = player.memory.box.x + input.mx
  player.state.hits = player.state.hits + input.fire
end
function game.drop(room) room.state.dropped = true end
function game.back(room) room.state.dropped = nil end
function game.leave(room, player, why) room.state.gone = player.name .. " " .. why end
game.messages = {}
function game.messages.add(room, player, data)
  room.state.n = room.state.n + data.n
  player:send("added", { n = data.n, who = player })
  return room.state.n
end
function game.messages.break_it(room) room:log() error("broken") end
"#,
    );
    sources.insert("test.lua".to_owned(), format!("local tests = {{}}\n{lines}\nreturn tests\n"));
    let (outcomes, _) = test_sources("probe", sources).unwrap();
    serde_json::from_str::<serde_json::Value>(&outcomes.json()).unwrap();
    outcomes.tests.into_iter().map(|test| (test.name, test.failure)).collect()
}

#[test]
fn tests_play_rooms_as_people_do() {
    let outcomes = tests(
        r#"
function tests.playing(t)
  local room = t:room { seed = 3, name = "Here" }
  local ann, bob = room:join("ann"), room:join("bob")
  ann:input { mx = 1, mode = "run" }
  room:run(0.5)
  ann:input { fire = true }
  room:step(2)
  t:equal(room.tick, 12)
  t:near(room.time, 0.6)
  t:equal(room:entities("box")[1].x, 60)
  t:equal(ann.state, { hits = 1 })
  t:equal(ann.secret.word, "of ann")
  t:equal(ann:call("add", { n = 2 }), 2)
  bob:send("add", { n = 3 })
  t:equal(room.state.n, 5)
  t:equal(ann:received("added"), { { n = 2, who = { player = ann.id } } })
  t:equal(#bob:received(), 1)
  ann:drop()
  t:equal(ann.connected, false)
  room:step()
  t:equal(room.state.dropped, true)
  ann:back()
  bob:leave()
  room:step()
  t:equal(room.state.dropped, nil)
  t:equal(bob.here, false)
  t:equal(room:refused("eve"), "no eves")
  t:ok(t:fails(function() room:join("eve") end):find("no eves", 1, true))
end
function tests.errors_can_be_asked_for(t)
  local room = t:room { errors = true }
  local ann = room:join("ann")
  t:ok(not pcall(function() return ann:call("break_it") end))
  t:ok(room:errors()[1]:find("probe/main.lua:26: broken", 1, true))
end
"#,
    );
    assert_eq!(outcomes, [("errors_can_be_asked_for".to_owned(), None), ("playing".to_owned(), None)]);
}

#[test]
fn a_lost_seat_waits_as_long_as_on_a_server() {
    let outcomes = tests(
        r#"
function tests.away(t)
  local room = t:room {}
  local ann, bob = room:join("ann"), room:join("bob")
  ann:drop()
  room:run(29.9)
  t:equal(ann.here, true)
  t:equal(room.state.gone, nil)
  room:run(0.2)
  t:equal(ann.here, false)
  t:equal(room.state.gone, "ann session expired")
  bob:drop()
  room:run(20)
  bob:back()
  room:run(60)
  t:equal(bob.here, true)
end
"#,
    );
    assert_eq!(outcomes, [("away".to_owned(), None)]);
}

#[test]
fn a_failed_handler_is_to_a_call_what_it_is_to_a_client() {
    let outcomes = tests(
        r#"
function tests.a_told(t)
  local ann = t:room {}:join("ann")
  local said = t:fails(function() return ann:call("break_it") end)
  t:ok(said:find("break_it failed", 1, true), said)
  t:ok(not said:find("broken", 1, true), said)
end
function tests.b_fails(t) local answer = t:room {}:join("ann"):call("break_it") end
"#,
    );
    assert_eq!(outcomes[0], ("a_told".to_owned(), None));
    let failure = outcomes[1].1.as_deref().unwrap_or_default();
    assert!(failure.starts_with("probe/test.lua:9: break_it failed"), "{failure}");
    assert!(
        failure.contains("no client sees this: the module failed at tick 0: probe/main.lua:26: broken"),
        "{failure}"
    );
}

#[test]
fn a_test_leaves_nothing_to_the_next() {
    let mut sources = module("");
    let test = r#"
local seen, tests = 0, {}
function tests.a_hungry(t)
  local all = {}
  for i = 1, 1e9 do all[i] = ("x"):rep(1000) .. i end
end
function tests.b_fine(t)
  seen = seen + 1
  print("seen", seen)
  t:equal(seen, 1)
end
function tests.c_fine(t)
  seen = seen + 1
  t:equal(seen, 1)
end
return tests
"#;
    sources.insert("test.lua".to_owned(), test.to_owned());
    let (outcomes, _) = test_sources("probe", sources).unwrap();
    let failures: Vec<_> = outcomes.tests.iter().map(|test| test.failure.as_deref()).collect();
    assert_eq!(failures, [Some("out of memory in the test"), None, None]);
    assert_eq!(outcomes.tests[1].printed, ["seen\t1"]);
    assert!(outcomes.text().contains("ok    b_fine\n      printed: seen\t1\n"), "{}", outcomes.text());
}

#[test]
fn failures_show_line_and_values() {
    let outcomes = tests(
        r#"
function tests.a_equal(t) t:equal({ n = 1, list = { 1, 2 } }, { n = 2 }, "both") end
function tests.b_input(t) t:room {}:join("ann"):input { mz = 1 } end
function tests.c_class(t) t:room {}:entities("bxo") end
function tests.d_method(t) t:room {}:joi("ann") end
function tests.e_error(t) t:room {}:join("ann"):send("break_it") end
function tests.f_message(t) t:room {}:join("ann"):send("ad") end
function tests.g_range(t) t:room {}:join("ann"):input { mx = 3 } end
function tests.h_endless() while true do end end
function tests.i_option(t) t:room { sed = 1 } end
function tests.j_fine(t) t:ok(true) end
"#,
    );
    let expected = [
        "probe/test.lua:3: both: got      { 1, 2 }",
        "probe/test.lua:4: there is no game.inputs.mz; did you mean mx?",
        "probe/test.lua:5: there is no game.entities.bxo; did you mean box?",
        "probe/test.lua:6: room.joi does not exist; did you mean join?",
        "probe/test.lua:7: the module failed at tick 0: probe/main.lua:26: broken",
        "probe/test.lua:8: there is no game.messages.ad; did you mean add?",
        "probe/test.lua:9: inputs.mx = 3 is outside its range",
        "the test ran longer than its time budget and was stopped",
        "probe/test.lua:11: t:room has no option sed; did you mean seed?",
    ];
    for ((name, failure), expected) in outcomes.iter().zip(expected) {
        let failure = failure.as_deref().unwrap_or_default();
        assert!(failure.starts_with(expected) || name == "a_equal", "{name}: {failure:?}");
    }
    let (_, equal) = &outcomes[0];
    let values = "both: got      { list = { 1, 2 }, n = 1 }\n      expected { n = 2 }";
    assert_eq!(equal.as_deref(), Some(format!("probe/test.lua:3: {values}").as_str()));
    assert_eq!(outcomes.last().unwrap().1, None);
}

#[test]
fn the_starter_is_sound_and_its_tests_pass() {
    let folder = std::env::temp_dir().join(format!("airboat-new-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let told = super::new::create("star-catcher", &folder, 7777).unwrap();
    assert!(told.contains("http://localhost:7777/play/?module=star-catcher"), "{told}");
    let report = super::check::check(&folder.join("star-catcher")).unwrap();
    assert!(report.is_fine(), "{}", report.text());
    assert_eq!(report.title, "Star Catcher");
    let outcomes = super::test::test(&folder.join("star-catcher"), Vectors::Compare).unwrap();
    assert!(outcomes.passed(), "{}", outcomes.text());
    assert_eq!(outcomes.tests.len(), 3);
    let again = super::new::create("star-catcher", &folder, 7777).unwrap_err();
    assert!(again.ends_with("star-catcher is there already; nothing was changed"), "{again}");
    let bad = super::new::create("Star Catcher", &folder, 7777).unwrap_err();
    assert!(bad.starts_with("Star Catcher: a module's folder is named with"), "{bad}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_bundled_modules_are_sound() {
    let modules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    let mut checked = 0;
    for entry in std::fs::read_dir(modules).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let report = super::check::check(&folder).unwrap();
        assert!(report.is_fine(), "{}", report.text());
        checked += 1;
    }
    assert!(checked >= 3);
}

#[test]
fn a_bot_plays_over_a_clients_mirror() {
    use crate::protocol::{delta, message::Joined, mirror::Mirror, snapshot, world::World};
    let main = r#"
local game = { tick_rate = 20 }
game.entities = {
  box = { fields = { x = field.number(0, 100, 1/8), y = field.number(0, 100, 1/8), open = field.flag(), hue = field.choice { "red", "blue" } } },
  dart = { fields = { x = field.number(0, 100, 1/8), y = field.number(0, 100, 1/8) }, moves = "linear" },
}
game.inputs = { fire = field.press(), mode = field.choice { "walk", "run" }, mx = field.number(-9, 9, 1/8), slow = field.flag() }
function game.bot(room, player)
  local mine, other
  for box in room:each("box") do
    if box.owner and box.owner.id == player.id then mine = box else other = box end
  end
  local dart = room:nearest("dart", 0, 0)
  assert(mine.open and mine.hue == "blue" and other.hue == "red" and other.owner == nil)
  assert(room.state.turn.id == player.id and room.state.goal.x == other.x and player.name == "ann")
  assert(dart.x == 30 and room.time == 5, dart.x)
  assert(not room:nearest("box", 100, 100, 1))
  for seated in room:players("player") do assert(seated == player) end
  return { fire = true, mode = "run", mx = room:nearest("box", 9, 0).x }
end
return game
"#;
    let sources: Sources = [("main.lua".to_owned(), main.to_owned())].into();
    let factory = LuaFactory::from_sources("probe", sources, &super::settings()).unwrap();
    let schema = (*factory.info().schema).clone();
    let mut world = World::empty(&schema);
    world.classes[0] =
        Rows { ids: vec![1, 2], values: vec![vec![3, 0], vec![1, 0], vec![1, 0], vec![0, 64], vec![0, 0]] };
    world.classes[1] = Rows { ids: vec![7], values: [0, 160, 0, 160, 0, 90, 0].map(|n| vec![n]).to_vec() };
    let mut body = Vec::new();
    delta::encode(&mut body, &schema, &World::empty(&schema), &world, 100);
    let ann = Value::map([("name", "ann".into()), ("kind", "player".into())]);
    let state = Value::map([("turn", Value::Player(3)), ("goal", Value::Entity(2))]);
    let joined = Joined {
        epoch: 1,
        module: "probe".into(),
        title: String::new(),
        room: String::new(),
        player: 3,
        tick: 100,
        schema: schema.clone(),
        documents: Value::map([("state", state), ("players", Value::map([("3", ann)]))]),
        snapshot: snapshot::frame(1, 100, None, snapshot::InputReport::default(), &body).to_vec(),
        input: 1,
        applied: 0,
        messages_lost: 0,
    };
    let mirror = Mirror::new(&joined).unwrap();
    let mut bot = Bot::new(&factory).unwrap();
    // fire, mode, mx, slow
    assert_eq!(super::sight::decide(&mut bot, &mirror, 3), Ok(vec![1.0, 1.0, 8.0, 0.0]));
    let wrong = super::sight::decide(&mut bot, &mirror, 4).unwrap_err().to_string();
    assert!(wrong.starts_with("probe/main.lua:14: "), "{wrong}");
}

#[test]
fn types_of_the_sample_are_as_expected() {
    use super::types::{Language, types};
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (language, file) in [(Language::Lua, "sample.lua"), (Language::TypeScript, "sample.ts")] {
        let path = root.join("src/tools/expected").join(file);
        let made = types(&root.join("modules/sample"), language).unwrap();
        let expected = std::fs::read_to_string(&path).unwrap();
        assert!(made == expected, "not what stands in {}:\n{made}", path.display());
    }
}

/// CI's comparison of `shared/*.vectors.json`, and the games' own tests.
#[test]
fn the_bundled_modules_pass_their_tests() {
    let modules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    let mut vectors = 0;
    for entry in std::fs::read_dir(modules).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let outcomes = super::test::test(&folder, Vectors::Compare).unwrap();
            assert!(outcomes.passed(), "{}", outcomes.text());
            vectors += outcomes.tests.iter().filter(|test| test.name.ends_with(".vectors.json")).count();
        }
    }
    assert!(vectors >= 2, "{vectors}");
}

#[test]
fn vectors_are_written_compared_and_told_apart() {
    let folder = std::env::temp_dir().join(format!("airboat-vectors-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("shared")).unwrap();
    let write = |path: &str, text: &str| std::fs::write(folder.join(path), text).unwrap();
    write("main.lua", "return {}");
    let step = |speed: &str| {
        format!("return {{ SPEED = 3, go = function(a, dt) a.x = a.x + {speed} * dt return nil, {{ 1, a.on }} end }}")
    };
    write("shared/step.lua", &step("0.1"));
    write(
        "test.lua",
        "return { vectors = function(t)\n  t:seed(9)\n  local step = t:vectors 'shared.step'\n  local a = { x = 0.1, on = true }\n  \
         for _ = 1, 2 do step.go(a, 1 / 3) end\n  t:equal(step.SPEED, 3)\nend }",
    );
    let run = |vectors| {
        let outcomes = super::test::test(&folder, vectors).unwrap();
        assert_eq!((outcomes.tests.len(), outcomes.tests[0].seed), (2, Some(9)), "{}", outcomes.text());
        outcomes.tests[1].failure.clone()
    };
    let missing = run(Vectors::Compare).unwrap();
    assert!(missing.contains("`airboat module test --bless` writes it"), "{missing}");
    assert_eq!(run(Vectors::Bless), None);
    let kept = std::fs::read_to_string(folder.join("shared/step.vectors.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let first = &kept["go"][0];
    assert_eq!(first["arguments"], serde_json::json!([{ "x": 0.1, "on": true }, 1.0 / 3.0]));
    assert_eq!(first["after"][0]["x"].as_f64(), Some(0.1 + 0.1 * (1.0 / 3.0)));
    assert_eq!(first["returns"], serde_json::json!([null, [1, true]]));
    assert_eq!(kept["go"][1]["arguments"][0], first["after"][0]);
    assert_eq!(run(Vectors::Compare), None);
    write("shared/step.lua", &step("0.100001"));
    let changed = run(Vectors::Compare).unwrap();
    assert!(changed.starts_with("go[0].after[0].x is 0.13333"), "{changed}");
    // A failed test leaves the file alone.
    write("test.lua", "return { vectors = function(t)\n  t:vectors('shared.step').go({ x = 0 / 0 }, 1)\nend }");
    let outcomes = super::test::test(&folder, Vectors::Bless).unwrap();
    assert_eq!(outcomes.tests.len(), 1);
    let failure = outcomes.tests[0].failure.clone().unwrap();
    assert!(failure.contains("test.lua:2: "), "{failure}");
    std::fs::remove_dir_all(&folder).unwrap();
}
