//! `LuaGame`: one room's script, driven through the trait [`Game`].

use std::{collections::BTreeMap, sync::Arc};

use mlua::{Function, IntoLuaMulti, LightUserData, Table};

use super::{
    copier::Copier,
    measure::Measure,
    outbox,
    sandbox::{Vm, plain},
};
use crate::{
    game::{DocumentName, Effect, Effects, Game, GameError, GameInfo, LogLevel, RoomOpening, Seat},
    protocol::{CloseReason, Key, PlayerNumber, Tick, Value, document::Operation, schema::FIELDS_MAX, world::World},
};

/// Leaves of all documents that one tick may walk (about 50 ns each: 100 µs); rooms with more are walked every k-th
/// tick, whole. Counted, not timed, so that a room does the same on every machine.
const LEAVES_A_TICK: usize = 2_000;
/// A problem with a document is said again after this many ticks.
const SAY_AGAIN_TICKS: u32 = 300;

/// The prelude's functions, looked up once.
struct Engine {
    open: Function,
    enter: Function,
    seat: Function,
    join: Function,
    drop: Function,
    back: Function,
    leave: Function,
    forget: Function,
    message: Function,
    begin: Function,
    fire: Function,
    input: Function,
    tick: Function,
    object: Function,
    documents: Function,
    by_id: Table,
    list_meta: Table,
}

/// What has been told of a live table.
struct Document {
    name: DocumentName,
    shadow: Value,
    /// The tick at which a problem was last told.
    told: Option<Tick>,
}

pub struct LuaGame {
    info: Arc<GameInfo>,
    engine: Engine,
    /// Where `input` puts its numbers for the prelude's reader. Never moved while the VM lives.
    inputs: Box<[f64; FIELDS_MAX]>,
    copier: Copier,
    documents: Vec<Document>,
    /// Their tables, in the same order, in a table of the VM: one entry walks them all.
    tables: Table,
    /// Leaves of the last walk of all documents.
    leaves: usize,
    tick: Tick,
    /// Set by an overrun or a memory error: nothing enters this VM again.
    fatal: Option<GameError>,
    vm: Vm,
}

impl LuaGame {
    /// `game` is what main.lua returned in `vm`; `declared` is what `Declaration::to_lua` made for the prelude.
    pub fn new(vm: Vm, info: Arc<GameInfo>, game: &Table, declared: &Table) -> Result<Self, GameError> {
        let build = || -> mlua::Result<Self> {
            let mut inputs = Box::new([0.0; FIELDS_MAX]);
            let start: Function = vm.engine.raw_get("start")?;
            start.call::<()>((game, declared, LightUserData(inputs.as_mut_ptr().cast())))?;
            let copier = Copier::new(&vm, &info.schema)?;
            let state: Function = vm.engine.raw_get("room_state")?;
            let tables = vm.lua.create_table()?;
            tables.raw_push(state.call::<Table>(())?)?;
            let documents =
                vec![Document { name: DocumentName::State, shadow: Value::Map(BTreeMap::new()), told: None }];
            let engine = Engine::new(&vm.engine)?;
            Ok(Self { info, engine, inputs, copier, documents, tables, leaves: 0, tick: 0, fatal: None, vm })
        };
        build().map_err(|error| GameError::Script(plain(&error)))
    }

    /// Values of declared fields that were outside their range and have been clamped on the wire.
    pub const fn clamped(&self) -> u64 {
        self.copier.clamped()
    }

