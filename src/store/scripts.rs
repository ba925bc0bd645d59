//! What scripts keep by `room.store`. A room never waits for it, and has a bounded number of requests under way: what is
//! over is refused, counted, and logged once a second.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{OptionalExtension as _, params};

use super::database::Database;
use super::{Store, StoreError, writer};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::protocol::Value;

/// Bytes of a key of `room.store`.
const KEY_BYTES_MAX: usize = 200;
/// Bytes of a value, as it is kept.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Takes what was found, on the store's thread: it must not wait.
pub(super) type Found = Box<dyn FnOnce(Option<Value>) + Send>;

/// A room as its store knows it, over all its lives.
#[derive(Debug)]
pub struct Asker {
    module: String,
    room: String,
    /// Requests that the database's thread has not carried out.
    waiting: AtomicUsize,
    /// The second in which a refusal was last logged, and how many were not since.
    told: AtomicI64,
    untold: AtomicU64,
}

impl Asker {
    pub fn new(module: &str, room: &str) -> Arc<Self> {
        Arc::new(Self {
            module: module.to_owned(),
            room: room.to_owned(),
            waiting: AtomicUsize::new(0),
            told: AtomicI64::new(0),
            untold: AtomicU64::new(0),
        })
    }

    /// None: as many as a room may have are under way.
    fn ticket(self: &Arc<Self>, most: usize) -> Option<Ticket> {
        let taken = self.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1));
        taken.ok().map(|_| Ticket(self.clone()))
    }

    /// Whether the first refusal of this second is logged, and how many were left out before it.
    fn tells(&self, second: i64) -> Option<u64> {
        if self.told.swap(second, Relaxed) == second {
            self.untold.fetch_add(1, Relaxed);
            return None;
        }
        Some(self.untold.swap(0, Relaxed))
    }

    fn tell(&self, text: &str) {
        if let Some(left_out) = self.tells(Clock::unix_secs()) {
            tracing::error!(module = self.module, room = self.room, left_out, "{text}");
        }
    }
}

/// One request under way; dropped when it has been carried out or refused.
pub(super) struct Ticket(Arc<Asker>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

pub(super) enum Job {
    Get { ticket: Ticket, key: String, found: Found },
    Set { ticket: Ticket, key: String, value: Option<Vec<u8>>, keys_max: u64 },
}

impl Job {
    /// What it makes a transaction longer by.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Set { value: Some(value), .. } => value.len(),
            Self::Get { .. } | Self::Set { .. } => 0,
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("scripts::Job")
    }
}

/// What scripts of modules with `saved = false` keep: as long as the server runs.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn get(&self, module: &str, key: &str) -> Option<Vec<u8>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(module)?.get(key).cloned()
    }

    /// False when the module has no room for another key.
    fn set(&self, module: &str, key: &str, value: Option<Vec<u8>>, keys_max: u64) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(module.to_owned()).or_default();
        match value {
            None => drop(kept.remove(key)),
            Some(_) if !kept.contains_key(key) && kept.len() as u64 >= keys_max => return false,
            Some(value) => drop(kept.insert(key.to_owned(), value)),
        }
        true
    }
}

impl Store {
    /// Looks up what a script keeps. Never waits: when there is no room for the request, nothing is found.
    pub fn script_get(&self, asker: &Arc<Asker>, saved: bool, key: &str, found: Found) {
        if !saved {
            return found(self.memory.get(&asker.module, key).and_then(|bytes| Value::from_bytes(&bytes).ok()));
        }
        let Some(ticket) = asker.ticket(self.room_requests) else {
            self.refused(asker, &format!("room.store:get({key:?}): {}; the answer is nil", self.too_many_wait()));
            return found(None);
        };
        let job = Job::Get { ticket, key: key.to_owned(), found };
        if let Err((job, why)) = self.hand_over(job) {
            self.refused(asker, &format!("room.store:get({key:?}): {why}; the answer is nil"));
            if let Job::Get { found, .. } = job {
                found(None);
            }
        }
    }

