//! A module's table, read into a [`GameInfo`] and checked: every complaint names a file, a line and a key.

use std::sync::Arc;

use mlua::{Function, Lua, Table, Value};
use ring::digest;

use super::sandbox::{Sources, Vm, plain};
use crate::{
    game::{GameError, GameInfo},
    protocol::schema::{CLASSES_MAX, Class, FIELDS_MAX, Field, FieldKind, Schema},
};

/// What the table may hold, besides callbacks.
const SETTINGS: &[&str] = &[
    "title",
    "tick_rate",
    "seats",
    "late",
    "empty_after",
    "when_empty",
    "saved",
    "entities",
    "inputs",
    "timers",
    "messages",
    "answers",
    "bots",
    "phases",
    "first_phase",
];
const CALLBACKS: &[&str] =
    &["open", "restored", "enter", "join", "drop", "back", "leave", "kind", "input", "tick", "bot"];
/// On every entity already; no field may be called so.
const RESERVED: &[&str] = &["id", "class", "alive", "owner", "velocity", "life", "despawn"];
const NAME_MAX: usize = 32;
/// Bytes of a title: a heading on a phone.
const TITLE_MAX: usize = 100;
const MESSAGES_MAX: usize = 256;

pub(super) type Checked<T> = Result<T, GameError>;

pub(super) struct Declaration {
    pub info: GameInfo,
}

/// Reads one module's table; `path` in its methods is the chain of keys, such as `entities.tank.fields.x`.
pub(super) struct Reader<'a> {
    module: &'a str,
    source: &'a str,
    suggest: Function,
    is_kind: Function,
}

impl Declaration {
    pub(super) fn read(module: &str, game: &Table, vm: &Vm, sources: &Sources) -> Checked<Self> {
        let internal = |error: mlua::Error| GameError::Script(plain(&error));
        let reader = Reader {
            module,
            source: sources.get("main.lua").map_or("", String::as_str),
            suggest: vm.engine.raw_get("suggest").map_err(internal)?,
            is_kind: vm.engine.raw_get("is_kind").map_err(internal)?,
        };
        reader.known_keys(game, &[SETTINGS, CALLBACKS].concat(), "")?;
        for name in CALLBACKS {
            if !matches!(reader.get(game, name)?, Value::Nil | Value::Function(_)) {
                return Err(reader.fault(name, "is a function"));
            }
        }
        let when_empty = reader.one_of(game, "when_empty", &["close", "keep"])?;
        reader.functions(game, "timers")?;
        reader.functions(game, "answers")?;
        let mut messages = reader.functions(game, "messages")?;
        if messages.len() > MESSAGES_MAX {
            return Err(reader.fault("messages", &format!("has more than {MESSAGES_MAX} names")));
        }
        let seats = reader.seats(game)?;
        let has_phases = reader.phases(game, seats.1)?;
        reader.late(game, has_phases)?;
        if has_phases {
            reader.add_engine_messages(&mut messages)?;
        }
        let tick_rate = reader.whole(game, "tick_rate", 30, 1, 240)?;
        let schema = Schema { tick_rate, classes: reader.classes(game, tick_rate)?, inputs: reader.inputs(game)? };
        let title = match reader.get(game, "title")? {
            Value::Nil => module.to_owned(),
            Value::String(text) if text.as_bytes().len() <= TITLE_MAX => text.to_string_lossy(),
            _ => return Err(reader.fault("title", &format!("is a string of at most {TITLE_MAX} bytes"))),
        };
        let saved = match reader.get(game, "saved")? {
            Value::Nil => true,
            Value::Boolean(saved) => saved,
            _ => return Err(reader.fault("saved", "is true or false")),
        };
        let bots = reader.whole(game, "bots", 0, 0, seats.1)?;
        if bots > 0 && reader.get(game, "bot")?.is_nil() {
            return Err(reader.fault("bots", "needs function game.bot(room, player): what a bot does"));
        }
        let info = GameInfo {
            module: module.to_owned(),
            version: version(sources),
            bots,
            keeps: when_empty.as_deref() == Some("keep"),
            title,
            schema: Arc::new(schema),
            seats,
            empty_after_secs: reader.whole(game, "empty_after", 300, 0, 30 * 86_400)?,
            saved,
            messages,
        };
        Ok(Self { info })
    }
}

