//! A room's whole state out of its VM, as one [`Value`].
//!
//! Unlike a document, a checkpoint takes what it can: what cannot be kept is left out and named, the rest is kept. So
//! tables may have whole numbers as keys in any order; a table made by `list` is a map of 1 to n where it is not empty,
//! which no other table becomes; a despawned entity is entity 0, so that scripts find it as dead as before.
#![allow(unsafe_code, reason = "tables are walked on the raw Lua stack")]

use std::{
    collections::{BTreeMap, BTreeSet},
    os::raw::{c_int, c_void},
};

use mlua::{Lua, Table, ffi};

use super::{
    RoomLimits,
    documents::{Marks, State, text},
};
use crate::protocol::{EntityId, Key, PlayerNumber, Value, value::DEPTH_MAX};

/// A document's depth and what a checkpoint has around it: its own map, a list, an element, its part.
const CHECKPOINT_DEPTH_MAX: usize = DEPTH_MAX + 4;
/// For decoders: with what a room puts around it.
pub const DECODE_DEPTH_MAX: usize = CHECKPOINT_DEPTH_MAX + 4;
/// Stack slots a walk takes for each level (key, value, metatable, scratch), and some to spare.
const STACK: c_int = (CHECKPOINT_DEPTH_MAX as c_int + 2) * 4 + 8;
/// Places of which it is told that something in them can not be saved; further ones are left out in silence.
pub(super) const TOLD_MAX: usize = 64;
/// A place is described before it is known to be told already; so it counts as this many values.
const LEFT_OUT_LEAVES: usize = 16;
/// On every entity by itself, and so in no checkpoint's `fields`.
const OWN: [&str; 7] = ["id", "class", "alive", "owner", "velocity", "life", "despawn"];

/// Stack indices: the marks, the numbers of players, what is read.
const MARKS: c_int = 1;
const NUMBERS: c_int = 2;
const ROOT: c_int = 3;
/// Of a class: its lists of entities, ids and ends.
const IDS: c_int = 4;
const ENDS: c_int = 5;

/// Gathers one checkpoint over several reads.
pub(super) struct Keeper {
    /// An upper bound of its MessagePack form, and values; both against the limits.
    bytes: usize,
    leaves: usize,
    limits: RoomLimits,
    left_out: BTreeSet<String>,
    /// Players who left, but are still referred to.
    pub departed: BTreeSet<PlayerNumber>,
}

/// A checkpoint that would be larger than its limits is not taken at all.
#[derive(Debug)]
pub(super) struct TooLarge(RoomLimits);

impl TooLarge {
    pub(super) fn describe(&self) -> String {
        let RoomLimits { checkpoint_values: values, checkpoint_bytes: bytes, .. } = self.0;
        format!(
            "no checkpoint: the room holds more than {values} values (limits.checkpoint_values_max) or {} kB \
             (limits.checkpoint_bytes_max); it takes no new version, and loses what has come since its last checkpoint when \
             its script is stopped",
            bytes / 1024
        )
    }
}

type Kept<T> = Result<T, TooLarge>;
/// The keys of a table that are names or other numbers, with what stands there.
type Pairs = BTreeMap<Key, Value>;
/// Entities by id, each with its own fields.
type Rows = Vec<(EntityId, Pairs)>;

impl Keeper {
    pub(super) const fn new(limits: RoomLimits) -> Self {
        Self { bytes: 0, leaves: 0, limits, left_out: BTreeSet::new(), departed: BTreeSet::new() }
    }

