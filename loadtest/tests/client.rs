//! The client and the driver against a room made by hand: no sockets, no clock, every frame chosen.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use airboat::protocol::{
    CloseReason, Tick, Value, delta,
    document::Operation,
    hash,
    input::InputFrame,
    message::{self, ClientFrame, Joined},
    schema::{Class, Field, FieldKind, Schema},
    snapshot::{self, InputReport},
    world::World,
};
use airboat_loadtest::{
    client::{Client, Fault, Happened},
    tank8::{Driver, Wrong},
};
use bytes::Bytes;

const EPOCH: u32 = 0xabcd_0107;
const PLAYER: u32 = 3;

fn schema() -> Schema {
    let field = |name: &str, kind: FieldKind| Field { name: name.into(), kind };
    let place = || FieldKind::Number { min: 0.0, max: 1024.0, step: 0.125 };
    let stick = || FieldKind::Number { min: -1.0, max: 1.0, step: 1.0 / 127.0 };
    let tank = vec![field("turret", FieldKind::Angle), field("x", place()), field("y", place())];
    Schema {
        tick_rate: 30,
        classes: vec![Class { name: "tank".into(), fields: tank, linear: false, life_ticks: 0 }],
        inputs: vec![
            field("aim", FieldKind::Angle),
            field("fire", FieldKind::Press),
            field("mx", stick()),
            field("my", stick()),
        ],
    }
}

/// The other side: one tank that obeys the rule, and everything a server says about it.
struct Room {
    schema: Schema,
    tick: Tick,
    at: (f64, f64),
    turret: i32,
    report: InputReport,
    documents: Value,
    number: u32,
    sent: Vec<(Tick, World)>,
}

impl Room {
    fn new() -> Self {
        let documents = Value::map([("state", Value::map([("score", 1.0.into())])), ("players", Value::map([]))]);
        Self {
            schema: schema(),
            tick: 1000,
            at: (400.0, 500.0),
            turret: 0,
            report: InputReport { applied: 41, ..InputReport::default() },
            documents,
            number: 0,
            sent: Vec::new(),
        }
    }

    fn world(&self) -> World {
        let mut world = World::empty(&self.schema);
        let place = &self.schema.classes[0].fields[1].kind;
        world.classes[0].ids = vec![5, 9];
        let (x, y) = (place.quantise(self.at.0).0, place.quantise(self.at.1).0);
        world.classes[0].values = vec![vec![1, PLAYER as i32], vec![77, self.turret], vec![800, x], vec![4000, y]];
        world
    }

    fn joined(&mut self) -> Bytes {
        let snapshot = self.snapshot_from(None);
        Joined {
            epoch: EPOCH,
            module: "tank8".into(),
            room: "pond".into(),
            player: PLAYER,
            tick: self.tick,
            schema: self.schema.clone(),
            documents: self.documents.clone(),
            snapshot: snapshot.to_vec(),
            input: self.report.applied + 1,
            ..Joined::default()
        }
        .encode()
    }

    fn snapshot_from(&mut self, baseline: Option<Tick>) -> Bytes {
        let world = self.world();
        let old = match baseline {
            None => World::empty(&self.schema),
            Some(tick) => self.sent.iter().find(|(t, _)| *t == tick).unwrap().1.clone(),
        };
        let mut body = Vec::new();
        delta::encode(&mut body, &self.schema, &old, &world, self.tick);
        self.sent.push((self.tick, world));
        snapshot::frame(EPOCH, self.tick, baseline, self.report, &body)
    }

    /// One tick: `input` is applied, or nothing was there.
    fn step(&mut self, input: Option<&[i32]>) {
        self.tick += 1;
        let Some(input) = input else {
            self.report.substitutions = self.report.substitutions.wrapping_add(1);
            return;
        };
        self.report.applied += 1;
        let (mut mx, mut my) = (f64::from(input[2]) / 127.0, f64::from(input[3]) / 127.0);
        let length = mx.hypot(my);
        if length > 1.0 {
            (mx, my) = (mx / length, my / length);
        }
        self.at.0 = (self.at.0 + mx * 120.0 / 30.0).clamp(0.0, 1000.0);
        self.at.1 = (self.at.1 + my * 120.0 / 30.0).clamp(0.0, 1000.0);
        self.turret = input[0];
    }

    fn hash(&mut self) -> Bytes {
        self.number += 1;
        let documents = hash::documents(self.documents.get("state"), self.documents.get("players"));
        message::hash(self.number, self.tick, hash::world(&self.world()), documents)
    }
}

fn join() -> (Room, Client, Driver) {
    let mut room = Room::new();
    let mut client = Client::new("bot".into(), "tank8".into(), "pond".into());
    assert_eq!(client.receive(&room.joined(), 0), Happened::Joined);
    let driver = Driver::new(client.mirror().unwrap(), client.player().unwrap(), 0.3).unwrap();
    (room, client, driver)
}

fn decoded(frames: &[Bytes]) -> Vec<ClientFrame> {
    frames.iter().map(|frame| ClientFrame::decode(frame).unwrap()).collect()
}