    /// Keeps what a script wants kept, or forgets it. Never waits: what cannot be queued is logged and counted.
    pub fn script_set(&self, asker: &Arc<Asker>, saved: bool, key: &str, value: Option<&Value>) {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return self.refused(asker, &format!("room.store: a key has 1 to {KEY_BYTES_MAX} bytes"));
        }
        let value = value.map(Value::to_bytes);
        if let Some(bytes) = value.as_ref().map(Vec::len).filter(|bytes| *bytes > VALUE_BYTES_MAX) {
            let text = format!("room.store:set({key:?}): {bytes} bytes are more than {VALUE_BYTES_MAX}");
            return self.refused(asker, &text);
        }
        if !saved {
            if !self.memory.set(&asker.module, key, value, self.keys_max) {
                self.refused(asker, &too_many(key, self.keys_max));
            }
            return;
        }
        let Some(ticket) = asker.ticket(self.room_requests) else {
            return self.refused(asker, &format!("room.store: {key:?} was not kept: {}", self.too_many_wait()));
        };
        let job = Job::Set { ticket, key: key.to_owned(), value, keys_max: self.keys_max };
        if let Err((_, why)) = self.hand_over(job) {
            self.refused(asker, &format!("room.store: {key:?} was not kept: {why}"));
        }
    }

    fn too_many_wait(&self) -> String {
        format!("{} requests of this room wait already", self.room_requests)
    }

    fn refused(&self, asker: &Asker, text: &str) {
        self.metrics.script_store_refused.add(1);
        asker.tell(text);
    }

    /// The job again when there is no room for it, and why.
    fn hand_over(&self, job: Job) -> Result<(), (Job, StoreError)> {
        self.metrics.store_queue_length.add(1);
        self.queue.try_send(writer::Job::Scripts(job)).or_else(|refused| {
            self.metrics.store_queue_length.add(-1);
            let (job, why) = match refused {
                TrySendError::Full(job) => {
                    self.metrics.store_queue_overflowed.add(1);
                    (job, StoreError::Busy)
                }
                TrySendError::Disconnected(job) => (job, StoreError::Closed),
            };
            // It comes back as it was given.
            if let writer::Job::Scripts(job) = job { Err((job, why)) } else { Ok(()) }
        })
    }
}

fn too_many(key: &str, keys_max: u64) -> String {
    format!("room.store:set({key:?}): the module has {keys_max} keys already")
}

/// What needs no answer is carried out here, whatever became of the transaction's other jobs.
pub(super) fn run(database: &Database, job: Job, metrics: &Metrics) {
    match job {
        Job::Get { ticket, key, found } => {
            let asker = &ticket.0;
            let value = database.script_value(&asker.module, &key).unwrap_or_else(|error| {
                metrics.store_errors.add(1);
                asker.tell(&format!("room.store:get({key:?}): {error}; the answer is nil"));
                None
            });
            found(value.and_then(|bytes| Value::from_bytes(&bytes).ok()));
        }
        Job::Set { ticket, key, value, keys_max } => {
            let asker = &ticket.0;
            match database.set_script_value(&asker.module, &key, value.as_deref(), keys_max) {
                Ok(true) => {}
                Ok(false) => {
                    metrics.script_store_refused.add(1);
                    asker.tell(&too_many(&key, keys_max));
                }
                Err(error) => {
                    metrics.store_errors.add(1);
                    asker.tell(&format!("room.store: {key:?} was not kept: {error}"));
                }
            }
        }
    }
}

/// How many keys each module has, as far as anybody has asked: to count them in the database is to read most of what
/// they keep.
pub(super) type KeyCounts = RefCell<HashMap<String, u64>>;

