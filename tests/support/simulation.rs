//! The server's core without sockets, threads or a clock: one room, a desk, and players on seeded, faulty links, all in
//! virtual time.

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use airboat::{
    config::Limits,
    metrics::Metrics,
    protocol::{
        Epoch, Micros, Tick, Value,
        message::{ClientFrame, JoinRequest},
    },
    room::{
        Entry, Refused, Reloaded, Room, RoomInit, Stepped,
        desk::{Desk, Device, Via},
    },
    session::{Delivery, Link, Outgoing, TokenKey, TransportKind},
};
use airboat_loadtest::{
    client::Happened,
    player::{Heard, Player},
};
use bytes::Bytes;

use super::game::NativeFactory;

/// The step of virtual time.
const STEP: Micros = 2_000;

/// What a link does to frames.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// Of datagrams, each way.
    pub loss: f64,
    pub double: f64,
    /// One way, and how much more a frame may take; datagrams overtake one another within it.
    pub delay: Micros,
    pub jitter: Micros,
}

pub const CLEAN: Faults = Faults { loss: 0.0, double: 0.0, delay: 5_000, jitter: 0 };
pub const ROUGH: Faults = Faults { loss: 0.3, double: 0.3, delay: 20_000, jitter: 60_000 };

/// One direction of a link.
#[derive(Debug, Default)]
struct Pipe {
    frames: VecDeque<(Micros, Bytes)>,
    /// Ordered frames never overtake.
    last: Micros,
}

impl Pipe {
    fn ordered(&mut self, frame: Bytes, faults: Faults, now: Micros, random: &mut fastrand::Rng) {
        self.last = self.last.max(now + faults.delay + random.u64(..=faults.jitter));
        self.frames.push_back((self.last, frame));
    }

    fn datagram(&mut self, frame: Bytes, faults: Faults, now: Micros, random: &mut fastrand::Rng) {
        let copies = if random.f64() < faults.double { 2 } else { 1 };
        for _ in 0..copies {
            if random.f64() >= faults.loss {
                self.frames.push_back((now + faults.delay + random.u64(..=faults.jitter), frame.clone()));
            }
        }
    }

    fn due(&mut self, now: Micros) -> Vec<Bytes> {
        let mut due: Vec<_> = self.frames.iter().filter(|(at, _)| *at <= now).cloned().collect();
        self.frames.retain(|(at, _)| *at > now);
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, frame)| frame).collect()
    }
}

struct Wire {
    link: Link,
    delivery: Delivery,
    up: Pipe,
    down: Pipe,
}

impl Wire {
    fn send_up(&mut self, frame: Bytes, faults: Faults, now: Micros, random: &mut fastrand::Rng) {
        let may_be_lost = frame[0] < 0x10;
        if self.delivery == Delivery::Datagram && may_be_lost {
            self.up.datagram(frame, faults, now, random);
        } else {
            self.up.ordered(frame, faults, now, random);
        }
    }
}

pub struct Actor {
    pub player: Player,
    wire: Option<Wire>,
    next_input: Micros,
    fired: i32,
    /// How many `count` messages were handed to the player, and what the room said of them.
    pub counted: u32,
    pub echoes: VecDeque<(u32, f64)>,
    pub heard: Vec<f64>,
    pub wrong_replies: u32,
    /// Whole states that were found equal to the room's, and states that were partial.
    pub equal: u32,
    pub partial: u32,
}

pub struct World {
    pub room: Option<Room>,
    /// Makes the room's game, also after a fault.
    pub factory: NativeFactory,
    /// Faults after which the room went on.
    pub restored: u32,
    pub rolled_back: u32,
    pub desk: Desk<()>,
    pub actors: Vec<Actor>,
    pub faults: Faults,
    pub now: Micros,
    pub random: fastrand::Rng,
    due: Micros,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
    /// Every closing that an actor was told of.
    pub closings: Vec<(usize, airboat::protocol::CloseReason)>,
    pub snapshots: u64,
    /// Why the last one who wanted a seat got none.
    pub refused: Option<Refused>,
    /// The room's latest worlds, if they are to be compared with those that players are shown.
    pub history: Option<VecDeque<(Epoch, Tick, airboat::protocol::world::World)>>,
}

/// Ticks of history: what is older is on no way any more.
const HISTORY: usize = 300;

