//! Two marksmen at one moving target, one with a short way to the server and one with a long one: judged where their
//! screens showed it (`room:seen`), both hit what they aim at. In virtual time, through real sessions and frames.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stderr, reason = "seeds and figures are told")]

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use airboat::{
    config::Limits,
    game::{
        GameFactory as _,
        lua::{LuaFactory, Settings},
    },
    metrics::Metrics,
    protocol::{
        Micros,
        message::{ClientFrame, JoinRequest},
    },
    room::{
        Entry, Room, RoomInit,
        desk::{Desk, Device, Via},
    },
    session::{Delivery, Link, Outgoing, TokenKey, TransportKind},
};
use airboat_loadtest::player::Player;
use bytes::Bytes;

/// A target that goes to and fro at a changing pace; whoever fires names where they saw it. `VIEW` is what is judged by.
const RANGE: &str = r#"
local game = { tick_rate = 30, seats = { 1, 4 } }
game.entities = { target = { fields = { x = field.number(0, 1000, 1/8), y = field.number(0, 10, 1) } } }
game.inputs = { aim = field.number(0, 1000, 1/8), fire = field.press() }
function game.open(room)
  room.memory.target, room.memory.pace = room:spawn("target", { x = 500, y = 5 }), 90
end
function game.join(room, player) player.state.shots, player.state.hits = 0, 0 end
function game.input(room, player, input)
  local mine = player.state
  for _ = 1, input.fire do
    mine.shots = mine.shots + 1
    if room:seen(VIEW):nearest("target", input.aim, 5, 12) then mine.hits = mine.hits + 1 end
  end
end
function game.tick(room)
  local target, memory = room.memory.target, room.memory
  if room.tick % 45 == 0 then memory.pace = room:random(80, 140) * (room:random(2) * 2 - 3) end
  if target.x < 20 then memory.pace = math.abs(memory.pace) end
  if target.x > 980 then memory.pace = -math.abs(memory.pace) end
  target.x = target.x + memory.pace * room.dt
end
return game
"#;
const STEP: Micros = 1_000;
const INPUT_EVERY: Micros = 33_333;
/// How far the screen is behind the newest state, in eighths of a tick: what smooths its motion.
const SCREEN_BEHIND: u32 = 10;

struct Marksman {
    player: Player,
    link: Link,
    delay: Micros,
    up: VecDeque<(Micros, Bytes)>,
    down: VecDeque<(Micros, Bytes)>,
    next_input: Micros,
    presses: i32,
    /// Tick and place of the target, in steps, as they came.
    seen: VecDeque<(u32, f64)>,
}

impl Marksman {
    /// Where the screen shows the target, and at which tick, in eighths.
    fn screen(&self) -> Option<(u32, f64)> {
        let newest = self.seen.back()?.0;
        let view = (newest * 8).checked_sub(SCREEN_BEHIND)?;
        let (before, a) = self.seen.iter().rfind(|(tick, _)| tick * 8 <= view)?;
        let (after, b) = self.seen.iter().find(|(tick, _)| tick * 8 > view)?;
        let fraction = f64::from(view - before * 8) / f64::from((after - before) * 8);
        Some((view, a + (b - a) * fraction))
    }

    fn play(&mut self, now: Micros, random: &mut fastrand::Rng) {
        if !self.player.is_playing() || now < self.next_input {
            return;
        }
        self.next_input += INPUT_EVERY;
        let screen = self.screen();
        let (view, x) = screen.unwrap_or((0, 0.0));
        self.presses = (self.presses + i32::from(screen.is_some() && random.u8(..6) == 0)) & 3;
        let Some(frame) = self.player.client.input(vec![x.round() as i32, self.presses], now) else { return };
        let mut frame = frame.to_vec();
        if screen.is_some() {
            frame[4..6].copy_from_slice(&(view as u16).to_le_bytes());
        }
        let others = self.player.client.due(now);
        for frame in [Bytes::from(frame)].into_iter().chain(others) {
            self.up.push_back((now + self.delay, frame));
        }
    }

    fn carry(&mut self, now: Micros) {
        while self.up.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame) = self.up.pop_front().unwrap();
            self.link.receive(frame, now).unwrap();
        }
        while let Some(outgoing) = self.link.try_next() {
            match outgoing {
                Outgoing::Frame(frame) | Outgoing::Snapshot(frame) => self.down.push_back((now + self.delay, frame)),
                Outgoing::Close(reason) => panic!("closed: {reason:?}"),
            }
        }
        while self.down.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame) = self.down.pop_front().unwrap();
            let mut out = Vec::new();
            self.player.receive(&frame, now, &mut out);
            for frame in out {
                self.up.push_back((now + self.delay, frame));
            }
            self.look();
        }
    }

    fn look(&mut self) {
        let Some(mirror) = self.player.client.mirror() else { return };
        let tick = mirror.tick();
        if self.seen.back().is_some_and(|(known, _)| *known >= tick) {
            return;
        }
        let Some(x) = mirror.world().classes[0].values[1].first() else { return };
        self.seen.push_back((tick, f64::from(*x)));
        if self.seen.len() > 64 {
            self.seen.pop_front();
        }
    }
}

