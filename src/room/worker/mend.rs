//! What a worker does when a script is lost, replaced or proven: restore, reload, roll back, and the way to the penalty
//! worker and back.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering::Relaxed,
};

use super::{
    Command, Event, Worker,
    slot::{Lost, RoomId, Slot, State, Stay},
};
use crate::{
    game::{Game, GameError, one_line},
    protocol::Micros,
    room::{CLEAN_TICKS, Refused, Reloaded},
};

/// How often a room that waits for a VM is looked after.
const LOOK_EVERY: Micros = 1_000_000;
/// Seconds without a checkpoint after which more is lost than anybody expects.
const UNSAVED_SECS: u32 = 2;
/// Seconds of ticks without an error before a room may leave the penalty worker.
const PENALTY_SECS: u32 = 60;

impl Worker {
    /// The script was stopped, or a version on trial failed. `error` is None for a panic.
    pub(super) fn mend(&mut self, mut slot: Slot, error: Option<&GameError>, now: Micros) {
        let module = slot.status.key.module.clone();
        let why = error.map_or_else(|| "the room's step panicked".to_owned(), ToString::to_string);
        if slot.room.is_on_trial() {
            let failed = slot.room.info().version.clone();
            if self.go_back(&mut slot, &failed, &why, now) {
                self.tell(Event::RolledBack { room: slot.status.clone(), version: failed, why });
                return self.put_back(slot);
            }
        }
        let tick = slot.room.tick();
        let lost = if slot.room.checkpoint().is_none() {
            ", and all that was in it is lost: there was no checkpoint"
        } else {
            ""
        };
        tracing::error!(%module, room = %slot.room.name(), tick, "a script was stopped: {why}{lost}");
        slot.status.set_state(State::Reopening);
        if slot.stay.is_none() {
            self.metrics.rooms_penalised.add(1);
        }
        slot.stay = Some(Stay::new(penalty_ticks(&slot)));
        slot.praised = true;
        slot.lost = Some(Lost { why, told: false });
        slot.due = now;
        self.tell_of(&mut slot);
        let penalty = self.fleet.penalty().index;
        self.move_to(penalty, slot);
    }

    /// A room without a VM: its players keep their seats and wait.
    pub(super) fn wait_on(&mut self, mut slot: Slot, now: Micros) {
        self.tell_of(&mut slot);
        slot.due = now + LOOK_EVERY;
        // The penalty worker's inbox may have been full.
        let penalty = self.fleet.penalty().index;
        self.move_to(penalty, slot);
    }

    fn tell_of(&self, slot: &mut Slot) {
        let (room, version) = (slot.status.clone(), slot.room.info().version.clone());
        let reopens = slot.room.checkpoint().is_some();
        if let Some(lost) = slot.lost.as_mut().filter(|lost| !lost.told) {
            lost.told = self.tell(Event::Failed { room, version, why: lost.why.clone(), reopens });
        }
    }

    fn tell(&self, event: Event) -> bool {
        let told = self.services.events.try_send(event).is_ok();
        self.metrics.room_events_overflowed.add(u64::from(!told));
        told
    }

    /// Hands a room to another worker; keeps it when that one's inbox is full.
    fn move_to(&mut self, index: usize, slot: Slot) {
        if index == self.index {
            return self.put_back(slot);
        }
        let status = slot.status.clone();
        // The room is in the other's inbox before anybody is sent there: whoever comes later finds it.
        match self.fleet.at(index).try_send(Command::Adopt(Box::new(slot))).map_err(|command| *command) {
            Ok(()) => status.worker.store(index, Relaxed),
            Err(Command::Adopt(slot)) => self.put_back(*slot),
            Err(_) => {}
        }
    }

    fn fail(&self, slot: Slot, why: &Refused) {
        tracing::error!(module = %slot.status.key.module, room = %slot.room.name(), "room failed: {}", why.text);
        self.metrics.rooms_failed.add(1);
        self.count_out(&slot);
        slot.close(why.reason, &why.text);
    }

