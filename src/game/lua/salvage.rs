//! A document as a whole: what a walk of it comes to, and what becomes of one in which something cannot be copied, or for
//! which there is no room. Each key of its top level that is in order goes out, each other one stays as it was last sent.
#![allow(unsafe_code, reason = "tables are walked on the raw Lua stack")]

use std::collections::{BTreeMap, HashSet};

use mlua::ffi;

use super::{
    documents::{DOCUMENT, Walk, read, read_key},
    measure::{BYTES_MAX, Fault, LEAVES_MAX, Measure, key_bytes},
};
use crate::protocol::{Key, Value, document::Operation};

/// With more operations than this a document is sent whole: paths would cost more than they save. So it is where the paths
/// have this many bytes and more than the document, which keys as long as a text can do.
const OPERATIONS_MAX: usize = 512;
const PATHS_BYTES_MAX: usize = 4_096;
/// A key that does not fit is measured as far as this many times the limits, for what is said about it.
const MEASURED: usize = 16;

/// A document as it was last told, and how a walk is to take it.
pub struct Shadow<'a> {
    pub value: &'a Value,
    /// The key that the engine writes: it is in nobody else's way, and nothing is in its.
    pub own: Option<&'static str>,
    /// How large it may be now, and what else that is for.
    pub bytes_max: usize,
    pub shared: &'a str,
    /// Whether it is told what is wrong; to measure that costs something.
    pub tells: bool,
}

/// What a walk has found.
pub struct Found {
    pub operations: Vec<Operation>,
    /// Why the first of the keys stays as it was that do, and how many others there are.
    pub problem: Option<Fault>,
    pub more: usize,
}

/// What is left for keys that grow, or are new.
struct Left {
    bytes: usize,
    leaves: usize,
}

impl Left {
    fn after(shadow: &Shadow<'_>, old: &BTreeMap<Key, Value>, there: &HashSet<String>) -> Self {
        let (mut bytes, mut leaves) = (5, 0);
        for (key, value) in old {
            if matches!(key, Key::Name(name) if there.contains(name) && shadow.own != Some(name)) {
                let size = Measure::of(value);
                (bytes, leaves) = (bytes + key_bytes(key) + size.bytes(), leaves + size.leaves());
            }
        }
        let most = shadow.bytes_max.min(BYTES_MAX);
        Self { bytes: most.saturating_sub(bytes), leaves: LEAVES_MAX.saturating_sub(leaves) }
    }

    /// For one key, which may also take what it has.
    fn with(&self, key: &Key, old: Option<&Value>) -> Measure {
        let had = old.map(Measure::of);
        let bytes = had.map_or(0, |had| key_bytes(key) + had.bytes());
        Measure::within(self.bytes + bytes, self.leaves + had.map_or(0, Measure::leaves))
    }
}

