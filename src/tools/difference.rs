//! The first difference between two rooms that should be the same: which entity and field, or which path in a document.

use super::{
    costs::column_name,
    stage::{Heard, Stage},
};
use crate::{
    game::DocumentName,
    protocol::{
        Key, Tick, Value,
        schema::{Class, Column, FieldKind, Schema},
        world::{Rows, World},
    },
};

/// How the reloaded room differs from the one that was left alone.
pub(super) fn between(plain: &Stage, reloaded: &Stage) -> Option<String> {
    let schema = plain.schema();
    worlds(schema, &plain.world, &reloaded.world, plain.tick).or_else(|| documents(plain, reloaded))
}

fn worlds(schema: &Schema, ours: &World, theirs: &World, tick: Tick) -> Option<String> {
    let classes = schema.classes.iter().zip(ours.classes.iter().zip(&theirs.classes));
    classes.into_iter().find_map(|(class, (ours, theirs))| rows(schema, class, ours, theirs, tick))
}

fn rows(schema: &Schema, class: &Class, ours: &Rows, theirs: &Rows, tick: Tick) -> Option<String> {
    if let Some(id) = ours.ids.iter().find(|id| theirs.row_of(**id).is_none()) {
        return Some(format!("{} {id} is missing after the reload", class.name));
    }
    if let Some(id) = theirs.ids.iter().find(|id| ours.row_of(**id).is_none()) {
        return Some(format!("{} {id} is there only after the reload", class.name));
    }
    // Where and when a linear entity's line was begun is the engine's affair; where the line leads is not.
    let hidden = |column: Column<'_>| {
        let place = matches!(column, Column::Field(f) if f.name == "x" || f.name == "y");
        class.linear && (place || matches!(column, Column::Since))
    };
    for (row, id) in ours.ids.iter().enumerate() {
        for (index, column) in class.columns().enumerate().filter(|(_, column)| !hidden(*column)) {
            let (a, b) = (ours.values[index][row], theirs.values[index][row]);
            if a != b {
                let name = column_name(class, index);
                let (a, b) = (shown(column, a), shown(column, b));
                return Some(format!("{} {id}: {name} is {a}, and {b} after the reload", class.name));
            }
        }
        if class.linear {
            for axis in 0..2 {
                let (a, b) =
                    (place(schema, class, ours, row, axis, tick)?, place(schema, class, theirs, row, axis, tick)?);
                // Each of both lines is told to within a step, and begins on a whole one.
                if (a - b).abs() > 3.0 {
                    let name = ["x", "y"][axis];
                    return Some(format!("{} {id}: {name} is {a} steps, and {b} after the reload", class.name));
                }
            }
        }
    }
    None
}

/// Where a linear entity's line leads, in steps.
fn place(schema: &Schema, class: &Class, rows: &Rows, row: usize, axis: usize, tick: Tick) -> Option<f64> {
    let base = rows.values[1 + class.field(["x", "y"][axis])?][row];
    let velocity = rows.values[class.velocity_column() + axis][row];
    let since = rows.values[class.since_column()][row];
    let seconds = f64::from(tick.wrapping_sub(since as Tick)) / f64::from(schema.tick_rate);
    Some(f64::from(base) + f64::from(velocity) * seconds)
}

fn shown(column: Column<'_>, steps: i32) -> String {
    match column {
        Column::Field(field) => match &field.kind {
            FieldKind::Flag => (steps != 0).to_string(),
            FieldKind::Choice(names) => names.get(steps as usize).cloned().unwrap_or_default(),
            kind => format!("{}", kind.dequantise(steps)),
        },
        _ => steps.to_string(),
    }
}

fn documents(plain: &Stage, reloaded: &Stage) -> Option<String> {
    let names = plain.documents.keys().chain(reloaded.documents.keys());
    let empty = Value::map([]);
    names.into_iter().find_map(|name| {
        let of = |stage: &Stage| stage.documents.get(name).unwrap_or(&empty).clone();
        values(&root(*name), &of(plain), &of(reloaded))
    })
}

/// The path of the first NaN in a document.
pub(super) fn not_a_number(stage: &Stage) -> Option<String> {
    stage.documents.iter().find_map(|(name, value)| nan(&root(*name), value))
}

fn nan(path: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(n) if n.is_nan() => Some(path.to_owned()),
        Value::Map(map) => map.iter().find_map(|(key, value)| nan(&under(path, key), value)),
        Value::List(items) => items.iter().enumerate().find_map(|(i, item)| nan(&format!("{path}[{}]", i + 1), item)),
        _ => None,
    }
}

fn root(name: DocumentName) -> String {
    match name {
        DocumentName::State => "room.state".to_owned(),
        DocumentName::PlayerState(number) => format!("player {number}: player.state"),
        DocumentName::Secret(number) => format!("player {number}: player.secret"),
    }
}

/// The path of the first value that is not the same, and both of it.
pub(super) fn values(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Map(a), Value::Map(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let nil = &Value::Nil;
            values(&under(path, key), a.get(key).unwrap_or(nil), b.get(key).unwrap_or(nil))
        }),
        (Value::List(a), Value::List(b)) => (0..a.len().max(b.len())).find_map(|i| {
            let nil = &Value::Nil;
            values(&format!("{path}[{}]", i + 1), a.get(i).unwrap_or(nil), b.get(i).unwrap_or(nil))
        }),
        (a, b) if a == b => None,
        // Told as what it is: see `not_a_number`.
        (Value::Number(a), Value::Number(b)) if a.is_nan() && b.is_nan() => None,
        (a, b) => Some(format!("{path} is {}, and {} after the reload", brief(a), brief(b))),
    }
}

fn under(path: &str, key: &Key) -> String {
    match key {
        Key::Index(i) => format!("{path}[{i}]"),
        Key::Name(name) => format!("{path}.{name}"),
    }
}

/// A value in a few words, as Lua would write it.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Map(map) => format!("a table of {}", map.len()),
        Value::Entity(id) => format!("entity {id}"),
        Value::Player(number) => format!("player {number}"),
    }
}

/// The first message that only one of both rooms sent, or sent otherwise.
pub(super) fn messages(plain: &[Heard], reloaded: &[Heard]) -> Option<String> {
    let sent = |heard: &[Heard]| -> Vec<Heard> {
        heard.iter().filter(|h| matches!(h, Heard::Message { .. } | Heard::Left { .. })).cloned().collect()
    };
    let (ours, theirs) = (sent(plain), sent(reloaded));
    (0..ours.len().max(theirs.len())).find_map(|i| match (ours.get(i), theirs.get(i)) {
        (a, b) if a == b => None,
        (Some(Heard::Message { name, data, .. }), Some(Heard::Message { name: other, data: theirs, .. }))
            if name == other =>
        {
            Some(
                values(&format!("message {name}: data"), data, theirs)
                    .unwrap_or_else(|| format!("message {name} goes to others")),
            )
        }
        (Some(Heard::Message { name, .. }), _) => Some(format!("message {name} is not sent after the reload")),
        (_, Some(Heard::Message { name, .. })) => Some(format!("message {name} is sent only after the reload")),
        _ => Some("a player leaves in only one of both rooms".to_owned()),
    })
}
