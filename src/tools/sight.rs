//! `game.bot` over the mirror that a client holds: what the load test plays with.

use crate::{
    game::{
        GameError,
        lua::{Bot, BotEntity, BotView},
    },
    protocol::{
        PlayerNumber, Tick,
        mirror::Mirror,
        schema::{Class, Column, Schema},
        world::Rows,
    },
};

/// What `player` does now, by the bot of its module: values in real units by the schema's order, presses as a count.
pub fn decide(bot: &mut Bot, mirror: &Mirror, player: PlayerNumber) -> Result<Vec<f64>, GameError> {
    let (schema, tick) = (&mirror.schema, mirror.tick());
    let mut fields = Vec::new();
    for (class, rows) in schema.classes.iter().zip(&mirror.world().classes) {
        (0..rows.len()).for_each(|row| append_fields(&mut fields, schema, class, rows, row, tick));
    }
    let mut entities = Vec::new();
    let mut rest = &fields[..];
    for (index, (class, rows)) in schema.classes.iter().zip(&mirror.world().classes).enumerate() {
        for (row, id) in rows.ids.iter().enumerate() {
            let (mine, others) = rest.split_at(class.fields.len());
            rest = others;
            entities.push(BotEntity { class: index, id: *id, owner: rows.values[0][row] as u32, fields: mine });
        }
    }
    let (state, players) = (mirror.documents.get("state"), mirror.documents.get("players"));
    bot.decide(&BotView { tick: f64::from(tick), player, state, players, entities: &entities })
}

/// The fields of one entity in real units. What moves linearly is where its line leads at `tick`.
fn append_fields(to: &mut Vec<f64>, schema: &Schema, class: &Class, rows: &Rows, row: usize, tick: Tick) {
    let places = [class.field("x"), class.field("y")];
    for (column, kind) in class.columns().enumerate() {
        let Column::Field(field) = kind else { continue };
        let value = field.kind.dequantise(rows.values[column][row]);
        let axis = places.iter().position(|place| class.linear && *place == Some(column - 1));
        let moved = axis.map_or(0.0, |axis| {
            let ticks = tick.wrapping_sub(rows.values[class.since_column()][row] as Tick);
            // Velocities travel in steps of the position.
            let speed = field.kind.dequantise(rows.values[class.velocity_column() + axis][row]);
            speed * f64::from(ticks) / f64::from(schema.tick_rate)
        });
        to.push(value + moved);
    }
}
