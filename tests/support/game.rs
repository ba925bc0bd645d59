//! A game in Rust behind the same trait as LuaJIT: tanks that drive, bullets that fly, counters in documents.

use std::{collections::BTreeMap, sync::Arc};

use airboat::{
    game::{Audience, DocumentName, Effect, Effects, Game, GameError, GameInfo, RoomOpening, Seat},
    protocol::{
        CloseReason, Key, PlayerNumber, Tick, Value,
        document::Operation,
        schema::{Class, Field, FieldKind, Schema},
        world::World,
    },
};

const RATE: u32 = 30;
const POSITION: FieldKind = FieldKind::Number { min: -2000.0, max: 2000.0, step: 0.125 };

#[derive(Debug, Clone)]
struct Tank {
    owner: PlayerNumber,
    x: f64,
    y: f64,
    heading: f64,
}

/// In wire columns: owner, x, y, vx, vy, since, ends.
type Bullet = [i32; 7];

#[derive(Debug)]
pub struct NativeGame {
    info: Arc<GameInfo>,
    tick: Tick,
    next_id: u32,
    tanks: BTreeMap<u32, Tank>,
    bullets: BTreeMap<u32, Bullet>,
    counts: BTreeMap<PlayerNumber, f64>,
    /// Set: the next tick fails as if the script had been stopped.
    pub overrun: bool,
}

pub fn info() -> Arc<GameInfo> {
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let axis = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
    let schema = Schema {
        tick_rate: RATE,
        classes: vec![
            Class {
                name: "bullet".into(),
                fields: vec![field("x", POSITION), field("y", POSITION)],
                linear: true,
                life_ticks: RATE,
            },
            Class {
                name: "tank".into(),
                fields: vec![field("heading", FieldKind::Angle), field("x", POSITION), field("y", POSITION)],
                linear: false,
                life_ticks: 0,
            },
        ],
        inputs: vec![field("fire", FieldKind::Press), field("mx", axis.clone()), field("my", axis)],
    };
    Arc::new(GameInfo {
        module: "native".into(),
        title: "Native".into(),
        schema: Arc::new(schema),
        seats: (1, 16),
        empty_after_secs: 60,
        saved: false,
        messages: vec!["count".into(), "echo".into(), "whisper".into()],
    })
}

impl Default for NativeGame {
    fn default() -> Self {
        Self {
            info: info(),
            tick: 0,
            next_id: 0,
            tanks: BTreeMap::new(),
            bullets: BTreeMap::new(),
            counts: BTreeMap::new(),
            overrun: false,
        }
    }
}

impl NativeGame {
    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn set_count(&self, player: PlayerNumber, count: Option<f64>, effects: &mut Effects) {
        let path = vec!["counts".into(), Key::Name(player.to_string())];
        let operations = vec![Operation { path, value: count.map(Value::Number) }];
        effects.push(Effect::Document { name: DocumentName::State, operations });
    }
}

type Outcome = Result<(), GameError>;

impl Game for NativeGame {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn open(&mut self, _: &RoomOpening, effects: &mut Effects) -> Outcome {
        let operations = vec![Operation { path: vec!["counts".into()], value: Some(Value::map([])) }];
        effects.push(Effect::Document { name: DocumentName::State, operations });
        Ok(())
    }

    fn enter(&mut self, seat: &Seat, _: &mut Effects) -> Result<Option<String>, GameError> {
        Ok((seat.name == "unwelcome").then(|| "not you".into()))
    }

    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Outcome {
        let id = self.id();
        self.tanks.insert(id, Tank { owner: seat.number, x: 0.0, y: 0.0, heading: 0.0 });
        self.counts.insert(seat.number, 0.0);
        self.set_count(seat.number, Some(0.0), effects);
        Ok(())
    }

    fn drop(&mut self, _: PlayerNumber, _: &mut Effects) -> Outcome {
        Ok(())
    }

    fn back(&mut self, _: PlayerNumber, _: &mut Effects) -> Outcome {
        Ok(())
    }

    fn leave(&mut self, player: PlayerNumber, _: CloseReason, effects: &mut Effects) -> Outcome {
        self.tanks.retain(|_, tank| tank.owner != player);
        self.counts.remove(&player);
        self.set_count(player, None, effects);
        Ok(())
    }

    fn message(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        call: Option<u32>,
        effects: &mut Effects,
    ) -> Outcome {
        match (name, call) {
            ("count", _) => {
                let count = self.counts.get(&player).copied().unwrap_or_default() + 1.0;
                self.counts.insert(player, count);
                self.set_count(player, Some(count), effects);
                let data = Value::map([("from", Value::Player(player)), ("n", data.clone())]);
                effects.push(Effect::Message { to: Audience::Room, name: "counted".into(), data });
            }
            ("whisper", _) => {
                let operations = vec![Operation { path: vec!["word".into()], value: Some(data.clone()) }];
                effects.push(Effect::Document { name: DocumentName::Secret(player), operations });
            }
            (_, Some(call)) => effects.push(Effect::Reply { to: player, call, result: Ok(data.clone()) }),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, tick: Tick, _: &mut Effects) -> Outcome {
        self.tick = tick;
        self.bullets.retain(|_, bullet| tick < bullet[6] as u32);
        Ok(())
    }

    fn input(&mut self, player: PlayerNumber, input: &[f64], _: &mut Effects) -> Outcome {
        let &[fire, mx, my] = input else { return Ok(()) };
        let Some(tank) = self.tanks.values_mut().find(|tank| tank.owner == player) else { return Ok(()) };
        tank.x = (tank.x + mx * 4.0).clamp(-1000.0, 1000.0);
        tank.y = (tank.y + my * 4.0).clamp(-1000.0, 1000.0);
        tank.heading = my.atan2(mx);
        let (x, y) = (POSITION.quantise(tank.x).0, POSITION.quantise(tank.y).0);
        for _ in 0..fire as u32 {
            let id = self.id();
            let now = self.tick as i32;
            self.bullets.insert(id, [player as i32, x, y, 3200, -800, now, now + RATE as i32]);
        }
        Ok(())
    }

    fn tick(&mut self, _: &mut Effects) -> Outcome {
        if self.overrun { Err(GameError::Overrun("tick")) } else { Ok(()) }
    }

    fn collect(&mut self, world: &mut World, _: &mut Effects) -> Outcome {
        world.clear();
        for (id, bullet) in &self.bullets {
            push(world, 0, *id, bullet);
        }
        for (id, tank) in &self.tanks {
            let columns = [
                tank.owner as i32,
                FieldKind::Angle.quantise(tank.heading).0,
                POSITION.quantise(tank.x).0,
                POSITION.quantise(tank.y).0,
            ];
            push(world, 1, *id, &columns);
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

fn push(world: &mut World, class: usize, id: u32, columns: &[i32]) {
    let rows = &mut world.classes[class];
    rows.ids.push(id);
    for (values, value) in rows.values.iter_mut().zip(columns) {
        values.push(*value);
    }
}
