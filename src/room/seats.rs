//! Who sits in a room: joining by the rules of seats, watching, taking over, leaving.

use super::{Entry, Member, Refused, Room, inputs::InputBuffer, replication::View, shown::Shown};
use crate::{
    game::{Admission, GameError, Seat},
    protocol::CloseReason,
    session::{Drained, Session},
};

impl Room {
    /// Takes a seat. The answer goes out with the next tick, complete with what `join` made.
    ///
    /// A session that sits here already gets the answer again; a device whose link was lost gets its longest-lost seat.
    pub fn join(&mut self, entry: Entry) -> Result<Result<(), Refused>, GameError> {
        if let Some(member) = self.members.iter_mut().find(|m| m.session == entry.session) {
            member.awaits_join_answer = true;
            return Ok(Ok(()));
        }
        if !self.password.is_empty() && self.password != entry.request.password {
            return Ok(Err(CloseReason::WrongPassword.into()));
        }
        let device = entry.session.device().to_owned();
        if let Some(index) = self.longest_lost(|m| m.session.device() == device) {
            self.hand_over(index, entry.session);
            return Ok(Ok(()));
        }
        if self.locked {
            return Ok(Err(Refused::new(CloseReason::Refused, "the room is locked: nobody new may enter")));
        }
        self.seat(entry)
    }

    /// Of the members that fit, the one whose link was lost first.
    fn longest_lost(&self, fits: impl Fn(&Member) -> bool) -> Option<usize> {
        let lost = |m: &Member| m.lost_since.or_else(|| m.session.lost_since());
        let seats = self.members.iter().enumerate().filter(|(_, m)| fits(m));
        seats.filter_map(|(index, m)| lost(m).map(|since| (since, index))).min().map(|(_, index)| index)
    }

    /// Puts another session into a seat; the one before it ends. Its messages were its own: the new one counts anew.
    fn hand_over(&mut self, index: usize, session: Session) {
        let member = &mut self.members[index];
        let old = std::mem::replace(&mut member.session, session);
        old.end(CloseReason::Replaced, CloseReason::Replaced.text());
        member.awaits_join_answer = true;
        member.lives.clear();
        member.missed = 0;
        (member.applied, member.saved) = (0, 0);
        let number = member.number();
        self.recount(number);
    }

    /// Somebody else sits here now, under their own name.
    pub(super) fn rename(&mut self, index: usize, name: String) -> Result<(), GameError> {
        let number = self.members[index].number();
        self.documents.name(number, &name);
        let renamed = self.game.rename(number, &name, &mut self.effects);
        self.members[index].seat.name = name;
        self.survive(renamed)
    }

    /// Whether there is a place of this kind; a bot makes room for a person who plays.
    fn place(&mut self, kind: &str) -> Result<Result<(), Refused>, GameError> {
        let full = |text: String| Ok(Err(Refused::new(CloseReason::RoomFull, text)));
        if kind != "player" {
            let most = self.limits.room_spectators_max;
            let watching = self.watching();
            return if watching < most { Ok(Ok(())) } else { full(format!("all {most} places to watch are taken")) };
        }
        let (_, seats) = self.game.info().seats;
        if self.people() >= seats as usize {
            return full(format!("all {seats} seats are taken"));
        }
        if self.people() + self.bots.len() >= seats as usize {
            self.dismiss_bot()?;
        }
        Ok(Ok(()))
    }

    fn seat(&mut self, entry: Entry) -> Result<Result<(), Refused>, GameError> {
        let number = self.next_number;
        let kind = if entry.request.kind.is_empty() { "player".into() } else { entry.request.kind };
        if !matches!(kind.as_str(), "player" | "spectator" | "screen") {
            return Ok(Err(Refused::new(CloseReason::Refused, "kind is one of player, spectator, screen")));
        }
        let mut seat = Seat { number, name: entry.name, kind, bot: false };
        match self.game.enter(&seat, &mut self.effects) {
            Ok(Admission::As(kind)) => seat.kind = kind,
            Ok(Admission::TakeOver) => match self.longest_lost(|m| m.seat.kind == "player") {
                Some(index) => {
                    self.hand_over(index, entry.session);
                    return self.rename(index, seat.name).map(Ok);
                }
                None => seat.kind = "spectator".into(),
            },
            Ok(Admission::Refused(why)) => return Ok(Err(Refused::new(CloseReason::Refused, why))),
            Err(error) => {
                self.survive(Err(error))?;
                return Ok(Err(Refused::new(CloseReason::Refused, "the room's script failed")));
            }
        }
        if let Err(refused) = self.place(&seat.kind)? {
            return Ok(Err(refused));
        }
        self.next_number += 1;
        self.documents.joined(&seat);
        let joined = self.game.join(&seat, &mut self.effects);
        self.members.push(Member {
            inputs: InputBuffer::new(&self.game.info().schema, self.limits.input_lane),
            shown: Shown::default(),
            seat,
            session: entry.session,
            view: View::default(),
            lost_since: None,
            awaits_join_answer: true,
            documents_stale: false,
            applied: 0,
            saved: 0,
            announced: (0, 0),
            lives: Vec::new(),
            missed: 0,
            running: 0,
            drained: Drained::default(),
        });
        self.empty_since = None;
        self.survive(joined).map(Ok)
    }

    /// The client asked to leave the room; the session goes on.
    pub fn leave(&mut self, session: &Session) -> Result<(), GameError> {
        let Some(index) = self.members.iter().position(|m| m.session == *session) else { return Ok(()) };
        session.begin(0);
        session.control(crate::protocol::message::left());
        self.remove(index, CloseReason::Left)
    }

    /// Like `leave`, while the script is lost and cannot hear of it: it will when the room is restored.
    pub fn leave_quietly(&mut self, session: &Session) {
        let Some(index) = self.members.iter().position(|m| m.session == *session) else { return };
        session.begin(0);
        session.control(crate::protocol::message::left());
        self.members.remove(index);
    }

    /// Ends a seat: the script hears `leave`, the others see the player go.
    pub(super) fn remove(&mut self, index: usize, reason: CloseReason) -> Result<(), GameError> {
        let member = self.members.remove(index);
        let result = self.game.leave(member.number(), reason, &mut self.effects);
        self.documents.left(member.number());
        self.survive(result)
    }
}
