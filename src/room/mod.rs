//! A room: one running game, its seats, and what its players see. Plain functions of time; nothing here waits.
//!
//! `step.rs` is the tick. Around it: `inputs.rs`, `replication.rs`, `documents.rs`. `worker.rs` is the thread that owns
//! rooms and reads the clock; `desk.rs` knows who is where; `directory.rs` is the front desk the transports talk to.

pub mod desk;
pub mod directory;
pub mod documents;
pub mod inputs;
pub mod name;
pub mod replication;
mod step;
pub mod worker;

use std::{sync::Arc, task::Waker};

use crate::{
    config::Limits,
    game::{Effects, Game, GameError, RoomOpening, Seat},
    metrics::Metrics,
    protocol::{CloseReason, Epoch, Micros, PlayerNumber, Tick, message::JoinRequest},
    session::{Drained, Session},
};

use documents::Documents;
use inputs::InputBuffer;
use replication::{Replication, View};
pub use step::Stepped;

/// Everything a room is opened with.
pub struct RoomInit {
    pub game: Box<dyn Game>,
    /// As it was typed by whoever opened it.
    pub name: String,
    /// Empty: anyone may join.
    pub password: String,
    /// Seeds the epoch and the script's random numbers.
    pub seed: u64,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
}

/// A request to take a seat.
#[derive(Debug)]
pub struct Entry {
    pub session: Session,
    /// Display name.
    pub name: String,
    pub request: JoinRequest,
}

/// Why somebody may not take a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub reason: CloseReason,
    pub text: String,
}

