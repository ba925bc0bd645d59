//! Lua tables to [`Value`]s: whole (messages, answers) and by difference against a shadow (documents).
//!
//! A document is walked once after the callbacks with raw `lua_next`; what differs from the shadow becomes set and
//! delete operations by path. Nothing in here runs script code, allocates in the VM or raises: metatables are looked up,
//! never called.
#![allow(unsafe_code, reason = "tables are walked on the raw Lua stack")]

use std::{collections::BTreeMap, os::raw::c_int};

use mlua::{Lua, Table, ffi};

use super::{
    measure::{BYTES_MAX, Fault, LEAVES_MAX, Measure, key_bytes},
    quiet::Quiet,
    salvage::{Found, Shadow},
};
use crate::protocol::{Key, Value, document::Operation, value::DEPTH_MAX};

/// Stack slots a walk takes for each level (key, value, metatable, scratch), and some to spare.
const STACK: c_int = (DEPTH_MAX as c_int + 2) * 4 + 8;

/// The prelude's table of what tables stand for: entity → id, player → −number, metatable of the despawned → true,
/// metatable of `list` → false.
#[derive(Clone)]
pub struct Marks(pub Table);

/// Stack indices within a walk: the marks, the value that is read or the list of documents, the document.
const MARKS: c_int = 1;
const ROOT: c_int = 2;
pub(super) const DOCUMENT: c_int = 3;

impl Marks {
    /// A deep copy. The outer error is the VM's (memory), the inner one names the path that cannot be copied.
    pub fn read(&self, lua: &Lua, value: mlua::Value, measure: &mut Measure) -> mlua::Result<Result<Value, String>> {
        let mut result = Ok(None);
        // SAFETY: `read` keeps to the stack slots it checked for and raises nothing, so no Rust frame is skipped.
        unsafe {
            lua.exec_raw::<()>((&self.0, value), |state| {
                result = match ffi::lua_checkstack(state, STACK) {
                    0 => Err(Fault::new("no stack left")),
                    _ => read(state, ROOT, measure, 0),
                };
                ffi::lua_settop(state, 0);
            })
        }?;
        Ok(result.map(Option::unwrap_or_default).map_err(|fault| fault.describe("data")))
    }

