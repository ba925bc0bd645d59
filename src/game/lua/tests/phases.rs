//! Phases, barriers, deadlines, the lobby and its host, who comes late; changes that fail on the way.

use super::*;
use crate::{
    game::{Admission, Audience},
    protocol::{CloseReason, Key},
};

/// A module that logs what happens in its phases. 10 ticks are a second.
fn party(phases: &str, more: &str) -> String {
    format!(
        r#"
local game = {{ title = "Party", tick_rate = 10, seats = {{ 1, 8 }}, messages = {{}}, timers = {{}} }}
local function log(...) local words = {{ ... }} return function(room, player)
  room:log(table.concat(words, " ") .. (player and " " .. player.id or "")) end end
{more}
game.phases = {{ {phases} }}
function game.messages.where(room) room:log(room.phase) end
function game.messages.go(room, _, name) room:go(name) end
function game.messages.finish(_, player) player:done() end
function game.messages.role(_, player, role) player.role = role end
return game
"#
    )
}

impl Bench {
    fn say(&mut self, player: PlayerNumber, name: &str, data: Value) -> Value {
        self.game.message(player, name, &data, Some(1), &mut self.effects).unwrap();
        let at = self.effects.iter().position(|e| matches!(e, Effect::Reply { call: 1, .. })).unwrap();
        match self.effects.remove(at) {
            Effect::Reply { result: Ok(value), .. } => value,
            Effect::Reply { result: Err(why), .. } => Value::Text(why),
            _ => unreachable!(),
        }
    }

    fn leave(&mut self, player: PlayerNumber) {
        self.game.leave(player, CloseReason::Left, &mut self.effects).unwrap();
    }

    /// A field of `room.state.phase` as clients have it.
    fn phase(&mut self, field: &str) -> Value {
        self.collect().unwrap();
        self.state().get("phase").get(field).clone()
    }

    fn name(&mut self) -> String {
        self.phase("name").text().unwrap_or_default().to_owned()
    }

