//! What a module declares: field kinds with their quantising, entity classes, inputs.
//!
//! Names are kept in ascending order, so an index is the same everywhere. On the wire every field is an `i32` in steps
//! of its kind. A class carries hidden columns besides its own: `owner` first and, when linear, `vx vy since ends` last.

use std::f64::consts::TAU;

use super::{CodecError, Value};

/// Steps in a full turn for `angle()`.
pub const TURN: i32 = 1024;
/// Classes a module may declare; a class index has five bits on the wire.
pub const CLASSES_MAX: usize = 31;
/// Fields of one class or of the inputs; a mask of changed columns is one varint.
pub const FIELDS_MAX: usize = 24;
/// Presses are a running count of two bits on the wire.
pub const PRESS_MASK: i32 = 3;
const QUANTUM_MAX: f64 = 1_073_741_823.0; // 2^30 - 1: differences still fit an i32

#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// Kept in steps of `step`; outside `min..=max` it is clamped and counted.
    Number {
        min: f64,
        max: f64,
        step: f64,
    },
    /// Radians; wraps; 1/1024 turn.
    Angle,
    Flag,
    /// One of these names; a script sees the name, the wire its index from 0.
    Choice(Vec<String>),
    /// Inputs only: how often a key went down since the last input. On the wire a running count mod 4.
    Press,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub kind: FieldKind,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    pub name: String,
    /// Ascending by name.
    pub fields: Vec<Field>,
    /// Sent once with a velocity and moved by both sides. Needs number fields `x` and `y` of one step.
    pub linear: bool,
    /// Ticks after which an entity of this class ends by itself; 0 = never. Linear classes only.
    pub life_ticks: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    pub tick_rate: u32,
    /// Ascending by name.
    pub classes: Vec<Class>,
    /// Ascending by name.
    pub inputs: Vec<Field>,
}

impl FieldKind {
    /// To wire steps; the flag says that the value was outside its range (or no number) and has been clamped.
    pub fn quantise(&self, value: f64) -> (i32, bool) {
        if value.is_nan() {
            return (self.quantise_in_range(0.0), true);
        }
        match self {
            Self::Number { min, max, step } => {
                let slack = step * 0.5;
                let outside = value < min - slack || value > max + slack;
                (self.quantise_in_range(value), outside)
            }
            _ => (self.quantise_in_range(value), false),
        }
    }

    fn quantise_in_range(&self, value: f64) -> i32 {
        match self {
            Self::Number { min, max, step } => (value.clamp(*min, *max) / step).round() as i32,
            Self::Angle => ((value / TAU * f64::from(TURN)).round() as i64).rem_euclid(i64::from(TURN)) as i32,
            Self::Flag => i32::from(value != 0.0),
            Self::Choice(names) => (value as i32).clamp(0, names.len() as i32 - 1),
            Self::Press => (value as i64 & i64::from(PRESS_MASK)) as i32,
        }
    }

    /// From wire steps to real units: radians, 0 or 1, an index, a count.
    pub fn dequantise(&self, steps: i32) -> f64 {
        match self {
            Self::Number { step, .. } => f64::from(steps) * step,
            Self::Angle => f64::from(steps) * TAU / f64::from(TURN),
            _ => f64::from(steps),
        }
    }

    /// Whether `steps` can stand on the wire for this kind. Decoders refuse everything else.
    pub fn holds(&self, steps: i32) -> bool {
        match self {
            Self::Number { min, max, step } => {
                steps >= (min / step).round() as i32 && steps <= (max / step).round() as i32
            }
            Self::Angle => (0..TURN).contains(&steps),
            Self::Flag => (0..=1).contains(&steps),
            Self::Choice(names) => (0..names.len() as i32).contains(&steps),
            Self::Press => (0..=PRESS_MASK).contains(&steps),
        }
    }

    /// Refuses what could not be quantised: not finite, empty or too wide for the wire.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Number { min, max, step } => {
                if ![min, max, step].into_iter().all(|n| n.is_finite()) || *step <= 0.0 || min >= max {
                    Err("number(min, max, step) needs min < max and step > 0")
                } else if min.abs().max(max.abs()) / step > QUANTUM_MAX {
                    Err("number(min, max, step) has too many steps for the wire")
                } else {
                    Ok(())
                }
            }
            Self::Choice(names) if names.is_empty() || names.len() > 256 => Err("choice{…} needs 1 to 256 names"),
            _ => Ok(()),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Number { min, max, step } => {
                Value::List(vec!["number".into(), Value::Number(*min), Value::Number(*max), Value::Number(*step)])
            }
            Self::Angle => Value::List(vec!["angle".into()]),
            Self::Flag => Value::List(vec!["flag".into()]),
            Self::Choice(names) => {
                let mut list = vec!["choice".into()];
                list.extend(names.iter().map(|n| Value::from(n.as_str())));
                Value::List(list)
            }
            Self::Press => Value::List(vec!["press".into()]),
        }
    }

    fn from_value(value: &Value) -> Result<Self, CodecError> {
        let list = value.list().ok_or(CodecError::Shape)?;
        let number = |i: usize| list.get(i).and_then(Value::number).ok_or(CodecError::Shape);
        let kind = match list.first().and_then(Value::text) {
            Some("number") => Self::Number { min: number(1)?, max: number(2)?, step: number(3)? },
            Some("angle") => Self::Angle,
            Some("flag") => Self::Flag,
            Some("press") => Self::Press,
            Some("choice") => Self::Choice(
                list[1..]
                    .iter()
                    .map(|v| v.text().map(str::to_owned).ok_or(CodecError::Shape))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err(CodecError::Shape),
        };
        kind.check().map_err(|_| CodecError::Range)?;
        Ok(kind)
    }
}

