//! The transport's end of a session: frames in, frames out, for as long as this attachment is the newest.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
};

use bytes::Bytes;

use super::{
    Message, Request, SessionId, Shared, TransportKind,
    rate::{Rate, Verdict},
};
use crate::protocol::{
    CloseReason, Micros,
    message::{self, ClientFrame},
};

/// What a transport writes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Must arrive, in order.
    Frame(Bytes),
    /// May be lost where the transport has datagrams.
    Snapshot(Bytes),
    /// The `bye` has been given; close.
    Close(CloseReason),
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    transport: TransportKind,
    /// Which of the session's attachments this is.
    attachment: u32,
    /// The generation of the resume token given out over this link; its first frame confirms it.
    generation: AtomicU32,
    token: [u8; 16],
    rate: Mutex<Rate>,
    heard: AtomicU64,
    /// A replaced link has been given its `bye`.
    said_bye: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.lost(self.heard.load(Relaxed));
        self.shared.metrics.sessions[self.transport as usize].add(-1);
    }
}

impl Inner {
    fn lost(&self, now: Micros) {
        let mut lanes = self.shared.lanes();
        if lanes.attachment == self.attachment && lanes.link.is_some() {
            lanes.detach(now);
            drop(lanes);
            self.shared.metrics.links_lost[self.transport as usize].add(1);
            self.shared.waker.wake();
        }
    }
}

/// A cheap handle; when the last one goes, the link counts as lost.
#[derive(Debug, Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

