//! The body of a snapshot: what differs between two worlds, column by column.
//!
//! ```text
//! body   := block*                                            one for each class in which anything differs
//! block  := u8 class << 3 | flags                             1 removed, 2 new, 4 changed
//!   removed := varint count, varint row gaps                  rows of the baseline (after expiry), ascending
//!   new     := varint count, signed first id - highest baseline id, varint id gaps, then column by column a signed value
//!   changed := varint mask, varint full, then for each column in mask:
//!              [bitmap over the kept rows unless in full], signed differences
//! ```
//! Both sides first drop what [`World::expire`] drops from the baseline. `since` and `ends` of new entities are written
//! relative to the tick. Angles differ the short way round.

mod encoder;

pub use encoder::{Encoder, Part, price};

use super::{
    CodecError, Tick,
    schema::{Class, Column, FieldKind, Schema, TURN},
    varint::Reader,
    world::{Rows, World},
};

const REMOVED: u8 = 1;
const NEW: u8 = 2;
const CHANGED: u8 = 4;
/// A decoder refuses to hold more entities of a class than this.
pub const ENTITIES_MAX: usize = 16_384;

/// Appends the difference that turns `baseline` (at or before `tick`) into `current`. Whoever does this often keeps an
/// [`Encoder`].
pub fn encode(out: &mut Vec<u8>, schema: &Schema, baseline: &World, current: &World, tick: Tick) {
    Encoder::default().encode(out, schema, baseline, current, tick);
}

/// `since` and `ends` travel relative to the tick; an `ends` of 0 (never) stays 0, which no running life can be.
fn relative(column: Column<'_>, value: i32, tick: Tick) -> i32 {
    match column {
        Column::Since => value.wrapping_sub(tick as i32),
        Column::Ends if value != 0 => value.wrapping_sub(tick as i32),
        _ => value,
    }
}

fn absolute(column: Column<'_>, value: i32, tick: Tick) -> i32 {
    match column {
        Column::Since => value.wrapping_add(tick as i32),
        Column::Ends if value != 0 => value.wrapping_add(tick as i32),
        _ => value,
    }
}

fn is_angle(column: Column<'_>) -> bool {
    matches!(column, Column::Field(field) if field.kind == FieldKind::Angle)
}

fn difference(column: Column<'_>, before: i32, after: i32) -> i32 {
    let difference = after.wrapping_sub(before);
    if is_angle(column) { (difference + TURN / 2).rem_euclid(TURN) - TURN / 2 } else { difference }
}

fn sum(column: Column<'_>, before: i32, difference: i32) -> Result<i32, CodecError> {
    let after = before.wrapping_add(difference);
    if is_angle(column) {
        return Ok(after.rem_euclid(TURN));
    }
    check(column, after)
}

fn check(column: Column<'_>, value: i32) -> Result<i32, CodecError> {
    match column {
        Column::Field(field) if !field.kind.holds(value) => Err(CodecError::Range),
        _ => Ok(value),
    }
}

/// Turns `world` (the baseline, already a copy) into the state at `tick`. On an error it is left half done: drop it.
pub fn decode(reader: &mut Reader<'_>, schema: &Schema, world: &mut World, tick: Tick) -> Result<(), CodecError> {
    world.expire(schema, tick);
    let mut lowest = 0;
    while !reader.is_empty() {
        let head = reader.u8()?;
        let index = usize::from(head >> 3);
        let class = schema.classes.get(index).filter(|_| index >= lowest).ok_or(CodecError::Range)?;
        lowest = index + 1;
        decode_class(reader, head & 7, class, &mut world.classes[index], tick)?;
    }
    Ok(())
}

fn decode_class(
    reader: &mut Reader<'_>,
    flags: u8,
    class: &Class,
    rows: &mut Rows,
    tick: Tick,
) -> Result<(), CodecError> {
    let highest = rows.ids.last().copied().unwrap_or(0);
    if flags & REMOVED != 0 {
        decode_removed(reader, rows)?;
    }
    let added = if flags & NEW != 0 { Some(decode_new(reader, class, highest, tick)?) } else { None };
    if flags & CHANGED != 0 {
        decode_changed(reader, class, rows)?;
    }
    if let Some(added) = added {
        merge(rows, added)?;
    }
    Ok(())
}

fn decode_removed(reader: &mut Reader<'_>, rows: &mut Rows) -> Result<(), CodecError> {
    let count = reader.varint()? as usize;
    if count > rows.len() {
        return Err(CodecError::Count);
    }
    let mut gone = vec![false; rows.len()];
    let mut next = 0usize;
    for _ in 0..count {
        let row = next + reader.varint()? as usize;
        *gone.get_mut(row).ok_or(CodecError::Range)? = true;
        next = row + 1;
    }
    rows.retain(|_, row| !gone[row]);
    Ok(())
}

fn decode_new(reader: &mut Reader<'_>, class: &Class, highest: u32, tick: Tick) -> Result<Rows, CodecError> {
    let count = reader.varint()? as usize;
    if count == 0 || count > ENTITIES_MAX || count > reader.remaining() {
        return Err(CodecError::Count);
    }
    let mut added = Rows::for_class(class);
    let mut id = highest.wrapping_add(reader.signed()? as u32);
    added.ids.push(id);
    for _ in 1..count {
        id = id.checked_add(reader.varint()?).and_then(|id| id.checked_add(1)).ok_or(CodecError::Range)?;
        added.ids.push(id);
    }
    for (column, values) in class.columns().zip(&mut added.values) {
        for _ in 0..count {
            values.push(check(column, absolute(column, reader.signed()?, tick))?);
        }
    }
    Ok(added)
}

