//! A game into a checkpoint and back: one path for a crash, a room that was kept, and a new version of the module.

use std::collections::{BTreeMap, BTreeSet};

use mlua::{Lua, Table};

use super::{
    checkpoint::{Keeper, TOLD_MAX, is_marked_list},
    outbox,
    running::LuaGame,
    sandbox::plain,
    tables::{self, References},
};
use crate::{
    game::{Effects, GameError, LogLevel, Restored, RoomOpening, Seat, at_rate},
    protocol::{EntityId, Key, PlayerNumber, Tick, Value},
};

impl LuaGame {
    pub(super) fn take_checkpoint(&mut self, effects: &mut Effects) -> Result<Value, GameError> {
        let (frame, classes): (Table, Table) = self.call("checkpoint", |e| Ok(&e.checkpoint()?.save), (), effects)?;
        let mut keeper = Keeper::new(self.vm.room_limits());
        let kept = self.keep(&mut keeper, &frame, &classes, effects)?;
        for text in keeper.left_out() {
            if self.left_out.len() < TOLD_MAX && self.left_out.insert(text.to_owned()) {
                effects.push(outbox::log(LogLevel::Error, &format!("{text} (told once; the rest is kept)")));
            }
        }
        Ok(Value::Map(kept))
    }

    fn keep(
        &mut self,
        keeper: &mut Keeper,
        frame: &Table,
        classes: &Table,
        effects: &mut Effects,
    ) -> Result<BTreeMap<Key, Value>, GameError> {
        let memory = |_| GameError::Memory("checkpoint");
        let marks = self.vm.marks.clone();
        let numbers = self.engine.numbers.clone();
        let too_large = |large: super::checkpoint::TooLarge| GameError::Script(large.describe());

        let whole = keeper.table(&self.vm.lua, &marks, &numbers, frame, &[]).map_err(memory)?.map_err(too_large)?;
        let Value::Map(mut kept) = whole else { return Err(GameError::Script("no checkpoint".to_owned())) };
        let mut entities = Vec::new();
        for (index, class) in self.info.schema.classes.iter().enumerate() {
            let record: Table = classes.raw_get(index + 1).map_err(memory)?;
            let rows = keeper.entities(&self.vm.lua, &marks, &numbers, &class.name, &record);
            for (id, mut row) in rows.map_err(memory)?.map_err(too_large)? {
                if let Some(line) = self.copier.line(&self.info.schema, index, id) {
                    row.insert("line".into(), Value::List(line.iter().map(|&n| Value::Number(n.into())).collect()));
                }
                entities.push(Value::Map(row));
            }
        }
        kept.insert("entities".into(), Value::List(entities));
        kept.insert("left".into(), Value::List(self.keep_departed(keeper, effects)?));
        Ok(kept)
    }

    /// Who left is kept as long as anything refers to them; what they hold may refer to others who left.
    fn keep_departed(&mut self, keeper: &mut Keeper, effects: &mut Effects) -> Result<Vec<Value>, GameError> {
        let (mut left, mut done) = (Vec::new(), BTreeSet::new());
        while let Some(&number) = keeper.departed.difference(&done).next() {
            done.insert(number);
            let record: Option<Table> =
                self.call("checkpoint", |e| Ok(&e.checkpoint()?.save_departed), number, effects)?;
            let Some(record) = record else { continue };
            let numbers = &self.engine.numbers;
            let kept = keeper.table(&self.vm.lua, &self.vm.marks, numbers, &record, &["player"]);
            let kept = kept.map_err(|_| GameError::Memory("checkpoint"))?;
            left.push((number, kept.map_err(|large| GameError::Script(large.describe()))?));
        }
        left.sort_by_key(|(number, _)| *number);
        Ok(left.into_iter().map(|(_, record)| record).collect())
    }

