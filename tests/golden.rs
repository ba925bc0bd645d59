//! Golden vectors: one file with every frame kind, written by this test and read by the clients in other languages.
//!
//! `AIRBOAT_BLESS=1 cargo test --test golden` writes `tests/golden/frames.json` anew; without it a difference fails.
//! Bytes are hexadecimal; what they mean stands beside them in plain JSON.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use airboat::protocol::{
    CloseReason, Key, Value, delta,
    document::Operation,
    hash, input,
    message::{self, ClientFrame, Hello, JoinRequest, Joined, Resume, Welcome},
    mirror::Mirror,
    schema::{Class, Column, Field, FieldKind, Schema},
    snapshot::{self, InputReport},
    world::World,
};
use serde_json::{Map, Value as Json, json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/frames.json");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The JSON that stands for a value: references become `{"$entity": id}` and `{"$player": number}`, bytes `{"$bytes": hex}`.
fn plain(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => json!(*n as i64),
        Value::Number(n) => json!(n),
        Value::Text(t) => json!(t),
        Value::Bytes(b) => json!({ "$bytes": hex(b) }),
        Value::List(list) => Json::Array(list.iter().map(plain).collect()),
        Value::Map(map) => {
            let key = |key: &Key| match key {
                Key::Index(i) => i.to_string(),
                Key::Name(name) => name.clone(),
            };
            Json::Object(map.iter().map(|(k, v)| (key(k), plain(v))).collect())
        }
        Value::Entity(id) => json!({ "$entity": id }),
        Value::Player(number) => json!({ "$player": number }),
    }
}

fn schema() -> Schema {
    let number =
        |name: &str| Field { name: name.into(), kind: FieldKind::Number { min: -512.0, max: 1512.0, step: 0.125 } };
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let axis = FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
    Schema {
        tick_rate: 30,
        classes: vec![
            Class { name: "bullet".into(), fields: vec![number("x"), number("y")], linear: true, life_ticks: 30 },
            Class {
                name: "tank".into(),
                fields: vec![
                    field("armed", FieldKind::Flag),
                    field("heading", FieldKind::Angle),
                    field("mode", FieldKind::Choice(vec!["idle".into(), "drive".into(), "wreck".into()])),
                    number("x"),
                    number("y"),
                ],
                linear: false,
                life_ticks: 0,
            },
        ],
        inputs: vec![
            field("aim", FieldKind::Angle),
            field("fire", FieldKind::Press),
            field("mx", axis.clone()),
            field("my", axis),
        ],
    }
}

/// Rows of one class as (id, columns).
fn fill(world: &mut World, class: usize, rows: &[(u32, &[i32])]) {
    for (id, columns) in rows {
        world.classes[class].ids.push(*id);
        for (values, value) in world.classes[class].values.iter_mut().zip(*columns) {
            values.push(*value);
        }
    }
}

fn world_json(schema: &Schema, world: &World) -> Json {
    let mut classes = Map::new();
    for (class, rows) in schema.classes.iter().zip(&world.classes) {
        let entity = |row: usize| {
            let mut entity = Map::from_iter([("id".into(), json!(rows.ids[row]))]);
            for (index, column) in class.columns().enumerate() {
                let steps = rows.values[index][row];
                let (name, value) = match column {
                    Column::Owner => ("owner", json!(steps)),
                    Column::Field(f) => (f.name.as_str(), json!(f.kind.dequantise(steps))),
                    Column::VelocityX => ("vx_steps", json!(steps)),
                    Column::VelocityY => ("vy_steps", json!(steps)),
                    Column::Since => ("since", json!(steps)),
                    Column::Ends => ("ends", json!(steps)),
                };
                entity.insert(name.into(), value);
            }
            Json::Object(entity)
        };
        classes.insert(class.name.clone(), (0..rows.len()).map(entity).collect());
    }
    Json::Object(classes)
}

