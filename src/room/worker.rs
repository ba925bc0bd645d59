//! A worker: one OS thread that owns many rooms and is the only one to read the clock for them. The last of them is the
//! penalty worker, which runs at low priority what has failed, takes more than its share, or has never been seen to run.
//!
//! A worker sleeps until the next room is due or a command comes. Commands arrive in a small inbox; whoever sends one may
//! wait for the answer, the worker waits for nobody. A room that has moved is known by its status, and commands that come
//! to its old worker are passed on. A panic or a lost VM costs its own room the time since its last checkpoint.

mod fleet;
mod herald;
mod mend;
mod slot;
mod stagger;
mod usage;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    task::Waker,
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Entry, Refused, Room, RoomInit, StoreRequest, checkpoint::Checkpoint, loader::Loader};
use crate::{
    clock::Clock,
    game::GameError,
    metrics::Metrics,
    protocol::{CloseReason, Micros},
    session::Session,
    store::{Asker, Checkpoints, Store},
};

pub use fleet::{Command, Fleet, Unavailable, WorkerHandle};
pub use herald::Herald;
use slot::Stay;
pub use slot::{RoomId, RoomKey, RoomStatus, Slot, State};
use usage::Usage;

/// How much lower the penalty worker's priority is, as `nice` counts.
const PENALTY_NICE: i32 = 10;

/// Link tasks gathered before they are woken: rooms that are due together wake theirs at once, but nobody waits for more
/// than a few of them.
const WAKERS_MAX: usize = 128;

/// What a worker tells the keeper.
#[derive(Debug)]
pub enum Event {
    /// The script was stopped. The room waits for `Command::Restore`; only one that has a checkpoint can take a VM.
    Failed { room: Arc<RoomStatus>, version: String, why: String, reopens: bool },
    /// A version failed on trial, or could not take over; the room runs the one before.
    RolledBack { room: Arc<RoomStatus>, version: String, why: String },
    /// A room could not be brought to a version, because it is too large to be saved; it runs on with its own.
    Unkept { room: Arc<RoomStatus>, version: String, why: String },
    /// A version has run clean for long enough.
    RanClean { module: String, version: String },
}

/// What all workers share.
#[derive(Debug, Clone)]
pub struct Services {
    pub clock: Clock,
    pub herald: Herald,
    pub loader: Loader,
    pub store: Store,
    pub checkpoints: Checkpoints,
    pub events: mpsc::Sender<Event>,
    /// Rooms within this time are due together.
    pub slot: Micros,
    /// Percent of a core that one room may take from others.
    pub room_share: u32,
    pub metrics: Arc<Metrics>,
}

struct Worker {
    index: usize,
    inbox: Receiver<Command>,
    fleet: Fleet,
    services: Services,
    metrics: Arc<Metrics>,
    rooms: HashMap<RoomId, Slot>,
    /// When each room is due; one entry a room.
    deadlines: BinaryHeap<Reverse<(Micros, RoomId)>>,
    /// Link tasks with something to write.
    wakers: Vec<Waker>,
    /// Time spent in steps since `second` began.
    busy: Micros,
    second: Micros,
    /// What the scripts here held then.
    script_bytes: i64,
}

impl Worker {
    fn start(index: usize, inbox: Receiver<Command>, fleet: Fleet, services: Services) -> JoinHandle<()> {
        let metrics = services.metrics.clone();
        let (rooms, deadlines, wakers) = (HashMap::new(), BinaryHeap::new(), Vec::new());
        let worker = Self {
            index,
            inbox,
            fleet,
            services,
            metrics,
            rooms,
            deadlines,
            wakers,
            busy: 0,
            second: 0,
            script_bytes: 0,
        };
        let name = if worker.is_penalty() { "penalty".to_owned() } else { format!("rooms-{index}") };
        let run = move || worker.run();
        #[allow(clippy::expect_used, reason = "without its workers the server cannot start at all")]
        let thread = std::thread::Builder::new().name(name).spawn(run).expect("a thread for rooms");
        thread
    }

    fn is_penalty(&self) -> bool {
        self.index == self.fleet.penalty().index
    }

    fn run(mut self) {
        if self.is_penalty() {
            lower_priority();
        }
        loop {
            let now = self.services.clock.now();
            while let Some(Reverse((due, id))) = self.deadlines.peek().copied() {
                if due > now {
                    break;
                }
                self.deadlines.pop();
                self.step(id);
                if self.wakers.len() >= WAKERS_MAX {
                    self.wake();
                }
            }
            self.wake();
            match self.next_command() {
                Ok(Some(Command::Stop)) | Err(()) => break,
                Ok(Some(command)) => self.obey(command),
                Ok(None) => {}
            }
        }
        for (_, slot) in self.rooms.drain() {
            slot.close(CloseReason::Restarting, CloseReason::Restarting.text());
        }
    }

