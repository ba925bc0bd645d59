//! Values on their way into a VM, as tables of their own.

use std::collections::BTreeMap;

use mlua::{Lua, Table};

use crate::protocol::{EntityId, Key, PlayerNumber, Value};

/// What the values that are not just data become; each VM and purpose has its own.
pub(super) trait References {
    fn entity(&self, lua: &Lua, id: EntityId) -> mlua::Result<mlua::Value>;
    fn player(&self, lua: &Lua, number: PlayerNumber) -> mlua::Result<mlua::Value>;

    /// Whether this map stands for a list that `list` made.
    fn is_list(&self, _: &BTreeMap<Key, Value>) -> bool {
        false
    }
}

/// `list_meta` marks lists where the table alone does not show that it is one.
pub(super) fn to_lua(
    lua: &Lua,
    list_meta: &Table,
    value: &Value,
    references: &impl References,
) -> mlua::Result<mlua::Value> {
    Ok(match value {
        Value::Nil => mlua::Value::Nil,
        Value::Bool(b) => mlua::Value::Boolean(*b),
        Value::Number(n) => mlua::Value::Number(*n),
        Value::Text(text) => mlua::Value::String(lua.create_string(text)?),
        Value::Bytes(bytes) => mlua::Value::String(lua.create_string(bytes)?),
        Value::List(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (i, item) in items.iter().enumerate() {
                table.raw_set(i + 1, to_lua(lua, list_meta, item, references)?)?;
            }
            if items.is_empty() {
                table.set_metatable(Some(list_meta.clone()))?;
            }
            mlua::Value::Table(table)
        }
        Value::Map(map) => {
            let table = lua.create_table_with_capacity(0, map.len())?;
            for (key, item) in map {
                let item = to_lua(lua, list_meta, item, references)?;
                match key {
                    Key::Index(i) => table.raw_set(*i as f64, item)?,
                    Key::Name(name) => table.raw_set(name.as_str(), item)?,
                }
            }
            if references.is_list(map) {
                table.set_metatable(Some(list_meta.clone()))?;
            }
            mlua::Value::Table(table)
        }
        Value::Entity(id) => references.entity(lua, *id)?,
        Value::Player(number) => references.player(lua, *number)?,
    })
}
