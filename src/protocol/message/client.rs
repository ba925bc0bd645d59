//! What clients send.

use bytes::Bytes;

use super::{binary, frame, kind, number, owned, pair, read_pair, reason, text};
use crate::protocol::{CloseReason, CodecError, Epoch, Tick, Value, varint::Reader};

/// The first frame of every connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hello {
    pub protocol: u32,
    /// Name and version of the client library, for logs.
    pub client: String,
    /// The player's display name.
    pub name: String,
    /// Id and secret as issued in an earlier `welcome`.
    pub device: Option<(String, String)>,
    pub resume: Option<Resume>,
    pub join: Option<JoinRequest>,
    /// Ask for a hash of the state every 30th tick.
    pub debug_hash: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resume {
    pub token: Vec<u8>,
    pub epoch: Epoch,
    /// The newest snapshot held, 0 for none.
    pub tick: Tick,
    /// The last numbered server frame received in `epoch`.
    pub received: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinRequest {
    pub module: String,
    pub room: String,
    pub password: String,
    /// `player` unless said otherwise.
    pub kind: String,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    Hello(Box<Hello>),
    /// Numbered within `epoch`. `call` asks for a reply.
    Message {
        epoch: Epoch,
        number: u32,
        call: Option<u32>,
        name: String,
        data: Value,
    },
    Join(JoinRequest),
    Leave,
    /// Numbered frames up to `received` need not be kept.
    Received {
        epoch: Epoch,
        received: u32,
    },
    Bye(CloseReason),
    /// Decoded later, with the room's schema: see [`crate::protocol::input`].
    Inputs,
    /// A bare acknowledgement of a snapshot.
    Ack {
        epoch_low: u8,
        tick: u16,
    },
    Ping {
        token: u32,
    },
}

impl JoinRequest {
    fn to_value(&self) -> Value {
        let optional = |text: &str| if text.is_empty() { Value::Nil } else { text.into() };
        Value::map([
            ("module", self.module.as_str().into()),
            ("room", self.room.as_str().into()),
            ("password", optional(&self.password)),
            ("kind", optional(&self.kind)),
        ])
    }

    fn from_value(value: &Value) -> Result<Self, CodecError> {
        Ok(Self {
            module: text(Some(value.get("module")))?,
            room: owned(value.get("room")),
            password: owned(value.get("password")),
            kind: owned(value.get("kind")),
        })
    }
}

impl Hello {
    fn to_value(&self) -> Value {
        let resume = self.resume.as_ref().map_or(Value::Nil, |r| {
            Value::map([
                ("token", Value::Bytes(r.token.clone())),
                ("epoch", r.epoch.into()),
                ("tick", r.tick.into()),
                ("received", r.received.into()),
            ])
        });
        Value::map([
            ("protocol", self.protocol.into()),
            ("client", self.client.as_str().into()),
            ("name", self.name.as_str().into()),
            ("device", pair(&self.device)),
            ("resume", resume),
            ("join", self.join.as_ref().map_or(Value::Nil, JoinRequest::to_value)),
            ("debug_hash", if self.debug_hash { true.into() } else { Value::Nil }),
        ])
    }

    fn from_value(value: &Value) -> Result<Self, CodecError> {
        let resume = match value.get("resume") {
            Value::Nil => None,
            r => Some(Resume {
                token: r.get("token").bytes().ok_or(CodecError::Shape)?.to_vec(),
                epoch: r.get("epoch").u32().unwrap_or(0),
                tick: r.get("tick").u32().unwrap_or(0),
                received: r.get("received").u32().unwrap_or(0),
            }),
        };
        let join = match value.get("join") {
            Value::Nil => None,
            join => Some(JoinRequest::from_value(join)?),
        };
        Ok(Self {
            protocol: number(Some(value.get("protocol")))?,
            client: owned(value.get("client")),
            name: owned(value.get("name")),
            device: read_pair(value.get("device")),
            resume,
            join,
            debug_hash: value.get("debug_hash").bool().unwrap_or(false),
        })
    }
}

impl ClientFrame {
    pub fn encode(&self) -> Bytes {
        use kind::*;
        match self {
            Self::Hello(hello) => frame(vec![HELLO.into(), hello.to_value()]),
            Self::Message { epoch, number, call: None, name, data } => {
                frame(vec![MESSAGE.into(), (*epoch).into(), (*number).into(), name.as_str().into(), data.clone()])
            }
            Self::Message { epoch, number, call: Some(call), name, data } => frame(vec![
                CALL.into(),
                (*epoch).into(),
                (*number).into(),
                (*call).into(),
                name.as_str().into(),
                data.clone(),
            ]),
            Self::Join(join) => frame(vec![JOIN.into(), join.to_value()]),
            Self::Leave => frame(vec![LEAVE.into()]),
            Self::Received { epoch, received } => frame(vec![RECEIVED.into(), (*epoch).into(), (*received).into()]),
            Self::Bye(reason) => frame(vec![BYE.into(), u32::from(reason.number()).into()]),
            Self::Inputs => Bytes::from_static(&[binary::INPUTS]),
            Self::Ack { epoch_low, tick } => {
                let [low, high] = tick.to_le_bytes();
                Bytes::copy_from_slice(&[binary::ACK, *epoch_low, low, high])
            }
            Self::Ping { token } => {
                let mut out = vec![binary::PING];
                out.extend_from_slice(&token.to_le_bytes());
                out.into()
            }
        }
    }

    pub fn decode(frame: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(frame);
        match frame.first() {
            Some(&binary::INPUTS) => Ok(Self::Inputs),
            Some(&binary::ACK) => {
                reader.u8()?;
                let ack = Self::Ack { epoch_low: reader.u8()?, tick: reader.u16()? };
                reader.finish().map(|()| ack)
            }
            Some(&binary::PING) => {
                reader.u8()?;
                let ping = Self::Ping { token: reader.u32()? };
                reader.finish().map(|()| ping)
            }
            Some(0x90..=0x9f) => Self::decode_array(&Value::from_bytes(frame)?),
            _ => Err(CodecError::Marker),
        }
    }

    fn decode_array(value: &Value) -> Result<Self, CodecError> {
        let list = value.list().ok_or(CodecError::Shape)?;
        let at = |i: usize| list.get(i);
        match number(at(0))? {
            kind::HELLO => Ok(Self::Hello(Box::new(Hello::from_value(at(1).ok_or(CodecError::Shape)?)?))),
            kind::MESSAGE => Ok(Self::Message {
                epoch: number(at(1))?,
                number: number(at(2))?,
                call: None,
                name: text(at(3))?,
                data: at(4).cloned().unwrap_or_default(),
            }),
            kind::CALL => Ok(Self::Message {
                epoch: number(at(1))?,
                number: number(at(2))?,
                call: Some(number(at(3))?),
                name: text(at(4))?,
                data: at(5).cloned().unwrap_or_default(),
            }),
            kind::JOIN => Ok(Self::Join(JoinRequest::from_value(at(1).ok_or(CodecError::Shape)?)?)),
            kind::LEAVE => Ok(Self::Leave),
            kind::RECEIVED => Ok(Self::Received { epoch: number(at(1))?, received: number(at(2))? }),
            kind::BYE => Ok(Self::Bye(reason(at(1)))),
            _ => Err(CodecError::Marker),
        }
    }
}
