//! The rooms of a running test: carries out what `testing.lua` asks for.

use std::collections::BTreeMap;

use super::{
    report::indented,
    stage::{Hands, Heard, Stage, neutral},
};
use crate::{
    config::edit_distance,
    game::{Audience, DocumentName, GameError, GameFactory as _, lua::LuaFactory},
    protocol::{
        CloseReason, Key, PlayerNumber, Value,
        schema::{Class, FieldKind, Schema},
    },
};

/// Rooms of one test, and virtual time it may ask for at once.
const ROOMS_MAX: usize = 16;
const RUN_MAX_SECONDS: f64 = 3_600.0;
/// Messages and lines kept for each room.
const KEPT_MAX: usize = 10_000;

type Answer = Result<Value, String>;

pub(super) struct Rooms {
    factory: LuaFactory,
    rooms: Vec<Room>,
    /// Script errors of which the test was told what a client is told, and no more.
    unseen: Vec<String>,
}

struct Room {
    stage: Stage,
    /// Script errors do not fail the test.
    keeps_errors: bool,
    errors: Vec<String>,
    logged: Vec<String>,
    /// In the order of their sending.
    messages: Vec<(Audience, String, Value)>,
    replies: BTreeMap<u32, Answer>,
    last_call: u32,
    unseen: Vec<String>,
    /// The VM is lost.
    fatal: Option<String>,
    /// First seen messages of players who came later: where their share begins.
    since: BTreeMap<PlayerNumber, usize>,
}

impl Rooms {
    pub(super) const fn new(factory: LuaFactory) -> Self {
        Self { factory, rooms: Vec::new(), unseen: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.unseen.clear();
    }

    /// For whoever wrote the test that failed.
    pub(super) fn unseen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unseen)
    }

    pub(super) fn ask(&mut self, name: &str, arguments: &[Value]) -> Answer {
        if name == "open" {
            return self.open(arguments.first().unwrap_or(&Value::Nil));
        }
        let index = arguments.first().and_then(Value::u32).ok_or("no such room")?;
        let room = self.rooms.get_mut(index as usize).ok_or("no such room: it belongs to another test")?;
        if let Some(fatal) = &room.fatal {
            return Err(format!("the room's script was given up: {fatal}"));
        }
        let answer = room.ask(name, &arguments[1..], &self.factory);
        self.unseen.append(&mut room.unseen);
        answer
    }

    fn open(&mut self, options: &Value) -> Answer {
        only(options, &["seed", "name", "errors", "bots"], "t:room")?;
        if self.rooms.len() >= ROOMS_MAX {
            return Err(format!("a test has at most {ROOMS_MAX} rooms"));
        }
        let name = options.get("name").text().unwrap_or("Test");
        let seed = options.get("seed").number().unwrap_or(1.0) as u64;
        let game = self.factory.create().map_err(|error| error.to_string())?;
        let mut room = Room {
            stage: Stage::open(game, name, seed).map_err(|error| error.to_string())?,
            keeps_errors: options.get("errors").bool().unwrap_or(false),
            errors: Vec::new(),
            logged: Vec::new(),
            messages: Vec::new(),
            replies: BTreeMap::new(),
            last_call: 0,
            unseen: Vec::new(),
            fatal: None,
            since: BTreeMap::new(),
        };
        if let Some(bots) = options.get("bots").u32() {
            room.stage.bots = bots;
        }
        room.show(Ok(()))?;
        self.rooms.push(room);
        Ok(((self.rooms.len() - 1) as u32).into())
    }
}

impl Room {
    fn ask(&mut self, name: &str, arguments: &[Value], factory: &LuaFactory) -> Answer {
        match name {
            "join" => self.join(arguments)?.map(Value::from).map_err(|why| format!("not let in: {why}")),
            "refused" => Ok(self.join(arguments)?.err().map_or(Value::Nil, Value::from)),
            "run" => self.run(arguments.first()),
            "step" => self.steps(arguments.first().and_then(Value::u32).ok_or("room:step takes a number of ticks")?),
            "entities" => entities(&self.stage, arguments.first()),
            "reload" => {
                let result = self.stage.reload(factory);
                self.show(result)
            }
            "errors" => Ok(Value::List(self.errors.drain(..).map(Value::from).collect())),
            "logged" => Ok(Value::List(self.logged.iter().map(|line| line.as_str().into()).collect())),
            "room" => self.read(arguments.first()),
            _ => self.player(name, arguments),
        }
    }

