//! Checkpoints of rooms that are closed and may come back, in memory and within bounds: full, the oldest goes. A file per
//! module will stand behind the same three calls.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::metrics::Metrics;

/// A module's name and a room's folded one.
type Key = (String, String);

#[derive(Debug, Default)]
struct Held {
    checkpoints: HashMap<Key, Vec<u8>>,
    /// Oldest first; one entry a key.
    order: VecDeque<Key>,
    bytes: usize,
}

/// A handle; clone it freely. The lock is held for a few moves of memory.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    held: Arc<Mutex<Held>>,
    count_max: usize,
    bytes_max: usize,
    metrics: Arc<Metrics>,
}

impl Checkpoints {
    pub fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            held: Arc::default(),
            count_max: limits.checkpoints_held_max,
            bytes_max: limits.checkpoints_held_bytes_max,
            metrics,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the checkpoint in place of an earlier one of this room.
    pub fn keep(&self, module: &str, room: &str, checkpoint: Vec<u8>) {
        let key = (module.to_owned(), room.to_owned());
        let mut held = self.held();
        held.remove(&key);
        held.bytes += checkpoint.len();
        held.checkpoints.insert(key.clone(), checkpoint);
        held.order.push_back(key);
        while held.order.len() > self.count_max || held.bytes > self.bytes_max {
            let Some(oldest) = held.order.front().cloned() else { break };
            held.remove(&oldest);
            self.metrics.checkpoints_forgotten.add(1);
            tracing::warn!(module = %oldest.0, room = %oldest.1, "a closed room's state was forgotten: too many are kept");
        }
        self.measure(&held);
    }

    pub fn find(&self, module: &str, room: &str) -> Option<Vec<u8>> {
        self.held().checkpoints.get(&(module.to_owned(), room.to_owned())).cloned()
    }

    pub fn forget(&self, module: &str, room: &str) {
        let mut held = self.held();
        held.remove(&(module.to_owned(), room.to_owned()));
        self.measure(&held);
    }

    fn measure(&self, held: &Held) {
        self.metrics.checkpoints_held.set(held.order.len() as i64);
        self.metrics.checkpoints_held_bytes.set(held.bytes as i64);
    }
}

impl Held {
    fn remove(&mut self, key: &Key) {
        if let Some(bytes) = self.checkpoints.remove(key) {
            self.bytes -= bytes.len();
            self.order.retain(|kept| kept != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_it_forgets_the_oldest() {
        let limits = Limits { checkpoints_held_max: 3, checkpoints_held_bytes_max: 1_000_000, ..Limits::default() };
        let metrics = Arc::new(Metrics::default());
        let kept = Checkpoints::new(&limits, metrics.clone());
        for room in ["a", "b", "a", "c", "d"] {
            kept.keep("m", room, vec![7; 100]);
        }
        assert_eq!(kept.find("m", "b"), None, "a was kept anew, so b is the oldest");
        assert!(["a", "c", "d"].iter().all(|room| kept.find("m", room).is_some()));
        kept.keep("m", "e", vec![7; 999_950]);
        assert!(kept.find("m", "d").is_none() && kept.find("m", "e").is_some(), "bytes are bounded too");
        assert_eq!((metrics.checkpoints_held.get(), metrics.checkpoints_held_bytes.get()), (1, 999_950));
        assert_eq!(metrics.checkpoints_forgotten.get(), 4);
        kept.forget("m", "e");
        kept.forget("m", "e");
        assert_eq!((kept.find("m", "e"), metrics.checkpoints_held_bytes.get()), (None, 0));
    }
}