    fn set(&mut self, field: &str) -> Vec<String> {
        match self.phase(field) {
            Value::Map(map) => {
                map.keys().map(|key| if let Key::Name(name) = key { name.clone() } else { String::new() }).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn seated(number: PlayerNumber, kind: &str, bot: bool) -> Seat {
    Seat { kind: kind.to_owned(), bot, ..seat(number) }
}

const GAME: &str = r#"
lobby = { start = "host", min = 3, next = "scene" },
scene = { seconds = 2, done = "judge", enter = deal, missed = random_scene, next = "play" },
play = { seconds = 4, done = "all", missed = random_card, next = "finish", by_client = true },
finish = { seconds = 2, enter = store_results, next = "lobby" },
"#;
const DEAL: &str = r#"
local function deal(room)
  local round = (room.memory.round or 0) + 1
  room.memory.round, room.state.scene, room.state.cards = round, nil, {}
  local n, judge = 0, round % room:count("player") + 1
  for player in room:players("player") do
    n = n + 1
    player.role = n == judge and "judge" or "actor"
  end
end
local function random_scene(room, player) room.state.scene = "random by " .. player.id end
local function random_card(room, player) room.state.cards[player.id] = "random" end
local function store_results(room) room.state.results = (room.state.results or 0) + 1 end
function game.messages.scene(room, player, text) room.state.scene = text player:done() end
function game.messages.card(room, player, text) room.state.cards[player.id] = text player:done() end
"#;

#[test]
fn a_party_goes_on_whoever_is_silent_or_gone() {
    let mut bench = Bench::new(&party(GAME, DEAL));
    bench.join_all(1..=2);
    assert_eq!((bench.name(), bench.phase("host"), bench.phase("min")), ("lobby".into(), Value::Player(1), 3.0.into()));
    assert_eq!((bench.phase("needs"), bench.phase("ends")), ("players".into(), Value::Nil));
    assert_eq!(bench.say(1, "start", Value::Nil), "1 more player is needed".into());
    bench.join_all(3..=4);
    assert_eq!(bench.phase("needs"), "host".into());
    assert_eq!(bench.say(2, "start", Value::Nil), "only the host starts the game".into());
    bench.say(2, "ready", Value::Nil);
    bench.say(3, "ready", true.into());
    bench.say(2, "ready", false.into());
    assert_eq!(bench.set("ready"), ["3"]);
    bench.say(1, "start", Value::Nil);
    assert_eq!((bench.name(), bench.phase("ends")), ("scene".into(), 2.0.into()));
    for field in ["ready", "min", "needs"] {
        assert_eq!(bench.phase(field), Value::Nil, "{field}");
    }

    // Player 2 is the judge and chooses.
    bench.step();
    bench.say(3, "scene", "not mine".into());
    assert_eq!(bench.name(), "scene", "an actor's done is not waited for");
    bench.say(2, "scene", "at sea".into());
    assert_eq!((bench.name(), bench.phase("since"), bench.phase("ends")), ("play".into(), 0.1.into(), 4.1.into()));

    // 1 plays, 3 leaves, 4 drops and counts on; 2 says so itself; 4 never plays a card.
    bench.say(1, "card", "ace".into());
    bench.leave(3);
    bench.game.drop(4, &mut bench.effects).unwrap();
    bench.say(2, "done", Value::Nil);
    assert_eq!((bench.name(), bench.set("done")), ("play".into(), vec!["1".into(), "2".into()]));
    bench.leave(1); // the host
    assert_eq!(bench.phase("host"), Value::Player(2));
    bench.steps(39);
    assert_eq!(bench.name(), "play");
    bench.step();
    assert_eq!(bench.name(), "finish");
    let cards = bench.state().get("cards").clone();
    assert_eq!(cards, Value::map([("1", "ace".into()), ("4", "random".into())]));
    bench.steps(20);
    assert_eq!((bench.name(), bench.state().get("results")), ("lobby".into(), &1.0.into()));

    // Round two: nobody does anything, the judge leaves half way, the room comes back by itself.
    bench.join_all(5..=6);
    bench.say(2, "start", Value::Nil);
    assert_eq!(bench.name(), "scene");
    bench.steps(5);
    bench.leave(5); // the third of 2, 4, 5, 6 judges in round 2
    assert_eq!(bench.name(), "play", "nobody is left to wait for");
    bench.steps(60);
    assert_eq!((bench.name(), bench.state().get("results")), ("lobby".into(), &2.0.into()));
    assert_eq!(bench.logs(), Vec::<String>::new());
}

#[test]
fn callbacks_come_in_order_and_one_that_fails_costs_itself() {
    let phases = r#"
lobby = { start = "all", next = "a", leave = log "leave lobby", enter = log "enter lobby" },
a = { seconds = 1, done = "all", enter = function() error "no a" end, missed = function(room, p) log("missed")(room, p) error("no " .. p.id) end,
  leave = function() error "no leave" end, next = function() error "no next" end },
"#;
    let mut bench = Bench::new(&party(phases, ""));
    assert_eq!(bench.logs(), ["enter lobby"]);
    bench.join_all(1..=2);
    bench.say(1, "ready", Value::Nil);
    assert_eq!(bench.phase("needs"), "ready".into());
    let error = bench.game.message(2, "ready", &Value::Nil, None, &mut bench.effects).unwrap_err().to_string();
    assert!(error.contains("no a") && error.contains("test/main.lua"), "{error}");
    assert_eq!((bench.name(), bench.logs()), ("a".into(), vec!["leave lobby".into()]));
    bench.steps(9);
    let error = bench.try_step(&[]).unwrap_err().to_string();
    assert!(error.contains("no 1"), "{error}");
    let logs = bench.logs();
    assert_eq!(logs.iter().filter(|l| l.starts_with("missed")).count(), 2);
    for text in ["no 2", "no next", "no leave"] {
        assert!(logs.iter().any(|line| line.contains(text)), "{text} in {logs:?}");
    }
    assert_eq!((bench.name(), logs.last().unwrap().as_str()), ("lobby".into(), "enter lobby"));
}

#[test]
fn done_counts_whom_the_phase_names() {
    let phases = r#"
lobby = { next = "of_host" , start = "host" }, of_host = { done = "host", next = "of_some" },
of_some = { done = function(room, player) return player.state.alive end, next = "fails", seconds = 9 },
fails = { done = function(room, player) error("oops " .. player.id) end, next = "lobby" },
"#;
    let more = r#"function game.join(_, player) player.state.alive = true end
function game.messages.die(_, player) player.state.alive = false end"#;
    let mut bench = Bench::new(&party(phases, more));
    bench.join_all(1..=3);
    bench.game.join(&seated(4, "spectator", false), &mut bench.effects).unwrap();
    bench.say(1, "start", Value::Nil);
    bench.say(2, "finish", Value::Nil);
    assert_eq!((bench.name(), bench.set("done")), ("of_host".into(), vec!["2".into()]));
    bench.say(4, "finish", Value::Nil);
    assert_eq!(bench.set("done"), ["2"], "spectators never count");
    assert_eq!(bench.say(1, "done", Value::Nil), "this phase does not take done from clients".into());
    bench.say(1, "finish", Value::Nil);
    assert_eq!(bench.name(), "of_some");
    bench.say(1, "finish", Value::Nil);
    bench.say(2, "die", Value::Nil);
    bench.step();
    assert_eq!(bench.name(), "of_some");
    bench.logs();
    bench.say(3, "die", Value::Nil); // only 1 counts now, and is done
    bench.step();
    assert_eq!(bench.name(), "lobby", "and whom a function fails on is not waited for");
    assert!(bench.logs()[0].contains("phase fails: done(room, player 1): test/main.lua"));
}

#[test]
fn go_is_carried_out_after_the_callback_and_circles_are_stopped() {
    let phases = r#"
lobby = { leave = log "leave", enter = log "lobby" },
a = { enter = function(room) room:log("a", room.phase, room.state.phase.name) room:go("b") room:log("still", room.phase) end },
b = { enter = function(room) if room.memory.circle then room:go("a") end end },
"#;
    let mut bench = Bench::new(&party(phases, ""));
    bench.join(1);
    bench.say(1, "go", "a".into());
    assert_eq!(bench.logs(), ["lobby", "leave", "a\ta\ta", "still\ta"]);
    assert_eq!(bench.name(), "b");
    let error = bench.game.message(1, "go", &"lobyb".into(), None, &mut bench.effects).unwrap_err().to_string();
    assert!(error.contains("room:go: there is no phase lobyb; did you mean lobby?"), "{error}");

    let mut bench = Bench::new(&party(phases, "function game.open(room) room.memory.circle = true end"));
    bench.join(1);
    let error = bench.game.message(1, "go", &"a".into(), None, &mut bench.effects).unwrap_err().to_string();
    assert!(error.contains("more than 8 changes of phase in one tick"), "{error}");
    let error = bench.try_step(&[]).unwrap_err().to_string();
    assert!(error.contains("more than 8 changes"), "{error}");
    assert!(["a", "b"].contains(&bench.name().as_str()));
}

#[test]
fn a_lost_host_keeps_a_start_waiting_for_ten_seconds() {
    let phases = r#"lobby = { start = "host", next = "play" }, play = { seconds = 60, next = "lobby" }"#;
    let mut bench = Bench::new(&party(phases, ""));
    bench.game.join(&seated(1, "player", true), &mut bench.effects).unwrap();
    assert_eq!(bench.phase("host"), Value::Nil, "a bot is no host");
    bench.join_all(2..=4);
    assert_eq!(bench.phase("host"), Value::Player(2));
    bench.game.drop(2, &mut bench.effects).unwrap();
    bench.game.drop(3, &mut bench.effects).unwrap();
    bench.steps(99);
    assert_eq!(bench.phase("host"), Value::Player(2));
    bench.step();
    assert_eq!(bench.phase("host"), Value::Player(4), "3 is away too");
    bench.game.back(2, &mut bench.effects).unwrap();
    bench.leave(4);
    assert_eq!(bench.phase("host"), Value::Player(2));
    bench.say(2, "start", Value::Nil);
    bench.game.drop(2, &mut bench.effects).unwrap();
    bench.game.back(3, &mut bench.effects).unwrap();
    bench.steps(200);
    assert_eq!((bench.name(), bench.phase("host")), ("play".into(), Value::Player(2)));
}

#[test]
fn bots_are_never_waited_for() {
    let phases = r#"
lobby = { start = "all", min = 2, next = "a" },
a = { seconds = 5, done = "all", missed = log "missed", next = "b" },
b = { done = "all", next = "lobby" },"#;
    let mut bench = Bench::new(&party(phases, ""));
    bench.game.join(&seated(1, "player", true), &mut bench.effects).unwrap();
    bench.join(2);
    bench.say(2, "ready", Value::Nil);
    assert_eq!(bench.name(), "a");
    bench.say(2, "finish", Value::Nil);
    assert_eq!((bench.name(), bench.logs()), ("b".into(), vec!["missed 1".into()]));
    bench.leave(2);
    assert_eq!(bench.name(), "lobby");
}

#[test]
fn late_comers_are_let_in_as_the_module_says() {
    let phases = r#"lobby = { start = "host", next = "play" }, play = { seconds = 5, next = "lobby" }"#;
    for (late, during) in [
        ("play", Admission::As("player".into())),
        ("spectate", Admission::As("spectator".into())),
        ("next_round", Admission::As("spectator".into())),
        ("take_over", Admission::TakeOver),
    ] {
        let more = format!("game.late = '{late}' game.kind = function(room, p) room:log(p.id, 'is', p.kind) end");
        let mut bench = Bench::new(&party(phases, &more));
        let enter = |bench: &mut Bench, number, kind: &str| {
            let admitted = bench.game.enter(&seated(number, kind, false), &mut bench.effects).unwrap();
            if let Admission::As(kind) = &admitted {
                bench.game.join(&seated(number, kind, false), &mut bench.effects).unwrap();
            }
            admitted
        };
        assert_eq!(enter(&mut bench, 1, "player"), Admission::As("player".into()), "{late}");
        bench.say(1, "start", Value::Nil);
        assert_eq!(enter(&mut bench, 2, "player"), during, "{late}");
        assert_eq!(enter(&mut bench, 3, "screen"), Admission::As("screen".into()), "{late}");
        assert_eq!(enter(&mut bench, 4, "spectator"), Admission::As("spectator".into()), "{late}");
        bench.effects.clear();
        bench.steps(50);
        assert_eq!(bench.name(), "lobby");
        let kinds: Vec<_> = bench.effects.iter().filter(|e| matches!(e, Effect::Kind { .. })).cloned().collect();
        if late == "next_round" {
            assert_eq!(kinds, [Effect::Kind { player: 2, kind: "player".into() }]);
            assert_eq!(bench.logs(), ["2\tis\tplayer"]);
        } else {
            assert_eq!(kinds, [], "{late}");
        }
        assert_eq!(enter(&mut bench, 5, "player"), Admission::As("player".into()), "{late}");
    }
}

#[test]
fn a_round_that_nobody_plays_any_more_is_over() {
    let phases =
        r#"lobby = { start = "host", next = "play" }, play = { done = "all", next = "lobby", leave = log "over" }"#;
    let mut bench = Bench::new(&party(phases, "game.late = 'spectate'"));
    bench.join(1);
    bench.say(1, "start", Value::Nil);
    bench.game.join(&seated(2, "spectator", false), &mut bench.effects).unwrap();
    assert_eq!(bench.name(), "play");
    bench.leave(1);
    assert_eq!((bench.name(), bench.logs()), ("lobby".into(), vec!["over".into()]));
}

#[test]
fn what_a_module_writes_over_the_projection_does_not_hold() {
    let phases = r#"lobby = { seconds = 1, next = "b" }, b = { seconds = 1, next = "lobby" }"#;
    let more = "function game.tick(room) room.state.phase = { name = 'mine' } end";
    let mut bench = Bench::new(&party(phases, more));
    bench.steps(5);
    assert_eq!(bench.name(), "mine");
    bench.join(1);
    assert_eq!(bench.name(), "lobby");
    bench.steps(4);
    assert_eq!(bench.name(), "mine");
    bench.tick += 1;
    bench.game.begin(bench.tick, &mut bench.effects).unwrap();
    assert_eq!(bench.name(), "b");
}

#[test]
fn refusals_reach_whoever_asked() {
    let mut bench = Bench::new(&party("lobby = {}", ""));
    bench.join(1);
    assert_eq!(bench.game.info().messages, ["done", "finish", "go", "ready", "role", "start", "where"]);
    bench.game.message(1, "start", &Value::Nil, None, &mut bench.effects).unwrap();
    let data = Value::map([("message", "start".into()), ("reason", "this phase does not wait for a start".into())]);
    assert!(bench.effects.contains(&Effect::Message { to: Audience::Player(1), name: "refused".into(), data }));
}

#[test]
fn phases_survive_a_checkpoint_and_a_version_without_them() {
    let mut bench = Bench::new(&party(GAME, DEAL));
    bench.join_all(1..=4);
    bench.say(1, "start", Value::Nil);
    bench.say(2, "scene", "x".into());
    bench.say(1, "card", "ace".into());
    bench.steps(10);
    let saved = bench.checkpoint();
    let mut back = Bench::restored(&party(GAME, DEAL), &saved, Restored::Reload);
    assert_eq!(
        (back.name(), back.set("done"), back.phase("host")),
        ("play".into(), vec!["1".into()], Value::Player(1))
    );
    assert_eq!((back.phase("since"), back.phase("ends")), (bench.phase("since"), bench.phase("ends")));
    back.steps(29);
    assert_eq!(back.name(), "play");
    back.step();
    assert_eq!(back.name(), "finish");

    let other = "lobby = { start = 'host', next = 'lobby', enter = log 'enter' }";
    let mut other = Bench::restored(&party(other, DEAL), &saved, Restored::Reload);
    assert_eq!(other.name(), "lobby");
    let logs = other.logs();
    assert!(
        logs[0].contains("phase play is dropped: there is no game.phases.play; the room goes to lobby"),
        "{logs:?}"
    );
    assert_eq!(logs[1], "enter");
    let mut none = Bench::restored(&module(""), &saved, Restored::Reload);
    none.step();
    assert_eq!(none.phase("name"), Value::Nil);
}

#[test]
fn a_phase_without_a_next_leads_back_to_the_first() {
    let mut bench = Bench::new(&party("lobby = { next = 'play', seconds = 1 }, play = { seconds = 1 }", ""));
    bench.join(1).steps(15);
    assert_eq!(bench.phase("name"), "play".into());
    bench.steps(10);
    assert_eq!(bench.phase("name"), "lobby".into());
}

#[test]
fn declarations_say_what_is_wrong() {
    for (phases, more, text) in [
        ("lobby = { sconds = 3 }", "", "test/main.lua:6: phases.lobby.sconds: no such setting; did you mean seconds?"),
        ("a = { next = 'b', seconds = 1 }, b = {}", "", "phases: needs first_phase"),
        (
            "lobby = { next = 'paly', seconds = 1 }, play = {}",
            "",
            "phases.lobby.next: there is no phase paly; did you mean play?",
        ),
        ("lobby = { seconds = 1 }", "", "phases.lobby: needs next"),
        ("lobby = { seconds = 0, next = 'lobby' }", "", "phases.lobby.seconds: is a number of seconds"),
        ("lobby = { start = 'me', next = 'lobby' }", "", "phases.lobby.start: is \"host\", \"all\" or left out"),
        ("lobby = { start = 'all', min = 9, next = 'lobby' }", "", "phases.lobby.min: is a whole number from 1 to 8"),
        ("lobby = { min = 2 }", "", "phases.lobby.min: needs start"),
        ("lobby = { done = 5, next = 'lobby' }", "", "phases.lobby.done: is \"all\""),
        ("lobby = { done = 'al', next = 'lobby' }", "", "phases.lobby.done: did you mean \"all\"?"),
        ("lobby = { done = 'Host', next = 'lobby' }", "", "phases.lobby.done: did you mean \"host\"?"),
        ("lobby = { missed = print }", "", "phases.lobby.missed: needs seconds and done"),
        ("lobby = { by_client = true }", "", "phases.lobby.by_client: needs done"),
        ("lobby = { enter = 1 }", "", "phases.lobby.enter: is a function"),
        ("lobby = 1", "", "phases.lobby: is a table"),
        ("lobby = {}", "game.messages.ready = print", "messages.ready: is the engine's own message"),
        ("lobby = {}", "game.first_phase = 'lobyb'", "first_phase: there is no phase lobyb; did you mean lobby?"),
        ("lobby = {}", "game.late = 'soon'", "late: is not \"soon\"; there are play, spectate"),
        ("lobby = {}", "game.bots = 9", "bots: is a whole number from 0 to 8"),
        ("lobby = {}", "game.bots = 3", "bots: needs function game.bot(room, player)"),
    ] {
        let error = factory(&party(phases, more)).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(text), "{error:?} does not say {text:?}");
    }
    // A role may sound like one of the words.
    assert!(factory(&party("lobby = { done = 'ghost', next = 'lobby' }", "")).is_ok());
    let plain = |setting: &str| factory(&format!("return {{ {setting} }}")).err().map(|e| e.to_string());
    assert!(plain("late = 'next_round'").unwrap().contains("\"next_round\" needs phases"));
    assert_eq!(plain("late = 'play', bots = 3, bot = print, when_empty = 'keep'"), None);
}

#[test]
fn without_phases_there_is_a_host_and_no_phase() {
    let mut bench = Bench::new(&module(
        "function game.tick(room) room.state.host, room.state.phase = room.host, tostring(room.phase) end
function game.messages.done(_, player) player:done() end",
    ));
    bench.step();
    assert_eq!(bench.state().get("phase"), &"nil".into());
    bench.join(3).join(4).step();
    assert_eq!(bench.state().get("host"), &Value::Player(3));
    bench.leave(3);
    bench.step();
    assert_eq!(bench.state().get("host"), &Value::Player(4));
    let error = bench.game.message(4, "done", &Value::Nil, None, &mut bench.effects).unwrap_err().to_string();
    assert!(error.contains("the module has no phases"), "{error}");
}

#[test]
fn a_module_can_not_hold_up_or_confuse_its_phases() {
    // Nothing of its table counts any more once it runs, and metatables on its own documents are not asked.
    let phases = r#"lobby = { seconds = 1, next = "b" }, b = { seconds = 1, next = function() return setmetatable({}, { __tostring = error }) end }"#;
    let more = r#"
function game.open(room)
  setmetatable(room.state, { __newindex = function() error "mine" end, __index = function() error "mine" end })
  game.phases.b, game.phases.lobby, game.phases = nil, 5, setmetatable({}, { __index = function() error "mine" end })
  game.late, game.seats, game.kind = {}, {}, "x"
end"#;
    let mut bench = Bench::new(&party(phases, more));
    bench.join(1);
    bench.effects.clear();
    bench.tick = 10;
    bench.game.begin(10, &mut bench.effects).unwrap();
    bench.run("where");
    assert_eq!(bench.logs(), ["b"]);
    bench.tick = 20;
    let error = bench.game.begin(20, &mut bench.effects).unwrap_err();
    assert!(!error.is_fatal(), "{error}");
    bench.run("where");
    assert_eq!(bench.logs(), ["lobby"]);
}

#[test]
fn a_done_that_never_returns_is_an_overrun() {
    let mut settings = patient();
    settings.budgets.callback_us = 20_000;
    let main = party("lobby = { done = function() while true do end end, next = 'lobby' }", "");
    let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main)], &settings).unwrap();
    let mut game = factory.create_lua().unwrap();
    let mut effects = Vec::new();
    game.open(&RoomOpening { name: "x".into(), seed: 1 }, &mut effects).unwrap();
    assert_eq!(game.join(&seat(1), &mut effects), Err(GameError::Overrun("phases")));
}