    fn join(&mut self, arguments: &[Value]) -> Result<Result<PlayerNumber, String>, String> {
        let name = arguments.first().and_then(Value::text).ok_or("room:join takes a name")?;
        let options = arguments.get(1).unwrap_or(&Value::Nil);
        only(options, &["kind", "bot"], "room:join")?;
        let kind = options.get("kind").text().unwrap_or("player");
        if !matches!(kind, "player" | "spectator" | "screen") {
            return Err(format!("kind is one of player, spectator, screen, not {kind:?}"));
        }
        let hands = match options.get("bot").bool() {
            Some(true) => Hands::Bot,
            _ => Hands::Held(neutral(self.stage.schema())),
        };
        let told = self.messages.len();
        let joined = self.stage.join(name, kind, hands);
        let result = joined.inspect(|joined| {
            if let Ok(number) = joined {
                self.since.entry(*number).or_insert(told);
            }
        });
        let joined = match result {
            Ok(joined) => Ok(joined),
            Err(error) => Err(self.give_up(&error)),
        }?;
        self.show(Ok(()))?;
        Ok(joined)
    }

    fn run(&mut self, seconds: Option<&Value>) -> Answer {
        let seconds = seconds.and_then(Value::number).filter(|n| (0.0..=RUN_MAX_SECONDS).contains(n));
        let seconds = seconds.ok_or_else(|| format!("room:run takes seconds, at most {RUN_MAX_SECONDS}"))?;
        self.steps((seconds * f64::from(self.stage.schema().tick_rate)).round() as u32)
    }

    fn steps(&mut self, ticks: u32) -> Answer {
        for _ in 0..ticks {
            let stepped = self.stage.step();
            self.settle(stepped)?;
        }
        Ok(Value::Nil)
    }

    /// After whatever is no tick: the test sees at once what players are told with the next one.
    fn show(&mut self, result: Result<(), GameError>) -> Answer {
        let collected = result.and_then(|()| self.stage.collect());
        self.settle(collected)
    }

    /// Takes in what came out; a script error fails the test where it waited for it.
    fn settle(&mut self, result: Result<(), GameError>) -> Answer {
        let mut first = None;
        for heard in self.stage.take_heard() {
            match heard {
                Heard::Message { to, name, data } if self.messages.len() < KEPT_MAX => {
                    self.messages.push((to, name, data));
                }
                Heard::Reply { call, result, .. } => drop(self.replies.insert(call, result)),
                Heard::Log(text) if self.logged.len() < KEPT_MAX => self.logged.push(text),
                Heard::Problem(text) if self.keeps_errors => self.errors.push(text),
                Heard::Problem(text) => drop(first.get_or_insert_with(|| indented(&text))),
                _ => {}
            }
        }
        if let Err(error) = result {
            return Err(self.give_up(&error));
        }
        match first {
            Some(text) => Err(format!("the module failed at tick {}: {text}", self.stage.tick)),
            None => Ok(Value::Nil),
        }
    }

    fn give_up(&mut self, error: &GameError) -> String {
        self.fatal = Some(error.to_string());
        error.to_string()
    }

    fn read(&self, name: Option<&Value>) -> Answer {
        let state = self.stage.document(DocumentName::State);
        Ok(match name.and_then(Value::text).unwrap_or_default() {
            // Nothing was sent yet: what a player has before anything is put in.
            "state" if *state == Value::Nil => Value::map([]),
            "state" => state.clone(),
            "tick" => self.stage.tick.into(),
            "time" => self.stage.time().into(),
            "phase" => state.get("phase").get("name").clone(),
            "closed" => self.stage.closed.into(),
            _ => ((self.stage.game.memory_bytes() / 1024) as u32).into(),
        })
    }