/// Shares of hits of two players with these delays, one way.
fn shoot(view: &str, delays: [Micros; 2], seed: u64) -> [f64; 2] {
    let main = RANGE.replace("VIEW", view);
    let factory = LuaFactory::from_sources("range", [("main.lua".to_owned(), main)], &Settings::default()).unwrap();
    let (limits, metrics) = (Arc::new(Limits::default()), Arc::new(Metrics::default()));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut now: Micros = 1_000_000;
    let init = RoomInit {
        game: factory.create().unwrap(),
        name: "range".into(),
        password: String::new(),
        seed,
        limits: limits.clone(),
        metrics: metrics.clone(),
    };
    let mut room = Room::open(init, now).unwrap();
    let mut desk: Desk<()> = Desk::new(TokenKey::new(&[1; 32]), seed, limits, metrics);
    let mut marksmen = Vec::new();
    for (index, delay) in delays.into_iter().enumerate() {
        let join = JoinRequest { module: "range".into(), room: "range".into(), ..JoinRequest::default() };
        let mut player = Player::new("ann", join);
        let Ok(ClientFrame::Hello(hello)) = ClientFrame::decode(&player.hello()) else { panic!("no hello") };
        let device = Device { id: format!("device {index}"), issued_secret: Some("secret".into()) };
        let (transport, delivery) = (TransportKind::Websocket, Delivery::Ordered);
        let via = Via { transport, delivery, peer: IpAddr::from([127, 0, 0, 1]), now };
        let (link, session) = desk.hello(&hello, device, via).unwrap();
        let (_, name) = desk.session(session.id()).unwrap();
        room.join(Entry { session: session.clone(), name, request: hello.join.unwrap() }).unwrap().unwrap();
        desk.set_room(session.id(), Some(()));
        // Not both at the same moment of a tick.
        let next_input = now + random.u64(..INPUT_EVERY);
        let (up, down, seen) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        marksmen.push(Marksman { player, link, delay, up, down, next_input, presses: 0, seen });
    }
    let mut due = now + room.period();
    let end = now + 60_000_000;
    while now < end {
        now += STEP;
        for marksman in &mut marksmen {
            marksman.play(now, &mut random);
            marksman.carry(now);
        }
        if now >= due {
            room.step(due).unwrap();
            due += room.period();
        }
    }
    [0, 1].map(|index| {
        let player: &Player = &marksmen[index].player;
        let mirror = player.client.mirror().unwrap();
        let number = player.client.player().unwrap();
        let state = mirror.documents.get("players").get(&number.to_string()).get("state").clone();
        let count = |name| state.get(name).number().unwrap_or_else(|| panic!("{state:?}"));
        assert!(count("shots") > 100.0, "{state:?}");
        count("hits") / count("shots")
    })
}

const NEAR: Micros = 5_000;
/// With the wait for a tick and what the screen is behind, all of this lies within the 200 ms that `seen` reaches back.
const FAR: Micros = 55_000;

#[test]
fn both_hit_what_they_aim_at() {
    let seed = 20;
    let [near, far] = shoot("player", [NEAR, FAR], seed);
    eprintln!("seed {seed}: {near:.3} of the near one's shots hit, {far:.3} of the far one's");
    assert!(near > 0.97 && far > 0.97 && (near - far).abs() < 0.03, "{near} {far}");
}

#[test]
fn judged_by_the_present_the_far_one_misses() {
    let seed = 20;
    let [near, far] = shoot("nil", [NEAR, FAR], seed);
    eprintln!("seed {seed}, the present: {near:.3} of the near one's shots hit, {far:.3} of the far one's");
    assert!(near > far + 0.4 && far < 0.2, "{near} {far}");
}

/// Nobody is hit where they were long ago: what a very slow player sees is older than that.
#[test]
fn beyond_two_hundred_milliseconds_nobody_reaches() {
    let seed = 21;
    let [near, very_far] = shoot("player", [NEAR, 250_000], seed);
    eprintln!("seed {seed}, a quarter of a second away: {near:.3} and {very_far:.3}");
    assert!(near > 0.97 && very_far < 0.3, "{near} {very_far}");
}
