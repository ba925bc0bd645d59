//! Frames in a byte stream: a little-endian u32 length before each.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Received;
use crate::Failure;

pub const PREFIX: usize = 4;
/// Far above any frame a server sends; a longer one means that we read nonsense.
const FRAME_MAX: usize = 4 << 20;

pub fn put_frame(out: &mut impl BufMut, frame: &[u8]) {
    out.put_u32_le(frame.len() as u32);
    out.put_slice(frame);
}

pub fn prefixed(frame: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX + frame.len());
    put_frame(&mut out, frame);
    out.freeze()
}

/// Bytes as they come in, frames as they go out.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: BytesMut,
}

impl FrameBuffer {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next whole frame, if there is one.
    pub fn next(&mut self) -> Result<Option<Received>, Failure> {
        let Some(prefix) = self.bytes.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > FRAME_MAX {
            return Err(format!("a frame of {length} bytes").into());
        }
        if self.bytes.len() < PREFIX + length {
            return Ok(None);
        }
        self.bytes.advance(PREFIX);
        Ok(Some((self.bytes.split_to(length).freeze(), PREFIX + length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole() {
        let mut buffer = FrameBuffer::default();
        let sent = [prefixed(b"one"), prefixed(b""), prefixed(b"three")].concat();
        let mut got = Vec::new();
        for byte in sent {
            buffer.push(&[byte]);
            while let Some((frame, bytes)) = buffer.next().unwrap() {
                assert_eq!(bytes, frame.len() + PREFIX);
                got.push(frame);
            }
        }
        assert_eq!(got, [&b"one"[..], b"", b"three"]);
        assert!(buffer.is_empty());
        buffer.push(&[0xff; 4]);
        assert!(buffer.next().is_err());
    }
}