impl Reader<'_> {
    /// `module/main.lua:12: entities.tank.fields.x: what is wrong`.
    pub(super) fn fault(&self, path: &str, text: &str) -> GameError {
        let place = match line_of(self.source, path) {
            Some(line) => format!("{}/main.lua:{line}", self.module),
            None => format!("{}/main.lua", self.module),
        };
        GameError::Script(format!("{place}: {path}: {text}"))
    }

    /// Modules may give their table a metatable; only what really is in it counts.
    pub(super) fn get(&self, table: &Table, key: &str) -> Checked<Value> {
        table.raw_get(key).map_err(|error| self.fault(key, &plain(&error)))
    }

    pub(super) fn known_keys(&self, table: &Table, known: &[&str], under: &str) -> Checked<()> {
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair.map_err(|error| self.fault(under, &plain(&error)))?;
            let name = key_name(&key);
            if !known.contains(&name.as_str()) {
                return Err(self.fault(&join(under, &name), &format!("no such setting{}", self.hint(&name, known))));
            }
        }
        Ok(())
    }

    /// `; did you mean …?` or `; there are …`.
    pub(super) fn hint(&self, wrong: &str, names: &[&str]) -> String {
        self.suggest.call((wrong, names.to_vec())).unwrap_or_else(|_| String::new())
    }

    /// A setting that is one of these words, or left out.
    pub(super) fn one_of(&self, game: &Table, key: &str, words: &[&str]) -> Checked<Option<String>> {
        match self.get(game, key)? {
            Value::Nil => Ok(None),
            Value::String(text) => {
                let word = text.to_string_lossy();
                if words.contains(&word.as_str()) {
                    return Ok(Some(word));
                }
                Err(self.fault(key, &format!("is not \"{word}\"{}", self.hint(&word, words))))
            }
            _ => Err(self.fault(key, &format!("is one of {}", words.join(", ")))),
        }
    }

    /// The names in a table of functions, ascending.
    fn functions(&self, game: &Table, key: &str) -> Checked<Vec<String>> {
        let table = match self.get(game, key)? {
            Value::Nil => return Ok(Vec::new()),
            Value::Table(table) => table,
            _ => return Err(self.fault(key, "is a table of functions")),
        };
        self.sorted(&table, key)?
            .into_iter()
            .map(|(name, value)| match value {
                Value::Function(_) => Ok(name),
                _ => Err(self.fault(&join(key, &name), "is a function")),
            })
            .collect()
    }

    /// The pairs of a table whose keys are names, ascending.
    pub(super) fn sorted(&self, table: &Table, path: &str) -> Checked<Vec<(String, Value)>> {
        let mut pairs = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| self.fault(path, &plain(&error)))?;
            let name = key_name(&key);
            let is_name = matches!(key, Value::String(_))
                && name.len() <= NAME_MAX
                && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                let text = format!("is no name: letters, digits and _, not a digit first, at most {NAME_MAX}");
                return Err(self.fault(&join(path, &name), &text));
            }
            pairs.push((name, value));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(pairs)
    }

    fn whole(&self, game: &Table, key: &str, default: u32, min: u32, max: u32) -> Checked<u32> {
        let value = self.get(game, key)?;
        if value.is_nil() {
            return Ok(default);
        }
        let number = number(&value).unwrap_or(f64::NAN);
        if number.fract() == 0.0 && number >= f64::from(min) && number <= f64::from(max) {
            Ok(number as u32)
        } else {
            Err(self.fault(key, &format!("is a whole number from {min} to {max}")))
        }
    }

    fn seats(&self, game: &Table) -> Checked<(u32, u32)> {
        let fault = || self.fault("seats", "is { least, most }, such as { 1, 16 }, from 1 to 1000");
        let seats = match self.get(game, "seats")? {
            Value::Nil => return Ok((1, 16)),
            Value::Table(table) => table,
            _ => return Err(fault()),
        };
        let seat = |i: i64| seats.raw_get::<Option<u32>>(i).ok().flatten().filter(|n| (1..=1000).contains(n));
        match (seat(1), seat(2)) {
            (Some(least), Some(most)) if least <= most && seats.raw_len() == 2 => Ok((least, most)),
            _ => Err(fault()),
        }
    }

    fn classes(&self, game: &Table, tick_rate: u32) -> Checked<Vec<Class>> {
        let table = match self.get(game, "entities")? {
            Value::Nil => return Ok(Vec::new()),
            Value::Table(table) => table,
            _ => return Err(self.fault("entities", "is a table of classes")),
        };
        let classes = self.sorted(&table, "entities")?;
        if classes.len() > CLASSES_MAX {
            return Err(self.fault("entities", &format!("has more than {CLASSES_MAX} classes")));
        }
        classes.into_iter().map(|(name, value)| self.class(name, &value, tick_rate)).collect()
    }

    fn class(&self, name: String, value: &Value, tick_rate: u32) -> Checked<Class> {
        let path = join("entities", &name);
        let Value::Table(table) = value else { return Err(self.fault(&path, "is a table with fields = {…}")) };
        self.known_keys(table, &["fields", "moves", "life"], &path)?;
        let linear = match self.get(table, "moves")? {
            Value::Nil => false,
            Value::String(text) if text.as_bytes() == *b"linear" => true,
            _ => return Err(self.fault(&join(&path, "moves"), "is \"linear\" or left out")),
        };
        let life = self.get(table, "life")?;
        let life_ticks = match number(&life) {
            None if life.is_nil() => 0,
            Some(life) if linear && life > 0.0 && life <= 86_400.0 => {
                ((life * f64::from(tick_rate)).round() as u32).max(1)
            }
            Some(_) if !linear => return Err(self.fault(&join(&path, "life"), "needs moves = \"linear\"")),
            _ => return Err(self.fault(&join(&path, "life"), "is a number of seconds")),
        };
        let fields = match self.get(table, "fields")? {
            Value::Table(fields) => self.fields(&fields, &join(&path, "fields"), false)?,
            _ => return Err(self.fault(&path, "needs fields = {…}")),
        };
        let class = Class { name, fields, linear, life_ticks };
        let step = |name: &str| match class.field(name).map(|i| &class.fields[i].kind) {
            Some(FieldKind::Number { step, .. }) => Some(*step),
            _ => None,
        };
        if linear && (step("x").is_none() || step("x") != step("y")) {
            return Err(self.fault(&path, "moves = \"linear\" needs fields x and y, both numbers of one step"));
        }
        Ok(class)
    }

    fn inputs(&self, game: &Table) -> Checked<Vec<Field>> {
        match self.get(game, "inputs")? {
            Value::Nil => Ok(Vec::new()),
            Value::Table(table) => self.fields(&table, "inputs", true),
            _ => Err(self.fault("inputs", "is a table of fields")),
        }
    }

    fn fields(&self, table: &Table, path: &str, inputs: bool) -> Checked<Vec<Field>> {
        let fields = self.sorted(table, path)?;
        if fields.len() > FIELDS_MAX {
            return Err(self.fault(path, &format!("has more than {FIELDS_MAX} fields")));
        }
        fields
            .into_iter()
            .map(|(name, value)| {
                let path = join(path, &name);
                if !inputs && RESERVED.contains(&name.as_str()) {
                    return Err(self.fault(&path, "is a reserved name: every entity has it"));
                }
                let kind = self.kind(&value, &path)?;
                if !inputs && kind == FieldKind::Press {
                    return Err(self.fault(&path, "field.press is for inputs only"));
                }
                kind.check().map_err(|text| self.fault(&path, text))?;
                Ok(Field { name, kind })
            })
            .collect()
    }

    fn kind(&self, value: &Value, path: &str) -> Checked<FieldKind> {
        let made = self.is_kind.call::<bool>(value).unwrap_or(false);
        let Value::Table(table) = value else {
            return Err(
                self.fault(path, "is made by field.number, field.angle, field.flag, field.choice or field.press")
            );
        };
        if !made {
            return Err(
                self.fault(path, "is made by field.number, field.angle, field.flag, field.choice or field.press")
            );
        }
        let number = |key: &str| table.raw_get::<f64>(key).unwrap_or(f64::NAN);
        let kind: String = table.raw_get("kind").unwrap_or_default();
        Ok(match kind.as_str() {
            "number" => FieldKind::Number { min: number("min"), max: number("max"), step: number("step") },
            "angle" => FieldKind::Angle,
            "flag" => FieldKind::Flag,
            "choice" => FieldKind::Choice(table.sequence_values::<String>().flatten().collect()),
            _ => FieldKind::Press,
        })
    }
}