impl Refused {
    pub fn new(reason: CloseReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

impl From<CloseReason> for Refused {
    fn from(reason: CloseReason) -> Self {
        Self::new(reason, reason.text())
    }
}

#[derive(Debug)]
struct Member {
    seat: Seat,
    session: Session,
    inputs: InputBuffer,
    view: View,
    /// Set while the seat has no link.
    lost_since: Option<Micros>,
    /// The client waits for the whole room: it has just joined, or missed too much.
    awaits_join_answer: bool,
    /// Document changes were left out; the whole follows.
    documents_stale: bool,
    /// The last client message in the room's state, and the last one told to the client.
    applied: u32,
    announced: u32,
    drained: Drained,
}

impl Member {
    fn number(&self) -> PlayerNumber {
        self.seat.number
    }
}

pub struct Room {
    game: Box<dyn Game>,
    name: String,
    password: String,
    epoch: Epoch,
    tick: Tick,
    /// Ascending by number.
    members: Vec<Member>,
    next_number: PlayerNumber,
    documents: Documents,
    replication: Replication,
    effects: Effects,
    empty_since: Option<Micros>,
    /// The script asked for the end.
    closing: bool,
    /// Link tasks with something to write after this tick.
    wakers: Vec<Waker>,
    /// Lines the script may still write in this second of ticks.
    log_lines: u32,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({} {:?}, tick {})", self.game.info().module, self.name, self.tick)
    }
}

impl Room {
    /// Opens a room and runs its `open`. An error that is not fatal is logged and counted like any other.
    pub fn open(init: RoomInit, now: Micros) -> Result<Self, GameError> {
        let info = init.game.info().clone();
        let epoch = draw_epoch(init.seed);
        let mut room = Self {
            replication: Replication::new(info.schema.clone(), epoch, init.limits.snapshot_ring_ms),
            game: init.game,
            name: init.name,
            password: init.password,
            epoch,
            tick: 0,
            members: Vec::new(),
            next_number: 1,
            documents: Documents::default(),
            effects: Effects::new(),
            empty_since: Some(now),
            closing: false,
            wakers: Vec::new(),
            log_lines: init.limits.lua_log_lines_per_second,
            limits: init.limits,
            metrics: init.metrics,
        };
        let opening = RoomOpening { name: room.name.clone(), seed: init.seed };
        let opened = room.game.open(&opening, &mut room.effects);
        room.survive(opened)?;
        room.metrics.rooms.add(1);
        room.metrics.rooms_opened.add(1);
        Ok(room)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub fn tick(&self) -> Tick {
        self.tick
    }

    pub fn players(&self) -> usize {
        self.members.len()
    }

    /// Microseconds from one tick to the next.
    pub fn period(&self) -> Micros {
        1_000_000 / Micros::from(self.game.info().schema.tick_rate)
    }

    /// The current world in wire steps, for tests and inspection.
    pub fn world(&self) -> &crate::protocol::world::World {
        self.replication.world()
    }

    /// A hash of the documents, for tests and inspection.
    pub fn documents_hash(&self) -> u32 {
        self.documents.hash()
    }

    /// Whom the last tick gave something to write; wake them.
    pub fn take_wakers(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }

    /// Takes a seat. The answer goes out with the next tick, complete with what `join` made.
    ///
    /// A session that sits here already gets the answer again; a device whose link was lost gets its longest-lost seat.
    pub fn join(&mut self, entry: Entry, now: Micros) -> Result<Result<(), Refused>, GameError> {
        if let Some(member) = self.members.iter_mut().find(|m| m.session == entry.session) {
            member.awaits_join_answer = true;
            return Ok(Ok(()));
        }
        if !self.password.is_empty() && self.password != entry.request.password {
            return Ok(Err(CloseReason::WrongPassword.into()));
        }
        if let Some(index) = self.longest_lost_seat(entry.session.device()) {
            let old = std::mem::replace(&mut self.members[index].session, entry.session);
            old.end(CloseReason::Replaced, CloseReason::Replaced.text());
            self.members[index].awaits_join_answer = true;
            return Ok(Ok(()));
        }
        let (_, seats) = self.game.info().seats;
        if self.members.len() >= seats as usize {
            let text = format!("all {seats} seats are taken");
            return Ok(Err(Refused::new(CloseReason::RoomFull, text)));
        }
        self.seat(entry, now)
    }

    fn longest_lost_seat(&self, device: &str) -> Option<usize> {
        let lost = |m: &Member| m.lost_since.or_else(|| m.session.lost_since());
        let seats = self.members.iter().enumerate().filter(|(_, m)| m.session.device() == device);
        seats.filter_map(|(index, m)| lost(m).map(|since| (since, index))).min().map(|(_, index)| index)
    }

    fn seat(&mut self, entry: Entry, _now: Micros) -> Result<Result<(), Refused>, GameError> {
        let number = self.next_number;
        let kind = if entry.request.kind.is_empty() { "player".into() } else { entry.request.kind };
        if !matches!(kind.as_str(), "player" | "spectator" | "screen") {
            return Ok(Err(Refused::new(CloseReason::Refused, "kind is one of player, spectator, screen")));
        }
        let seat = Seat { number, name: entry.name, kind };
        match self.game.enter(&seat, &mut self.effects) {
            Ok(None) => {}
            Ok(Some(why)) => return Ok(Err(Refused::new(CloseReason::Refused, why))),
            Err(error) => {
                self.survive(Err(error))?;
                return Ok(Err(Refused::new(CloseReason::Refused, "the room's script failed")));
            }
        }
        self.next_number += 1;
        self.documents.joined(&seat);
        let joined = self.game.join(&seat, &mut self.effects);
        self.members.push(Member {
            inputs: InputBuffer::new(&self.game.info().schema.inputs, self.limits.input_lane),
            seat,
            session: entry.session,
            view: View::default(),
            lost_since: None,
            awaits_join_answer: true,
            documents_stale: false,
            applied: 0,
            announced: 0,
            drained: Drained::default(),
        });
        self.empty_since = None;
        self.survive(joined).map(Ok)
    }

    /// The client asked to leave the room; the session goes on.
    pub fn leave(&mut self, session: &Session) -> Result<(), GameError> {
        let Some(index) = self.members.iter().position(|m| m.session == *session) else { return Ok(()) };
        session.begin(0);
        session.control(crate::protocol::message::left());
        self.remove(index, CloseReason::Left)
    }

    /// Ends a seat: the script hears `leave`, the others see the player go.
    fn remove(&mut self, index: usize, reason: CloseReason) -> Result<(), GameError> {
        let member = self.members.remove(index);
        let result = self.game.leave(member.number(), reason, &mut self.effects);
        self.documents.left(member.number());
        self.survive(result)
    }

    /// Ends the room and every session in it.
    pub fn close(&mut self, reason: CloseReason, text: &str) {
        for member in self.members.drain(..) {
            member.session.end(reason, text);
        }
        self.metrics.rooms.add(-1);
        self.metrics.rooms_closed.add(1);
    }

    /// A script error costs its callback and is told; anything worse is handed up.
    fn survive(&mut self, result: Result<(), GameError>) -> Result<(), GameError> {
        match result {
            Err(error) if !error.is_fatal() => {
                self.metrics.script_errors.of(&self.game.info().module).add(1);
                self.log_script_error(&error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn log_script_error(&mut self, text: &str) {
        self.log(|room| {
            tracing::warn!(module = %room.game.info().module, room = %room.name, tick = room.tick, "script error: {text}");
        });
    }

    /// Writes a line for the script, or counts one that is too many.
    fn log(&mut self, write: impl FnOnce(&Self)) {
        match self.log_lines.checked_sub(1) {
            Some(left) => {
                self.log_lines = left;
                write(self);
            }
            None => self.metrics.script_log_lines_dropped.add(1),
        }
    }
}

/// An epoch is never 0, which stands for "in no room".
fn draw_epoch(seed: u64) -> Epoch {
    let mut random = fastrand::Rng::with_seed(seed);
    random.u32(1..)
}
