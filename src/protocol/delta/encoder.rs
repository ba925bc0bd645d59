//! The writing half: finds what differs and writes it down, in memory that is kept from one time to the next.

use super::{CHANGED, NEW, REMOVED, difference, relative};
use crate::protocol::{
    Tick,
    schema::{Class, Column, Schema},
    varint::{length, put, put_signed, zigzag},
    world::{Rows, World, is_over},
};

/// What bytes of a difference are spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Heads, masks, and who came and went.
    Frame,
    /// Values of one column.
    Column(usize),
}

/// Writes differences. What it holds is scratch: which rows of two worlds belong together.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Rows among the living rows of the old world that the new one lacks.
    removed: Vec<u32>,
    /// Rows of the new world that the old one lacks.
    added: Vec<usize>,
    /// (old row, new row) with one id.
    kept: Vec<(u32, u32)>,
    highest_old: u32,
}

/// Which columns differ anywhere, and which of those in every kept row.
struct Changes {
    mask: u32,
    full: u32,
}

impl Encoder {
    /// Appends the difference that turns `baseline` (at or before `tick`) into `current`.
    pub fn encode(&mut self, out: &mut Vec<u8>, schema: &Schema, baseline: &World, current: &World, tick: Tick) {
        self.encode_metered(out, schema, baseline, current, tick, &mut |_, _, _| ());
    }

