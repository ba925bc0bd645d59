//! `Value`: what documents, messages and control frames are made of, and its MessagePack form.
//!
//! Numbers are doubles, as in Lua; integral ones travel as integers. References to entities and players are MessagePack
//! extensions 1 and 2. The encoder is canonical (sorted keys, shortest form), so equal values give equal bytes and
//! hashes can be taken of them.

use std::collections::BTreeMap;

use rmp::Marker;

use super::{CodecError, EntityId, PlayerNumber, varint::Reader};

/// How deep a document or a message may nest. Deeper frames are refused.
pub const DEPTH_MAX: usize = 16;
const EXT_ENTITY: i8 = 1;
const EXT_PLAYER: i8 = 2;

#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Nil,
    Bool(bool),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Map(BTreeMap<Key, Self>),
    Entity(EntityId),
    Player(PlayerNumber),
}

/// Integer keys sort before names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Index(i64),
    Name(String),
}

impl Key {
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Index(i) => drop(rmp::encode::write_sint(out, *i)),
            Self::Name(name) => drop(rmp::encode::write_str(out, name)),
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Self::Number(n)
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Number(f64::from(n))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl Value {
    /// A map from (name, value) pairs; nil values are left out.
    pub fn map<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Map(pairs.into_iter().filter(|(_, v)| *v != Self::Nil).map(|(k, v)| (k.into(), v)).collect())
    }

    /// The value under `name`, or nil; nil too where this is no map.
    pub fn get(&self, name: &str) -> &Self {
        match self {
            Self::Map(map) => map.get(&Key::from(name)).unwrap_or(&Self::Nil),
            _ => &Self::Nil,
        }
    }

    pub fn text(&self) -> Option<&str> {
        if let Self::Text(t) = self { Some(t) } else { None }
    }

    pub fn number(&self) -> Option<f64> {
        if let Self::Number(n) = self { Some(*n) } else { None }
    }

    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(b) = self { Some(b) } else { None }
    }

    pub fn bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    pub fn list(&self) -> Option<&[Self]> {
        if let Self::List(l) = self { Some(l) } else { None }
    }

    /// A whole number that fits a u32.
    pub fn u32(&self) -> Option<u32> {
        self.number().filter(|n| n.fract() == 0.0 && *n >= 0.0 && *n <= f64::from(u32::MAX)).map(|n| n as u32)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends the canonical form. The results dropped here are I/O results, and a `Vec` has no I/O to fail.
    pub fn encode(&self, out: &mut Vec<u8>) {
        use rmp::encode as mp;
        match self {
            Self::Nil => drop(mp::write_nil(out)),
            Self::Bool(b) => drop(mp::write_bool(out, *b)),
            Self::Number(n) => write_number(out, *n),
            Self::Text(t) => drop(mp::write_str(out, t)),
            Self::Bytes(b) => drop(mp::write_bin(out, b)),
            Self::List(items) => {
                write_list(out, items.len());
                items.iter().for_each(|item| item.encode(out));
            }
            Self::Map(map) => {
                drop(mp::write_map_len(out, map.len() as u32));
                for (key, value) in map {
                    key.encode(out);
                    value.encode(out);
                }
            }
            Self::Entity(id) => write_reference(out, EXT_ENTITY, *id),
            Self::Player(number) => write_reference(out, EXT_PLAYER, *number),
        }
    }

    /// Decodes exactly one value; anything left over is an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// As [`Self::from_bytes`], nested as deep as `depth`: for what this server has written itself, not for the wire.
    pub fn from_bytes_within(bytes: &[u8], depth: usize) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader, depth)?;
        reader.finish()?;
        Ok(value)
    }

    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Self::read(reader, DEPTH_MAX + 5) // a frame's own lists and maps come on top of what it carries
    }

    fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Self, CodecError> {
        let depth = depth.checked_sub(1).ok_or(CodecError::Depth)?;
        let marker = Marker::from_u8(reader.u8()?);
        if let Some(n) = read_integer(marker, reader)? {
            return Ok(Self::Number(n as f64));
        }
        Ok(match marker {
            Marker::Null => Self::Nil,
            Marker::True => Self::Bool(true),
            Marker::False => Self::Bool(false),
            Marker::F32 => Self::Number(f64::from(f32::from_be_bytes(read_array(reader)?))),
            Marker::F64 => Self::Number(f64::from_be_bytes(read_array(reader)?)),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Self::Text(read_text(marker, reader)?),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let length = read_length(marker, reader)?;
                Self::Bytes(reader.take(length)?.to_vec())
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                let count = read_length(marker, reader)?;
                check_count(count, reader)?;
                Self::List((0..count).map(|_| Self::read(reader, depth)).collect::<Result<_, _>>()?)
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                let count = read_length(marker, reader)?;
                check_count(count, reader)?;
                let mut map = BTreeMap::new();
                for _ in 0..count {
                    map.insert(read_key(reader)?, Self::read(reader, depth)?);
                }
                Self::Map(map)
            }
            Marker::FixExt4 => {
                let kind = reader.u8()? as i8;
                let number = u32::from_be_bytes(read_array(reader)?);
                match kind {
                    EXT_ENTITY => Self::Entity(number),
                    EXT_PLAYER => Self::Player(number),
                    _ => return Err(CodecError::Marker),
                }
            }
            _ => return Err(CodecError::Marker),
        })
    }
}

