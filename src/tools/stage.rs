//! One room stepped by hand: seats, inputs, documents and a store in memory, time counted in ticks. It does in a tick
//! what `room::step` does, less sessions and frames.

use std::collections::BTreeMap;

use crate::{
    config::Limits,
    game::{
        Admission, Audience, DocumentName, Effect, Effects, Game, GameError, GameFactory, LogLevel, Restored,
        RoomOpening, Seat, lua::LuaFactory,
    },
    protocol::{
        CloseReason, PlayerNumber, Tick, Value,
        schema::{FieldKind, Schema},
        world::World,
    },
};

/// What came out of a room.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Message {
        to: Audience,
        name: String,
        data: Value,
    },
    Reply {
        to: PlayerNumber,
        call: u32,
        result: Result<Value, String>,
    },
    Left {
        player: PlayerNumber,
        reason: CloseReason,
    },
    Log(String),
    /// A script error or a complaint of the engine.
    Problem(String),
    Closed,
}

/// Where a seat's inputs come from.
#[derive(Debug, Clone)]
pub(super) enum Hands {
    Bot,
    /// In real units; presses go back to 0 after a tick.
    Held(Vec<f64>),
}

#[derive(Debug)]
pub(super) struct Person {
    pub seat: Seat,
    pub role: String,
    pub connected: bool,
    /// When the link was lost, where it is.
    lost: Tick,
    pub hands: Hands,
}

pub(super) struct Stage {
    pub game: Box<dyn Game>,
    pub tick: Tick,
    pub world: World,
    pub people: BTreeMap<PlayerNumber, Person>,
    pub documents: BTreeMap<DocumentName, Value>,
    /// Bytes of patches so far: `room.state`, `player.state`, `player.secret`.
    pub patch_bytes: [u64; 3],
    pub closed: bool,
    /// Bots fill the players up to here while somebody plays, as the module asks for.
    pub bots: u32,
    /// When a bot that was not let in is tried again.
    bots_due: Tick,
    opening: RoomOpening,
    next_number: PlayerNumber,
    locked: bool,
    store: BTreeMap<String, Value>,
    requests: Vec<(u32, String)>,
    effects: Effects,
    heard: Vec<Heard>,
}

impl Stage {
    pub(super) fn open(game: Box<dyn Game>, name: &str, seed: u64) -> Result<Self, GameError> {
        let opening = RoomOpening { name: name.to_owned(), seed };
        let mut stage = Self {
            tick: 0,
            world: World::empty(&game.info().schema),
            people: BTreeMap::new(),
            documents: BTreeMap::new(),
            patch_bytes: [0; 3],
            closed: false,
            bots: game.info().bots,
            bots_due: 0,
            next_number: 1,
            locked: false,
            store: BTreeMap::new(),
            requests: Vec::new(),
            effects: Effects::new(),
            heard: Vec::new(),
            opening,
            game,
        };
        let opened = stage.game.open(&stage.opening, &mut stage.effects);
        stage.survive(opened)?;
        Ok(stage)
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.game.info().schema
    }

    pub(super) fn time(&self) -> f64 {
        f64::from(self.tick) / f64::from(self.schema().tick_rate)
    }

    pub(super) fn document(&self, name: DocumentName) -> &Value {
        self.documents.get(&name).unwrap_or(&Value::Nil)
    }

    /// What came out since the last call, in its order.
    pub(super) fn take_heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    /// A seat for somebody; the inner error is why the room would not have them.
    pub(super) fn join(
        &mut self,
        name: &str,
        kind: &str,
        hands: Hands,
    ) -> Result<Result<PlayerNumber, String>, GameError> {
        let (_, most) = self.game.info().seats;
        if self.locked {
            return Ok(Err("the room is locked".to_owned()));
        }
        if kind == "player" && self.players(false).count() >= most as usize {
            return Ok(Err(format!("all {most} seats are taken")));
        }
        if kind == "player" && self.players(false).count() + self.players(true).count() >= most as usize {
            self.dismiss_bot()?;
        }
        self.seat(name, kind, false, hands)
    }

