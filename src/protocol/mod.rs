//! The wire, pure: messages, codec, schema, world, delta, documents.
//!
//! No clock, no I/O, no async: bytes in, values out, and the reverse. Everything here is used by the server, by the
//! loadtest's bots and by the tests alike, and the golden vectors are written from it. `docs/protocol.md` describes
//! the same bytes in prose.

pub mod delta;
pub mod document;
pub mod hash;
pub mod input;
pub mod message;
pub mod mirror;
#[cfg(test)]
pub(crate) mod mutate;
pub mod reason;
pub mod schema;
pub mod snapshot;
pub mod value;
pub mod varint;
pub mod world;

pub use reason::CloseReason;
pub use value::{Key, Value};

/// The room's step number. Starts at 0 when a room opens; tick 1 is its first step.
pub type Tick = u32;
/// One life of a room, drawn at random by each open, restore, reload or move.
pub type Epoch = u32;
/// Monotonic time in microseconds since the process started. Always an argument, never read in here.
pub type Micros = u64;
/// Never reused within an epoch; 0 means none.
pub type EntityId = u32;
/// The number of a seat in its room, never reused within a room; `player.id` is its decimal string. 0 means none.
pub type PlayerNumber = u32;

/// The protocol versions this build serves: the newest, and the one before it.
pub const PROTOCOL_MAX: u32 = 1;
pub const PROTOCOL_MIN: u32 = 1;

/// Why bytes could not be decoded. Wire input never panics; it ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the frame ends before its content")]
    Truncated,
    #[error("unknown or misplaced marker byte")]
    Marker,
    #[error("nested deeper than the limit")]
    Depth,
    #[error("more elements than the limit")]
    Count,
    #[error("text is not UTF-8")]
    Text,
    #[error("a field is missing or not of its kind")]
    Shape,
    #[error("the delta's baseline is not held")]
    Baseline,
    #[error("a number is out of its range")]
    Range,
    #[error("bytes are left over")]
    Trailing,
}
