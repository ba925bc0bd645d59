//! A game in Rust behind the same trait as LuaJIT: tanks that drive, bullets that fly, counters in documents. It can be
//! told to fail, and its versions differ in what they call themselves and in when they fail.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use airboat::{
    game::{
        Admission, Audience, DocumentName, Effect, Effects, Game, GameError, GameFactory, GameInfo, Restored,
        RoomOpening, Seat,
    },
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

/// How a tick goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error,
    Overrun,
    Memory,
    Panic,
}

impl Fault {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "error" => Self::Error,
            "overrun" => Self::Overrun,
            "memory" => Self::Memory,
            "panic" => Self::Panic,
            _ => return None,
        })
    }

    fn strike(self) -> Outcome {
        match self {
            Self::Error => Err(GameError::Script("main.lua:7: as it was told\nstack traceback: …".into())),
            Self::Overrun => Err(GameError::Overrun("tick")),
            Self::Memory => Err(GameError::Memory("tick")),
            Self::Panic => panic!("as it was told"),
        }
    }
}

/// What a test holds of a game that runs in a room.
#[derive(Debug, Clone, Default)]
pub struct Wires {
    /// The next tick fails like this, once.
    pub fault: Arc<Mutex<Option<Fault>>>,
    /// What the game heard, such as `leave 2` and `restored reload`.
    pub heard: Arc<Mutex<Vec<String>>>,
    /// The crowd stands still.
    pub still: Arc<AtomicBool>,
}

#[derive(Debug)]
pub struct NativeGame {
    info: Arc<GameInfo>,
    tick: Tick,
    next_id: u32,
    tanks: BTreeMap<u32, Tank>,
    bullets: BTreeMap<u32, Bullet>,
    counts: BTreeMap<PlayerNumber, f64>,
    secrets: BTreeMap<PlayerNumber, Value>,
    /// Ticks that the crowd has moved.
    crowd_clock: u32,
    /// How many tanks without a driver move about, come and go.
    pub crowd: u32,
    /// Restored: nothing of the documents has been told.
    untold: bool,
    pub wires: Wires,
    /// Ticks of this game until it fails, whatever a test holds.
    pub fails_after: Option<(u32, Fault)>,
    /// Everybody late is told this.
    pub late: Admission,
}

/// Makes them.
pub struct NativeFactory {
    pub info: Arc<GameInfo>,
    pub wires: Wires,
    pub fails_after: Option<(u32, Fault)>,
    pub late: Admission,
    pub crowd: u32,
}

impl NativeFactory {
    pub fn version(version: &str) -> Self {
        let info = GameInfo { version: version.into(), ..(*info()).clone() };
        let late = Admission::As("player".into());
        Self { info: Arc::new(info), wires: Wires::default(), fails_after: None, late, crowd: 0 }
    }

    pub fn game(&self) -> NativeGame {
        NativeGame {
            info: self.info.clone(),
            wires: self.wires.clone(),
            fails_after: self.fails_after,
            late: self.late.clone(),
            crowd: self.crowd,
            ..NativeGame::default()
        }
    }
}

impl GameFactory for NativeFactory {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn create(&self) -> Result<Box<dyn Game>, GameError> {
        Ok(Box::new(self.game()))
    }
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
        version: String::new(),
        seats: (1, 16),
        bots: 0,
        keeps: false,
        empty_after_secs: 60,
        saved: false,
        messages: ["count", "echo", "whisper", "fail", "fail now", "load", "store", "lock", "watch", "version"]
            .map(String::from)
            .to_vec(),
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
            secrets: BTreeMap::new(),
            crowd_clock: 0,
            crowd: 0,
            untold: false,
            wires: Wires::default(),
            fails_after: None,
            late: Admission::As("player".into()),
        }
    }
}

impl NativeGame {
    fn hear(&self, what: String) {
        self.wires.heard.lock().unwrap().push(what);
    }

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

impl NativeGame {
    /// Follows from its clock alone: everyone walks a figure of their own, and goes for somebody new after a while.
    fn crowd(&self) -> Vec<(u32, [i32; 4])> {
        let clock = self.crowd_clock;
        let mut crowd: Vec<_> = (0..self.crowd)
            .map(|n| {
                let turn = f64::from(clock) / 20.0 + f64::from(n);
                let (x, y) = (1000.0 * (turn * 0.7).sin(), 1000.0 * (turn * 0.4).cos());
                let id = 1_000_000 + (clock + 7 * n) / 400 * self.crowd + n;
                (id, [0, FieldKind::Angle.quantise(turn).0, POSITION.quantise(x).0, POSITION.quantise(y).0])
            })
            .collect();
        crowd.sort_unstable();
        crowd
    }
}

impl Game for NativeGame {
    fn info(&self) -> &Arc<GameInfo> {
        &self.info
    }

