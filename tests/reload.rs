//! A module's file is saved while people play: they stay, what they built stays, and the new behaviour is there. Versions
//! that fail change nothing but what is said about them.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use std::path::Path;

use airboat::{
    config::Config,
    protocol::{CloseReason, Value, input},
    room::directory::ModuleSummary,
    server::Server,
};
use airboat_loadtest::{args::Transport, player::Heard};
use support::live::{Folder, Live, url};

/// A duck a player, that swims on with each input; a bell that rings once, six seconds after the room was opened.
const POND: &str = r#"
local game = { title = "Pond", tick_rate = 30, seats = { 1, 4 }, empty_after = 60 }
game.entities = { duck = { fields = { x = field.number(0, 4000, 1/8) } } }
game.inputs = { swim = field.flag() }
game.timers, game.messages = {}, {}
function game.open(room) room.state.words = 0; room:after(6, "bell") end
function game.timers.bell(room) room.state.bell = room.tick end
function game.join(room, player)
  player.state.score = 5
  player.secret.word = "sesame " .. player.id
  player.memory.duck = room:spawn("duck", { x = 10, owner = player })
end
function game.input(room, player, input)
  if input.swim then player.memory.duck.x = player.memory.duck.x + SPEED end
end
function game.messages.say(room, player) room.state.words = room.state.words + 1 end
function game.messages.trip() error("over a root") end
function game.messages.spin(room, player) while true do end end
function game.tick(room) room.state.version = VERSION MORE end
return game
"#;

fn pond(version: u32, more: &str) -> String {
    POND.replace("SPEED", "1").replace("VERSION", &version.to_string()).replace("MORE", more)
}

fn save(modules: &Path, module: &str, text: &str) {
    std::fs::create_dir_all(modules.join(module)).unwrap();
    // As editors do it: beside, then in place of the old one.
    std::fs::write(modules.join(module).join("main.lua.new"), text).unwrap();
    std::fs::rename(modules.join(module).join("main.lua.new"), modules.join(module).join("main.lua")).unwrap();
}

/// A server whose modules can be changed, and two players on different transports.
struct Bench {
    folder: Folder,
    server: Server,
    ann: Live,
    bob: Live,
}

