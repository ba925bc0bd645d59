//! The thread that owns the database: takes a job, then all others that already wait, in one transaction. So the
//! price of a commit is shared when many come at once, and nobody waits longer than one when few do.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::admins;
use super::database::Database;
use super::queue::Queue;
use super::{HASH_BYTES, KEY_BYTES, StoreError, modules, scripts};
use crate::metrics::Metrics;

/// Where an answer goes. Whoever asked may have gone; then it is dropped.
pub(super) type Ask<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread can be asked for.
#[derive(Debug)]
pub(super) enum Job {
    CreateDevice {
        id: String,
        secret_hash: [u8; HASH_BYTES],
        now_unix: i64,
        reply: Ask<()>,
    },
    CheckDevice {
        id: String,
        secret_hash: [u8; HASH_BYTES],
        now_unix: i64,
        reply: Ask<bool>,
    },
    TokenKey {
        fresh: [u8; KEY_BYTES],
        reply: Ask<[u8; KEY_BYTES]>,
    },
    /// What the panel keeps.
    Admins(admins::Job),
    /// Versions of modules.
    Modules(modules::Job),
    /// What scripts keep.
    Scripts(scripts::Job),
    /// Whatever a test wants done on the thread.
    #[cfg(test)]
    Hook(Hook),
}

#[cfg(test)]
pub(super) struct Hook(Box<dyn FnOnce() + Send>);

#[cfg(test)]
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

impl Job {
    /// Waits in the lane of the rooms.
    pub(super) const fn is_of_room(&self) -> bool {
        matches!(self, Self::Scripts(_))
    }

    #[cfg(test)]
    pub(super) fn hook(run: impl FnOnce() + Send + 'static) -> Self {
        Self::Hook(Hook(Box::new(run)))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Scripts(job) => job.bytes(),
            _ => 0,
        }
    }
}

/// Jobs in one transaction at most, so that the first of a flood is not kept waiting for the last.
const BATCH_MAX: usize = 256;
/// Bytes of one transaction, about: a login that comes meanwhile waits for its commit.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Ends the thread when dropped, and waits for that when finished.
#[derive(Debug)]
pub struct StoreThread {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<usize>>,
}

impl StoreThread {
    pub(super) fn start(database: Database, queue: Arc<Queue>, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let jobs = queue.clone();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || Writer { database, jobs: Closing(jobs), metrics }.run())
            .map_err(|e| StoreError::Open(format!("no thread for the database: {e}")))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Blocks until everything queued so far is committed and the file is closed. What rooms have asked for is written
    /// as far as `patience` goes; what is left of it is told, and its number returned. Handles answer `Closed` at once.
    pub fn finish(mut self, patience: Duration) -> usize {
        self.stop(patience);
        let Some(thread) = self.thread.take() else { return 0 };
        thread.join().unwrap_or_else(|_| {
            tracing::error!("the database's thread panicked");
            0
        })
    }

    fn stop(&self, patience: Duration) {
        #[expect(clippy::disallowed_methods, reason = "the end of a shutdown is a matter of real time")]
        let now = Instant::now();
        self.queue.stop(now + patience);
    }
}

/// Waits for nothing: a thread that hangs must not keep the process.
impl Drop for StoreThread {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Closes the queue however the thread ends: who waits for an answer then hears that none will come.
struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Writer {
    database: Database,
    jobs: Closing,
    metrics: Arc<Metrics>,
}

/// An answer that is due once the transaction is committed.
enum Due {
    Created(Ask<()>),
    Key(Ask<[u8; KEY_BYTES]>, [u8; KEY_BYTES]),
    /// Of the panel: the question, and what it will be answered.
    Flag(Ask<bool>, bool),
}

impl Due {
    fn settle(self, outcome: Result<(), StoreError>) {
        match self {
            Self::Created(reply) => drop(reply.send(outcome)),
            Self::Key(reply, key) => drop(reply.send(outcome.map(|()| key))),
            Self::Flag(reply, flag) => drop(reply.send(outcome.map(|()| flag))),
        }
    }
}

impl Writer {
    /// How many requests of rooms are left undone.
    fn run(mut self) -> usize {
        while let Some(first) = self.jobs.0.take() {
            self.batch(first);
        }
        let left = self.jobs.0.close();
        if left > 0 {
            tracing::error!("{left} requests of rooms to their stores were not carried out: the server ends");
        }
        self.database.close();
        left
    }

