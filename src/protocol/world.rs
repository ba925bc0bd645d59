//! The entities of one tick in wire steps, column by column, ascending by id. Rings and baselines are made of these.

use super::{
    EntityId, Tick,
    schema::{Class, Schema},
};

/// The entities of one class: `values[column][row]` belongs to `ids[row]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Ascending.
    pub ids: Vec<EntityId>,
    /// One vector for each of [`Class::columns`], each as long as `ids`.
    pub values: Vec<Vec<i32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    /// In the schema's order of classes.
    pub classes: Vec<Rows>,
}

impl Rows {
    pub fn for_class(class: &Class) -> Self {
        Self { ids: Vec::new(), values: vec![Vec::new(); class.width()] }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn clear(&mut self) {
        self.ids.clear();
        self.values.iter_mut().for_each(Vec::clear);
    }

    pub fn row_of(&self, id: EntityId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// Keeps the rows for which `keep(row)` holds.
    pub fn retain(&mut self, keep: impl Fn(&Self, usize) -> bool) {
        let kept: Vec<bool> = (0..self.len()).map(|row| keep(self, row)).collect();
        if kept.iter().all(|k| *k) {
            return;
        }
        let mut at = kept.iter();
        self.ids.retain(|_| at.next() == Some(&true));
        for column in &mut self.values {
            let mut at = kept.iter();
            column.retain(|_| at.next() == Some(&true));
        }
    }
}

impl World {
    pub fn empty(schema: &Schema) -> Self {
        Self { classes: schema.classes.iter().map(Rows::for_class).collect() }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.classes.iter_mut().for_each(Rows::clear);
    }

    pub fn entities(&self) -> usize {
        self.classes.iter().map(Rows::len).sum()
    }

    /// Bytes of its numbers.
    pub fn bytes(&self) -> usize {
        self.classes.iter().map(|rows| rows.len() * (1 + rows.values.len()) * size_of::<i32>()).sum()
    }

    /// Removes the linear entities whose life is over at `tick`: both sides do this by themselves.
    pub fn expire(&mut self, schema: &Schema, tick: Tick) {
        for (class, rows) in schema.classes.iter().zip(&mut self.classes) {
            if class.linear && !rows.is_empty() {
                let ends = class.ends_column();
                rows.retain(|rows, row| !is_over(rows.values[ends][row], tick));
            }
        }
    }
}

/// Whether an entity with this `ends` column is gone at `tick`.
pub const fn is_over(ends: i32, tick: Tick) -> bool {
    ends != 0 && tick >= ends as Tick
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retain_keeps_columns_aligned() {
        let mut rows = Rows { ids: vec![1, 2, 3, 9], values: vec![vec![10, 20, 30, 90], vec![1, 2, 3, 9]] };
        rows.retain(|rows, row| rows.ids[row] % 3 == 0);
        assert_eq!(rows, Rows { ids: vec![3, 9], values: vec![vec![30, 90], vec![3, 9]] });
    }
}
