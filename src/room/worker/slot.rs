//! A room on a worker: what others may see of it, when it is due, and whether it waits for a VM.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use super::usage::Usage;
use crate::{
    game::GameInfo,
    protocol::{CloseReason, Micros},
    room::Room,
    store::Asker,
};

pub type RoomId = u64;

/// Which room of which module; the name is folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey {
    pub module: String,
    pub folded: String,
}

/// How a room is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    Running,
    /// Its script was stopped; it waits for a VM.
    Reopening,
    /// It runs on the penalty worker: its script was stopped, takes more than its share, or is new.
    Penalty,
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Reopening => "reopening",
            Self::Penalty => "penalty",
        }
    }
}

/// A room's name for everybody else, and what they may see of it while a worker runs it.
#[derive(Debug)]
pub struct RoomStatus {
    pub id: RoomId,
    pub key: RoomKey,
    /// Which worker has it. Moves with the room.
    pub worker: AtomicUsize,
    pub players: AtomicU32,
    pub bots: AtomicU32,
    pub watching: AtomicU32,
    pub opened_us: AtomicU64,
    /// Duration of the last step, and how late it began.
    pub tick_us: AtomicU32,
    pub lateness_us: AtomicU32,
    pub memory_bytes: AtomicU64,
    pub closed: AtomicBool,
    state: AtomicU8,
    info: Mutex<Arc<GameInfo>>,
}

impl RoomStatus {
    pub fn new(id: RoomId, key: RoomKey, worker: usize, info: Arc<GameInfo>) -> Self {
        Self {
            id,
            key,
            worker: AtomicUsize::new(worker),
            players: AtomicU32::new(0),
            bots: AtomicU32::new(0),
            watching: AtomicU32::new(0),
            opened_us: AtomicU64::new(0),
            tick_us: AtomicU32::new(0),
            lateness_us: AtomicU32::new(0),
            memory_bytes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            state: AtomicU8::new(State::Running as u8),
            info: Mutex::new(info),
        }
    }

    pub fn state(&self) -> State {
        match self.state.load(Relaxed) {
            1 => State::Reopening,
            2 => State::Penalty,
            _ => State::Running,
        }
    }

    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Relaxed);
    }

    /// Of the version that runs.
    pub fn info(&self) -> Arc<GameInfo> {
        self.lock_info().clone()
    }

    pub(super) fn set_info(&self, info: Arc<GameInfo>) {
        *self.lock_info() = info;
    }

    fn lock_info(&self) -> MutexGuard<'_, Arc<GameInfo>> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ticks without a fault before a room may leave the penalty worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    ticks: u32,
    /// Counted from here, in ticks without an error of the script.
    from: u32,
    /// Percent of a core above which it begins anew, if that is what it is here for.
    share: Option<u32>,
}

impl Stay {
    /// For a room that begins, new or again.
    pub(super) const fn new(ticks: u32) -> Self {
        Self { ticks, from: 0, share: None }
    }

    /// For a room that takes too much.
    pub(super) const fn until_calm(ticks: u32, clean: u32, share: u32) -> Self {
        Self { ticks, from: clean, share: Some(share) }
    }

    /// A second in which the room took so much of a core.
    pub(super) fn note(&mut self, share: u32, clean: u32) {
        if self.share.is_some_and(|most| share > most) {
            self.from = clean;
        }
    }

    /// `clean`: ticks since the last error.
    pub(super) fn is_over(&mut self, clean: u32) -> bool {
        // An error since: they count anew.
        self.from = self.from.min(clean);
        clean - self.from >= self.ticks
    }
}

/// What the script was stopped for, until the room has a VM again.
pub(super) struct Lost {
    pub why: String,
    /// The keeper knows.
    pub told: bool,
}

pub struct Slot {
    pub(super) room: Room,
    pub(super) due: Micros,
    pub(super) status: Arc<RoomStatus>,
    /// What it has under way with the database.
    pub(super) asker: Arc<Asker>,
    pub(super) lost: Option<Lost>,
    /// What it takes of a core.
    pub(super) usage: Usage,
    /// Why it is on the penalty worker and for how long.
    pub(super) stay: Option<Stay>,
    /// That its version runs well has been told.
    pub(super) praised: bool,
}

impl Slot {
    pub(super) fn show(&self) {
        let status = &self.status;
        status.players.store(self.room.players() as u32, Relaxed);
        status.bots.store(self.room.bots() as u32, Relaxed);
        status.watching.store(self.room.watching() as u32, Relaxed);
    }

    pub(super) fn close(mut self, reason: CloseReason, text: &str) {
        self.room.close(reason, text);
        self.status.closed.store(true, Relaxed);
        self.status.players.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_ends_after_ticks_without_an_error_and_below_the_share() {
        let mut stay = Stay::until_calm(60, 1_000, 12);
        assert!(!stay.is_over(1_059) && stay.is_over(1_060));
        stay.note(12, 1_050);
        assert!(stay.is_over(1_060), "what keeps to it is well");
        stay.note(13, 1_060);
        assert!(!stay.is_over(1_119) && stay.is_over(1_120));
        assert!(!stay.is_over(3), "an error");
        assert!(!stay.is_over(62) && stay.is_over(63));
    }
}