    /// The VM that a room waits for has come.
    pub(super) fn restore(&mut self, id: RoomId, game: Result<Box<dyn Game>, Refused>, now: Micros) {
        if self.rooms.get(&id).is_none_or(|slot| slot.lost.is_none()) {
            return;
        }
        let Some(mut slot) = self.take_out(id) else { return };
        let game = match game {
            Ok(game) => game,
            Err(why) => return self.fail(slot, &why),
        };
        let info = game.info().clone();
        let lost_secs = slot.room.ticks_unsaved().unwrap_or_default() / slot.room.info().schema.tick_rate;
        let restored = catch_unwind(AssertUnwindSafe(|| slot.room.restore(game, now)));
        match restored {
            Ok(Ok(lost)) => self.services.loader.bury(lost),
            Ok(Err(error)) => return self.mend(slot, Some(&error), now),
            Err(_) => return self.mend(slot, None, now),
        }
        let (module, room, tick) = (&info.module, slot.room.name(), slot.room.tick());
        if lost_secs <= UNSAVED_SECS {
            tracing::info!(%module, %room, tick, "room restored");
        } else {
            tracing::error!(%module, %room, tick, "room restored; the last {lost_secs} s are lost: there was no newer checkpoint");
        }
        self.metrics.rooms_restored.add(1);
        slot.status.set_info(info);
        slot.status.set_state(State::Penalty);
        slot.lost = None;
        slot.due = now + slot.room.period();
        slot.room.take_wakers(&mut self.wakers);
        self.put_back(slot);
    }

    /// A new version of the module, between two ticks. Whether the room has it now, or will.
    pub(super) fn reload(&mut self, id: RoomId, game: Box<dyn Game>, now: Micros) -> bool {
        let info = game.info().clone();
        // A room that waits for a VM gets the newest version anyway.
        let fits = |slot: &Slot| slot.lost.is_none() && slot.room.info().version != info.version;
        if !self.rooms.get(&id).is_some_and(fits) {
            self.services.loader.bury(game);
            return true;
        }
        let Some(mut slot) = self.take_out(id) else { return false };
        let reloaded = catch_unwind(AssertUnwindSafe(|| slot.room.reload(game, now)));
        slot.room.take_wakers(&mut self.wakers);
        let swapped = matches!(reloaded, Ok(Ok(Reloaded::Swapped)));
        match reloaded {
            Ok(Ok(Reloaded::Swapped)) => {
                tracing::debug!(module = %info.module, room = %slot.room.name(), version = %info.version, "room reloaded");
                self.metrics.rooms_reloaded.add(1);
                slot.praised = false;
                slot.status.set_info(info);
            }
            Ok(Ok(Reloaded::Refused(error))) => {
                let (version, why) = (info.version.clone(), error.to_string());
                self.say_back(&slot, &version, &why);
                self.tell(Event::RolledBack { room: slot.status.clone(), version, why });
            }
            Ok(Ok(Reloaded::Unkept(error))) => {
                let (version, why) = (info.version.clone(), error.to_string());
                let (module, room) = (&info.module, slot.room.name());
                tracing::error!(version, "module {module}, room {room}: not reloaded: {}", one_line(&why));
                self.tell(Event::Unkept { room: slot.status.clone(), version, why });
            }
            Ok(Err(error)) => {
                self.mend(slot, Some(&error), now);
                return false;
            }
            Err(_) => {
                self.mend(slot, None, now);
                return false;
            }
        }
        self.put_back(slot);
        swapped
    }

    pub(super) fn roll_back(&mut self, id: RoomId, version: &str, why: &str, now: Micros) {
        let fits = |slot: &Slot| slot.room.is_on_trial() && slot.room.info().version == version;
        if !self.rooms.get(&id).is_some_and(fits) {
            return;
        }
        let Some(mut slot) = self.take_out(id) else { return };
        if self.go_back(&mut slot, version, why, now) {
            self.put_back(slot);
        } else {
            self.mend(slot, None, now);
        }
    }

