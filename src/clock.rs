//! The process's clock: microseconds since it was made. A leaf. Rooms, sessions and the protocol get time as an argument;
//! only the room workers and the transports ask for it, and they share one.

use std::time::Instant;

use crate::protocol::Micros;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Default for Clock {
    #[allow(clippy::disallowed_methods, reason = "this is the place the rule sends everybody to")]
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock {
    pub fn now(&self) -> Micros {
        self.origin.elapsed().as_micros() as Micros
    }

    /// Seconds since 1970, for what is stored.
    #[allow(clippy::disallowed_methods, reason = "this is the place the rule sends everybody to")]
    pub fn unix_secs() -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |elapsed| elapsed.as_secs() as i64)
    }
}
