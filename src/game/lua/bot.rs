//! Bots: `game.bot` is shown what a client sees and answers with inputs. In a room over the live room, by
//! [`LuaGame::play_bot`]; in a load test over what a client was sent, by a [`Bot`] in a VM of its own.

use std::collections::BTreeMap;

use mlua::{FromLuaMulti, Function, IntoLuaMulti, LightUserData, Lua, Table};

use super::{
    LuaFactory, declaration,
    engine::need,
    running::LuaGame,
    sandbox::{Vm, plain},
    tables::{self, References},
};
use crate::{
    game::{DocumentName, Effects, GameError},
    protocol::{
        EntityId, Key, PlayerNumber, Value,
        schema::{FIELDS_MAX, Field, FieldKind, PRESS_MASK, Schema},
    },
};

/// view.lua's functions, looked up once. Most rooms have no bots and never load them.
pub(super) struct ViewFunctions {
    pub room: Function,
    pub rows: Function,
    pub seats: Function,
    pub document: Function,
    pub bot: Function,
    entity: Function,
    player: Function,
    list_meta: Table,
}

impl ViewFunctions {
    pub(super) fn new(engine: &Table) -> mlua::Result<Self> {
        let get = |name: &str| engine.raw_get::<Function>(name);
        need(engine, "view")?;
        Ok(Self {
            room: get("view_room")?,
            rows: get("view_rows")?,
            seats: get("view_seats")?,
            document: get("view_document")?,
            bot: get("bot")?,
            entity: get("view_entity")?,
            player: get("view_player")?,
            list_meta: engine.raw_get("list_meta")?,
        })
    }

    /// A document as a bot has it: plain tables of its own, with proxies for entities and players.
    fn document(&self, lua: &Lua, value: &Value) -> mlua::Result<mlua::Value> {
        tables::to_lua(lua, &self.list_meta, value, self)
    }
}

impl References for ViewFunctions {
    fn entity(&self, _: &Lua, id: EntityId) -> mlua::Result<mlua::Value> {
        self.entity.call(id)
    }

    fn player(&self, _: &Lua, number: PlayerNumber) -> mlua::Result<mlua::Value> {
        self.player.call(number)
    }
}

/// A player's id as a key of `players`.
fn number_of(key: &Key) -> Option<PlayerNumber> {
    match key {
        Key::Name(name) => name.parse().ok(),
        Key::Index(_) => None,
    }
}

/// What a script asked for, as it would have arrived from a client.
fn as_sent(fields: &[Field], values: &mut [f64]) {
    for (value, field) in values.iter_mut().zip(fields) {
        *value = match &field.kind {
            FieldKind::Press => value.clamp(0.0, f64::from(PRESS_MASK)),
            kind => kind.dequantise(kind.quantise(*value).0),
        };
    }
}

impl LuaGame {
    /// Asks `game.bot` what this player does, and does it. An error costs the input.
    pub(super) fn play_bot(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        if self.viewed != Some(self.tick) {
            self.look::<()>(|view| &view.room, (), effects)?;
            self.show_documents(effects)?;
            self.viewed = Some(self.tick);
        }
        let decided = self.look(|view| &view.bot, player, effects);
        if !self.settled(decided, effects)? {
            return Ok(());
        }
        as_sent(&self.info.schema.inputs, &mut *self.inputs);
        let played = self.call("input", |e| Ok(&e.players()?.input), (player, f64::from(self.tick)), effects);
        self.settled(played, effects)
    }

    /// Calls one of the view's functions.
    fn look<R: FromLuaMulti>(
        &mut self,
        function: impl FnOnce(&ViewFunctions) -> &Function,
        args: impl IntoLuaMulti,
        effects: &mut Effects,
    ) -> Result<R, GameError> {
        self.whole()?;
        let view = self.engine.view().map_err(|_| GameError::Memory("bot"))?;
        let result = self.vm.call("bot", function(view), args);
        self.returned(result, effects)
    }

    /// What clients have been told: bots see the same, no earlier.
    fn show_documents(&mut self, effects: &mut Effects) -> Result<(), GameError> {
        for index in 0..self.documents.all.len() {
            let document = &mut self.documents.all[index];
            if std::mem::replace(&mut document.shown, true) {
                continue;
            }
            let number = match document.name {
                DocumentName::State => 0,
                DocumentName::PlayerState(number) => number,
                DocumentName::Secret(_) => continue,
            };
            let table = self.engine.view().and_then(|view| view.document(&self.vm.lua, &document.shadow));
            let table = table.map_err(|_| GameError::Memory("bot"))?;
            self.look::<()>(|view| &view.document, (number, table), effects)?;
        }
        Ok(())
    }
}

/// An entity as a client knows it.
#[derive(Debug, Clone, Copy)]
pub struct BotEntity<'a> {
    /// Index into `Schema::classes`.
    pub class: usize,
    pub id: EntityId,
    /// 0: nobody.
    pub owner: PlayerNumber,
    /// In real units and the schema's order: radians, 0 or 1, the index of a choice.
    pub fields: &'a [f64],
}

/// What a client sees at one moment.
#[derive(Debug, Clone, Copy)]
pub struct BotView<'a> {
    pub tick: f64,
    /// Whose bot it is.
    pub player: PlayerNumber,
    /// The document `state`.
    pub state: &'a Value,
    /// The document `players`: id → { name, kind, role, connected, state }.
    pub players: &'a Value,
    /// In any order; of a class, walks keep this one.
    pub entities: &'a [BotEntity<'a>],
}

