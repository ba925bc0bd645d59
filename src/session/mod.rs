//! A session: the connection-independent end of a player, as a pair of handles on one state.
//!
//! [`Session`] is the room's end: nothing in it waits. [`Link`] is the transport's end, one for each attachment; a newer
//! one takes over from an older. Between them stand the lanes (`lanes.rs`), each with its own policy. Resume tokens are
//! in `token.rs`, the rates a link must keep in `rate.rs`.

mod lanes;
mod link;
mod rate;
mod token;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::Waker,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::{
    config::Limits,
    metrics::Metrics,
    protocol::{CloseReason, Epoch, Micros, Tick, message::JoinRequest},
};

pub use lanes::{Drained, Message, Presence, ResumeFrom};
pub use link::{Link, Outgoing};
pub use token::{SessionId, Token, TokenKey};

use lanes::Lanes;

/// How a link takes snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The latest wins, any may be lost: the baseline is what the client acknowledged.
    Datagram,
    /// All arrive in order: the baseline is the one given last, and credit bounds how many are under way.
    Ordered,
    /// One for each poll; the poll acknowledges what the client holds.
    Polled,
}

/// In the order of `metrics::TRANSPORTS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportKind {
    Quic,
    Webtransport,
    Websocket,
    Http,
}

impl TransportKind {
    pub const fn name(self) -> &'static str {
        crate::metrics::TRANSPORTS[self as usize]
    }
}

/// What a link cannot do by itself; the transport hands it to the directory.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Join(JoinRequest),
    Leave,
}

/// What both ends of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    id: SessionId,
    device: String,
    debug_hash: bool,
    lanes: Mutex<Lanes>,
    /// The link task that waits in `Link::next`.
    waker: AtomicWaker,
    /// Resume tokens issued; the newest generation.
    issued: AtomicU32,
    /// The lowest generation that is still accepted.
    confirmed: AtomicU32,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

impl Shared {
    /// No code that holds this lock can panic half way through a change, so a poisoned one is still good.
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session, from whichever end; it is counted once.
    fn end(&self, reason: CloseReason, text: &str) {
        if self.lanes().end(reason, text) {
            self.metrics.sessions_held.add(-1);
            self.metrics.sessions_closed.add(reason.number(), 1);
        }
        self.waker.wake();
    }
}

/// The room's end. Cloning gives another handle on the same session.
#[derive(Debug, Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// What a new session is made with.
#[derive(Debug, Clone)]
pub struct SessionInit {
    pub id: SessionId,
    pub device: String,
    pub debug_hash: bool,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
}

impl Session {
    pub fn new(init: SessionInit, now: Micros) -> Self {
        init.metrics.sessions_held.add(1);
        let lanes = Mutex::new(Lanes::new(now));
        let shared = Shared {
            id: init.id,
            device: init.device,
            debug_hash: init.debug_hash,
            lanes,
            waker: AtomicWaker::new(),
            issued: AtomicU32::new(0),
            confirmed: AtomicU32::new(0),
            limits: init.limits,
            metrics: init.metrics,
        };
        Self { shared: Arc::new(shared) }
    }

    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    pub fn device(&self) -> &str {
        &self.shared.device
    }

    pub fn wants_hash(&self) -> bool {
        self.shared.debug_hash
    }

    /// Attaches a new link; an older one is told that it was replaced. `resume` says what the client still holds;
    /// `welcome` leaves before anything else.
    pub fn attach(
        &self,
        transport: TransportKind,
        delivery: Delivery,
        resume: ResumeFrom,
        welcome: Bytes,
        link_token: [u8; 16],
        now: Micros,
    ) -> Link {
        let attachment = self.shared.lanes().attach(delivery, resume, welcome);
        self.shared.metrics.sessions[transport as usize].add(1);
        self.shared.waker.wake();
        Link::new(self.shared.clone(), transport, attachment, link_token, now)
    }

    /// The next resume token's generation, issued in `welcome`.
    pub fn issue_generation(&self) -> u32 {
        self.shared.issued.fetch_add(1, Relaxed) + 1
    }

    /// Whether a token of this generation may still take the session.
    pub fn accepts_generation(&self, generation: u32) -> bool {
        generation >= self.shared.confirmed.load(Relaxed) && generation <= self.shared.issued.load(Relaxed)
    }

