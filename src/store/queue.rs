//! What waits for the database's thread. Two lanes, each with a bound: what somebody waits for goes first, and what rooms'
//! scripts ask for has a lane of its own, so that no script can take the place of a login.

use std::collections::VecDeque;
use std::sync::mpsc::TrySendError;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::writer::Job;
use crate::config::Limits;

pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
    others_max: usize,
    rooms_max: usize,
}

#[derive(Default)]
struct Lanes {
    others: VecDeque<Job>,
    rooms: VecDeque<Job>,
    /// Nothing new is taken. What is queued still leaves; what rooms asked for does until then.
    stopping: Option<Instant>,
    /// The thread has ended.
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    pub(super) fn new(limits: &Limits) -> Self {
        let (others_max, rooms_max) = (limits.store_queue, limits.store_rooms_queue);
        Self { lanes: Mutex::default(), filled: Condvar::new(), others_max, rooms_max }
    }

    /// No code that holds this lock can panic half way through a change, so a poisoned one is still good.
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits: gives the job back when its lane is full.
    #[expect(clippy::result_large_err, reason = "the job itself, as std's channels do it")]
    pub(super) fn try_send(&self, job: Job) -> Result<(), TrySendError<Job>> {
        let mut lanes = self.lock();
        if lanes.closed || lanes.stopping.is_some() {
            return Err(TrySendError::Disconnected(job));
        }
        let of_room = job.is_of_room();
        let most = if of_room { self.rooms_max } else { self.others_max };
        let lane = if of_room { &mut lanes.rooms } else { &mut lanes.others };
        if lane.len() >= most {
            return Err(TrySendError::Full(job));
        }
        lane.push_back(job);
        drop(lanes);
        self.filled.notify_one();
        Ok(())
    }

    /// The next job; waits for one. None: it is time to end.
    pub(super) fn take(&self) -> Option<Job> {
        let mut lanes = self.lock();
        loop {
            if let Some(job) = lanes.next() {
                return Some(job);
            }
            if lanes.stopping.is_some() {
                return None;
            }
            lanes = self.filled.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next job if there is one.
    pub(super) fn take_now(&self) -> Option<Job> {
        self.lock().next()
    }

    /// From here on nothing is taken; the thread ends once the lanes are empty, and leaves what rooms asked for at `until`.
    pub(super) fn stop(&self, until: Instant) {
        self.lock().stopping.get_or_insert(until);
        self.filled.notify_all();
    }

    /// The thread ends: who still waits hears that it has. How many requests of rooms are left undone.
    pub(super) fn close(&self) -> usize {
        let mut lanes = self.lock();
        lanes.closed = true;
        let (others, rooms) = (std::mem::take(&mut lanes.others), std::mem::take(&mut lanes.rooms));
        drop(lanes);
        drop(others);
        rooms.len()
    }
}

impl Lanes {
    fn next(&mut self) -> Option<Job> {
        self.others.pop_front().or_else(|| {
            #[expect(clippy::disallowed_methods, reason = "the end of a shutdown is a matter of real time")]
            let over = self.stopping.is_some_and(|until| Instant::now() >= until);
            if over { None } else { self.rooms.pop_front() }
        })
    }
}
