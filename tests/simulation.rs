//! An hour of play in seconds: rooms, sessions and players on faulty links, with drops, switches and reloads.

mod support;

use std::sync::atomic::Ordering::Relaxed;

use airboat::session::TransportKind;
use support::{
    game::NativeFactory,
    simulation::{Faults, World},
};

const SECOND: u64 = 1_000_000;
const TRANSPORTS: [TransportKind; 4] =
    [TransportKind::Quic, TransportKind::Webtransport, TransportKind::Websocket, TransportKind::Http];
const FAULTS: Faults = Faults { loss: 0.05, double: 0.02, delay: 15_000, jitter: 20_000 };

fn any(world: &mut World) -> TransportKind {
    TRANSPORTS[world.random.usize(..4)]
}

/// Something happens to one of the players.
fn disturb(world: &mut World) {
    let actor = world.random.usize(..world.actors.len());
    match world.random.u8(..10) {
        0..3 => world.cut(actor),
        // A switch in play: the older link is not closed, just outdone.
        3..6 => {
            let transport = any(world);
            world.connect(actor, transport);
        }
        6..9 => world.count(actor),
        _ => world.echo(actor),
    }
    for other in 0..world.actors.len() {
        if !world.is_connected(other) && world.random.u8(..3) == 0 {
            let transport = any(world);
            world.connect(other, transport);
        }
    }
}

#[test]
fn an_hour_of_play_loses_and_doubles_nothing() {
    let hours = if support::soak() { 20 } else { 1 };
    let mut world = World::new(support::seed(21), FAULTS);
    for index in 0..6 {
        let actor = world.add(&format!("p{index}"));
        world.connect(actor, TRANSPORTS[index % 4]);
    }
    for _ in 0..hours * 3600 {
        world.run(SECOND);
        disturb(&mut world);
    }
    for actor in 0..world.actors.len() {
        world.connect(actor, TransportKind::Websocket);
    }
    world.run(10 * SECOND);
    let mut resumes = (0, 0);
    for (index, actor) in world.actors.iter().enumerate() {
        let player = &actor.player;
        let mirror = player.client.mirror().unwrap();
        let counts = mirror.documents.get("state").get("counts");
        let id = player.client.player().unwrap().to_string();
        assert_eq!(counts.get(&id).u32(), Some(actor.counted), "messages of actor {index}");
        assert_eq!(actor.wrong_replies, 0, "replies to actor {index}");
        assert_eq!(player.messages_lost, 0, "actor {index}");
        assert_eq!(mirror.documents_hash(), world.room().documents_hash());
        assert!(player.client.hashes().worlds > 500, "{:?}", player.client.hashes());
        resumes = (resumes.0 + player.replayed, resumes.1 + player.rejoined);
    }
    println!("{} snapshots, {} resumes replayed, {} joined again", world.snapshots, resumes.0, resumes.1);
    assert!(resumes.0 > 500);
    let spoken: u32 = world.actors.iter().map(|a| a.counted).sum();
    assert!(world.actors.iter().all(|a| a.heard.len() == spoken as usize), "each heard each message once");
}

/// The number: 200 moves between transports, in play.
#[test]
fn two_hundred_switches_lose_and_double_nothing() {
    let mut world = World::new(support::seed(22), FAULTS);
    let (mover, witness) = (world.add("mover"), world.add("witness"));
    world.connect(mover, TransportKind::Quic);
    world.connect(witness, TransportKind::Websocket);
    world.run(SECOND);
    for round in 0..200 {
        world.count(mover);
        world.count(witness);
        world.run(world.random.clone().u64(1..300) * 1_000);
        world.connect(mover, TRANSPORTS[round % 4]);
        world.count(mover);
        world.run(world.random.clone().u64(1..300) * 1_000);
    }
    world.run(5 * SECOND);
    for actor in &world.actors {
        let own = actor.player.client.player().unwrap().to_string();
        let state = actor.player.client.mirror().unwrap().documents.get("state");
        assert_eq!(state.get("counts").get(&own).u32(), Some(actor.counted));
        assert_eq!(actor.heard.len(), 600, "both messages of each round, once");
    }
    assert_eq!(world.actors[mover].player.messages_lost, 0);
    assert!(world.closings.iter().all(|(_, reason)| *reason == airboat::protocol::CloseReason::Replaced));
}