    /// What was left out, each with its path and why, ascending.
    pub(super) fn left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().map(String::as_str)
    }

    /// The value at the top level of a checkpoint, or a part of it under `path`.
    pub(super) fn table(
        &mut self,
        lua: &Lua,
        marks: &Marks,
        numbers: &Table,
        table: &Table,
        path: &[&str],
    ) -> mlua::Result<Kept<Value>> {
        let path = path.iter().map(|&name| Key::from(name)).collect();
        let mut result = Ok(None);
        // SAFETY: `value` keeps to the stack slots it checked for and raises nothing, so no Rust frame is skipped.
        unsafe {
            lua.exec_raw::<()>((&marks.0, numbers, table), |state| {
                let mut walk = Walk { state, keeper: self, path, above: Vec::new() };
                result = if ffi::lua_checkstack(state, STACK) == 0 {
                    Err(TooLarge(walk.keeper.limits))
                } else {
                    walk.value(ROOT)
                };
                ffi::lua_settop(state, 0);
            })
        }?;
        Ok(result.map(Option::unwrap_or_default))
    }

    /// The living entities of one class, ascending by id. `class` is the prelude's record of it.
    pub(super) fn entities(
        &mut self,
        lua: &Lua,
        marks: &Marks,
        numbers: &Table,
        name: &str,
        class: &Table,
    ) -> mlua::Result<Kept<Rows>> {
        let lists: [Table; 3] = [class.raw_get("list")?, class.raw_get("ids")?, class.raw_get("ends")?];
        let count: c_int = class.raw_get("n")?;
        let mut rows = Vec::with_capacity(count.max(0) as usize);
        let mut result = Ok(());
        // SAFETY: as in `table`.
        unsafe {
            lua.exec_raw::<()>((&marks.0, numbers, &lists[0], &lists[1], &lists[2]), |state| {
                let mut walk = Walk { state, keeper: self, path: vec![name.into()], above: Vec::new() };
                let there_is_room = ffi::lua_checkstack(state, STACK) != 0;
                result =
                    if there_is_room { walk.class(name, count, &mut rows) } else { Err(TooLarge(walk.keeper.limits)) };
                ffi::lua_settop(state, 0);
            })
        }?;
        Ok(result.map(|()| rows))
    }

    fn leaf(&mut self, bytes: usize) -> Kept<()> {
        self.leaves += 1;
        self.bytes += bytes;
        let limits = &self.limits;
        let fits = self.leaves <= limits.checkpoint_values && self.bytes <= limits.checkpoint_bytes;
        if fits { Ok(()) } else { Err(TooLarge(*limits)) }
    }
}

enum Kind {
    Plain,
    /// Made by `list`.
    List,
    Is(Value),
    Foreign,
}

struct Walk<'a> {
    state: State,
    keeper: &'a mut Keeper,
    path: Vec<Key>,
    /// The tables that this one is in.
    above: Vec<*const c_void>,
}

