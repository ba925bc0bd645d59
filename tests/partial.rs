//! Worlds larger than a datagram: what each client is told of them, over links that delay and lose.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

#[path = "../benches/common/arena.rs"]
mod arena;
mod support;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use airboat::{
    config::Limits,
    protocol::{
        EntityId, Tick, Value,
        message::Joined,
        mirror::{Applied, Mirror},
        snapshot::{self, InputReport},
        world::{Rows, World},
    },
    room::replication::{Plan, Replication, View},
    session::Delivery,
};
use arena::Arena;
use bytes::Bytes;

const EPOCH: u32 = 7;

/// A way there or back: ticks it takes, share that it loses.
#[derive(Debug, Clone, Copy)]
struct Path {
    ticks: u32,
    loss: f64,
}

struct Client {
    number: u32,
    view: View,
    mirror: Mirror,
    down: VecDeque<(Tick, Bytes)>,
    up: VecDeque<(Tick, u16)>,
    /// The tick whose values each tank is known to have been shown with.
    shown: BTreeMap<EntityId, Tick>,
    largest: usize,
    partial: u32,
    whole: u32,
    oldest: Tick,
    latest_arrival: Tick,
}

struct Play {
    arena: Arena,
    room: Replication,
    history: BTreeMap<Tick, World>,
    clients: Vec<Client>,
    path: Path,
    limits: Arc<Limits>,
}

impl Play {
    fn new(seed: u64, tanks: u32, bullets: usize, players: u32, path: Path) -> Self {
        let arena = Arena::new(seed, 30, tanks, bullets);
        let schema = Arc::new(arena.schema.clone());
        let limits = Arc::new(Limits::default());
        let room = Replication::new(schema, EPOCH, limits.clone());
        let mut play = Self { arena, room, history: BTreeMap::new(), clients: Vec::new(), path, limits };
        play.step_room();
        play.clients = (1..=players).map(|number| play.join(number)).collect();
        play
    }

    fn join(&mut self, number: u32) -> Client {
        let tick = self.arena.tick;
        let joined = Joined {
            epoch: EPOCH,
            module: "arena".into(),
            title: "Arena".into(),
            room: "r".into(),
            player: number,
            tick,
            schema: self.arena.schema.clone(),
            documents: Value::map([]),
            snapshot: self.room.key(InputReport::default()).to_vec(),
            input: 1,
            applied: 0,
            messages_lost: 0,
        };
        let mut view = View::starting_from(tick, false);
        view.acknowledge(tick as u16, tick);
        Client {
            number,
            view,
            mirror: Mirror::new(&joined).unwrap(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            shown: BTreeMap::new(),
            largest: 0,
            partial: 0,
            whole: 0,
            oldest: 0,
            latest_arrival: 0,
        }
    }

    fn step_room(&mut self) {
        self.arena.step();
        let mut world = self.room.blank();
        self.arena.collect(&mut world);
        self.history.insert(self.arena.tick, world.clone());
        self.history.retain(|tick, _| tick + 400 > self.arena.tick);
        self.room.commit(self.arena.tick, world);
    }

    fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.step_room();
            let now = self.arena.tick;
            for client in &mut self.clients {
                while client.up.front().is_some_and(|(at, _)| *at <= now) {
                    let (_, ack) = client.up.pop_front().unwrap();
                    client.view.acknowledge(ack, now);
                }
                let Plan::Send(baseline) = self.room.plan(&client.view, Delivery::Datagram) else { panic!("no plan") };
                let report = InputReport::default();
                let sent = self.room.snapshot(&mut client.view, client.number, Delivery::Datagram, baseline, report);
                client.largest = client.largest.max(sent.frame.len());
                if self.arena.random.f64() >= self.path.loss {
                    client.down.push_back((now + self.path.ticks, sent.frame));
                }
                while client.down.front().is_some_and(|(at, _)| *at <= now) {
                    let (_, frame) = client.down.pop_front().unwrap();
                    let Applied::Newest(tick) = client.mirror.apply(&frame).unwrap() else { panic!("stale") };
                    client.look(&self.history, tick);
                    if self.arena.random.f64() >= self.path.loss {
                        client.up.push_back((now + self.path.ticks, tick as u16));
                    }
                }
            }
        }
    }

    /// Everybody's figures: the largest frame, the oldest values shown, the longest wait of a new tank.
    fn report(&self) -> (usize, Tick, Tick) {
        let most = |of: fn(&Client) -> Tick| self.clients.iter().map(of).max().unwrap();
        let largest = self.clients.iter().map(|c| c.largest).max().unwrap();
        let partial: u32 = self.clients.iter().map(|c| c.partial).sum();
        let whole: u32 = self.clients.iter().map(|c| c.whole).sum();
        let (oldest, latest) = (most(|c| c.oldest), most(|c| c.latest_arrival));
        println!(
            "{:?}: {partial} partial, {whole} whole, at most {largest} B, values at most {oldest} ticks old, new tanks at most {latest} late",
            self.path
        );
        (largest, oldest, latest)
    }
}

