//! A room: one running game, its seats, and what its players see. Plain functions of time; nothing here waits.
//!
//! `step.rs` is the tick. Around it: `inputs.rs`, `shown.rs`, `replication.rs`, `documents.rs`; who sits: `seats.rs`,
//! `bots.rs`; a room's other lives: `checkpoint.rs`, `restore.rs`. `worker.rs` is the thread that owns rooms and reads the
//! clock, `loader.rs` the one that makes VMs; `catalog.rs` knows the modules and their versions; `desk.rs` knows who is
//! where; `directory.rs` is the front desk the transports talk to.

mod answers;
mod bots;
pub mod catalog;
pub mod checkpoint;
pub mod desk;
pub mod directory;
pub mod documents;
pub mod inputs;
pub mod loader;
pub mod name;
pub mod replication;
mod restore;
mod seats;
pub mod shown;
mod step;
pub mod worker;

use std::{sync::Arc, task::Waker};

use crate::{
    config::Limits,
    game::{Effects, Game, GameError, Seat, one_line},
    metrics::Metrics,
    protocol::{CloseReason, Epoch, Micros, PlayerNumber, Tick, message::JoinRequest},
    session::{Drained, Session},
};

use answers::Answers;
pub use answers::StoreRequest;
use checkpoint::Checkpoint;
use documents::Documents;
use inputs::InputBuffer;
use replication::{Replication, View};
use restore::Trial;
pub use restore::{CLEAN_TICKS, Reloaded};
use shown::Shown;
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
    shown: Shown,
    view: View,
    /// Set while the seat has no link.
    lost_since: Option<Micros>,
    /// The client waits for the whole room: it has just joined, or missed too much.
    awaits_join_answer: bool,
    /// Document changes were left out; the whole follows.
    documents_stale: bool,
    /// The last client message in the room's state, the last one in its checkpoint, and what of both the client knows.
    applied: u32,
    saved: u32,
    announced: (u32, u32),
    /// Earlier lives of the room which the client may still think it is in, and the last of its messages in each that
    /// stands in the state. Emptied once it is known to be in this one.
    lives: Vec<(Epoch, u32)>,
    /// Messages for a player who has not heard of this life yet.
    missed: u32,
    /// The number of the message the script is busy with; stays when that takes the room down.
    running: u32,
    drained: Drained,
}

impl Member {
    fn number(&self) -> PlayerNumber {
        self.seat.number
    }

    /// Whether a message goes out to this member. One who has just come gets what it says as state, with the answer; one
    /// who was away while the room began anew is told how many there were.
    fn hears(&mut self) -> bool {
        self.missed += u32::from(self.awaits_join_answer && !self.lives.is_empty());
        !self.awaits_join_answer
    }
}

