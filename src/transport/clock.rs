//! The one place where this layer reads the time. `server.rs` makes the clock once and hands the same one to the
//! workers, so that a `Micros` means the same moment everywhere.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::Micros;

/// Microseconds since it was made. Copies share their origin.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(clippy::new_without_default, reason = "making one is a decision: there is one a process")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }

    pub fn now(&self) -> Micros {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Seconds since 1970, for certificates only.
pub(crate) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