    /// Calls into the VM; what the script asked for is handed on whatever happened.
    fn call<R: mlua::FromLuaMulti>(
        &mut self,
        what: &'static str,
        function: impl FnOnce(&Engine) -> &Function,
        args: impl IntoLuaMulti,
        effects: &mut Effects,
    ) -> Result<R, GameError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        let result = self.vm.call(what, function(&self.engine), args);
        self.vm.outbox.drain(effects);
        if let Err(error) = &result
            && error.is_fatal()
        {
            self.fatal = Some(error.clone());
        }
        result
    }

    fn to_lua(&self, value: &Value) -> mlua::Result<mlua::Value> {
        let lua = &self.vm.lua;
        Ok(match value {
            Value::Nil => mlua::Value::Nil,
            Value::Bool(b) => mlua::Value::Boolean(*b),
            Value::Number(n) => mlua::Value::Number(*n),
            Value::Text(text) => mlua::Value::String(lua.create_string(text)?),
            Value::Bytes(bytes) => mlua::Value::String(lua.create_string(bytes)?),
            Value::List(items) => {
                let table = lua.create_table_with_capacity(items.len(), 0)?;
                for (i, item) in items.iter().enumerate() {
                    table.raw_set(i + 1, self.to_lua(item)?)?;
                }
                if items.is_empty() {
                    table.set_metatable(Some(self.engine.list_meta.clone()))?;
                }
                mlua::Value::Table(table)
            }
            Value::Map(map) => {
                let table = lua.create_table_with_capacity(0, map.len())?;
                for (key, item) in map {
                    let item = self.to_lua(item)?;
                    match key {
                        Key::Index(i) => table.raw_set(*i as f64, item)?,
                        Key::Name(name) => table.raw_set(name.as_str(), item)?,
                    }
                }
                mlua::Value::Table(table)
            }
            Value::Entity(id) => self.engine.by_id.raw_get(*id)?,
            Value::Player(number) => self.engine.object.call(*number)?,
        })
    }

    fn handle(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        effects: &mut Effects,
    ) -> Result<Value, GameError> {
        let data = self.to_lua(data).map_err(|_| GameError::Memory("message"))?;
        let answer: mlua::Value = self.call("message", |e| &e.message, (player, name, data), effects)?;
        if answer.is_nil() {
            return Ok(Value::Nil);
        }
        let read = self.vm.marks.read(&self.vm.lua, answer, &mut Measure::default());
        read.map_err(|_| GameError::Memory("message"))?.map_err(|problem| {
            GameError::Script(format!("game.messages.{name}: its answer can not be sent: {problem}"))
        })
    }

    /// Emits what changed in each document since the last walk.
    fn walk_documents(&mut self, effects: &mut Effects) -> Result<(), GameError> {
        let every = self.leaves.div_ceil(LEAVES_A_TICK).max(1) as Tick;
        if !self.tick.is_multiple_of(every) {
            return Ok(());
        }
        let (mut leaves, mut changed, mut problems) = (0, Vec::new(), Vec::new());
        let shadows = self.documents.iter().map(|document| &document.shadow);
        let walked = self.vm.marks.diff(&self.vm.lua, &self.tables, shadows, |at, measure, result| {
            leaves += measure.leaves();
            match result {
                Ok(operations) if operations.is_empty() => {}
                Ok(operations) => changed.push((at, operations)),
                Err(problem) => problems.push((at, problem)),
            }
        });
        walked.map_err(|_| GameError::Memory("documents"))?;
        self.leaves = leaves;
        for (at, operations) in changed {
            let document = &mut self.documents[at];
            document.told = None;
            document.apply(&operations);
            effects.push(Effect::Document { name: document.name, operations });
        }
        for (at, problem) in problems {
            let document = &mut self.documents[at];
            if document.told.is_none_or(|told| self.tick.wrapping_sub(told) >= SAY_AGAIN_TICKS) {
                document.told = Some(self.tick);
                let problem = problem.describe(&label(document.name));
                let text = format!("{problem}; the document stays as it was last sent");
                effects.push(outbox::log(LogLevel::Error, &text));
            }
        }
        Ok(())
    }

    fn add_document(&mut self, name: DocumentName, table: Table) -> Result<(), GameError> {
        self.remove_document(name)?;
        self.tables.raw_push(table).map_err(|_| GameError::Memory("documents"))?;
        self.documents.push(Document { name, shadow: Value::Map(BTreeMap::new()), told: None });
        Ok(())
    }

    fn remove_document(&mut self, name: DocumentName) -> Result<(), GameError> {
        if let Some(at) = self.documents.iter().position(|document| document.name == name) {
            self.documents.remove(at);
            self.tables.raw_remove(at + 1).map_err(|_| GameError::Memory("documents"))?;
        }
        Ok(())
    }
}

impl Engine {
    fn new(engine: &Table) -> mlua::Result<Self> {
        let get = |name: &str| engine.raw_get::<Function>(name);
        Ok(Self {
            open: get("open")?,
            enter: get("enter")?,
            seat: get("seat")?,
            join: get("join")?,
            drop: get("drop")?,
            back: get("back")?,
            leave: get("leave")?,
            forget: get("forget")?,
            message: get("message")?,
            begin: get("begin")?,
            fire: get("fire")?,
            input: get("input")?,
            tick: get("tick")?,
            object: get("object")?,
            documents: get("player_documents")?,
            by_id: engine.raw_get::<Table>("entities")?.raw_get("by_id")?,
            list_meta: engine.raw_get("list_meta")?,
        })
    }
}

