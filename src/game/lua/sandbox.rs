//! One room's VM: libraries, limits, the sandbox and the prelude, and the guarded way in.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua, LuaString, Table, chunk::ChunkMode};

use super::{Settings, copier, documents::Marks, outbox::Outbox, watchdog::Guard};
use crate::{game::GameError, protocol::Micros};

/// Live entities of one room. A ring of a second of them at 60 Hz is a few MB, and a walk of all takes about 0.1 ms.
pub const ENTITIES_MAX: usize = 4_096;
/// Waiting timers of one room: one for each entity.
pub(super) const TIMERS_MAX: usize = 4_096;
/// Bytes that `string.rep` may make: they count against the memory cap, but are made in one uninterruptible step.
const REPEATED_MAX: usize = 1 << 20;
/// Elements that `table.sort` takes: without a comparison of its own it runs in C, where nothing stops it.
const SORTED_MAX: usize = 50_000;
/// Bytes of a pattern.
const PATTERN_MAX: usize = 128;
/// Length of a text times length of what is looked for in it as it stands.
const PLAIN_MAX: usize = 100_000_000;
/// Calls of Lua from C inside each other. One takes up to 9 kB of a thread's stack (a gsub with its buffer).
const NESTED_MAX: usize = 30;
/// Machine code of one VM. LuaJIT maps it by itself, outside the memory cap.
const MACHINE_CODE_KB: usize = 1_024;

/// A module's Lua files: path inside the module (`shared/step.lua`) and text.
pub type Sources = BTreeMap<String, String>;

/// A VM with the prelude loaded, and nothing of a module yet.
pub struct Vm {
    pub lua: Lua,
    /// What the prelude returned: the functions that Rust calls.
    pub engine: Table,
    pub marks: Marks,
    pub outbox: Outbox,
    guard: Guard,
    unwound: Function,
    settings: Settings,
}

impl Vm {
    pub fn new(module: &str, sources: &Arc<Sources>, settings: &Settings) -> Result<Self, GameError> {
        let build = || -> mlua::Result<Self> {
            let lua = copier::new_state();
            lua.set_memory_limit(settings.budgets.memory_bytes)?;
            let outbox = Outbox::default();
            let marks = Marks(lua.create_table()?);
            let host = outbox.host(&lua, &marks)?;
            host.set("source", source_loader(&lua, module, sources)?)?;
            let limits = lua.create_table_from([
                ("entities", ENTITIES_MAX),
                ("timers", TIMERS_MAX),
                ("repeated", REPEATED_MAX),
                ("sorted", SORTED_MAX),
                ("pattern", PATTERN_MAX),
                ("nested", NESTED_MAX),
                ("plain", PLAIN_MAX),
                ("machine_code_kb", MACHINE_CODE_KB),
            ])?;
            limits.set("jit", settings.jit)?;
            let trusted: Table = chunk(&lua, "sandbox", include_str!("sandbox.lua"))?.call((&host, limits))?;
            let entities: Table = chunk(&lua, "entities", include_str!("entities.lua"))?.call((&trusted, &marks.0))?;
            let prelude = chunk(&lua, "prelude", include_str!("prelude.lua"))?;
            let engine = prelude.call((host, &trusted, &marks.0, entities))?;
            let guard = Guard::new(&lua)?;
            let unwound = trusted.raw_get("unwound")?;
            Ok(Self { lua, engine, marks, outbox, guard, unwound, settings: settings.clone() })
        };
        build().map_err(|error| script_error("loading the engine's prelude", &error))
    }

    /// Enters the VM under the budget of a callback.
    pub fn call<R: FromLuaMulti>(
        &self,
        what: &'static str,
        function: &Function,
        args: impl IntoLuaMulti,
    ) -> Result<R, GameError> {
        self.within(what, self.settings.budgets.callback_us, || function.call(args))
    }

    /// Runs the module's main file. For loader threads: it has the budget of a load.
    pub fn load_main(&self) -> Result<Table, GameError> {
        let result: mlua::Value = self.within("loading", self.settings.budgets.load_us, || {
            let require: Function = self.lua.globals().raw_get("require")?;
            require.call("main")
        })?;
        match result {
            mlua::Value::Table(game) => Ok(game),
            other => Err(GameError::Script(format!("main.lua returns a {}, not a table", other.type_name()))),
        }
    }

    fn within<R>(
        &self,
        what: &'static str,
        budget_us: Micros,
        call: impl FnOnce() -> mlua::Result<R>,
    ) -> Result<R, GameError> {
        let (result, stopped) = self.guard.run(budget_us, call);
        if stopped {
            return Err(GameError::Overrun(what));
        }
        if result.is_err() {
            drop(self.unwound.call::<()>(()));
        }
        // What Lua says when the handler that adds a traceback found no memory either.
        let starved = self.lua.used_memory() > self.settings.budgets.memory_bytes / 4 * 3;
        result.map_err(|error| match script_error(what, &error) {
            GameError::Script(text) if starved && text.starts_with("error in error handling") => {
                GameError::Memory(what)
            }
            error => error,
        })
    }
}

fn chunk(lua: &Lua, name: &str, source: &str) -> mlua::Result<Function> {
    lua.load(source).set_name(format!("=[airboat {name}]")).set_mode(ChunkMode::Text).into_function()
}

/// `host.source(name)`: a compiled file of the module, or nil and why. Files were read when the module was loaded, so
/// nothing outside its folder can be reached and rooms never touch the disk.
fn source_loader(lua: &Lua, module: &str, sources: &Arc<Sources>) -> mlua::Result<Function> {
    let (module, sources) = (module.to_owned(), sources.clone());
    lua.create_function(move |lua, name: LuaString| {
        let name = name.to_string_lossy();
        let path = name.replace('.', "/");
        let found = [format!("{path}.lua"), format!("{path}/init.lua")].into_iter().find(|p| sources.contains_key(p));
        let Some((path, source)) = found.and_then(|path| sources.get_key_value(&path)) else {
            return Ok((None, Some(format!("require \"{name}\": module {module} has no file {path}.lua"))));
        };
        let chunk = lua.load(source).set_name(format!("@{module}/{path}")).set_mode(ChunkMode::Text);
        Ok(match chunk.into_function() {
            Ok(function) => (Some(function), None),
            Err(error) => (None, Some(plain(&error))),
        })
    })
}

/// Lua's own text of an error, with its traceback where it has one.
pub(super) fn plain(error: &mlua::Error) -> String {
    match error {
        mlua::Error::RuntimeError(text) => text.clone(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::CallbackError { cause, .. } => plain(cause),
        other => other.to_string(),
    }
}

fn script_error(what: &'static str, error: &mlua::Error) -> GameError {
    let text = plain(error);
    // The sandbox's pcall raises a memory error again under this name.
    if is_memory_error(error) || text.lines().next() == Some("not enough memory") {
        return GameError::Memory(what);
    }
    GameError::Script(text)
}

fn is_memory_error(error: &mlua::Error) -> bool {
    match error {
        mlua::Error::MemoryError(_) => true,
        mlua::Error::CallbackError { cause, .. } => is_memory_error(cause),
        _ => false,
    }
}
