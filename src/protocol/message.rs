//! Every frame and its bytes. The first byte tells the kind: 0x01–0x0f binary, 0x90–0x9f a MessagePack array `[kind, …]`.
//!
//! Binary frames may be lost (they ride datagrams where there are some); array frames are reliable and ordered.
//! Frames marked "numbered" are kept by their sender until the other side has received them.

use bytes::Bytes;

use super::{
    CloseReason, CodecError, Epoch, PlayerNumber, Tick, Value, document::Operation, schema::Schema, varint::Reader,
};

/// First bytes of the binary frames.
pub mod binary {
    pub const SNAPSHOT: u8 = 0x01;
    pub const INPUTS: u8 = 0x02;
    pub const PING: u8 = 0x03;
    pub const PONG: u8 = 0x04;
    pub const ACK: u8 = 0x05;
}

/// First elements of the array frames: below 16 from the client, from 16 on from the server.
pub mod kind {
    pub const HELLO: u32 = 1;
    pub const MESSAGE: u32 = 2;
    pub const CALL: u32 = 3;
    pub const JOIN: u32 = 4;
    pub const LEAVE: u32 = 5;
    pub const RECEIVED: u32 = 6;
    pub const BYE: u32 = 7;

    pub const WELCOME: u32 = 16;
    pub const JOINED: u32 = 17;
    pub const RESUMED: u32 = 18;
    pub const EVENT: u32 = 19;
    pub const REPLY: u32 = 20;
    pub const DOCUMENT: u32 = 21;
    pub const HASH: u32 = 22;
    pub const SAVED: u32 = 23;
    pub const FAREWELL: u32 = 24;
    pub const REFUSED: u32 = 25;
    pub const LEFT: u32 = 26;
}

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
    /// Decoded later, with the room's schema: see [`super::input`].
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

fn frame(parts: Vec<Value>) -> Bytes {
    Value::List(parts).to_bytes().into()
}

fn pair(device: &Option<(String, String)>) -> Value {
    device.as_ref().map_or(Value::Nil, |(id, secret)| Value::List(vec![id.as_str().into(), secret.as_str().into()]))
}

fn read_pair(value: &Value) -> Option<(String, String)> {
    match value.list() {
        Some([Value::Text(id), Value::Text(secret)]) => Some((id.clone(), secret.clone())),
        _ => None,
    }
}

fn owned(value: &Value) -> String {
    value.text().unwrap_or_default().to_owned()
}

fn number(value: Option<&Value>) -> Result<u32, CodecError> {
    value.and_then(Value::u32).ok_or(CodecError::Shape)
}

fn text(value: Option<&Value>) -> Result<String, CodecError> {
    value.and_then(Value::text).map(str::to_owned).ok_or(CodecError::Shape)
}

fn reason(value: Option<&Value>) -> CloseReason {
    let number = value.and_then(Value::u32).unwrap_or(0);
    u8::try_from(number).ok().and_then(CloseReason::from_number).unwrap_or(CloseReason::Internal)
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

/// The server's frames, as bytes.
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

pub fn document(number: u32, tick: Tick, name: &str, operations: &[Operation]) -> Bytes {
    let operations = Value::List(operations.iter().map(Operation::to_value).collect());
    frame(vec![kind::DOCUMENT.into(), number.into(), tick.into(), name.into(), operations])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_frames_round_trip() {
        let hello = Hello {
            protocol: 1,
            client: "test".into(),
            name: "ann".into(),
            device: Some(("id".into(), "secret".into())),
            resume: Some(Resume { token: vec![1, 2], epoch: 7, tick: 9, received: 3 }),
            join: Some(JoinRequest { module: "tank8".into(), room: "pond".into(), ..JoinRequest::default() }),
            debug_hash: true,
        };
        for frame in [
            ClientFrame::Hello(Box::new(hello)),
            ClientFrame::Message { epoch: 1, number: 2, call: None, name: "chat".into(), data: Value::map([]) },
            ClientFrame::Message { epoch: 1, number: 3, call: Some(4), name: "echo".into(), data: 1.5.into() },
            ClientFrame::Leave,
            ClientFrame::Received { epoch: u32::MAX, received: 5 },
            ClientFrame::Bye(CloseReason::Hidden),
            ClientFrame::Ack { epoch_low: 200, tick: 65535 },
            ClientFrame::Ping { token: 77 },
        ] {
            assert_eq!(ClientFrame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn unknown_server_kinds_are_skipped() {
        assert_eq!(ServerFrame::decode(&Value::List(vec![99.0.into()]).to_bytes()), Ok(ServerFrame::Unknown));
        assert_eq!(ServerFrame::decode(&[0x0f, 1, 2]), Ok(ServerFrame::Unknown));
    }
}