/// The head of a list; its items follow.
pub fn write_list(out: &mut Vec<u8>, length: usize) {
    drop(rmp::encode::write_array_len(out, length as u32));
}

fn write_number(out: &mut Vec<u8>, n: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if n.fract() == 0.0 && n.abs() < EXACT {
        drop(rmp::encode::write_sint(out, n as i64));
    } else {
        drop(rmp::encode::write_f64(out, n));
    }
}

fn write_reference(out: &mut Vec<u8>, kind: i8, number: u32) {
    drop(rmp::encode::write_ext_meta(out, 4, kind));
    out.extend_from_slice(&number.to_be_bytes());
}

/// A declared count can be no larger than the bytes that must still carry it: nothing is reserved on a promise.
fn check_count(count: usize, reader: &Reader<'_>) -> Result<(), CodecError> {
    if count > reader.remaining() { Err(CodecError::Truncated) } else { Ok(()) }
}

fn read_array<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], CodecError> {
    reader.take(N)?.try_into().map_err(|_| CodecError::Truncated)
}

fn read_integer(marker: Marker, reader: &mut Reader<'_>) -> Result<Option<i64>, CodecError> {
    Ok(Some(match marker {
        Marker::FixPos(n) => i64::from(n),
        Marker::FixNeg(n) => i64::from(n),
        Marker::U8 => i64::from(reader.u8()?),
        Marker::U16 => i64::from(u16::from_be_bytes(read_array(reader)?)),
        Marker::U32 => i64::from(u32::from_be_bytes(read_array(reader)?)),
        Marker::U64 => i64::try_from(u64::from_be_bytes(read_array(reader)?)).map_err(|_| CodecError::Range)?,
        Marker::I8 => i64::from(reader.u8()? as i8),
        Marker::I16 => i64::from(i16::from_be_bytes(read_array(reader)?)),
        Marker::I32 => i64::from(i32::from_be_bytes(read_array(reader)?)),
        Marker::I64 => i64::from_be_bytes(read_array(reader)?),
        _ => return Ok(None),
    }))
}

fn read_length(marker: Marker, reader: &mut Reader<'_>) -> Result<usize, CodecError> {
    Ok(match marker {
        Marker::FixStr(n) | Marker::FixArray(n) | Marker::FixMap(n) => usize::from(n),
        Marker::Str8 | Marker::Bin8 => usize::from(reader.u8()?),
        Marker::Str16 | Marker::Bin16 | Marker::Array16 | Marker::Map16 => {
            usize::from(u16::from_be_bytes(read_array(reader)?))
        }
        Marker::Str32 | Marker::Bin32 | Marker::Array32 | Marker::Map32 => {
            u32::from_be_bytes(read_array(reader)?) as usize
        }
        _ => return Err(CodecError::Marker),
    })
}

fn read_text(marker: Marker, reader: &mut Reader<'_>) -> Result<String, CodecError> {
    let length = read_length(marker, reader)?;
    let bytes = reader.take(length)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| CodecError::Text)
}

fn read_key(reader: &mut Reader<'_>) -> Result<Key, CodecError> {
    let marker = Marker::from_u8(reader.u8()?);
    if let Some(n) = read_integer(marker, reader)? {
        return Ok(Key::Index(n));
    }
    Ok(Key::Name(read_text(marker, reader)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let value = Value::map([
            ("n", Value::Number(1.5)),
            ("i", Value::Number(-70_000.0)),
            ("l", Value::List(vec![Value::Bool(true), Value::Nil, "x".into(), Value::Bytes(vec![0, 255])])),
            ("e", Value::Entity(7)),
            ("p", Value::Player(2)),
            ("m", Value::Map([(Key::Index(-3), Value::Map(BTreeMap::new()))].into())),
        ]);
        assert_eq!(Value::from_bytes(&value.to_bytes()), Ok(value));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        assert_eq!(Value::from_bytes(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(CodecError::Truncated));
        assert_eq!(Value::from_bytes(&[0x91; 100]), Err(CodecError::Depth));
        assert_eq!(Value::from_bytes(&[0xc1]), Err(CodecError::Marker));
        assert_eq!(Value::from_bytes(&[0xc0, 0xc0]), Err(CodecError::Trailing));
    }
}
