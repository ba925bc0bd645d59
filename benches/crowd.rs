//! What one tick of a whole room costs without sockets: frames in, step, frames out; rooms in turn, so that more rooms
//! than fit a cache show what they cost in company.
//!
//! `cargo bench --bench crowd`. `AIRBOAT_ROOMS`: how many, in a list; `AIRBOAT_MODULE`: tank8 unless named.

#![allow(clippy::print_stdout, reason = "figures are printed")]
#![allow(clippy::unwrap_used, reason = "a failed measurement is a failed run")]

mod common;

use std::{sync::Arc, time::Duration};

use airboat::{
    config::Limits,
    game::{GameFactory, lua::Settings},
    metrics::Metrics,
    protocol::{
        input,
        message::{ClientFrame, JoinRequest},
        schema::FieldKind,
    },
    room::{Entry, Room, RoomInit},
    session::{Delivery, Link, Outgoing, ResumeFrom, Session, SessionId, SessionInit, TransportKind},
};
use common::{factory, size, timed};

const PLAYERS: u64 = 8;

struct Crowd {
    room: Room,
    links: Vec<Link>,
    sent: u32,
}

/// Time in each part of a tick, all rooms together.
#[derive(Default)]
struct Spent {
    receive: Duration,
    step: Duration,
    take: Duration,
}

impl Crowd {
    fn open(game: &dyn GameFactory, seed: u64, delivery: Delivery, shared: &(Arc<Limits>, Arc<Metrics>)) -> Self {
        let (limits, metrics) = shared.clone();
        let init = RoomInit {
            game: game.create().unwrap(),
            name: format!("crowd {seed}"),
            password: String::new(),
            seed,
            limits: limits.clone(),
            metrics: metrics.clone(),
        };
        let mut room = Room::open(init, 0).unwrap();
        let transport = if delivery == Delivery::Datagram { TransportKind::Quic } else { TransportKind::Websocket };
        let links = (0..PLAYERS).map(|n| {
            let id = SessionId(seed * PLAYERS + n);
            let (limits, metrics) = (limits.clone(), metrics.clone());
            let session =
                Session::new(SessionInit { id, device: format!("{id}"), debug_hash: false, limits, metrics }, 0);
            let link = session.attach(transport, delivery, ResumeFrom::default(), "welcome".into(), [0; 16], 0);
            let request = JoinRequest::default();
            room.join(Entry { session, name: format!("p{n}"), request }).unwrap().unwrap();
            link
        });
        let links = links.collect();
        Self { room, links, sent: 0 }
    }

    fn tick(&mut self, now: u64, spent: &mut Spent) {
        self.sent += 1;
        let frames: Vec<_> = (0..self.links.len() as u32).map(|n| self.input(n)).collect();
        spent.receive += timed(|| {
            for (link, frame) in self.links.iter().zip(frames) {
                link.receive(frame, now).unwrap();
            }
        })
        .1;
        spent.step += timed(|| self.room.step(now).unwrap()).1;
        spent.take += timed(|| {
            for link in &self.links {
                while let Some(outgoing) = link.try_next() {
                    assert!(!matches!(outgoing, Outgoing::Close(_)), "{outgoing:?}");
                }
            }
        })
        .1;
        if self.sent.is_multiple_of(30) {
            let received = ClientFrame::Received { epoch: self.room.epoch(), received: u32::MAX }.encode();
            self.links.iter().for_each(|link| drop(link.receive(received.clone(), now).unwrap()));
        }
    }

    fn input(&self, player: u32) -> bytes::Bytes {
        let value = |age: u32, (at, kind): (usize, &FieldKind)| {
            let turn = f64::from(self.sent.saturating_sub(age)) / 30.0 + f64::from(player);
            match kind {
                FieldKind::Number { min, max, .. } => kind.quantise((turn + at as f64).sin().clamp(*min, *max)).0,
                FieldKind::Angle => kind.quantise(turn % 3.0).0,
                FieldKind::Press => (self.sent.saturating_sub(age) / 20) as i32 & 3,
                FieldKind::Flag | FieldKind::Choice(_) => 0,
            }
        };
        let schema = self.room.info().schema.clone();
        let steps = |age| schema.inputs.iter().map(|field| &field.kind).enumerate().map(|f| value(age, f)).collect();
        let inputs: Vec<Vec<i32>> = (0..4.min(self.sent)).map(steps).collect();
        let inputs: Vec<&[i32]> = inputs.iter().map(Vec::as_slice).collect();
        input::encode(self.room.epoch(), self.room.tick(), self.room.tick() * 8, self.sent, &inputs)
    }
}

fn main() {
    let module = std::env::var("AIRBOAT_MODULE").unwrap_or_else(|_| "tank8".into());
    let lists = std::env::var("AIRBOAT_ROOMS").unwrap_or_else(|_| "1 50 200".into());
    let (warm, measured) = (size("AIRBOAT_WARM", 300), size("AIRBOAT_TICKS", 300));
    let game = factory(&module, &Settings::default());
    for rooms in lists.split(' ').map(|n| n.parse::<u64>().unwrap()) {
        for delivery in [Delivery::Ordered, Delivery::Datagram] {
            let shared = (Arc::new(Limits::default()), Arc::new(Metrics::default()));
            let mut crowds: Vec<_> = (1..=rooms).map(|seed| Crowd::open(&game, seed, delivery, &shared)).collect();
            let (mut spent, mut now) = (Spent::default(), 0);
            for tick in 0..warm + measured {
                now += 33_333;
                if tick == warm {
                    spent = Spent::default();
                }
                crowds.iter_mut().for_each(|crowd| crowd.tick(now, &mut spent));
            }
            let each = |time: Duration| time.as_secs_f64() * 1e6 / (rooms * u64::from(measured)) as f64;
            println!(
                "{module}, {rooms} rooms of {PLAYERS}, {delivery:?}: us a room and tick: receive {:.1}, step {:.1}, take {:.1}",
                each(spent.receive),
                each(spent.step),
                each(spent.take),
            );
        }
    }
}