    /// Numbers of players, of bots or of people.
    pub(super) fn players(&self, bots: bool) -> impl Iterator<Item = PlayerNumber> + '_ {
        let mine = move |person: &&Person| person.seat.kind == "player" && person.seat.bot == bots;
        self.people.values().filter(mine).map(|person| person.seat.number)
    }

    fn seat(
        &mut self,
        name: &str,
        kind: &str,
        bot: bool,
        hands: Hands,
    ) -> Result<Result<PlayerNumber, String>, GameError> {
        let number = self.next_number;
        let mut seat = Seat { number, name: name.to_owned(), kind: kind.to_owned(), bot };
        match self.game.enter(&seat, &mut self.effects) {
            // A bot plays or does not come.
            Ok(Admission::As(kind)) if bot && kind == "player" => {}
            Ok(_) if bot => return Ok(Err("no place for a bot".to_owned())),
            Ok(Admission::As(kind)) => seat.kind = kind,
            Ok(Admission::Refused(why)) => return Ok(Err(why)),
            Ok(Admission::TakeOver) => {
                if let Some(person) = self.people.values_mut().find(|person| !person.connected) {
                    let number = person.seat.number;
                    person.seat.name.clone_from(&seat.name);
                    let renamed = self.game.rename(number, &seat.name, &mut self.effects);
                    self.survive(renamed)?;
                    self.back(number)?;
                    return Ok(Ok(number));
                }
                seat.kind = "spectator".to_owned();
            }
            Err(error) => {
                self.survive(Err(error))?;
                return Ok(Err("enter failed".to_owned()));
            }
        }
        self.next_number += 1;
        self.people.insert(number, Person { seat: seat.clone(), role: String::new(), connected: true, lost: 0, hands });
        let joined = self.game.join(&seat, &mut self.effects);
        self.survive(joined)?;
        Ok(Ok(number))
    }

    fn tend_bots(&mut self) -> Result<(), GameError> {
        let people = self.players(false).count();
        let most = self.bots.min(self.game.info().seats.1) as usize;
        let wanted = if people > 0 { most.saturating_sub(people) } else { 0 };
        while self.players(true).count() > wanted {
            self.dismiss_bot()?;
        }
        while self.players(true).count() < wanted && self.tick >= self.bots_due {
            let name = format!("Bot {}", self.next_number);
            if self.seat(&name, "player", true, Hands::Bot)?.is_err() {
                self.bots_due = self.tick + self.schema().tick_rate;
            }
        }
        Ok(())
    }

    /// The newest bot leaves.
    fn dismiss_bot(&mut self) -> Result<(), GameError> {
        let newest = self.players(true).last();
        newest.map_or(Ok(()), |bot| self.leave(bot, CloseReason::Left))
    }

    pub(super) fn drop(&mut self, player: PlayerNumber) -> Result<(), GameError> {
        let neutral = neutral(self.schema());
        let Some(person) = self.people.get_mut(&player).filter(|person| person.connected) else { return Ok(()) };
        (person.connected, person.lost) = (false, self.tick);
        if let Hands::Held(held) = &mut person.hands {
            *held = neutral;
        }
        let dropped = Game::drop(&mut *self.game, player, &mut self.effects);
        self.survive(dropped)
    }

    pub(super) fn back(&mut self, player: PlayerNumber) -> Result<(), GameError> {
        let Some(person) = self.people.get_mut(&player).filter(|person| !person.connected) else { return Ok(()) };
        person.connected = true;
        let back = self.game.back(player, &mut self.effects);
        self.survive(back)
    }

    pub(super) fn leave(&mut self, player: PlayerNumber, reason: CloseReason) -> Result<(), GameError> {
        if self.people.remove(&player).is_none() {
            return Ok(());
        }
        let left = self.game.leave(player, reason, &mut self.effects);
        self.documents.remove(&DocumentName::PlayerState(player));
        self.documents.remove(&DocumentName::Secret(player));
        self.heard.push(Heard::Left { player, reason });
        self.survive(left)
    }

    /// Who has been away for longer than a seat waits, unless a server is told otherwise, has left.
    fn expire(&mut self) -> Result<(), GameError> {
        let patience = Limits::default().resume_window_secs * u64::from(self.schema().tick_rate);
        let gone = |person: &&Person| !person.connected && u64::from(self.tick - person.lost) > patience;
        let gone: Vec<_> = self.people.values().filter(gone).map(|person| person.seat.number).collect();
        gone.into_iter().try_for_each(|number| self.leave(number, CloseReason::Expired))
    }

    /// Comes before the next tick's inputs, as messages do.
    pub(super) fn message(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        call: Option<u32>,
    ) -> Result<(), GameError> {
        let sent = self.game.message(player, name, data, call, &mut self.effects);
        self.survive(sent)
    }

    /// One whole tick. An error means that the VM is lost.
    pub(super) fn step(&mut self) -> Result<(), GameError> {
        if self.closed {
            return Ok(());
        }
        self.tick += 1;
        self.expire()?;
        self.tend_bots()?;
        let begun = self.game.begin(self.tick, &mut self.effects);
        self.survive(begun)?;
        for (request, key) in std::mem::take(&mut self.requests) {
            let answered = self.game.answer(request, self.store.get(&key), &mut self.effects);
            self.survive(answered)?;
        }
        self.play()?;
        let ticked = self.game.tick(&mut self.effects);
        self.survive(ticked)?;
        self.collect()
    }

    fn play(&mut self) -> Result<(), GameError> {
        let seen = f64::from(self.tick);
        for number in self.people.keys().copied().collect::<Vec<_>>() {
            let Some(person) = self.people.get(&number).filter(|person| person.seat.kind == "player") else { continue };
            let result = match &person.hands {
                Hands::Bot if person.connected => self.game.bot(number, &mut self.effects),
                Hands::Bot => {
                    let neutral = neutral(self.schema());
                    self.game.input(number, &neutral, seen, &mut self.effects)
                }
                Hands::Held(held) => self.game.input(number, held, seen, &mut self.effects),
            };
            self.survive(result)?;
            self.lift_presses(number);
        }
        Ok(())
    }

    fn lift_presses(&mut self, player: PlayerNumber) {
        let schema = self.game.info().schema.clone();
        if let Some(Person { hands: Hands::Held(held), .. }) = self.people.get_mut(&player) {
            let presses = schema.inputs.iter().zip(held).filter(|(field, _)| field.kind == FieldKind::Press);
            presses.for_each(|(_, value)| *value = 0.0);
        }
    }

    pub(super) fn collect(&mut self) -> Result<(), GameError> {
        let collected = self.game.collect(&mut self.world, &mut self.effects);
        self.survive(collected)?;
        // Whoever is kicked leaves effects of their own.
        for _ in 0..=self.people.len() + 1 {
            for effect in std::mem::take(&mut self.effects) {
                self.carry_out(effect)?;
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), GameError> {
        match effect {
            Effect::Message { to, name, data } => self.heard.push(Heard::Message { to, name, data }),
            Effect::Reply { to, call, result } => self.heard.push(Heard::Reply { to, call, result }),
            Effect::Document { name, operations } => {
                let kind = match name {
                    DocumentName::State => 0,
                    DocumentName::PlayerState(_) => 1,
                    DocumentName::Secret(_) => 2,
                };
                let document = self.documents.entry(name).or_insert_with(|| Value::map([]));
                for operation in operations {
                    self.patch_bytes[kind] += operation.to_value().to_bytes().len() as u64;
                    if operation.apply(document).is_err() {
                        self.heard.push(Heard::Problem(format!("a patch of {name:?} does not fit: {operation:?}")));
                    }
                }
            }
            Effect::Role { player, role } => {
                if let Some(person) = self.people.get_mut(&player) {
                    person.role = role;
                }
            }
            Effect::Kind { player, kind } => {
                if let Some(person) = self.people.get_mut(&player) {
                    person.seat.kind = kind;
                }
            }
            Effect::Kick { player, reason, .. } => self.leave(player, reason)?,
            Effect::Lock(locked) => self.locked = locked,
            Effect::StoreGet { request, key } => self.requests.push((request, key)),
            Effect::StoreSet { key, value: Some(value) } => drop(self.store.insert(key, value)),
            Effect::StoreSet { key, value: None } => drop(self.store.remove(&key)),
            Effect::Close => {
                self.closed = true;
                self.heard.push(Heard::Closed);
            }
            Effect::Log { level: LogLevel::Info, text } => self.heard.push(Heard::Log(text)),
            Effect::Log { level: LogLevel::Error, text } => self.heard.push(Heard::Problem(text)),
        }
        Ok(())
    }

    /// What a new version of the module would find: checkpoint, a fresh VM, restore.
    pub(super) fn reload(&mut self, factory: &LuaFactory) -> Result<(), GameError> {
        let checkpoint = self.game.checkpoint(&mut self.effects)?;
        let mut game = factory.create()?;
        // Those that wait are asked again by the new game.
        self.requests.clear();
        let restored = game.restore(&self.opening, &checkpoint, Restored::Reload, &mut self.effects);
        self.game = game;
        self.documents.clear();
        self.survive(restored)
    }

    fn survive(&mut self, result: Result<(), GameError>) -> Result<(), GameError> {
        match result {
            Err(error) if !error.is_fatal() => {
                self.heard.push(Heard::Problem(error.to_string()));
                Ok(())
            }
            other => other,
        }
    }
}

/// Hands off: numbers and angles 0 (or what is nearest to it), flags off, the first choice.
pub(super) fn neutral(schema: &Schema) -> Vec<f64> {
    schema.inputs.iter().map(|field| field.kind.dequantise(field.kind.quantise(0.0).0)).collect()
}