    pub(super) fn put_back(
        &mut self,
        opening: &RoomOpening,
        checkpoint: &Value,
        why: Restored,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        if !matches!(checkpoint, Value::Map(_)) {
            return Err(GameError::Script("what should be a checkpoint is none".to_owned()));
        }
        let number = |name| checkpoint.get(name).u32().unwrap_or_default();
        // Of the version that saved it, which may have had another rate.
        let to = self.info.schema.tick_rate;
        let from = Some(number("rate")).filter(|rate| *rate != 0).unwrap_or(to);
        self.tick = at_rate(number("tick"), from, to);
        let room = (opening.name.as_str(), self.tick, number("next_id").max(1));
        self.call::<()>("restore", |e| Ok(&e.restore()?.revive_room), room, effects)?;
        self.revive_players(checkpoint, effects)?;
        self.revive_entities(checkpoint, |tick| at_rate(tick, from, to), effects)?;
        let frame = tables::to_lua(&self.vm.lua, &self.engine.list_meta, checkpoint, &Saved(self));
        let frame = frame.map_err(|error| GameError::Script(plain(&error)))?;
        self.call::<()>("restore", |e| Ok(&e.restore()?.restore), frame, effects)?;
        self.call("restored", |e| Ok(&e.restore()?.restored), why.name(), effects)
    }

    fn revive_players(&mut self, checkpoint: &Value, effects: &mut Effects) -> Result<(), GameError> {
        let text = |saved: &Value, name| saved.get(name).text().unwrap_or_default().to_owned();
        let flag = |saved: &Value, name| saved.get(name).bool().unwrap_or_default();
        for saved in checkpoint.get("players").list().unwrap_or_default() {
            let Some(number) = saved.get("number").u32() else { continue };
            let (name, kind) = (text(saved, "name"), text(saved, "kind"));
            let seat = Seat { number, name, kind, bot: flag(saved, "bot") };
            let how = (flag(saved, "connected"), text(saved, "role"));
            let args = (number, seat.name.as_str(), seat.kind.as_str(), seat.bot, how.0, how.1);
            self.call::<()>("restore", |e| Ok(&e.restore()?.revive_player), args, effects)?;
            self.add_documents(&seat, effects)?;
        }
        for saved in checkpoint.get("left").list().unwrap_or_default() {
            let Some(number) = saved.get("number").u32() else { continue };
            let args = (number, text(saved, "name"), text(saved, "kind"), flag(saved, "bot"));
            let object: Table = self.call("restore", |e| Ok(&e.players()?.departed), args, effects)?;
            self.departed.insert(number, object);
        }
        Ok(())
    }

    /// Shells of all entities, so that any value may refer to any of them.
    fn revive_entities(
        &mut self,
        checkpoint: &Value,
        now: impl Fn(Tick) -> Tick,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        let mut dropped: BTreeMap<&str, u32> = BTreeMap::new();
        for saved in checkpoint.get("entities").list().unwrap_or_default() {
            let (Some(class), Some(id)) = (saved.get("class").text(), saved.get("id").u32()) else { continue };
            let args = (class, id, now(saved.get("ends").u32().unwrap_or_default()));
            if !self.call::<bool>("restore", |e| Ok(&e.restore()?.revive_entity), args, effects)? {
                *dropped.entry(class).or_default() += 1;
                continue;
            }
            let line = saved.get("line").list().unwrap_or_default();
            let line: Vec<i32> = line.iter().filter_map(Value::number).map(|n| n as i32).collect();
            if let Ok([x, y, vx, vy, since]) = <[i32; 5]>::try_from(line) {
                let line = [x, y, vx, vy, now(since as Tick) as i32];
                self.copier.resume(&self.info.schema, class, id, line);
            }
        }
        for (class, count) in dropped {
            let text =
                format!("{count} entities of class {class} are dropped: the module has no place for them any more");
            effects.push(outbox::log(LogLevel::Error, &text));
        }
        Ok(())
    }
}

/// As in a room, with what only checkpoints have: dead entities, players who left, lists that remember what they are.
struct Saved<'a>(&'a LuaGame);

impl References for Saved<'_> {
    fn entity(&self, lua: &Lua, id: EntityId) -> mlua::Result<mlua::Value> {
        match self.0.engine.entity(lua, id)? {
            mlua::Value::Nil => Ok(mlua::Value::Table(self.0.engine.dead()?)),
            living => Ok(living),
        }
    }

    fn player(&self, lua: &Lua, number: PlayerNumber) -> mlua::Result<mlua::Value> {
        match self.0.departed.get(&number) {
            Some(object) => Ok(mlua::Value::Table(object.clone())),
            None => self.0.engine.player(lua, number),
        }
    }

    fn is_list(&self, map: &BTreeMap<Key, Value>) -> bool {
        is_marked_list(map)
    }
}
