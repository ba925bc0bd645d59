//! `debug_hash`: Adler-32 of a world's columns and of the documents, so that mirrors can prove that they are equal.

use super::{Value, world::World};

const MODULUS: u32 = 65_521;
/// As many bytes as can be summed up before 32 bits overflow.
const UNREDUCED: usize = 5552;

/// Adler-32 (RFC 1950): simple enough to write in any client language.
#[derive(Debug, Clone, Copy)]
pub struct Adler {
    a: u32,
    b: u32,
}

impl Default for Adler {
    fn default() -> Self {
        Self { a: 1, b: 0 }
    }
}

impl Adler {
    pub fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(UNREDUCED) {
            for byte in part {
                self.a += u32::from(*byte);
                self.b += self.a;
            }
            self.a %= MODULUS;
            self.b %= MODULUS;
        }
    }

    pub const fn finish(self) -> u32 {
        self.b << 16 | self.a
    }
}

/// Class by class in the schema's order, row by row in ascending id: the id and every column, each a little-endian i32.
pub fn world(world: &World) -> u32 {
    let mut adler = Adler::default();
    for rows in &world.classes {
        for (row, id) in rows.ids.iter().enumerate() {
            adler.write(&id.to_le_bytes());
            for column in &rows.values {
                adler.write(&column[row].to_le_bytes());
            }
        }
    }
    adler.finish()
}

/// The canonical MessagePack of `room.state`, then of the players document. Secrets are no part of it.
pub fn documents(state: &Value, players: &Value) -> u32 {
    let mut adler = Adler::default();
    adler.write(&state.to_bytes());
    adler.write(&players.to_bytes());
    adler.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adler_matches_the_published_example() {
        let mut adler = Adler::default();
        adler.write(b"Wikipedia");
        assert_eq!(adler.finish(), 0x11e6_0398);
    }

    #[test]
    fn long_writes_equal_many_short_ones() {
        let bytes = vec![0xff; 3 * UNREDUCED + 7];
        let (mut whole, mut single) = (Adler::default(), Adler::default());
        whole.write(&bytes);
        bytes.iter().for_each(|byte| single.write(&[*byte]));
        assert_eq!(whole.finish(), single.finish());
    }
}
