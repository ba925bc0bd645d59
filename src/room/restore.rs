//! How a room comes to life again under its players: from a checkpoint on a fresh VM, with a new version of its module,
//! and back to the old one when the new one fails.
//!
//! One way for all: a new epoch, everything that clients hold is built anew, the seats are brought up to date with who
//! sits here now, and everybody hears the join answer at the tick boundary. Sessions and seats stay.

use std::sync::Arc;

use super::{Documents, Member, Room, RoomInit, answers::Answers, checkpoint::Checkpoint, draw_epoch};
use crate::{
    game::{Effect, Game, GameError, Restored, RoomOpening},
    protocol::{CloseReason, Micros, Tick},
    session::{Drained, Presence},
};

use super::inputs::InputBuffer;
use super::replication::{Replication, View};

/// A new version of a module has proved itself after this many ticks without a script error.
pub const CLEAN_TICKS: u32 = 100;

/// Lives of a room that a client may have slept through and still be told exactly which of its messages were heard.
const LIVES_MAX: usize = 16;

/// The old game, as it was when the room was reloaded, until the new one has proved itself.
pub(super) struct Trial {
    game: Box<dyn Game>,
    documents: Documents,
    /// What its store was asked and has answered since.
    answers: Arc<Answers>,
    checkpoint: Checkpoint,
    since: Tick,
}

/// What became of a reload.
pub enum Reloaded {
    /// The new version runs, on trial.
    Swapped,
    /// It could not take over; the old one goes on as if nothing had been.
    Refused(GameError),
    /// The old one could not say how it stands, and goes on.
    Unkept(GameError),
}

impl Room {
    /// A room that is opened from what an earlier one of its name left behind. Nobody sits in it yet.
    pub fn reopen(init: RoomInit, checkpoint: Checkpoint, now: Micros) -> Result<Self, GameError> {
        let mut room = Self::new(init, now);
        let opening = room.opening();
        let restored = room.game.restore(&opening, &checkpoint.game, Restored::Checkpoint, &mut room.effects);
        room.survive(restored)?;
        room.settle(checkpoint, None, now)?;
        room.count_opened();
        Ok(room)
    }

    pub(super) fn opening(&self) -> RoomOpening {
        RoomOpening { name: self.name.clone(), seed: self.seed }
    }

    /// Goes on from the last checkpoint on a fresh game, and gives back the one that is lost.
    pub fn restore(&mut self, mut game: Box<dyn Game>, now: Micros) -> Result<Box<dyn Game>, GameError> {
        let Some(checkpoint) = self.checkpoint.clone() else {
            return Err(GameError::Script("the room has no checkpoint".into()));
        };
        let mut effects = Vec::new();
        let restored = game.restore(&self.opening(), &checkpoint.game, Restored::Checkpoint, &mut effects);
        let lost = std::mem::replace(&mut self.game, game);
        self.effects = effects;
        self.trial = None;
        self.survive(restored)?;
        self.settle(checkpoint, None, now)?;
        Ok(lost)
    }

    /// Swaps in a new version at a tick boundary. An error means that the game which runs now is lost: with a trial under
    /// way go back, without one restore.
    pub fn reload(&mut self, mut game: Box<dyn Game>, now: Micros) -> Result<Reloaded, GameError> {
        // What the old game has asked for since the last tick is done as its own.
        self.carry_out()?;
        let checkpoint = match self.take_checkpoint() {
            Ok(checkpoint) => checkpoint,
            Err(error) if error.is_fatal() => {
                self.count_fatal(&error);
                return Err(error);
            }
            Err(error) => return Ok(Reloaded::Unkept(error)),
        };
        let mut effects = Vec::new();
        if let Err(error) = game.restore(&self.opening(), &checkpoint.game, Restored::Reload, &mut effects) {
            return Ok(Reloaded::Refused(error));
        }
        let old = std::mem::replace(&mut self.game, game);
        let tick_rate = self.game.info().schema.tick_rate;
        // A trial that was under way ends here: what it ran has become what there is to go back to.
        self.trial = Some(Trial {
            game: old,
            documents: std::mem::take(&mut self.documents),
            answers: std::mem::take(&mut self.answers),
            checkpoint: checkpoint.clone(),
            since: checkpoint.tick_at(tick_rate),
        });
        self.effects.append(&mut effects);
        self.settle(checkpoint, None, now)?;
        Ok(Reloaded::Swapped)
    }

    /// Back to the old version as it was at the moment of the reload. Gives back the game that failed; None when no
    /// version is on trial.
    pub fn roll_back(&mut self, now: Micros) -> Option<Result<Box<dyn Game>, GameError>> {
        let trial = self.trial.take()?;
        let failed = std::mem::replace(&mut self.game, trial.game);
        self.effects.clear();
        self.answers = trial.answers;
        self.members.iter_mut().for_each(|m| m.running = 0);
        Some(self.settle(trial.checkpoint, Some(trial.documents), now).map(|()| failed))
    }

    /// Whether a new version is on trial: any error of its script must lead to `roll_back`.
    pub fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Ticks without a script error since the room was opened or came to life anew.
    pub fn clean_ticks(&self) -> u32 {
        self.clean
    }

    /// The version on trial has proved itself: the game there was to go back to.
    pub fn graduate(&mut self) -> Option<Box<dyn Game>> {
        let proven = self.trial.as_ref().is_some_and(|trial| self.tick.saturating_sub(trial.since) >= CLEAN_TICKS);
        if proven { self.trial.take().map(|trial| trial.game) } else { None }
    }

