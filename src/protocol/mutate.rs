//! Seeded damage to frames, for the tests of decoders.

/// One to four things happen to a copy of `bytes`; `other` may lend a part of itself.
pub(crate) fn damage(random: &mut fastrand::Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    const EXTREMES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xc0, 0xdf, 0xfe, 0xff];
    let mut out = bytes.to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=out.len());
        let end = (at + random.usize(1..=4)).min(out.len());
        match random.u8(..8) {
            0 if at < out.len() => out[at] = random.u8(..),
            1 if at < out.len() => out[at] = random.choice(EXTREMES).unwrap_or(0),
            2 if at < out.len() => out[at] ^= 1 << random.u8(..8),
            3 => drop(out.drain(at..end)),
            4 => out.truncate(at),
            5 => drop(out.splice(at..at, [random.u8(..), random.u8(..)])),
            6 => {
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..=16)).min(other.len());
                drop(out.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                let part = out[at..end].to_vec();
                drop(out.splice(at..at, part));
            }
        }
    }
    out
}
