//! Seats without a person: while somebody plays, bots fill the players up to what the module asks for.

use super::Room;
use crate::{
    game::{Admission, Game, GameError, Seat},
    protocol::{CloseReason, PlayerNumber},
};

/// Friendly, short, and none that a person would be mistaken for.
const NAMES: [&str; 24] = [
    "Biscuit",
    "Pebble",
    "Ziggy",
    "Mango",
    "Noodle",
    "Pickle",
    "Sprout",
    "Waffle",
    "Button",
    "Comet",
    "Doodle",
    "Fidget",
    "Gizmo",
    "Hazel",
    "Jellybean",
    "Kiwi",
    "Lumen",
    "Maple",
    "Nimbus",
    "Orbit",
    "Pixel",
    "Quill",
    "Rocket",
    "Tofu",
];

impl Room {
    /// Members who play, those whose link is lost included.
    pub(super) fn people(&self) -> usize {
        self.members.iter().filter(|m| m.seat.kind == "player").count()
    }

    /// Brings as many bots as there should be. One that the script does not let in is tried again a second later.
    pub(super) fn tend_bots(&mut self) -> Result<(), GameError> {
        let info = self.game.info().clone();
        let people = self.people();
        let most = info.bots.min(info.seats.1) as usize;
        let wanted = if people == 0 { 0 } else { most.saturating_sub(people) };
        while self.bots.len() > wanted {
            self.dismiss_bot()?;
        }
        if self.bots.len() < wanted && self.tick >= self.bots_due {
            while self.bots.len() < wanted {
                if !self.seat_bot()? {
                    self.bots_due = self.tick + info.schema.tick_rate;
                    break;
                }
            }
        }
        Ok(())
    }

    fn seat_bot(&mut self) -> Result<bool, GameError> {
        let seat = Seat { number: self.next_number, name: self.bot_name(), kind: "player".into(), bot: true };
        match self.game.enter(&seat, &mut self.effects) {
            Ok(Admission::As(kind)) if kind == "player" => {}
            Ok(_) => return Ok(false),
            Err(error) => return self.survive(Err(error)).map(|()| false),
        }
        self.next_number += 1;
        self.documents.joined(&seat);
        let joined = self.game.join(&seat, &mut self.effects);
        self.bots.push(seat);
        self.survive(joined).map(|()| true)
    }

    fn bot_name(&mut self) -> String {
        let free = |name: &&str| !self.bots.iter().any(|bot| bot.name == **name);
        let names: Vec<&str> = NAMES.iter().copied().filter(|name| free(name)).collect();
        match names.len() {
            0 => format!("Bot {}", self.next_number),
            n => names[self.random.usize(..n)].to_owned(),
        }
    }

    /// The newest bot leaves. False when there is none.
    pub(super) fn dismiss_bot(&mut self) -> Result<bool, GameError> {
        let Some(bot) = self.bots.last().map(|bot| bot.number) else { return Ok(false) };
        self.remove_bot(bot, CloseReason::Left).map(|()| true)
    }

    pub(super) fn remove_bot(&mut self, number: PlayerNumber, reason: CloseReason) -> Result<(), GameError> {
        self.bots.retain(|bot| bot.number != number);
        let left = self.game.leave(number, reason, &mut self.effects);
        self.documents.left(number);
        self.survive(left)
    }

    pub(super) fn run_bots(&mut self) -> Result<(), GameError> {
        for index in 0..self.bots.len() {
            let played = Game::bot(&mut *self.game, self.bots[index].number, &mut self.effects);
            self.survive(played)?;
        }
        Ok(())
    }
}