impl Document {
    fn apply(&mut self, operations: &[Operation]) {
        for operation in operations {
            let applied = operation.apply(&mut self.shadow);
            debug_assert!(applied.is_ok(), "{operation:?} does not fit its own shadow");
        }
    }
}

fn label(name: DocumentName) -> String {
    match name {
        DocumentName::State => "room.state".to_owned(),
        DocumentName::PlayerState(number) => format!("state of player {number}: player.state"),
        DocumentName::Secret(number) => format!("secret of player {number}: player.secret"),
    }
}

impl Game for LuaGame {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn open(&mut self, opening: &RoomOpening, effects: &mut Effects) -> Result<(), GameError> {
        let (low, high) = (opening.seed as u32, (opening.seed >> 32) as u32);
        self.call("open", |e| &e.open, (opening.name.as_str(), low, high), effects)
    }

    fn enter(&mut self, seat: &Seat, effects: &mut Effects) -> Result<Option<String>, GameError> {
        self.call("enter", |e| &e.enter, (seat.number, seat.name.as_str(), seat.kind.as_str()), effects)
    }

    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Result<(), GameError> {
        let args = (seat.number, seat.name.as_str(), seat.kind.as_str());
        self.call::<()>("join", |e| &e.seat, args, effects)?;
        let (state, secret): (Table, Table) = self.call("join", |e| &e.documents, seat.number, effects)?;
        self.add_document(DocumentName::PlayerState(seat.number), state)?;
        self.add_document(DocumentName::Secret(seat.number), secret)?;
        self.call("join", |e| &e.join, seat.number, effects)
    }

    fn drop(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        self.call("drop", |e| &e.drop, player, effects)
    }

    fn back(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        self.call("back", |e| &e.back, player, effects)
    }

    fn leave(&mut self, player: PlayerNumber, reason: CloseReason, effects: &mut Effects) -> Result<(), GameError> {
        let result: Result<(), _> = self.call("leave", |e| &e.leave, (player, reason.text()), effects);
        self.remove_document(DocumentName::PlayerState(player))?;
        self.remove_document(DocumentName::Secret(player))?;
        let forgotten: Result<(), _> = self.call("leave", |e| &e.forget, player, effects);
        result.and(forgotten)
    }

    fn message(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        call: Option<u32>,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        let result = self.handle(player, name, data, effects);
        if let Err(error) = &result
            && error.is_fatal()
        {
            self.fatal = Some(error.clone());
        }
        if let Some(call) = call {
            // The caller is told what happened, not where in the module.
            let told = match &result {
                Ok(answer) => Ok(answer.clone()),
                Err(_) => Err(format!("{name} failed")),
            };
            effects.push(Effect::Reply { to: player, call, result: told });
        }
        result.map(|_| ())
    }

    fn begin(&mut self, tick: Tick, effects: &mut Effects) -> Result<(), GameError> {
        self.tick = tick;
        self.vm.outbox.begin();
        let due: u32 = self.call("begin", |e| &e.begin, tick, effects)?;
        let mut result = Ok(());
        for index in 1..=due {
            // Each timer is a callback of its own: one that fails does not take the others along.
            let fired: Result<(), _> = self.call("timer", |e| &e.fire, index, effects);
            match (fired, &result) {
                (Err(error), _) if error.is_fatal() => return Err(error),
                (Err(error), Ok(())) => result = Err(error),
                (Err(error), Err(_)) => effects.push(outbox::log(LogLevel::Error, &error.to_string())),
                (Ok(()), _) => {}
            }
        }
        result
    }

    fn input(&mut self, player: PlayerNumber, input: &[f64], effects: &mut Effects) -> Result<(), GameError> {
        let length = input.len().min(FIELDS_MAX);
        self.inputs[..length].copy_from_slice(&input[..length]);
        self.call("input", |e| &e.input, player, effects)
    }

    fn tick(&mut self, effects: &mut Effects) -> Result<(), GameError> {
        self.call("tick", |e| &e.tick, (), effects)
    }

    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Result<(), GameError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        let entities = self.copier.collect(&self.vm, &self.info.schema, self.tick, world, effects);
        let result = self.walk_documents(effects).and(entities);
        if let Err(error) = &result
            && error.is_fatal()
        {
            self.fatal = Some(error.clone());
        }
        result
    }

    fn memory_bytes(&self) -> usize {
        self.vm.lua.used_memory()
    }
}
