//! The snapshot frame: a header for one player, a body shared by everyone with the same baseline.
//!
//! ```text
//! u8 0x01 | u8 flags (1 key, 2 partial) | u8 epoch (low byte) | u16 tick | u8 age | u16 applied | u8 substitutions | u8 skips | i8 slack | body
//! ```
//! Little-endian. `age` is how many ticks before `tick` the baseline stands; a key snapshot has the empty world as its
//! baseline. Partial: not everything the room has is in the state that comes out. `applied` is the last input number
//! applied for this player; `substitutions` and `skips` count, mod 256, ticks without a fresh input and input numbers
//! passed over. `slack`: how early the applied input came, in half milliseconds.

use bytes::Bytes;

use super::{CodecError, Epoch, Tick, message::binary, varint::Reader};

pub const HEADER_BYTES: usize = 11;
const KEY: u8 = 1;
const PARTIAL: u8 = 2;
/// A baseline older than this cannot be named; rings are no longer than it.
pub const AGE_MAX: u32 = 255;

/// What a snapshot says to its one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InputReport {
    pub applied: u32,
    pub substitutions: u8,
    pub skips: u8,
    pub slack_half_ms: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub epoch_low: u8,
    pub tick: u16,
    /// None: a key snapshot.
    pub age: Option<u8>,
    /// The state that comes out lacks some of what the room has: it did not fit.
    pub partial: bool,
    pub applied: u16,
    pub substitutions: u8,
    pub skips: u8,
    pub slack_half_ms: i8,
}

/// The header of a frame; its body follows. `baseline` must be within [`AGE_MAX`] of `tick`.
pub fn head(
    epoch: Epoch,
    tick: Tick,
    baseline: Option<Tick>,
    partial: bool,
    report: InputReport,
) -> [u8; HEADER_BYTES] {
    let [low, high] = (tick as u16).to_le_bytes();
    let [applied_low, applied_high] = (report.applied as u16).to_le_bytes();
    [
        binary::SNAPSHOT,
        if baseline.is_none() { KEY } else { 0 } | if partial { PARTIAL } else { 0 },
        epoch as u8,
        low,
        high,
        baseline.map_or(0, |b| tick.wrapping_sub(b) as u8),
        applied_low,
        applied_high,
        report.substitutions,
        report.skips,
        report.slack_half_ms as u8,
    ]
}

/// Header and body of a whole snapshot as one frame.
pub fn frame(epoch: Epoch, tick: Tick, baseline: Option<Tick>, report: InputReport, body: &[u8]) -> Bytes {
    [&head(epoch, tick, baseline, false, report), body].concat().into()
}

impl Header {
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        if reader.u8()? != binary::SNAPSHOT {
            return Err(CodecError::Marker);
        }
        let flags = reader.u8()?;
        if flags & !(KEY | PARTIAL) != 0 {
            return Err(CodecError::Marker);
        }
        let epoch_low = reader.u8()?;
        let tick = reader.u16()?;
        let age = reader.u8()?;
        Ok(Self {
            epoch_low,
            tick,
            age: if flags & KEY == 0 { Some(age) } else { None },
            partial: flags & PARTIAL != 0,
            applied: reader.u16()?,
            substitutions: reader.u8()?,
            skips: reader.u8()?,
            slack_half_ms: reader.u8()? as i8,
        })
    }
}