/// Ten minutes beside a crowd that no datagram holds, with everything that goes wrong on the way: every whole state that
/// anybody is shown is the room's of its tick, and whenever the crowd rests, everybody has it whole.
#[test]
fn ten_minutes_in_a_crowd_every_mirror_is_the_rooms() {
    let minutes = if support::soak() { 120 } else { 10 };
    let mut world = World::with(support::seed(25), FAULTS, NativeFactory { crowd: 350, ..NativeFactory::version("1") });
    world.history = Some(std::collections::VecDeque::new());
    for index in 0..8 {
        let actor = world.add(&format!("p{index}"));
        world.connect(actor, TRANSPORTS[index % 4]);
    }
    for _ in 0..minutes {
        for second in 0..55 {
            world.run(SECOND);
            disturb(&mut world);
            if second == 30 && world.random.bool() {
                world.reload(NativeFactory { crowd: 350, ..NativeFactory::version("2") });
            }
        }
        for actor in 0..world.actors.len() {
            if !world.is_connected(actor) {
                world.connect(actor, TRANSPORTS[actor % 4]);
            }
        }
        let still = world.factory.wires.still.clone();
        still.store(true, Relaxed);
        world.run(3 * SECOND);
        let before: Vec<_> = world.actors.iter().map(|actor| (actor.equal, actor.partial)).collect();
        world.run(2 * SECOND);
        for (index, actor) in world.actors.iter().enumerate() {
            assert!(actor.equal > before[index].0, "actor {index} has nothing whole");
            assert_eq!(actor.partial, before[index].1, "actor {index} has partial states of a room at rest");
        }
        still.store(false, Relaxed);
    }
    let equal: u32 = world.actors.iter().map(|actor| actor.equal).sum();
    let partial: u32 = world.actors.iter().map(|actor| actor.partial).sum();
    let resumes: u32 = world.actors.iter().map(|actor| actor.player.replayed).sum();
    println!("{equal} whole states equal, {partial} partial, {resumes} resumes replayed");
    assert!(equal > minutes * 3_000 && partial > minutes * 1_000 && resumes > minutes * 10);
    assert!(world.actors.iter().all(|actor| actor.player.client.hashes().documents > 100));
}

#[test]
fn a_closed_page_gets_its_seat_back_by_its_device() {
    let mut world = World::new(support::seed(23), FAULTS);
    let actor = world.add("p");
    world.connect(actor, TransportKind::Websocket);
    world.run(SECOND);
    let seat = world.actors[actor].player.client.player();
    world.cut(actor);
    world.actors[actor].player.forget_token();
    world.run(5 * SECOND);
    world.connect(actor, TransportKind::Http);
    world.run(SECOND);
    assert_eq!(world.actors[actor].player.client.player(), seat);
    // A second window while the first is connected is a second player.
    world.actors[actor].player.forget_token();
    world.connect(actor, TransportKind::Websocket);
    world.run(SECOND);
    assert_ne!(world.actors[actor].player.client.player(), seat);
    assert_eq!(world.room().players(), 2);
}

#[test]
fn a_seat_expires_after_its_resume_window() {
    let mut world = World::new(support::seed(24), FAULTS);
    let (leaver, witness) = (world.add("leaver"), world.add("witness"));
    world.connect(leaver, TransportKind::Quic);
    world.connect(witness, TransportKind::Quic);
    world.run(SECOND);
    world.cut(leaver);
    world.run(29 * SECOND);
    assert_eq!(world.room().players(), 2);
    world.run(3 * SECOND);
    assert_eq!(world.room().players(), 1);
    let players = world.actors[witness].player.client.mirror().unwrap().documents.get("players").clone();
    assert_eq!(players.get("1"), &airboat::protocol::Value::Nil);
    assert_eq!(players.get("2").get("connected"), &airboat::protocol::Value::Bool(true));
}

#[test]
fn another_seed_gives_another_hour_and_the_same_seed_the_same() {
    let play = |seed| {
        let mut world = World::new(seed, FAULTS);
        for transport in &TRANSPORTS[..3] {
            let actor = world.add("p");
            world.connect(actor, *transport);
        }
        for _ in 0..60 {
            world.run(SECOND / 2);
            disturb(&mut world);
        }
        (world.snapshots, world.room().documents_hash(), airboat::protocol::hash::world(world.room().world()))
    };
    assert_eq!(play(5), play(5));
    assert_ne!(play(5), play(6));
}
