//! Wakes link tasks from within the runtime. A thread outside it pays a system call for each task it wakes, and on a busy
//! core a change of threads besides; this way all rooms that are due together pay once.

use std::task::Waker;

use tokio::sync::mpsc;

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
    pub fn wake(&self, wakers: Vec<Waker>) {
        if !wakers.is_empty()
            && let Err(full) = self.0.try_send(wakers)
        {
            full.into_inner().into_iter().for_each(Waker::wake);
        }
    }
}
