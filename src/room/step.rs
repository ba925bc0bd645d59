//! One tick of a room, in this order: what came in, the script, what goes out. Time is an argument.

use super::{
    Member, Room,
    replication::{Plan, View},
};
use crate::{
    game::{Audience, Effect, Game, GameError, LogLevel},
    protocol::{
        CloseReason, Micros, PlayerNumber, hash,
        input::InputFrame,
        message::{self, Joined},
    },
    session::{Delivery, Presence, ResumeFrom},
};

/// Ticks between two `debug_hash` frames.
const HASH_EVERY: u32 = 30;
/// Ticks between two `saved` frames to one client.
const SAVED_EVERY: u32 = 8;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    Running,
    /// The script asked for it, or nobody has been here for `empty_after`.
    Over,
}

impl Room {
    /// Runs one tick. An error means that the script's VM is lost: close the room.
    pub fn step(&mut self, now: Micros) -> Result<Stepped, GameError> {
        self.tick += 1;
        self.metrics.room_ticks.add(1);
        if self.tick.is_multiple_of(self.game.info().schema.tick_rate) {
            self.log_lines = self.limits.lua_log_lines_per_second;
        }
        self.gather(now)?;
        let begun = self.game.begin(self.tick, &mut self.effects);
        self.survive(begun)?;
        self.run_messages()?;
        self.run_inputs(now)?;
        let ticked = self.game.tick(&mut self.effects);
        self.survive(ticked)?;
        self.collect()?;
        self.carry_out()?;
        self.answer_and_send(now);
        Ok(self.is_over(now))
    }