impl Link {
    pub(super) fn new(
        shared: Arc<Shared>,
        transport: TransportKind,
        attachment: u32,
        token: [u8; 16],
        now: Micros,
    ) -> Self {
        let rate = Mutex::new(Rate::new(&shared.limits, now));
        let inner = Inner {
            shared,
            transport,
            attachment,
            generation: AtomicU32::new(0),
            token,
            rate,
            heard: AtomicU64::new(now),
            said_bye: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn session(&self) -> SessionId {
        self.inner.shared.id
    }

    pub fn transport(&self) -> TransportKind {
        self.inner.transport
    }

    /// HTTP: names this attachment in every request.
    pub fn token(&self) -> [u8; 16] {
        self.inner.token
    }

    /// When the last frame arrived.
    pub fn heard(&self) -> Micros {
        self.inner.heard.load(Relaxed)
    }

    /// The link is alive although no frame came: an HTTP poll without content.
    pub fn hear(&self, now: Micros) {
        self.inner.heard.store(now, Relaxed);
        self.confirm_generation();
    }

    /// Whether this is still the session's attachment.
    pub fn is_newest(&self) -> bool {
        let lanes = self.inner.shared.lanes();
        lanes.attachment == self.inner.attachment && lanes.link.is_some()
    }

    /// Which resume token this link's first frame confirms.
    pub fn carries_generation(&self, generation: u32) {
        self.inner.generation.store(generation, Relaxed);
    }

    fn confirm_generation(&self) {
        let generation = self.inner.generation.load(Relaxed);
        if self.inner.shared.confirmed.load(Relaxed) < generation {
            self.inner.shared.confirmed.fetch_max(generation, Relaxed);
        }
    }

    /// One whole frame from the client. Never waits. On an error: [`Link::close`] with it.
    pub fn receive(&self, frame: Bytes, now: Micros) -> Result<Option<Request>, CloseReason> {
        let (shared, transport) = (&self.inner.shared, self.inner.transport as usize);
        self.hear(now);
        shared.metrics.messages_in[transport].add(1);
        shared.metrics.bytes_in[transport].add(frame.len() as u64);
        let verdict = {
            let mut rate = self.inner.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.admit(frame.len(), &shared.limits, now)
        };
        let result = match verdict {
            Verdict::Pass => self.take_in(frame, now),
            Verdict::Close => Err(CloseReason::RateLimited),
            Verdict::Drop => {
                shared.metrics.frames_rate_limited.add(1);
                // Binary frames may be lost; a numbered one may not: the resume brings it again.
                let droppable = frame.first().is_some_and(|first| *first < 0x10);
                if droppable { Ok(None) } else { Err(CloseReason::RateLimited) }
            }
        };
        if let Err(reason) = result {
            shared.metrics.frames_refused.add(reason.number(), 1);
        }
        result
    }

    fn take_in(&self, frame: Bytes, now: Micros) -> Result<Option<Request>, CloseReason> {
        let shared = &self.inner.shared;
        let limits = &shared.limits;
        if frame.len() > limits.frame_bytes_max {
            return Err(CloseReason::TooLarge);
        }
        let decoded = ClientFrame::decode(&frame).map_err(|_| CloseReason::BadFrame)?;
        let mut lanes = shared.lanes();
        if lanes.attachment != self.inner.attachment || lanes.link.is_none() {
            return Ok(None);
        }
        match decoded {
            ClientFrame::Inputs => {
                shared.metrics.inputs_received.add(1);
                if lanes.push_input(frame, now, limits) {
                    shared.metrics.inputs_dropped.add(1);
                }
            }
            ClientFrame::Ack { epoch_low, tick } => lanes.push_ack(epoch_low, tick),
            ClientFrame::Message { epoch, number, call, name, data } => {
                if name.len() > limits.message_name_bytes_max || frame.len() > limits.message_bytes_max {
                    return Err(CloseReason::TooLarge);
                }
                lanes.push_message(epoch, number, Message { call, name, data }, limits).inspect_err(|reason| {
                    if *reason == CloseReason::RateLimited {
                        shared.metrics.messages_overflowed.add(1);
                    }
                })?;
            }
            ClientFrame::Received { epoch, received } => {
                if epoch == lanes.epoch {
                    lanes.confirm(received);
                }
            }
            ClientFrame::Ping { token } => {
                let (tick, at) = lanes.clock;
                let age = u32::try_from(now.saturating_sub(at)).unwrap_or(u32::MAX);
                lanes.control(message::pong(token, tick, age), limits);
                drop(lanes);
                shared.waker.wake();
            }
            ClientFrame::Bye(CloseReason::Left) => {
                drop(lanes);
                shared.end(CloseReason::Left, CloseReason::Left.text());
            }
            ClientFrame::Bye(reason) => {
                lanes.close(reason, reason.text());
                drop(lanes);
                shared.waker.wake();
            }
            ClientFrame::Join(join) => return Ok(Some(Request::Join(join))),
            ClientFrame::Leave => return Ok(Some(Request::Leave)),
            ClientFrame::Hello(_) => return Err(CloseReason::BadFrame),
        }
        Ok(None)
    }

    /// HTTP: a poll is parked and can take one snapshot.
    pub fn want_snapshot(&self, wanted: bool) {
        let mut lanes = self.inner.shared.lanes();
        if lanes.attachment == self.inner.attachment {
            lanes.want_snapshot(wanted);
        }
    }

    /// The next thing to write without waiting. Calling it says that the one before has left.
    pub fn try_next(&self) -> Option<Outgoing> {
        let shared = &self.inner.shared;
        let outgoing = {
            let mut lanes = shared.lanes();
            if lanes.attachment == self.inner.attachment && lanes.link.is_some() {
                lanes.take()
            } else if self.inner.said_bye.swap(true, Relaxed) {
                Some(Outgoing::Close(CloseReason::Replaced))
            } else {
                let reason = CloseReason::Replaced;
                Some(Outgoing::Frame(message::bye(reason, reason.text())))
            }
        };
        if let Some(Outgoing::Frame(frame) | Outgoing::Snapshot(frame)) = &outgoing {
            shared.metrics.messages_out[self.inner.transport as usize].add(1);
            shared.metrics.bytes_out[self.inner.transport as usize].add(frame.len() as u64);
        }
        outgoing
    }

    /// Waits for the next thing to write. Cancel-safe: nothing is taken before it is returned.
    pub async fn next(&self) -> Outgoing {
        poll_fn(|context| {
            // A replaced link always finds its `bye`, so only the newest one ever registers here.
            if let Some(outgoing) = self.try_next() {
                return Poll::Ready(outgoing);
            }
            self.inner.shared.waker.register(context.waker());
            self.try_next().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Closes from the transport's side; `bye` is queued and the seat waits.
    pub fn close(&self, reason: CloseReason) {
        let mut lanes = self.inner.shared.lanes();
        if lanes.attachment == self.inner.attachment {
            lanes.close(reason, reason.text());
            drop(lanes);
            self.inner.shared.metrics.links_closed.add(reason.number(), 1);
            self.inner.shared.waker.wake();
        }
    }

    /// The connection is gone. The seat waits for `resume_window`.
    pub fn lost(&self, now: Micros) {
        self.inner.lost(now);
    }
}