fn decode_changed(reader: &mut Reader<'_>, class: &Class, rows: &mut Rows) -> Result<(), CodecError> {
    let (mask, full) = (reader.varint()?, reader.varint()?);
    if mask >> class.width() != 0 || full & !mask != 0 {
        return Err(CodecError::Range);
    }
    let kept = rows.len();
    for (index, column) in class.columns().enumerate().filter(|(i, _)| mask & 1 << i != 0) {
        let bitmap = if full & 1 << index == 0 { Some(reader.take(kept.div_ceil(8))?) } else { None };
        for (row, value) in rows.values[index].iter_mut().enumerate() {
            if bitmap.is_none_or(|bits| bits[row / 8] & 1 << (row % 8) != 0) {
                *value = sum(column, *value, reader.signed()?)?;
            }
        }
    }
    Ok(())
}

/// Puts new rows among the kept ones; an id on both sides is an error.
fn merge(rows: &mut Rows, added: Rows) -> Result<(), CodecError> {
    if rows.len() + added.len() > ENTITIES_MAX {
        return Err(CodecError::Count);
    }
    if rows.ids.last() < added.ids.first() {
        rows.ids.extend(added.ids);
        rows.values.iter_mut().zip(added.values).for_each(|(column, new)| column.extend(new));
        return Ok(());
    }
    for (row, id) in added.ids.iter().enumerate() {
        let Err(place) = rows.ids.binary_search(id) else { return Err(CodecError::Range) };
        rows.ids.insert(place, *id);
        rows.values.iter_mut().zip(&added.values).for_each(|(column, new)| column.insert(place, new[row]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::schema::Field;

    /// Xorshift: enough randomness for tests, and the same everywhere.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % u64::from(n)) as u32
        }
    }

    fn schema() -> Schema {
        let number =
            |name: &str| Field { name: name.into(), kind: FieldKind::Number { min: -100.0, max: 1000.0, step: 0.125 } };
        let tank = vec![Field { name: "heading".into(), kind: FieldKind::Angle }, number("x"), number("y")];
        Schema {
            tick_rate: 30,
            classes: vec![
                Class { name: "bullet".into(), fields: vec![number("x"), number("y")], linear: true, life_ticks: 30 },
                Class { name: "tank".into(), fields: tank, linear: false, life_ticks: 0 },
            ],
            inputs: Vec::new(),
        }
    }

    /// One step of a random world: things come, go and move.
    fn mutate(random: &mut Random, schema: &Schema, world: &mut World, next_id: &mut u32, tick: Tick) {
        world.expire(schema, tick);
        for (class, rows) in schema.classes.iter().zip(&mut world.classes) {
            let doomed = random.below(6) as usize;
            rows.retain(|_, row| row != doomed);
            if random.below(3) == 0 {
                *next_id += 1 + random.below(3);
                rows.ids.push(*next_id);
                for (column, values) in class.columns().zip(&mut rows.values) {
                    values.push(match column {
                        Column::Since => tick as i32,
                        Column::Ends => (tick + 1 + random.below(20)) as i32,
                        _ => random.below(700) as i32,
                    });
                }
            }
            for (column, values) in class.columns().zip(&mut rows.values) {
                if let Column::Field(field) = column {
                    for value in values {
                        let moved = *value + random.below(40) as i32 - 20;
                        let moved = if field.kind == FieldKind::Angle { moved.rem_euclid(TURN) } else { moved };
                        if random.below(2) == 0 && field.kind.holds(moved) {
                            *value = moved;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn decoding_gives_what_was_encoded() {
        let seed = 0x5eed_0001;
        println!("seed {seed:#x}");
        let (mut random, schema) = (Random(seed), schema());
        let mut history = vec![World::empty(&schema)];
        let mut next_id = 0;
        for tick in 1..3000u32 {
            let mut world = history[history.len() - 1].clone();
            mutate(&mut random, &schema, &mut world, &mut next_id, tick);
            let back = random.below(history.len().min(60) as u32) as usize;
            let baseline = &history[history.len() - 1 - back];
            let mut bytes = Vec::new();
            encode(&mut bytes, &schema, baseline, &world, tick);
            let mut decoded = baseline.clone();
            decode(&mut Reader::new(&bytes), &schema, &mut decoded, tick).unwrap();
            assert_eq!(decoded, world, "tick {tick}");
            history.push(world);
        }
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let seed = 0x5eed_0002;
        println!("seed {seed:#x}");
        let (mut random, schema) = (Random(seed), schema());
        let mut world = World::empty(&schema);
        let mut next_id = 0;
        for tick in 1..200 {
            mutate(&mut random, &schema, &mut world, &mut next_id, tick);
        }
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.below(256) as u8).collect();
            let _ = decode(&mut Reader::new(&bytes), &schema, &mut world.clone(), 200);
        }
    }
}