    /// Wakes whom the last ticks gave something to write.
    fn wake(&mut self) {
        if !self.wakers.is_empty() {
            self.services.herald.wake(std::mem::take(&mut self.wakers));
        }
    }

    /// Sleeps until a command comes or a room is due.
    fn next_command(&mut self) -> Result<Option<Command>, ()> {
        let now = self.services.clock.now();
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
            self.fleet.at(self.index).note_load((self.busy * 1000 / elapsed) as u32);
            (self.busy, self.second) = (0, now);
            let held: i64 = self.rooms.values().map(|slot| slot.room.memory_bytes() as i64).sum();
            self.metrics.script_memory_bytes.add(held - std::mem::replace(&mut self.script_bytes, held));
        }
    }

    /// Steps a room whose deadline has passed, and sets the next one: late ticks are left out, never made up for.
    fn step(&mut self, id: RoomId) {
        let Some(mut slot) = self.rooms.remove(&id) else { return };
        let began = self.services.clock.now();
        if slot.lost.is_some() {
            return self.wait_on(slot, began);
        }
        let lateness = began.saturating_sub(slot.due);
        self.metrics.room_tick_lateness_seconds.observe(lateness);
        let before = slot.usage.asks_for_cpu().then(cpu_time);
        let stepped = catch_unwind(AssertUnwindSafe(|| slot.room.step(began)));
        let cpu = before.map(|before| cpu_time().saturating_sub(before));
        slot.room.take_wakers(&mut self.wakers);
        let took = self.services.clock.now().saturating_sub(began);
        self.busy += took;
        self.metrics.room_tick_duration_seconds.observe(took);
        match stepped {
            Ok(Ok(super::Stepped::Running)) => {
                let period = slot.room.period();
                let behind = self.services.clock.now().saturating_sub(slot.due) / period;
                self.metrics.room_ticks_skipped.add(behind);
                slot.due += period * (behind + 1);
                slot.show();
                slot.status.tick_us.store(took as u32, Relaxed);
                slot.status.lateness_us.store(lateness as u32, Relaxed);
                self.hand_over_questions(&mut slot);
                self.judge(&mut slot);
                let share = slot.usage.note(began, took, cpu, period, self.services.room_share);
                Self::note_share(&mut slot, share);
                self.place(slot);
            }
            Ok(Ok(super::Stepped::Over)) => self.end(slot, CloseReason::RoomClosed),
            Ok(Ok(super::Stepped::Empty)) => self.rest(slot),
            Ok(Err(error)) => self.mend(slot, Some(&error), began),
            Err(_) => self.mend(slot, None, began),
        }
    }

    /// Questions to the database go to its thread, which puts the answers where the room finds them.
    fn hand_over_questions(&self, slot: &mut Slot) {
        let asked = slot.room.take_asked();
        if asked.is_empty() {
            return;
        }
        let (asker, saved) = (&slot.asker, slot.room.info().saved);
        for request in asked {
            match request {
                StoreRequest::Get { key, request, answers } => {
                    let found = Box::new(move |value| answers.put(request, value));
                    self.services.store.script_get(asker, saved, &key, found);
                }
                StoreRequest::Set { key, value } => self.services.store.script_set(asker, saved, &key, value.as_ref()),
            }
        }
    }

    fn put_back(&mut self, slot: Slot) {
        let id = slot.status.id;
        self.deadlines.push(Reverse((slot.due, id)));
        self.rooms.insert(id, slot);
    }

    /// The room is over for good, and so is what it kept.
    fn end(&self, slot: Slot, reason: CloseReason) {
        let key = &slot.status.key;
        self.services.checkpoints.forget(&key.module, &key.folded);
        self.count_out(&slot);
        slot.close(reason, reason.text());
    }

    /// Nobody is here: a room of a module that keeps its rooms leaves its state behind.
    fn rest(&mut self, slot: Slot) {
        if let Some(checkpoint) = slot.room.checkpoint().filter(|_| slot.room.info().keeps) {
            let key = &slot.status.key;
            self.services.checkpoints.keep(&key.module, &key.folded, checkpoint.to_bytes());
            self.count_out(&slot);
            return slot.close(CloseReason::RoomClosed, CloseReason::RoomClosed.text());
        }
        self.end(slot, CloseReason::RoomClosed);
    }

    fn count_out(&self, slot: &Slot) {
        if slot.stay.is_some() {
            self.metrics.rooms_penalised.add(-1);
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.services.clock.now();
        let Some(command) = self.pass_on(command) else { return };
        // Whoever asked may have given up waiting: an answer that nobody takes is no fault.
        match command {
            Command::Open { room, init, from, reply } => drop(reply.send(self.open(room, *init, from, now))),
            Command::Join { room, entry, reply } => drop(reply.send(self.join(room.id, *entry, now))),
            Command::Leave { room, session } => self.leave(room.id, &session, now),
            Command::Close { room, reason, reply } => {
                let slot = self.rooms.remove(&room.id);
                let found = slot.is_some();
                if let Some(slot) = slot {
                    self.end(slot, reason);
                }
                let _ = reply.send(found);
            }
            Command::Restore { room, game } => self.restore(room.id, game, now),
            Command::Reload { room, game, reply } => drop(reply.send(self.reload(room.id, game, now))),
            Command::RollBack { room, version, why } => self.roll_back(room.id, &version, &why, now),
            Command::Adopt(slot) => self.put_back(*slot),
            Command::Stop => {}
        }
    }

    /// A command for a room that has moved goes after it. What cannot follow is answered as by a busy worker.
    fn pass_on(&self, command: Command) -> Option<Command> {
        let room = match &command {
            Command::Join { room, .. }
            | Command::Leave { room, .. }
            | Command::Close { room, .. }
            | Command::Restore { room, .. }
            | Command::Reload { room, .. }
            | Command::RollBack { room, .. } => room,
            Command::Open { .. } | Command::Adopt(_) | Command::Stop => return Some(command),
        };
        let elsewhere = self.fleet.of(room);
        if self.rooms.contains_key(&room.id) || elsewhere.index == self.index || room.closed.load(Relaxed) {
            return Some(command);
        }
        match elsewhere.try_send(command).map_err(|command| *command) {
            Err(Command::Join { reply, .. }) => drop(reply.send(Err(CloseReason::Busy.into()))),
            Err(Command::Leave { session, .. }) => session.refuse(CloseReason::Busy),
            Err(Command::Close { reply, .. }) => drop(reply.send(false)),
            _ => {}
        }
        None
    }

    fn open(
        &mut self,
        status: Arc<RoomStatus>,
        init: RoomInit,
        from: Option<Box<Checkpoint>>,
        now: Micros,
    ) -> Result<(), GameError> {
        let open = || match from {
            Some(checkpoint) => Room::reopen(init, *checkpoint, now),
            None => Room::open(init, now),
        };
        let room = catch_unwind(AssertUnwindSafe(open))
            .unwrap_or_else(|_| Err(GameError::Script("the room panicked while opening".into())));
        let room = room.inspect_err(|_| status.closed.store(true, Relaxed))?;
        let same = self.rooms.values().filter(|slot| slot.room.period() == room.period()).map(|slot| slot.due);
        let due = stagger::first_tick(now, room.period(), self.services.slot, same);
        status.opened_us.store(now, Relaxed);
        // A room that begins here is on probation: its version has not been seen to run.
        let stay = self.is_penalty().then(|| Stay::new(super::CLEAN_TICKS));
        if stay.is_some() {
            status.set_state(State::Penalty);
            self.metrics.rooms_penalised.add(1);
        }
        let asker = Asker::new(&status.key.module, room.name());
        let usage = Usage::new(now);
        self.put_back(Slot { room, due, status, asker, lost: None, usage, stay, praised: false });
        Ok(())
    }

    fn join(&mut self, id: RoomId, entry: Entry, now: Micros) -> Result<(), Refused> {
        if self.rooms.get(&id).is_some_and(|slot| slot.lost.is_some()) {
            return Err(Refused::new(CloseReason::Busy, "the room is being reopened; try again in a moment"));
        }
        let joined = self.in_room(id, now, |room| room.join(entry));
        joined.unwrap_or_else(|| {
            // The room is gone, or the script failed over this and the room goes on without it.
            let here = self.rooms.contains_key(&id);
            Err(if here { CloseReason::Busy } else { CloseReason::RoomClosed }.into())
        })
    }

    fn leave(&mut self, id: RoomId, session: &Session, now: Micros) {
        match self.rooms.get_mut(&id) {
            Some(slot) if slot.lost.is_some() => slot.room.leave_quietly(session),
            _ => drop(self.in_room(id, now, |room| room.leave(session))),
        }
    }

    /// Runs something in a room. None: there is no such room, or its script was lost over this.
    fn in_room<T>(
        &mut self,
        id: RoomId,
        now: Micros,
        run: impl FnOnce(&mut Room) -> Result<T, GameError>,
    ) -> Option<T> {
        let slot = self.rooms.get_mut(&id)?;
        let error = match catch_unwind(AssertUnwindSafe(|| run(&mut slot.room))) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        if let Some(slot) = self.take_out(id) {
            self.mend(slot, error.as_ref(), now);
        }
        None
    }

    /// Removes a room together with its deadline.
    fn take_out(&mut self, id: RoomId) -> Option<Slot> {
        self.deadlines.retain(|Reverse((_, due))| *due != id);
        self.rooms.remove(&id)
    }
}

/// Of the calling thread.
fn cpu_time() -> Micros {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as Micros * 1_000_000 + time.tv_nsec as Micros / 1_000
}

/// For the calling thread. Where the system does not let us, it runs like the others.
fn lower_priority() {
    // Elsewhere `nice` is the whole process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(PENALTY_NICE) {
        tracing::warn!(%error, "the penalty worker runs at normal priority");
    }
}
