//! A player's side of the protocol, held for somebody who speaks JSON: a mirror of the room, numbers and
//! acknowledgements; frames in and values out.

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use super::hex;
use crate::protocol::message::{ClientFrame, Joined, ServerFrame, binary};
use crate::protocol::mirror::{Applied, Mirror};
use crate::protocol::schema::{Class, Field, FieldKind};
use crate::protocol::value::{DEPTH_MAX, Key};
use crate::protocol::world::Rows;
use crate::protocol::{CloseReason, CodecError, Value, input};

/// Presses one input can carry: two bits on the wire.
const PRESSES_MAX: i64 = 3;

/// Everything this client remembers between requests.
#[derive(Debug, Default)]
pub(in crate::transport) struct Player {
    /// Nothing before the first join answer.
    room: Option<Room>,
}

#[derive(Debug)]
struct Room {
    mirror: Mirror,
    /// Number of the last message sent, of the last input sent and of the last numbered frame received.
    sent: u32,
    input: u32,
    received: u32,
    calls: u32,
    /// What stands in each input field, in steps.
    steps: Vec<i32>,
    /// Something has come that the server may forget once it knows.
    unacknowledged: bool,
}

impl Player {
    /// Frames of the server as JSON. What only keeps the protocol going is left out.
    pub(super) fn read(&mut self, frames: &[Bytes]) -> Vec<Json> {
        let read = |frame: &Bytes| match self.read_one(frame) {
            Ok(value) => value,
            Err(error) => Some(json!({ "type": "error", "text": error.to_string() })),
        };
        frames.iter().filter_map(read).collect()
    }

    fn read_one(&mut self, frame: &Bytes) -> Result<Option<Json>, CodecError> {
        let decoded = ServerFrame::decode(frame)?;
        if let (Some(number), Some(room)) = (number(&decoded), &mut self.room) {
            room.received = number;
            room.unacknowledged = true;
        }
        Ok(Some(match decoded {
            ServerFrame::Snapshot => return self.snapshot(frame),
            ServerFrame::Joined(joined) => {
                let room = Room::new(&joined)?;
                let told = room.told(&joined);
                self.room = Some(room);
                told
            }
            ServerFrame::Document { name, operations, tick, .. } => {
                let Some(room) = &mut self.room else { return Ok(None) };
                room.mirror.patch(&name, &operations)?;
                json!({ "type": "document", "tick": tick, "name": name, "data": to_json(room.mirror.documents.get(&name)) })
            }
            ServerFrame::Left => {
                self.room = None;
                json!({ "type": "left" })
            }
            ServerFrame::Welcome(welcome) => json!({
                "type": "welcome", "session": welcome.session, "device": welcome.device,
                "resume": hex(&welcome.resume), "resume_window_ms": welcome.resume_window_ms,
            }),
            ServerFrame::Resumed { .. } => json!({ "type": "resumed" }),
            ServerFrame::Event { tick, name, data, .. } => {
                json!({ "type": "message", "tick": tick, "name": name, "data": to_json(&data) })
            }
            ServerFrame::Reply { tick, call, result: Ok(data), .. } => {
                json!({ "type": "reply", "tick": tick, "call": call, "data": to_json(&data) })
            }
            ServerFrame::Reply { tick, call, result: Err(error), .. } => {
                json!({ "type": "reply", "tick": tick, "call": call, "error": error })
            }
            ServerFrame::Refused { reason, text } => {
                json!({ "type": "refused", "reason": reason.number(), "text": text })
            }
            ServerFrame::Bye { reason, text } => bye(reason, &text),
            ServerFrame::Hash { .. } | ServerFrame::Saved { .. } | ServerFrame::Pong { .. } | ServerFrame::Unknown => {
                return Ok(None);
            }
        }))
    }

    fn snapshot(&mut self, frame: &Bytes) -> Result<Option<Json>, CodecError> {
        let Some(room) = &mut self.room else { return Ok(None) };
        debug_assert_eq!(frame.first(), Some(&binary::SNAPSHOT));
        if room.mirror.apply(frame)? == Applied::Stale {
            return Ok(None);
        }
        room.unacknowledged = true;
        let (tick, applied) = (room.mirror.tick(), room.mirror.report.applied);
        Ok(Some(json!({ "type": "snapshot", "tick": tick, "input": applied, "entities": room.entities() })))
    }

