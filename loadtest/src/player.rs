//! A player who stays the same person over many connections: identity, resume, and messages that are neither lost nor
//! doubled. Wraps a [`Client`], which knows one room over one connection at a time.

use std::collections::VecDeque;

use airboat::protocol::{
    Epoch, Micros, Value,
    message::{ClientFrame, Hello, JoinRequest, Resume, ServerFrame},
};
use bytes::Bytes;

use crate::client::{Client, Happened};

/// A message on its way: kept until the server has saved it.
#[derive(Debug, Clone)]
struct Pending {
    number: u32,
    call: Option<u32>,
    name: String,
    data: Value,
}

/// Something the room said.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Event { name: String, data: Value },
    Reply { call: u32, result: Result<Value, String> },
}

#[derive(Debug)]
pub struct Player {
    pub client: Client,
    hello: Hello,
    device: Option<(String, String)>,
    token: Option<Vec<u8>>,
    epoch: Epoch,
    /// The last numbered frame received in `epoch`.
    received: u32,
    /// The join answer or `resumed` has come on this connection: numbered frames and inputs may go out.
    answered: bool,
    pending: VecDeque<Pending>,
    last_number: u32,
    last_call: u32,
    heard: Vec<Heard>,
    /// Server messages that were gone when a resume came too late, by its own count.
    pub messages_lost: u32,
    /// Resumes answered by replay, and by the join answer again.
    pub replayed: u32,
    pub rejoined: u32,
}

impl Player {
    pub fn new(name: &str, join: JoinRequest) -> Self {
        let client = Client::new(name.to_owned(), join.module.clone(), join.room.clone());
        let hello = Hello {
            protocol: airboat::protocol::PROTOCOL_MAX,
            client: "airboat player".into(),
            name: name.to_owned(),
            join: Some(join),
            debug_hash: true,
            ..Hello::default()
        };
        Self {
            client,
            hello,
            device: None,
            token: None,
            epoch: 0,
            received: 0,
            answered: false,
            pending: VecDeque::new(),
            last_number: 0,
            last_call: 0,
            heard: Vec::new(),
            messages_lost: 0,
            replayed: 0,
            rejoined: 0,
        }
    }

    /// The first frame of the next connection, whatever its transport.
    pub fn hello(&mut self) -> Bytes {
        self.answered = false;
        let tick = self.client.mirror().map_or(0, |mirror| mirror.tick());
        let resume = self.token.clone().map(|token| Resume { token, epoch: self.epoch, tick, received: self.received });
        let hello = Hello { device: self.device.clone(), resume, ..self.hello.clone() };
        ClientFrame::Hello(Box::new(hello)).encode()
    }

    /// Forgets the resume token, as a page does that was closed: the device alone is left.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    pub fn device(&self) -> Option<&(String, String)> {
        self.device.as_ref()
    }

    pub fn token(&self) -> Option<&[u8]> {
        self.token.as_deref()
    }

    pub const fn is_playing(&self) -> bool {
        self.answered
    }

    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes a frame in; what has to go out because of it is appended to `out`.
    pub fn receive(&mut self, frame: &[u8], now: Micros, out: &mut Vec<Bytes>) -> Happened {
        match ServerFrame::decode(frame) {
            Ok(ServerFrame::Welcome(welcome)) => {
                self.token = Some(welcome.resume);
                self.device = welcome.device.or_else(|| self.device.take());
            }
            Ok(ServerFrame::Joined(joined)) => {
                let again = self.epoch == joined.epoch;
                self.rejoined += u32::from(again);
                self.messages_lost += joined.messages_lost;
                self.epoch = joined.epoch;
                self.received = 0;
                self.renumber(joined.applied);
                self.resend(0, out);
            }
            Ok(ServerFrame::Resumed { received, .. }) => {
                self.replayed += 1;
                self.resend(received, out);
            }
            Ok(ServerFrame::Saved { epoch, saved, .. }) if epoch == self.epoch => {
                self.pending.retain(|message| message.number > saved);
            }
            Ok(ServerFrame::Event { number, name, data, .. }) => {
                self.received = number;
                self.heard.push(Heard::Event { name, data });
            }
            Ok(ServerFrame::Reply { number, call, result, .. }) => {
                self.received = number;
                self.heard.push(Heard::Reply { call, result });
            }
            Ok(ServerFrame::Document { number, .. } | ServerFrame::Hash { number, .. }) => self.received = number,
            _ => {}
        }
        self.client.receive(frame, now)
    }

    /// Messages up to `applied` stand in the state; the rest count from 1 again.
    fn renumber(&mut self, applied: u32) {
        self.pending.retain(|message| message.number > applied);
        for (index, message) in self.pending.iter_mut().enumerate() {
            message.number = index as u32 + 1;
        }
        self.last_number = self.pending.len() as u32;
    }

    fn resend(&mut self, received: u32, out: &mut Vec<Bytes>) {
        self.answered = true;
        out.extend(self.pending.iter().filter(|m| m.number > received).map(|m| self.frame(m)));
    }

    fn frame(&self, message: &Pending) -> Bytes {
        let Pending { number, call, name, data } = message.clone();
        ClientFrame::Message { epoch: self.epoch, number, call, name, data }.encode()
    }

    /// Queues a message; the frame to send now, if there is a room to send it to.
    pub fn message(&mut self, name: &str, data: Value) -> Option<Bytes> {
        self.push(None, name, data)
    }

    /// Like `message`, to be answered; returns the call's number too.
    pub fn call(&mut self, name: &str, data: Value) -> (u32, Option<Bytes>) {
        self.last_call += 1;
        (self.last_call, self.push(Some(self.last_call), name, data))
    }

    fn push(&mut self, call: Option<u32>, name: &str, data: Value) -> Option<Bytes> {
        self.last_number += 1;
        let message = Pending { number: self.last_number, call, name: name.to_owned(), data };
        let frame = self.answered.then(|| self.frame(&message));
        self.pending.push_back(message);
        frame
    }

    /// What the room has said since the last call.
    pub fn take_heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }
}
