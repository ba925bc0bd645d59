//! One room's VM: libraries, limits, the sandbox and the prelude, and the guarded way in.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua, LuaString, Table, chunk::ChunkMode};

use super::{Settings, copier, documents::Marks, helpers, outbox::Outbox, watchdog::Guard};
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

/// Rounds of a loop, and leavings of a trace by the same side, before it is compiled. LuaJIT's own 56 and 10 are for programs
/// that run once: a room has all the time, and up to a third fewer traces are memory saved once it is warm.
const HOT_LOOP: usize = 80;
const HOT_EXIT: usize = 60;
/// Per cent of what was alive at the end of a collection at which the next begins. Rooms make little garbage: with LuaJIT's
/// 200 half of their memory would be that.
const COLLECTION_PAUSE: usize = 150;
/// How much a collection does for what is allocated meanwhile, per cent. With LuaJIT's 200 a room grows by another half before
/// one is over.
const COLLECTION_PACE: usize = 1_000;
/// The same pause where nobody is in the room.
const ALONE_PAUSE: usize = 120;
/// Seconds without anybody after which a room gives back what playing has left in it.
const REST_SECS: usize = 10;
/// What may be collected in one step, which nothing can stop: about a millisecond.
const COLLECTED_AT_ONCE_KB: usize = 1_024;

/// Changes of phase in one tick: more is a circle. What is left over is tried again in the next tick.
const PHASE_CHANGES_MAX: usize = 8;
/// Seconds for which a lost host keeps a phase that waits for its start waiting.
const HOST_AWAY_SECS: usize = 10;

/// The engine's files that [`Vm::new`] runs itself.
const CORE: &[(&str, &str)] = &[
    ("sandbox", include_str!("sandbox.lua")),
    ("entities", include_str!("entities.lua")),
    ("prelude", include_str!("prelude.lua")),
];