    fn open(&mut self, _: &RoomOpening, effects: &mut Effects) -> Outcome {
        let operations = vec![Operation { path: vec!["counts".into()], value: Some(Value::map([])) }];
        effects.push(Effect::Document { name: DocumentName::State, operations });
        Ok(())
    }

    fn checkpoint(&mut self, _: &mut Effects) -> Result<Value, GameError> {
        let number = |n: f64| Value::Number(n);
        let tank = |(id, t): (&u32, &Tank)| {
            Value::List([f64::from(*id), f64::from(t.owner), t.x, t.y, t.heading].map(number).to_vec())
        };
        let bullet = |(id, b): (&u32, &Bullet)| {
            Value::List(std::iter::once(f64::from(*id)).chain(b.iter().map(|n| f64::from(*n))).map(number).collect())
        };
        let keyed = |map: BTreeMap<PlayerNumber, Value>| {
            Value::Map(map.into_iter().map(|(player, value)| (Key::Index(i64::from(player)), value)).collect())
        };
        Ok(Value::map([
            ("tick", f64::from(self.tick).into()),
            ("next_id", f64::from(self.next_id).into()),
            ("crowd_clock", f64::from(self.crowd_clock).into()),
            ("tanks", Value::List(self.tanks.iter().map(tank).collect())),
            ("bullets", Value::List(self.bullets.iter().map(bullet).collect())),
            ("counts", keyed(self.counts.iter().map(|(p, n)| (*p, number(*n))).collect())),
            ("secrets", keyed(self.secrets.clone())),
        ]))
    }

    fn restore(&mut self, _: &RoomOpening, kept: &Value, why: Restored, _: &mut Effects) -> Outcome {
        self.hear(format!("restored {}", why.name()));
        let rows = |name: &str| -> Vec<Vec<f64>> {
            let rows = kept.get(name).list().unwrap().iter();
            rows.map(|row| row.list().unwrap().iter().map(|n| n.number().unwrap()).collect()).collect()
        };
        let keyed = |name: &str| -> Vec<(PlayerNumber, Value)> {
            let Value::Map(map) = kept.get(name) else { panic!("no {name}") };
            let pair = |(key, value): (&Key, &Value)| match key {
                Key::Index(player) => (*player as PlayerNumber, value.clone()),
                Key::Name(name) => panic!("{name}"),
            };
            map.iter().map(pair).collect()
        };
        self.tick = kept.get("tick").u32().unwrap();
        self.next_id = kept.get("next_id").u32().unwrap();
        self.crowd_clock = kept.get("crowd_clock").u32().unwrap();
        for row in rows("tanks") {
            let tank = Tank { owner: row[1] as u32, x: row[2], y: row[3], heading: row[4] };
            self.tanks.insert(row[0] as u32, tank);
        }
        for row in rows("bullets") {
            self.bullets.insert(row[0] as u32, std::array::from_fn(|at| row[at + 1] as i32));
        }
        self.counts = keyed("counts").into_iter().map(|(player, n)| (player, n.number().unwrap())).collect();
        self.secrets = keyed("secrets").into_iter().collect();
        self.untold = true;
        Ok(())
    }

    fn enter(&mut self, seat: &Seat, _: &mut Effects) -> Result<Admission, GameError> {
        let unwelcome = seat.name == "unwelcome";
        Ok(match &self.late {
            _ if unwelcome => Admission::Refused("not you".into()),
            Admission::As(_) => Admission::As(seat.kind.clone()),
            late if self.tanks.is_empty() => {
                assert_ne!(*late, Admission::As(String::new()));
                Admission::As(seat.kind.clone())
            }
            late => late.clone(),
        })
    }

    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Outcome {
        self.hear(format!("join {}{}", seat.number, if seat.bot { " bot" } else { "" }));
        let id = self.id();
        self.tanks.insert(id, Tank { owner: seat.number, x: 0.0, y: 0.0, heading: 0.0 });
        self.counts.insert(seat.number, 0.0);
        self.set_count(seat.number, Some(0.0), effects);
        Ok(())
    }

