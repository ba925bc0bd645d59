//! The workload that codecs are measured with: tanks that drive, turn, aim and fire at random in a square of 2,048 units,
//! and a constant number of bullets in flight. Positions in eighths of a unit, angles in 1/1024 turn. Everything follows
//! from the seed.

#![allow(dead_code, reason = "each measurement uses its part")]
#![allow(unreachable_pub, reason = "each measurement is a crate of its own")]

use std::f64::consts::TAU;

use airboat::protocol::{
    schema::{Class, Field, FieldKind, Schema},
    world::World,
};

const SIDE: f64 = 2048.0;
/// Units a second.
const TANK_SPEED: f64 = 120.0;
const BULLET_SPEED: f64 = 400.0;
/// Radians a second.
const STEERING: f64 = 2.5;
const AIMING: f64 = 4.0;
/// Seconds a bullet flies.
const LIFE: u32 = 1;
/// Seconds between two decisions of a driver, on average.
const DECISION: f64 = 0.5;
/// Hits a second and tank.
const HITS: f64 = 0.5;

const POSITION: FieldKind = FieldKind::Number { min: -512.0, max: SIDE + 512.0, step: 0.125 };
const HP: FieldKind = FieldKind::Number { min: 0.0, max: 100.0, step: 1.0 };

#[derive(Debug, Clone, Default)]
struct Tank {
    id: u32,
    owner: i32,
    x: f64,
    y: f64,
    heading: f64,
    turret: f64,
    aim: f64,
    throttle: f64,
    steering: f64,
    hp: i32,
    score: i32,
}

pub struct Arena {
    pub schema: Schema,
    pub tick: u32,
    pub random: fastrand::Rng,
    tanks: Vec<Tank>,
    /// (id, columns), ascending.
    bullets: Vec<(u32, [i32; 7])>,
    next_id: u32,
    in_flight: usize,
    /// Nobody moves any more.
    pub still: bool,
    /// Tanks that are replaced by new ones, a second.
    pub churn: f64,
}

pub fn schema(tick_rate: u32) -> Schema {
    let field = |name: &str, kind: &FieldKind| Field { name: name.into(), kind: kind.clone() };
    let score = FieldKind::Number { min: 0.0, max: 1023.0, step: 1.0 };
    let tank = [
        field("heading", &FieldKind::Angle),
        field("hp", &HP),
        field("score", &score),
        field("turret", &FieldKind::Angle),
        field("x", &POSITION),
        field("y", &POSITION),
    ];
    let bullet = vec![field("x", &POSITION), field("y", &POSITION)];
    Schema {
        tick_rate,
        classes: vec![
            Class { name: "bullet".into(), fields: bullet, linear: true, life_ticks: LIFE * tick_rate },
            Class { name: "tank".into(), fields: tank.to_vec(), linear: false, life_ticks: 0 },
        ],
        inputs: Vec::new(),
    }
}

impl Arena {
    pub fn new(seed: u64, tick_rate: u32, tanks: u32, bullets: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let tank = |random: &mut fastrand::Rng, number: u32| Tank {
            id: number,
            owner: number as i32,
            x: random.f64() * SIDE,
            y: random.f64() * SIDE,
            heading: random.f64() * TAU,
            hp: 100,
            ..Tank::default()
        };
        let mut arena = Self {
            schema: schema(tick_rate),
            tick: 0,
            tanks: (1..=tanks).map(|number| tank(&mut random, number)).collect(),
            random,
            bullets: Vec::new(),
            next_id: tanks + 1,
            in_flight: bullets,
            still: false,
            churn: 0.0,
        };
        // The first bullets are as old as in the middle of a game, so that they do not all end at once.
        for n in 0..bullets {
            let age = (n as u32 * LIFE * tick_rate / bullets as u32) as i32;
            arena.fire(-age);
        }
        arena
    }

    /// One more tick.
    pub fn step(&mut self) {
        self.tick += 1;
        let dt = 1.0 / f64::from(self.schema.tick_rate);
        if !self.still {
            for tank in &mut self.tanks {
                tank.drive(&mut self.random, dt);
            }
            if self.random.f64() < self.churn * dt {
                let gone = self.random.usize(self.tanks.len() / 2..self.tanks.len());
                let tank = Tank { id: self.next_id, ..self.tanks.remove(gone) };
                self.next_id += 1;
                self.tanks.push(tank);
            }
        }
        let now = self.tick as i32;
        self.bullets.retain(|(_, columns)| columns[6] > now);
        while self.bullets.len() < self.in_flight && !self.still {
            self.fire(now);
        }
    }

    fn fire(&mut self, since: i32) {
        let shooter = self.random.usize(..self.tanks.len());
        let tank = &self.tanks[shooter];
        let step = 0.125;
        let velocity = |part: f64| (part * BULLET_SPEED / step).round() as i32;
        let columns = [
            tank.owner,
            POSITION.quantise(tank.x).0,
            POSITION.quantise(tank.y).0,
            velocity(tank.turret.cos()),
            velocity(tank.turret.sin()),
            since,
            since + (LIFE * self.schema.tick_rate) as i32,
        ];
        self.bullets.push((self.next_id, columns));
        self.next_id += 1;
    }

    /// What a game's `collect` does.
    pub fn collect(&self, world: &mut World) {
        world.clear();
        for (id, columns) in &self.bullets {
            push(world, 0, *id, columns);
        }
        for tank in &self.tanks {
            let angle = |radians| FieldKind::Angle.quantise(radians).0;
            let position = |units| POSITION.quantise(units).0;
            let columns = [
                tank.owner,
                angle(tank.heading),
                tank.hp,
                tank.score,
                angle(tank.turret),
                position(tank.x),
                position(tank.y),
            ];
            push(world, 1, tank.id, &columns);
        }
    }
}

impl Tank {
    fn drive(&mut self, random: &mut fastrand::Rng, dt: f64) {
        if random.f64() < dt / DECISION {
            self.throttle = [1.0, 1.0, 1.0, -1.0, 0.0][random.usize(..5)];
            self.steering = f64::from(random.i8(-1..=1));
            self.aim = random.f64() * TAU;
        }
        self.heading += self.steering * STEERING * dt;
        let apart = (self.aim - self.turret + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
        self.turret += apart.clamp(-AIMING * dt, AIMING * dt);
        self.x = (self.x + self.heading.cos() * self.throttle * TANK_SPEED * dt).clamp(0.0, SIDE);
        self.y = (self.y + self.heading.sin() * self.throttle * TANK_SPEED * dt).clamp(0.0, SIDE);
        if random.f64() < HITS * dt {
            self.hp = if self.hp <= 10 { 100 } else { self.hp - 10 };
            self.score = (self.score + 10) % 1000;
        }
    }
}

fn push(world: &mut World, class: usize, id: u32, columns: &[i32]) {
    let rows = &mut world.classes[class];
    rows.ids.push(id);
    for (values, value) in rows.values.iter_mut().zip(columns) {
        values.push(*value);
    }
}
