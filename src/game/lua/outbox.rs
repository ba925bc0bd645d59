//! What a script asks for while a callback runs: the functions that the prelude calls, and the effects they leave.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlua::{Lua, LuaString, Table};

use super::{documents::Marks, measure::Measure};
use crate::{
    game::{Audience, Effect, Effects, LogLevel},
    protocol::{CloseReason, PlayerNumber},
};

/// Messages, logs and the rest of one tick; more is a script gone wild.
pub(super) const EFFECTS_MAX: usize = 1_024;
/// Bytes of message data of one tick; it lies outside the VM's memory cap.
pub(super) const EFFECT_BYTES_MAX: usize = 1 << 20;
/// A log line is cut here.
pub(super) const LOG_MAX: usize = 2_000;

#[derive(Default)]
struct Inner {
    effects: Effects,
    /// Since the last tick began.
    count: usize,
    bytes: usize,
}

/// Shared between a game and the functions in its VM.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Inner>>);

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn drain(&self, effects: &mut Effects) {
        effects.append(&mut self.lock().effects);
    }

    /// A new tick: the limits start over.
    pub fn begin(&self) {
        let mut inner = self.lock();
        inner.count = 0;
        inner.bytes = 0;
    }

    /// False when the tick's limit is reached; the effect is dropped then. What is not chatter has room of its own.
    fn push(&self, effect: Effect, bytes: usize) -> bool {
        let mut inner = self.lock();
        let chatter = matches!(effect, Effect::Message { .. } | Effect::Log { .. });
        let count_max = if chatter { EFFECTS_MAX } else { 2 * EFFECTS_MAX };
        if inner.count >= count_max || inner.bytes + bytes > EFFECT_BYTES_MAX {
            return false;
        }
        inner.count += 1;
        inner.bytes += bytes;
        inner.effects.push(effect);
        true
    }

    /// The `host` table of the prelude. What is wrong comes back as text and is raised there, with the module's line.
    /// Nothing in here may answer with an `Err` or fail to convert an argument: mlua would make a userdata with a
    /// finaliser of it, and the watchdog's hook does not go together with those.
    pub fn host(&self, lua: &Lua, marks: &Marks) -> mlua::Result<Table> {
        let host = lua.create_table()?;
        let (outbox, known) = (self.clone(), marks.clone());
        let message = move |lua: &Lua, (to, name, data): (PlayerNumber, LuaString, mlua::Value)| {
            let name = name.to_string_lossy();
            let mut measure = Measure::default();
            let data = match known.read(lua, data, &mut measure)? {
                Ok(data) => data,
                Err(problem) => return Ok(Some(format!("message {name}: {problem}"))),
            };
            let to = if to == 0 { Audience::Room } else { Audience::Player(to) };
            let sent = outbox.push(Effect::Message { to, name, data }, measure.bytes());
            Ok((!sent).then(|| format!("more than {EFFECTS_MAX} messages or {EFFECT_BYTES_MAX} bytes in one tick")))
        };
        host.set("message", lua.create_function(message)?)?;

        let outbox = self.clone();
        let log_line = move |_: &Lua, text: LuaString| {
            outbox.push(log(LogLevel::Info, &text.to_string_lossy()), 0);
            Ok(())
        };
        host.set("log", lua.create_function(log_line)?)?;

        let outbox = self.clone();
        let kick = move |_: &Lua, (player, reason): (PlayerNumber, Option<LuaString>)| {
            if let Some(reason) = reason {
                outbox.push(log(LogLevel::Info, &format!("player {player} kicked: {}", reason.to_string_lossy())), 0);
            }
            outbox.push(Effect::Kick { player, reason: CloseReason::Kicked }, 0);
            Ok(())
        };
        host.set("kick", lua.create_function(kick)?)?;

        let outbox = self.clone();
        let role = move |_: &Lua, (player, role): (PlayerNumber, LuaString)| {
            let role = role.to_string_lossy();
            outbox.push(Effect::Role { player, role }, 0);
            Ok(())
        };
        host.set("role", lua.create_function(role)?)?;

        let outbox = self.clone();
        let close = move |_: &Lua, ()| {
            outbox.push(Effect::Close, 0);
            Ok(())
        };
        host.set("close", lua.create_function(close)?)?;
        Ok(host)
    }
}

/// A log effect of a sane length.
pub(super) fn log(level: LogLevel, text: &str) -> Effect {
    let mut end = text.len().min(LOG_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Effect::Log { level, text: text[..end].to_owned() }
}
