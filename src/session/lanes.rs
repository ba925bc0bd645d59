//! The state both ends share, and the policy of each lane. No lane ever makes anyone wait.
//!
//! - **input**: full, the oldest goes.
//! - **snapshot**: one place; a newer one replaces what has not left.
//! - **reliable**: numbered frames are kept until the client has received them. Full while attached, the link closes with
//!   `slow consumer`; full without a link, it is emptied and the resume tells how many messages were lost.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Delivery;
use crate::{
    config::Limits,
    protocol::{CloseReason, Epoch, Micros, Tick, Value, message},
};

/// A client's message, in order and not yet seen by the room.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub call: Option<u32>,
    pub name: String,
    pub data: Value,
}

/// What a client that attaches still holds of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResumeFrom {
    pub epoch: Epoch,
    pub tick: Tick,
    pub received: u32,
}

/// How a session stands when a room looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A link that the room has answered.
    Online(Delivery),
    /// A link that waits for the room's `answer`.
    Attaching(Delivery, ResumeFrom),
    Lost(Micros),
    Ended(CloseReason),
}

/// One tick's harvest; kept by the room and reused.
#[derive(Debug)]
pub struct Drained {
    pub presence: Presence,
    /// Raw input frames with their time of arrival.
    pub inputs: VecDeque<(Micros, Bytes)>,
    pub messages: Vec<Message>,
    /// The newest acknowledged snapshot: epoch (low byte) and tick (low 16 bits).
    pub ack: Option<(u8, u16)>,
    /// The snapshot place is empty and the last one has left (polled: and one is wanted).
    pub takes_snapshot: bool,
    /// The last client message handed over here.
    pub received: u32,
}

