//! Phases from Rust's side: what a module's table may say about them, checked, and the steps of a change, run one by one.

use mlua::{Table, Value};

use super::{
    declaration::{Checked, Reader, join, number},
    outbox,
    running::LuaGame,
};
use crate::game::{Effects, GameError, LogLevel};

/// Steps of all changes of phase after one callback: 8 changes in a room of 1,000 seats, each with a `missed` for
/// everybody and a change of kind.
const STEPS_MAX: usize = 20_000;
/// What a phase may hold.
const KEYS: &[&str] = &["start", "min", "seconds", "next", "done", "by_client", "enter", "leave", "missed"];
/// The engine's own messages in a module with phases.
const MESSAGES: &[&str] = &["done", "ready", "start"];
const LATE: &[&str] = &["play", "spectate", "next_round", "take_over"];
const PHASES_MAX: usize = 64;
/// A day.
const SECONDS_MAX: f64 = 86_400.0;

impl LuaGame {
    /// Changes of phase that the callback before has brought about. Each step is a callback of its own; what fails costs
    /// that step. Of several errors the first is answered and the others are told.
    pub(super) fn settled<T>(&mut self, before: Result<T, GameError>, effects: &mut Effects) -> Result<T, GameError> {
        if !self.vm.outbox.take_unsettled() || before.as_ref().is_err_and(GameError::is_fatal) {
            return before;
        }
        let mut result = before;
        for _ in 0..STEPS_MAX {
            match self.call::<bool>("phases", |e| Ok(&e.phase_step), (), effects) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) if result.is_ok() => result = Err(error),
                Err(error) => effects.push(outbox::log(LogLevel::Error, &error.to_string())),
            }
        }
        self.vm.outbox.take_unsettled();
        result
    }
}