    fn drop(&mut self, player: PlayerNumber, _: &mut Effects) -> Outcome {
        self.hear(format!("drop {player}"));
        Ok(())
    }

    fn back(&mut self, player: PlayerNumber, _: &mut Effects) -> Outcome {
        self.hear(format!("back {player}"));
        Ok(())
    }

    fn rename(&mut self, player: PlayerNumber, name: &str, _: &mut Effects) -> Outcome {
        self.hear(format!("rename {player} {name}"));
        Ok(())
    }

    fn leave(&mut self, player: PlayerNumber, _: CloseReason, effects: &mut Effects) -> Outcome {
        self.hear(format!("leave {player}"));
        self.tanks.retain(|_, tank| tank.owner != player);
        self.secrets.remove(&player);
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
                self.secrets.insert(player, data.clone());
                let operations = vec![Operation { path: vec!["word".into()], value: Some(data.clone()) }];
                effects.push(Effect::Document { name: DocumentName::Secret(player), operations });
            }
            ("fail", _) => *self.wires.fault.lock().unwrap() = Fault::named(data.text().unwrap_or_default()),
            ("fail now", _) => {
                if let Some(call) = call {
                    effects.push(Effect::Reply { to: player, call, result: Err("fail now failed".into()) });
                }
                return Fault::named(data.text().unwrap_or_default()).map_or(Ok(()), Fault::strike);
            }
            ("load", _) => effects.push(Effect::StoreGet { request: player, key: data.text().unwrap().into() }),
            ("store", _) => {
                let (key, value) = (data.get("key").text().unwrap().to_owned(), data.get("value"));
                effects.push(Effect::StoreSet { key, value: (*value != Value::Nil).then(|| value.clone()) });
            }
            ("lock", _) => effects.push(Effect::Lock(data.bool() == Some(true))),
            ("watch", _) => effects.push(Effect::Kind { player, kind: "spectator".into() }),
            ("version", Some(call)) => {
                let result = Ok(self.info.version.as_str().into());
                effects.push(Effect::Reply { to: player, call, result });
            }
            (_, Some(call)) => effects.push(Effect::Reply { to: player, call, result: Ok(data.clone()) }),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, tick: Tick, _: &mut Effects) -> Outcome {
        self.tick = tick;
        self.bullets.retain(|_, bullet| tick < bullet[6] as u32);
        self.crowd_clock += u32::from(!self.wires.still.load(Relaxed));
        Ok(())
    }

    fn bot(&mut self, player: PlayerNumber, effects: &mut Effects) -> Outcome {
        self.input(player, &[0.0, 1.0, 0.0], 0.0, effects)
    }

    fn answer(&mut self, player: u32, value: Option<&Value>, effects: &mut Effects) -> Outcome {
        let data = value.cloned().unwrap_or(Value::Nil);
        effects.push(Effect::Message { to: Audience::Player(player), name: "loaded".into(), data });
        Ok(())
    }

    fn input(&mut self, player: PlayerNumber, input: &[f64], _: f64, _: &mut Effects) -> Outcome {
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
        if let Some((ticks, fault)) = &mut self.fails_after {
            *ticks = ticks.saturating_sub(1);
            if *ticks == 0 {
                return fault.strike();
            }
        }
        let fault = self.wires.fault.lock().unwrap().take();
        fault.map_or(Ok(()), Fault::strike)
    }

    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Outcome {
        world.clear();
        if std::mem::take(&mut self.untold) {
            let counts = self.counts.iter().map(|(player, n)| (Key::Name(player.to_string()), Value::Number(*n)));
            let operations = vec![Operation { path: vec!["counts".into()], value: Some(Value::Map(counts.collect())) }];
            effects.push(Effect::Document { name: DocumentName::State, operations });
            for (player, word) in &self.secrets {
                let operations = vec![Operation { path: vec!["word".into()], value: Some(word.clone()) }];
                effects.push(Effect::Document { name: DocumentName::Secret(*player), operations });
            }
        }
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
        for (id, columns) in self.crowd() {
            push(world, 1, id, &columns);
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        0
    }

    fn clamped(&self) -> u64 {
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
