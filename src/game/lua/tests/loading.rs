//! Modules: what is read from their tables, where they are found, and how complaints read.

use std::{fs, path::PathBuf};

use super::{super::modules::discover, *};
use crate::protocol::schema::FieldKind;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("airboat-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn complaint(main: &str) -> String {
    factory(main).err().map(|error| error.to_string().lines().next().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn complaints_name_file_line_and_key() {
    for (main, text) in [
        (
            "local game = {}\n\ngame.seets = { 1, 2 }\nreturn game",
            "test/main.lua:3: seets: no such setting; did you mean seats?",
        ),
        ("return {\n  tick_rate = 0 }", "test/main.lua:2: tick_rate: is a whole number from 1 to 240"),
        ("return { seats = 8 }", "test/main.lua:1: seats: is { least, most }, such as { 1, 16 }, from 1 to 1000"),
        ("return { seats = { 4, 2 } }", "test/main.lua:1: seats: is { least, most }"),
        ("return { title = 5 }", "title: is a string"),
        ("return { title = ('x'):rep(101) }", "title: is a string of at most 100 bytes"),
        ("local game = {}", "main.lua returns nothing: end the file with `return game`"),
        ("return 5", "main.lua returns a number, not a table: end the file with `return game`"),
        ("local g = {}\nfunction g.tik() end\nreturn g", "test/main.lua:2: tik: no such setting; did you mean tick?"),
        ("return { tick = 5 }", "tick: is a function"),
        ("return { late = 'spectate' }", "late: \"spectate\" needs phases"),
        ("return { messages = { chat = 5 } }", "messages.chat: is a function"),
        (
            "local game = {}\ngame.entities = {\n  box = { fields = {\n    x = 5 } } }\nreturn game",
            "test/main.lua:4: entities.box.fields.x: is made by field.number, field.angle",
        ),
        ("return { entities = { box = { fields = { x = { kind = 'angle' } } } } }", "x: is made by field.number"),
        ("return { entities = { box = {} } }", "entities.box: needs fields = {…}"),
        ("return { entities = { box = { fields = {}, life = 2 } } }", "entities.box.life: needs moves = \"linear\""),
        (
            "return { entities = { box = { fields = {}, moves = 'linear' } } }",
            "entities.box: moves = \"linear\" needs fields x and y",
        ),
        (
            "return { entities = { box = { fields = { owner = field.flag() } } } }",
            "entities.box.fields.owner: is a reserved name",
        ),
        ("return { entities = { box = { fields = { a = field.press() } } } }", "field.press is for inputs only"),
        ("return { entities = { ['a b'] = {} } }", "entities.a b: is no name"),
        (
            "return { entities = { box = { feilds = {} } } }",
            "entities.box.feilds: no such setting; did you mean fields?",
        ),
        ("return { inputs = { x = field.number(1, 0, 1) } }", "inputs.x: number(min, max, step) needs min < max"),
        (
            "return { inputs = {\n x = field.numbr(1, 2) } }",
            "test/main.lua:2: field.numbr does not exist; did you mean number?",
        ),
        ("return { inputs = { x = field.choice {} } }", "inputs.x: choice{…} needs 1 to 256 names"),
        (
            "return { inputs = { x = field.number('a', 1) } }",
            "test/main.lua:1: field.number(min, max, step) takes three numbers",
        ),
        ("local x = \nreturn 5 5", "test/main.lua:2:"),
        ("return 5", "main.lua returns a"),
        ("error('at once')", "test/main.lua:1: at once"),
        ("local step = require 'step'", "test/main.lua:1: require \"step\": module test has no file step.lua"),
    ] {
        let complaint = complaint(main);
        assert!(complaint.contains(text), "{main:?}: {complaint:?} does not say {text:?}");
    }
}

/// What a developer sees in the terminal after each slip of the finger.
#[test]
fn an_error_comes_without_the_engine_s_own_traceback() {
    let slip = factory("local a = {}\na.x a.x + 1\nreturn {}").err().unwrap().to_string();
    assert_eq!(slip, "test/main.lua:2: '=' expected near 'a'");
    let raised = factory("local function deep() error('oh') end\ndeep()\nreturn {}").err().unwrap().to_string();
    assert_eq!(raised, "test/main.lua:1: oh");
}

#[test]
fn the_contract_s_example_loads() {
    let main = r#"
local step = require "shared.step"
local number, angle, press = field.number, field.angle, field.press
local game = { title = "Tank Pond", tick_rate = 30, seats = { 1, 16 }, late = "play", empty_after = 300, when_empty = "close" }
game.entities = {
  tank   = { fields = { x = number(0, 1024, 1/8), y = number(0, 1024, 1/8), heading = angle(), hp = number(0, 100, 1) } },
  rocket = { fields = { x = number(0, 1024, 1/8), y = number(0, 1024, 1/8) }, moves = "linear", life = 1.0 },
}
game.inputs = { mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127), aim = angle(), fire = press() }
function game.open(room) room.state.score = {} end
function game.join(room, player)
  room.state.score[player.id] = 0
  game.timers.respawn(room, player)
end
function game.leave(room, player)
  local tank = player.memory.tank
  if tank and tank.alive then tank:despawn() end
end
function game.input(room, player, input)
  local tank = player.memory.tank
  if not (tank and tank.alive) then return end
  step.drive(tank, input, room.dt)
  for _ = 1, input.fire do
    room:spawn("rocket", { x = tank.x, y = tank.y, velocity = step.muzzle(input.aim), owner = player })
  end
end
function game.tick(room)
  for rocket in room:each("rocket") do
    local ghost = room:seen(rocket.owner):nearest("tank", rocket.x, rocket.y, 12)
    local tank = ghost and ghost.entity
    if tank and tank.owner ~= rocket.owner then
      room:broadcast("hit", { tank = tank, by = rocket.owner })
      room:after(3, "respawn", tank.owner)
      tank:despawn(); rocket:despawn()
    end
  end
end
game.timers = {}
function game.timers.respawn(room, player)
  player.memory.tank = room:spawn("tank", { x = room:random(100, 900), y = 100, hp = 100, owner = player })
end
game.messages = {}
function game.messages.chat(room, player, data) room:broadcast("chat", { from = player, text = data.text }) end
function game.bot(room, player) return { mx = 1, aim = room.time, fire = room.tick % 30 == 0 } end
return game"#;
    let step = "return { drive = function(tank, input, dt) tank.x = tank.x + input.mx * 10 * dt end,
      muzzle = function(aim) return { x = math.cos(aim) * 300, y = math.sin(aim) * 300 } end }";
    let sources = [("main.lua".to_owned(), main.to_owned()), ("shared/step.lua".to_owned(), step.to_owned())];
    let factory = LuaFactory::from_sources("pond", sources, &patient()).unwrap();
    let info = crate::game::GameFactory::info(&factory).clone();
    assert_eq!((info.title.as_str(), info.seats, info.empty_after_secs, info.saved), ("Tank Pond", (1, 16), 300, true));
    assert_eq!(info.schema.classes[0].name, "rocket");
    assert_eq!(info.schema.classes[1].fields[1].kind, FieldKind::Number { min: 0.0, max: 100.0, step: 1.0 });
    let mut bench = Bench::with(factory.create_lua().unwrap());
    bench.join_all(1..=4);
    let mut hits = 0;
    for tick in 0..1500_u32 {
        let angle = f64::from(tick) * 0.1;
        let inputs: Vec<(u32, [f64; 4])> =
            (1..=4).map(|n| (n, [if n % 2 == 0 { 0.0 } else { 3.1 }, f64::from(tick % 3), angle.sin(), 0.0])).collect();
        let inputs: Vec<(u32, &[f64])> = inputs.iter().map(|(n, input)| (*n, &input[..])).collect();
        bench.try_step(&inputs).unwrap();
        hits += bench.messages().len();
    }
    assert!(hits > 0, "someone was hit and came back");
    assert!(!bench.world.classes[1].is_empty());
}