impl Default for Drained {
    fn default() -> Self {
        Self {
            presence: Presence::Lost(0),
            inputs: VecDeque::new(),
            messages: Vec::new(),
            ack: None,
            takes_snapshot: false,
            received: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Attached {
    delivery: Delivery,
    /// Until the room has answered: what the client holds.
    pending: Option<ResumeFrom>,
    /// Set: `bye` is queued, and after it nothing.
    closing: Option<CloseReason>,
}

#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) link: Option<Attached>,
    /// Counts attachments; a link acts only while its own is the newest.
    pub(super) attachment: u32,
    lost_since: Micros,
    pub(super) ended: Option<CloseReason>,
    pub(super) epoch: Epoch,
    pub(super) clock: (Tick, Micros),

    inputs: VecDeque<(Micros, Bytes)>,
    messages: Vec<Message>,
    pub(super) received: u32,
    ack: Option<(u8, u16)>,

    /// Frames to write, in order, numbered or not.
    outbox: VecDeque<Bytes>,
    /// Numbered frames the client may still be without, ascending.
    unreceived: VecDeque<(u32, Bytes)>,
    unreceived_bytes: usize,
    /// The number of the last frame sent in this epoch.
    pub(super) sent: u32,
    /// The lane was emptied: not everything of this epoch can be sent again.
    emptied: bool,
    /// The epoch before this one and how many frames it numbered: whoever comes back from it learns what was lost.
    before: (Epoch, u32),

    snapshot: Option<Bytes>,
    /// A snapshot was taken by the link and has not left it.
    snapshot_leaving: bool,
    snapshot_wanted: bool,
}

impl Lanes {
    pub(super) fn new(now: Micros) -> Self {
        Self {
            link: None,
            attachment: 0,
            lost_since: now,
            ended: None,
            epoch: 0,
            clock: (0, now),
            inputs: VecDeque::new(),
            messages: Vec::new(),
            received: 0,
            ack: None,
            outbox: VecDeque::new(),
            unreceived: VecDeque::new(),
            unreceived_bytes: 0,
            sent: 0,
            emptied: false,
            before: (0, 0),
            snapshot: None,
            snapshot_leaving: false,
            snapshot_wanted: false,
        }
    }

    pub(super) fn attach(&mut self, delivery: Delivery, resume: ResumeFrom, welcome: Bytes) -> u32 {
        self.attachment += 1;
        self.clear_link();
        // Outside a room nobody will answer, and nothing needs an answer.
        let pending = (self.epoch != 0).then_some(resume);
        self.link = Some(Attached { delivery, pending, closing: None });
        self.outbox.push_back(welcome);
        self.attachment
    }

    /// Forgets what belonged to one link only.
    fn clear_link(&mut self) {
        self.outbox.clear();
        self.inputs.clear();
        self.ack = None;
        self.snapshot = None;
        self.snapshot_leaving = false;
        self.snapshot_wanted = false;
    }

    pub(super) fn detach(&mut self, now: Micros) {
        self.clear_link();
        self.link = None;
        self.lost_since = now;
    }

    pub(super) fn lost_since(&self) -> Option<Micros> {
        self.link.is_none().then_some(self.lost_since)
    }

    fn presence(&self) -> Presence {
        match (&self.link, self.ended) {
            (_, Some(reason)) => Presence::Ended(reason),
            (None, _) => Presence::Lost(self.lost_since),
            (Some(Attached { closing: Some(_), .. }), _) => Presence::Lost(self.clock.1),
            (Some(Attached { delivery, pending: Some(resume), .. }), _) => Presence::Attaching(*delivery, *resume),
            (Some(Attached { delivery, .. }), _) => Presence::Online(*delivery),
        }
    }

    pub(super) fn drain(&mut self, into: &mut Drained) {
        into.presence = self.presence();
        into.inputs.clear();
        std::mem::swap(&mut into.inputs, &mut self.inputs);
        into.messages.clear();
        std::mem::swap(&mut into.messages, &mut self.messages);
        into.ack = self.ack.take();
        into.received = self.received;
        into.takes_snapshot = match into.presence {
            Presence::Online(Delivery::Datagram) => true,
            Presence::Online(Delivery::Ordered) => self.snapshot.is_none() && !self.snapshot_leaving,
            Presence::Online(Delivery::Polled) => self.snapshot_wanted,
            _ => false,
        };
    }

    /// What a living link has been given already stays in front of what comes now, so it loses nothing; a client that
    /// has to come back is told by `before` how much it missed.
    pub(super) fn begin(&mut self, epoch: Epoch) {
        if epoch == 0 {
            self.before = (0, 0);
        } else if epoch != self.epoch && self.sent > 0 {
            self.before = (self.epoch, self.sent);
        }
        self.epoch = epoch;
        self.messages.clear();
        self.received = 0;
        self.ack = None;
        self.inputs.clear();
        self.snapshot = None;
        self.unreceived.clear();
        self.unreceived_bytes = 0;
        self.sent = 0;
        self.emptied = false;
    }

    pub(super) fn can_replay(&self, received: u32) -> bool {
        let oldest = self.unreceived.front().map_or(self.sent + 1, |(number, _)| *number);
        !self.emptied && received <= self.sent && received + 1 >= oldest
    }

    /// Numbered frames of `epoch` after `received` that can never be sent again.
    pub(super) fn lost(&self, epoch: Epoch, received: u32) -> u32 {
        let sent = match epoch {
            0 => 0,
            epoch if epoch == self.epoch => self.sent,
            epoch if epoch == self.before.0 => self.before.1,
            _ => 0,
        };
        sent.saturating_sub(received)
    }

    pub(super) fn answer(&mut self, frame: Bytes, received: u32) -> usize {
        self.confirm(received);
        let Some(link) = &mut self.link else { return 0 };
        link.pending = None;
        self.outbox.push_back(frame);
        self.outbox.extend(self.unreceived.iter().map(|(_, frame)| frame.clone()));
        self.unreceived.len()
    }

    /// Forgets numbered frames the client says it has.
    pub(super) fn confirm(&mut self, received: u32) {
        while let Some((number, frame)) = self.unreceived.front()
            && *number <= received
        {
            self.unreceived_bytes -= frame.len();
            self.unreceived.pop_front();
        }
    }

    fn is_answered(&self) -> bool {
        matches!(&self.link, Some(Attached { pending: None, closing: None, .. }))
    }

    fn exceeds(&self, limits: &Limits, share: usize) -> bool {
        self.unreceived_bytes > limits.reliable_lane_bytes / share
            || self.unreceived.len() > limits.reliable_lane_frames / share
    }

    pub(super) fn lags(&self, limits: &Limits) -> bool {
        self.exceeds(limits, 2)
    }

    /// With the heads of a few frames.
    pub(super) fn has_room_for(&self, bytes: usize, limits: &Limits) -> bool {
        self.unreceived.is_empty() || self.unreceived_bytes + bytes + 256 <= limits.reliable_lane_bytes
    }

    /// Bytes kept for the client, at most: what waits to be written, and what it may have to be sent again, which are
    /// partly the same.
    pub(super) fn held_bytes(&self) -> usize {
        let waiting = self.outbox.iter().chain(&self.snapshot).map(Bytes::len).sum::<usize>();
        waiting + self.unreceived_bytes
    }

    /// Returns how many messages were lost when the lane ran full.
    pub(super) fn send(&mut self, make: impl FnOnce(u32) -> Bytes, limits: &Limits) -> Option<u32> {
        if self.ended.is_some() {
            return None;
        }
        self.sent += 1;
        let frame = make(self.sent);
        self.unreceived_bytes += frame.len();
        self.unreceived.push_back((self.sent, frame.clone()));
        if self.is_answered() {
            self.outbox.push_back(frame);
        }
        if !self.exceeds(limits, 1) {
            return None;
        }
        if let Some(Attached { closing: None, .. }) = self.link {
            self.close(CloseReason::SlowConsumer, CloseReason::SlowConsumer.text());
            return Some(0);
        }
        let lost = self.unreceived.len() as u32;
        self.emptied = true;
        self.unreceived.clear();
        self.unreceived_bytes = 0;
        Some(lost)
    }

    /// False when the lane was full, which closes the link: a client that does not read its answers.
    pub(super) fn control(&mut self, frame: Bytes, limits: &Limits) -> bool {
        if self.link.as_ref().is_none_or(|link| link.closing.is_some()) {
            return true;
        }
        if self.outbox.len() >= limits.reliable_lane_frames + limits.control_lane_frames {
            self.close(CloseReason::SlowConsumer, CloseReason::SlowConsumer.text());
            return false;
        }
        self.outbox.push_back(frame);
        true
    }

    /// True when an older one had not left.
    pub(super) fn send_snapshot(&mut self, frame: Bytes) -> bool {
        if !self.is_answered() {
            return false;
        }
        self.snapshot_wanted = false;
        self.snapshot.replace(frame).is_some()
    }

    /// Queues `bye` behind what is queued already.
    pub(super) fn close(&mut self, reason: CloseReason, text: &str) {
        if let Some(link @ Attached { closing: None, .. }) = &mut self.link {
            link.closing = Some(reason);
            self.snapshot = None;
            self.outbox.push_back(message::bye(reason, text));
        }
    }

    /// True the first time.
    pub(super) fn end(&mut self, reason: CloseReason, text: &str) -> bool {
        if self.ended.is_some() {
            return false;
        }
        self.close(reason, text);
        self.ended = Some(reason);
        true
    }

    /// An input frame; true when an older one had to go.
    pub(super) fn push_input(&mut self, frame: Bytes, now: Micros, limits: &Limits) -> bool {
        self.inputs.push_back((now, frame));
        let full = self.inputs.len() > limits.input_lane;
        if full {
            self.inputs.pop_front();
        }
        full
    }

    /// A numbered message. Repeats and other epochs are dropped in silence; a gap or a full lane closes the link.
    pub(super) fn push_message(
        &mut self,
        epoch: Epoch,
        number: u32,
        message: Message,
        limits: &Limits,
    ) -> Result<(), CloseReason> {
        if epoch != self.epoch || number <= self.received {
            return Ok(());
        }
        if number != self.received + 1 {
            return Err(CloseReason::BadFrame);
        }
        if self.messages.len() >= limits.message_lane {
            return Err(CloseReason::RateLimited);
        }
        self.received = number;
        self.messages.push(message);
        Ok(())
    }

    pub(super) fn push_ack(&mut self, epoch_low: u8, tick: u16) {
        self.ack = Some((epoch_low, tick));
    }

    pub(super) fn want_snapshot(&mut self, wanted: bool) {
        self.snapshot_wanted = wanted;
    }

    /// The next frame to write; calling it says that the one before has left.
    pub(super) fn take(&mut self) -> Option<super::Outgoing> {
        self.snapshot_leaving = false;
        if let Some(frame) = self.outbox.pop_front() {
            return Some(super::Outgoing::Frame(frame));
        }
        if let Some(reason) = self.link.as_ref().and_then(|link| link.closing) {
            return Some(super::Outgoing::Close(reason));
        }
        let snapshot = self.snapshot.take()?;
        self.snapshot_leaving = true;
        Some(super::Outgoing::Snapshot(snapshot))
    }
}
