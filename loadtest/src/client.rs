//! The client side of the protocol as a state machine: frames and times in, frames and findings out.
//!
//! No I/O and no clock, so a test can drive it by hand and any transport can carry it. It keeps a mirror of the room,
//! numbers its inputs, answers numbered frames, pings, and compares its mirror with the server's hashes.

use std::collections::VecDeque;

use airboat::protocol::{
    CloseReason, CodecError, Micros, PROTOCOL_MAX, Tick, Value, hash, input,
    message::{ClientFrame, Hello, JoinRequest, Joined, ServerFrame},
    mirror::{Applied, Mirror},
};
use bytes::Bytes;

use crate::clock::Clock;

const PING_US: Micros = 1_000_000;
/// How long received numbered frames may go unanswered.
const RECEIVED_US: Micros = 250_000;
/// Without an input to ride on, every second snapshot is acknowledged by a frame of its own.
const SNAPSHOTS_UNACKED: u32 = 2;
/// Nothing new for so long: an acknowledgement may have been lost, and with it all snapshots to come.
const QUIET_US: Micros = 500_000;
/// Inputs remembered after sending: far more than can be on their way.
const SENT_MAX: usize = 256;
/// Pings on their way, world hashes kept, hashes waiting for their snapshot: each a few seconds' worth.
const KEPT: usize = 8;
/// The server hashes ticks that are a multiple of this; our own hash of them is kept until its frame arrives.
const HASH_EVERY: Tick = 30;

/// What a frame meant for whoever drives the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    Nothing,
    /// A room was entered, or came to life anew: everything starts over.
    Joined,
    /// A newer snapshot stands in the mirror.
    Snapshot(Tick),
    /// The server ended the connection or refused the room.
    Closed(CloseReason, String),
}

/// What the server got wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("a frame could not be decoded: {0}")]
    Decode(#[from] CodecError),
    #[error("numbered frame {got} came where {expected} was due")]
    Gap { expected: u32, got: u32 },
    #[error("a numbered frame or snapshot came before the join answer")]
    Early,
    #[error("the world of tick {tick} hashes to {ours:08x} here and to {theirs:08x} there")]
    World { tick: Tick, ours: u32, theirs: u32 },
    #[error("the documents at tick {tick} hash to {ours:08x} here and to {theirs:08x} there")]
    Documents { tick: Tick, ours: u32, theirs: u32 },
}

/// Comparisons of hashes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hashes {
    pub worlds: u64,
    pub documents: u64,
    /// World hashes whose snapshot was never held, lost or skipped on the way, or was partial.
    pub uncompared: u64,
}

/// An input as it went out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub at: Micros,
    pub steps: Vec<i32>,
}

#[derive(Debug)]
pub struct Client {
    hello: Hello,
    /// Snapshots are believed, not decoded.
    credulous: bool,
    room: Option<Room>,
    faults: Vec<Fault>,
    hashes: Hashes,
}

/// What begins with a join answer.
#[derive(Debug)]
struct Room {
    player: u32,
    mirror: Mirror,
    clock: Clock,
    sent: SentInputs,
    /// The last numbered frame received, and the last one answered.
    received: u32,
    answered: u32,
    answer_at: Micros,
    unacked: u32,
    /// When the newest snapshot is acknowledged once more, unless another has come.
    ack_at: Micros,
    next_ping: Micros,
    /// The last message sent.
    message: u32,
    token: u32,
    pings: VecDeque<(u32, Micros)>,
    own_hashes: VecDeque<(Tick, u32)>,
    awaited_hashes: VecDeque<(Tick, u32)>,
}

/// Consecutively numbered; `newest` is the number of the last.
#[derive(Debug)]
struct SentInputs {
    newest: u32,
    inputs: VecDeque<Sent>,
}

impl Client {
    pub fn new(name: String, module: String, room: String) -> Self {
        let hello = Hello {
            protocol: PROTOCOL_MAX,
            client: concat!("airboat-loadtest ", env!("CARGO_PKG_VERSION")).into(),
            name,
            join: Some(JoinRequest { module, room, ..JoinRequest::default() }),
            debug_hash: true,
            ..Hello::default()
        };
        Self { hello, credulous: false, room: None, faults: Vec::new(), hashes: Hashes::default() }
    }

    /// One that only makes load: it believes what it is told and asks for no hashes.
    #[must_use]
    pub fn credulous(mut self) -> Self {
        self.credulous = true;
        self.hello.debug_hash = false;
        self
    }

    /// The first frame of a connection.
    pub fn hello(&self) -> Bytes {
        ClientFrame::Hello(Box::new(self.hello.clone())).encode()
    }

    pub fn receive(&mut self, frame: &[u8], now: Micros) -> Happened {
        let outcome = ServerFrame::decode(frame).map_err(Fault::from).and_then(|decoded| match decoded {
            ServerFrame::Snapshot => self.snapshot(frame, now),
            decoded => self.handle(decoded, now),
        });
        outcome.unwrap_or_else(|fault| {
            self.faults.push(fault);
            Happened::Nothing
        })
    }