#[test]
fn hello_asks_for_the_room_and_its_hashes() {
    let client = Client::new("ann".into(), "tank8".into(), "pond".into());
    let Ok(ClientFrame::Hello(hello)) = ClientFrame::decode(&client.hello()) else { panic!("no hello") };
    assert!(hello.debug_hash && hello.protocol == 1);
    assert_eq!(hello.join.map(|join| (join.module, join.room)), Some(("tank8".into(), "pond".into())));
}

#[test]
fn inputs_are_numbered_from_the_join_and_repeat_the_last_three() {
    let (room, mut client, _) = join();
    let mut frame = None;
    for n in 0..5 {
        frame = client.input(vec![n, 0, -n, 1], 1_000);
    }
    let frame = InputFrame::decode(&frame.unwrap(), &room.schema.inputs).unwrap();
    assert_eq!((frame.newest, frame.ack, frame.epoch_low), (46, 1000, EPOCH as u8));
    assert!(frame.inputs().eq([4, 3, 2, 1].map(|n| [n, 0, -n, 1])));
    assert_eq!(client.sent(42).unwrap().steps[0], 0);
    assert_eq!(client.sent(46).unwrap().steps[0], 4);
    assert_eq!((client.sent(41), client.sent(47)), (None, None));
}

#[test]
fn the_driver_knows_where_its_tank_stands() {
    let (mut room, mut client, mut driver) = join();
    let mut inputs = std::collections::VecDeque::new();
    for round in 0..2_000u32 {
        let now = u64::from(round) * 33_333;
        let steps = driver.input();
        inputs.push_back(steps.clone());
        client.input(steps, now).unwrap();
        // Some ticks get nothing; some inputs wait; some snapshots are lost.
        let next = if round % 97 == 5 { None } else { inputs.pop_front() };
        room.step(next.as_deref());
        if round % 7 == 3 {
            continue;
        }
        let baseline = client.mirror().unwrap().tick();
        let frame = room.snapshot_from(Some(baseline));
        assert_eq!(client.receive(&frame, now), Happened::Snapshot(room.tick));
        driver.check(&client).unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
    }
    assert!(client.take_faults().is_empty());
    assert!(driver.checks.exact > 1_600 && (15..=30).contains(&driver.checks.resynchronised), "{:?}", driver.checks);
}

#[test]
fn the_driver_notices_a_tank_out_of_place() {
    let (mut room, mut client, mut driver) = join();
    let mut tell = |room: &mut Room, driver: &mut Driver, push: f64, turn: i32| {
        let steps = driver.input();
        client.input(steps.clone(), 0).unwrap();
        room.step(Some(&steps));
        room.at.0 += push;
        room.turret = (room.turret + turn).rem_euclid(1024);
        let baseline = client.mirror().unwrap().tick();
        client.receive(&room.snapshot_from(Some(baseline)), 0);
        driver.check(&client)
    };
    assert_eq!(tell(&mut room, &mut driver, 0.0, 0), Ok(()));
    assert!(matches!(tell(&mut room, &mut driver, 0.4, 0), Err(Wrong::Position { .. })));
    assert_eq!(tell(&mut room, &mut driver, 0.0, 0), Ok(()), "one wrong place is one error");
    assert!(matches!(tell(&mut room, &mut driver, 0.0, 1), Err(Wrong::Turret { .. })));
}

#[test]
fn hashes_are_compared_whichever_comes_first() {
    let (mut room, mut client, _) = join();
    let advance = |room: &mut Room, client: &mut Client, hash_first: bool, lost: bool| {
        room.step(None);
        let frames = [room.snapshot_from(Some(client.mirror().unwrap().tick())), room.hash()];
        let order = if hash_first { [1, 0] } else { [0, 1] };
        for index in order.into_iter().filter(|index| !(lost && *index == 0)) {
            client.receive(&frames[index], 0);
        }
    };
    advance(&mut room, &mut client, false, false);
    advance(&mut room, &mut client, true, false);
    assert_eq!((client.hashes().worlds, client.hashes().documents), (2, 2));
    advance(&mut room, &mut client, true, true); // its snapshot never comes
    advance(&mut room, &mut client, false, false);
    assert_eq!((client.hashes().worlds, client.hashes().uncompared), (3, 1));
    assert_eq!(client.take_faults(), []);
}

#[test]
fn a_late_hash_frame_finds_the_world_of_its_tick() {
    let (mut room, mut client, _) = join();
    room.tick = 1019;
    room.step(None);
    assert_eq!(room.tick % 30, 0);
    let late = room.hash();
    for _ in 0..20 {
        let baseline = client.mirror().unwrap().tick();
        client.receive(&room.snapshot_from(Some(baseline)), 0);
        room.step(None);
    }
    client.receive(&late, 0);
    assert_eq!((client.hashes().worlds, client.take_faults()), (1, vec![]));
}

#[test]
fn differing_hashes_are_faults() {
    let (mut room, mut client, _) = join();
    room.step(None);
    client.receive(&room.snapshot_from(Some(1000)), 0);
    client.receive(&message::hash(1, room.tick, 1, 2), 0);
    let faults = client.take_faults();
    assert!(matches!(faults[..], [Fault::World { theirs: 1, .. }, Fault::Documents { theirs: 2, .. }]), "{faults:?}");
}