/// The worlds of a short story: things appear, move, wrap, leave; a bullet ends by itself, another is corrected.
fn story(schema: &Schema) -> Vec<(u32, World)> {
    let world = |bullets: &[(u32, &[i32])], tanks: &[(u32, &[i32])]| {
        let mut world = World::empty(schema);
        fill(&mut world, 0, bullets);
        fill(&mut world, 1, tanks);
        world
    };
    vec![
        (100, world(&[], &[(1, &[1, 0, 1020, 1, 800, 4000]), (2, &[2, 1, 0, 0, 1600, 4000])])),
        (
            101,
            world(
                &[(3, &[1, 800, 4000, 3200, 0, 101, 104])],
                &[(1, &[1, 0, 3, 1, 832, 4000]), (2, &[2, 1, 0, 0, 1600, 4000])],
            ),
        ),
        (
            102,
            world(
                &[(3, &[1, 800, 4000, 3200, 0, 101, 104]), (7, &[2, -8, -16, -3200, 1600, 102, 0])],
                &[(1, &[1, 1, 3, 2, 864, 3990]), (2, &[2, 1, 0, 0, 1600, 4000])],
            ),
        ),
        (
            104,
            world(
                &[(7, &[2, -100, 5, -3200, 1600, 104, 0])],
                &[(1, &[1, 1, 3, 2, 864, 3990]), (300, &[0, 0, 512, 0, 0, 0])],
            ),
        ),
        (105, world(&[], &[])),
    ]
}

fn snapshots(schema: &Schema) -> (Vec<Json>, Vec<u8>) {
    let story = story(schema);
    let nothing = World::empty(schema);
    let report =
        |n: u32| InputReport { applied: 65_530 + n * 3, substitutions: n as u8, skips: 255, slack_half_ms: -5 };
    let mut frames = Vec::new();
    let mut first = Vec::new();
    // (index of the world, index of its baseline)
    for (n, (index, base)) in
        [(0, None), (1, Some(0)), (2, Some(1)), (3, Some(1)), (4, Some(3)), (4, Some(2))].into_iter().enumerate()
    {
        let (tick, world) = &story[index];
        let (base_tick, base_world) = base.map_or((None, &nothing), |b: usize| (Some(story[b].0), &story[b].1));
        let mut body = Vec::new();
        delta::encode(&mut body, schema, base_world, world, *tick);
        let frame = snapshot::frame(0xfeed_beef, *tick, base_tick, report(n as u32), &body);
        if first.is_empty() {
            first = frame.to_vec();
        }
        let report = report(n as u32);
        frames.push(json!({
            "bytes": hex(&frame), "tick": tick, "baseline": base_tick, "applied": report.applied,
            "substitutions": report.substitutions, "skips": report.skips, "slack_half_ms": report.slack_half_ms,
            "world": world_json(schema, world), "hash": hash::world(world),
        }));
    }
    (frames, first)
}

/// What a client holds who cannot be told everything: after the join answer, a state without bullet 3, one in which tank 1
/// has stood still meanwhile, and then everything again.
fn partial_snapshots(schema: &Schema) -> Vec<Json> {
    let story = story(schema);
    let (mut without, mut stale) = (story[1].1.clone(), story[2].1.clone());
    without.classes[0] = World::empty(schema).classes[0].clone();
    for (column, values) in without.classes[1].values.iter().enumerate() {
        stale.classes[1].values[column][0] = values[0];
    }
    let nothing = World::empty(schema);
    let steps = [
        (101, &without, Some(100), &story[0].1, true),
        (102, &stale, Some(101), &without, true),
        (104, &story[3].1, Some(102), &stale, false),
        (105, &without, None, &nothing, true),
    ];
    let mut frames = Vec::new();
    for (tick, world, baseline, base, partial) in steps {
        let mut body = Vec::new();
        delta::encode(&mut body, schema, base, world, tick);
        let head = snapshot::head(0xfeed_beef, tick, baseline, partial, InputReport::default());
        let frame = [&head[..], &body].concat();
        frames.push(json!({
            "bytes": hex(&frame), "tick": tick, "baseline": baseline, "partial": partial,
            "world": world_json(schema, world), "hash": hash::world(world),
        }));
    }
    frames
}

fn joined(schema: &Schema, key: Vec<u8>) -> Joined {
    let state = Value::map([
        ("score", Value::map([("1", 3.0.into())])),
        ("best", Value::Player(1)),
        ("target", Value::Entity(2)),
        ("words", Value::List(vec!["a".into(), "ü".into()])),
        ("ratio", 0.25.into()),
        ("none", Value::List(vec![])),
    ]);
    Joined {
        epoch: 0xfeed_beef,
        module: "tank8".into(),
        title: "Tank 8".into(),
        room: "blue-fox".into(),
        player: 1,
        tick: 100,
        schema: schema.clone(),
        documents: Value::map([("state", state), ("players", Value::map([])), ("secret", Value::map([]))]),
        snapshot: key,
        input: 1,
        applied: 0,
        messages_lost: 0,
    }
}

