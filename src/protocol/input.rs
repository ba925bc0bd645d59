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
    /// Steps of each field; newest first, consecutive numbers downwards.
    pub inputs: Vec<Vec<i32>>,
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
    pub fn decode(frame: &[u8], fields: &[Field]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(frame);
        if reader.u8()? != binary::INPUTS {
            return Err(CodecError::Marker);
        }
        let mut decoded = Self {
            epoch_low: reader.u8()?,
            ack: reader.u16()?,
            view: reader.u16()?,
            newest: reader.u16()?,
            inputs: Vec::with_capacity(INPUTS_PER_FRAME),
        };
        let count = usize::from(reader.u8()?);
        if count == 0 || count > INPUTS_PER_FRAME {
            return Err(CodecError::Count);
        }
        for index in 0..count {
            let mut input = decoded.inputs.last().cloned().unwrap_or_else(|| vec![0; fields.len()]);
            let mask = if index == 0 { (1u32 << fields.len()) - 1 } else { reader.varint()? };
            if mask >> fields.len() != 0 {
                return Err(CodecError::Range);
            }
            for (i, field) in fields.iter().enumerate().filter(|(i, _)| mask & 1 << i != 0) {
                input[i] = reader.signed()?;
                if !field.kind.holds(input[i]) {
                    return Err(CodecError::Range);
                }
            }
            decoded.inputs.push(input);
        }
        reader.finish().map(|()| decoded)
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
        assert_eq!(decoded.inputs, inputs.map(<[i32]>::to_vec));
        let bad: [&[i32]; 1] = [&[1024, 0, 0]];
        assert_eq!(InputFrame::decode(&encode(1, 1, 1, 1, &bad), &fields), Err(CodecError::Range));
    }
}
