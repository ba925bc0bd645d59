//! A worker: one OS thread that owns many rooms for life and is the only one to read the clock for them.
//!
//! It sleeps until the next room is due or a command comes. Commands arrive in a small inbox; whoever sends one may wait
//! for the answer, the worker waits for nobody. A panic or a lost VM costs its own room only.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    task::Waker,
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{Entry, Refused, Room, RoomInit};
use crate::{
    clock::Clock,
    game::GameError,
    metrics::Metrics,
    protocol::{CloseReason, Micros},
    session::Session,
};

pub type RoomId = u64;

/// What others may see of a room while its worker runs it.
#[derive(Debug, Default)]
pub struct RoomStatus {
    pub players: AtomicU32,
    pub opened_us: AtomicU64,
    /// Duration of the last step, and how late it began.
    pub tick_us: AtomicU32,
    pub lateness_us: AtomicU32,
    pub memory_bytes: AtomicU64,
    pub closed: AtomicBool,
}

/// What a worker can be asked to do.
pub enum Command {
    Open {
        id: RoomId,
        init: Box<RoomInit>,
        status: Arc<RoomStatus>,
        reply: oneshot::Sender<Result<(), GameError>>,
    },
    Join {
        id: RoomId,
        entry: Box<Entry>,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Leave {
        id: RoomId,
        session: Session,
    },
    Close {
        id: RoomId,
        reason: CloseReason,
        reply: oneshot::Sender<bool>,
    },
    /// Closes every room and ends the thread.
    Stop,
}

/// The inbox was full or the worker is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// A cheap handle on one worker.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    inbox: SyncSender<Command>,
    /// Share of the last second spent in steps, in thousandths.
    load: Arc<AtomicU32>,
    metrics: Arc<Metrics>,
}

impl WorkerHandle {
    /// Never waits.
    pub fn send(&self, command: Command) -> Result<(), Unavailable> {
        self.inbox.try_send(command).map_err(|error| {
            if matches!(error, TrySendError::Full(_)) {
                self.metrics.worker_inbox_overflowed.add(1);
            }
            Unavailable
        })
    }

    /// Asks the worker to end. Waits for room in the inbox: call it where waiting is allowed.
    pub fn stop(&self) {
        // An inbox that is gone belongs to a worker that has ended.
        drop(self.inbox.send(Command::Stop));
    }

    pub fn load(&self) -> u32 {
        self.load.load(Relaxed)
    }
}

/// Wakes link tasks from within the runtime. A thread outside it pays a system call for each task it wakes, and on a busy
/// core a change of threads besides; this way a tick pays once.
#[derive(Debug, Clone)]
pub struct Herald(mpsc::Sender<Vec<Waker>>);

impl Herald {
    /// Needs a running tokio runtime; ends with its last handle.
    pub fn start(queue: usize) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Vec<Waker>>(queue);
        tokio::spawn(async move {
            while let Some(wakers) = receiver.recv().await {
                wakers.into_iter().for_each(Waker::wake);
            }
        });
        Self(sender)
    }

    /// Never waits: when the queue is full, the caller wakes them itself.
    fn wake(&self, wakers: Vec<Waker>) {
        if !wakers.is_empty()
            && let Err(full) = self.0.try_send(wakers)
        {
            full.into_inner().into_iter().for_each(Waker::wake);
        }
    }
}

/// Starts a worker thread.
pub fn start(
    index: usize,
    inbox: usize,
    clock: Clock,
    herald: Herald,
    metrics: Arc<Metrics>,
) -> (WorkerHandle, JoinHandle<()>) {
    let (sender, receiver) = sync_channel(inbox);
    let load = Arc::new(AtomicU32::new(0));
    let worker = Worker {
        inbox: receiver,
        rooms: HashMap::new(),
        deadlines: BinaryHeap::new(),
        clock,
        herald,
        metrics: metrics.clone(),
        load: load.clone(),
        busy: 0,
        second: 0,
    };
    let run = move || worker.run();
    #[allow(clippy::expect_used, reason = "without its workers the server cannot start at all")]
    let thread = std::thread::Builder::new().name(format!("rooms-{index}")).spawn(run).expect("a thread for rooms");
    (WorkerHandle { inbox: sender, load, metrics }, thread)
}

struct Slot {
    room: Room,
    due: Micros,
    status: Arc<RoomStatus>,
}

struct Worker {
    inbox: Receiver<Command>,
    rooms: HashMap<RoomId, Slot>,
    /// When each room is due; one entry a room.
    deadlines: BinaryHeap<Reverse<(Micros, RoomId)>>,
    clock: Clock,
    herald: Herald,
    metrics: Arc<Metrics>,
    load: Arc<AtomicU32>,
    /// Time spent in steps since `second` began.
    busy: Micros,
    second: Micros,
}

