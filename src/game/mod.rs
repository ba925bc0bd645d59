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
    /// Names one content of the module: a hash of its files. Empty where there are none.
    pub version: String,
    /// `seats = {min, max}`: of players; spectators and screens are not counted.
    pub seats: (u32, u32),
    /// While people play, bots fill the seats up to here.
    pub bots: u32,
    /// Seconds a room stays open with nobody in it.
    pub empty_after_secs: u32,
    /// False: checkpoints stay in memory.
    pub saved: bool,
    /// `when_empty = "keep"`: a room that closes because it is empty leaves its checkpoint behind, and whoever comes by
    /// the same name finds it as it was. Otherwise (`"close"`) the checkpoint goes with the room.
    pub keeps: bool,
    /// Names in `game.messages` and, with phases, the engine's own (`ready`, `start`, `done`); anything else is refused
    /// before Lua.
    pub messages: Vec<String>,
}

/// The same moment as `tick` where ticks come at another rate: the first one that is no earlier, so that time never goes
/// back. A room that goes on with another rate counts its ticks anew, and its seconds on.
pub fn at_rate(tick: Tick, from: u32, to: u32) -> Tick {
    if from == to || from == 0 {
        return tick;
    }
    Tick::try_from((u64::from(tick) * u64::from(to)).div_ceil(u64::from(from))).unwrap_or(Tick::MAX)
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
    /// Played by `game.bot`.
    pub bot: bool,
}

/// What a game says to somebody at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// With this kind: under `late = "spectate"` and `"next_round"` whoever comes late is a spectator.
    As(String),
    /// `late = "take_over"`: the seat of a player whose link was lost; a spectator where there is none.
    TakeOver,
    Refused(String),
}

/// Why a game goes on from a checkpoint; the script reads it as `restored(room, why)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The room had failed, had been kept, or the server had stopped.
    Checkpoint,
    /// A new version of the module.
    Reload,
}

impl Restored {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Reload => "reload",
        }
    }
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
    Message { to: Audience, name: String, data: Value },
    /// The value a message handler returned, for a call.
    Reply { to: PlayerNumber, call: u32, result: Result<Value, String> },
    /// Patches to a document, after the callbacks of a tick.
    Document { name: DocumentName, operations: Vec<Operation> },
    /// `player.role = …`
    Role { player: PlayerNumber, role: String },
    /// A spectator became a player, or the other way round.
    Kind { player: PlayerNumber, kind: String },
    /// The text is what the player is told: the script's words, or the reason's own.
    Kick { player: PlayerNumber, reason: CloseReason, text: String },
    /// `room:lock()` and `room:unlock()`: nobody new may enter.
    Lock(bool),
    /// `room.store:get`: the answer comes back through [`Game::answer`] with this number.
    StoreGet { request: u32, key: String },
    /// `room.store:set` and `room.store:delete`.
    StoreSet { key: String, value: Option<Value> },
    /// `room:close()`.
    Close,
    /// `room:log(…)` and script errors: already cut to a sane length.
    Log { level: LogLevel, text: String },
}

/// A script's text as one line of a log: nobody can write a line that looks like the server's own. The lines of a
/// traceback follow one another; other control characters are written as Rust would.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.trim_end().lines().enumerate() {
        if index > 0 {
            out.push_str(" | ");
        }
        for c in (if index > 0 { line.trim_start() } else { line }).chars() {
            match c {
                c if c.is_control() && c != '\t' => out.extend(c.escape_default()),
                // Others take these for the end of a line.
                '\u{2028}' | '\u{2029}' => out.extend(c.escape_unicode()),
                c => out.push(c),
            }
        }
    }
    out
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

    /// The script's whole state, taken between two ticks: entities, documents, memory, timers, phase, random numbers,
    /// seats. What cannot be kept (a function) is left out and told as an error in `effects`. A room that is restored
    /// from it goes on as this one does.
    fn checkpoint(&mut self, effects: &mut Effects) -> Result<Value, GameError>;
    /// Instead of `open`, on a fresh game, whose module may be another version. Seats stand as they were in the
    /// checkpoint; roles come as effects, documents with the next `collect`. Calls the script's `restored`.
    fn restore(
        &mut self,
        opening: &RoomOpening,
        checkpoint: &Value,
        why: Restored,
        effects: &mut Effects,
    ) -> Result<(), GameError>;

    /// `enter(room, player)`. The seat does not exist yet.
    fn enter(&mut self, seat: &Seat, effects: &mut Effects) -> Result<Admission, GameError>;
    /// A new seat. The player object exists from here until `leave`.
    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Result<(), GameError>;
    /// The link was lost; the seat waits.
    fn drop(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError>;
    /// The seat has a link again.
    fn back(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError>;
    /// Somebody else sits here from now on: `late = "take_over"`.
    fn rename(&mut self, player: PlayerNumber, name: &str, effects: &mut Effects) -> Result<(), GameError>;
    /// The seat is over. The game forgets the player afterwards, whatever the script says.
    fn leave(&mut self, player: PlayerNumber, reason: CloseReason, effects: &mut Effects) -> Result<(), GameError>;

    /// A reliable message of a name in `GameInfo::messages`. With `call`, one `Reply` follows: what the handler returns, or an
    /// error where it fails.
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
    /// One player's input of this tick, in the order of `Schema::inputs`, in real units (presses: a count). `seen` is the
    /// tick, with its fraction, that stood on the player's screen: what `room:seen(player)` shows.
    fn input(&mut self, player: PlayerNumber, input: &[f64], seen: f64, effects: &mut Effects)
    -> Result<(), GameError>;
    /// Asks `game.bot` what this player does, and does it.
    fn bot(&mut self, player: PlayerNumber, effects: &mut Effects) -> Result<(), GameError>;
    /// What the store says to [`Effect::StoreGet`]; None: there is nothing under this key.
    fn answer(&mut self, request: u32, value: Option<&Value>, effects: &mut Effects) -> Result<(), GameError>;
    fn tick(&mut self, effects: &mut Effects) -> Result<(), GameError>;
    /// After the callbacks: entities into `world` (cleared by the callee) and document changes into `effects`.
    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Result<(), GameError>;

    /// Bytes held by the script.
    fn memory_bytes(&self) -> usize;
    /// Of the callback that was stopped: CPU time from the end of its budget to its return.
    fn stop_overrun_us(&self) -> Micros {
        0
    }
    /// Values of declared fields that were outside their range so far, and so clamped on the wire.
    fn clamped(&self) -> u64;
}

/// Makes rooms of one module. Shared by all workers; `create` runs on a loader thread and may take its time.
pub trait GameFactory: Send + Sync {
    fn info(&self) -> &Arc<GameInfo>;
    /// What the module is written in, as path and text, where it is kept by version.
    fn sources(&self) -> Vec<(String, String)> {
        Vec::new()
    }
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

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_a_script_says_is_one_line() {
        assert_eq!(
            one_line("a\n2026-01-01 ERROR airboat::server: fake\r\u{1b}[2K"),
            "a | 2026-01-01 ERROR airboat::server: fake\\r\\u{1b}[2K"
        );
        assert_eq!(
            one_line("main.lua:3: no\nstack traceback:\n\tmain.lua:3: in go\n"),
            "main.lua:3: no | stack traceback: | main.lua:3: in go"
        );
        assert_eq!(one_line("x\ty\u{85}\u{2028}z"), "x\ty\\u{85}\\u{2028}z");
        assert_eq!(one_line(""), "");
    }
}