impl Walk<'_> {
    fn leave_out(&mut self, what: &str) -> Kept<()> {
        self.keeper.leaves += LEFT_OUT_LEAVES;
        if self.keeper.left_out.len() < TOLD_MAX {
            self.keeper.left_out.insert(format!("{} can not be saved", described(&self.path, what)));
        }
        self.keeper.leaf(0)
    }

    /// The value at the absolute `index`. None where it is nil or was left out.
    unsafe fn value(&mut self, index: c_int) -> Kept<Option<Value>> {
        // SAFETY: the stack was checked for every level up to the depth limit, and each level pops what it pushed.
        unsafe {
            let state = self.state;
            Ok(Some(match ffi::lua_type(state, index) {
                ffi::LUA_TNIL | ffi::LUA_TNONE => return Ok(None),
                ffi::LUA_TBOOLEAN => {
                    self.keeper.leaf(1)?;
                    Value::Bool(ffi::lua_toboolean(state, index) != 0)
                }
                ffi::LUA_TNUMBER => {
                    self.keeper.leaf(9)?;
                    Value::Number(ffi::lua_tonumber(state, index))
                }
                ffi::LUA_TSTRING => {
                    let bytes = text(state, index);
                    self.keeper.leaf(bytes.len() + 5)?;
                    match std::str::from_utf8(bytes) {
                        Ok(text) => Value::Text(text.to_owned()),
                        Err(_) => Value::Bytes(bytes.to_vec()),
                    }
                }
                ffi::LUA_TTABLE => return self.one_table(index),
                other => {
                    let name = std::ffi::CStr::from_ptr(ffi::lua_typename(state, other)).to_string_lossy();
                    self.leave_out(&format!("a {name}"))?;
                    return Ok(None);
                }
            }))
        }
    }

    unsafe fn one_table(&mut self, index: c_int) -> Kept<Option<Value>> {
        self.keeper.leaf(6)?;
        // SAFETY: as in `value`.
        unsafe {
            let kind = self.kind(index);
            match kind {
                Kind::Is(value) => {
                    if let Value::Player(number) = value
                        && self.is_departed(index)
                    {
                        self.keeper.departed.insert(number);
                    }
                    Ok(Some(value))
                }
                Kind::Foreign => {
                    self.leave_out("a table with a metatable")?;
                    Ok(None)
                }
                Kind::Plain | Kind::List => {
                    let Some((items, rest)) = self.contents(index)? else { return Ok(None) };
                    Ok(Some(assembled(items, rest, matches!(kind, Kind::List))))
                }
            }
        }
    }

    /// What a table stands for, by its own mark and that of its metatable.
    unsafe fn kind(&self, index: c_int) -> Kind {
        let state = self.state;
        // SAFETY: raw access neither raises nor allocates; three slots are pushed and popped again.
        unsafe {
            if ffi::lua_getmetatable(state, index) == 0 {
                return Kind::Plain;
            }
            ffi::lua_pushvalue(state, index);
            ffi::lua_rawget(state, MARKS);
            ffi::lua_pushvalue(state, -2);
            ffi::lua_rawget(state, MARKS);
            let (object, meta) = (ffi::lua_type(state, -2), ffi::lua_type(state, -1));
            let (number, gone) = (ffi::lua_tonumber(state, -2), ffi::lua_toboolean(state, -1) != 0);
            ffi::lua_pop(state, 3);
            match (object, meta) {
                (ffi::LUA_TNUMBER, _) if number > 0.0 => Kind::Is(Value::Entity(number as EntityId)),
                (ffi::LUA_TNUMBER, _) => Kind::Is(Value::Player(-number as PlayerNumber)),
                (ffi::LUA_TBOOLEAN, _) => Kind::Is(Value::Player(self.number(index))),
                (_, ffi::LUA_TBOOLEAN) if gone => Kind::Is(Value::Entity(0)),
                (_, ffi::LUA_TBOOLEAN) => Kind::List,
                _ => Kind::Foreign,
            }
        }
    }

    /// The number of the player whose object stands at `index`; 0 where it is none.
    unsafe fn number(&self, index: c_int) -> PlayerNumber {
        // SAFETY: as in `kind`.
        unsafe {
            ffi::lua_pushvalue(self.state, index);
            ffi::lua_rawget(self.state, NUMBERS);
            let number = ffi::lua_tonumber(self.state, -1) as PlayerNumber;
            ffi::lua_pop(self.state, 1);
            number
        }
    }

    /// Players who left are marked with true in the place of their number.
    unsafe fn is_departed(&self, index: c_int) -> bool {
        // SAFETY: as in `kind`.
        unsafe {
            ffi::lua_pushvalue(self.state, index);
            ffi::lua_rawget(self.state, MARKS);
            let departed = ffi::lua_type(self.state, -1) == ffi::LUA_TBOOLEAN;
            ffi::lua_pop(self.state, 1);
            departed
        }
    }

    /// Elements 1 to n as far as they came in order, and all else. None where the table is too deep or in itself.
    unsafe fn contents(&mut self, index: c_int) -> Kept<Option<(Vec<Value>, Pairs)>> {
        let state = self.state;
        let (mut items, mut rest) = (Vec::new(), BTreeMap::new());
        // SAFETY: as in `value`.
        unsafe {
            let table = ffi::lua_topointer(state, index);
            if self.above.contains(&table) {
                self.leave_out("a table that is in itself")?;
                return Ok(None);
            }
            if self.above.len() >= CHECKPOINT_DEPTH_MAX {
                self.leave_out(&format!("a table nested deeper than {DEPTH_MAX}"))?;
                return Ok(None);
            }
            self.above.push(table);
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, index) != 0 {
                if let Some(key) = self.key()? {
                    self.path.push(key);
                    let value = self.value(ffi::lua_gettop(state))?;
                    if let (Some(key), Some(value)) = (self.path.pop(), value) {
                        if rest.is_empty() && key == Key::Index(items.len() as i64 + 1) {
                            items.push(value);
                        } else {
                            rest.insert(key, value);
                        }
                    }
                }
                ffi::lua_pop(state, 1);
            }
            self.above.pop();
        }
        Ok(Some((items, rest)))
    }

    /// The key below the value that lua_next pushed. None where it is of no use, which is told.
    unsafe fn key(&mut self) -> Kept<Option<Key>> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let state = self.state;
        // SAFETY: as in `value`; a number is never asked for as a string, which would change it in place.
        unsafe {
            match ffi::lua_type(state, -2) {
                ffi::LUA_TSTRING => {
                    let bytes = text(state, -2);
                    if let Ok(name) = std::str::from_utf8(bytes) {
                        self.keeper.bytes += bytes.len() + 5;
                        return Ok(Some(Key::Name(name.to_owned())));
                    }
                    self.leave_out("a key that is not UTF-8")?;
                }
                ffi::LUA_TNUMBER => {
                    let key = ffi::lua_tonumber(state, -2);
                    if key.fract() == 0.0 && key.abs() < EXACT {
                        self.keeper.bytes += 9;
                        return Ok(Some(Key::Index(key as i64)));
                    }
                    self.leave_out(&format!("the key {key}, which is no whole number,"))?;
                }
                other => {
                    let name = std::ffi::CStr::from_ptr(ffi::lua_typename(state, other)).to_string_lossy();
                    self.leave_out(&format!("a {name} as a key"))?;
                }
            }
        }
        Ok(None)
    }

    unsafe fn class(&mut self, name: &str, count: c_int, rows: &mut Rows) -> Kept<()> {
        let state = self.state;
        for slot in 1..=count {
            // SAFETY: as in `value`; the three lists were pushed by `entities`.
            unsafe {
                ffi::lua_rawgeti(state, ROOT, slot.into());
                ffi::lua_rawgeti(state, IDS, slot.into());
                ffi::lua_rawgeti(state, ENDS, slot.into());
                let (id, ends) = (ffi::lua_tonumber(state, -2) as EntityId, ffi::lua_tonumber(state, -1));
                ffi::lua_pop(state, 2);
                if ffi::lua_type(state, -1) == ffi::LUA_TTABLE
                    && let Some((items, mut own)) = self.contents(ffi::lua_gettop(state))?
                {
                    let [_, _, _, owner, velocity, _, _] = OWN.map(|key| own.remove(&Key::from(key)));
                    let mut row = BTreeMap::from([
                        (Key::from("class"), Value::from(name)),
                        (Key::from("id"), Value::from(id)),
                        (Key::from("fields"), assembled(items, own, false)),
                    ]);
                    let ends = (ends != 0.0).then_some(Value::Number(ends));
                    let owner = owner.filter(|owner| matches!(owner, Value::Player(_)));
                    for (key, value) in [("ends", ends), ("owner", owner), ("velocity", velocity)] {
                        row.extend(value.map(|value| (Key::from(key), value)));
                    }
                    rows.push((id, row));
                }
                ffi::lua_pop(state, 1);
            }
        }
        Ok(())
    }
}

