//! LuaJIT rooms: a module is a folder of Lua files, a room one VM that runs them.
//!
//! [`LuaFactory`] reads and checks a module once, in a VM that is thrown away, and makes [`LuaGame`]s of it. Files:
//! `sandbox` (what scripts can reach), `prelude.lua` and `entities.lua` (the API), `copier` (entities out), `documents`
//! (tables out), `watchdog` (the stop button), `declaration` (a module's table, checked), `modules` (finding them).

mod copier;
mod declaration;
mod documents;
mod measure;
pub mod modules;
mod outbox;
mod running;
mod sandbox;
#[cfg(test)]
mod tests;
pub mod watchdog;

use std::{path::Path, sync::Arc};

pub use modules::discover;
pub use running::LuaGame;
pub use sandbox::{ENTITIES_MAX, Sources};

use self::{declaration::Declaration, sandbox::Vm};
use super::{Budgets, Game, GameError, GameFactory, GameInfo};

/// How rooms run Lua.
#[derive(Debug, Clone)]
pub struct Settings {
    pub budgets: Budgets,
    /// False where [`watchdog::self_test`] fails: without the JIT every loop can be stopped.
    pub jit: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let budgets = Budgets { callback_us: 15_000, load_us: 500_000, memory_bytes: 64 << 20 };
        Self { budgets, jit: true }
    }
}

/// One module, read and checked.
pub struct LuaFactory {
    info: Arc<GameInfo>,
    sources: Arc<Sources>,
    settings: Settings,
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
        Ok(Self { info: Arc::new(declaration.info), sources, settings: settings.clone() })
    }

    /// The same as [`GameFactory::create`], not boxed.
    pub fn create_lua(&self) -> Result<LuaGame, GameError> {
        let vm = Vm::new(&self.info.module, &self.sources, &self.settings)?;
        let game = vm.load_main()?;
        let declared = declaration::to_lua(&vm.lua, &self.info.schema)
            .map_err(|error| GameError::Script(sandbox::plain(&error)))?;
        LuaGame::new(vm, self.info.clone(), &game, &declared)
    }
}

impl GameFactory for LuaFactory {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn create(&self) -> Result<Box<dyn Game>, GameError> {
        Ok(Box::new(self.create_lua()?))
    }
}
