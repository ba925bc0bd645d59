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
/// Bytes of what a kicked player is told: a sentence on a page.
const KICK_TEXT_MAX: usize = 200;
/// Bytes of a message's name: it lies outside the VM's memory cap too.
const NAME_MAX: usize = 64;

const NOT_TEXT: &str = "the key is not UTF-8";

#[derive(Default)]
struct Inner {
    effects: Effects,
    /// Since the last tick began.
    count: usize,
    bytes: usize,
    /// Phases have something to settle when this callback is over.
    unsettled: bool,
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

    /// Whether phases have asked to be settled since the last call.
    pub fn take_unsettled(&self) -> bool {
        std::mem::take(&mut self.lock().unsettled)
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

    /// Answers what is wrong, if anything is.
    fn store(&self, effect: Effect, bytes: usize) -> Option<String> {
        (!self.push(effect, bytes)).then(|| format!("more than {EFFECT_BYTES_MAX} bytes in one tick"))
    }

    /// The `host` table of the prelude. What is wrong comes back as text and is raised there, with the module's line.
    /// Nothing in here may answer with an `Err` or fail to convert an argument: mlua would make a userdata with a
    /// finaliser of it, and the watchdog's hook does not go together with those.
    pub fn host(&self, lua: &Lua, marks: &Marks) -> mlua::Result<Table> {
        let host = lua.create_table()?;
        let (outbox, known) = (self.clone(), marks.clone());
        let message = move |lua: &Lua, (to, name, data): (PlayerNumber, LuaString, mlua::Value)| {
            if name.as_bytes().len() > NAME_MAX {
                return Ok(Some(format!("a message's name has at most {NAME_MAX} bytes")));
            }
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
            outbox.push(log(LogLevel::Info, &beginning(&text)), 0);
            Ok(())
        };
        host.set("log", lua.create_function(log_line)?)?;

        let outbox = self.clone();
        let kick = move |_: &Lua, (player, reason): (PlayerNumber, Option<LuaString>)| {
            let mut text = CloseReason::Kicked.text().to_owned();
            if let Some(reason) = reason {
                let reason = beginning(&reason);
                outbox.push(log(LogLevel::Info, &format!("player {player} kicked: {reason}")), 0);
                text = cut(&reason, KICK_TEXT_MAX).to_owned();
            }
            outbox.push(Effect::Kick { player, reason: CloseReason::Kicked, text }, 0);
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
        let kind = move |_: &Lua, (player, kind): (PlayerNumber, LuaString)| {
            outbox.push(Effect::Kind { player, kind: kind.to_string_lossy() }, 0);
            Ok(())
        };
        host.set("kind", lua.create_function(kind)?)?;

        let outbox = self.clone();
        let settle = move |_: &Lua, ()| {
            outbox.lock().unsettled = true;
            Ok(())
        };
        host.set("settle", lua.create_function(settle)?)?;

        let outbox = self.clone();
        let store_get = move |_: &Lua, (request, key): (u32, LuaString)| {
            let Ok(key) = key.to_str().map(|key| key.to_owned()) else { return Ok(Some(NOT_TEXT.to_owned())) };
            Ok(outbox.store(Effect::StoreGet { request, key }, 0))
        };
        host.set("store_get", lua.create_function(store_get)?)?;

        let (outbox, known) = (self.clone(), marks.clone());
        let store_set = move |lua: &Lua, (key, value): (LuaString, mlua::Value)| {
            let Ok(key) = key.to_str().map(|key| key.to_owned()) else { return Ok(Some(NOT_TEXT.to_owned())) };
            let mut measure = Measure::default();
            let value = match value {
                mlua::Value::Nil => None,
                value => match known.read(lua, value, &mut measure)? {
                    Ok(value) => Some(value),
                    Err(problem) => return Ok(Some(problem)),
                },
            };
            Ok(outbox.store(Effect::StoreSet { key, value }, measure.bytes()))
        };
        host.set("store_set", lua.create_function(store_set)?)?;

        // The engine's own complaints.
        let outbox = self.clone();
        let error = move |_: &Lua, text: LuaString| {
            outbox.push(log(LogLevel::Error, &text.to_string_lossy()), 0);
            Ok(())
        };
        host.set("error", lua.create_function(error)?)?;

        let outbox = self.clone();
        let lock = move |_: &Lua, locked: bool| {
            outbox.push(Effect::Lock(locked), 0);
            Ok(())
        };
        host.set("lock", lua.create_function(lock)?)?;

        let outbox = self.clone();
        let close = move |_: &Lua, ()| {
            outbox.push(Effect::Close, 0);
            Ok(())
        };
        host.set("close", lua.create_function(close)?)?;
        Ok(host)
    }
}

/// As much of a text as a log line can show: the rest may be megabytes, and copying them takes its time outside Lua.
fn beginning(text: &LuaString) -> String {
    let bytes = text.as_bytes();
    String::from_utf8_lossy(&bytes[..bytes.len().min(LOG_MAX)]).into_owned()
}

/// A log effect of a sane length.
pub(super) fn log(level: LogLevel, text: &str) -> Effect {
    Effect::Log { level, text: cut(text, LOG_MAX).to_owned() }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
