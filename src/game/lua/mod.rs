//! LuaJIT rooms: a module is a folder of Lua files, a room one VM that runs them.
//!
//! [`LuaFactory`] reads and checks a module once, in a VM that is thrown away, and makes [`LuaGame`]s of it. Files:
//! `sandbox` (what scripts can reach), `prelude.lua` (the room's API and what Rust calls) and the files it loads when they are
//! used (entities: `entities`, `population`, `search`, `grid`; people: `seats`, `players`, `hosts`; phases: `phases`, `specs`,
//! `change`, `attendance`, `phaseless`, `kept`; `view` for bots; others), `copier` (entities out), `documents` (tables
//! out), `tables` (values in), `salvage` and `shadows` (what of them clients have), `watchdog` (the stop button), `declaration` and `phases` (a module's table, checked), `bot` (`game.bot`, in rooms and
//! without), `helpers/` (`require "airboat.…"`),
//! `modules` (finding them), `script` (a VM for tools).

mod bot;
pub mod checkpoint;
mod copier;
mod declaration;
mod documents;
mod engine;
pub mod heap;
mod helpers;
mod measure;
pub mod modules;
mod outbox;
mod phases;
mod quiet;
mod restore;
mod running;
mod salvage;
mod sandbox;
mod script;
mod shadows;
mod tables;
#[cfg(test)]
mod tests;
pub mod watchdog;

use std::{path::Path, sync::Arc};

pub use bot::{Bot, BotEntity, BotView};
pub use modules::discover;
pub use running::LuaGame;
pub use sandbox::{ENTITIES_MAX, Sources};
pub use script::{Host, Script};

use self::{declaration::Declaration, sandbox::Vm};
use super::{Budgets, Game, GameError, GameFactory, GameInfo};
use crate::config::Limits;

/// How rooms run Lua.
#[derive(Debug, Clone)]
pub struct Settings {
    pub budgets: Budgets,
    /// False where [`watchdog::self_test`] fails: without the JIT every loop can be stopped.
    pub jit: bool,
    pub room: RoomLimits,
}

/// What a room may hold besides its script's memory.
#[derive(Debug, Clone, Copy)]
pub struct RoomLimits {
    /// Bytes of all documents that one player is sent, and of all secrets.
    pub documents_bytes: usize,
    pub secrets_bytes: usize,
    /// Values and bytes of one checkpoint.
    pub checkpoint_values: usize,
    pub checkpoint_bytes: usize,
}

impl RoomLimits {
    /// A join answer and the whole documents after a lag find a place in a session's reliable lane.
    pub fn new(limits: &Limits) -> Self {
        Self {
            documents_bytes: limits.documents_bytes_max.min(limits.reliable_lane_bytes / 2),
            secrets_bytes: limits.secrets_bytes_max,
            checkpoint_values: limits.checkpoint_values_max,
            checkpoint_bytes: limits.checkpoint_bytes_max,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let budgets = Budgets { callback_us: 15_000, load_us: 500_000, memory_bytes: 64 << 20 };
        Self { budgets, jit: true, room: RoomLimits::new(&Limits::default()) }
    }
}

/// One module, read and checked.
pub struct LuaFactory {
    info: Arc<GameInfo>,
    sources: Arc<Sources>,
    settings: Settings,
    /// The table's keys that hold a function.
    callbacks: Vec<String>,
}

impl LuaFactory {
    /// A module from its folder; the folder's name is the module's.
    pub fn from_folder(folder: &Path, settings: &Settings) -> Result<Self, GameError> {
        let (module, sources) = modules::read_folder(folder).map_err(GameError::Script)?;
        Self::from_sources(&module, sources, settings)
    }

    /// A module from (path in its folder, text), for example embedded in the binary.
    pub fn from_sources(
        module: &str,
        sources: impl IntoIterator<Item = (String, String)>,
        settings: &Settings,
    ) -> Result<Self, GameError> {
        let sources = Arc::new(sources.into_iter().collect::<Sources>());
        if !sources.contains_key("main.lua") {
            return Err(GameError::Script(format!("module {module} has no main.lua")));
        }
        let vm = Vm::new(module, &sources, settings)?;
        let game = vm.load_main()?;
        let declaration = Declaration::read(module, &game, &vm, &sources)?;
        let functions = game.pairs::<String, mlua::Value>().flatten().filter(|(_, value)| value.is_function());
        let callbacks = functions.map(|(name, _)| name).collect();
        Ok(Self { info: Arc::new(declaration.info), sources, settings: settings.clone(), callbacks })
    }

    /// Whether the module has a callback of this name, such as `bot`.
    pub fn has(&self, callback: &str) -> bool {
        self.callbacks.iter().any(|name| name == callback)
    }

    /// The same as [`GameFactory::create`], not boxed.
    pub fn create_lua(&self) -> Result<LuaGame, GameError> {
        let vm = Vm::new(&self.info.module, &self.sources, &self.settings)?;
        let game = vm.load_main()?;
        let declared = declaration::to_lua(&vm.lua, &self.info.schema)
            .map_err(|error| GameError::Script(sandbox::plain(&error)))?;
        let lua = vm.lua.clone();
        let made = LuaGame::new(vm, self.info.clone(), &game, &declared)?;
        // What loading needed is garbage now; a room that idles would keep it.
        lua.gc_collect().map_err(|_| GameError::Memory("loading"))?;
        Ok(made)
    }
}

impl GameFactory for LuaFactory {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn sources(&self) -> Vec<(String, String)> {
        self.sources.iter().map(|(path, text)| (path.clone(), text.clone())).collect()
    }

    fn create(&self) -> Result<Box<dyn Game>, GameError> {
        Ok(Box::new(self.create_lua()?))
    }
}