pub struct Room {
    game: Box<dyn Game>,
    name: String,
    password: String,
    seed: u64,
    /// Draws epochs and the names of bots.
    random: fastrand::Rng,
    epoch: Epoch,
    tick: Tick,
    /// Ascending by number.
    members: Vec<Member>,
    /// Seats that the script plays itself; ascending by number.
    bots: Vec<Seat>,
    /// When a bot that was not let in is tried again.
    bots_due: Tick,
    /// Nobody new may enter.
    locked: bool,
    next_number: PlayerNumber,
    documents: Documents,
    replication: Replication,
    effects: Effects,
    checkpoint: Option<Checkpoint>,
    trial: Option<Trial>,
    /// Ticks since the last script error.
    clean: u32,
    /// What the database says to `room.store:get`, and what the worker is to hand over to it.
    answers: Arc<Answers>,
    asked: Vec<StoreRequest>,
    empty_since: Option<Micros>,
    /// The script asked for the end.
    closing: bool,
    /// Link tasks with something to write after this tick.
    wakers: Vec<Waker>,
    /// Lines the script may still write in this second of ticks.
    log_lines: u32,
    /// An error of the script has been logged in this second of ticks: one a second, with its traceback, says enough.
    script_error_told: bool,
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
        let mut room = Self::new(init, now);
        let opening = room.opening();
        let opened = room.game.open(&opening, &mut room.effects);
        room.survive(opened)?;
        // So that there is something to go back to from the first tick on.
        room.checkpoint_now()?;
        room.count_opened();
        Ok(room)
    }

    fn new(init: RoomInit, now: Micros) -> Self {
        let schema = init.game.info().schema.clone();
        let mut random = fastrand::Rng::with_seed(init.seed);
        let epoch = draw_epoch(&mut random, 0);
        Self {
            replication: Replication::new(schema, epoch, init.limits.clone()),
            game: init.game,
            name: init.name,
            password: init.password,
            seed: init.seed,
            random,
            epoch,
            tick: 0,
            members: Vec::new(),
            bots: Vec::new(),
            bots_due: 0,
            locked: false,
            next_number: 1,
            documents: Documents::default(),
            effects: Effects::new(),
            checkpoint: None,
            trial: None,
            clean: 0,
            answers: Arc::default(),
            asked: Vec::new(),
            empty_since: Some(now),
            closing: false,
            wakers: Vec::new(),
            log_lines: init.limits.lua_log_lines_per_second,
            script_error_told: false,
            limits: init.limits,
            metrics: init.metrics,
        }
    }

    fn count_opened(&self) {
        self.metrics.rooms.add(1);
        self.metrics.rooms_opened.add(1);
    }

    pub fn info(&self) -> &Arc<crate::game::GameInfo> {
        self.game.info()
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

    /// People in their seats.
    pub fn players(&self) -> usize {
        self.people()
    }

    /// People who only watch.
    pub fn watching(&self) -> usize {
        self.members.len() - self.people()
    }

    pub fn bots(&self) -> usize {
        self.bots.len()
    }

    /// What the script asked of its store in the last tick.
    pub fn take_asked(&mut self) -> Vec<StoreRequest> {
        std::mem::take(&mut self.asked)
    }

    /// Microseconds from one tick to the next.
    pub fn period(&self) -> Micros {
        1_000_000 / Micros::from(self.game.info().schema.tick_rate)
    }

    /// What its script holds.
    pub fn memory_bytes(&self) -> usize {
        self.game.memory_bytes()
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
    pub fn take_wakers(&mut self, into: &mut Vec<Waker>) {
        into.append(&mut self.wakers);
    }

    /// Ends the room and every session in it.
    pub fn close(&mut self, reason: CloseReason, text: &str) {
        for member in self.members.drain(..) {
            member.session.end(reason, text);
        }
        self.metrics.rooms.add(-1);
        self.metrics.rooms_closed.add(1);
    }

    /// A script error costs its callback and is told; anything worse is handed up, and everything is while a new version
    /// is on trial.
    fn survive(&mut self, result: Result<(), GameError>) -> Result<(), GameError> {
        match result {
            Err(error) if !error.is_fatal() && self.trial.is_none() => {
                self.clean = 0;
                self.script_error(&error.to_string());
                Ok(())
            }
            Err(error) => {
                self.count_fatal(&error);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn count_fatal(&self, error: &GameError) {
        let module = &self.game.info().module;
        match error {
            GameError::Script(_) => self.metrics.script_errors.of(module).add(1),
            GameError::Memory(_) => self.metrics.script_out_of_memory.of(module).add(1),
            GameError::Overrun(_) => {
                self.metrics.script_overruns.of(module).add(1);
                self.metrics.script_stop_overrun_seconds.observe(self.game.stop_overrun_us());
            }
        }
    }

    /// Counts a script's error, and tells the first of each second.
    fn script_error(&mut self, text: &str) {
        self.metrics.script_errors.of(&self.game.info().module).add(1);
        if self.script_error_told {
            self.metrics.script_log_lines_dropped.add(1);
            return;
        }
        self.script_error_told = true;
        self.log(|room| {
            tracing::warn!(module = %room.game.info().module, room = %room.name, tick = room.tick, "script error: {}", one_line(text));
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

/// An epoch is never 0, which stands for "in no room", and its low byte is not that of the one before.
fn draw_epoch(random: &mut fastrand::Rng, before: Epoch) -> Epoch {
    loop {
        let epoch = random.u32(1..);
        if before == 0 || epoch as u8 != before as u8 {
            return epoch;
        }
    }
}
