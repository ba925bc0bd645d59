//! Every frame and its bytes. The first byte tells the kind: 0x01–0x0f binary, 0x90–0x9f a MessagePack array `[kind, …]`.
//!
//! Binary frames may be lost (they ride datagrams where there are some); array frames are reliable and ordered.
//! Frames marked "numbered" are kept by their sender until the other side has received them.

use bytes::Bytes;

use super::{CloseReason, CodecError, Value};

mod client;
mod server;

pub use client::{ClientFrame, Hello, JoinRequest, Resume};
pub use server::{
    Joined, ServerFrame, Welcome, bye, document, document_body, document_whole, event, hash, left, pong, refused,
    reply, resumed, saved,
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