    /// Everything that has come in since the last tick, and how the link stands. The room calls it once a tick.
    pub fn drain(&self, into: &mut Drained) {
        self.shared.lanes().drain(into);
    }

    /// Begins an epoch: numbers restart. What a living link has been given still leaves it, in front of the `answer` that
    /// follows; what a lost one had not received is counted by `lost`.
    pub fn begin(&self, epoch: Epoch) {
        self.shared.lanes().begin(epoch);
    }

    /// Numbered frames that a client which received `received` of `epoch` will never see, once a new epoch has begun.
    pub fn lost(&self, epoch: Epoch, received: u32) -> u32 {
        self.shared.lanes().lost(epoch, received)
    }

    /// Frames the link has been given in an earlier epoch still leave, in front of the next answer.
    pub fn epoch(&self) -> Epoch {
        self.shared.lanes().epoch
    }

    /// The last client message that stands in the room's state.
    pub fn received(&self) -> u32 {
        self.shared.lanes().received
    }

    /// Whether every frame after `received` is still there to be sent again.
    pub fn can_replay(&self, received: u32) -> bool {
        self.shared.lanes().can_replay(received)
    }

    /// The answer to an attachment or a join (`joined` or `resumed`), then every numbered frame after `received`.
    pub fn answer(&self, frame: Bytes, received: u32) {
        let resent = self.shared.lanes().answer(frame, received);
        self.shared.metrics.reliable_resent.add(resent as u64);
    }

    /// A numbered frame: `make` gets its number. Never waits; see the lane's policy in `lanes.rs`.
    pub fn send(&self, make: impl FnOnce(u32) -> Bytes) {
        let overflow = self.shared.lanes().send(make, &self.shared.limits);
        if let Some(lost) = overflow {
            self.shared.metrics.reliable_overflowed.add(1);
            self.shared.metrics.messages_lost.add(u64::from(lost));
        }
    }

    /// A frame without a number: lost with the link it was meant for.
    pub fn control(&self, frame: Bytes) {
        if !self.shared.lanes().control(frame, &self.shared.limits) {
            self.shared.metrics.control_overflowed.add(1);
        }
        self.shared.waker.wake();
    }

    /// Whether documents should wait: the reliable lane is half full.
    pub fn lags(&self) -> bool {
        self.shared.lanes().lags(&self.shared.limits)
    }

    /// Whether so much more fits the reliable lane. What is larger than the lane fits an empty one, and closes the link.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.shared.lanes().has_room_for(bytes, &self.shared.limits)
    }

    /// Bytes kept for the client, in all lanes.
    pub fn held_bytes(&self) -> usize {
        self.shared.lanes().held_bytes()
    }

    /// Puts a snapshot where the link finds it; one that has not left is replaced.
    pub fn send_snapshot(&self, frame: Bytes) {
        self.shared.metrics.snapshots_sent.add(1);
        if self.shared.lanes().send_snapshot(frame) {
            self.shared.metrics.snapshots_replaced.add(1);
        }
    }

    /// Wakes the link task that waits for what `answer`, `send` and `send_snapshot` have put there. They do not wake it
    /// themselves: a room hands over all its wakers at the end of its tick, so that threads are crossed once.
    pub fn waker(&self) -> Option<Waker> {
        self.shared.waker.take()
    }

    /// Tells pings where the room's clock stands.
    pub fn stepped(&self, tick: Tick, now: Micros) {
        self.shared.lanes().clock = (tick, now);
    }

    /// Closes the link for something it sent; the seat waits.
    pub fn refuse(&self, reason: CloseReason) {
        self.shared.lanes().close(reason, reason.text());
        self.shared.metrics.links_closed.add(reason.number(), 1);
        self.shared.waker.wake();
    }

    /// Ends the session: what is queued leaves first, then `bye`.
    pub fn end(&self, reason: CloseReason, text: &str) {
        self.shared.end(reason, text);
    }

    pub fn ended(&self) -> Option<CloseReason> {
        self.shared.lanes().ended
    }

    /// Since when the session has had no link.
    pub fn lost_since(&self) -> Option<Micros> {
        self.shared.lanes().lost_since()
    }
}

#[cfg(test)]
mod tests;
