//! What servers send: made by the functions, read as [`ServerFrame`].

use bytes::Bytes;

use super::{binary, frame, kind, number, owned, pair, read_pair, reason, text};
use crate::protocol::{
    CloseReason, CodecError, Epoch, PlayerNumber, Tick, Value, document::Operation, schema::Schema, value::write_list,
    varint::Reader,
};

/// What a server sends, as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerFrame {
    Welcome(Box<Welcome>),
    Joined(Box<Joined>),
    Resumed {
        epoch: Epoch,
        received: u32,
    },
    Event {
        number: u32,
        tick: Tick,
        name: String,
        data: Value,
    },
    Reply {
        number: u32,
        tick: Tick,
        call: u32,
        result: Result<Value, String>,
    },
    Document {
        number: u32,
        tick: Tick,
        name: String,
        operations: Vec<Operation>,
    },
    Hash {
        number: u32,
        tick: Tick,
        world: u32,
        documents: u32,
    },
    Saved {
        epoch: Epoch,
        received: u32,
        saved: u32,
    },
    Bye {
        reason: CloseReason,
        text: String,
    },
    Refused {
        reason: CloseReason,
        text: String,
    },
    Left,
    Snapshot,
    Pong {
        token: u32,
        tick: Tick,
        age_us: u32,
    },
    /// A kind this client does not know: skip it.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Welcome {
    pub protocol: (u32, u32),
    pub session: String,
    /// Id and secret, when the server has just issued them.
    pub device: Option<(String, String)>,
    /// Present it on the next connection to take the seat again.
    pub resume: Vec<u8>,
    /// Milliseconds the seat is kept after a lost link.
    pub resume_window_ms: u32,
    pub ping_ms: u32,
}

/// The whole room as it stands: one round trip from a typed name to play.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Joined {
    pub epoch: Epoch,
    pub module: String,
    pub title: String,
    pub room: String,
    pub player: PlayerNumber,
    pub tick: Tick,
    pub schema: Schema,
    /// `state`, `players`, `secret`.
    pub documents: Value,
    /// A key snapshot, a whole frame.
    pub snapshot: Vec<u8>,
    /// The number of the first input to send.
    pub input: u32,
    /// The last client message contained in this state.
    pub applied: u32,
    /// Server messages that could not be replayed.
    pub messages_lost: u32,
}

impl Welcome {
    pub fn encode(&self) -> Bytes {
        let range = Value::List(vec![self.protocol.0.into(), self.protocol.1.into()]);
        let map = Value::map([
            ("protocol", range),
            ("session", self.session.as_str().into()),
            ("device", pair(&self.device)),
            ("resume", Value::Bytes(self.resume.clone())),
            ("resume_window_ms", self.resume_window_ms.into()),
            ("ping_ms", self.ping_ms.into()),
        ]);
        frame(vec![kind::WELCOME.into(), map])
    }

    fn from_value(value: &Value) -> Result<Self, CodecError> {
        let Some([low, high]) = value.get("protocol").list() else { return Err(CodecError::Shape) };
        Ok(Self {
            protocol: (number(Some(low))?, number(Some(high))?),
            session: owned(value.get("session")),
            device: read_pair(value.get("device")),
            resume: value.get("resume").bytes().unwrap_or_default().to_vec(),
            resume_window_ms: value.get("resume_window_ms").u32().unwrap_or(0),
            ping_ms: value.get("ping_ms").u32().unwrap_or(5000),
        })
    }
}

impl Joined {
    pub fn encode(&self) -> Bytes {
        let map = Value::map([
            ("epoch", self.epoch.into()),
            ("module", self.module.as_str().into()),
            ("title", self.title.as_str().into()),
            ("room", self.room.as_str().into()),
            ("player", self.player.into()),
            ("tick", self.tick.into()),
            ("schema", self.schema.to_value()),
            ("documents", self.documents.clone()),
            ("snapshot", Value::Bytes(self.snapshot.clone())),
            ("input", self.input.into()),
            ("applied", self.applied.into()),
            ("messages_lost", self.messages_lost.into()),
        ]);
        frame(vec![kind::JOINED.into(), map])
    }

    fn from_value(value: &Value) -> Result<Self, CodecError> {
        let n = |name| number(Some(value.get(name)));
        Ok(Self {
            epoch: n("epoch")?,
            module: owned(value.get("module")),
            title: owned(value.get("title")),
            room: owned(value.get("room")),
            player: n("player")?,
            tick: n("tick")?,
            schema: Schema::from_value(value.get("schema"))?,
            documents: value.get("documents").clone(),
            snapshot: value.get("snapshot").bytes().ok_or(CodecError::Shape)?.to_vec(),
            input: n("input")?,
            applied: n("applied")?,
            messages_lost: n("messages_lost")?,
        })
    }
}

pub fn resumed(epoch: Epoch, received: u32) -> Bytes {
    frame(vec![kind::RESUMED.into(), epoch.into(), received.into()])
}

pub fn event(number: u32, tick: Tick, name: &str, data: &Value) -> Bytes {
    frame(vec![kind::EVENT.into(), number.into(), tick.into(), name.into(), data.clone()])
}

