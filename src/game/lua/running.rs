//! `LuaGame`: one room's script, driven through the trait [`Game`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mlua::{Function, IntoLuaMulti, LightUserData, Table};

use super::{
    copier::Copier,
    engine::Engine,
    measure::Measure,
    outbox,
    sandbox::{Vm, plain},
    shadows::Documents,
    tables,
};
use crate::{
    game::{
        Admission, Audience, DocumentName, Effect, Effects, Game, GameError, GameInfo, LogLevel, Restored, RoomOpening,
        Seat,
    },
    protocol::{CloseReason, Micros, PlayerNumber, Tick, Value, schema::FIELDS_MAX, world::World},
};

pub struct LuaGame {
    pub(super) info: Arc<GameInfo>,
    pub(super) engine: Engine,
    /// Where `input` puts its numbers for the prelude's reader. Never moved while the VM lives.
    pub(super) inputs: Box<[f64; FIELDS_MAX]>,
    pub(super) copier: Copier,
    pub(super) documents: Documents,
    /// The tick that bots see.
    pub(super) viewed: Option<Tick>,
    pub(super) tick: Tick,
    /// Things that no checkpoint can hold, and of which it was told.
    pub(super) left_out: BTreeSet<String>,
    /// While a checkpoint is restored: players who left before it was taken.
    pub(super) departed: BTreeMap<PlayerNumber, Table>,
    /// Set by an overrun or a memory error: nothing enters this VM again.
    fatal: Option<GameError>,
    stop_overrun_us: Micros,
    pub(super) vm: Vm,
}

impl LuaGame {
    /// `game` is what main.lua returned in `vm`; `declared` is what `Declaration::to_lua` made for the prelude.
    pub fn new(vm: Vm, info: Arc<GameInfo>, game: &Table, declared: &Table) -> Result<Self, GameError> {
        let build = || -> mlua::Result<Self> {
            let mut inputs = Box::new([0.0; FIELDS_MAX]);
            let start: Function = vm.engine.raw_get("start")?;
            let state: Table = start.call((game, declared, LightUserData(inputs.as_mut_ptr().cast())))?;
            let copier = Copier::new(&vm, &info.schema)?;
            let mut documents = Documents::new(&vm, info.schema.tick_rate)?;
            documents.add(DocumentName::State, &state, 0)?;
            let engine = Engine::new(&vm.engine)?;
            Ok(Self {
                info,
                engine,
                inputs,
                copier,
                documents,
                viewed: None,
                tick: 0,
                left_out: BTreeSet::new(),
                departed: BTreeMap::new(),
                fatal: None,
                stop_overrun_us: 0,
                vm,
            })
        };
        build().map_err(|error| GameError::Script(plain(&error)))
    }

    #[cfg(test)]
    pub(super) fn collect_garbage(&self) {
        self.vm.lua.gc_collect().unwrap();
    }

    #[cfg(test)]
    pub(super) fn set_callback_budget(&mut self, us: Micros) {
        self.vm.set_callback_budget(us);
    }

    /// Calls into the VM; what the script asked for is handed on whatever happened.
    pub(super) fn call<R: mlua::FromLuaMulti>(
        &mut self,
        what: &'static str,
        function: impl FnOnce(&Engine) -> mlua::Result<&Function>,
        args: impl IntoLuaMulti,
        effects: &mut Effects,
    ) -> Result<R, GameError> {
        self.whole()?;
        let result = match function(&self.engine) {
            Ok(function) => self.vm.call(what, function, args),
            Err(_) => Err(GameError::Memory(what)), // there was none for the file that it stands in
        };
        self.returned(result, effects)
    }

    /// An error when nothing enters this VM again.
    pub(super) fn whole(&self) -> Result<(), GameError> {
        self.fatal.clone().map_or(Ok(()), Err)
    }

    /// Whether this ended the VM, which is remembered then.
    fn gave_up<R>(&mut self, result: &Result<R, GameError>) -> bool {
        let fatal = result.as_ref().err().filter(|error| error.is_fatal());
        if let Some(error) = fatal {
            self.fatal = Some(error.clone());
        }
        fatal.is_some()
    }

    /// After each call into the VM.
    pub(super) fn returned<R>(&mut self, result: Result<R, GameError>, effects: &mut Effects) -> Result<R, GameError> {
        self.vm.outbox.drain(effects);
        if self.gave_up(&result) {
            self.stop_overrun_us = self.vm.overrun_us();
        }
        result
    }

    pub(super) fn to_lua(&self, value: &Value) -> mlua::Result<mlua::Value> {
        tables::to_lua(&self.vm.lua, &self.engine.list_meta, value, &self.engine)
    }

    /// The handler's answer, or why the engine refuses the message.
    fn handle(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        effects: &mut Effects,
    ) -> Result<Result<Value, String>, GameError> {
        let data = self.to_lua(data).map_err(|_| GameError::Memory("message"))?;
        let (answer, refused): (mlua::Value, Option<String>) =
            self.call("message", |e| Ok(&e.players()?.message), (player, name, data), effects)?;
        if let Some(refused) = refused {
            return Ok(Err(refused));
        }
        if answer.is_nil() {
            return Ok(Ok(Value::Nil));
        }
        let read = self.vm.marks.read(&self.vm.lua, answer, &mut Measure::default());
        let read = read.map_err(|_| GameError::Memory("message"))?.map_err(|problem| {
            GameError::Script(format!("game.messages.{name}: its answer can not be sent: {problem}"))
        });
        read.map(Ok)
    }
}

impl Game for LuaGame {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn open(&mut self, opening: &RoomOpening, effects: &mut Effects) -> Result<(), GameError> {
        let (low, high) = (opening.seed as u32, (opening.seed >> 32) as u32);
        let result = self.call("open", |e| Ok(&e.open), (opening.name.as_str(), low, high), effects);
        self.settled(result, effects)
    }