    fn handle(&mut self, frame: ServerFrame, now: Micros) -> Result<Happened, Fault> {
        match frame {
            ServerFrame::Joined(joined) => {
                self.room = Some(Room::new(&joined, now)?);
                return Ok(Happened::Joined);
            }
            ServerFrame::Bye { reason, text } | ServerFrame::Refused { reason, text } => {
                return Ok(Happened::Closed(reason, text));
            }
            ServerFrame::Pong { token, tick, age_us } => {
                if let Some(room) = &mut self.room {
                    room.pong(token, tick, age_us, now);
                }
            }
            ServerFrame::Event { number, .. } | ServerFrame::Reply { number, .. } => {
                self.numbered(number, now)?;
            }
            ServerFrame::Document { number, name, operations, .. } => {
                self.numbered(number, now)?.mirror.patch(&name, &operations)?;
            }
            ServerFrame::Hash { number, tick, world, documents } => {
                self.numbered(number, now)?;
                self.hash(tick, world, documents)?;
            }
            _ => {}
        }
        Ok(Happened::Nothing)
    }

    /// Numbered frames arrive one after the other. After a gap, counting goes on from where it landed.
    fn numbered(&mut self, got: u32, now: Micros) -> Result<&mut Room, Fault> {
        let room = self.room.as_mut().ok_or(Fault::Early)?;
        let expected = room.received + 1;
        if room.received == room.answered {
            room.answer_at = now + RECEIVED_US;
        }
        room.received = got;
        if got != expected {
            self.faults.push(Fault::Gap { expected, got });
        }
        Ok(room)
    }

    fn snapshot(&mut self, frame: &[u8], now: Micros) -> Result<Happened, Fault> {
        let room = self.room.as_mut().ok_or(Fault::Early)?;
        let applied = if self.credulous { room.mirror.believe(frame)? } else { room.mirror.apply(frame)? };
        let Applied::Newest(tick) = applied else { return Ok(Happened::Nothing) };
        room.unacked += 1;
        room.ack_at = now + QUIET_US;
        if self.credulous {
            return Ok(Happened::Snapshot(tick));
        }
        if tick.is_multiple_of(HASH_EVERY) && !room.mirror.is_partial() {
            push_bounded(&mut room.own_hashes, (tick, hash::world(room.mirror.world())));
        }
        while let Some((awaited, theirs)) = room.awaited_hashes.front().copied().filter(|(of, _)| *of <= tick) {
            room.awaited_hashes.pop_front();
            compare_world(room.world_hash(awaited), awaited, theirs, &mut self.hashes, &mut self.faults);
        }
        Ok(Happened::Snapshot(tick))
    }

    /// Every patch up to `tick` came before this frame; the snapshot of `tick` may come before, after or never.
    fn hash(&mut self, tick: Tick, world: u32, documents: u32) -> Result<(), Fault> {
        let room = self.room.as_mut().ok_or(Fault::Early)?;
        if tick > room.mirror.tick() {
            if let Some((lost, theirs)) = push_bounded(&mut room.awaited_hashes, (tick, world)) {
                compare_world(None, lost, theirs, &mut self.hashes, &mut self.faults);
            }
        } else {
            compare_world(room.world_hash(tick), tick, world, &mut self.hashes, &mut self.faults);
        }
        self.hashes.documents += 1;
        let ours = room.mirror.documents_hash();
        if ours == documents { Ok(()) } else { Err(Fault::Documents { tick, ours, theirs: documents }) }
    }

    /// Numbers an input and makes the frame that carries it, the last three again, and the acknowledgement.
    pub fn input(&mut self, steps: Vec<i32>, now: Micros) -> Option<Bytes> {
        let room = self.room.as_mut()?;
        room.unacked = 0;
        room.sent.push(Sent { at: now, steps });
        let newest_first: Vec<&[i32]> =
            room.sent.inputs.iter().rev().take(input::INPUTS_PER_FRAME).map(|sent| sent.steps.as_slice()).collect();
        let tick = room.mirror.tick();
        Some(input::encode(room.mirror.epoch, tick, tick.wrapping_mul(8), room.sent.newest, &newest_first))
    }

    /// A message to the room. Whoever must not lose one over a resume keeps it: see `player`.
    pub fn message(&mut self, name: &str, data: Value) -> Option<Bytes> {
        let room = self.room.as_mut()?;
        room.message += 1;
        let (epoch, number) = (room.mirror.epoch, room.message);
        Some(ClientFrame::Message { epoch, number, call: None, name: name.to_owned(), data }.encode())
    }