/// The prelude's other files, by the names it asks for them: most wait for their first use.
const PARTS: &[(&str, &str)] = &[
    ("fields", include_str!("fields.lua")),
    ("room", include_str!("room.lua")),
    ("seats", include_str!("seats.lua")),
    ("players", include_str!("players.lua")),
    ("population", include_str!("population.lua")),
    ("search", include_str!("search.lua")),
    ("grid", include_str!("grid.lua")),
    ("hosts", include_str!("hosts.lua")),
    ("timers", include_str!("timers.lua")),
    ("past", include_str!("past.lua")),
    ("store", include_str!("store.lua")),
    ("checkpoint", include_str!("checkpoint.lua")),
    ("restore", include_str!("restore.lua")),
    ("phases", include_str!("phases.lua")),
    ("specs", include_str!("specs.lua")),
    ("change", include_str!("change.lua")),
    ("attendance", include_str!("attendance.lua")),
    ("phaseless", include_str!("phaseless.lua")),
    ("kept", include_str!("kept.lua")),
    ("view", include_str!("view.lua")),
    ("patterns", include_str!("patterns.lua")),
    ("names", include_str!("names.lua")),
];

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
                ("phase_changes", PHASE_CHANGES_MAX),
                ("host_away", HOST_AWAY_SECS),
                ("repeated", REPEATED_MAX),
                ("sorted", SORTED_MAX),
                ("pattern", PATTERN_MAX),
                ("nested", NESTED_MAX),
                ("plain", PLAIN_MAX),
                ("machine_code_kb", MACHINE_CODE_KB),
                ("hot_loop", HOT_LOOP),
                ("hot_exit", HOT_EXIT),
                ("pause", COLLECTION_PAUSE),
                ("pace", COLLECTION_PACE),
                ("alone_pause", ALONE_PAUSE),
                ("rest", REST_SECS),
                ("collected_at_once_kb", COLLECTED_AT_ONCE_KB),
            ])?;
            limits.set("jit", settings.jit)?;
            let trusted: Table = chunk(&lua, "sandbox")?.call((&host, limits))?;
            trusted.raw_set("chunk_of", part_loader(&lua)?)?;
            let entities: Table = chunk(&lua, "entities")?.call(&trusted)?;
            let engine = chunk(&lua, "prelude")?.call((host, &trusted, &marks.0, entities))?;
            let guard = Guard::new(&lua)?;
            let unwound = trusted.raw_get("unwound")?;
            Ok(Self { lua, engine, marks, outbox, guard, unwound, settings: settings.clone() })
        };
        build().map_err(|error| script_error("loading the engine's prelude", &error))
    }

    /// What the room in it may hold.
    pub const fn room_limits(&self) -> super::RoomLimits {
        self.settings.room
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

    #[cfg(test)]
    pub fn set_callback_budget(&mut self, us: Micros) {
        self.settings.budgets.callback_us = us;
    }

    /// See [`Guard::begin_turn`].
    pub fn begin_turn(&self) {
        self.guard.begin_turn();
    }

    /// See [`Guard::overrun_us`].
    pub fn overrun_us(&self) -> Micros {
        self.guard.overrun_us()
    }

    /// Runs the module's main file. For loader threads: it has the budget of a load.
    pub fn load_main(&self) -> Result<Table, GameError> {
        let result: Result<mlua::Value, _> = self.within("loading", self.settings.budgets.load_us, || {
            let require: Function = self.lua.globals().raw_get("require")?;
            require.call("main")
        });
        // What loading took is not held against what comes next.
        self.begin_turn();
        let result = result?;
        match result {
            mlua::Value::Table(game) => Ok(game),
            // What `require` makes of nothing.
            mlua::Value::Boolean(true) => {
                Err(GameError::Script("main.lua returns nothing: end the file with `return game`".to_owned()))
            }
            other => {
                let name = if other.is_integer() { "number" } else { other.type_name() };
                let text = format!("main.lua returns a {name}, not a table: end the file with `return game`");
                Err(GameError::Script(text))
            }
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

/// One of the engine's own files, compiled once for the process: a room is opened in a third of the time, and without the
/// names of local variables it is smaller.
fn chunk(lua: &Lua, name: &str) -> mlua::Result<Function> {
    static COMPILED: OnceLock<BTreeMap<&str, Vec<u8>>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let scratch = copier::new_state();
        // LuaJIT's C function for this, which mlua's `dump` calls, strips nothing.
        let strip = |source: &str, name: &str| -> mlua::Result<Vec<u8>> {
            let function = scratch.load(source).set_name(chunk_name(name)).into_function()?;
            let dump: Function = scratch.globals().get::<Table>("string")?.get("dump")?;
            Ok(dump.call::<LuaString>((function, true))?.as_bytes().to_vec())
        };
        let compile = |(name, source): &(&'static str, &str)| (*name, strip(source, name).unwrap_or_default());
        CORE.iter().chain(PARTS).map(compile).collect()
    });
    let code = compiled.get(name).map_or(&[][..], Vec::as_slice);
    lua.load(code).set_name(chunk_name(name)).set_mode(ChunkMode::Binary).into_function()
}

/// `chunk_of(name)` of the prelude: one of [`PARTS`], not yet run. Nil where there is no memory for it: an `Err` would become
/// a userdata with a finaliser, which the watchdog's hook does not go together with.
fn part_loader(lua: &Lua) -> mlua::Result<Function> {
    lua.create_function(|lua, name: LuaString| {
        let name = name.to_string_lossy();
        let known = PARTS.iter().find(|(known, _)| *known == name);
        Ok(known.and_then(|(name, _)| chunk(lua, name).ok()))
    })
}

/// With a bracket in front, so that complaints blame the module's line and not the engine's.
fn chunk_name(name: &str) -> String {
    format!("=[airboat {name}]")
}

/// `host.source(name)`: a compiled file of the module or of the helpers, or nil and why. Files were read when the module
/// was loaded, so nothing outside its folder can be reached and rooms never touch the disk.
fn source_loader(lua: &Lua, module: &str, sources: &Arc<Sources>) -> mlua::Result<Function> {
    let (module, sources) = (module.to_owned(), sources.clone());
    lua.create_function(move |lua, name: LuaString| {
        let name = name.to_string_lossy();
        if let Some(helper) = name.strip_prefix(helpers::PREFIX) {
            return helpers::load(lua, helper);
        }
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
        mlua::Error::RuntimeError(text) => without_engine(text),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::CallbackError { cause, .. } => plain(cause),
        other => other.to_string(),
    }
}

/// An author's traceback names the author's lines. One without any, as of a syntax error, says nothing.
fn without_engine(text: &str) -> String {
    const HEADING: &str = "\nstack traceback:\n";
    let Some((said, trace)) = text.split_once(HEADING) else { return text.to_owned() };
    let of_engine = |line: &&str| ["[C]", "[airboat"].iter().any(|chunk| line.trim_start().starts_with(chunk));
    let lines: Vec<&str> = trace.lines().filter(|line| !of_engine(line)).collect();
    if lines.is_empty() { said.to_owned() } else { format!("{said}{HEADING}{}", lines.join("\n")) }
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