    /// What the server waits to hear before it says more.
    pub(super) fn acknowledge(&mut self) -> Vec<Bytes> {
        let Some(room) = self.room.as_mut().filter(|room| room.unacknowledged) else { return Vec::new() };
        room.unacknowledged = false;
        let received = ClientFrame::Received { epoch: room.mirror.epoch, received: room.received };
        vec![room.mirror.ack().encode(), received.encode()]
    }

    /// The next input. Names that are not given keep their value; a press counts, `true` is one.
    pub(super) fn input(&mut self, given: &Map<String, Json>) -> Result<Bytes, String> {
        let room = self.room.as_mut().ok_or("not in a room")?;
        let mut steps = room.steps.clone();
        for (name, value) in given {
            let Some(index) = room.mirror.schema.input(name) else {
                let known: Vec<_> = room.mirror.schema.inputs.iter().map(|f| f.name.as_str()).collect();
                return Err(format!("there is no input {name:?}; there are {}", known.join(", ")));
            };
            let field = &room.mirror.schema.inputs[index];
            steps[index] =
                step(field, value, steps[index]).ok_or_else(|| format!("input {name:?} cannot be {value}"))?;
        }
        room.steps = steps;
        room.input += 1;
        let tick = room.mirror.tick();
        Ok(input::encode(room.mirror.epoch, tick, tick.wrapping_mul(8), room.input, &[&room.steps]))
    }

    pub(super) fn message(&mut self, name: String, data: Value, call: bool) -> Result<Bytes, String> {
        let room = self.room.as_mut().ok_or("not in a room")?;
        room.sent += 1;
        room.calls += u32::from(call);
        let call = call.then_some(room.calls);
        Ok(ClientFrame::Message { epoch: room.mirror.epoch, number: room.sent, call, name, data }.encode())
    }
}

impl Room {
    fn new(joined: &Joined) -> Result<Self, CodecError> {
        Ok(Self {
            mirror: Mirror::new(joined)?,
            sent: joined.applied,
            input: joined.input.saturating_sub(1),
            received: 0,
            calls: 0,
            steps: joined.schema.inputs.iter().map(|field| field.kind.quantise(0.0).0).collect(),
            unacknowledged: true,
        })
    }

    fn told(&self, joined: &Joined) -> Json {
        let inputs: Vec<_> = joined.schema.inputs.iter().map(|field| field.name.as_str()).collect();
        json!({
            "type": "joined", "module": joined.module, "title": joined.title, "room": joined.room,
            "player": joined.player.to_string(), "tick": joined.tick, "tick_rate": joined.schema.tick_rate,
            "inputs": inputs, "documents": to_json(&joined.documents), "entities": self.entities(),
            "messages_lost": joined.messages_lost,
        })
    }

    /// Every entity at the mirror's tick, by class.
    fn entities(&self) -> Json {
        let (schema, world) = (&self.mirror.schema, self.mirror.world());
        let class = |(class, rows): (&Class, &Rows)| {
            let entities = (0..rows.len()).map(|row| self.entity(class, rows, row)).collect();
            (class.name.clone(), Json::Array(entities))
        };
        schema.classes.iter().zip(&world.classes).map(class).collect::<Map<_, _>>().into()
    }

    fn entity(&self, class: &Class, rows: &Rows, row: usize) -> Json {
        let at = |column: usize| rows.values[column][row];
        let mut entity = Map::new();
        entity.insert("id".to_owned(), rows.ids[row].into());
        if at(0) != 0 {
            entity.insert("owner".to_owned(), at(0).to_string().into());
        }
        for (index, field) in class.fields.iter().enumerate() {
            entity.insert(field.name.clone(), value(&field.kind, at(1 + index)));
        }
        if class.linear {
            let rate = f64::from(self.mirror.schema.tick_rate.max(1));
            let seconds = f64::from(self.mirror.tick().wrapping_sub(at(class.since_column()) as u32) as i32) / rate;
            for (offset, axis) in ["x", "y"].into_iter().enumerate() {
                let Some(kind) = class.field(axis).map(|i| &class.fields[i].kind) else { continue };
                let unit = if let FieldKind::Number { step, .. } = kind { *step } else { 1.0 };
                let velocity = f64::from(at(class.velocity_column() + offset)) * unit;
                let held = entity.get(axis).and_then(Json::as_f64).unwrap_or(0.0);
                entity.insert(axis.to_owned(), number_to_json(held + velocity * seconds));
                entity.insert(format!("velocity_{axis}"), number_to_json(velocity));
            }
        }
        entity.into()
    }
}