fn document_story(mirror: &mut Mirror) -> Vec<Json> {
    let key = |k: &str| Key::from(k);
    let steps: Vec<(&str, Vec<Operation>)> = vec![
        ("state", vec![Operation { path: vec![key("score"), key("2")], value: Some(7.0.into()) }]),
        ("state", vec![Operation { path: vec![key("words"), Key::Index(3)], value: Some("new".into()) }]),
        (
            "state",
            vec![
                Operation { path: vec![key("words"), Key::Index(3)], value: None },
                Operation { path: vec![key("best")], value: None },
            ],
        ),
        ("players", vec![Operation { path: vec![key("1")], value: Some(Value::map([("name", "ann".into())])) }]),
        ("state", vec![Operation::whole(Value::map([("round", 2.0.into())]))]),
    ];
    let mut frames = Vec::new();
    for (number, (name, operations)) in steps.into_iter().enumerate() {
        let number = number as u32 + 1;
        let bytes = message::document(number, 100 + number, &message::document_body(name, operations.iter()));
        mirror.patch(name, &operations).unwrap();
        frames.push(json!({
            "bytes": hex(&bytes), "number": number, "tick": 100 + number, "name": name,
            "documents": plain(&mirror.documents), "hash": mirror.documents_hash(),
        }));
    }
    frames
}

fn client_frames() -> Json {
    let hello = Hello {
        protocol: 1,
        client: "golden/1".into(),
        name: "ann".into(),
        device: Some(("id".into(), "secret".into())),
        resume: Some(Resume { token: vec![1, 2, 255], epoch: 7, tick: 9, received: 3 }),
        join: Some(JoinRequest { module: "tank8".into(), room: "blue fox".into(), ..JoinRequest::default() }),
        debug_hash: true,
    };
    let first = Hello { protocol: 1, client: "golden/1".into(), name: "ann".into(), ..Hello::default() };
    let data =
        Value::map([("text", "hi".into()), ("n", Value::List(vec![1.5.into(), (-3.0).into(), 70_000.0.into()]))]);
    let message =
        |call| ClientFrame::Message { epoch: 0xfeed_beef, number: 5, call, name: "chat".into(), data: data.clone() };
    let frames = [
        ("hello", ClientFrame::Hello(Box::new(hello))),
        ("hello_first", ClientFrame::Hello(Box::new(first))),
        ("message", message(None)),
        ("call", message(Some(2))),
        (
            "join",
            ClientFrame::Join(JoinRequest {
                module: "m".into(),
                room: "r".into(),
                password: "p".into(),
                kind: "screen".into(),
            }),
        ),
        ("leave", ClientFrame::Leave),
        ("received", ClientFrame::Received { epoch: 0xfeed_beef, received: 300 }),
        ("bye_left", ClientFrame::Bye(CloseReason::Left)),
        ("bye_hidden", ClientFrame::Bye(CloseReason::Hidden)),
        ("ack", ClientFrame::Ack { epoch_low: 0xef, tick: 0x1234 }),
        ("ping", ClientFrame::Ping { token: 0x0102_0304 }),
    ];
    let mut map: Map<String, Json> =
        frames.iter().map(|(name, frame)| ((*name).into(), json!(hex(&frame.encode())))).collect();
    map.insert("message_data".into(), plain(&data));
    Json::Object(map)
}

fn inputs() -> Json {
    let inputs: [&[i32]; 4] = [&[1023, 3, -127, 0], &[1020, 3, -127, 0], &[1020, 2, 5, 127], &[0, 0, 0, 0]];
    json!({
        "epoch": 0xfeed_beefu32, "ack": 70_000, "view_eighths": 559_990, "newest": 65_540,
        "newest_first": inputs, "bytes": hex(&input::encode(0xfeed_beef, 70_000, 559_990, 65_540, &inputs)),
        "first_only": hex(&input::encode(0xfeed_beef, 70_000, 559_990, 65_537, &inputs[3..])),
    })
}

