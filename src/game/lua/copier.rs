//! Entities out of the VM: an array of doubles that the generated copiers fill, quantised into a [`World`].
//!
//! Linear entities are sent once with a velocity; their columns stay as they are while the script's positions follow
//! the same straight line, and are based anew when they do not.
#![allow(unsafe_code, reason = "the copier writes through FFI, which only an unsafe constructor loads")]

use mlua::{Function, LightUserData, Lua, LuaOptions, StdLib, Table};

use super::sandbox::Vm;
use crate::{
    game::{Effects, GameError, LogLevel},
    protocol::{
        EntityId, Tick,
        schema::{Class, FieldKind, Schema},
        world::{Rows, World},
    },
};

/// Room for this many doubles at first; grown between ticks when a room needs more.
const FIRST_DOUBLES: usize = 256;
/// What the copier writes before the fields: id and owner.
const FIRST_FIELD: usize = 2;
/// Velocities beyond this many steps a second are no motion that a client could show.
const STEPS_MAX: f64 = 1_073_741_823.0;

/// A VM with what the prelude needs, FFI among it.
pub(super) fn new_state() -> Lua {
    let safe = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::BIT | StdLib::JIT;
    // SAFETY: what is unsafe about the two other libraries is taken away from module code by sandbox.lua, before any
    // module runs: it is left in upvalues of the prelude only. The prelude's one pointer is checked against its size.
    unsafe { Lua::unsafe_new_with(safe | StdLib::FFI | StdLib::DEBUG, LuaOptions::default()) }
}

pub(super) struct Copier {
    /// The generated code writes here. Never moved or freed while the VM holds its address.
    doubles: Box<[f64]>,
    copy: Function,
    buffer: Function,
    /// How each class's rows are read.
    plans: Vec<Plan>,
    /// What was handed out last: velocities hold against it, and a value that is no number keeps its old self.
    last: World,
    next: World,
    /// Values outside their range, ever.
    clamped: u64,
    /// Fields already named in the log, as (class, column).
    named: Vec<(usize, usize)>,
}

impl Copier {
    pub(super) fn new(vm: &Vm, schema: &Schema) -> mlua::Result<Self> {
        let entities: Table = vm.engine.raw_get("entities")?;
        let mut copier = Self {
            doubles: Box::default(),
            copy: entities.raw_get("copy")?,
            buffer: entities.raw_get("buffer")?,
            plans: schema.classes.iter().map(Plan::new).collect(),
            last: World::empty(schema),
            next: World::empty(schema),
            clamped: 0,
            named: Vec::new(),
        };
        copier.grow(FIRST_DOUBLES)?;
        Ok(copier)
    }

    pub(super) const fn clamped(&self) -> u64 {
        self.clamped
    }

    /// A larger array. The VM gets the new address before the old array goes, and runs nothing in between.
    fn grow(&mut self, doubles: usize) -> mlua::Result<()> {
        let mut larger = vec![0.0; doubles.next_power_of_two()].into_boxed_slice();
        self.buffer.call::<()>((LightUserData(larger.as_mut_ptr().cast()), larger.len()))?;
        self.doubles = larger;
        Ok(())
    }