    /// The same, and tells `meter` what each class's bytes were spent on: (class, part, bytes).
    pub fn encode_metered(
        &mut self,
        out: &mut Vec<u8>,
        schema: &Schema,
        baseline: &World,
        current: &World,
        tick: Tick,
        meter: &mut impl FnMut(usize, Part, usize),
    ) {
        for (index, class) in schema.classes.iter().enumerate() {
            let (old, new) = (&baseline.classes[index], &current.classes[index]);
            if !old.is_empty() || !new.is_empty() {
                self.encode_class(out, index, class, old, new, tick, &mut |part, bytes| meter(index, part, bytes));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and each says something else")]
    fn encode_class(
        &mut self,
        out: &mut Vec<u8>,
        index: usize,
        class: &Class,
        old: &Rows,
        new: &Rows,
        tick: Tick,
        meter: &mut impl FnMut(Part, usize),
    ) {
        self.pair(old, new, |row| !class.linear || !is_over(old.values[class.ends_column()][row], tick));
        let changes = self.changes(class, old, new);
        let flags = if self.removed.is_empty() { 0 } else { REMOVED }
            | if self.added.is_empty() { 0 } else { NEW }
            | if changes.mask == 0 { 0 } else { CHANGED };
        if flags == 0 {
            return;
        }
        let start = out.len();
        out.push((index as u8) << 3 | flags);
        if flags & REMOVED != 0 {
            put(out, self.removed.len() as u32);
            put_gaps(out, &self.removed);
        }
        meter(Part::Frame, out.len() - start);
        if flags & NEW != 0 {
            self.encode_new(out, class, new, tick, meter);
        }
        if flags & CHANGED != 0 {
            self.encode_changed(out, class, old, new, &changes, meter);
        }
    }

    fn pair(&mut self, old: &Rows, new: &Rows, alive: impl Fn(usize) -> bool) {
        self.removed.clear();
        self.added.clear();
        self.kept.clear();
        self.highest_old = 0;
        let mut next = 0;
        for (living, row) in (0..).zip((0..old.len()).filter(|row| alive(*row))) {
            let id = old.ids[row];
            self.highest_old = id;
            while next < new.len() && new.ids[next] < id {
                self.added.push(next);
                next += 1;
            }
            if next < new.len() && new.ids[next] == id {
                self.kept.push((row as u32, next as u32));
                next += 1;
            } else {
                self.removed.push(living);
            }
        }
        self.added.extend(next..new.len());
    }

    fn changes(&self, class: &Class, old: &Rows, new: &Rows) -> Changes {
        let mut changes = Changes { mask: 0, full: 0 };
        let aligned = self.kept.len() == old.len() && old.len() == new.len();
        for column in 0..class.width() {
            let (before, after) = (&old.values[column], &new.values[column]);
            if aligned && before == after {
                continue;
            }
            let differs = |(o, n): &&(u32, u32)| before[*o as usize] != after[*n as usize];
            let differing = self.kept.iter().filter(differs).count();
            if differing > 0 {
                changes.mask |= 1 << column;
                changes.full |= u32::from(differing == self.kept.len()) << column;
            }
        }
        changes
    }

    fn encode_new(
        &self,
        out: &mut Vec<u8>,
        class: &Class,
        new: &Rows,
        tick: Tick,
        meter: &mut impl FnMut(Part, usize),
    ) {
        let mut start = out.len();
        put(out, self.added.len() as u32);
        let first = new.ids[self.added[0]];
        put_signed(out, first.wrapping_sub(self.highest_old) as i32);
        for pair in self.added.windows(2) {
            put(out, new.ids[pair[1]] - new.ids[pair[0]] - 1);
        }
        meter(Part::Frame, out.len() - start);
        for (index, column) in class.columns().enumerate() {
            start = out.len();
            for row in &self.added {
                put_signed(out, relative(column, new.values[index][*row], tick));
            }
            meter(Part::Column(index), out.len() - start);
        }
    }

    fn encode_changed(
        &self,
        out: &mut Vec<u8>,
        class: &Class,
        old: &Rows,
        new: &Rows,
        changes: &Changes,
        meter: &mut impl FnMut(Part, usize),
    ) {
        let mut start = out.len();
        put(out, changes.mask);
        put(out, changes.full);
        meter(Part::Frame, out.len() - start);
        for (index, column) in class.columns().enumerate().filter(|(i, _)| changes.mask & 1 << i != 0) {
            let (before, after) = (&old.values[index], &new.values[index]);
            let values = self.kept.iter().map(|(o, n)| (before[*o as usize], after[*n as usize]));
            start = out.len();
            if changes.full & 1 << index == 0 {
                out.resize(start + self.kept.len().div_ceil(8), 0);
                for (position, (before, after)) in values.clone().enumerate() {
                    out[start + position / 8] |= u8::from(before != after) << (position % 8);
                }
            }
            for (before, after) in values.filter(|(before, after)| before != after) {
                put_signed(out, difference(column, before, after));
            }
            meter(Part::Column(index), out.len() - start);
        }
    }
}

fn put_gaps(out: &mut Vec<u8>, ascending: &[u32]) {
    let mut next = 0;
    for n in ascending {
        put(out, n - next);
        next = n + 1;
    }
}

/// What telling a client of entities costs, before any of it is written.
pub mod price {
    use super::{Column, Tick, difference, length, relative, zigzag};

    /// Bytes of the longest varint.
    const LONGEST: usize = 5;

    /// Bytes of a value that has changed.
    pub fn changed(column: Column<'_>, before: i32, after: i32) -> usize {
        length(zigzag(difference(column, before, after)))
    }

    /// Bytes of a value of an entity that the client does not know.
    pub fn new(column: Column<'_>, value: i32, tick: Tick) -> usize {
        length(zigzag(relative(column, value, tick)))
    }

    /// Bytes of such an entity's id at most, when `first` is the lowest of those.
    pub fn id(id: u32, first: u32) -> usize {
        length(id.abs_diff(first))
    }

    /// What a class's block takes at most besides its entities: of `held` living rows, `removed` go; values of the columns
    /// in `mask` differ.
    pub fn block(held: usize, removed: usize, some_new: bool, mask: u32) -> usize {
        let long = |n: usize| length(n as u32);
        let gone = if removed > 0 { long(removed) + removed * long(held) } else { 0 };
        let new = if some_new { LONGEST + LONGEST } else { 0 };
        let bitmaps = mask.count_ones() as usize * (held - removed).div_ceil(8);
        let changed = if mask != 0 { 2 * length(mask) + bitmaps } else { 0 };
        if gone + new + changed > 0 { 1 + gone + new + changed } else { 0 }
    }
}