/// A module's `game.bot` outside of any room.
pub struct Bot {
    functions: ViewFunctions,
    /// Where the answer is written. Never moved while the VM lives.
    inputs: Box<[f64; FIELDS_MAX]>,
    /// Rows of entities, filled anew for each decision.
    rows: Vec<f64>,
    state: Value,
    players: Value,
    fatal: Option<GameError>,
    schema: std::sync::Arc<Schema>,
    vm: Vm,
}

impl Bot {
    /// Under the budgets of the factory's settings, like a room.
    pub fn new(factory: &LuaFactory) -> Result<Self, GameError> {
        let (info, sources, settings) = (factory.info.clone(), &factory.sources, &factory.settings);
        let vm = Vm::new(&info.module, sources, settings)?;
        let game = vm.load_main()?;
        let schema = info.schema.clone();
        let build = || -> mlua::Result<_> {
            let mut inputs = Box::new([0.0; FIELDS_MAX]);
            let declared = declaration::to_lua(&vm.lua, &schema)?;
            let functions = ViewFunctions::new(&vm.engine)?;
            let start: Function = vm.engine.raw_get("start_bot")?;
            start.call::<()>((game, declared, LightUserData(inputs.as_mut_ptr().cast())))?;
            Ok((inputs, functions))
        };
        let (inputs, functions) = build().map_err(|error| GameError::Script(plain(&error)))?;
        let empty = || Value::Map(BTreeMap::new());
        Ok(Self { functions, inputs, rows: Vec::new(), state: empty(), players: empty(), fatal: None, schema, vm })
    }

    /// One value for each of `Schema::inputs`, in real units; presses are a count to add. Neutral where the module has
    /// no `game.bot`. After an overrun, or out of memory, every further call answers with that error.
    pub fn decide(&mut self, view: &BotView<'_>) -> Result<Vec<f64>, GameError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        let decided = self.run(view);
        self.vm.outbox.drain(&mut Effects::new()); // what it logs is heard in rooms only
        self.vm.outbox.begin();
        if let Err(error) = &decided
            && error.is_fatal()
        {
            self.fatal = Some(error.clone());
        }
        decided
    }

    fn run(&mut self, view: &BotView<'_>) -> Result<Vec<f64>, GameError> {
        self.fill_rows(view.entities);
        let rows = LightUserData(self.rows.as_mut_ptr().cast());
        self.vm.call::<()>("bot", &self.functions.rows, (view.tick, rows))?;
        self.show_documents(view)?;
        self.inputs.fill(0.0);
        self.vm.call::<bool>("bot", &self.functions.bot, view.player)?;
        let mut values = self.inputs[..self.schema.inputs.len()].to_vec();
        as_sent(&self.schema.inputs, &mut values);
        Ok(values)
    }

    /// How many of each class, then their rows: id, owner, fields. Rows that are not of their class's width are left out.
    fn fill_rows(&mut self, entities: &[BotEntity<'_>]) {
        let classes = &self.schema.classes;
        self.rows.clear();
        self.rows.resize(classes.len(), 0.0);
        for (index, class) in classes.iter().enumerate() {
            let mine = entities.iter().filter(|e| e.class == index && e.fields.len() == class.fields.len());
            for entity in mine {
                self.rows[index] += 1.0;
                self.rows.extend([f64::from(entity.id), f64::from(entity.owner)]);
                self.rows.extend(entity.fields);
            }
        }
    }

    fn show_documents(&mut self, view: &BotView<'_>) -> Result<(), GameError> {
        let memory = |_| GameError::Memory("bot");
        if self.players != *view.players {
            self.players.clone_from(view.players);
            let Value::Map(map) = &self.players else { return Ok(()) };
            let seats = self.vm.lua.create_table().map_err(memory)?;
            let mut people: Vec<(PlayerNumber, &Value)> =
                map.iter().filter_map(|(key, value)| Some((number_of(key)?, value))).collect();
            people.sort_by_key(|(number, _)| *number);
            for (number, who) in &people {
                seats.raw_push(self.seat(*number, who).map_err(memory)?).map_err(memory)?;
            }
            self.vm.call::<()>("bot", &self.functions.seats, seats)?;
            for (number, who) in people {
                let state = self.functions.document(&self.vm.lua, who.get("state")).map_err(memory)?;
                self.vm.call::<()>("bot", &self.functions.document, (number, state))?;
            }
        }
        if self.state != *view.state {
            self.state.clone_from(view.state);
            let state = self.functions.document(&self.vm.lua, &self.state).map_err(memory)?;
            self.vm.call::<()>("bot", &self.functions.document, (0, state))?;
        }
        Ok(())
    }

    fn seat(&self, number: PlayerNumber, who: &Value) -> mlua::Result<Table> {
        let seat = self.vm.lua.create_table()?;
        seat.raw_set("number", number)?;
        for name in ["name", "kind", "role"] {
            seat.raw_set(name, who.get(name).text().unwrap_or_default())?;
        }
        seat.raw_set("connected", who.get("connected").bool().unwrap_or_default())?;
        Ok(seat)
    }
}