    /// One transaction.
    fn batch(&mut self, first: Job) {
        #[expect(clippy::disallowed_methods, reason = "measures the commit; nothing is decided by it")]
        let started = Instant::now();
        let mut due = Vec::new();
        let mut next = Some(first);
        let (mut done, mut bytes) = (0, 0);
        let mut outcome = self.database.begin();
        while let Some(job) = next.take() {
            bytes += job.bytes();
            self.metrics.store_queue_length.add(-1);
            self.run_job(job, &outcome, &mut due);
            done += 1;
            // A full disk rolls all of it back at once: what was due is lost, and what follows needs a new start.
            if outcome.is_ok() && !self.database.in_transaction() {
                outcome = Err(StoreError::Failed("the transaction was rolled back".to_owned()));
            }
            if outcome.is_ok() && done < BATCH_MAX && bytes < BATCH_BYTES_MAX {
                next = self.jobs.0.take_now();
            }
        }
        let outcome = outcome.and_then(|()| self.database.commit());
        if let Err(error) = &outcome {
            self.metrics.store_errors.add(1);
            tracing::error!(%error, "nothing was kept");
            self.database.forget_counts();
        }
        due.into_iter().for_each(|answer| answer.settle(outcome.clone()));
        self.metrics.store_commit_duration_seconds.observe(started.elapsed().as_micros() as u64);
    }

    fn run_job(&mut self, job: Job, begun: &Result<(), StoreError>, due: &mut Vec<Due>) {
        match job {
            Job::CreateDevice { id, secret_hash, now_unix, reply } => {
                let result = begun.clone().and_then(|()| self.database.create_device(&id, &secret_hash, now_unix));
                self.keep(reply, result, due, |reply, ()| Due::Created(reply));
            }
            Job::CheckDevice { id, secret_hash, now_unix, reply } => {
                // Reading needs no commit, and a login must not fail because `last_seen` could not be written.
                let result = self.database.check_device(&id, &secret_hash);
                if result == Ok(true)
                    && let Err(error) = self.database.device_seen(&id, now_unix)
                {
                    self.metrics.store_errors.add(1);
                    tracing::warn!(%error, "a device's last visit was not kept");
                }
                drop(reply.send(result));
            }
            Job::TokenKey { fresh, reply } => {
                let result = begun.clone().and_then(|()| self.database.token_key(&fresh));
                self.keep(reply, result, due, Due::Key);
            }
            Job::Admins(job) => match job {
                // Reading needs no commit.
                admins::Job::Count { reply } => drop(reply.send(self.database.count_admins())),
                admins::Job::Find { name, reply } => drop(reply.send(self.database.find_admin(&name))),
                admins::Job::CreateFirst { admin, now_unix, reply } => {
                    let result = begun.clone().and_then(|()| self.database.create_first_admin(&admin, now_unix));
                    self.keep(reply, result, due, Due::Flag);
                }
                admins::Job::Note { note, rows_max, reply } => {
                    let result = begun.clone().and_then(|()| self.database.note(&note, rows_max));
                    self.keep(reply, result, due, |reply, ()| Due::Created(reply));
                }
                #[cfg(test)]
                admins::Job::Notes { reply } => drop(reply.send(self.database.notes())),
            },
            Job::Modules(job) => match job {
                modules::Job::Saw { version, now_unix, versions_max, reply } => {
                    let saw = |()| self.database.saw_version(&version, now_unix, versions_max);
                    self.keep(reply, begun.clone().and_then(saw), due, |reply, ()| Due::Created(reply));
                }
                modules::Job::RanClean { module, hash, reply } => {
                    let result = begun.clone().and_then(|()| self.database.version_ran_clean(&module, &hash));
                    self.keep(reply, result, due, |reply, ()| Due::Created(reply));
                }
                modules::Job::Clean { module, reply } => drop(reply.send(self.database.clean_versions(&module))),
            },
            Job::Scripts(job) => scripts::run(&self.database, job, &self.metrics),
            #[cfg(test)]
            Job::Hook(Hook(run)) => run(),
        }
    }

    /// A failure is told at once, a success when it is committed.
    fn keep<T>(
        &self,
        reply: Ask<T>,
        result: Result<T, StoreError>,
        due: &mut Vec<Due>,
        pending: impl FnOnce(Ask<T>, T) -> Due,
    ) {
        match result {
            Ok(value) => due.push(pending(reply, value)),
            Err(error) => {
                self.metrics.store_errors.add(1);
                drop(reply.send(Err(error)));
            }
        }
    }
}