#[test]
fn folders_are_found_and_bad_ones_are_told_in_one_line() {
    let folder = Folder::new("found");
    folder
        .write("good/main.lua", "return { title = require('lib').title }")
        .write("good/lib/init.lua", "return { title = 'Good' }")
        .write("good/notes.txt", "x")
        .write("bad/main.lua", "return {\n sets = {} }")
        .write("empty/readme", "x")
        .write("Bad Name/main.lua", "return {}")
        .write(".hidden/main.lua", "return {}");
    let (found, problems) = discover(Some(&folder.0));
    let titles: Vec<_> = found.iter().map(|factory| factory.info().title.clone()).collect();
    assert_eq!(titles, ["Good"]);
    assert_eq!(
        problems,
        [
            "module Bad Name is skipped: Bad Name: a module's folder is named with a-z, 0-9, _ and -, at most 32",
            "module bad is skipped: bad/main.lua:2: sets: no such setting; did you mean seats?",
            "module empty is skipped: module empty has no main.lua",
        ]
    );
    assert!(found[0].create().is_ok());
}

#[test]
fn without_a_folder_the_bundled_games_are_there() {
    let (found, problems) = discover(Some(&PathBuf::from("/nowhere/at/all")));
    assert!(problems.is_empty(), "{problems:?}");
    assert!(found.iter().any(|factory| factory.info().module == "tank8"));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_refused() {
    let folder = Folder::new("links");
    folder.write("secret.lua", "return 'secret'").write("mod/main.lua", "return { title = require 'out' }");
    std::os::unix::fs::symlink(folder.0.join("secret.lua"), folder.0.join("mod/out.lua")).unwrap();
    let (found, problems) = discover(Some(&folder.0));
    assert!(found.is_empty());
    assert!(problems[0].contains("leads out of the module's folder"), "{problems:?}");
}

#[test]
fn circles_of_require_are_named() {
    let sources =
        [("main.lua", "local a = require 'a'"), ("a.lua", "local b = require 'b'"), ("b.lua", "local a = require 'a'")];
    let sources = sources.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let error = LuaFactory::from_sources("test", sources, &patient()).err().unwrap().to_string();
    assert!(error.contains("test/b.lua:1: require \"a\": it is being loaded already (a circle)"), "{error}");
}
