//! A sandboxed VM that is no room: a tool's prelude and files of a module run in it, and reach their host through one
//! function that takes and gives [`Value`]s. Module tests live in such a VM; rooms cannot get at it.

use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, MultiValue, Table};

use super::{
    Settings,
    measure::Measure,
    sandbox::{Sources, Vm, plain},
    tables::{self, References},
};
use crate::{
    game::{Effect, Effects, GameError},
    protocol::{EntityId, PlayerNumber, Value},
};

/// What the scripts ask for by name; an error is raised where they asked.
pub type Host = Box<dyn FnMut(&str, Vec<Value>) -> Result<Value, String> + Send>;

pub struct Script {
    vm: Vm,
    functions: Table,
}

impl Script {
    /// `prelude` is (name, text) of a trusted file. It is called with `host`, which answers (value) or (nil, problem), and
    /// `suggest(wrong, names)`, and returns a table of the functions for [`Self::call`].
    pub fn new(
        module: &str,
        sources: &Arc<Sources>,
        settings: &Settings,
        prelude: (&str, &str),
        host: Host,
    ) -> Result<Self, GameError> {
        let vm = Vm::new(module, sources, settings)?;
        let build = || -> mlua::Result<Table> {
            let host = host_function(&vm, host)?;
            let suggest: Function = vm.engine.raw_get("suggest")?;
            let chunk = vm.lua.load(prelude.1).set_name(format!("=[airboat {}]", prelude.0));
            chunk.set_mode(mlua::chunk::ChunkMode::Text).into_function()?.call((host, suggest))
        };
        let functions = build().map_err(|error| GameError::Script(plain(&error)))?;
        Ok(Self { vm, functions })
    }

    /// Calls one of the prelude's functions under the budget of a callback.
    pub fn call(&self, what: &'static str, name: &str, argument: &Value) -> Result<Value, GameError> {
        let memory = |_| GameError::Memory(what);
        let function: Function =
            self.functions.raw_get(name).map_err(|error| GameError::Script(format!("{name}: {}", plain(&error))))?;
        let argument = to_lua(&self.vm.lua, &self.vm.engine, argument).map_err(memory)?;
        let answer: mlua::Value = self.vm.call(what, &function, argument)?;
        let read = self.vm.marks.read(&self.vm.lua, answer, &mut Measure::default()).map_err(memory)?;
        read.map_err(GameError::Script)
    }

    /// What `print` was given since the last call.
    pub fn printed(&self) -> Vec<String> {
        let mut effects = Effects::new();
        self.vm.outbox.drain(&mut effects);
        let line = |effect| match effect {
            Effect::Log { text, .. } => Some(text),
            _ => None,
        };
        effects.into_iter().filter_map(line).collect()
    }
}

/// Problems come back as values: an `Err` would become a userdata with a finaliser, which the watchdog's hook does not
/// go together with.
fn host_function(vm: &Vm, host: Host) -> mlua::Result<Function> {
    let (host, marks, engine) = (Arc::new(Mutex::new(host)), vm.marks.clone(), vm.engine.clone());
    vm.lua.create_function(move |lua, (name, arguments): (mlua::LuaString, MultiValue)| {
        let mut values = Vec::new();
        for argument in arguments {
            match marks.read(lua, argument, &mut Measure::default())? {
                Ok(value) => values.push(value),
                Err(problem) => return Ok((mlua::Value::Nil, Some(problem))),
            }
        }
        let answer = (host.lock().unwrap_or_else(PoisonError::into_inner))(&name.to_string_lossy(), values);
        Ok(match answer {
            Ok(value) => (to_lua(lua, &engine, &value)?, None),
            Err(problem) => (mlua::Value::Nil, Some(problem)),
        })
    })
}

/// References to entities and players become `{ entity = id }` and `{ player = "id" }`: nothing lives in this VM.
struct Named;

impl References for Named {
    fn entity(&self, lua: &Lua, id: EntityId) -> mlua::Result<mlua::Value> {
        Ok(mlua::Value::Table(lua.create_table_from([("entity", id)])?))
    }

    fn player(&self, lua: &Lua, number: PlayerNumber) -> mlua::Result<mlua::Value> {
        Ok(mlua::Value::Table(lua.create_table_from([("player", number.to_string())])?))
    }
}

fn to_lua(lua: &Lua, engine: &Table, value: &Value) -> mlua::Result<mlua::Value> {
    tables::to_lua(lua, &engine.raw_get("list_meta")?, value, &Named)
}