#[test]
fn patches_apply_before_the_hash() {
    let (mut room, mut client, _) = join();
    let set = Operation { path: vec!["score".into()], value: Some(7.0.into()) };
    room.number += 1;
    client.receive(&message::document(room.number, 1001, &message::document_body("state", std::iter::once(&set))), 0);
    room.documents = Value::map([("state", Value::map([("score", 7.0.into())])), ("players", Value::map([]))]);
    client.receive(&room.hash(), 0);
    assert_eq!((client.hashes().documents, client.take_faults()), (1, vec![]));
}

#[test]
fn numbered_frames_must_follow_each_other() {
    let (_, mut client, _) = join();
    client.receive(&message::event(1, 1000, "hit", &Value::Nil), 0);
    client.receive(&message::event(3, 1000, "hit", &Value::Nil), 0);
    client.receive(&message::event(4, 1000, "hit", &Value::Nil), 0);
    client.receive(&message::event(4, 1000, "hit", &Value::Nil), 0);
    let gap = |expected, got| Fault::Gap { expected, got };
    assert_eq!(client.take_faults(), [gap(2, 3), gap(5, 4)]);
}

#[test]
fn numbered_frames_are_answered_within_a_quarter_of_a_second() {
    let (_, mut client, _) = join();
    assert_eq!(decoded(&client.due(0)), [ClientFrame::Ping { token: 1 }]);
    client.receive(&message::event(1, 1000, "hit", &Value::Nil), 100_000);
    client.receive(&message::event(2, 1000, "hit", &Value::Nil), 200_000);
    assert_eq!(client.deadline(), Some(350_000));
    assert_eq!(client.due(349_999), Vec::<Bytes>::new());
    assert_eq!(decoded(&client.due(350_000)), [ClientFrame::Received { epoch: EPOCH, received: 2 }]);
    assert_eq!(client.deadline(), Some(500_000), "a quiet half second");
    assert_eq!(decoded(&client.due(1_000_000))[0], ClientFrame::Ping { token: 2 });
}

#[test]
fn snapshots_without_inputs_are_acknowledged_by_themselves() {
    let (mut room, mut client, _) = join();
    client.due(0);
    for round in 0..4 {
        room.step(None);
        let baseline = client.mirror().unwrap().tick();
        client.receive(&room.snapshot_from(Some(baseline)), 0);
        let expected = ClientFrame::Ack { epoch_low: EPOCH as u8, tick: room.tick as u16 };
        assert_eq!(decoded(&client.due(0)), if round % 2 == 1 { vec![expected] } else { vec![] });
    }
    assert_eq!(decoded(&client.acknowledgements()), [ClientFrame::Ack { epoch_low: EPOCH as u8, tick: 1004 }]);
}

/// It may have been lost, and the server may wait for it.
#[test]
fn a_quiet_half_second_repeats_the_acknowledgement() {
    let (mut room, mut client, _) = join();
    let due = |client: &mut Client, now| {
        let frames = decoded(&client.due(now)).into_iter();
        frames.filter(|frame| !matches!(frame, ClientFrame::Ping { .. })).collect::<Vec<_>>()
    };
    room.step(None);
    client.receive(&room.snapshot_from(Some(room.tick - 1)), 10_000);
    let ack = ClientFrame::Ack { epoch_low: EPOCH as u8, tick: room.tick as u16 };
    assert_eq!(due(&mut client, 509_999), []);
    assert!(client.deadline().is_some_and(|at| at <= 510_000));
    assert_eq!(due(&mut client, 510_000), std::slice::from_ref(&ack));
    assert_eq!(due(&mut client, 1_009_999), []);
    assert_eq!(due(&mut client, 1_010_000), [ack]);
}

#[test]
fn pongs_set_the_clock() {
    let (_, mut client, _) = join();
    client.due(1_000);
    client.receive(&message::pong(1, 1010, 10_000), 3_000);
    assert_eq!(client.clock().unwrap().tick_at(1010), Some(2_000.0 - 10_000.0));
    client.receive(&message::pong(99, 5, 0), 4_000); // a token that was never sent
    assert_eq!(client.clock().unwrap().rtt_us(), Some(2_000.0));
}

#[test]
fn endings_and_nonsense_are_told_apart() {
    let (_, mut client, _) = join();
    let closed = client.receive(&message::bye(CloseReason::Restarting, "soon back"), 0);
    assert_eq!(closed, Happened::Closed(CloseReason::Restarting, "soon back".into()));
    assert_eq!(client.receive(&[], 0), Happened::Nothing);
    assert_eq!(client.receive(&[0x01, 0xff], 0), Happened::Nothing);
    assert_eq!(client.take_faults().len(), 2);
    let mut early = Client::new("bot".into(), "tank8".into(), "pond".into());
    early.receive(&message::event(1, 1, "hit", &Value::Nil), 0);
    assert_eq!(early.take_faults(), [Fault::Early]);
}
