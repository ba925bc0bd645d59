//! The workers as everybody else sees them: what they can be asked, handles to ask them by, and who has the least to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use super::{Services, Slot, Worker, slot::RoomStatus};
use crate::{
    game::{Game, GameError},
    metrics::Metrics,
    protocol::CloseReason,
    room::{Entry, Refused, RoomInit, checkpoint::Checkpoint},
    session::Session,
};

/// What a worker can be asked to do.
pub enum Command {
    Open {
        room: Arc<RoomStatus>,
        init: Box<RoomInit>,
        /// What an earlier room of this name left behind.
        from: Option<Box<Checkpoint>>,
        reply: oneshot::Sender<Result<(), GameError>>,
    },
    Join {
        room: Arc<RoomStatus>,
        entry: Box<Entry>,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Leave {
        room: Arc<RoomStatus>,
        session: Session,
    },
    Close {
        room: Arc<RoomStatus>,
        reason: CloseReason,
        reply: oneshot::Sender<bool>,
    },
    /// The VM that a room waits for, or why it gets none: then it closes with that.
    Restore {
        room: Arc<RoomStatus>,
        game: Result<Box<dyn Game>, Refused>,
    },
    /// A new version of its module.
    Reload {
        room: Arc<RoomStatus>,
        game: Box<dyn Game>,
        /// Whether the room runs it now, or will.
        reply: oneshot::Sender<bool>,
    },
    /// A version has failed elsewhere: a room that has it on trial goes back.
    RollBack {
        room: Arc<RoomStatus>,
        version: String,
        why: String,
    },
    /// A room comes from another worker.
    Adopt(Box<Slot>),
    /// Closes every room and ends the thread.
    Stop,
}

/// The inbox was full or the worker is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// A cheap handle on one worker.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    pub index: usize,
    inbox: SyncSender<Command>,
    load: Arc<AtomicU32>,
    metrics: Arc<Metrics>,
}

impl WorkerHandle {
    /// Never waits.
    pub fn send(&self, command: Command) -> Result<(), Unavailable> {
        self.try_send(command).map_err(|_| Unavailable)
    }

    /// Gives the command back when the inbox is full.
    pub(in crate::room) fn try_send(&self, command: Command) -> Result<(), Box<Command>> {
        self.inbox.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) => {
                self.metrics.worker_inbox_overflowed.add(1);
                Box::new(command)
            }
            TrySendError::Disconnected(command) => Box::new(command),
        })
    }

    /// Asks the worker to end. Waits for room in the inbox: call it where waiting is allowed.
    pub fn stop(&self) {
        // An inbox that is gone belongs to a worker that has ended.
        drop(self.inbox.send(Command::Stop));
    }

    /// Share of the last second spent in steps, in thousandths.
    pub fn load(&self) -> u32 {
        self.load.load(Relaxed)
    }

    /// The worker itself says this.
    pub(super) fn note_load(&self, load: u32) {
        self.load.store(load, Relaxed);
    }
}

/// All workers; the last is the penalty worker.
#[derive(Debug, Clone)]
pub struct Fleet(Arc<[WorkerHandle]>);

impl Fleet {
    /// Starts `count` ordinary worker threads and the penalty worker.
    pub fn start(count: usize, inbox: usize, services: &Services) -> (Self, Vec<JoinHandle<()>>) {
        let (handles, receivers): (Vec<_>, Vec<_>) = (0..=count.max(1))
            .map(|index| {
                let (sender, receiver) = sync_channel(inbox);
                let metrics = services.metrics.clone();
                (WorkerHandle { index, inbox: sender, load: Arc::default(), metrics }, receiver)
            })
            .unzip();
        let fleet = Self(handles.into());
        let start = |(index, receiver)| Worker::start(index, receiver, fleet.clone(), services.clone());
        let threads = receivers.into_iter().enumerate().map(start).collect();
        (fleet, threads)
    }

    pub fn penalty(&self) -> &WorkerHandle {
        &self.0[self.0.len() - 1]
    }

    /// The ordinary worker with the least to do.
    pub fn idlest(&self) -> &WorkerHandle {
        let ordinary = &self.0[..self.0.len() - 1];
        ordinary.iter().min_by_key(|worker| worker.load()).unwrap_or(&self.0[0])
    }

    pub(super) fn at(&self, index: usize) -> &WorkerHandle {
        &self.0[index]
    }

    /// The worker that has this room.
    pub fn of(&self, room: &RoomStatus) -> &WorkerHandle {
        &self.0[room.worker.load(Relaxed).min(self.0.len() - 1)]
    }

    pub fn stop(&self) {
        self.0.iter().for_each(WorkerHandle::stop);
    }
}
