//! `airboat types`: what a module declares, as types for those who write it: annotations for the Lua language server, or
//! aliases for TypeScript clients. Made from the schema alone, so documents stay tables.

use std::{fmt::Write as _, path::Path};

use super::settings;
use crate::{
    game::{
        GameFactory as _, GameInfo,
        lua::{LuaFactory, modules},
    },
    protocol::schema::{Field, FieldKind, Schema},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Lua,
    TypeScript,
}

/// The types of the module in `folder`. An error: it cannot be loaded.
pub fn types(folder: &Path, language: Language) -> Result<String, String> {
    let (module, sources) = modules::read_folder(folder)?;
    let factory = LuaFactory::from_sources(&module, sources, &settings()).map_err(|error| error.to_string())?;
    let info = factory.info();
    Ok(match language {
        Language::Lua => lua(info),
        Language::TypeScript => typescript(info),
    })
}

/// For the whole folder of modules at once, so the module's name is in every class's.
fn lua(info: &GameInfo) -> String {
    let (prefix, kind) = (camel(&info.module), |field: &Field| lua_type(&field.kind));
    let mut out = format!("---@meta\n-- Made by `airboat types {} --lua`.\n", info.module);
    for class in &info.schema.classes {
        let _ = writeln!(out, "\n---@class {prefix}{}: Entity", camel(&class.name));
        let _ = writeln!(out, "---@field class {:?}", class.name);
        if class.linear {
            out.push_str("---@field velocity Velocity\n");
        }
        class.fields.iter().for_each(|field| annotate(&mut out, &field.name, &kind(field), &field.kind));
    }
    let _ = writeln!(out, "\n---@class {prefix}Inputs What `game.input` gets.");
    for field in &info.schema.inputs {
        annotate(&mut out, &field.name, &kind(field), &field.kind);
    }
    let _ = writeln!(out, "\n---@class {prefix}Decision What `game.bot` answers with; what is missing is let go.");
    for field in &info.schema.inputs {
        let taken = if field.kind == FieldKind::Press { "boolean | integer".to_owned() } else { kind(field) };
        annotate(&mut out, &format!("{}?", field.name), &taken, &field.kind);
    }
    let _ = writeln!(out, "\n---@alias {prefix}Message {}", union(&info.messages, "string"));
    out
}

fn annotate(out: &mut String, name: &str, kind: &str, range: &FieldKind) {
    let _ = writeln!(out, "---@field {name} {kind}{}", note(range).map_or(String::new(), |note| format!(" {note}")));
}

fn lua_type(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Number { .. } | FieldKind::Angle => "number".to_owned(),
        FieldKind::Flag => "boolean".to_owned(),
        FieldKind::Choice(names) => union(names, "string"),
        FieldKind::Press => "integer".to_owned(),
    }
}

/// As an entity of the web client has them, and `room.input` takes them. Aliases and not interfaces: an interface may grow
/// elsewhere, so TypeScript does not take one for a record of values.
fn typescript(info: &GameInfo) -> String {
    let schema: &Schema = &info.schema;
    let mut out = format!("// Made by `airboat types {} --typescript`.\n\n", info.module);
    out.push_str("import type { Room } from \"airboat\";\n");
    for class in &schema.classes {
        let name = camel(&class.name);
        let head = format!(
            "  readonly id: number;\n  readonly class: {:?};\n  owner: string | null;\n  readonly alive: boolean;\n  \
             /** Its fields at the time being shown. */\n  \
             readonly view: Readonly<Omit<{name}, \"id\" | \"class\" | \"owner\" | \"alive\" | \"view\">>;\n",
            class.name
        );
        alias(&mut out, &name, &head, &class.fields);
    }
    let (presses, held): (Vec<_>, Vec<_>) = schema.inputs.iter().cloned().partition(|f| f.kind == FieldKind::Press);
    alias(&mut out, "InputValues", "", &held);
    out.push_str("\n/** Entities by the name of their class. */\nexport type EntitiesByClass = {\n");
    for class in &schema.classes {
        let _ = writeln!(out, "  {}: {};", property(&class.name), camel(&class.name));
    }
    out.push_str("};\n");
    let presses: Vec<String> = presses.into_iter().map(|field| field.name).collect();
    let _ = writeln!(out, "\nexport type PressName = {};", union(&presses, "never"));
    let _ = writeln!(out, "\n/** What the module takes from clients. */");
    let _ = writeln!(out, "export type MessageName = {};", union(&info.messages, "never"));
    let _ = writeln!(out, "\n/** A room of this module: `const typed = room as {}Room`. */", camel(&info.module));
    let _ = write!(out, "export type {}Room = {ROOM}", camel(&info.module));
    out
}

/// The client's room, narrowed to what one module has.
const ROOM: &str = "\
Omit<Room, \"entities\" | \"own\" | \"input\" | \"press\" | \"send\"> & {
  entities<Name extends keyof EntitiesByClass>(className: Name): ReadonlyMap<number, EntitiesByClass[Name]>;
  own<Name extends keyof EntitiesByClass>(className: Name): EntitiesByClass[Name] | undefined;
  input(values: Partial<InputValues>): void;
  press(name: PressName): void;
  send(name: MessageName, data?: unknown): boolean;
};
";

fn alias(out: &mut String, name: &str, head: &str, fields: &[Field]) {
    let _ = writeln!(out, "\nexport type {name} = {{\n{head}{}}};", {
        let line = |field: &Field| {
            let note = note(&field.kind).map_or(String::new(), |note| format!(" // {note}"));
            format!("  {}: {};{note}\n", property(&field.name), typescript_type(&field.kind))
        };
        fields.iter().map(line).collect::<String>()
    });
}

fn typescript_type(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Number { .. } | FieldKind::Angle | FieldKind::Press => "number".to_owned(),
        FieldKind::Flag => "boolean".to_owned(),
        FieldKind::Choice(names) => union(names, "string"),
    }
}

fn note(kind: &FieldKind) -> Option<String> {
    match kind {
        FieldKind::Number { min, max, .. } => Some(format!("{min} to {max}")),
        FieldKind::Angle => Some("radians".to_owned()),
        FieldKind::Press => Some("how often".to_owned()),
        FieldKind::Flag | FieldKind::Choice(_) => None,
    }
}

fn union(names: &[String], none: &str) -> String {
    if names.is_empty() {
        return none.to_owned();
    }
    names.iter().map(|name| serde_json::Value::from(name.as_str()).to_string()).collect::<Vec<_>>().join(" | ")
}

/// A name that TypeScript takes without quotes is left without.
fn property(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(char::is_numeric);
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

/// `rocket_tank` and `rocket-tank` are `RocketTank`.
fn camel(name: &str) -> String {
    let kept: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    super::new::title(&kept.replace(' ', "_")).replace(' ', "")
}