impl Bench {
    async fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let modules = folder.0.join("modules");
        save(&modules, "pond", &pond(1, ""));
        let mut config = Config { modules, ..folder.config() };
        // Far above what any of this takes, also on a busy machine.
        config.limits.lua_callback_ms = 300;
        config.limits.lua_load_ms = 5_000;
        let server = Server::start(config).await.unwrap();
        let mut bench =
            Self { folder, ann: Live::new("ann", "pond", "one"), bob: Live::new("bob", "pond", "one"), server };
        bench.ann.join(&url(&bench.server), Transport::Websocket).await;
        bench.bob.join(&url(&bench.server), Transport::Quic).await;
        bench.ann.held = Some(vec![1]);
        bench
    }

    fn save(&self, text: &str) {
        save(&self.folder.0.join("modules"), "pond", text);
    }

    fn module(&self) -> ModuleSummary {
        self.server.directory().modules().into_iter().find(|m| m.module == "pond").unwrap()
    }

    fn state(&self, key: &str) -> Value {
        self.bob.document("state").get(key).clone()
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..6_000 {
            if done(self) {
                return;
            }
            self.ann.turn().await;
            self.bob.turn().await;
        }
        let (ann, bob) = ((self.ann.closed, self.ann.tick()), (self.bob.closed, self.bob.tick()));
        panic!(
            "waited in vain for {what}: {ann:?} {bob:?} {} {:?}",
            self.bob.document("state").get("version").number().unwrap_or(0.0),
            self.module()
        );
    }

    async fn version(&mut self, version: f64) {
        let what = format!("version {version}");
        self.until(&what, |b| b.state("version").number() == Some(version)).await;
    }

    /// Nobody was disconnected, everybody sits and plays.
    async fn all_is_well(&mut self, seats: (u32, u32)) {
        assert_eq!((self.ann.closed, self.bob.closed), (None, None), "{} {}", self.ann.why, self.bob.why);
        assert!(self.ann.connection.is_some() && self.bob.connection.is_some());
        assert_eq!((self.ann.number(), self.bob.number()), seats);
        assert_eq!(self.ann.player.messages_lost + self.bob.player.messages_lost, 0);
        let (x, words) = (self.ann.own("duck", "x").unwrap(), self.state("words").number().unwrap());
        self.bob.message("say", Value::Nil).await;
        self.until("play to go on", |b| {
            b.ann.own("duck", "x") > Some(x) && b.state("words").number() == Some(words + 1.0)
        })
        .await;
        let id = seats.0.to_string();
        assert_eq!(self.bob.document("players").get(&id).get("state").get("score").number(), Some(5.0));
        assert_eq!(self.ann.document("secret").get("word").text(), Some(format!("sesame {id}").as_str()));
        assert_eq!(*self.bob.document("secret").get("word"), format!("sesame {}", seats.1).as_str().into());
    }

    fn seats(&self) -> (u32, u32) {
        (self.ann.number(), self.bob.number())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saving_a_file_changes_a_running_game_and_nothing_else() {
    let mut bench = Bench::new("reload").await;
    let seats = bench.seats();
    bench.version(1.0).await;
    bench.all_is_well(seats).await;
    let (epoch, tick, x) = (bench.ann.player.epoch(), bench.ann.tick(), bench.ann.own("duck", "x").unwrap());
    bench.save(&pond(2, "").replace("+ 1 end end", "+ 1 end end --"));
    bench.version(2.0).await;
    assert_ne!(bench.ann.player.epoch(), epoch);
    assert!(bench.ann.tick() > tick && bench.ann.own("duck", "x").unwrap() >= x);
    bench.all_is_well(seats).await;
    // The timer was set by the first version and rings in its time, to the tick.
    bench.until("the bell", |b| b.state("bell") != Value::Nil).await;
    assert_eq!(bench.state("bell").number(), Some(180.0));
    let rooms = bench.server.directory().rooms();
    assert_eq!((rooms.len(), rooms[0].version.clone(), rooms[0].players), (1, bench.module().version, 2));
    assert_eq!(bench.module().problem, None);
    // A module that comes new can be joined; one that goes is not opened any more, but its rooms play on.
    let modules = bench.folder.0.join("modules");
    save(&modules, "lake", &pond(7, ""));
    bench.until("a new module", |b| b.server.directory().modules().len() == 2).await;
    std::fs::remove_dir_all(modules.join("pond")).unwrap();
    bench.until("a module to go", |b| b.server.directory().modules().len() == 1).await;
    bench.all_is_well(seats).await;
    let mut carl = Live::new("carl", "pond", "two");
    carl.connect(&url(&bench.server), Transport::Http).await;
    carl.until("a refusal", |carl| carl.closed.is_some()).await;
    assert_eq!(carl.closed, Some(CloseReason::UnknownModule));
    bench.server.shutdown().await.unwrap();
}

/// A call is answered once, whatever becomes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_handler_fails_is_answered_once() {
    let mut bench = Bench::new("trip").await;
    bench.version(1.0).await;
    let (failing, frame) = bench.ann.player.call("trip", Value::Nil);
    bench.ann.send(frame).await;
    let (after, frame) = bench.ann.player.call("say", Value::Nil);
    bench.ann.send(frame).await;
    let answers = |bench: &Bench, to: u32| -> Vec<_> {
        let answer = |heard: &Heard| match heard {
            Heard::Reply { call, result } if *call == to => Some(result.clone()),
            _ => None,
        };
        bench.ann.heard.iter().filter_map(answer).collect()
    };
    // Answers come in order: once this one is here, all to the call before it are.
    bench.until("the next answer", |b| !answers(b, after).is_empty()).await;
    assert_eq!(answers(&bench, failing), [Err("trip failed".to_owned())]);
    assert_eq!(answers(&bench, after), [Ok(Value::Nil)]);
    let seats = bench.seats();
    bench.all_is_well(seats).await;
    bench.server.shutdown().await.unwrap();
}