    /// False when the old game is lost as well.
    fn go_back(&mut self, slot: &mut Slot, version: &str, why: &str, now: Micros) -> bool {
        let back = catch_unwind(AssertUnwindSafe(|| slot.room.roll_back(now)));
        slot.room.take_wakers(&mut self.wakers);
        let Ok(Some(Ok(failed))) = back else { return false };
        self.services.loader.bury(failed);
        self.say_back(slot, version, why);
        slot.praised = true;
        slot.due = now + slot.room.period();
        slot.status.set_info(slot.room.info().clone());
        true
    }

    fn say_back(&self, slot: &Slot, version: &str, why: &str) {
        self.metrics.rooms_rolled_back.add(1);
        let (module, room) = (&slot.status.key.module, slot.room.name());
        let why = one_line(why);
        tracing::error!(version, "module {module}, room {room}: the new version failed, the old one goes on: {why}");
    }

    /// After a tick that went well: a version may have proved itself, a room served its time.
    pub(super) fn judge(&mut self, slot: &mut Slot) {
        if let Some(old) = slot.room.graduate() {
            self.services.loader.bury(old);
        }
        let clean = slot.room.clean_ticks();
        if clean >= CLEAN_TICKS && !slot.praised && !slot.room.is_on_trial() {
            let info = slot.room.info();
            slot.praised = self.tell(Event::RanClean { module: info.module.clone(), version: info.version.clone() });
        }
    }

    /// What a room's last second took of a core, if that is known.
    pub(super) fn note_share(slot: &mut Slot, share: Option<u32>) {
        if let (Some(share), Some(stay)) = (share, &mut slot.stay) {
            stay.note(share, slot.room.clean_ticks());
        }
    }

    /// After a tick that went well: a room that has served its time goes to an ordinary worker, one that takes more than
    /// its share of a core that others need goes to the penalty worker, all others stay.
    pub(super) fn place(&mut self, mut slot: Slot) {
        let clean = slot.room.clean_ticks();
        match slot.stay.as_mut().map(|stay| stay.is_over(clean)) {
            Some(true) => {
                let to = self.fleet.idlest().index;
                self.go_on_at(to, slot, None);
            }
            None if slot.usage.is_too_much() && !self.rooms.is_empty() => {
                let (module, room, share) = (&slot.status.key.module, slot.room.name(), self.services.room_share);
                tracing::warn!(module, room, "a room takes more than {share} % of a core: it goes on at low priority");
                self.metrics.rooms_over_share.add(1);
                let stay = Stay::until_calm(penalty_ticks(&slot), clean, share / 2);
                self.go_on_at(self.fleet.penalty().index, slot, Some(stay));
            }
            _ => self.put_back(slot),
        }
    }

    /// Moves a room that is well to another worker; when that one's inbox is full it stays as it was.
    fn go_on_at(&mut self, index: usize, mut slot: Slot, stay: Option<Stay>) {
        let (before, status) = (slot.stay, slot.status.clone());
        self.note_stay(&mut slot, stay);
        self.move_to(index, slot);
        if index != self.index
            && let Some(mut slot) = self.take_out(status.id)
        {
            self.note_stay(&mut slot, before);
            self.put_back(slot);
        }
    }

    fn note_stay(&self, slot: &mut Slot, stay: Option<Stay>) {
        self.metrics.rooms_penalised.add(i64::from(stay.is_some()) - i64::from(slot.stay.is_some()));
        slot.status.set_state(if stay.is_some() { State::Penalty } else { State::Running });
        slot.stay = stay;
    }
}

fn penalty_ticks(slot: &Slot) -> u32 {
    PENALTY_SECS * slot.room.info().schema.tick_rate
}
