//! What a room keeps of itself: taken once a second of ticks, restored when its script is lost, reloaded, or opened again.

use super::{Member, Room};
use crate::{
    game::{GameError, Seat, at_rate},
    protocol::{Epoch, PlayerNumber, Tick, Value, value::DEPTH_MAX},
};

/// While no checkpoint comes about for this many seconds, clients are told to keep no more messages for it.
const SAVING_LAGS_SECS: u32 = 5;

/// One room between two ticks. What its players know of their messages belongs to `epoch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub epoch: Epoch,
    pub tick: Tick,
    /// Of the module that ran: a tick is so many parts of a second.
    pub tick_rate: u32,
    pub next_number: PlayerNumber,
    /// Of the module that ran.
    pub version: String,
    pub locked: bool,
    /// Ascending by number, bots included.
    pub seats: Vec<Kept>,
    /// What the game itself keeps.
    pub game: Value,
}

/// A seat in a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub seat: Seat,
    pub connected: bool,
    /// The last of the player's messages in the game's state.
    pub applied: u32,
}

impl Checkpoint {
    pub fn seat(&self, number: PlayerNumber) -> Option<&Kept> {
        self.seats.iter().find(|kept| kept.seat.number == number)
    }

    /// Its tick, where ticks come at another rate.
    pub fn tick_at(&self, tick_rate: u32) -> Tick {
        at_rate(self.tick, self.tick_rate, tick_rate)
    }

    /// The same state in a new life of the room, whose players number their messages anew.
    #[must_use]
    pub fn in_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self.seats.iter_mut().for_each(|kept| kept.applied = 0);
        self
    }

    /// As one value, for whatever keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let seat = |kept: &Kept| {
            Value::map([
                ("number", f64::from(kept.seat.number).into()),
                ("name", kept.seat.name.as_str().into()),
                ("kind", kept.seat.kind.as_str().into()),
                ("bot", kept.seat.bot.into()),
                ("connected", kept.connected.into()),
                ("applied", f64::from(kept.applied).into()),
            ])
        };
        Value::map([
            ("epoch", f64::from(self.epoch).into()),
            ("tick", f64::from(self.tick).into()),
            ("tick_rate", f64::from(self.tick_rate).into()),
            ("next_number", f64::from(self.next_number).into()),
            ("version", self.version.as_str().into()),
            ("locked", self.locked.into()),
            ("seats", Value::List(self.seats.iter().map(seat).collect())),
            ("game", self.game.clone()),
        ])
        .to_bytes()
    }

    /// None when the bytes are no checkpoint of this server.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let value = Value::from_bytes_within(bytes, DEPTH_MAX + 16).ok()?;
        let seat = |kept: &Value| {
            Some(Kept {
                seat: Seat {
                    number: kept.get("number").u32()?,
                    name: kept.get("name").text()?.to_owned(),
                    kind: kept.get("kind").text()?.to_owned(),
                    bot: kept.get("bot").bool()?,
                },
                connected: kept.get("connected").bool()?,
                applied: kept.get("applied").u32()?,
            })
        };
        Some(Self {
            epoch: value.get("epoch").u32()?,
            tick: value.get("tick").u32()?,
            tick_rate: value.get("tick_rate").u32()?,
            next_number: value.get("next_number").u32()?,
            version: value.get("version").text()?.to_owned(),
            locked: value.get("locked").bool()?,
            seats: value.get("seats").list()?.iter().map(seat).collect::<Option<_>>()?,
            game: value.get("game").clone(),
        })
    }
}

impl Room {
    /// The room as it stands between two ticks.
    pub(super) fn take_checkpoint(&mut self) -> Result<Checkpoint, GameError> {
        let game = self.game.checkpoint(&mut self.effects)?;
        let member = |m: &Member| Kept {
            seat: m.seat.clone(),
            connected: m.lost_since.is_none(),
            // Who has not been answered in this epoch has sent nothing in it.
            applied: m.applied,
        };
        let bot = |seat: &Seat| Kept { seat: seat.clone(), connected: true, applied: 0 };
        let mut seats: Vec<_> = self.members.iter().map(member).chain(self.bots.iter().map(bot)).collect();
        seats.sort_by_key(|kept| kept.seat.number);
        Ok(Checkpoint {
            epoch: self.epoch,
            tick: self.tick,
            tick_rate: self.game.info().schema.tick_rate,
            next_number: self.next_number,
            version: self.game.info().version.clone(),
            locked: self.locked,
            seats,
            game,
        })
    }

    /// Once a second of ticks; in which of them is left to the epoch, which is drawn at random: rooms that were opened
    /// together do not all save in the same tick. While a new version is on trial nothing is kept: what it would go back to
    /// is the room as it was when it was reloaded.
    pub(super) fn keep_checkpoint(&mut self) -> Result<(), GameError> {
        let due = self.tick.wrapping_add(self.epoch).is_multiple_of(self.game.info().schema.tick_rate);
        if self.trial.is_some() || !due {
            return Ok(());
        }
        self.checkpoint_now()
    }

    pub(super) fn checkpoint_now(&mut self) -> Result<(), GameError> {
        match self.take_checkpoint() {
            Ok(checkpoint) => {
                self.members.iter_mut().for_each(|m| m.saved = m.applied);
                self.metrics.checkpoints.add(1);
                self.checkpoint = Some(checkpoint);
                Ok(())
            }
            error => self.survive(error.map(drop)),
        }
    }

    /// A member's messages count from 1 again within this epoch: the checkpoint's number of them means nothing any more.
    pub(super) fn recount(&mut self, number: PlayerNumber) {
        let kept = self.checkpoint.as_mut().and_then(|c| c.seats.iter_mut().find(|kept| kept.seat.number == number));
        if let Some(kept) = kept {
            kept.applied = 0;
        }
    }

    /// The last checkpoint, as bytes for whoever keeps it while the room is closed.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Ticks since the last checkpoint; None where there is none.
    pub fn ticks_unsaved(&self) -> Option<Tick> {
        let rate = self.game.info().schema.tick_rate;
        self.checkpoint.as_ref().map(|kept| self.tick.saturating_sub(kept.tick_at(rate)))
    }

    /// How far a client's messages are safe: inside the last checkpoint, or, when none comes about, inside the state.
    pub(super) fn saved_of(&self, member: &Member) -> u32 {
        let patience = SAVING_LAGS_SECS * self.game.info().schema.tick_rate;
        let kept = self.ticks_unsaved().is_some_and(|ticks| ticks <= patience);
        if kept || self.trial.is_some() { member.saved } else { member.applied }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_checkpoint_again() {
        let seat = Seat { number: 3, name: "Ann".into(), kind: "player".into(), bot: false };
        let checkpoint = Checkpoint {
            epoch: 7,
            tick: 90,
            tick_rate: 30,
            next_number: 4,
            version: "abc".into(),
            locked: true,
            seats: vec![Kept { seat, connected: false, applied: 5 }],
            game: Value::map([("who", Value::Player(3)), ("what", Value::Entity(9))]),
        };
        assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes()), Some(checkpoint));
        assert_eq!(Checkpoint::from_bytes(b"\x80"), None);
    }
}
