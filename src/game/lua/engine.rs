//! The prelude's functions that Rust calls, looked up once for each VM. Most stand in files that the prelude loads when they
//! are needed, so they are looked up with the first call of any of them.

use std::cell::OnceCell;

use mlua::{Function, Lua, Table};

use super::{bot::ViewFunctions, tables::References};
use crate::protocol::{EntityId, PlayerNumber};

/// What one of these files puts into the engine's table.
macro_rules! functions {
    ($(#[$about:meta])* $name:ident of $file:literal: $($function:ident)*) => {
        $(#[$about])*
        pub(super) struct $name {
            $(pub $function: Function,)*
        }

        impl $name {
            fn load(engine: &Table) -> mlua::Result<Self> {
                need(engine, $file)?;
                Ok(Self { $($function: engine.raw_get(stringify!($function))?,)* })
            }
        }
    };
}

functions!(Players of "players": enter seat rename join drop back leave forget message input object player_documents departed);
functions!(Timers of "timers": fire);
functions!(Store of "store": answer);
functions!(Checkpoint of "checkpoint": save save_departed);
functions!(Restore of "restore": revive_room revive_player revive_entity restore restored);

/// The prelude's functions.
pub(super) struct Engine {
    pub open: Function,
    pub begin: Function,
    pub tick: Function,
    pub phase_step: Function,
    pub by_id: Table,
    pub list_meta: Table,
    /// Player object → number, also of those who left.
    pub numbers: Table,
    players: OnceCell<Players>,
    timers: OnceCell<Timers>,
    store: OnceCell<Store>,
    checkpoint: OnceCell<Checkpoint>,
    restore: OnceCell<Restore>,
    view: OnceCell<ViewFunctions>,
    table: Table,
}

impl Engine {
    pub(super) fn new(engine: &Table) -> mlua::Result<Self> {
        let entities: Table = engine.raw_get("entities")?;
        Ok(Self {
            open: engine.raw_get("open")?,
            begin: engine.raw_get("begin")?,
            tick: engine.raw_get("tick")?,
            phase_step: engine.raw_get("phase_step")?,
            by_id: entities.raw_get("by_id")?,
            list_meta: engine.raw_get("list_meta")?,
            numbers: entities.raw_get("numbers")?,
            players: OnceCell::new(),
            timers: OnceCell::new(),
            store: OnceCell::new(),
            checkpoint: OnceCell::new(),
            restore: OnceCell::new(),
            view: OnceCell::new(),
            table: engine.clone(),
        })
    }

    pub(super) fn players(&self) -> mlua::Result<&Players> {
        once(&self.players, || Players::load(&self.table))
    }

    pub(super) fn timers(&self) -> mlua::Result<&Timers> {
        once(&self.timers, || Timers::load(&self.table))
    }

    pub(super) fn store(&self) -> mlua::Result<&Store> {
        once(&self.store, || Store::load(&self.table))
    }

    pub(super) fn checkpoint(&self) -> mlua::Result<&Checkpoint> {
        once(&self.checkpoint, || Checkpoint::load(&self.table))
    }

    pub(super) fn restore(&self) -> mlua::Result<&Restore> {
        once(&self.restore, || Restore::load(&self.table))
    }

    pub(super) fn view(&self) -> mlua::Result<&ViewFunctions> {
        once(&self.view, || ViewFunctions::new(&self.table))
    }

    /// What stands in a checkpoint for an entity that was despawned before.
    pub(super) fn dead(&self) -> mlua::Result<Table> {
        self.restore()?;
        self.table.raw_get("dead")
    }
}

impl References for Engine {
    fn entity(&self, _: &Lua, id: EntityId) -> mlua::Result<mlua::Value> {
        self.by_id.raw_get(id)
    }

    fn player(&self, _: &Lua, number: PlayerNumber) -> mlua::Result<mlua::Value> {
        self.players()?.object.call(number)
    }
}

/// Loads one of the prelude's files, unless it is loaded.
pub(super) fn need(engine: &Table, file: &str) -> mlua::Result<()> {
    engine.raw_get::<Function>("need")?.call(file)
}

fn once<T>(cell: &OnceCell<T>, load: impl FnOnce() -> mlua::Result<T>) -> mlua::Result<&T> {
    if let Some(loaded) = cell.get() {
        return Ok(loaded);
    }
    let loaded = load()?;
    Ok(cell.get_or_init(|| loaded))
}