    /// Fills `world` with what stands in the script's entities at `tick`. An error names the first field that is not
    /// of its kind; `world` is whole even then.
    pub(super) fn collect(
        &mut self,
        vm: &Vm,
        schema: &Schema,
        tick: Tick,
        world: &mut World,
        effects: &mut Effects,
    ) -> Result<(), GameError> {
        let mut written: usize = vm.call("collect", &self.copy, ())?;
        if written > self.doubles.len() {
            self.grow(written).map_err(|_| GameError::Memory("collect"))?;
            written = vm.call("collect", &self.copy, ())?;
        }
        let mut reader = Quantiser { tick, tick_rate: schema.tick_rate, clamped: Vec::new(), wrong: None, count: 0 };
        self.next.clear();
        let (counts, mut rows) = self.doubles[..written.min(self.doubles.len())].split_at(schema.classes.len());
        for (index, (class, plan)) in schema.classes.iter().zip(&self.plans).enumerate() {
            let (mine, rest) = rows.split_at((counts[index] as usize * plan.width).min(rows.len()));
            rows = rest;
            let (last, next) = (&self.last.classes[index], &mut self.next.classes[index]);
            // Both ascend by id: the old row is looked for from the one before on.
            let mut from = 0;
            for row in mine.chunks_exact(plan.width) {
                let id = row[0] as EntityId;
                while last.ids.get(from).is_some_and(|known| *known < id) {
                    from += 1;
                }
                let old = (last.ids.get(from) == Some(&id)).then_some(from);
                reader.row(index, class, plan, row, old.map(|row| (last, row)), next);
            }
        }
        let Quantiser { clamped, wrong, count, .. } = reader;
        copy_world(&self.next, world);
        std::mem::swap(&mut self.last, &mut self.next);
        self.report_clamped(vm, schema, &clamped, effects);
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(self.wrong_kind(vm, schema, &wrong, count)),
        }
    }

    /// What was told of a linear entity's motion: x, y, vx, vy, since. None where nothing was, or nothing moves.
    pub(super) fn line(&self, schema: &Schema, class: usize, id: EntityId) -> Option<[i32; 5]> {
        let columns = line_columns(schema.classes.get(class)?)?;
        let rows = self.last.classes.get(class)?;
        let row = rows.row_of(id)?;
        Some(columns.map(|column| rows.values[column][row]))
    }

    /// On a fresh copier, in ascending order of ids: goes on from [`Self::line`], so that the same is told as before.
    pub(super) fn resume(&mut self, schema: &Schema, class: &str, id: EntityId, line: [i32; 5]) {
        let Some(index) = schema.classes.iter().position(|known| known.name == class) else { return };
        let Some(columns) = line_columns(&schema.classes[index]) else { return };
        let rows = &mut self.last.classes[index];
        rows.ids.push(id);
        rows.values.iter_mut().for_each(|column| column.push(0));
        let row = rows.ids.len() - 1;
        columns.iter().zip(line).for_each(|(&column, value)| rows.values[column][row] = value);
    }

    fn report_clamped(&mut self, vm: &Vm, schema: &Schema, clamped: &[Place], effects: &mut Effects) {
        self.clamped += clamped.len() as u64;
        for place in clamped {
            if self.named.contains(&(place.class, place.field)) {
                continue;
            }
            self.named.push((place.class, place.field));
            let class = &schema.classes[place.class];
            let name = &class.fields[place.field].name;
            let value = self.describe(vm, place.id, name);
            let text = format!(
                "{} {}: field {name} = {value} is outside its range and was clamped (told once for this field)",
                class.name, place.id
            );
            effects.push(super::outbox::log(LogLevel::Error, &text));
        }
    }

    fn wrong_kind(&self, vm: &Vm, schema: &Schema, wrong: &Place, count: u32) -> GameError {
        let class = &schema.classes[wrong.class];
        let (name, wanted) = match class.fields.get(wrong.field) {
            Some(field) => (field.name.as_str(), kind_name(&field.kind)),
            None if wrong.field == OWNER => ("owner", "a player or nil".to_owned()),
            None => ("velocity", "a table { x = number, y = number }".to_owned()),
        };
        let value = self.describe(vm, wrong.id, name);
        let more = if count > 1 { format!(" (and {} more like it)", count - 1) } else { String::new() };
        GameError::Script(format!("{} {}: field {name} is {value}, not {wanted}{more}", class.name, wrong.id))
    }

    fn describe(&self, vm: &Vm, id: EntityId, field: &str) -> String {
        let describe = || -> mlua::Result<Function> {
            let population: Table = vm.engine.raw_get::<Table>("entities")?.raw_get("population")?;
            population.raw_get("describe")
        };
        let said = describe().ok().and_then(|describe| vm.call("collect", &describe, (id, field)).ok());
        said.unwrap_or_else(|| "unknown".to_owned())
    }
}

/// A class's names, looked up once.
struct Plan {
    /// Doubles of a row.
    width: usize,
    line: Option<Line>,
}

/// What moves by itself.
struct Line {
    /// Fields x and y, and their step.
    place: [usize; 2],
    step: f64,
    columns: [usize; 5],
}

impl Plan {
    fn new(class: &Class) -> Self {
        let line = line_columns(class).map(|columns| {
            let place = [columns[0] - 1, columns[1] - 1];
            let step = match class.fields[place[0]].kind {
                FieldKind::Number { step, .. } => step,
                _ => 1.0, // never: a declaration with another kind of x is refused
            };
            Line { place, step, columns }
        });
        Self { width: FIRST_FIELD + class.fields.len() + if class.linear { 3 } else { 0 }, line }
    }
}

/// Where a linear class has x, y, vx, vy and since.
fn line_columns(class: &Class) -> Option<[usize; 5]> {
    let (x, y) = (class.field("x")?, class.field("y")?);
    let velocity = class.velocity_column();
    class.linear.then(|| [1 + x, 1 + y, velocity, velocity + 1, class.since_column()])
}

fn kind_name(kind: &FieldKind) -> String {
    let name = match kind {
        FieldKind::Number { .. } => "a number",
        FieldKind::Angle => "an angle in radians",
        FieldKind::Flag => "true or false",
        FieldKind::Choice(names) => return format!("one of {}", names.join(", ")),
        FieldKind::Press => "a press",
    };
    name.to_owned()
}

fn copy_world(from: &World, to: &mut World) {
    to.classes.resize_with(from.classes.len(), Rows::default);
    for (from, to) in from.classes.iter().zip(&mut to.classes) {
        to.ids.clone_from(&from.ids);
        to.values.clone_from(&from.values);
    }
}