impl World {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::with(seed, faults, NativeFactory::version("1"))
    }

    pub fn with(seed: u64, faults: Faults, factory: NativeFactory) -> Self {
        let (limits, metrics) = (Arc::new(Limits::default()), Arc::new(Metrics::default()));
        let mut world = Self {
            room: None,
            factory,
            restored: 0,
            rolled_back: 0,
            desk: Desk::new(TokenKey::new(&[1; 32]), seed, limits.clone(), metrics.clone()),
            actors: Vec::new(),
            faults,
            now: 1_000_000,
            random: fastrand::Rng::with_seed(seed),
            due: 0,
            limits,
            metrics,
            closings: Vec::new(),
            snapshots: 0,
            refused: None,
            history: None,
        };
        world.open_room();
        world
    }

    /// Opens the room anew under its name, with a new epoch.
    pub fn open_room(&mut self) {
        let init = RoomInit {
            game: Box::new(self.factory.game()),
            name: "pond".into(),
            password: String::new(),
            seed: self.random.u64(..),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
        };
        let room = Room::open(init, self.now).unwrap();
        self.due = self.now + room.period();
        self.room = Some(room);
    }

    pub fn room(&self) -> &Room {
        self.room.as_ref().unwrap()
    }

    /// A server that is started again: nothing is left of rooms and sessions, the key is.
    pub fn restart(&mut self) {
        for actor in &mut self.actors {
            actor.wire = None;
        }
        self.room = None;
        let seed = self.random.u64(..);
        self.desk = Desk::new(TokenKey::new(&[1; 32]), seed, self.limits.clone(), self.metrics.clone());
        self.open_room();
    }

    pub fn add(&mut self, name: &str) -> usize {
        self.add_as(name, "player")
    }

    pub fn add_as(&mut self, name: &str, kind: &str) -> usize {
        let (module, room) = ("native".into(), "pond".into());
        let join = JoinRequest { module, room, kind: kind.into(), ..JoinRequest::default() };
        self.actors.push(Actor {
            player: Player::new(name, join),
            wire: None,
            next_input: 0,
            fired: 0,
            counted: 0,
            echoes: VecDeque::new(),
            heard: Vec::new(),
            wrong_replies: 0,
            equal: 0,
            partial: 0,
        });
        self.actors.len() - 1
    }

    pub fn is_connected(&self, actor: usize) -> bool {
        self.actors[actor].wire.is_some()
    }

    /// A new connection, resuming what there is to resume. An older one is simply forgotten, as a switch does.
    pub fn connect(&mut self, actor: usize, transport: TransportKind) {
        let delivery = match transport {
            TransportKind::Quic | TransportKind::Webtransport => Delivery::Datagram,
            TransportKind::Websocket => Delivery::Ordered,
            TransportKind::Http => Delivery::Polled,
        };
        let frame = self.actors[actor].player.hello();
        let Ok(ClientFrame::Hello(hello)) = ClientFrame::decode(&frame) else { panic!("no hello") };
        let device = match &hello.device {
            Some((id, _)) => Device { id: id.clone(), issued_secret: None },
            None => Device { id: format!("device {actor}"), issued_secret: Some("secret".into()) },
        };
        let via = Via { transport, delivery, peer: IpAddr::from([127, 0, 0, 1]), now: self.now };
        let (link, session) = self.desk.hello(&hello, device, via).unwrap();
        let (_, name) = self.desk.session(session.id()).unwrap();
        if self.desk.room_of(session.id()).is_none() {
            let entry = Entry { session: session.clone(), name, request: hello.join.unwrap() };
            self.refused = self.room.as_mut().unwrap().join(entry).unwrap().err();
            if self.refused.is_none() {
                self.desk.set_room(session.id(), Some(()));
            }
        }
        self.actors[actor].wire = Some(Wire { link, delivery, up: Pipe::default(), down: Pipe::default() });
        self.actors[actor].next_input = self.now;
    }

    /// The connection breaks; the server notices at once or has to be told later by a new link.
    pub fn cut(&mut self, actor: usize) {
        if let Some(wire) = self.actors[actor].wire.take() {
            wire.link.lost(self.now);
        }
    }

    /// Says that it leaves the room, and is gone.
    pub fn leave(&mut self, actor: usize) {
        if let Some(wire) = self.actors[actor].wire.take() {
            let (session, _) = self.desk.session(wire.link.session()).unwrap();
            self.room.as_mut().unwrap().leave(&session).unwrap();
            self.desk.set_room(session.id(), None);
        }
    }

    /// Hands a `count` message to the player, whether or not it is connected just now.
    pub fn count(&mut self, actor: usize) {
        let who = &mut self.actors[actor];
        who.counted += 1;
        let frame = who.player.message("count", Value::Number(f64::from(who.counted)));
        self.send(actor, frame);
    }

    pub fn echo(&mut self, actor: usize) {
        let data = self.random.f64();
        let who = &mut self.actors[actor];
        let (call, frame) = who.player.call("echo", data.into());
        who.echoes.push_back((call, data));
        self.send(actor, frame);
    }

    fn send(&mut self, actor: usize, frame: impl IntoIterator<Item = Bytes>) {
        if let Some(wire) = &mut self.actors[actor].wire {
            for frame in frame {
                wire.send_up(frame, self.faults, self.now, &mut self.random);
            }
        }
    }

    /// Lets virtual time pass.
    pub fn run(&mut self, duration: Micros) {
        let end = self.now + duration;
        while self.now < end {
            self.now += STEP;
            for actor in 0..self.actors.len() {
                self.play(actor);
                self.carry(actor);
            }
            if self.now >= self.due {
                self.step_room();
            }
            if self.now.is_multiple_of(1_000_000) {
                self.desk.sweep(self.now);
            }
        }
    }

    fn step_room(&mut self) {
        let Some(room) = &mut self.room else { return };
        self.due += room.period();
        let due = self.due;
        let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| room.step(due)));
        match stepped {
            Ok(Ok(Stepped::Running)) => drop(room.graduate()),
            Ok(Ok(Stepped::Over | Stepped::Empty)) => {
                room.close(airboat::protocol::CloseReason::RoomClosed, "over");
                self.room = None;
            }
            // What the worker does.
            Ok(Err(_)) | Err(_) => match room.roll_back(due) {
                Some(back) => {
                    drop(back.unwrap());
                    self.rolled_back += 1;
                }
                None => {
                    drop(room.restore(Box::new(self.factory.game()), due).unwrap());
                    self.restored += 1;
                }
            },
        }
        if let (Some(history), Some(room)) = (&mut self.history, &self.room) {
            history.push_back((room.epoch(), room.tick(), room.world().clone()));
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
    }

    /// A state that is whole is the room's of its tick.
    fn compare(&mut self, actor: usize, tick: Tick) {
        let who = &mut self.actors[actor];
        let (Some(history), Some(mirror)) = (&self.history, who.player.client.mirror()) else { return };
        if mirror.is_partial() {
            who.partial += 1;
            return;
        }
        let at = (mirror.epoch, tick);
        if let Some((_, _, world)) = history.iter().rev().find(|(epoch, tick, _)| (*epoch, *tick) == at) {
            assert!(mirror.world() == world, "actor {actor} at tick {tick}");
            who.equal += 1;
        }
    }

    /// Swaps in another version.
    pub fn reload(&mut self, factory: NativeFactory) {
        let game = Box::new(factory.game());
        self.factory = factory;
        let room = self.room.as_mut().unwrap();
        assert!(matches!(room.reload(game, self.now).unwrap(), Reloaded::Swapped));
    }

    /// A message nobody waits for.
    pub fn say(&mut self, actor: usize, name: &str, data: Value) {
        let frame = self.actors[actor].player.message(name, data);
        self.send(actor, frame);
    }

    fn play(&mut self, actor: usize) {
        let who = &mut self.actors[actor];
        if who.wire.is_none() || !who.player.is_playing() || self.now < who.next_input {
            return;
        }
        who.next_input += 33_333;
        who.fired = (who.fired + i32::from(self.random.u8(..20) == 0)) & 3;
        let steps = vec![who.fired, self.random.i32(-127..=127), self.random.i32(-127..=127)];
        let frames: Vec<_> = who.player.client.input(steps, self.now).into_iter().collect();
        let due = who.player.client.due(self.now);
        self.send(actor, frames.into_iter().chain(due));
    }

    fn carry(&mut self, actor: usize) {
        let Some(mut wire) = self.actors[actor].wire.take() else { return };
        let mut broken = None;
        for frame in wire.up.due(self.now) {
            if let Err(reason) = wire.link.receive(frame, self.now) {
                wire.link.close(reason);
            }
        }
        // A poll that is parked stays so until something comes.
        if wire.delivery == Delivery::Polled && self.now.is_multiple_of(40_000) {
            wire.link.want_snapshot(true);
        }
        while let Some(outgoing) = wire.link.try_next() {
            match outgoing {
                Outgoing::Snapshot(frame) if wire.delivery == Delivery::Datagram => {
                    wire.down.datagram(frame, self.faults, self.now, &mut self.random);
                }
                Outgoing::Frame(frame) | Outgoing::Snapshot(frame) => {
                    wire.down.ordered(frame, self.faults, self.now, &mut self.random);
                }
                Outgoing::Close(reason) => {
                    broken = Some(reason);
                    break;
                }
            }
        }
        for frame in wire.down.due(self.now) {
            self.take(actor, &mut wire, &frame);
        }
        match broken {
            Some(reason) => self.closings.push((actor, reason)),
            None => self.actors[actor].wire = Some(wire),
        }
    }

    fn take(&mut self, actor: usize, wire: &mut Wire, frame: &[u8]) {
        let who = &mut self.actors[actor];
        let mut out = Vec::new();
        match who.player.receive(frame, self.now, &mut out) {
            Happened::Closed(reason, _) => self.closings.push((actor, reason)),
            Happened::Snapshot(tick) => {
                self.snapshots += 1;
                self.compare(actor, tick);
            }
            Happened::Joined => who.fired = 0,
            Happened::Nothing => {}
        }
        let who = &mut self.actors[actor];
        let faults = who.player.client.take_faults();
        assert!(faults.is_empty(), "actor {actor} at {}: {faults:?}", self.now);
        if wire.delivery == Delivery::Polled && frame[0] == 1 {
            out.extend(who.player.client.acknowledgements());
        }
        for heard in who.player.take_heard() {
            match heard {
                Heard::Event { data, .. } => who.heard.extend(data.get("n").number()),
                Heard::Reply { call, result } => {
                    let expected = who.echoes.pop_front();
                    who.wrong_replies += u32::from(expected.map(|(c, n)| (c, Ok(n.into()))) != Some((call, result)));
                }
            }
        }
        for frame in out {
            wire.send_up(frame, self.faults, self.now, &mut self.random);
        }
    }
}
