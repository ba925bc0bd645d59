//! How much a document or message holds, against its limits, and what is said about one that cannot be copied.

use crate::protocol::Key;

/// Limits of one document or message. Bytes are an upper bound of the MessagePack form.
pub(super) const BYTES_MAX: usize = 64 * 1024;
pub(super) const LEAVES_MAX: usize = 4_096;
/// What has been read so far, against the limits.
#[derive(Debug, Default, Clone, Copy)]
pub struct Measure {
    bytes: usize,
    leaves: usize,
}

impl Measure {
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    pub const fn leaves(self) -> usize {
        self.leaves
    }

    pub fn add(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        if self.bytes > BYTES_MAX {
            return Err(Fault::new(format!("more than {} kB", BYTES_MAX / 1024)));
        }
        Ok(())
    }

    pub fn leaf(&mut self, bytes: usize) -> Result<(), Fault> {
        self.leaves += 1;
        if self.leaves > LEAVES_MAX {
            return Err(Fault::new(format!("more than {LEAVES_MAX} values")));
        }
        self.add(bytes)
    }
}

/// Why a table cannot be a document or message; the path grows on the way out.
#[derive(Debug)]
pub struct Fault {
    path: Vec<String>,
    text: String,
}

impl Fault {
    pub fn new(text: impl Into<String>) -> Self {
        Self { path: Vec::new(), text: text.into() }
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