/// Names one content of a module: half a SHA-256 of its files, in hex.
fn version(sources: &Sources) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for (path, text) in sources {
        for part in [path, text] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Number(n) => Some(*n),
        _ => None,
    }
}

fn key_name(key: &Value) -> String {
    match key {
        Value::String(text) => text.to_string_lossy(),
        Value::Integer(n) => format!("[{n}]"),
        Value::Number(n) => format!("[{n}]"),
        other => format!("[a {}]", other.type_name()),
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The line on which the last key of `path` is set, looked for from where the keys before it are: the loaded table
/// remembers no lines. Good enough to send someone to the right place.
fn line_of(source: &str, path: &str) -> Option<usize> {
    let mut from = 0;
    for key in path.split('.') {
        from = find_key(source, key, from)?;
    }
    Some(source[..from].matches('\n').count() + 1)
}

/// Where `key =`, `key=`, `function game.key(` or `["key"] =` stands at or after `from`.
fn find_key(source: &str, key: &str, from: usize) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    source[from..].match_indices(key).map(|(at, _)| at + from).find(|&at| {
        let before = source[..at].chars().next_back();
        let after = source[at + key.len()..].trim_start_matches(['"', '\'', ']']).trim_start();
        let line = source[..at].rsplit('\n').next().unwrap_or("");
        let assigned = after.starts_with('=') && !after.starts_with("==");
        let defined = after.starts_with('(') && line.trim_start().starts_with("function");
        !line.contains("--")
            && !before.is_some_and(is_word)
            && !source[at + key.len()..].starts_with(is_word)
            && (assigned || defined)
    })
}

/// The same, for the prelude: `{rate, classes, inputs}`.
pub(super) fn to_lua(lua: &Lua, schema: &Schema) -> mlua::Result<Table> {
    let classes = lua.create_table()?;
    let mut kinds: Vec<(&FieldKind, Table)> = Vec::new(); // equal ones share a table, which nobody changes
    for class in &schema.classes {
        let table = lua.create_table()?;
        table.raw_set("name", class.name.as_str())?;
        table.raw_set("fields", class.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>())?;
        let of_fields = lua.create_table_with_capacity(class.fields.len(), 0)?;
        for field in &class.fields {
            let known = kinds.iter().find(|(kind, _)| **kind == field.kind).map(|(_, table)| table.clone());
            let kind = known.map_or_else(|| kind_to_lua(lua, &field.kind), Ok)?;
            kinds.push((&field.kind, kind.clone()));
            of_fields.raw_push(kind)?;
        }
        table.raw_set("kinds", of_fields)?;
        table.raw_set("linear", class.linear)?;
        table.raw_set("life_ticks", class.life_ticks)?;
        classes.raw_push(table)?;
    }
    let inputs = lua.create_table()?;
    for field in &schema.inputs {
        let table = kind_to_lua(lua, &field.kind)?;
        table.raw_set("name", field.name.as_str())?;
        inputs.raw_push(table)?;
    }
    let declared = lua.create_table()?;
    declared.raw_set("rate", schema.tick_rate)?;
    declared.raw_set("classes", classes)?;
    declared.raw_set("inputs", inputs)?;
    Ok(declared)
}

fn kind_to_lua(lua: &Lua, kind: &FieldKind) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    match kind {
        FieldKind::Number { min, max, step } => {
            table.raw_set("kind", "number")?;
            table.raw_set("min", *min)?;
            table.raw_set("max", *max)?;
            table.raw_set("step", *step)?;
        }
        FieldKind::Angle => table.raw_set("kind", "angle")?,
        FieldKind::Flag => table.raw_set("kind", "flag")?,
        FieldKind::Choice(names) => {
            table.raw_set("kind", "choice")?;
            for (i, name) in names.iter().enumerate() {
                table.raw_set(i + 1, name.as_str())?;
            }
        }
        FieldKind::Press => table.raw_set("kind", "press")?,
    }
    Ok(table)
}
