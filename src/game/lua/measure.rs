//! How much a document or message holds, against its limits, and what is said about one that cannot be copied.

use crate::protocol::{Key, Value};

/// Limits of one document or message. Bytes are an upper bound of the MessagePack form.
pub(super) const BYTES_MAX: usize = 64 * 1024;
pub(super) const LEAVES_MAX: usize = 4_096;

/// What has been read so far, against the limits.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    bytes: usize,
    leaves: usize,
    /// Of the leaves, those that were not walked.
    passed: usize,
    bytes_max: usize,
    leaves_max: usize,
}

impl Default for Measure {
    fn default() -> Self {
        Self::within(BYTES_MAX, LEAVES_MAX)
    }
}

impl Measure {
    /// Against limits of its own.
    pub const fn within(bytes_max: usize, leaves_max: usize) -> Self {
        Self { bytes: 0, leaves: 0, passed: 0, bytes_max, leaves_max }
    }

    /// What a walk would say of a table that is this value, or a little more.
    pub fn of(value: &Value) -> Self {
        let mut all = Self::within(usize::MAX, usize::MAX);
        all.count(value);
        all
    }

    fn count(&mut self, value: &Value) {
        let (leaves, bytes) = match value {
            Value::Nil => (0, 5),
            Value::Bool(_) => (1, 1),
            Value::Number(_) => (1, 9),
            Value::Text(text) => (1, text.len() + 5),
            Value::Bytes(bytes) => (1, bytes.len() + 5),
            Value::Entity(_) | Value::Player(_) => (1, 11),
            Value::List(_) | Value::Map(_) => (0, 5),
        };
        (self.leaves, self.bytes) = (self.leaves + leaves, self.bytes + bytes);
        match value {
            Value::List(items) => items.iter().for_each(|item| self.count(item)),
            Value::Map(map) => {
                for (key, item) in map {
                    self.bytes += key_bytes(key);
                    self.count(item);
                }
            }
            _ => {}
        }
    }

    pub const fn bytes(self) -> usize {
        self.bytes
    }

    pub const fn leaves(self) -> usize {
        self.leaves
    }

    /// Leaves that were really walked.
    pub const fn walked(self) -> usize {
        self.leaves - self.passed
    }

    /// Bytes and leaves up to the limits.
    pub const fn rest(self) -> (usize, usize) {
        (self.bytes_max.saturating_sub(self.bytes), self.leaves_max.saturating_sub(self.leaves))
    }

    /// Adds what was read elsewhere, whatever the limits.
    pub const fn note(&mut self, part: Self) {
        self.bytes += part.bytes;
        self.leaves += part.leaves;
        self.passed += part.passed;
    }

    /// What came since `before`.
    pub const fn since(self, before: Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            leaves: self.leaves - before.leaves,
            passed: self.passed - before.passed,
            ..before
        }
    }

    /// A part that is passed over: it counts as it did when it was walked.
    pub fn pass(&mut self, part: Self) -> Result<(), Fault> {
        self.leaves += part.leaves;
        self.passed += part.leaves;
        self.check_leaves()?;
        self.add(part.bytes)
    }

    pub fn add(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        if self.bytes > self.bytes_max {
            return Err(Fault::large(format!("more than {} kB", self.bytes_max / 1024)));
        }
        Ok(())
    }

    pub fn leaf(&mut self, bytes: usize) -> Result<(), Fault> {
        self.leaves += 1;
        self.check_leaves()?;
        self.add(bytes)
    }

    fn check_leaves(&self) -> Result<(), Fault> {
        if self.leaves > self.leaves_max {
            return Err(Fault::large(format!("more than {} values", self.leaves_max)));
        }
        Ok(())
    }
}

/// What a key counts for, as in a walk.
pub(super) fn key_bytes(key: &Key) -> usize {
    match key {
        Key::Name(name) => name.len() + 5,
        Key::Index(_) => 9,
    }
}

/// Why a table cannot be a document or message; the path grows on the way out.
#[derive(Debug)]
pub struct Fault {
    path: Vec<String>,
    text: String,
    /// It would be above a limit; else something in it is of no kind that can be copied.
    large: bool,
}

impl Fault {
    pub fn new(text: impl Into<String>) -> Self {
        Self { path: Vec::new(), text: text.into(), large: false }
    }

    pub fn large(text: impl Into<String>) -> Self {
        Self { large: true, ..Self::new(text) }
    }

    pub const fn is_large(&self) -> bool {
        self.large
    }

    pub fn under(mut self, key: &Key) -> Self {
        self.path.push(match key {
            Key::Index(i) => format!("[{i}]"),
            Key::Name(name) => format!(".{name}"),
        });
        self
    }

    /// `what.is.there: why`.
    pub fn describe(&self, what: &str) -> String {
        let path: String = self.path.iter().rev().map(String::as_str).collect();
        format!("{what}{path}: {}", self.text)
    }
}