    /// `self.game` stands as it did at `checkpoint`; brings everything around it there, and the seats up to now.
    fn settle(&mut self, checkpoint: Checkpoint, documents: Option<Documents>, now: Micros) -> Result<(), GameError> {
        let before = self.epoch;
        self.epoch = draw_epoch(&mut self.random, before);
        self.tick = checkpoint.tick_at(self.game.info().schema.tick_rate);
        self.bots_due = 0;
        self.next_number = self.next_number.max(checkpoint.next_number);
        self.locked = checkpoint.locked;
        self.clean = 0;
        self.closing = false;
        let schema = self.game.info().schema.clone();
        self.replication = Replication::new(schema, self.epoch, self.limits.clone());
        self.documents = documents.unwrap_or_else(|| {
            self.answers = Arc::default();
            let mut documents = Documents::default();
            checkpoint.seats.iter().for_each(|kept| documents.joined(&kept.seat));
            documents
        });
        self.bots = checkpoint.seats.iter().filter(|kept| kept.seat.bot).map(|kept| kept.seat.clone()).collect();
        for index in 0..self.members.len() {
            self.carry_over(index, before, &checkpoint, now);
        }
        let result = self.reseat(&checkpoint);
        let checkpoint = checkpoint.in_epoch(self.epoch);
        if let Some(trial) = &mut self.trial {
            trial.checkpoint = checkpoint.clone();
        }
        self.checkpoint = Some(checkpoint);
        result?;
        let mut world = self.replication.blank();
        let collected = self.game.collect(&mut world, &mut self.effects);
        self.replication.commit(self.tick, world);
        self.survive(collected)?;
        self.answer_all(now)
    }

    /// A member in the new epoch: awaits the answer, which names the last of its messages that the checkpoint contains.
    fn carry_over(&mut self, index: usize, before: u32, checkpoint: &Checkpoint, now: Micros) {
        let member = &mut self.members[index];
        let kept = checkpoint.seat(member.seat.number);
        if member.session.epoch() == before {
            let applied = kept.filter(|_| checkpoint.epoch == before).map_or(0, |kept| kept.applied);
            // A message that took its room down must not do so again when the client sends it anew.
            member.lives.push((before, applied.max(member.running)));
            if member.lives.len() > LIVES_MAX {
                member.lives.remove(0);
            }
        }
        let since = member.lost_since.or(member.session.lost_since()).unwrap_or(now);
        // Where the checkpoint and today differ, the next tick calls `drop` or `back`.
        member.lost_since = kept.filter(|kept| !kept.connected).map(|_| since);
        if let Some(kept) = kept {
            member.seat.kind.clone_from(&kept.seat.kind);
            self.documents.connected(kept.seat.number, kept.connected);
        }
        member.session.begin(self.epoch);
        member.session.drain(&mut member.drained);
        member.inputs = InputBuffer::new(&self.game.info().schema, self.limits.input_lane);
        member.view = View::default();
        member.awaits_join_answer = true;
        member.documents_stale = false;
        (member.applied, member.saved, member.announced, member.running) = (0, 0, (0, 0), 0);
    }

    /// Who left since the checkpoint leaves again; who came since joins again, or has the name of whoever sits there now.
    fn reseat(&mut self, checkpoint: &Checkpoint) -> Result<(), GameError> {
        for kept in checkpoint.seats.iter().filter(|kept| !kept.seat.bot) {
            let number = kept.seat.number;
            if !self.members.iter().any(|m| m.number() == number) {
                let left = self.game.leave(number, CloseReason::Left, &mut self.effects);
                self.documents.left(number);
                self.survive(left)?;
            }
        }
        for index in 0..self.members.len() {
            let seat = self.members[index].seat.clone();
            match checkpoint.seat(seat.number) {
                // Somebody has taken the seat over since.
                Some(kept) if kept.seat.name != seat.name => self.rename(index, seat.name)?,
                Some(_) => {}
                None => {
                    self.documents.joined(&seat);
                    let joined = self.game.join(&seat, &mut self.effects);
                    self.survive(joined)?;
                }
            }
        }
        Ok(())
    }

    /// Everybody who has a link hears the join answer now; what the script said meanwhile comes after it.
    fn answer_all(&mut self, now: Micros) -> Result<(), GameError> {
        let is_message = |effect: &Effect| matches!(effect, Effect::Message { .. } | Effect::Reply { .. });
        let (messages, changes): (Vec<_>, Vec<_>) = std::mem::take(&mut self.effects).into_iter().partition(is_message);
        self.effects = changes;
        self.carry_out()?;
        for index in 0..self.members.len() {
            // On a living link answers arrive in order: this one finds the client in the life before.
            let before = self.members[index].lives.last().map_or(self.epoch, |(epoch, _)| *epoch);
            let Member { session, drained: Drained { presence, .. }, .. } = &self.members[index];
            let presence = *presence;
            session.stepped(self.tick, now);
            match presence {
                Presence::Online(delivery) => self.answer_join(index, delivery, before, 0),
                Presence::Attaching(delivery, resume) => self.answer_attachment(index, delivery, resume),
                Presence::Lost(_) | Presence::Ended(_) => {}
            }
            self.wakers.extend(self.members[index].session.waker());
        }
        self.documents.clear_changes();
        self.effects.splice(0..0, messages);
        self.carry_out()
    }
}
