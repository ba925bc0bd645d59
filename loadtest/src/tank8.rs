//! A driver for tank8 that knows its rules: it drives in circles, shoots, and tells where its tank must stand.
//!
//! The rule: (mx, my) shortened to length 1 when longer, times 120 units a second, inside 0..1000; the turret is the aim.
//! Between two snapshots with equal counts of substitutions and skips exactly the inputs in between were applied, one a
//! tick, so the position follows; where the counts differ the driver starts again from what it is shown.

use std::f64::consts::TAU;

use airboat::protocol::{
    mirror::Mirror,
    schema::{Field, FieldKind, PRESS_MASK, Schema},
    snapshot::InputReport,
};

use crate::{Failure, client::Client};

const SPEED: f64 = 120.0;
const SIDE: f64 = 1000.0;
/// Both ends round to the wire's step: the first position by half of it, the one compared with by another half.
const TOLERANCE: f64 = 1.0 / 8.0 + 1e-9;
/// Inputs in one turn of the driving direction; the turret turns the other way, faster.
const CIRCLE: f64 = 300.0;
const FIRE_EVERY: u32 = 15;

/// Where tank8's fields stand in its schema.
#[derive(Debug, Clone)]
struct Places {
    class: usize,
    /// Columns of the class.
    x: usize,
    y: usize,
    turret: usize,
    /// Input fields.
    mx: usize,
    my: usize,
    aim: usize,
    fire: usize,
}

#[derive(Debug, Clone)]
pub struct Driver {
    places: Places,
    schema: Schema,
    /// Where in the circle to begin, 0..1: bots should not all do the same.
    phase: f64,
    inputs: u32,
    shots: i32,
    believed: Option<(f64, f64)>,
    report: InputReport,
    pub checks: Checks,
}

/// How often the position could be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    pub exact: u64,
    pub resynchronised: u64,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Wrong {
    #[error("input {applied}: the tank should stand at {expected:?} and is shown at {shown:?}")]
    Position { applied: u32, expected: (f64, f64), shown: (f64, f64) },
    #[error("input {applied}: the turret should point to {expected} and is shown at {shown}")]
    Turret { applied: u32, expected: i32, shown: i32 },
}

impl Places {
    fn find(schema: &Schema) -> Option<Self> {
        let class = schema.class("tank")?;
        let column = |name| schema.classes[class].field(name).map(|field| field + 1); // owner comes first
        Some(Self {
            class,
            x: column("x")?,
            y: column("y")?,
            turret: column("turret")?,
            mx: schema.input("mx")?,
            my: schema.input("my")?,
            aim: schema.input("aim")?,
            fire: schema.input("fire")?,
        })
    }
}

impl Driver {
    /// Begins with the room as it was joined.
    pub fn new(mirror: &Mirror, player: u32, phase: f64) -> Result<Self, Failure> {
        let schema = mirror.schema.clone();
        let places = Places::find(&schema).ok_or("the module's schema is not tank8's")?;
        let mut driver = Self {
            places,
            schema,
            phase,
            inputs: 0,
            shots: 0,
            believed: None,
            report: mirror.report,
            checks: Checks::default(),
        };
        driver.believed = driver.shown(mirror, player).map(|shown| shown.position);
        Ok(driver)
    }

    /// The next input, in wire steps by the schema's order.
    pub fn input(&mut self) -> Vec<i32> {
        let turn = (self.phase + f64::from(self.inputs) / CIRCLE) * TAU;
        self.inputs += 1;
        if self.inputs.is_multiple_of(FIRE_EVERY) {
            self.shots = (self.shots + 1) & PRESS_MASK;
        }
        let mut steps = vec![0; self.schema.inputs.len()];
        for (place, value) in
            [(self.places.mx, turn.cos()), (self.places.my, turn.sin()), (self.places.aim, -3.0 * turn)]
        {
            steps[place] = self.schema.inputs[place].kind.quantise(value).0;
        }
        steps[self.places.fire] = self.shots;
        steps
    }

    /// After each new snapshot: does the tank stand where the applied inputs must have taken it?
    pub fn check(&mut self, client: &Client) -> Result<(), Wrong> {
        let (Some(mirror), Some(player)) = (client.mirror(), client.player()) else { return Ok(()) };
        let before = std::mem::replace(&mut self.report, mirror.report);
        let shown = self.shown(mirror, player);
        let believed = std::mem::replace(&mut self.believed, shown.as_ref().map(|shown| shown.position));
        let (Some(shown), Some(believed)) = (shown, believed) else { return Ok(()) };
        let Some((expected, aim)) = self.follow(client, believed, before, mirror.report) else {
            self.checks.resynchronised += 1;
            return Ok(());
        };
        self.checks.exact += 1;
        let applied = mirror.report.applied;
        let apart = (expected.0 - shown.position.0).abs().max((expected.1 - shown.position.1).abs());
        if apart > TOLERANCE {
            return Err(Wrong::Position { applied, expected, shown: shown.position });
        }
        self.believed = Some(expected);
        match aim {
            Some(aim) if aim != shown.turret => Err(Wrong::Turret { applied, expected: aim, shown: shown.turret }),
            _ => Ok(()),
        }
    }

    /// The position after the inputs applied between two reports, and the last one's aim. None where it cannot be told.
    fn follow(
        &self,
        client: &Client,
        from: (f64, f64),
        before: InputReport,
        after: InputReport,
    ) -> Option<((f64, f64), Option<i32>)> {
        if (before.substitutions, before.skips) != (after.substitutions, after.skips) {
            return None;
        }
        let mut at = from;
        let mut aim = None;
        for number in before.applied.wrapping_add(1)..=after.applied {
            let steps = &client.sent(number)?.steps;
            at = self.drive(at, steps);
            aim = Some(steps[self.places.aim]);
        }
        Some((at, aim))
    }

    /// The movement rule itself.
    fn drive(&self, (x, y): (f64, f64), steps: &[i32]) -> (f64, f64) {
        let value = |place: usize| self.schema.inputs[place].kind.dequantise(steps[place]);
        let (mut mx, mut my) = (value(self.places.mx), value(self.places.my));
        let length = mx.hypot(my);
        if length > 1.0 {
            (mx, my) = (mx / length, my / length);
        }
        let reach = SPEED / f64::from(self.schema.tick_rate);
        ((x + mx * reach).clamp(0.0, SIDE), (y + my * reach).clamp(0.0, SIDE))
    }

    fn shown(&self, mirror: &Mirror, player: u32) -> Option<Shown> {
        let rows = mirror.world().classes.get(self.places.class)?;
        let row = rows.values.first()?.iter().position(|owner| *owner == player as i32)?;
        let step = |column: usize| rows.values[column][row];
        let value = |column: usize| kind(&self.schema, self.places.class, column).dequantise(step(column));
        Some(Shown { position: (value(self.places.x), value(self.places.y)), turret: step(self.places.turret) })
    }
}

struct Shown {
    position: (f64, f64),
    turret: i32,
}

fn kind(schema: &Schema, class: usize, column: usize) -> &FieldKind {
    let field: &Field = &schema.classes[class].fields[column - 1];
    &field.kind
}