/// A field of an entity; [`OWNER`] and [`VELOCITY`] stand for the two that are no declared fields.
struct Place {
    class: usize,
    id: EntityId,
    field: usize,
}

const OWNER: usize = usize::MAX;
const VELOCITY: usize = usize::MAX - 1;

struct Quantiser {
    tick: Tick,
    tick_rate: u32,
    clamped: Vec<Place>,
    wrong: Option<Place>,
    count: u32,
}

impl Quantiser {
    fn is_wrong(&mut self, class: usize, id: EntityId, field: usize) {
        self.count += 1;
        self.wrong.get_or_insert(Place { class, id, field });
    }

    /// Appends one entity: `row` is id, owner, fields, and for linear classes vx, vy, ends.
    fn row(
        &mut self,
        index: usize,
        class: &Class,
        plan: &Plan,
        row: &[f64],
        old: Option<(&Rows, usize)>,
        next: &mut Rows,
    ) {
        let id = row[0] as EntityId;
        let before = |column: usize| old.map(|(last, row)| last.values[column][row]);
        next.ids.push(id);
        next.values[0].push(if row[1].is_nan() {
            self.is_wrong(index, id, OWNER);
            before(0).unwrap_or(0)
        } else {
            row[1] as i32
        });
        let place = plan.line.as_ref().map_or([usize::MAX; 2], |line| line.place);
        for (field, declared) in class.fields.iter().enumerate().filter(|(field, _)| !place.contains(field)) {
            let value = self.field(index, id, field, &declared.kind, row[FIRST_FIELD + field]);
            next.values[field + 1].push(value.or(before(field + 1)).unwrap_or_else(|| declared.kind.quantise(0.0).0));
        }
        if let Some(line) = &plan.line {
            self.linear(index, class, line, row, old, next);
        }
    }

    fn field(&mut self, class: usize, id: EntityId, field: usize, kind: &FieldKind, value: f64) -> Option<i32> {
        if value.is_nan() || (value.is_infinite() && matches!(kind, FieldKind::Angle)) {
            self.is_wrong(class, id, field);
            return None;
        }
        let (steps, outside) = kind.quantise(value);
        if outside {
            self.clamped.push(Place { class, id, field });
        }
        Some(steps)
    }

    /// x, y, vx, vy, since and ends of a linear entity: the old ones while they still tell where it is.
    fn linear(
        &mut self,
        index: usize,
        class: &Class,
        line: &Line,
        row: &[f64],
        old: Option<(&Rows, usize)>,
        next: &mut Rows,
    ) {
        let id = row[0] as EntityId;
        let Line { place: [x, y], step, columns } = *line;
        let velocity_at = FIRST_FIELD + class.fields.len();
        let position = [row[FIRST_FIELD + x], row[FIRST_FIELD + y]];
        let velocity =
            [row[velocity_at], row[velocity_at + 1]].map(|v| (v / step).round().clamp(-STEPS_MAX, STEPS_MAX));
        let ends = row[velocity_at + 2] as i32;

        for (_, field) in position.iter().zip([x, y]).filter(|(value, _)| value.is_nan()) {
            self.is_wrong(index, id, field);
        }
        if velocity.iter().any(|v| v.is_nan()) {
            self.is_wrong(index, id, VELOCITY);
        }
        let broken = position.iter().chain(&velocity).any(|v| v.is_nan());
        let kept = old.map(|(rows, row)| columns.map(|column| rows.values[column][row]));
        let values = match kept {
            Some(kept) if broken || self.holds(kept, position, velocity, step) => kept,
            _ if broken => [0, 0, 0, 0, self.tick as i32],
            _ => {
                let mut based = [0; 5];
                for (i, field) in [x, y].into_iter().enumerate() {
                    based[i] = self.field(index, id, field, &class.fields[field].kind, position[i]).unwrap_or_default();
                }
                [based[0], based[1], velocity[0] as i32, velocity[1] as i32, self.tick as i32]
            }
        };
        columns.iter().zip(values).for_each(|(&column, value)| next.values[column].push(value));
        next.values[class.ends_column()].push(ends);
    }

    /// Whether what clients compute from these columns is still within a step of where the script has the entity.
    fn holds(&self, [x, y, vx, vy, since]: [i32; 5], position: [f64; 2], velocity: [f64; 2], step: f64) -> bool {
        let seconds = f64::from(self.tick.wrapping_sub(since as Tick)) / f64::from(self.tick_rate);
        let near = |base: i32, v: i32, now: f64| (f64::from(base) + f64::from(v) * seconds - now / step).abs() <= 1.0;
        velocity == [f64::from(vx), f64::from(vy)] && near(x, vx, position[0]) && near(y, vy, position[1])
    }
}