impl Worker {
    fn run(mut self) {
        loop {
            let now = self.clock.now();
            while let Some(Reverse((due, id))) = self.deadlines.peek().copied() {
                if due > now {
                    break;
                }
                self.deadlines.pop();
                self.step(id);
            }
            match self.next_command() {
                Ok(Some(Command::Stop)) | Err(()) => break,
                Ok(Some(command)) => self.obey(command),
                Ok(None) => {}
            }
        }
        for (_, slot) in self.rooms.drain() {
            close(slot, CloseReason::Restarting, CloseReason::Restarting.text());
        }
    }

    /// Sleeps until a command comes or a room is due.
    fn next_command(&mut self) -> Result<Option<Command>, ()> {
        let now = self.clock.now();
        self.note_load(now);
        let wait = self.deadlines.peek().map_or(1_000_000, |Reverse((due, _))| due.saturating_sub(now));
        match self.inbox.recv_timeout(Duration::from_micros(wait)) {
            Ok(command) => Ok(Some(command)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    fn note_load(&mut self, now: Micros) {
        let elapsed = now.saturating_sub(self.second);
        if elapsed >= 1_000_000 {
            self.load.store((self.busy * 1000 / elapsed) as u32, Relaxed);
            (self.busy, self.second) = (0, now);
        }
    }

    /// Steps a room whose deadline has passed, and sets the next one: late ticks are left out, never made up for.
    fn step(&mut self, id: RoomId) {
        let Some(mut slot) = self.rooms.remove(&id) else { return };
        let began = self.clock.now();
        let lateness = began.saturating_sub(slot.due);
        self.metrics.room_tick_lateness_seconds.observe(lateness);
        let stepped = catch_unwind(AssertUnwindSafe(|| slot.room.step(began)));
        self.herald.wake(slot.room.take_wakers());
        let took = self.clock.now().saturating_sub(began);
        self.busy += took;
        self.metrics.room_tick_duration_seconds.observe(took);
        match stepped {
            Ok(Ok(super::Stepped::Running)) => {
                let period = slot.room.period();
                let behind = self.clock.now().saturating_sub(slot.due) / period;
                self.metrics.room_ticks_skipped.add(behind);
                slot.due += period * (behind + 1);
                slot.status.players.store(slot.room.players() as u32, Relaxed);
                slot.status.tick_us.store(took as u32, Relaxed);
                slot.status.lateness_us.store(lateness as u32, Relaxed);
                self.deadlines.push(Reverse((slot.due, id)));
                self.rooms.insert(id, slot);
            }
            Ok(Ok(super::Stepped::Over)) => close(slot, CloseReason::RoomClosed, CloseReason::RoomClosed.text()),
            Ok(Err(error)) => self.fail(slot, &error.to_string()),
            Err(_) => self.fail(slot, "the room's step panicked"),
        }
    }

    fn fail(&self, slot: Slot, why: &str) {
        tracing::error!(room = %slot.room.name(), "room failed: {why}");
        self.metrics.rooms_failed.add(1);
        close(slot, CloseReason::RoomFailed, why);
    }

    /// Runs something in a room; if its VM is lost, the room fails.
    fn in_room<T>(&mut self, id: RoomId, run: impl FnOnce(&mut Room) -> Result<T, GameError>) -> Option<T> {
        let slot = self.rooms.get_mut(&id)?;
        let why = match catch_unwind(AssertUnwindSafe(|| run(&mut slot.room))) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the room panicked".into(),
        };
        if let Some(slot) = self.rooms.remove(&id) {
            self.fail(slot, &why);
        }
        None
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        // Whoever asked may have given up waiting: an answer that nobody takes is no fault.
        match command {
            Command::Open { id, init, status, reply } => drop(reply.send(self.open(id, *init, status, now))),
            Command::Join { id, entry, reply } => {
                let joined = self.in_room(id, |room| room.join(*entry, now));
                let gone = Refused::from(CloseReason::RoomClosed);
                drop(reply.send(joined.unwrap_or(Err(gone))));
            }
            Command::Leave { id, session } => drop(self.in_room(id, |room| room.leave(&session))),
            Command::Close { id, reason, reply } => {
                let slot = self.rooms.remove(&id);
                let found = slot.is_some();
                if let Some(slot) = slot {
                    close(slot, reason, reason.text());
                }
                let _ = reply.send(found);
            }
            Command::Stop => {}
        }
    }

    fn open(&mut self, id: RoomId, init: RoomInit, status: Arc<RoomStatus>, now: Micros) -> Result<(), GameError> {
        let room = catch_unwind(AssertUnwindSafe(|| Room::open(init, now)))
            .unwrap_or_else(|_| Err(GameError::Script("the room panicked while opening".into())));
        let room = room.inspect_err(|_| status.closed.store(true, Relaxed))?;
        let due = now + room.period();
        status.opened_us.store(now, Relaxed);
        self.deadlines.push(Reverse((due, id)));
        self.rooms.insert(id, Slot { room, due, status });
        Ok(())
    }
}

fn close(mut slot: Slot, reason: CloseReason, text: &str) {
    slot.room.close(reason, text);
    slot.status.closed.store(true, Relaxed);
    slot.status.players.store(0, Relaxed);
}