fn server_frames() -> Json {
    let welcome = Welcome {
        protocol: (1, 1),
        session: "00000000000000ff".into(),
        device: Some(("id".into(), "secret".into())),
        resume: vec![9, 8, 7],
        resume_window_ms: 30_000,
        ping_ms: 5_000,
    };
    let data = Value::map([("from", Value::Player(1)), ("text", "hé".into()), ("tank", Value::Entity(70_000))]);
    json!({
        "welcome": hex(&welcome.encode()),
        "resumed": { "bytes": hex(&message::resumed(0xfeed_beef, 12)), "epoch": 0xfeed_beefu32, "received": 12 },
        "event": { "bytes": hex(&message::event(1, 77, "chat", &data)), "number": 1, "tick": 77, "name": "chat", "data": plain(&data) },
        "reply": { "bytes": hex(&message::reply(2, 78, 5, &Ok(0.5.into()))), "number": 2, "call": 5, "ok": true, "data": 0.5 },
        "reply_error": { "bytes": hex(&message::reply(3, 78, 6, &Err("no".into()))), "number": 3, "call": 6, "ok": false, "data": "no" },
        "hash": { "bytes": hex(&message::hash(4, 90, 0xdead_beef, 1)), "number": 4, "tick": 90, "world": 0xdead_beefu32, "documents": 1 },
        "saved": { "bytes": hex(&message::saved(0xfeed_beef, 5, 4)), "epoch": 0xfeed_beefu32, "received": 5, "saved": 4 },
        "bye": { "bytes": hex(&message::bye(CloseReason::Restarting, "soon back")), "reason": 1, "text": "soon back" },
        "refused": { "bytes": hex(&message::refused(CloseReason::RoomFull, "full")), "reason": 58, "text": "full" },
        "left": hex(&message::left()),
        "pong": { "bytes": hex(&message::pong(7, 100, 2_500)), "token": 7, "tick": 100, "age_us": 2_500 },
        "unknown": ["0f0102", "9163"],
    })
}

fn numbers() -> Json {
    let values = [
        0.0,
        1.0,
        -1.0,
        127.0,
        128.0,
        -33.0,
        65_536.0,
        4_294_967_296.0,
        -2_147_483_649.0,
        0.1,
        -1e300,
        9_007_199_254_740_991.0,
    ];
    values
        .iter()
        .map(|n| json!({ "bytes": hex(&Value::Number(*n).to_bytes()), "value": plain(&Value::Number(*n)) }))
        .collect()
}

fn vectors() -> Json {
    let schema = schema();
    let (snapshots, key) = snapshots(&schema);
    let joined = joined(&schema, key);
    let mut mirror = Mirror::new(&joined).unwrap();
    json!({
        "numbers": numbers(),
        "client": client_frames(),
        "inputs": inputs(),
        "server": server_frames(),
        "joined": {
            "bytes": hex(&joined.encode()), "epoch": joined.epoch, "player": joined.player, "tick": joined.tick,
            "schema": plain(&schema.to_value()), "documents": plain(&joined.documents),
        },
        "snapshots": snapshots,
        "partial_snapshots": partial_snapshots(&schema),
        "documents": document_story(&mut mirror),
        "reasons": CloseReason::ALL.iter().map(|r| json!([r.number(), r.text(), r.come_back()])).collect::<Vec<_>>(),
    })
}

#[test]
fn golden_vectors_are_what_this_code_writes() {
    let mut fresh = serde_json::to_string_pretty(&vectors()).unwrap();
    fresh.push('\n');
    if std::env::var_os("AIRBOAT_BLESS").is_some() {
        std::fs::write(PATH, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        fresh == kept,
        "the wire changed: raise the protocol version or undo it, then bless (see this file's head)"
    );
}

fn unhex(vector: &Json) -> Vec<u8> {
    let bytes = vector["bytes"].as_str().unwrap();
    (0..bytes.len() / 2).map(|i| u8::from_str_radix(&bytes[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn the_mirror_knows_what_is_partial() {
    let schema = schema();
    let (_, key) = snapshots(&schema);
    let mut mirror = Mirror::new(&joined(&schema, key)).unwrap();
    for vector in partial_snapshots(&schema) {
        mirror.apply(&unhex(&vector)).unwrap();
        assert_eq!(mirror.is_partial(), vector["partial"].as_bool().unwrap());
        assert_eq!(json!(hash::world(mirror.world())), vector["hash"]);
        assert_eq!(mirror.whole_at(mirror.tick()).is_none(), mirror.is_partial());
    }
}

#[test]
fn the_mirror_follows_the_golden_story() {
    let schema = schema();
    let (_, key) = snapshots(&schema);
    let mut mirror = Mirror::new(&joined(&schema, key)).unwrap();
    let story = story(&schema);
    for vector in &snapshots(&schema).0[1..5] {
        mirror.apply(&unhex(vector)).unwrap();
        let (_, world) = story.iter().find(|(tick, _)| *tick == mirror.tick()).unwrap();
        assert_eq!(mirror.world(), world);
    }
}
