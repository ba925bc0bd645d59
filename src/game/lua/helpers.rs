//! What `require "airboat.…"` answers: small Lua files that come with the engine. They are module code like any other,
//! and clients run the same files.

use mlua::{Function, Lua, chunk::ChunkMode};

use super::sandbox::plain;

pub(super) const PREFIX: &str = "airboat.";

/// Ascending by name.
const HELPERS: &[(&str, &str)] = &[
    ("grid", include_str!("helpers/grid.lua")),
    ("list", include_str!("helpers/list.lua")),
    ("path", include_str!("helpers/path.lua")),
    ("vector", include_str!("helpers/vector.lua")),
];

/// A compiled helper, or nil and why, as a module's own files.
pub(super) fn load(lua: &Lua, name: &str) -> mlua::Result<(Option<Function>, Option<String>)> {
    let Some((name, source)) = HELPERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = HELPERS.iter().map(|(name, _)| format!("{PREFIX}{name}")).collect();
        let text = format!("require \"{PREFIX}{name}\": there is no such helper; there are {}", known.join(", "));
        return Ok((None, Some(text)));
    };
    let chunk = lua.load(*source).set_name(format!("@airboat/{name}.lua")).set_mode(ChunkMode::Text);
    Ok(match chunk.into_function() {
        Ok(function) => (Some(function), None),
        Err(error) => (None, Some(plain(&error))),
    })
}
