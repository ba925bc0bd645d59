//! The thread that owns the database: takes a job, then all others that already wait, in one transaction. So the
//! price of a commit is shared when many come at once, and nobody waits longer than one when few do.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::admins;
use super::database::Database;
use super::{HASH_BYTES, KEY_BYTES, StoreError};
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
    /// Everything queued before this is still done; then the thread ends.
    Stop,
    /// Holds the thread until the other end is dropped.
    #[cfg(test)]
    Hold(oneshot::Receiver<()>),
}

/// Jobs in one transaction at most, so that the first of a flood is not kept waiting for the last.
const BATCH_MAX: usize = 256;

/// Ends the thread when finished or dropped, after everything queued so far is committed.
#[derive(Debug)]
pub struct StoreThread {
    queue: SyncSender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    pub(super) fn start(
        database: Database,
        queue: usize,
        metrics: Arc<Metrics>,
    ) -> Result<(SyncSender<Job>, Self), StoreError> {
        let (sender, jobs) = sync_channel(queue);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || Writer { database, jobs, metrics }.run())
            .map_err(|e| StoreError::Open(format!("no thread for the database: {e}")))?;
        Ok((sender.clone(), Self { queue: sender, thread: Some(thread) }))
    }

    /// Blocks until everything queued so far is committed and the file is closed. Handles answer `Closed` afterwards.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        // An error means that the thread has ended already.
        let _ = self.queue.send(Job::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the database's thread panicked");
        }
    }
}

struct Writer {
    database: Database,
    jobs: Receiver<Job>,
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
    fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            if !self.batch(first) {
                break;
            }
        }
        self.database.close();
    }

    /// One transaction. False when the thread shall end.
    fn batch(&mut self, first: Job) -> bool {
        #[expect(clippy::disallowed_methods, reason = "measures the commit; nothing is decided by it")]
        let started = Instant::now();
        let mut due = Vec::new();
        let mut next = Some(first);
        let mut done = 0;
        let mut go_on = true;
        let mut outcome = self.database.begin();
        while let Some(job) = next.take() {
            if matches!(job, Job::Stop) {
                go_on = false;
                break;
            }
            self.metrics.store_queue_length.add(-1);
            self.run_job(job, &outcome, &mut due);
            done += 1;
            // A full disk rolls all of it back at once: what was due is lost, and what follows needs a new start.
            if outcome.is_ok() && !self.database.in_transaction() {
                outcome = Err(StoreError::Failed("the transaction was rolled back".to_owned()));
            }
            if outcome.is_ok() && done < BATCH_MAX {
                next = self.jobs.try_recv().ok();
            }
        }
        let outcome = outcome.and_then(|()| self.database.commit());
        if let Err(error) = &outcome {
            self.metrics.store_errors.add(1);
            tracing::error!(%error, "nothing was kept");
        }
        due.into_iter().for_each(|answer| answer.settle(outcome.clone()));
        self.metrics.store_commit_duration_seconds.observe(started.elapsed().as_micros() as u64);
        go_on
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
            Job::Stop => {}
            #[cfg(test)]
            Job::Hold(until) => drop(until.blocking_recv()),
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
