//! What a player's snapshots cost at full rate with nothing lost: bytes of each field, from the delta encoder itself.

use std::collections::BTreeMap;

use crate::protocol::{
    Tick,
    delta::{Encoder, Part},
    schema::{Class, Column, Schema},
    snapshot::HEADER_BYTES,
    world::World,
};

#[derive(Debug, Default)]
pub(super) struct Costs {
    pub ticks: u64,
    pub bytes: u64,
    parts: BTreeMap<(usize, Part), u64>,
    before: World,
    encoder: Encoder,
    buffer: Vec<u8>,
}

impl Costs {
    /// Takes the world of the next tick.
    pub(super) fn take(&mut self, schema: &Schema, world: &World, tick: Tick) {
        if self.before.classes.is_empty() {
            self.before = World::empty(schema);
        }
        self.buffer.clear();
        let parts = &mut self.parts;
        let (encoder, buffer) = (&mut self.encoder, &mut self.buffer);
        encoder.encode_metered(buffer, schema, &self.before, world, tick, &mut |class, part, bytes| {
            *parts.entry((class, part)).or_default() += bytes as u64;
        });
        self.bytes += (HEADER_BYTES + self.buffer.len()) as u64;
        self.ticks += 1;
        self.before.clone_from(world);
    }

    /// `tank.x` and its bytes, the dearest first.
    pub(super) fn fields(&self, schema: &Schema) -> Vec<(String, u64)> {
        let name = |(class, part): (usize, Part)| {
            let class = &schema.classes[class];
            let part = match part {
                Part::Frame => "(who, and which fields)".to_owned(),
                Part::Column(index) => column_name(class, index),
            };
            format!("{}.{part}", class.name)
        };
        let mut fields: Vec<_> = self.parts.iter().map(|(key, bytes)| (name(*key), *bytes)).collect();
        fields.retain(|(_, bytes)| *bytes > 0);
        fields.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        fields
    }
}

pub(super) fn column_name(class: &Class, index: usize) -> String {
    match class.columns().nth(index) {
        Some(Column::Field(field)) => field.name.clone(),
        Some(Column::VelocityX) => "velocity.x".to_owned(),
        Some(Column::VelocityY) => "velocity.y".to_owned(),
        Some(Column::Since) => "(since when it flies)".to_owned(),
        Some(Column::Ends) => "life".to_owned(),
        Some(Column::Owner) | None => "owner".to_owned(),
    }
}