pub fn reply(number: u32, tick: Tick, call: u32, result: &Result<Value, String>) -> Bytes {
    let (ok, value) = match result {
        Ok(value) => (true, value.clone()),
        Err(text) => (false, text.as_str().into()),
    };
    frame(vec![kind::REPLY.into(), number.into(), tick.into(), call.into(), ok.into(), value])
}

/// What the frames to all players have in common: the document's name and its operations.
pub fn document_body<'a>(name: &str, operations: impl ExactSizeIterator<Item = &'a Operation>) -> Bytes {
    let mut out = Vec::new();
    Value::from(name).encode(&mut out);
    write_list(&mut out, operations.len());
    operations.for_each(|operation| operation.encode(&mut out));
    out.into()
}

/// The operation that sets the whole document to `value`.
pub fn document_whole(name: &str, value: &Value) -> Bytes {
    let mut out = Vec::new();
    Value::from(name).encode(&mut out);
    write_list(&mut out, 1);
    write_list(&mut out, 2);
    write_list(&mut out, 0);
    value.encode(&mut out);
    out.into()
}

/// `body`: of [`document_body`] or [`document_whole`].
pub fn document(number: u32, tick: Tick, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(16 + body.len());
    write_list(&mut out, 5);
    for head in [kind::DOCUMENT, number, tick] {
        Value::from(head).encode(&mut out);
    }
    out.extend_from_slice(body);
    out.into()
}

pub fn hash(number: u32, tick: Tick, world: u32, documents: u32) -> Bytes {
    frame(vec![kind::HASH.into(), number.into(), tick.into(), world.into(), documents.into()])
}

pub fn saved(epoch: Epoch, received: u32, saved: u32) -> Bytes {
    frame(vec![kind::SAVED.into(), epoch.into(), received.into(), saved.into()])
}

pub fn bye(reason: CloseReason, text: &str) -> Bytes {
    frame(vec![kind::FAREWELL.into(), u32::from(reason.number()).into(), text.into()])
}

pub fn refused(reason: CloseReason, text: &str) -> Bytes {
    frame(vec![kind::REFUSED.into(), u32::from(reason.number()).into(), text.into()])
}

pub fn left() -> Bytes {
    frame(vec![kind::LEFT.into()])
}

pub fn pong(token: u32, tick: Tick, age_us: u32) -> Bytes {
    let mut out = vec![binary::PONG];
    for n in [token, tick, age_us] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.into()
}

impl ServerFrame {
    pub fn decode(frame: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(frame);
        match frame.first() {
            Some(&binary::SNAPSHOT) => Ok(Self::Snapshot),
            Some(&binary::PONG) => {
                reader.u8()?;
                let pong = Self::Pong { token: reader.u32()?, tick: reader.u32()?, age_us: reader.u32()? };
                reader.finish().map(|()| pong)
            }
            Some(0x90..=0x9f) => Self::decode_array(&Value::from_bytes(frame)?),
            Some(_) => Ok(Self::Unknown),
            None => Err(CodecError::Truncated),
        }
    }

    fn decode_array(value: &Value) -> Result<Self, CodecError> {
        let list = value.list().ok_or(CodecError::Shape)?;
        let at = |i: usize| list.get(i);
        let n = |i: usize| number(at(i));
        let map = || at(1).ok_or(CodecError::Shape);
        Ok(match n(0)? {
            kind::WELCOME => Self::Welcome(Box::new(Welcome::from_value(map()?)?)),
            kind::JOINED => Self::Joined(Box::new(Joined::from_value(map()?)?)),
            kind::RESUMED => Self::Resumed { epoch: n(1)?, received: n(2)? },
            kind::EVENT => {
                Self::Event { number: n(1)?, tick: n(2)?, name: text(at(3))?, data: at(4).cloned().unwrap_or_default() }
            }
            kind::REPLY => {
                let value = at(5).cloned().unwrap_or_default();
                let ok = at(4).and_then(Value::bool).ok_or(CodecError::Shape)?;
                let result = if ok { Ok(value) } else { Err(owned(&value)) };
                Self::Reply { number: n(1)?, tick: n(2)?, call: n(3)?, result }
            }
            kind::DOCUMENT => {
                let operations = at(4).and_then(Value::list).ok_or(CodecError::Shape)?;
                let operations = operations.iter().map(Operation::from_value).collect::<Result<_, _>>()?;
                Self::Document { number: n(1)?, tick: n(2)?, name: text(at(3))?, operations }
            }
            kind::HASH => Self::Hash { number: n(1)?, tick: n(2)?, world: n(3)?, documents: n(4)? },
            kind::SAVED => Self::Saved { epoch: n(1)?, received: n(2)?, saved: n(3)? },
            kind::FAREWELL => Self::Bye { reason: reason(at(1)), text: at(2).map(owned).unwrap_or_default() },
            kind::REFUSED => Self::Refused { reason: reason(at(1)), text: at(2).map(owned).unwrap_or_default() },
            kind::LEFT => Self::Left,
            _ => Self::Unknown,
        })
    }
}