    fn player(&mut self, name: &str, arguments: &[Value]) -> Answer {
        let number = arguments.first().and_then(Value::u32).ok_or("no such player")?;
        let second = arguments.get(1).unwrap_or(&Value::Nil);
        if name == "received" {
            return Ok(self.received(number, second.text()));
        }
        if name == "player" && second.text() == Some("here") {
            return Ok(self.stage.people.contains_key(&number).into());
        }
        let Some(person) = self.stage.people.get_mut(&number) else {
            return Err(format!("player {number} has left the room"));
        };
        let result = match name {
            "input" => {
                person.hands = Hands::Held(input(self.stage.game.info().schema.as_ref(), second)?);
                Ok(())
            }
            "bot" => {
                person.hands = Hands::Bot;
                Ok(())
            }
            "drop" => self.stage.drop(number),
            "back" => self.stage.back(number),
            "leave" => self.stage.leave(number, CloseReason::Left),
            "send" | "call" => return self.message(number, name == "call", second, arguments.get(2)),
            _ => return Ok(self.about(number, second.text().unwrap_or_default())),
        };
        self.show(result)
    }

    fn about(&self, number: PlayerNumber, what: &str) -> Value {
        let empty = Value::map([]);
        let document = |name| self.stage.documents.get(&name).unwrap_or(&empty).clone();
        let Some(person) = self.stage.people.get(&number) else { return Value::Nil };
        match what {
            "state" => document(DocumentName::PlayerState(number)),
            "secret" => document(DocumentName::Secret(number)),
            "role" => person.role.as_str().into(),
            "kind" => person.seat.kind.as_str().into(),
            _ => person.connected.into(),
        }
    }

    /// A message is handled at once; so is a call, whose answer is there when it returns.
    fn message(&mut self, number: PlayerNumber, is_call: bool, name: &Value, data: Option<&Value>) -> Answer {
        let name = name.text().ok_or("the message's name is a string")?;
        let known = self.stage.game.info().messages.clone();
        if !known.iter().any(|message| message == name) {
            return Err(format!(
                "there is no game.messages.{name}{}",
                suggestion(name, known.iter().map(String::as_str))
            ));
        }
        let call = is_call.then(|| {
            self.last_call += 1;
            self.last_call
        });
        let sent = self.stage.message(number, name, data.unwrap_or(&Value::Nil), call);
        let shown = self.show(sent);
        let Some(call) = call else { return shown };
        match (self.replies.remove(&call), shown) {
            // A client hears of a failed handler that it failed; the script's words are for its author.
            (Some(Err(told)), shown) => {
                self.unseen.extend(shown.err());
                Err(told)
            }
            (Some(answer), shown) => shown.and(answer),
            (None, shown) => shown.and_then(|_| Err(format!("{name} was not answered"))),
        }
    }

    fn received(&self, number: PlayerNumber, name: Option<&str>) -> Value {
        let since = self.since.get(&number).copied().unwrap_or(0);
        let mine = self
            .messages
            .iter()
            .skip(since)
            .filter(|(to, ..)| *to == Audience::Room || *to == Audience::Player(number));
        let one = |(_, sent, data): &(Audience, String, Value)| match name {
            None => Some(Value::map([("name", sent.as_str().into()), ("data", data.clone())])),
            Some(name) => (name == sent).then(|| match data {
                Value::Nil => true.into(), // a list can have no holes
                data => data.clone(),
            }),
        };
        Value::List(mine.filter_map(one).collect())
    }
}

