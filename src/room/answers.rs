//! The way of `room.store` out of a room and back: requests that its worker hands to the database, and a box into which
//! the database's thread puts the answers. The room empties the box at its next tick, wherever it runs by then.

use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::Value;

/// The box of one life of a room. It never holds more than was asked.
#[derive(Debug, Default)]
pub struct Answers(Mutex<Vec<(u32, Option<Value>)>>);

impl Answers {
    pub fn put(&self, request: u32, value: Option<Value>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((request, value));
    }

    pub fn take(&self) -> Vec<(u32, Option<Value>)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a script asked of its store.
#[derive(Debug)]
pub enum StoreRequest {
    Get { key: String, request: u32, answers: Arc<Answers> },
    Set { key: String, value: Option<Value> },
}
