//! The border to scripts. A room drives a [`Game`]; a game answers with [`Effects`], data that the room carries out.
//!
//! Nothing here waits, reads a clock or knows a session. `lua/` is the real implementation; tests have small ones.

pub mod lua;

use std::sync::Arc;

use crate::protocol::{
    CloseReason, Micros, PlayerNumber, Tick, Value, document::Operation, schema::Schema, world::World,
};

/// How a module wants its rooms run; read once from its table.
#[derive(Debug, Clone, PartialEq)]
pub struct GameInfo {
    pub module: String,
    pub title: String,
    pub schema: Arc<Schema>,
    /// `seats = {min, max}`.
    pub seats: (u32, u32),
    /// Seconds a room stays open with nobody in it.
    pub empty_after_secs: u32,
    /// False: checkpoints stay in memory.
    pub saved: bool,
    /// Names in `game.messages`; anything else is refused before Lua.
    pub messages: Vec<String>,
}

/// What a room tells its game when it opens.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomOpening {
    pub name: String,
    /// Seeds `room:random` and `math.random`.
    pub seed: u64,
}

/// A seat as a game sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    pub number: PlayerNumber,
    pub name: String,
    /// `player`, `spectator` or `screen`.
    pub kind: String,
}

/// Who may see something that leaves a room. There is no way to send without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    Room,
    Player(PlayerNumber),
}

/// Which document an [`Effect::Document`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentName {
    /// `room.state`: everybody sees it.
    State,
    /// `player.state` of one player: everybody sees it.
    PlayerState(PlayerNumber),
    /// `player.secret`: only that player sees it.
    Secret(PlayerNumber),
}

/// What a game asked for, in the order in which it asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// `room:broadcast` and `player:send`.
    Message {
        to: Audience,
        name: String,
        data: Value,
    },
    /// The value a message handler returned, for a call.
    Reply {
        to: PlayerNumber,
        call: u32,
        result: Result<Value, String>,
    },
    /// Patches to a document, after the callbacks of a tick.
    Document {
        name: DocumentName,
        operations: Vec<Operation>,
    },
    /// `player.role = …`
    Role {
        player: PlayerNumber,
        role: String,
    },
    Kick {
        player: PlayerNumber,
        reason: CloseReason,
    },
    /// `room:close()`.
    Close,
    /// `room:log(…)` and script errors: already cut to a sane length.
    Log {
        level: LogLevel,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Info,
    Error,
}

pub type Effects = Vec<Effect>;

/// What went wrong in a script. Errors cost a callback, the other two cost the VM.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GameError {
    /// A Lua error with its traceback. The game goes on.
    #[error("{0}")]
    Script(String),
    /// The callback ran past its CPU budget and was stopped. The VM must be given up.
    #[error("{0} ran longer than its time budget and was stopped")]
    Overrun(&'static str),
    /// The memory cap was hit. The VM must be given up.
    #[error("out of memory in {0}")]
    Memory(&'static str),
}

impl GameError {
    /// Whether the room must be reopened on a new VM.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::Script(_))
    }
}

/// One room's running script.
///
/// Callbacks a module lacks do nothing. `effects` is appended to even when an error is returned.
pub trait Game: Send {
    fn info(&self) -> &Arc<GameInfo>;

    fn open(&mut self, opening: &RoomOpening, effects: &mut Effects) -> Result<(), GameError>;

    /// `enter(room, player)`: `Ok(Some(why))` refuses. The seat does not exist yet.
    fn enter(&mut self, seat: &Seat, effects: &mut Effects) -> Result<Option<String>, GameError>;
    /// A new seat. The player object exists from here until `leave`.
    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Result<(), GameError>;
    /// The link was lost; the seat waits.
    fn drop(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError>;
    /// The seat has a link again.
    fn back(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError>;
    /// The seat is over. The game forgets the player afterwards, whatever the script says.
    fn leave(&mut self, player: PlayerNumber, reason: CloseReason, effects: &mut Effects) -> Result<(), GameError>;

    /// A reliable message of a name in `GameInfo::messages`. With `call`, what the handler returns becomes a `Reply`.
    fn message(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        call: Option<u32>,
        effects: &mut Effects,
    ) -> Result<(), GameError>;

    /// Before the callbacks of `tick`: moves linear entities, ends their life, fires due timers.
    fn begin(&mut self, tick: Tick, effects: &mut Effects) -> Result<(), GameError>;
    /// One player's input of this tick, in the order of `Schema::inputs`, in real units (presses: a count).
    fn input(&mut self, player: PlayerNumber, input: &[f64], effects: &mut Effects) -> Result<(), GameError>;
    fn tick(&mut self, effects: &mut Effects) -> Result<(), GameError>;
    /// After the callbacks: entities into `world` (cleared by the callee) and document changes into `effects`.
    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Result<(), GameError>;

    /// Bytes held by the script.
    fn memory_bytes(&self) -> usize;
}

/// Makes rooms of one module. Shared by all workers; `create` runs on a loader thread and may take its time.
pub trait GameFactory: Send + Sync {
    fn info(&self) -> &Arc<GameInfo>;
    fn create(&self) -> Result<Box<dyn Game>, GameError>;
}

/// What a watchdog needs to know; kept here so that rooms need not.
#[derive(Debug, Clone, Copy)]
pub struct Budgets {
    /// CPU time of one callback.
    pub callback_us: Micros,
    /// CPU time to load a module.
    pub load_us: Micros,
    pub memory_bytes: usize,
}