/// What a column of a class holds; see [`Class::columns`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'a> {
    /// The owning player's number, 0 for none.
    Owner,
    Field(&'a Field),
    /// Velocity in the position's steps per second.
    VelocityX,
    VelocityY,
    /// The tick at which x and y held.
    Since,
    /// The tick at which the entity is gone; 0 = never.
    Ends,
}

impl Class {
    /// `owner`, the fields, then `vx vy since ends` for linear classes.
    pub fn columns(&self) -> impl Iterator<Item = Column<'_>> {
        let linear: &[Column<'_>] =
            if self.linear { &[Column::VelocityX, Column::VelocityY, Column::Since, Column::Ends] } else { &[] };
        std::iter::once(Column::Owner).chain(self.fields.iter().map(Column::Field)).chain(linear.iter().copied())
    }

    pub fn width(&self) -> usize {
        1 + self.fields.len() + if self.linear { 4 } else { 0 }
    }

    /// Where the first hidden column of a linear class stands (`vx`; then `vy`, `since`, `ends`).
    pub fn velocity_column(&self) -> usize {
        1 + self.fields.len()
    }

    pub fn since_column(&self) -> usize {
        3 + self.fields.len()
    }

    pub fn ends_column(&self) -> usize {
        4 + self.fields.len()
    }

    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    fn check(&self) -> Result<(), CodecError> {
        let step = |name: &str| match self.field(name).map(|i| &self.fields[i].kind) {
            Some(FieldKind::Number { step, .. }) => Some(*step),
            _ => None,
        };
        let linear_ok = !self.linear || (step("x").is_some() && step("x") == step("y"));
        if self.fields.len() > FIELDS_MAX || !linear_ok { Err(CodecError::Shape) } else { Ok(()) }
    }
}

impl Schema {
    pub fn class(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|c| c.name == name)
    }

    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|f| f.name == name)
    }

    /// The form that travels in the join answer.
    pub fn to_value(&self) -> Value {
        let fields = |fields: &[Field]| {
            Value::List(fields.iter().map(|f| Value::List(vec![f.name.as_str().into(), f.kind.to_value()])).collect())
        };
        let class = |c: &Class| {
            Value::map([
                ("name", c.name.as_str().into()),
                ("fields", fields(&c.fields)),
                ("linear", if c.linear { true.into() } else { Value::Nil }),
                ("life", if c.life_ticks > 0 { c.life_ticks.into() } else { Value::Nil }),
            ])
        };
        Value::map([
            ("tick_rate", self.tick_rate.into()),
            ("classes", Value::List(self.classes.iter().map(class).collect())),
            ("inputs", fields(&self.inputs)),
        ])
    }

    pub fn from_value(value: &Value) -> Result<Self, CodecError> {
        let fields = |value: &Value| -> Result<Vec<Field>, CodecError> {
            let field = |v: &Value| {
                let [name, kind] = v.list().ok_or(CodecError::Shape)? else { return Err(CodecError::Shape) };
                let name = name.text().ok_or(CodecError::Shape)?.to_owned();
                Ok(Field { name, kind: FieldKind::from_value(kind)? })
            };
            value.list().ok_or(CodecError::Shape)?.iter().map(field).collect()
        };
        let class = |v: &Value| {
            let class = Class {
                name: v.get("name").text().ok_or(CodecError::Shape)?.to_owned(),
                fields: fields(v.get("fields"))?,
                linear: v.get("linear").bool().unwrap_or(false),
                life_ticks: v.get("life").u32().unwrap_or(0),
            };
            class.check().map(|()| class)
        };
        let classes = value.get("classes").list().ok_or(CodecError::Shape)?;
        let schema = Self {
            tick_rate: value.get("tick_rate").u32().filter(|r| (1..=240).contains(r)).ok_or(CodecError::Shape)?,
            classes: classes.iter().map(class).collect::<Result<_, _>>()?,
            inputs: fields(value.get("inputs"))?,
        };
        if schema.classes.len() > CLASSES_MAX || schema.inputs.len() > FIELDS_MAX {
            return Err(CodecError::Count);
        }
        Ok(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_is_stable() {
        let x = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
        for steps in -127..=127 {
            assert_eq!(x.quantise(x.dequantise(steps)), (steps, false));
        }
        assert_eq!(x.quantise(9.0), (127, true));
        assert_eq!(x.quantise(f64::NAN), (0, true));
        for steps in 0..TURN {
            assert_eq!(FieldKind::Angle.quantise(FieldKind::Angle.dequantise(steps) - TAU), (steps, false));
        }
    }

    #[test]
    fn schemas_round_trip() {
        let number = FieldKind::Number { min: 0.0, max: 1000.0, step: 0.125 };
        let field = |name: &str, kind: &FieldKind| Field { name: name.into(), kind: kind.clone() };
        let schema = Schema {
            tick_rate: 30,
            classes: vec![Class {
                name: "bullet".into(),
                fields: vec![field("x", &number), field("y", &number)],
                linear: true,
                life_ticks: 30,
            }],
            inputs: vec![
                field("fire", &FieldKind::Press),
                field("mode", &FieldKind::Choice(vec!["a".into(), "b".into()])),
            ],
        };
        assert_eq!(Schema::from_value(&schema.to_value()), Ok(schema));
    }
}
