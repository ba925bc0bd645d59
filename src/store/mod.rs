//! What is kept: SQLite behind a cheap handle. One writer thread owns the connection; the handle puts jobs into its
//! bounded queue and never waits for room in it. Only `database`, `admins`, `modules` and `scripts`
//! speak SQL. `checkpoints` keeps closed rooms.
//!
//! Rooms hand over owned bytes and go on; the front desk awaits answers.

mod admins;
mod checkpoints;
mod database;
mod modules;
mod queue;
mod scripts;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::TrySendError;

use ring::digest;
use tokio::sync::oneshot;

use crate::config::Limits;
use crate::metrics::Metrics;
pub use admins::{Admin, Note};
pub use checkpoints::Checkpoints;
use database::Database;
pub use modules::Version;
use queue::Queue;
pub use scripts::Asker;
pub use writer::StoreThread;
use writer::{Ask, Job};

/// Why something could not be opened, kept or looked up. One line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// At the start: names the file and what can be done.
    #[error("{0}")]
    Open(String),
    /// The queue is full. Nothing was done; try later or say so.
    #[error("the database is busy")]
    Busy,
    /// The server is stopping.
    #[error("the database is closed")]
    Closed,
    /// What SQLite said: a full disk, mostly.
    #[error("the database failed: {0}")]
    Failed(String),
    #[error("no random numbers from the system: {0}")]
    Random(String),
}

/// Who someone is without signing up. The secret is known here and to the client only at the moment of creation.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub secret: String,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("id", &self.id).finish_non_exhaustive()
    }
}

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const HASH_BYTES: usize = digest::SHA256_OUTPUT_LEN;

/// A handle to the database; clone it freely.
#[derive(Debug, Clone)]
pub struct Store {
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    /// What scripts keep that is not to be saved.
    memory: Arc<scripts::Memory>,
    /// Keys of one module.
    keys_max: u64,
    /// Requests of one room under way.
    room_requests: usize,
}

impl Store {
    /// Opens `airboat.sqlite` in the folder, makes both when missing, and brings an older file up to date.
    pub fn open(dir: &Path, limits: &Limits, metrics: Arc<Metrics>) -> Result<(Self, StoreThread), StoreError> {
        Self::start(Database::open(dir, limits.store_busy_ms)?, limits, metrics)
    }

    /// Forgets everything at the end; for tests and the simulation.
    pub fn in_memory() -> Result<(Self, StoreThread), StoreError> {
        Self::start(Database::in_memory()?, &Limits::default(), Arc::default())
    }

    fn start(database: Database, limits: &Limits, metrics: Arc<Metrics>) -> Result<(Self, StoreThread), StoreError> {
        let queue = Arc::new(Queue::new(limits));
        let thread = StoreThread::start(database, queue.clone(), Arc::clone(&metrics))?;
        let (keys_max, room_requests) = (limits.script_keys_max, limits.store_room_requests);
        Ok((Self { queue, metrics, memory: Arc::default(), keys_max, room_requests }, thread))
    }

    /// A new device. When this returns, it is committed.
    pub async fn create_device(&self, now_unix: i64) -> Result<Device, StoreError> {
        let (id, secret) = (random::<ID_BYTES>()?, random::<SECRET_BYTES>()?);
        let device = Device { id: hex(&id), secret: hex(&secret) };
        let (id, secret_hash) = (device.id.clone(), hash(&device.secret));
        self.ask(|reply| Job::CreateDevice { id, secret_hash, now_unix, reply }).await?;
        self.metrics.devices_created.add(1);
        Ok(device)
    }

    /// Whether the device exists and this is its secret. Remembers once a day that it was here.
    pub async fn check_device(&self, id: &str, secret: &str, now_unix: i64) -> Result<bool, StoreError> {
        // What cannot be right is not worth the queue.
        if !is_hex(id, ID_BYTES) || !is_hex(secret, SECRET_BYTES) {
            self.metrics.devices_refused.add(1);
            return Ok(false);
        }
        let (id, secret_hash) = (id.to_owned(), hash(secret));
        let known = self.ask(|reply| Job::CheckDevice { id, secret_hash, now_unix, reply }).await?;
        self.metrics.devices_refused.add(u64::from(!known));
        Ok(known)
    }

    /// The key of resume tokens, drawn at first use and the same from then on.
    pub async fn token_key(&self) -> Result<[u8; KEY_BYTES], StoreError> {
        let fresh = random::<KEY_BYTES>()?;
        self.ask(|reply| Job::TokenKey { fresh, reply }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Ask<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        // Counted before the job is there, so that the thread's subtraction never comes first.
        self.metrics.store_queue_length.add(1);
        self.queue.try_send(job(reply)).map_err(|refused| {
            self.metrics.store_queue_length.add(-1);
            match refused {
                TrySendError::Full(_) => {
                    self.metrics.store_queue_overflowed.add(1);
                    StoreError::Busy
                }
                TrySendError::Disconnected(_) => StoreError::Closed,
            }
        })?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Keeps the thread busy until what this gives is dropped; returns once it is.
    #[cfg(test)]
    fn hold(&self) -> oneshot::Sender<()> {
        let ((release, held), (begun, begins)) = (oneshot::channel(), std::sync::mpsc::sync_channel(1));
        self.metrics.store_queue_length.add(1);
        let hold = move || {
            let _ = begun.send(());
            let _ = held.blocking_recv();
        };
        self.queue.try_send(Job::hook(hold)).unwrap();
        begins.recv().unwrap();
        release
    }
}

/// A plain hash is enough: the secret is 256 random bits, so there is no dictionary to slow down, unlike a password's.
fn hash(secret: &str) -> [u8; HASH_BYTES] {
    let mut out = [0; HASH_BYTES];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    out
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Random(e.to_string()))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == bytes * 2 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}
