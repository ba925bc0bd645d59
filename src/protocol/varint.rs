//! Variable-length integers: seven bits a byte, lowest first; signed ones zig-zag. And the reader every decoder uses.

use super::CodecError;

pub fn put(out: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub fn put_signed(out: &mut Vec<u8>, n: i32) {
    put(out, zigzag(n));
}

/// Bytes that `put` writes for `n`.
pub const fn length(n: u32) -> usize {
    (38 - (n | 1).leading_zeros() as usize) / 7
}

pub const fn zigzag(n: i32) -> u32 {
    ((n << 1) ^ (n >> 31)) as u32
}

pub const fn unzigzag(n: u32) -> i32 {
    ((n >> 1) as i32) ^ -((n & 1) as i32)
}

/// Reads forward through a frame; every read checks what is left.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub const fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], CodecError> {
        if n > self.bytes.len() {
            return Err(CodecError::Truncated);
        }
        let (head, tail) = self.bytes.split_at(n);
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(CodecError::Truncated)?;
        self.bytes = tail;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn varint(&mut self) -> Result<u32, CodecError> {
        let mut n = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(CodecError::Range);
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(CodecError::Range)
    }

    pub fn signed(&mut self) -> Result<i32, CodecError> {
        Ok(unzigzag(self.varint()?))
    }

    pub fn finish(&self) -> Result<(), CodecError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(CodecError::Trailing) }
    }
}

/// Widens the low 16 bits of a tick or input number to the full one nearest `near`.
pub const fn widen(low: u16, near: u32) -> u32 {
    near.wrapping_add(low.wrapping_sub(near as u16) as i16 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        for n in [0, 1, -1, 63, -64, 64, 8191, i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, n);
            assert_eq!(length(zigzag(n)), out.len());
            let mut reader = Reader::new(&out);
            assert_eq!(reader.signed(), Ok(n));
            assert!(reader.is_empty());
        }
        assert_eq!(Reader::new(&[0xff; 5]).varint(), Err(CodecError::Range));
    }

    #[test]
    fn widening_finds_the_nearest() {
        assert_eq!(widen(0xfffe, 0x1_0003), 0xfffe);
        assert_eq!(widen(0x0002, 0xfff0), 0x1_0002);
    }
}
