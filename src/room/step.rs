//! One tick of a room, in this order: what came in, the script, what goes out. Time is an argument.

use super::{
    Member, Room, StoreRequest,
    replication::{Plan, View},
    shown::Shown,
};
use crate::{
    game::{Audience, Effect, Game, GameError, LogLevel, one_line},
    protocol::{
        CloseReason, Epoch, Micros, PlayerNumber,
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
    /// The script asked for the end.
    Over,
    /// Nobody has been here for `empty_after`.
    Empty,
}

impl Room {
    /// Runs one tick. An error means that the script's VM is lost, or that a version on trial has failed: `roll_back` or
    /// `restore` the room.
    pub fn step(&mut self, now: Micros) -> Result<Stepped, GameError> {
        self.tick += 1;
        self.metrics.room_ticks.add(1);
        if self.tick.is_multiple_of(self.game.info().schema.tick_rate) {
            self.log_lines = self.limits.lua_log_lines_per_second;
            self.script_error_told = false;
        }
        self.clean = self.clean.saturating_add(1);
        self.gather(now)?;
        self.tend_bots()?;
        let begun = self.game.begin(self.tick, &mut self.effects);
        self.survive(begun)?;
        self.run_answers()?;
        self.run_messages()?;
        self.run_inputs(now)?;
        self.run_bots()?;
        let ticked = self.game.tick(&mut self.effects);
        self.survive(ticked)?;
        self.collect()?;
        self.carry_out()?;
        self.answer_and_send(now);
        self.keep_checkpoint()?;
        self.is_over(now)
    }

    /// Who is here, who has gone, what they sent.
    fn gather(&mut self, now: Micros) -> Result<(), GameError> {
        let mut gone: Vec<(PlayerNumber, CloseReason)> = Vec::new();
        let mut frame = InputFrame::default(); // its memory serves all members
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            member.session.drain(&mut member.drained);
            member.applied = member.drained.received;
            if member.applied > 0 {
                member.lives.clear();
            }
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
                    self.take_in(index, &mut frame);
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

    /// Decodes a member's acknowledgements and inputs. What is no input frame of this room ends the link; what was meant
    /// for the room's life before is passed over.
    fn take_in(&mut self, index: usize, input: &mut InputFrame) {
        let member = &mut self.members[index];
        let current = |epoch_low: u8| epoch_low == self.epoch as u8;
        let mut drained = std::mem::take(&mut member.drained.inputs);
        if let Some((epoch_low, tick)) = member.drained.ack
            && current(epoch_low)
        {
            member.view.acknowledge(tick, self.tick);
        }
        for (arrived, frame) in drained.drain(..) {
            if InputFrame::epoch_low(&frame).is_some_and(|epoch_low| !current(epoch_low)) {
                continue;
            }
            match input.read(&frame, &self.game.info().schema.inputs) {
                Ok(()) => {
                    member.view.acknowledge(input.ack, self.tick);
                    member.shown.note(input.newest, input.view, self.tick);
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

    /// What the store says to earlier questions. Questions that nobody took from the room are answered with nothing.
    fn run_answers(&mut self) -> Result<(), GameError> {
        for request in std::mem::take(&mut self.asked) {
            self.metrics.script_store_refused.add(1);
            if let StoreRequest::Get { request, answers, .. } = request {
                answers.put(request, None);
            }
        }
        for (request, value) in self.answers.take() {
            let answered = self.game.answer(request, value.as_ref(), &mut self.effects);
            self.survive(answered)?;
        }
        Ok(())
    }

    fn run_messages(&mut self) -> Result<(), GameError> {
        for index in 0..self.members.len() {
            let number = self.members[index].number();
            let messages = std::mem::take(&mut self.members[index].drained.messages);
            let first = (self.members[index].applied + 1).saturating_sub(messages.len() as u32);
            for (message, counted) in messages.into_iter().zip(first..) {
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
                self.members[index].running = counted;
                let result = self.game.message(number, &message.name, &message.data, message.call, &mut self.effects);
                self.survive(result)?;
                self.members[index].running = 0;
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
            let taken = member.inputs.next(now);
            // Whoever has lost the link looks at nothing.
            let shown = member.shown.at(member.inputs.report().applied, self.tick);
            let seen = if member.lost_since.is_some() { f64::from(self.tick) } else { shown };
            let values = member.inputs.values();
            self.metrics.inputs_substituted.add(u64::from(taken.substituted));
            self.metrics.inputs_skipped.add(u64::from(taken.skipped));
            let result = self.game.input(number, values, seen, &mut self.effects);
            self.survive(result)?;
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), GameError> {
        let mut world = self.replication.blank();
        let clamped = self.game.clamped();
        let collected = self.game.collect(&mut world, &mut self.effects);
        self.metrics.fields_clamped.add(self.game.clamped() - clamped);
        self.replication.commit(self.tick, world);
        self.survive(collected)
    }

    /// Does what the script asked for, in its order.
    pub(super) fn carry_out(&mut self) -> Result<(), GameError> {
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
                let meant = |m: &&mut Member| to == Audience::Room || to == Audience::Player(m.number());
                for member in self.members.iter_mut().filter(meant) {
                    if member.hears() {
                        member.session.send(|number| message::event(number, tick, &name, &data));
                    }
                }
            }
            Effect::Reply { to, call, result } => {
                if let Some(member) = self.members.iter_mut().find(|m| m.number() == to)
                    && member.hears()
                {
                    member.session.send(|number| message::reply(number, tick, call, &result));
                }
            }
            Effect::Document { name, operations } => {
                if !self.documents.patch(name, operations) {
                    tracing::error!(room = %self.name, "a document change did not fit its shadow");
                }
            }
            Effect::Role { player, role } => self.documents.role(player, role),
            Effect::Kind { player, kind } => {
                if let Some(member) = self.members.iter_mut().find(|m| m.number() == player) {
                    member.seat.kind.clone_from(&kind);
                    member.inputs.neutral();
                    self.documents.kind(player, kind);
                }
            }
            Effect::Lock(locked) => self.locked = locked,
            Effect::StoreGet { request, key } => {
                self.asked.push(StoreRequest::Get { key, request, answers: self.answers.clone() });
            }
            Effect::StoreSet { key, value } => self.asked.push(StoreRequest::Set { key, value }),
            Effect::Kick { player, reason, text } => {
                if self.bots.iter().any(|bot| bot.number == player) {
                    self.remove_bot(player, reason)?;
                }
                if let Some(index) = self.members.iter().position(|m| m.number() == player) {
                    self.members[index].session.end(reason, &text);
                    self.remove(index, reason)?;
                }
            }
            Effect::Close => self.closing = true,
            Effect::Log { level: LogLevel::Info, text } => {
                self.log(|room| {
                    tracing::info!(module = %room.game.info().module, room = %room.name, tick, "{}", one_line(&text));
                });
            }
            Effect::Log { level: LogLevel::Error, text } => self.script_error(&text),
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
                    self.answer_join(index, delivery, self.epoch, 0);
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

    pub(super) fn answer_attachment(&mut self, index: usize, delivery: Delivery, resume: ResumeFrom) {
        let member = &mut self.members[index];
        if member.awaits_join_answer || resume.epoch != self.epoch || !member.session.can_replay(resume.received) {
            self.metrics.session_resumes[crate::metrics::Resume::Rejoined as usize].add(1);
            let lost = member.session.lost(resume.epoch, resume.received);
            return self.answer_join(index, delivery, resume.epoch, lost);
        }
        self.metrics.session_resumes[crate::metrics::Resume::Replayed as usize].add(1);
        // What changed in this very tick is numbered like everything else and leaves with the answer.
        self.send_documents(index);
        let member = &mut self.members[index];
        member.session.answer(message::resumed(self.epoch, member.applied), resume.received);
        member.lives.clear();
        member.announced = (member.applied, member.saved);
        let held = Some(resume.tick).filter(|tick| self.replication.holds(&member.view, *tick));
        member.view.resume(held, self.tick);
    }

    /// `from`: the epoch in which the answer finds the client; `messages_lost`: numbered frames of that which it will
    /// never see.
    pub(super) fn answer_join(&mut self, index: usize, delivery: Delivery, from: Epoch, messages_lost: u32) {
        let info = self.game.info().clone();
        let member = &mut self.members[index];
        let input = member.inputs.restart();
        member.shown = Shown::default();
        let lived = member.lives.iter().find(|(epoch, _)| *epoch == from);
        let applied = if from == self.epoch { member.applied } else { lived.map_or(0, |(_, applied)| *applied) };
        let snapshot = self.replication.key(member.inputs.report());
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
            applied,
            messages_lost: messages_lost + std::mem::take(&mut member.missed),
        };
        self.metrics.messages_lost.add(u64::from(joined.messages_lost));
        let answer = joined.encode();
        if answer.len() > self.limits.join_answer_bytes_max {
            return self.turn_away(index, answer.len());
        }
        member.session.begin(self.epoch);
        member.session.answer(answer, 0);
        (member.applied, member.saved, member.announced) = (0, 0, (0, 0));
        let number = member.number();
        member.awaits_join_answer = false;
        member.documents_stale = false;
        member.view = View::starting_from(self.tick, delivery != Delivery::Datagram);
        self.recount(number);
    }

    /// Without the whole room a client can do nothing, and a frame that large only breaks its link: it is told so instead.
    /// The seat is given up in the next tick.
    fn turn_away(&mut self, index: usize, bytes: usize) {
        let most = self.limits.join_answer_bytes_max;
        let text = format!("the room is too large to enter: {bytes} bytes of state, and {most} are the most");
        self.metrics.join_answers_too_large.add(1);
        let member = &mut self.members[index];
        member.awaits_join_answer = false;
        member.session.end(CloseReason::TooLarge, &text);
        let player = member.number();
        self.log(|room| {
            let module = &room.game.info().module;
            tracing::error!(%module, room = %room.name, tick = room.tick, player, "nobody can join: {text}");
        });
    }

    fn send_documents(&mut self, index: usize) {
        let (tick, member) = (self.tick, &mut self.members[index]);
        let number = member.number();
        let whole = member.documents_stale;
        // State may wait until there is room for it; a link is never closed over it.
        let bytes = self.documents.sent_bytes(number, whole);
        member.documents_stale = member.session.lags() || !member.session.has_room_for(bytes);
        if !member.documents_stale {
            self.documents.send(number, whole, tick, |make| member.session.send(make));
        }
        if tick.is_multiple_of(HASH_EVERY) && member.session.wants_hash() && !member.documents_stale {
            let (world, documents) = (self.replication.hash(), self.documents.hash());
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
        let (number, report) = (member.number(), member.inputs.report());
        let snapshot = self.replication.snapshot(&mut member.view, number, delivery, baseline, report);
        self.metrics.snapshot_size_bytes.observe(snapshot.frame.len() as u64);
        self.metrics.snapshots_whole.add(u64::from(baseline.is_none()));
        self.metrics.snapshots_shared.add(u64::from(snapshot.shared));
        self.metrics.snapshots_partial.add(u64::from(snapshot.partial));
        member.session.send_snapshot(snapshot.frame);
    }

    /// Tells a client now and then which of its messages have arrived, and which are safe, so that it need not keep them.
    fn send_saved(&mut self, index: usize) {
        let member = &self.members[index];
        let now = (member.applied, self.saved_of(member));
        if now != member.announced && self.tick.is_multiple_of(SAVED_EVERY) {
            member.session.control(message::saved(self.epoch, now.0, now.1));
            self.members[index].announced = now;
        }
    }

    fn is_over(&mut self, now: Micros) -> Result<Stepped, GameError> {
        if !self.members.is_empty() {
            self.empty_since = None;
        } else {
            let since = *self.empty_since.get_or_insert(now);
            let patience = Micros::from(self.game.info().empty_after_secs) * 1_000_000;
            if now.saturating_sub(since) > patience && !self.closing {
                return self.checkpoint_now().map(|()| Stepped::Empty);
            }
        }
        Ok(if self.closing { Stepped::Over } else { Stepped::Running })
    }
}