    /// Walks the tables in the list `tables` against their shadows, in one entry into the VM. `each` gets, by position
    /// from 0, how much was read, and what turns a shadow into its table as far as it can be copied, or why nothing can.
    pub fn diff<'a>(
        &self,
        lua: &Lua,
        tables: &Table,
        shadows: impl Iterator<Item = Shadow<'a>>,
        quiet: &mut Quiet,
        mut each: impl FnMut(usize, Measure, Result<Found, Fault>),
    ) -> mlua::Result<()> {
        quiet.begin();
        // SAFETY: as in `read`; `each` does not touch the VM.
        unsafe {
            lua.exec_raw::<()>((&self.0, tables), |state| {
                let there_is_room = ffi::lua_checkstack(state, STACK) != 0;
                for (position, shadow) in shadows.enumerate() {
                    ffi::lua_rawgeti(state, ROOT, position as ffi::lua_Integer + 1);
                    let mut measure = Measure::within(shadow.bytes_max.min(BYTES_MAX), LEAVES_MAX);
                    let (path, operations) = (Vec::new(), Vec::new());
                    let walk = Walk { state, measure: &mut measure, quiet, path, operations, paths: 0 };
                    let result = if there_is_room { walk.root(&shadow) } else { Err(Fault::new("no stack left")) };
                    ffi::lua_settop(state, ROOT);
                    each(position, measure, result);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }
}

pub(super) type State = *mut ffi::lua_State;

enum Shape {
    /// Elements 1 to n and nothing else.
    List(c_int),
    Map,
    /// An entity or player.
    Reference(Value),
    /// A despawned entity or a player who left.
    Gone,
}

/// What the table at `index` stands for.
unsafe fn shape(state: State, index: c_int) -> Result<Shape, Fault> {
    // SAFETY: `index` is an absolute index of a table, the stack has been checked for three
    // more slots, raw access to a table neither raises nor allocates, and all pushed values are popped again.
    unsafe {
        let mut list = false;
        if ffi::lua_getmetatable(state, index) != 0 {
            ffi::lua_pushvalue(state, index);
            ffi::lua_rawget(state, MARKS);
            ffi::lua_pushvalue(state, -2);
            ffi::lua_rawget(state, MARKS);
            let (object, meta) = (ffi::lua_type(state, -2), ffi::lua_type(state, -1));
            let (number, flag) = (ffi::lua_tonumber(state, -2), ffi::lua_toboolean(state, -1) != 0);
            ffi::lua_pop(state, 3);
            match (object, meta) {
                (ffi::LUA_TNUMBER, _) if number > 0.0 => return Ok(Shape::Reference(Value::Entity(number as u32))),
                (ffi::LUA_TNUMBER, _) => return Ok(Shape::Reference(Value::Player(-number as u32))),
                (ffi::LUA_TBOOLEAN, _) => return Ok(Shape::Gone),
                (_, ffi::LUA_TBOOLEAN) if flag => return Ok(Shape::Gone),
                (_, ffi::LUA_TBOOLEAN) => list = true,
                _ => return Err(Fault::new("a table with a metatable can not be copied")),
            }
        }
        let border = ffi::lua_objlen(state, index);
        if border == 0 && !list {
            return Ok(Shape::Map);
        }
        let mut count = 0;
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, index) != 0 {
            ffi::lua_pop(state, 1);
            count += 1;
            if ffi::lua_type(state, -1) != ffi::LUA_TNUMBER {
                ffi::lua_pop(state, 1);
                return Ok(Shape::Map);
            }
            let key = ffi::lua_tonumber(state, -1);
            if key.fract() != 0.0 || key < 1.0 || key > border as f64 {
                ffi::lua_pop(state, 1);
                return Err(bad_key(key));
            }
        }
        if count != border { Err(Fault::new("a list with a hole in it")) } else { Ok(Shape::List(count as c_int)) }
    }
}

fn bad_key(key: f64) -> Fault {
    Fault::new(format!("the key {key}: keys are strings, or exactly 1 to n; use tostring({key})"))
}

/// The string at `index`. Never a number: those would be converted in place.
pub(super) unsafe fn text<'a>(state: State, index: c_int) -> &'a [u8] {
    // SAFETY: the value at `index` is a string, which stays on the stack while the slice is used by the callers here.
    unsafe {
        let mut length = 0;
        let bytes = ffi::lua_tolstring(state, index, &raw mut length);
        std::slice::from_raw_parts(bytes.cast(), length)
    }
}

/// The key at the top but one, into `key`, whose memory is used again.
pub(super) unsafe fn read_key(state: State, key: &mut String, measure: &mut Measure) -> Result<(), Fault> {
    // SAFETY: lua_next has left a key at -2.
    unsafe {
        match ffi::lua_type(state, -2) {
            ffi::LUA_TSTRING => {
                let bytes = text(state, -2);
                let name = std::str::from_utf8(bytes).map_err(|_| Fault::new("a key that is not UTF-8"))?;
                key.clear();
                key.push_str(name);
                measure.add(bytes.len() + 5)
            }
            ffi::LUA_TNUMBER => Err(bad_key(ffi::lua_tonumber(state, -2))),
            _ => Err(Fault::new("a key that is neither a string nor 1 to n")),
        }
    }
}

/// What is no table. None for nil.
unsafe fn scalar(state: State, index: c_int, measure: &mut Measure) -> Result<Option<Value>, Fault> {
    // SAFETY: `index` is an absolute index within the stack.
    unsafe {
        Ok(Some(match ffi::lua_type(state, index) {
            ffi::LUA_TNIL | ffi::LUA_TNONE => return Ok(None),
            ffi::LUA_TBOOLEAN => {
                measure.leaf(1)?;
                Value::Bool(ffi::lua_toboolean(state, index) != 0)
            }
            ffi::LUA_TNUMBER => {
                measure.leaf(9)?;
                Value::Number(ffi::lua_tonumber(state, index))
            }
            ffi::LUA_TSTRING => {
                let bytes = text(state, index);
                measure.leaf(bytes.len() + 5)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(_) => Value::Bytes(bytes.to_vec()),
                }
            }
            other => {
                let name = std::ffi::CStr::from_ptr(ffi::lua_typename(state, other)).to_string_lossy();
                return Err(Fault::new(format!("a {name} can not be copied")));
            }
        }))
    }
}

/// The whole value at `index`, an absolute one. None where it is nil or stands for something gone.
pub(super) unsafe fn read(
    state: State,
    index: c_int,
    measure: &mut Measure,
    depth: usize,
) -> Result<Option<Value>, Fault> {
    // SAFETY: the stack was checked for every level up to the depth limit; each level pops what it pushed, except on
    // errors, after which the whole stack is dropped.
    unsafe {
        check_depth(depth)?;
        if ffi::lua_type(state, index) != ffi::LUA_TTABLE {
            return scalar(state, index, measure);
        }
        let shape = shape(state, index)?;
        measure.add(5)?;
        Ok(Some(match shape {
            Shape::Gone => return Ok(None),
            Shape::Reference(value) => {
                measure.leaf(6)?;
                value
            }
            Shape::List(length) => {
                let mut items = Vec::with_capacity(length as usize);
                for i in 1..=length {
                    ffi::lua_rawgeti(state, index, i.into());
                    let top = ffi::lua_gettop(state);
                    let item = read(state, top, measure, depth + 1).map_err(|f| f.under(&Key::Index(i.into())))?;
                    items.push(item.unwrap_or_default());
                    ffi::lua_pop(state, 1);
                }
                Value::List(items)
            }
            Shape::Map => {
                let (mut map, mut key) = (BTreeMap::new(), String::new());
                ffi::lua_pushnil(state);
                while ffi::lua_next(state, index) != 0 {
                    read_key(state, &mut key, measure)?;
                    let top = ffi::lua_gettop(state);
                    let item = read(state, top, measure, depth + 1).map_err(|f| f.under(&Key::Name(key.clone())))?;
                    if let Some(item) = item {
                        map.insert(Key::Name(key.clone()), item);
                    }
                    ffi::lua_pop(state, 1);
                }
                Value::Map(map)
            }
        }))
    }
}

fn check_depth(depth: usize) -> Result<(), Fault> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    Err(Fault::new(format!("nested deeper than {DEPTH_MAX}, or in a circle")))
}