/// A list where the keys are exactly 1 to n, else a map. `marked`: made by `list`.
fn assembled(mut items: Vec<Value>, mut rest: BTreeMap<Key, Value>, marked: bool) -> Value {
    while let Some(item) = rest.remove(&Key::Index(items.len() as i64 + 1)) {
        items.push(item);
    }
    let empty = items.is_empty();
    if rest.is_empty() && marked == empty {
        return Value::List(items);
    }
    rest.extend(items.into_iter().zip(1..).map(|(item, i)| (Key::Index(i), item)));
    Value::Map(rest)
}

/// Whether a map stands for a list that `list` made: see [`assembled`].
pub(super) fn is_marked_list(map: &BTreeMap<Key, Value>) -> bool {
    !map.is_empty() && map.keys().zip(1..).all(|(key, i)| *key == Key::Index(i))
}

/// `room.memory.callback: a function`, as a module's author knows the place. Numbers are left out, so that each place
/// is told once and not for every element.
fn described(path: &[Key], what: &str) -> String {
    let name = |key: &Key| match key {
        Key::Index(_) => "[…]".to_owned(),
        Key::Name(name) => name.clone(),
    };
    let names: Vec<String> = path.iter().map(name).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let (root, rest) = match known.as_slice() {
        [root @ ("state" | "memory"), rest @ ..] => (format!("room.{root}"), rest),
        ["players" | "left", "[…]", rest @ ..] => ("player".to_owned(), rest),
        ["timers", "[…]", "args", rest @ ..] => ("an argument of room:after".to_owned(), rest),
        ["requests", "[…]", "args", rest @ ..] => ("an argument of room.store:get".to_owned(), rest),
        [root, rest @ ..] => ((*root).to_owned(), rest),
        [] => (String::new(), known.as_slice()),
    };
    let rest: String =
        rest.iter().map(|name| if *name == "[…]" { (*name).to_owned() } else { format!(".{name}") }).collect();
    format!("{root}{rest}: {what}")
}