    fn checkpoint(&mut self, effects: &mut Effects) -> Result<Value, GameError> {
        self.take_checkpoint(effects)
    }

    fn restore(
        &mut self,
        opening: &RoomOpening,
        checkpoint: &Value,
        why: Restored,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        let result = self.put_back(opening, checkpoint, why, effects);
        self.departed.clear();
        self.settled(result, effects)
    }

    fn enter(&mut self, seat: &Seat, effects: &mut Effects) -> Result<Admission, GameError> {
        let args = (seat.number, seat.name.as_str(), seat.kind.as_str(), seat.bot);
        let entered = self.call("enter", |e| Ok(&e.players()?.enter), args, effects);
        let (how, what): (String, Option<String>) = self.settled(entered, effects)?;
        Ok(match (how.as_str(), what) {
            ("take_over", _) => Admission::TakeOver,
            ("as", Some(kind)) => Admission::As(kind),
            (_, why) => Admission::Refused(why.unwrap_or_default()),
        })
    }

    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Result<(), GameError> {
        let args = (seat.number, seat.name.as_str(), seat.kind.as_str(), seat.bot);
        self.call::<()>("join", |e| Ok(&e.players()?.seat), args, effects)?;
        self.add_documents(seat, effects)?;
        let joined = self.call("join", |e| Ok(&e.players()?.join), seat.number, effects);
        self.settled(joined, effects)
    }

    fn drop(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        let result = self.call("drop", |e| Ok(&e.players()?.drop), player, effects);
        self.settled(result, effects)
    }

    fn back(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        let result = self.call("back", |e| Ok(&e.players()?.back), player, effects);
        self.settled(result, effects)
    }

    fn rename(&mut self, player: PlayerNumber, name: &str, effects: &mut Effects) -> Result<(), GameError> {
        self.documents.rename(player, name);
        self.call("rename", |e| Ok(&e.players()?.rename), (player, name), effects)
    }

    fn leave(&mut self, player: PlayerNumber, reason: CloseReason, effects: &mut Effects) -> Result<(), GameError> {
        let result: Result<(), _> = self.call("leave", |e| Ok(&e.players()?.leave), (player, reason.text()), effects);
        self.documents.remove(DocumentName::PlayerState(player))?;
        self.documents.remove(DocumentName::Secret(player))?;
        let forgotten: Result<(), _> = self.call("leave", |e| Ok(&e.players()?.forget), player, effects);
        self.settled(result.and(forgotten), effects)
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
        self.gave_up(&result);
        // The caller is told what happened, not where in the module.
        let told = result.as_ref().map_or_else(|_| Err(format!("{name} failed")), Clone::clone);
        match (call, &result) {
            (Some(call), _) => effects.push(Effect::Reply { to: player, call, result: told }),
            (None, Ok(Err(reason))) => {
                let data = Value::map([("message", name.into()), ("reason", reason.as_str().into())]);
                effects.push(Effect::Message { to: Audience::Player(player), name: "refused".to_owned(), data });
            }
            (None, _) => {}
        }
        self.settled(result.map(|_| ()), effects)
    }

    fn begin(&mut self, tick: Tick, effects: &mut Effects) -> Result<(), GameError> {
        self.tick = tick;
        self.vm.outbox.begin();
        self.vm.begin_turn();
        let due: u32 = self.call("begin", |e| Ok(&e.begin), tick, effects)?;
        let mut result = self.settled(Ok(()), effects);
        if result.as_ref().is_err_and(GameError::is_fatal) {
            return result;
        }
        for index in 1..=due {
            // Each timer is a callback of its own: one that fails does not take the others along.
            let fired: Result<(), _> = self.call("timer", |e| Ok(&e.timers()?.fire), index, effects);
            let fired = self.settled(fired, effects);
            match (fired, &result) {
                (Err(error), _) if error.is_fatal() => return Err(error),
                (Err(error), Ok(())) => result = Err(error),
                (Err(error), Err(_)) => effects.push(outbox::log(LogLevel::Error, &error.to_string())),
                (Ok(()), _) => {}
            }
        }
        result
    }

    fn bot(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError> {
        self.play_bot(player, effects)
    }

    fn answer(&mut self, request: u32, value: Option<&Value>, effects: &mut Effects) -> Result<(), GameError> {
        let value = value.map_or(Ok(mlua::Value::Nil), |value| self.to_lua(value));
        let value = value.map_err(|_| GameError::Memory("answer"))?;
        let result = self.call("answer", |e| Ok(&e.store()?.answer), (request, value), effects);
        self.settled(result, effects)
    }

    fn input(
        &mut self,
        player: PlayerNumber,
        input: &[f64],
        seen: f64,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        let length = input.len().min(FIELDS_MAX);
        self.inputs[..length].copy_from_slice(&input[..length]);
        let result = self.call("input", |e| Ok(&e.players()?.input), (player, seen), effects);
        self.settled(result, effects)
    }

    fn tick(&mut self, effects: &mut Effects) -> Result<(), GameError> {
        let result = self.call("tick", |e| Ok(&e.tick), (), effects);
        self.settled(result, effects)
    }

    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Result<(), GameError> {
        self.whole()?;
        let entities = self.copier.collect(&self.vm, &self.info.schema, self.tick, world, effects);
        let result = self.walk_documents(effects).and(entities);
        self.gave_up(&result);
        result
    }

    fn memory_bytes(&self) -> usize {
        self.vm.lua.used_memory()
    }

    fn stop_overrun_us(&self) -> Micros {
        self.stop_overrun_us
    }

    fn clamped(&self) -> u64 {
        self.copier.clamped()
    }
}