/// One walk of a document against its shadow.
pub(super) struct Walk<'a> {
    pub state: State,
    pub measure: &'a mut Measure,
    pub quiet: &'a mut Quiet,
    pub path: Vec<Key>,
    pub operations: Vec<Operation>,
    /// Bytes of their paths.
    pub paths: usize,
}

impl Walk<'_> {
    fn set(&mut self, value: Value) {
        self.operation(self.path.clone(), Some(value));
    }

    pub(super) fn delete(&mut self, key: Key) {
        let path = self.path.iter().cloned().chain([key]).collect();
        self.operation(path, None);
    }

    fn operation(&mut self, path: Vec<Key>, value: Option<Value>) {
        self.paths += path.iter().map(key_bytes).sum::<usize>();
        self.operations.push(Operation { path, value });
    }

    /// Compares the value at `index` with the shadow's at the same path (None: there is none). Answers whether there
    /// is anything at all; what has gone is deleted by the caller, who knows whether it was in a list.
    pub(super) unsafe fn value(&mut self, index: c_int, shadow: Option<&Value>) -> Result<bool, Fault> {
        check_depth(self.path.len())?;
        // SAFETY: as in `read`.
        unsafe {
            let state = self.state;
            if ffi::lua_type(state, index) != ffi::LUA_TTABLE {
                return self.scalar(index, shadow);
            }
            let table = ffi::lua_topointer(state, index) as usize;
            let place = shadow.map_or(0, |shadow| std::ptr::from_ref(shadow) as usize);
            if matches!(shadow, Some(Value::Map(_) | Value::List(_)))
                && let Some(size) = self.quiet.pass_over(table, place)
            {
                self.measure.pass(size)?;
                return Ok(true);
            }
            let (before, operations) = (*self.measure, self.operations.len());
            match (shape(state, index)?, shadow) {
                (Shape::Map, Some(Value::Map(map))) => self.map(index, map)?,
                (Shape::List(length), Some(Value::List(list))) => self.list(index, length, list)?,
                (Shape::Gone, _) => return Ok(false),
                _ => {
                    let value = read(state, index, self.measure, self.path.len())?.unwrap_or_default();
                    if shadow != Some(&value) {
                        self.set(value);
                    }
                }
            }
            self.quiet.walked(table, place, self.measure.since(before), self.operations.len() != operations);
            Ok(true)
        }
    }

    /// Whether the value at `index` is no table and is what the shadow says: most are, and need no path then.
    unsafe fn same(&mut self, index: c_int, shadow: Option<&Value>) -> Result<bool, Fault> {
        // SAFETY: as in `read`.
        unsafe {
            let state = self.state;
            let (same, bytes) = match (ffi::lua_type(state, index), shadow) {
                (ffi::LUA_TNUMBER, Some(Value::Number(old))) => (ffi::lua_tonumber(state, index) == *old, 9),
                (ffi::LUA_TBOOLEAN, Some(Value::Bool(old))) => ((ffi::lua_toboolean(state, index) != 0) == *old, 1),
                (ffi::LUA_TSTRING, Some(Value::Text(old))) => (text(state, index) == old.as_bytes(), old.len() + 5),
                _ => return Ok(false),
            };
            if same {
                self.measure.leaf(bytes)?;
            }
            Ok(same)
        }
    }

    /// Most leaves have not changed: compare first, copy only what has.
    unsafe fn scalar(&mut self, index: c_int, shadow: Option<&Value>) -> Result<bool, Fault> {
        // SAFETY: as in `read`.
        unsafe {
            match (ffi::lua_type(self.state, index), shadow) {
                (ffi::LUA_TNUMBER, Some(Value::Number(old))) => {
                    self.measure.leaf(9)?;
                    let new = ffi::lua_tonumber(self.state, index);
                    if new != *old && !(new.is_nan() && old.is_nan()) {
                        self.set(Value::Number(new));
                    }
                }
                (ffi::LUA_TSTRING, Some(Value::Text(old))) if text(self.state, index) == old.as_bytes() => {
                    self.measure.leaf(old.len() + 5)?;
                }
                (_, shadow) => match scalar(self.state, index, self.measure)? {
                    None => return Ok(false),
                    Some(value) if shadow != Some(&value) => self.set(value),
                    Some(_) => {}
                },
            }
            Ok(true)
        }
    }

    unsafe fn map(&mut self, index: c_int, shadow: &BTreeMap<Key, Value>) -> Result<(), Fault> {
        self.measure.add(5)?;
        let state = self.state;
        let mut known = 0;
        // One key, used for every look-up; it is only copied where something changed below it.
        let mut name = String::new();
        // SAFETY: as in `read`.
        unsafe {
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, index) != 0 {
                read_key(state, &mut name, self.measure)?;
                let key = Key::Name(name);
                let old = shadow.get(&key);
                let top = ffi::lua_gettop(state);
                self.path.push(key);
                let there = match self.same(top, old) {
                    Ok(false) => self.value(top, old),
                    same => same,
                };
                let key = self.path.pop().unwrap_or(Key::Index(0));
                if there.map_err(|fault| fault.under(&key))? && old.is_some() {
                    known += 1;
                }
                name = match key {
                    Key::Name(name) => name,
                    Key::Index(_) => String::new(),
                };
                ffi::lua_pop(state, 1);
            }
            if known == shadow.len() {
                return Ok(());
            }
            // Something has gone: ask for every key of the shadow. lua_next may not be mixed with new strings being
            // interned, so the names that are there are collected by a second walk.
            let mut there = std::collections::HashSet::new();
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, index) != 0 {
                let top = ffi::lua_gettop(state);
                let gone = ffi::lua_type(state, top) == ffi::LUA_TTABLE && matches!(shape(state, top)?, Shape::Gone);
                if !gone && let Ok(name) = std::str::from_utf8(text(state, -2)) {
                    there.insert(name.to_owned());
                }
                ffi::lua_pop(state, 1);
            }
            let gone = |key: &&Key| !matches!(key, Key::Name(name) if there.contains(name));
            shadow.keys().filter(gone).for_each(|key| self.delete(key.clone()));
        }
        Ok(())
    }

    unsafe fn list(&mut self, index: c_int, length: c_int, shadow: &[Value]) -> Result<(), Fault> {
        self.measure.add(5)?;
        // SAFETY: as in `read`.
        unsafe {
            for i in 1..=length {
                let key = Key::Index(i.into());
                ffi::lua_rawgeti(self.state, index, i.into());
                let old = shadow.get(i as usize - 1);
                let top = ffi::lua_gettop(self.state);
                if self.same(top, old).map_err(|fault| fault.under(&key))? {
                    ffi::lua_pop(self.state, 1);
                    continue;
                }
                self.path.push(key.clone());
                let there = self.value(top, old).map_err(|fault| fault.under(&key))?;
                if !there && old != Some(&Value::Nil) {
                    self.set(Value::Nil);
                }
                self.path.pop();
                ffi::lua_pop(self.state, 1);
            }
        }
        // A list shrinks from its end.
        for i in (length as usize + 1..=shadow.len()).rev() {
            self.delete(Key::Index(i as i64));
        }
        Ok(())
    }
}