impl Walk<'_> {
    pub(super) fn root(mut self, shadow: &Shadow<'_>) -> Result<Found, Fault> {
        // SAFETY: the document's table stands there.
        if let Err(fault) = unsafe { self.value(DOCUMENT, Some(shadow.value)) } {
            // SAFETY: as above.
            return unsafe { self.salvage(shadow, fault) };
        }
        let operations = self.finished(shadow.value)?;
        Ok(Found { operations, problem: None, more: 0 })
    }

    /// The operations, or one that sets the whole where that is less.
    fn finished(self, shadow: &Value) -> Result<Vec<Operation>, Fault> {
        if self.operations.len() <= OPERATIONS_MAX && self.paths <= self.measure.bytes().max(PATHS_BYTES_MAX) {
            return Ok(self.operations);
        }
        let mut whole = shadow.clone();
        for operation in &self.operations {
            operation.apply(&mut whole).map_err(|_| Fault::new("its changes do not fit together"))?;
        }
        Ok(vec![Operation::whole(whole)])
    }

    /// After a walk that failed with `fault`. Fails with the same where there are no keys to tell apart.
    unsafe fn salvage(mut self, shadow: &Shadow<'_>, fault: Fault) -> Result<Found, Fault> {
        let Value::Map(old) = shadow.value else { return Err(fault) };
        // SAFETY: the document's table stands at DOCUMENT, and the stack has been checked.
        let Some(there) = (unsafe { self.names() }) else { return Err(fault) };
        let mut left = Left::after(shadow, old, &there);
        self.operations.clear();
        let (mut problem, mut more, mut walked) = (None, 0, Measure::within(usize::MAX, usize::MAX));
        let state = self.state;
        let mut name = String::new();
        // SAFETY: as in `value`; what a failed walk left on the stack goes before the next key is asked for.
        unsafe {
            ffi::lua_settop(state, DOCUMENT);
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, DOCUMENT) != 0 {
                let top = ffi::lua_gettop(state);
                let named = read_key(state, &mut name, &mut Measure::default());
                let result = match named {
                    Err(fault) => Err(fault),
                    Ok(()) => self.one(top, &name, shadow, old, &mut left, &mut walked),
                };
                if let Err(fault) = result {
                    more += usize::from(problem.is_some());
                    problem.get_or_insert(fault);
                }
                ffi::lua_settop(state, top - 1);
            }
        }
        for key in old.keys().filter(|key| !matches!(key, Key::Name(name) if there.contains(name))) {
            self.delete(key.clone());
        }
        *self.measure = walked;
        Ok(Found { operations: self.finished(shadow.value)?, problem, more })
    }

    /// The names of all that is there. None where the table is none with names.
    unsafe fn names(&mut self) -> Option<HashSet<String>> {
        let (mut names, mut name) = (HashSet::new(), String::new());
        let state = self.state;
        // SAFETY: as in `value`.
        unsafe {
            ffi::lua_settop(state, DOCUMENT);
            if ffi::lua_getmetatable(state, DOCUMENT) != 0 {
                ffi::lua_settop(state, DOCUMENT);
                return None;
            }
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, DOCUMENT) != 0 {
                if read_key(state, &mut name, &mut Measure::default()).is_ok() {
                    names.insert(name.clone());
                }
                ffi::lua_pop(state, 1);
            }
        }
        (!names.is_empty()).then_some(names)
    }

    /// The key `name`, whose value stands at `top`.
    unsafe fn one(
        &mut self,
        top: i32,
        name: &str,
        shadow: &Shadow<'_>,
        old: &BTreeMap<Key, Value>,
        left: &mut Left,
        walked: &mut Measure,
    ) -> Result<(), Fault> {
        let key = Key::from(name);
        let is_own = shadow.own == Some(name);
        let had = old.get(&key);
        let allowed = if is_own { Measure::default() } else { left.with(&key, had) };
        *self.measure = allowed;
        let operations = self.operations.len();
        self.path = vec![key.clone()];
        // SAFETY: as in `value`.
        let result = self.measure.add(key_bytes(&key)).and_then(|()| unsafe { self.value(top, had) });
        self.path.clear();
        walked.note(*self.measure);
        match result {
            Ok(is_there) => {
                if !is_own {
                    (left.bytes, left.leaves) = self.measure.rest();
                }
                if !is_there && had.is_some() {
                    self.delete(key);
                }
                Ok(())
            }
            Err(fault) => {
                self.operations.truncate(operations);
                if !fault.is_large() || !shadow.tells {
                    return Err(fault.under(&key));
                }
                let mut size = Measure::within(MEASURED * BYTES_MAX, MEASURED * LEAVES_MAX);
                // SAFETY: as in `value`; the copy is dropped.
                let more = match unsafe { read(self.state, top, &mut size, 1) } {
                    Ok(_) => "",
                    Err(fault) if fault.is_large() => "more than ",
                    Err(fault) => return Err(fault.under(&key)),
                };
                Err(too_large(more, size, shadow).under(&key))
            }
        }
    }
}

/// What is said of a key for which there is no room.
fn too_large(more: &str, size: Measure, shadow: &Shadow<'_>) -> Fault {
    let (leaves, bytes) = (size.leaves(), size.bytes());
    let is_shared = shadow.bytes_max < BYTES_MAX && leaves <= LEAVES_MAX;
    let limit = if is_shared {
        format!("and {}", shadow.shared)
    } else {
        format!(
            "and one document holds at most {LEAVES_MAX} values and {} kB: many numbers fit into one string, or stay in \
             memory while clients hear of them in messages",
            BYTES_MAX / 1024
        )
    };
    Fault::large(format!("does not fit: it has {more}{leaves} values, {bytes} bytes, {limit}"))
}