/// The number of a frame that the server keeps until it is received.
const fn number(frame: &ServerFrame) -> Option<u32> {
    match frame {
        ServerFrame::Event { number, .. }
        | ServerFrame::Reply { number, .. }
        | ServerFrame::Document { number, .. }
        | ServerFrame::Hash { number, .. } => Some(*number),
        _ => None,
    }
}

pub(super) fn bye(reason: CloseReason, text: &str) -> Json {
    json!({ "type": "bye", "reason": reason.number(), "text": text, "come_back": reason.come_back() })
}

/// A field in real units, as a script sees it.
fn value(kind: &FieldKind, steps: i32) -> Json {
    match kind {
        FieldKind::Flag => (steps != 0).into(),
        FieldKind::Choice(names) => names.get(steps as usize).map_or(Json::Null, |name| name.as_str().into()),
        _ => number_to_json(kind.dequantise(steps)),
    }
}

/// An input field's next steps from what was asked for; `None` when it cannot be that.
fn step(field: &Field, value: &Json, before: i32) -> Option<i32> {
    let number = value.as_f64().or_else(|| value.as_bool().map(f64::from));
    match &field.kind {
        FieldKind::Choice(names) => {
            let index = value.as_str().and_then(|name| names.iter().position(|n| n == name));
            index.map(|i| i as i32)
        }
        FieldKind::Press => {
            let presses = (number? as i64).clamp(0, PRESSES_MAX) as i32;
            Some((before + presses) & PRESSES_MAX as i32)
        }
        kind => Some(kind.quantise(number?).0),
    }
}

fn number_to_json(n: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if n.fract() == 0.0 && n.abs() < EXACT { (n as i64).into() } else { n.into() }
}

/// References become `{"entity": id}` and `{"player": "id"}`, bytes hexadecimal text.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => number_to_json(*n),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => {
            let entry = |(key, value): (&Key, &Value)| {
                let key = match key {
                    Key::Index(index) => index.to_string(),
                    Key::Name(name) => name.clone(),
                };
                (key, to_json(value))
            };
            Json::Object(map.iter().map(entry).collect())
        }
        Value::Entity(id) => json!({ "entity": id }),
        Value::Player(number) => json!({ "player": number.to_string() }),
    }
}

pub(super) fn from_json(value: &Json) -> Result<Value, String> {
    read_json(value, DEPTH_MAX)
}

fn read_json(value: &Json, depth: usize) -> Result<Value, String> {
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    Ok(match value {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Number(n.as_f64().ok_or("a number beyond a double")?),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|i| read_json(i, depth)).collect::<Result<_, _>>()?),
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| Ok((Key::Name(key.clone()), read_json(value, depth)?));
            Value::Map(map.iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind) -> Field {
        Field { name: "f".to_owned(), kind }
    }

    #[test]
    fn inputs_are_read_as_their_kind() {
        let mx = field(FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 });
        assert_eq!(step(&mx, &json!(1), 0), Some(127));
        assert_eq!(step(&mx, &json!("left"), 0), None);
        let fire = field(FieldKind::Press);
        assert_eq!(step(&fire, &json!(true), 3), Some(0), "a running count");
        assert_eq!(step(&fire, &json!(0), 2), Some(2));
        let gear = field(FieldKind::Choice(vec!["low".to_owned(), "high".to_owned()]));
        assert_eq!(step(&gear, &json!("high"), 0), Some(1));
        assert_eq!(step(&gear, &json!("none"), 0), None);
        assert_eq!(step(&field(FieldKind::Flag), &json!(true), 0), Some(1));
    }

    #[test]
    fn values_become_json_and_back() {
        let data = json!({ "a": [1, 2.5, null, "x"], "b": { "c": true } });
        assert_eq!(to_json(&from_json(&data).unwrap()), json!({ "a": [1, 2.5, null, "x"], "b": { "c": true } }));
        assert_eq!(to_json(&Value::Player(3)), json!({ "player": "3" }));
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert!(from_json(&deep).is_err());
    }
}