impl Database {
    fn script_value(&self, module: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT value FROM script_values WHERE module = ?1 AND key = ?2")?
            .query_row(params![module, key], |row| row.get(0))
            .optional()?)
    }

    /// False when the module has no room for another key.
    fn set_script_value(
        &self,
        module: &str,
        key: &str,
        value: Option<&[u8]>,
        keys_max: u64,
    ) -> Result<bool, StoreError> {
        let connection = self.connection();
        let Some(value) = value else {
            let forget = "DELETE FROM script_values WHERE module = ?1 AND key = ?2";
            let gone = connection.prepare_cached(forget)?.execute(params![module, key])?;
            if let Some(keys) = self.key_counts().borrow_mut().get_mut(module) {
                *keys = keys.saturating_sub(gone as u64);
            }
            return Ok(true);
        };
        let changed = connection
            .prepare_cached("UPDATE script_values SET value = ?3 WHERE module = ?1 AND key = ?2")?
            .execute(params![module, key, value])?;
        if changed > 0 {
            return Ok(true);
        }
        let keys = self.script_keys(module)?;
        if keys >= keys_max {
            return Ok(false);
        }
        connection
            .prepare_cached("INSERT INTO script_values (module, key, value) VALUES (?1, ?2, ?3)")?
            .execute(params![module, key, value])?;
        self.key_counts().borrow_mut().insert(module.to_owned(), keys + 1);
        Ok(true)
    }

    fn script_keys(&self, module: &str) -> Result<u64, StoreError> {
        if let Some(keys) = self.key_counts().borrow().get(module) {
            return Ok(*keys);
        }
        let count = "SELECT count(*) FROM script_values WHERE module = ?1";
        let keys: i64 = self.connection().prepare_cached(count)?.query_row(params![module], |row| row.get(0))?;
        Ok(keys as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::config::Limits;
    use crate::store::StoreThread;

    fn get(store: &Store, saved: bool, asker: &Arc<Asker>, key: &str) -> Option<Value> {
        let (reply, answer) = mpsc::sync_channel(1);
        store.script_get(asker, saved, key, Box::new(move |value| drop(reply.send(value))));
        answer.recv().unwrap()
    }

    /// A store whose thread is busy until the sender is dropped.
    fn held(limits: &Limits) -> (Store, StoreThread, tokio::sync::oneshot::Sender<()>) {
        let (store, thread) = Store::start(Database::in_memory().unwrap(), limits, Arc::default()).unwrap();
        let hold = store.hold();
        (store, thread, hold)
    }

    #[test]
    fn scripts_find_what_they_keep_within_bounds() {
        let (mut store, _thread) = Store::in_memory().unwrap();
        store.keys_max = 2;
        let (asker, other) = (Asker::new("m", "one"), Asker::new("other", "one"));
        for saved in [true, false] {
            let value = Value::map([("best", 7.0.into())]);
            store.script_set(&asker, saved, "ann", Some(&value));
            store.script_set(&asker, saved, "bob", Some(&1.0.into()));
            store.script_set(&asker, saved, "carl", Some(&2.0.into()));
            assert_eq!(get(&store, saved, &asker, "ann"), Some(value), "saved: {saved}");
            assert_eq!(get(&store, saved, &asker, "carl"), None, "two keys are all");
            assert_eq!(get(&store, saved, &other, "ann"), None, "each module has its own");
            store.script_set(&asker, saved, "bob", Some(&3.0.into()));
            assert_eq!(get(&store, saved, &asker, "bob"), Some(3.0.into()), "a full store still changes");
            store.script_set(&asker, saved, "bob", None);
            store.script_set(&asker, saved, "bob", None);
            store.script_set(&asker, saved, "carl", Some(&2.0.into()));
            store.script_set(&asker, saved, "dora", Some(&2.0.into()));
            assert_eq!(get(&store, saved, &asker, "dora"), None, "two keys are all");
            assert_eq!(
                (get(&store, saved, &asker, "bob"), get(&store, saved, &asker, "carl")),
                (None, Some(2.0.into()))
            );
            store.script_set(&asker, saved, &"k".repeat(KEY_BYTES_MAX + 1), Some(&1.0.into()));
            store.script_set(&asker, saved, "ann", Some(&Value::Bytes(vec![0; VALUE_BYTES_MAX])));
            assert!(
                get(&store, saved, &asker, "ann").unwrap().get("best").number().is_some(),
                "too large changes nothing"
            );
        }
        assert_eq!(store.metrics.script_store_refused.get(), 8);
    }

    #[test]
    fn a_full_queue_answers_with_nothing() {
        let (store, _thread, hold) = held(&Limits { store_rooms_queue: 1, ..Limits::default() });
        let asker = Asker::new("m", "one");
        store.script_set(&asker, true, "ann", Some(&1.0.into()));
        assert_eq!(get(&store, true, &asker, "ann"), None);
        store.script_set(&asker, true, "ann", Some(&1.0.into()));
        assert_eq!((store.metrics.script_store_refused.get(), store.metrics.store_queue_overflowed.get()), (2, 2));
        drop(hold);
    }

    #[test]
    fn a_room_has_its_share_of_requests_and_leaves_the_others_theirs() {
        let (store, _thread, hold) = held(&Limits { store_room_requests: 3, ..Limits::default() });
        let (flood, honest) = (Asker::new("m", "flood"), Asker::new("m", "honest"));
        for n in 0..100 {
            store.script_set(&flood, true, &format!("k{n}"), Some(&f64::from(n).into()));
        }
        assert_eq!(get(&store, true, &flood, "k0"), None, "one too many is answered at once");
        assert_eq!(store.metrics.script_store_refused.get(), 98);
        store.script_set(&honest, true, "best", Some(&7.0.into()));
        drop(hold);
        assert_eq!(get(&store, true, &honest, "best"), Some(7.0.into()));
        assert_eq!((get(&store, true, &honest, "k2"), get(&store, true, &honest, "k3")), (Some(2.0.into()), None));
        assert_eq!(get(&store, true, &flood, "k1"), Some(1.0.into()), "what is done makes room");
    }

    #[tokio::test]
    async fn whatever_rooms_ask_for_others_have_their_place_and_go_first() {
        let (store, _thread, hold) = held(&Limits { store_rooms_queue: 50, ..Limits::default() });
        let (asker, other) = (Asker::new("m", "flood"), Asker::new("m", "other"));
        let (reply, answer) = mpsc::sync_channel(2);
        let room = reply.clone();
        store.script_get(&asker, true, "k0", Box::new(move |_| room.send("a room").unwrap()));
        for n in 0..100 {
            store.script_set(&asker, true, &format!("k{n}"), Some(&1.0.into()));
        }
        assert_eq!(get(&store, true, &other, "k0"), None, "the rooms' lane is full");
        // What comes last goes first.
        store.queue.try_send(writer::Job::hook(move || reply.send("a login").unwrap())).unwrap();
        drop(hold);
        store.create_device(0).await.unwrap();
        assert_eq!([answer.recv().unwrap(), answer.recv().unwrap()], ["a login", "a room"]);
    }

    #[test]
    fn the_end_comes_in_time_and_tells_what_was_not_written() {
        for (patience, left) in [(Duration::from_secs(600), 0), (Duration::ZERO, 5)] {
            let (store, thread, hold) = held(&Limits::default());
            let asker = Asker::new("m", "one");
            for n in 0..5 {
                store.script_set(&asker, true, &format!("k{n}"), Some(&1.0.into()));
            }
            let (done, others) = mpsc::sync_channel(1);
            store.queue.try_send(writer::Job::hook(move || done.send(()).unwrap())).unwrap();
            let ending = std::thread::spawn(move || thread.finish(patience));
            while !matches!(store.queue.try_send(writer::Job::hook(|| ())), Err(TrySendError::Disconnected(_))) {
                std::thread::yield_now();
            }
            drop(hold);
            assert_eq!(ending.join().unwrap(), left);
            assert!(others.recv().is_ok(), "what others wait for is always done");
            store.script_set(&asker, true, "late", Some(&1.0.into()));
            assert_eq!(store.metrics.script_store_refused.get(), 1);
        }
    }

    #[test]
    fn a_room_is_told_once_a_second() {
        let asker = Asker::new("m", "one");
        assert_eq!([7, 7, 7, 8, 8, 9].map(|second| asker.tells(second)), [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