    /// Frames that are due by themselves: a ping, an answer to numbered frames, a bare acknowledgement.
    pub fn due(&mut self, now: Micros) -> Vec<Bytes> {
        let Some(room) = &mut self.room else { return Vec::new() };
        let mut frames = Vec::new();
        if now >= room.next_ping {
            frames.push(room.ping(now));
        }
        if room.received != room.answered && now >= room.answer_at {
            frames.push(room.answer());
        }
        if room.unacked >= SNAPSHOTS_UNACKED || now >= room.ack_at {
            room.ack_at = now + QUIET_US;
            frames.push(room.ack());
        }
        frames
    }

    /// When [`Self::due`] has something next, at the latest.
    pub fn deadline(&self) -> Option<Micros> {
        let room = self.room.as_ref()?;
        let answer = (room.received != room.answered).then_some(room.answer_at);
        let timed = room.next_ping.min(room.ack_at);
        Some(answer.map_or(timed, |at| at.min(timed)))
    }

    /// What a parked poll carries: it asks for the next snapshot, so it says which one is held.
    pub fn acknowledgements(&mut self) -> Vec<Bytes> {
        let Some(room) = &mut self.room else { return Vec::new() };
        let mut frames = vec![room.ack()];
        if room.received != room.answered {
            frames.push(room.answer());
        }
        frames
    }

    pub fn bye(&self, reason: CloseReason) -> Bytes {
        ClientFrame::Bye(reason).encode()
    }

    pub fn mirror(&self) -> Option<&Mirror> {
        self.room.as_ref().map(|room| &room.mirror)
    }

    pub fn player(&self) -> Option<u32> {
        self.room.as_ref().map(|room| room.player)
    }

    pub fn clock(&self) -> Option<&Clock> {
        self.room.as_ref().map(|room| &room.clock)
    }

    /// The input with this number, while it is remembered.
    pub fn sent(&self, number: u32) -> Option<&Sent> {
        self.room.as_ref()?.sent.get(number)
    }

    /// Number of the last input made; 0 outside a room.
    pub fn newest_input(&self) -> u32 {
        self.room.as_ref().map_or(0, |room| room.sent.newest)
    }

    pub const fn hashes(&self) -> Hashes {
        self.hashes
    }

    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }
}

impl Room {
    fn new(joined: &Joined, now: Micros) -> Result<Self, CodecError> {
        Ok(Self {
            player: joined.player,
            mirror: Mirror::new(joined)?,
            clock: Clock::new(joined.schema.tick_rate),
            sent: SentInputs { newest: joined.input.wrapping_sub(1), inputs: VecDeque::new() },
            received: 0,
            answered: 0,
            answer_at: 0,
            unacked: 0,
            ack_at: now + QUIET_US,
            next_ping: now,
            message: 0,
            token: 0,
            pings: VecDeque::new(),
            own_hashes: VecDeque::new(),
            awaited_hashes: VecDeque::new(),
        })
    }

    fn ping(&mut self, now: Micros) -> Bytes {
        self.next_ping = now + PING_US;
        self.token = self.token.wrapping_add(1);
        push_bounded(&mut self.pings, (self.token, now));
        ClientFrame::Ping { token: self.token }.encode()
    }

    fn pong(&mut self, token: u32, tick: Tick, age_us: u32, now: Micros) {
        if let Some((_, sent)) = self.pings.iter().find(|(t, _)| *t == token) {
            self.clock.pong(*sent, now, tick, age_us);
        }
    }

    fn answer(&mut self) -> Bytes {
        self.answered = self.received;
        ClientFrame::Received { epoch: self.mirror.epoch, received: self.received }.encode()
    }

    fn ack(&mut self) -> Bytes {
        self.unacked = 0;
        self.mirror.ack().encode()
    }

    fn world_hash(&self, tick: Tick) -> Option<u32> {
        let kept = self.own_hashes.iter().find(|(t, _)| *t == tick).map(|(_, hash)| *hash);
        kept.or_else(|| self.mirror.whole_at(tick).map(hash::world))
    }
}

fn compare_world(ours: Option<u32>, tick: Tick, theirs: u32, hashes: &mut Hashes, faults: &mut Vec<Fault>) {
    match ours {
        None => hashes.uncompared += 1,
        Some(ours) => {
            hashes.worlds += 1;
            if ours != theirs {
                faults.push(Fault::World { tick, ours, theirs });
            }
        }
    }
}

/// Keeps the newest [`KEPT`]; gives back what fell out.
fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) -> Option<T> {
    queue.push_back(item);
    if queue.len() > KEPT { queue.pop_front() } else { None }
}

impl SentInputs {
    fn push(&mut self, sent: Sent) {
        self.newest = self.newest.wrapping_add(1);
        self.inputs.push_back(sent);
        if self.inputs.len() > SENT_MAX {
            self.inputs.pop_front();
        }
    }

    fn get(&self, number: u32) -> Option<&Sent> {
        let back = self.newest.wrapping_sub(number) as usize;
        self.inputs.len().checked_sub(back + 1).and_then(|index| self.inputs.get(index))
    }
}