    /// Who is here, who has gone, what they sent.
    fn gather(&mut self, now: Micros) -> Result<(), GameError> {
        let mut gone: Vec<(PlayerNumber, CloseReason)> = Vec::new();
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            member.session.drain(&mut member.drained);
            member.applied = member.drained.received;
            let number = member.number();
            match member.drained.presence {
                Presence::Ended(reason) => gone.push((number, reason)),
                Presence::Lost(since) => {
                    if now.saturating_sub(since) > self.limits.resume_window_secs * 1_000_000 {
                        member.session.end(CloseReason::Expired, CloseReason::Expired.text());
                        gone.push((number, CloseReason::Expired));
                    } else if member.lost_since.is_none() {
                        member.lost_since = Some(since);
                        member.inputs.neutral();
                        self.documents.connected(number, false);
                        let dropped = Game::drop(&mut *self.game, number, &mut self.effects);
                        self.survive(dropped)?;
                    }
                }
                Presence::Online(_) | Presence::Attaching(..) => {
                    if member.lost_since.take().is_some() {
                        self.documents.connected(number, true);
                        let back = self.game.back(number, &mut self.effects);
                        self.survive(back)?;
                    }
                    self.take_in(index);
                }
            }
        }
        for (number, reason) in gone {
            if let Some(index) = self.members.iter().position(|m| m.number() == number) {
                self.remove(index, reason)?;
            }
        }
        Ok(())
    }

    /// Decodes a member's acknowledgements and inputs. What is no input frame of this room ends the link.
    fn take_in(&mut self, index: usize) {
        let member = &mut self.members[index];
        let current = |epoch_low: u8| epoch_low == self.epoch as u8;
        let mut drained = std::mem::take(&mut member.drained.inputs);
        if let Some((epoch_low, tick)) = member.drained.ack
            && current(epoch_low)
        {
            member.view.acknowledge(tick, self.tick);
        }
        for (arrived, frame) in drained.drain(..) {
            match InputFrame::decode(&frame, &self.game.info().schema.inputs) {
                Ok(input) if !current(input.epoch_low) => {}
                Ok(input) => {
                    member.view.acknowledge(input.ack, self.tick);
                    member.inputs.receive(input, arrived);
                }
                Err(_) => {
                    self.metrics.frames_refused.add(CloseReason::BadFrame.number(), 1);
                    member.session.refuse(CloseReason::BadFrame);
                    break;
                }
            }
        }
        member.drained.inputs = drained; // keeps its memory for the next tick
    }

    fn run_messages(&mut self) -> Result<(), GameError> {
        for index in 0..self.members.len() {
            let number = self.members[index].number();
            for message in std::mem::take(&mut self.members[index].drained.messages) {
                if !self.game.info().messages.contains(&message.name) {
                    self.metrics.frames_refused.add(CloseReason::UnknownMessage.number(), 1);
                    let text = format!("unknown message {:?}", message.name);
                    match message.call {
                        Some(call) => self.effects.push(Effect::Reply { to: number, call, result: Err(text) }),
                        None => {
                            self.members[index].session.control(message::refused(CloseReason::UnknownMessage, &text));
                        }
                    }
                    continue;
                }
                let result = self.game.message(number, &message.name, &message.data, message.call, &mut self.effects);
                if let (Err(error), Some(call)) = (&result, message.call)
                    && !error.is_fatal()
                {
                    let result = Err("the room's script failed".into());
                    self.effects.push(Effect::Reply { to: number, call, result });
                }
                self.survive(result)?;
            }
        }
        Ok(())
    }

    fn run_inputs(&mut self, now: Micros) -> Result<(), GameError> {
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if member.seat.kind != "player" {
                continue;
            }
            let number = member.number();
            let (values, taken) = member.inputs.next(now);
            self.metrics.inputs_substituted.add(u64::from(taken.substituted));
            self.metrics.inputs_skipped.add(u64::from(taken.skipped));
            let result = self.game.input(number, values, &mut self.effects);
            self.survive(result)?;
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), GameError> {
        let mut world = self.replication.blank();
        let collected = self.game.collect(&mut world, &mut self.effects);
        self.replication.commit(self.tick, world);
        self.survive(collected)
    }

    /// Does what the script asked for, in its order.
    fn carry_out(&mut self) -> Result<(), GameError> {
        // Leaving players make effects of their own; a second round carries those out, a third is not needed because
        // nobody leaves twice.
        for _ in 0..=self.members.len() + 1 {
            if self.effects.is_empty() {
                break;
            }
            for effect in std::mem::take(&mut self.effects) {
                self.carry_out_one(effect)?;
            }
        }
        Ok(())
    }

    fn carry_out_one(&mut self, effect: Effect) -> Result<(), GameError> {
        let tick = self.tick;
        match effect {
            Effect::Message { to, name, data } => {
                for member in self.members.iter().filter(|m| to == Audience::Room || to == Audience::Player(m.number()))
                {
                    if !member.awaits_join_answer {
                        member.session.send(|number| message::event(number, tick, &name, &data));
                    }
                }
            }
            Effect::Reply { to, call, result } => {
                if let Some(member) = self.members.iter().find(|m| m.number() == to) {
                    member.session.send(|number| message::reply(number, tick, call, &result));
                }
            }
            Effect::Document { name, operations } => {
                if !self.documents.patch(name, operations) {
                    tracing::error!(room = %self.name, "a document change did not fit its shadow");
                }
            }
            Effect::Role { player, role } => self.documents.role(player, role),
            Effect::Kick { player, reason } => {
                if let Some(index) = self.members.iter().position(|m| m.number() == player) {
                    self.members[index].session.end(reason, reason.text());
                    self.remove(index, reason)?;
                }
            }
            Effect::Close => self.closing = true,
            Effect::Log { level: LogLevel::Info, text } => {
                self.log(|room| {
                    tracing::info!(module = %room.game.info().module, room = %room.name, tick, "{text}");
                });
            }
            Effect::Log { level: LogLevel::Error, text } => self.log_script_error(&text),
        }
        Ok(())
    }

    /// Joins and resumes are answered, documents patched, snapshots placed where the links find them.
    fn answer_and_send(&mut self, now: Micros) {
        for index in 0..self.members.len() {
            let presence = self.members[index].drained.presence;
            self.members[index].session.stepped(self.tick, now);
            match presence {
                Presence::Attaching(delivery, resume) => self.answer_attachment(index, delivery, resume),
                Presence::Online(delivery) if self.members[index].awaits_join_answer => {
                    self.answer_join(index, delivery, 0);
                }
                Presence::Online(delivery) => {
                    self.send_documents(index);
                    self.send_snapshot(index, delivery);
                    self.send_saved(index);
                }
                Presence::Lost(_) if !self.members[index].awaits_join_answer => self.send_documents(index),
                Presence::Lost(_) | Presence::Ended(_) => {}
            }
            self.wakers.extend(self.members[index].session.waker());
        }
        self.documents.clear_changes();
    }

    fn answer_attachment(&mut self, index: usize, delivery: Delivery, resume: ResumeFrom) {
        let member = &mut self.members[index];
        if member.awaits_join_answer || resume.epoch != self.epoch || !member.session.can_replay(resume.received) {
            self.metrics.session_resumes[crate::metrics::Resume::Rejoined as usize].add(1);
            let here = resume.epoch == self.epoch;
            let lost = if here { member.session.sent().saturating_sub(resume.received) } else { 0 };
            return self.answer_join(index, delivery, lost);
        }
        self.metrics.session_resumes[crate::metrics::Resume::Replayed as usize].add(1);
        let held = Some(resume.tick).filter(|tick| self.replication.holds(*tick));
        // What changed in this very tick is numbered like everything else and leaves with the answer.
        self.send_documents(index);
        let member = &mut self.members[index];
        member.session.answer(message::resumed(self.epoch, member.applied), resume.received);
        member.announced = member.applied;
        member.view = View::starting_from(held, true);
    }

    /// `messages_lost`: numbered frames of this epoch that the client will never see.
    fn answer_join(&mut self, index: usize, delivery: Delivery, messages_lost: u32) {
        let info = self.game.info().clone();
        let member = &mut self.members[index];
        let input = member.inputs.restart();
        let (snapshot, _) = self.replication.snapshot(None, member.inputs.report());
        let joined = Joined {
            epoch: self.epoch,
            module: info.module.clone(),
            title: info.title.clone(),
            room: self.name.clone(),
            player: member.number(),
            tick: self.tick,
            schema: (*info.schema).clone(),
            documents: self.documents.whole(member.number()),
            snapshot: snapshot.to_vec(),
            input,
            applied: member.applied,
            messages_lost,
        };
        member.session.begin(self.epoch);
        member.session.answer(joined.encode(), 0);
        (member.applied, member.announced) = (0, 0);
        member.awaits_join_answer = false;
        member.documents_stale = false;
        member.view = View::starting_from(Some(self.tick), delivery != Delivery::Datagram);
    }

    fn send_documents(&mut self, index: usize) {
        let (tick, member) = (self.tick, &mut self.members[index]);
        let number = member.number();
        if member.session.lags() {
            member.documents_stale = true;
        } else if std::mem::take(&mut member.documents_stale) {
            self.documents.send_whole(number, tick, |make| member.session.send(make));
        } else {
            self.documents.send_changes(number, tick, |make| member.session.send(make));
        }
        if tick.is_multiple_of(HASH_EVERY) && member.session.wants_hash() && !member.documents_stale {
            let world = hash::world(self.replication.world());
            let documents = self.documents.hash();
            member.session.send(|number| message::hash(number, tick, world, documents));
        }
    }

    fn send_snapshot(&mut self, index: usize, delivery: Delivery) {
        let member = &mut self.members[index];
        let plan = self.replication.plan(&member.view, delivery);
        let Plan::Send(baseline) = plan else {
            self.metrics.snapshots_skipped.add(1);
            return;
        };
        if !member.drained.takes_snapshot {
            self.metrics.snapshots_skipped.add(1);
            return;
        }
        let (frame, shared) = self.replication.snapshot(baseline, member.inputs.report());
        self.metrics.snapshot_size_bytes.observe(frame.len() as u64);
        self.metrics.snapshots_whole.add(u64::from(baseline.is_none()));
        self.metrics.snapshots_shared.add(u64::from(shared));
        self.replication.given(&mut member.view);
        member.session.send_snapshot(frame);
    }

    /// Tells a client now and then which of its messages have arrived, so that it need not keep them.
    fn send_saved(&mut self, index: usize) {
        let Member { session, applied, announced, .. } = &mut self.members[index];
        if applied != announced && self.tick.is_multiple_of(SAVED_EVERY) {
            *announced = *applied;
            session.control(message::saved(self.epoch, *applied, *applied));
        }
    }

    fn is_over(&mut self, now: Micros) -> Stepped {
        if !self.members.is_empty() {
            self.empty_since = None;
        } else {
            let since = *self.empty_since.get_or_insert(now);
            let patience = Micros::from(self.game.info().empty_after_secs) * 1_000_000;
            self.closing |= now.saturating_sub(since) > patience;
        }
        if self.closing { Stepped::Over } else { Stepped::Running }
    }
}
