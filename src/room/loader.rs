//! The loader: one thread that makes VMs and reads modules, so that no worker ever has to, and that takes apart the ones
//! that are done with. Its queue is bounded; whoever finds it full comes again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use super::worker::Unavailable;
use crate::{
    game::{Game, GameError, GameFactory},
    metrics::Metrics,
};

enum Job {
    Run(Box<dyn FnOnce() + Send>),
    Bury(Box<dyn Game>),
    Stop,
}

/// A cheap handle on the loader.
#[derive(Clone)]
pub struct Loader {
    queue: SyncSender<Job>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loader")
    }
}

impl Loader {
    pub fn start(queue: usize, metrics: Arc<Metrics>) -> (Self, JoinHandle<()>) {
        let (sender, jobs) = sync_channel(queue);
        let run = move || {
            while let Ok(job) = jobs.recv() {
                match job {
                    // A panic is told by the answer that does not come.
                    Job::Run(run) => drop(catch_unwind(AssertUnwindSafe(run))),
                    Job::Bury(game) => drop(game),
                    Job::Stop => break,
                }
            }
        };
        #[allow(clippy::expect_used, reason = "without its loader the server cannot start at all")]
        let thread = std::thread::Builder::new().name("loader".into()).spawn(run).expect("a thread for the loader");
        (Self { queue: sender, metrics }, thread)
    }

    /// A game of this module, to be handed to a worker.
    pub async fn make(&self, factory: Arc<dyn GameFactory>) -> Result<Result<Box<dyn Game>, GameError>, Unavailable> {
        let made = self.run(move || factory.create()).await?;
        Ok(made.unwrap_or_else(|| Err(GameError::Script("loading panicked".into()))))
    }

    /// Anything that takes a while and no worker must do. None: it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may have gone; then nobody needs the answer.
        let job = Job::Run(Box::new(move || drop(reply.send(work()))));
        self.queue.try_send(job).map_err(|error| {
            self.metrics.loader_overflowed.add(u64::from(matches!(error, TrySendError::Full(_))));
            Unavailable
        })?;
        Ok(answer.await.ok())
    }

    /// Takes a game apart elsewhere: a large VM takes longer than a tick. Never waits; with a full queue it is done here.
    pub fn bury(&self, game: Box<dyn Game>) {
        drop(self.queue.try_send(Job::Bury(game)));
    }

    /// Ends the thread once what is queued is done. Waits for room in the queue.
    pub fn stop(&self) {
        drop(self.queue.send(Job::Stop));
    }
}
