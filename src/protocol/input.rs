//! The inputs frame: the newest input and the ones before it again, so that a lost packet costs nothing.
//!
//! ```text
//! u8 0x02 | u8 epoch (low byte) | u16 ack | u16 view | u16 newest | u8 count (1..=4) | input × count, newest first
//! first input  := signed value of each field, in the schema's order
//! older inputs := varint mask of fields that differ from the next newer, then those values
//! ```
//! Little-endian. `ack` is the newest snapshot tick held, `view` the tick being shown times 8; both low 16 bits.

use bytes::Bytes;

use super::{
    CodecError, Epoch, Tick,
    message::binary,
    schema::Field,
    varint::{Reader, put, put_signed},
};

/// The newest input and the last three.
pub const INPUTS_PER_FRAME: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputFrame {
    pub epoch_low: u8,
    pub ack: u16,
    pub view: u16,
    /// Number of the newest input, low 16 bits.
    pub newest: u16,
    count: usize,
    /// Steps of all inputs one after the other.
    steps: Vec<i32>,
}

/// `inputs`: newest first, at most [`INPUTS_PER_FRAME`] are used.
pub fn encode(epoch: Epoch, ack: Tick, view_eighths: u32, newest: u32, inputs: &[&[i32]]) -> Bytes {
    let inputs = &inputs[..inputs.len().min(INPUTS_PER_FRAME)];
    let mut out = vec![binary::INPUTS, epoch as u8];
    for n in [ack as u16, view_eighths as u16, newest as u16] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.push(inputs.len() as u8);
    if let Some(first) = inputs.first() {
        first.iter().for_each(|value| put_signed(&mut out, *value));
    }
    for pair in inputs.windows(2) {
        let (newer, older) = (pair[0], pair[1]);
        let differs = |i: &usize| newer[*i] != older[*i];
        put(&mut out, (0..older.len()).filter(differs).fold(0, |mask, i| mask | 1 << i));
        (0..older.len()).filter(differs).for_each(|i| put_signed(&mut out, older[i]));
    }
    out.into()
}

impl InputFrame {
    /// One made by hand: `inputs` newest first.
    pub fn of<const FIELDS: usize>(newest: u16, inputs: &[[i32; FIELDS]]) -> Self {
        Self { newest, count: inputs.len(), steps: inputs.concat(), ..Self::default() }
    }

    pub fn decode(frame: &[u8], fields: &[Field]) -> Result<Self, CodecError> {
        let mut decoded = Self::default();
        decoded.read(frame, fields).map(|()| decoded)
    }

    /// Which life of the room a frame is of. It comes before the fields: those of another life may be others.
    pub fn epoch_low(frame: &[u8]) -> Option<u8> {
        frame.get(1).copied()
    }

    /// Becomes what `frame` says, in the memory it has; after an error it is worth nothing.
    pub fn read(&mut self, frame: &[u8], fields: &[Field]) -> Result<(), CodecError> {
        let mut reader = Reader::new(frame);
        if reader.u8()? != binary::INPUTS {
            return Err(CodecError::Marker);
        }
        self.epoch_low = reader.u8()?;
        (self.ack, self.view, self.newest) = (reader.u16()?, reader.u16()?, reader.u16()?);
        self.count = usize::from(reader.u8()?);
        if self.count == 0 || self.count > INPUTS_PER_FRAME {
            return Err(CodecError::Count);
        }
        self.steps.clear();
        for index in 0..self.count {
            let start = self.steps.len();
            let mask = if index == 0 {
                self.steps.resize(fields.len(), 0);
                (1u32 << fields.len()) - 1
            } else {
                self.steps.extend_from_within(start - fields.len()..);
                reader.varint()?
            };
            if mask >> fields.len() != 0 {
                return Err(CodecError::Range);
            }
            for (i, field) in fields.iter().enumerate().filter(|(i, _)| mask & 1 << i != 0) {
                let step = reader.signed()?;
                if !field.kind.holds(step) {
                    return Err(CodecError::Range);
                }
                self.steps[start + i] = step;
            }
        }
        reader.finish()
    }

    /// Steps of each field; newest first, consecutive numbers downwards.
    pub fn inputs(&self) -> impl Iterator<Item = &[i32]> {
        let width = self.steps.len() / self.count.max(1);
        (0..self.count).map(move |index| &self.steps[index * width..][..width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::schema::FieldKind;

    #[test]
    fn inputs_round_trip() {
        let fields = [
            Field { name: "aim".into(), kind: FieldKind::Angle },
            Field { name: "fire".into(), kind: FieldKind::Press },
            Field { name: "mx".into(), kind: FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 } },
        ];
        let inputs: [&[i32]; 3] = [&[1023, 3, -127], &[1020, 3, -127], &[1020, 2, 5]];
        let frame = encode(0x1234, 70_000, 560_003, 65_537, &inputs);
        let decoded = InputFrame::decode(&frame, &fields).unwrap();
        assert_eq!(decoded.newest, 1);
        assert_eq!(decoded.ack, 70_000u32 as u16);
        assert!(decoded.inputs().eq(inputs));
        let bad: [&[i32]; 1] = [&[1024, 0, 0]];
        assert_eq!(InputFrame::decode(&encode(1, 1, 1, 1, &bad), &fields), Err(CodecError::Range));
    }
}
