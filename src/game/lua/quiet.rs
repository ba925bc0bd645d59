//! Large tables in documents that have never changed, a map for example: walks pass over them most of the time.
//!
//! A change in one is seen about 100 ms late, once: from then on the table is walked every time, as is everything that is
//! small, new, or has ever changed. Tables are known by their address and by where they stand: one that was moved is walked.
//! Where another takes over both address and place, it is noticed at the next walk that does not pass over it.

use std::collections::HashMap;

use super::measure::Measure;

/// Values in a table, with all that is in it, from which passing it over is worth the bookkeeping (3 µs a walk).
const LARGE: usize = 64;
/// Of this many seconds without a change it is concluded that there will be none.
const SECONDS_STILL: u32 = 2;
/// Parts of a second after which a table that is passed over is walked nevertheless.
const LOOKS_A_SECOND: u32 = 10;
/// Tables remembered for one room; beyond that all are forgotten, and walked again.
const TABLES_MAX: usize = 256;

#[derive(Default)]
pub struct Quiet {
    /// By address, which is compared and never followed.
    tables: HashMap<usize, Table>,
    walk: u32,
    /// In walks: how long a table must have stood still, and how often it is looked at then.
    still: u32,
    look: u32,
}

struct Table {
    /// The address of its shadow: its place in the document.
    shadow: usize,
    size: Measure,
    /// Walks without a change, one after the other.
    unchanged: u32,
    changed: bool,
    looked: u32,
}

impl Quiet {
    pub fn new(tick_rate: u32) -> Self {
        Self { still: tick_rate * SECONDS_STILL, look: (tick_rate / LOOKS_A_SECOND).max(1), ..Self::default() }
    }

    /// A walk of all documents begins.
    pub fn begin(&mut self) {
        self.walk = self.walk.wrapping_add(1);
    }

    /// How much is in this table, where it need not be walked now.
    pub fn pass_over(&self, table: usize, shadow: usize) -> Option<Measure> {
        if self.tables.is_empty() {
            return None;
        }
        let known = self.tables.get(&table)?;
        // One that was looked at in this very walk may stand in two places: the other is looked at too.
        let since = self.walk.wrapping_sub(known.looked);
        (!known.changed && known.shadow == shadow && known.unchanged >= self.still && (1..self.look).contains(&since))
            .then_some(known.size)
    }

    pub fn walked(&mut self, table: usize, shadow: usize, size: Measure, changed: bool) {
        if size.leaves() < LARGE {
            return;
        }
        if self.tables.len() >= TABLES_MAX && !self.tables.contains_key(&table) {
            self.tables.clear();
        }
        let walk = self.walk;
        let known =
            self.tables.entry(table).or_insert(Table { shadow, size, unchanged: 0, changed: false, looked: walk });
        // What it was when it was first met is no change.
        known.changed |= changed && known.unchanged > 0;
        known.unchanged = if changed { 0 } else { known.unchanged.saturating_add(1) };
        (known.shadow, known.size, known.looked) = (shadow, size, walk);
    }
}