fn row(rows: &Rows, id: EntityId) -> Option<Vec<i32>> {
    let row = rows.row_of(id)?;
    Some(rows.values.iter().map(|column| column[row]).collect())
}

impl Client {
    /// What is shown must be what the room once had, never older than before, and one's own tank as it is now.
    fn look(&mut self, history: &BTreeMap<Tick, World>, tick: Tick) {
        let now = &history[&tick];
        if self.mirror.is_partial() {
            self.partial += 1;
        } else {
            self.whole += 1;
            assert_eq!(self.mirror.world(), now, "tick {tick}");
        }
        let tanks = &self.mirror.world().classes[1];
        assert_eq!(row(tanks, self.number), row(&now.classes[1], self.number), "one's own tank at tick {tick}");
        for bullet in &self.mirror.world().classes[0].ids {
            assert!(now.classes[0].row_of(*bullet).is_some(), "a bullet that is gone at tick {tick}");
        }
        for id in &tanks.ids {
            assert!(now.classes[1].row_of(*id).is_some(), "a tank that is gone at tick {tick}");
            let is = row(tanks, *id);
            let since = self.shown.get(id).copied().unwrap_or(0);
            let mut times = history.range(since..=tick).filter(|(_, world)| row(&world.classes[1], *id) == is);
            let Some((first, _)) = times.next() else {
                panic!("tank {id} at tick {tick} is shown as it was before tick {since}");
            };
            let last = times.next_back().map_or(*first, |(last, _)| *last);
            self.oldest = self.oldest.max(tick - last);
            self.shown.insert(*id, *first);
        }
        for id in &now.classes[1].ids {
            if tanks.row_of(*id).is_none() {
                let born = history.iter().find(|(_, world)| world.classes[1].row_of(*id).is_some()).unwrap().0;
                self.latest_arrival = self.latest_arrival.max(tick - born);
            }
        }
        self.shown.retain(|id, _| now.classes[1].row_of(*id).is_some());
    }
}

#[test]
fn sixty_four_tanks_and_128_bullets_fit() {
    let mut play = Play::new(support::seed(31), 64, 128, 4, Path { ticks: 3, loss: 0.02 });
    play.run(600);
    let (largest, oldest, _) = play.report();
    assert!(largest <= play.limits.datagram_bytes_max, "{largest} bytes");
    assert_eq!(oldest, 0, "everything is told in its tick");
}

/// 400 things in motion, over paths from a local network to the other side of the world: frames keep to the budget,
/// one's own tank is always as it is, nothing goes back in time, all have their turn, and in the end all is whole.
#[test]
fn what_does_not_fit_has_its_turn_in_time() {
    let rounds = if support::soak() { 20 } else { 1 };
    for round in 0..rounds {
        for (path, bound) in [
            (Path { ticks: 1, loss: 0.0 }, 40),
            (Path { ticks: 2, loss: 0.05 }, 60),
            (Path { ticks: 5, loss: 0.05 }, 120),
        ] {
            let mut play = Play::new(support::seed(32) + round, 300, 100, 3, path);
            play.arena.churn = 5.0;
            play.run(900);
            let (largest, oldest, latest) = play.report();
            assert!(largest <= play.limits.datagram_bytes_max, "{largest} bytes");
            assert!(play.clients.iter().all(|c| c.partial > 400), "it is about partial states");
            assert!(oldest <= bound && latest <= bound, "{oldest} and {latest} of at most {bound} ticks");
            play.arena.still = true;
            play.run(100);
            for client in &play.clients {
                assert!(!client.mirror.is_partial());
                assert_eq!(client.view.bytes(), 0, "what was kept for partial states is free again");
            }
        }
    }
}

/// What the client holds is too old to be named as a baseline: the key snapshot is partial too, and the rest follows.
#[test]
fn a_key_snapshot_that_does_not_fit_is_partial() {
    let mut play = Play::new(support::seed(33), 300, 100, 1, Path { ticks: 1, loss: 0.0 });
    play.run(100);
    play.path.loss = 1.0;
    play.run(300);
    play.path.loss = 0.0;
    play.clients[0].shown.clear();
    play.run(1);
    let key = &play.clients[0].down.back().unwrap().1;
    let header = snapshot::Header::decode(&mut airboat::protocol::varint::Reader::new(key)).unwrap();
    assert!(header.age.is_none() && header.partial, "{header:?}");
    play.arena.still = true;
    play.run(200);
    assert!(!play.clients[0].mirror.is_partial());
    assert_eq!(play.clients[0].largest.max(play.limits.datagram_bytes_max), play.limits.datagram_bytes_max);
}