/// A table of inputs as numbers in the schema's order, rounded as the wire rounds them.
fn input(schema: &Schema, values: &Value) -> Result<Vec<f64>, String> {
    let mut numbers = neutral(schema);
    let Value::Map(map) = values else { return Err("input takes a table, such as { mx = 1 }".to_owned()) };
    for (key, value) in map {
        let name = match key {
            Key::Name(name) => name.clone(),
            Key::Index(i) => format!("[{i}]"),
        };
        let Some(index) = schema.input(&name) else {
            let names = schema.inputs.iter().map(|field| field.name.as_str());
            return Err(format!("there is no game.inputs.{name}{}", suggestion(&name, names)));
        };
        let kind = &schema.inputs[index].kind;
        let number = match (kind, value) {
            (FieldKind::Choice(names), Value::Text(text)) => {
                names.iter().position(|name| name == text).map(|i| i as f64)
            }
            (FieldKind::Choice(_), _) => None,
            (FieldKind::Flag | FieldKind::Press, Value::Bool(on)) => Some(f64::from(u8::from(*on))),
            (FieldKind::Flag, _) => None,
            (FieldKind::Press, value) => value.number().filter(|n| n.fract() == 0.0 && (0.0..=3.0).contains(n)),
            (kind, Value::Number(n)) => match kind.quantise(*n) {
                (steps, false) => Some(kind.dequantise(steps)),
                _ => return Err(format!("inputs.{name} = {n} is outside its range")),
            },
            _ => None,
        };
        numbers[index] =
            number.ok_or_else(|| format!("inputs.{name} can not be {}", super::difference::brief(value)))?;
    }
    Ok(numbers)
}

/// Entities as players see them, in the order of their ids.
fn entities(stage: &Stage, class: Option<&Value>) -> Answer {
    let schema = stage.schema();
    let name = class.and_then(Value::text).ok_or("room:entities takes the name of a class")?;
    let Some(index) = schema.class(name) else {
        let names = schema.classes.iter().map(|class| class.name.as_str());
        return Err(format!("there is no game.entities.{name}{}", suggestion(name, names)));
    };
    let (class, rows) = (&schema.classes[index], &stage.world.classes[index]);
    let entity = |row: usize| {
        let mut entity: BTreeMap<Key, Value> = BTreeMap::new();
        entity.insert("id".into(), rows.ids[row].into());
        entity.insert("class".into(), class.name.as_str().into());
        if rows.values[0][row] > 0 {
            entity.insert("owner".into(), rows.values[0][row].to_string().into());
        }
        for (field, declared) in class.fields.iter().enumerate() {
            let value = value(&declared.kind, at(stage, class, index, row, field));
            entity.insert(declared.name.as_str().into(), value);
        }
        Value::Map(entity)
    };
    Ok(Value::List((0..rows.len()).map(entity).collect()))
}

/// A field in wire steps; what flies is where its line leads by now.
fn at(stage: &Stage, class: &Class, index: usize, row: usize, field: usize) -> f64 {
    let rows = &stage.world.classes[index];
    let steps = f64::from(rows.values[field + 1][row]);
    let axis = match class.fields[field].name.as_str() {
        "x" => 0,
        "y" => 1,
        _ => return steps,
    };
    if !class.linear {
        return steps;
    }
    let since = rows.values[class.since_column()][row] as u32;
    let seconds = f64::from(stage.tick.wrapping_sub(since)) / f64::from(stage.schema().tick_rate);
    steps + f64::from(rows.values[class.velocity_column() + axis][row]) * seconds
}

fn value(kind: &FieldKind, steps: f64) -> Value {
    match kind {
        FieldKind::Number { step, .. } => (steps * step).into(),
        FieldKind::Flag => (steps != 0.0).into(),
        FieldKind::Choice(names) => names.get(steps as usize).map_or(Value::Nil, |name| name.as_str().into()),
        kind => kind.dequantise(steps as i32).into(),
    }
}

/// Options are few; one that is not known is a slip.
fn only(options: &Value, known: &[&str], what: &str) -> Result<(), String> {
    let Value::Map(map) = options else {
        return if *options == Value::Nil { Ok(()) } else { Err(format!("{what} takes a table of options")) };
    };
    for key in map.keys() {
        if let Key::Name(name) = key
            && !known.contains(&name.as_str())
        {
            return Err(format!("{what} has no option {name}{}", suggestion(name, known.iter().copied())));
        }
    }
    Ok(())
}

pub(super) fn suggestion<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let nearest = names.iter().map(|name| (edit_distance(wrong, name), name)).min();
    match nearest.filter(|(distance, name)| *distance < name.len().min(3)) {
        Some((_, name)) => format!("; did you mean {name}?"),
        None if names.is_empty() => "; there is none".to_owned(),
        None => format!("; there are {}", names.join(", ")),
    }
}