impl Reader<'_> {
    /// Checks `phases` and `first_phase`. Whether there are any.
    pub(super) fn phases(&self, game: &Table, seats_most: u32) -> Checked<bool> {
        let table = match self.get(game, "phases")? {
            Value::Nil if self.get(game, "first_phase")?.is_nil() => return Ok(false),
            Value::Nil => return Err(self.fault("first_phase", "needs phases = {…}")),
            Value::Table(table) => table,
            _ => return Err(self.fault("phases", "is a table of phases")),
        };
        let phases = self.sorted(&table, "phases")?;
        if phases.is_empty() || phases.len() > PHASES_MAX {
            return Err(self.fault("phases", &format!("has 1 to {PHASES_MAX} phases")));
        }
        let names: Vec<&str> = phases.iter().map(|(name, _)| name.as_str()).collect();
        let first = match self.get(game, "first_phase")? {
            Value::String(name) => name.to_string_lossy(),
            _ => "lobby".to_owned(),
        };
        for (name, value) in &phases {
            let path = join("phases", name);
            let Value::Table(phase) = value else {
                return Err(self.fault(&path, "is a table, such as { seconds = 20 }"));
            };
            self.phase(phase, &path, &names, seats_most, *name == first)?;
        }
        match self.get(game, "first_phase")? {
            Value::Nil if names.contains(&"lobby") => {}
            Value::Nil => {
                return Err(self.fault("phases", "needs first_phase = \"…\" where no phase is called lobby"));
            }
            Value::String(name) => self.phase_named(&name.to_string_lossy(), "first_phase", &names)?,
            _ => return Err(self.fault("first_phase", "is the name of a phase")),
        }
        Ok(true)
    }

    fn phase(&self, phase: &Table, path: &str, names: &[&str], seats_most: u32, is_first: bool) -> Checked<()> {
        self.known_keys(phase, KEYS, path)?;
        for key in ["enter", "leave", "missed"] {
            if !matches!(self.get(phase, key)?, Value::Nil | Value::Function(_)) {
                return Err(self.fault(&join(path, key), "is a function"));
            }
        }
        let has = |key| self.get(phase, key).map(|value| !value.is_nil());
        match self.get(phase, "start")? {
            Value::Nil if has("min")? => {
                return Err(self.fault(&join(path, "min"), "needs start = \"host\" or \"all\""));
            }
            Value::Nil => {}
            Value::String(start) if ["host", "all"].contains(&start.to_string_lossy().as_str()) => {}
            _ => return Err(self.fault(&join(path, "start"), "is \"host\", \"all\" or left out")),
        }
        let min = self.get(phase, "min")?;
        let most = f64::from(seats_most);
        if !min.is_nil() && !number(&min).is_some_and(|min| min.fract() == 0.0 && min >= 1.0 && min <= most) {
            let text = format!("is a whole number from 1 to {seats_most}, the most seats");
            return Err(self.fault(&join(path, "min"), &text));
        }
        let seconds = self.get(phase, "seconds")?;
        if !seconds.is_nil() && !number(&seconds).is_some_and(|n| n > 0.0 && n <= SECONDS_MAX) {
            return Err(self.fault(&join(path, "seconds"), "is a number of seconds, up to a day"));
        }
        if has("missed")? && !(has("seconds")? && has("done")?) {
            return Err(self.fault(&join(path, "missed"), "needs seconds and done: who is not done when time runs out"));
        }
        self.barrier(phase, path)?;
        match self.get(phase, "next")? {
            // After any other the room goes back to the first.
            Value::Nil if is_first && (has("start")? || has("seconds")? || has("done")?) => {
                Err(self.fault(path, "needs next = \"…\": what follows when it ends"))
            }
            Value::Nil | Value::Function(_) => Ok(()),
            Value::String(name) => self.phase_named(&name.to_string_lossy(), &join(path, "next"), names),
            _ => Err(self.fault(&join(path, "next"), "is the name of a phase, or function(room) that returns one")),
        }
    }

    fn barrier(&self, phase: &Table, path: &str) -> Checked<()> {
        let done = self.get(phase, "done")?;
        let known = match &done {
            Value::Nil | Value::Function(_) => true,
            Value::String(who) => (1..=64).contains(&who.as_bytes().len()),
            _ => false,
        };
        if let Value::String(who) = &done
            && let Some(meant) = slip(&who.to_string_lossy())
        {
            return Err(
                self.fault(&join(path, "done"), &format!("did you mean \"{meant}\"? A role needs another name"))
            );
        }
        if !known {
            return Err(self.fault(&join(path, "done"), "is \"all\", \"host\", a role, or function(room, player)"));
        }
        match self.get(phase, "by_client")? {
            Value::Nil => Ok(()),
            Value::Boolean(_) if !done.is_nil() => Ok(()),
            Value::Boolean(_) => Err(self.fault(&join(path, "by_client"), "needs done")),
            _ => Err(self.fault(&join(path, "by_client"), "is true or false")),
        }
    }

    fn phase_named(&self, name: &str, path: &str, names: &[&str]) -> Checked<()> {
        if names.contains(&name) {
            return Ok(());
        }
        Err(self.fault(path, &format!("there is no phase {name}{}", self.hint(name, names))))
    }

    /// What becomes of those who come while the room is in play.
    pub(super) fn late(&self, game: &Table, has_phases: bool) -> Checked<()> {
        match self.one_of(game, "late", LATE)?.as_deref() {
            None | Some("play") => Ok(()),
            Some(_) if has_phases => Ok(()),
            Some(late) => {
                let text = format!("\"{late}\" needs phases: a room without them is always in play");
                Err(self.fault("late", &text))
            }
        }
    }

    /// The engine's messages join the module's.
    pub(super) fn add_engine_messages(&self, messages: &mut Vec<String>) -> Checked<()> {
        for &name in MESSAGES {
            if messages.iter().any(|message| message == name) {
                let text = "is the engine's own message in a module with phases; take another name";
                return Err(self.fault(&join("messages", name), text));
            }
            messages.push(name.to_owned());
        }
        messages.sort();
        Ok(())
    }
}

/// A `done` that would pass for a role nobody has: `all` or `host` with other capitals, in another order, or with a letter
/// too few.
fn slip(who: &str) -> Option<&'static str> {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.to_lowercase().chars().collect();
        letters.sort_unstable();
        letters
    };
    let short = |word: &str| (0..word.len()).any(|at| format!("{}{}", &word[..at], &word[at + 1..]) == who);
    ["all", "host"].into_iter().find(|word| *word != who && (sorted(word) == sorted(who) || short(word)))
}