/// A new version may have other inputs. What was on its way then is of the old ones, and nobody's fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_that_were_on_their_way_are_no_bad_frames() {
    let mut bench = Bench::new("inputs").await;
    let seats = bench.seats();
    bench.version(1.0).await;
    bench.ann.held = None;
    let epoch = bench.ann.player.epoch();
    bench.save(&pond(2, "").replace("{ swim = field.flag() }", "{ swim = field.flag(), dive = field.flag() }"));
    bench.version(2.0).await;
    bench.until("ann to be in the new life", |b| b.ann.player.epoch() != epoch).await;
    bench.ann.send([input::encode(epoch, 0, 0, 1, &[&[1]])]).await;
    bench.ann.held = Some(vec![0, 1]);
    bench.all_is_well(seats).await;
    bench.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_fails_leaves_play_going_on_and_says_why() {
    let mut bench = Bench::new("broken").await;
    let seats = bench.seats();
    bench.version(1.0).await;
    let good = bench.module().version;

    bench.save("return {");
    bench.until("the problem", |b| b.module().problem.is_some()).await;
    let problem = bench.module().problem.unwrap();
    assert_eq!((problem.kind, bench.module().version), ("load", good.clone()));
    assert!(problem.text.contains("pond/main.lua:1:"), "{}", problem.text);
    bench.all_is_well(seats).await;

    bench.save(&pond(3, "room.memory.n = (room.memory.n or 0) + 1 if room.memory.n == 30 then error('tripped') end"));
    bench.version(3.0).await;
    bench.version(1.0).await;
    // Players hear of it before the catalog does.
    bench.until("the problem", |b| b.module().problem.is_some()).await;
    let problem = bench.module().problem.unwrap();
    assert_eq!((problem.kind, bench.module().version), ("reload", good.clone()));
    assert!(problem.text.contains("pond/main.lua:") && problem.text.contains("tripped"), "{}", problem.text);
    assert!(problem.text.contains("traceback"), "{}", problem.text);
    bench.all_is_well(seats).await;
    assert_eq!(bench.server.metrics().rooms_rolled_back.get(), 1);

    // What is new opens with the version that works.
    let mut carl = Live::new("carl", "pond", "two");
    carl.join(&url(&bench.server), Transport::Http).await;
    carl.until("the old version", |carl| carl.document("state").get("version").number() == Some(1.0)).await;

    // The mended one is taken by all.
    bench.save(&pond(4, ""));
    bench.version(4.0).await;
    carl.until("the mended version", |carl| carl.document("state").get("version").number() == Some(4.0)).await;
    bench.all_is_well(seats).await;
    assert_eq!(bench.module().problem, None);
    bench.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_whose_script_is_stopped_goes_on_and_then_its_module_is_closed_until_a_new_version_comes() {
    let mut bench = Bench::new("overrun").await;
    let seats = bench.seats();
    bench.version(1.0).await;
    bench.all_is_well(seats).await;
    // Past the first checkpoint, and a moment with something in it.
    bench.until("a second", |b| b.ann.tick() > 45).await;
    let epoch = bench.ann.player.epoch();
    bench.bob.message("spin", Value::Nil).await;
    bench.until("a new life", |b| b.ann.player.epoch() != epoch && b.bob.player.epoch() == b.ann.player.epoch()).await;
    bench.until("its count", |b| b.server.metrics().rooms_restored.get() == 1).await;
    assert_eq!(bench.server.directory().rooms()[0].state, "penalty");
    assert_eq!(bench.server.metrics().rooms_penalised.get(), 1);
    bench.all_is_well(seats).await;

    bench.bob.message("spin", Value::Nil).await;
    bench.until("the end", |b| b.ann.closed.is_some() && b.bob.closed.is_some()).await;
    // Told at once that there is nothing to come back to.
    let gone = Some(CloseReason::RoomClosed);
    assert_eq!((bench.ann.closed, bench.bob.closed), (gone, gone));
    assert!(bench.ann.why.contains("module pond is closed until a new version comes"), "{}", bench.ann.why);
    assert_eq!(bench.server.metrics().modules_quarantined.of("pond").get(), 1);
    let module = bench.module();
    assert_eq!((module.open, module.problem.as_ref().unwrap().kind), (false, "quarantine"));
    let mut carl = Live::new("carl", "pond", "two");
    carl.connect(&url(&bench.server), Transport::Websocket).await;
    carl.until("a refusal", |carl| carl.closed.is_some()).await;
    assert_eq!(carl.closed, Some(CloseReason::Refused));
    assert!(carl.why.contains("module pond has been closed") && carl.why.contains("time budget"), "{}", carl.why);

    bench.save(&pond(5, ""));
    let mut dora = Live::new("dora", "pond", "three");
    while bench.module().problem.is_some() {
        carl.turn().await;
    }
    dora.join(&url(&bench.server), Transport::Websocket).await;
    dora.until("the mended version", |dora| dora.document("state").get("version").number() == Some(5.0)).await;
    bench.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_too_large_to_be_saved_goes_on_with_its_version_and_that_is_told() {
    let mut bench = Bench::new("unkept").await;
    let seats = bench.seats();
    let hoard =
        "if not room.memory.hoard then local all = {} for i = 1, 140000 do all[i] = i end room.memory.hoard = all end";
    bench.save(&pond(2, hoard));
    bench.version(2.0).await;
    bench.all_is_well(seats).await;
    bench.save(&pond(3, ""));
    bench.until("the problem", |b| b.module().problem.is_some()).await;
    let problem = bench.module().problem.unwrap();
    assert_eq!((problem.kind, &problem.version), ("reload", &bench.module().version));
    let text = "room one goes on with the version before: ";
    assert!(problem.text.starts_with(text) && problem.text.contains("131072 values"), "{}", problem.text);
    bench.all_is_well(seats).await;
    assert_eq!(bench.state("version").number(), Some(2.0));
    // A new room runs it, and so does this one when it has lost what it hoarded.
    let mut carl = Live::new("carl", "pond", "two");
    carl.join(&url(&bench.server), Transport::Http).await;
    carl.until("the new version", |carl| carl.document("state").get("version").number() == Some(3.0)).await;
    bench.server.shutdown().await.unwrap();
}

/// Half the ticks a second: what counts seconds does not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tick_rate_leaves_the_time_as_it_is() {
    let mut bench = Bench::new("rate").await;
    let seats = bench.seats();
    bench.save(&pond(2, "room.state.time = room.time"));
    bench.version(2.0).await;
    bench.until("a second", |b| b.state("time").number() > Some(1.0)).await;
    for (version, rate) in [(3, "120"), (4, "15")] {
        let before = bench.state("time").number().unwrap();
        bench.save(
            &pond(version, "room.state.time = room.time").replace("tick_rate = 30", &format!("tick_rate = {rate}")),
        );
        bench.version(f64::from(version)).await;
        let time = bench.state("time").number().unwrap();
        assert!(time >= before, "{before} became {time}");
        bench.all_is_well(seats).await;
    }
    // Six seconds after the room was opened, at the last rate.
    bench.until("the bell", |b| b.state("bell") != Value::Nil).await;
    assert_eq!(bench.state("bell").number(), Some(90.0));
    bench.server.shutdown().await.unwrap();
}
