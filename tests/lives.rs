//! A room's other lives: it goes on from its checkpoint, takes a new version of its module, and goes back to the old one,
//! while its players sit where they sat.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{protocol::Value, session::TransportKind};
use support::{
    game::{Fault, NativeFactory},
    simulation::{CLEAN, Faults, World},
};

const SECOND: u64 = 1_000_000;
const TICK: u64 = 34_000;
const TRANSPORTS: [TransportKind; 4] =
    [TransportKind::Quic, TransportKind::Webtransport, TransportKind::Websocket, TransportKind::Http];

fn full(seed: u64, faults: Faults) -> World {
    let mut world = World::new(support::seed(seed), faults);
    for (index, transport) in TRANSPORTS.into_iter().enumerate() {
        let actor = world.add(&format!("p{index}"));
        world.connect(actor, transport);
    }
    world.run(2 * SECOND);
    world
}

fn strike(world: &World, fault: Fault) {
    *world.factory.wires.fault.lock().unwrap() = Some(fault);
}

fn counted(world: &World, actor: usize) -> u32 {
    let player = &world.actors[actor].player;
    let mirror = player.client.mirror().unwrap();
    let id = player.client.player().unwrap().to_string();
    mirror.documents.get("state").get("counts").get(&id).u32().unwrap_or(u32::MAX)
}

/// Everybody sits, nobody was disconnected, and every mirror is the room.
fn all_is_well(world: &World) {
    assert!(world.closings.is_empty(), "{:?}", world.closings);
    for (index, actor) in world.actors.iter().enumerate() {
        let mirror = actor.player.client.mirror().unwrap();
        assert_eq!(mirror.epoch, world.room().epoch(), "actor {index}");
        assert_eq!(mirror.documents_hash(), world.room().documents_hash(), "actor {index}");
        assert_eq!(counted(world, index), actor.counted, "messages of actor {index}");
        assert_eq!(actor.wrong_replies, 0, "replies to actor {index}");
    }
}

#[test]
fn a_fault_costs_the_room_a_second_and_its_players_nothing() {
    for fault in [Fault::Overrun, Fault::Memory, Fault::Panic] {
        let mut world = full(31, CLEAN);
        let (before, numbers) = (world.room().epoch(), |w: &World| -> Vec<_> {
            w.actors.iter().map(|a| a.player.client.player().unwrap()).collect()
        });
        let seats = numbers(&world);
        for round in 1..=5 {
            (0..4).for_each(|actor| world.count(actor));
            world.run(round * 170_000);
            let tick = world.room().tick();
            strike(&world, fault);
            while world.restored < round as u32 {
                world.run(2_000);
            }
            assert!(tick + 1 - world.room().tick() <= 30, "{tick} {}", world.room().tick());
            world.run(SECOND);
        }
        assert_ne!(world.room().epoch() as u8, before as u8);
        assert_eq!(numbers(&world), seats, "{fault:?}");
        all_is_well(&world);
    }
}

/// Messages, faults, reloads, lost links and switches in any order: every message is in the state exactly once.
#[test]
fn nothing_is_lost_or_doubled_over_many_lives() {
    let faults = Faults { loss: 0.05, double: 0.02, delay: 15_000, jitter: 20_000 };
    let mut world = full(32, faults);
    let rounds = if support::soak() { 20_000 } else { 1_500 };
    for round in 0..rounds {
        let actor = world.random.usize(..4);
        match world.random.u8(..14) {
            0..6 => world.count(actor),
            6 => strike(&world, Fault::Overrun),
            7 if round % 4 == 0 => {
                let wires = world.factory.wires.clone();
                let mut next = NativeFactory { wires, ..NativeFactory::version(&round.to_string()) };
                next.fails_after = (world.random.u8(..2) == 0).then(|| (world.random.u32(1..130), Fault::Error));
                world.reload(next);
            }
            8 => world.echo(actor),
            9 | 10 => {
                world.cut(actor);
                world.actors[actor].player.messages_lost = 0;
            }
            _ => {}
        }
        // What is made from now on is for restoring.
        world.factory.fails_after = None;
        let pause = world.random.u64(10_000..300_000);
        world.run(pause);
        for other in 0..4 {
            if !world.is_connected(other) && world.random.u8(..3) == 0 {
                let transport = TRANSPORTS[world.random.usize(..4)];
                world.connect(other, transport);
            }
        }
    }
    for actor in 0..4 {
        world.connect(actor, TransportKind::Websocket);
    }
    world.run(10 * SECOND);
    println!("{} restored, {} rolled back, tick {}", world.restored, world.rolled_back, world.room().tick());
    assert!(world.restored > 0 && world.rolled_back > 5);
    for (index, actor) in world.actors.iter().enumerate() {
        let mirror = actor.player.client.mirror().unwrap();
        assert_eq!(counted(&world, index), actor.counted, "messages of actor {index}");
        assert_eq!(mirror.documents_hash(), world.room().documents_hash(), "actor {index}");
    }
}

#[test]
fn who_left_and_who_came_since_the_checkpoint_is_told_to_the_game() {
    let mut world = full(33, CLEAN);
    // Right behind a checkpoint, so that the next is a second away.
    let just_kept = |world: &World| world.room().checkpoint().unwrap().tick == world.room().tick();
    while !just_kept(&world) {
        world.run(2_000);
    }
    world.run(TICK);
    let leaving = world.actors[1].player.client.player().unwrap();
    world.leave(1);
    let late = world.add("late");
    world.connect(late, TransportKind::Websocket);
    world.cut(2);
    world.run(5 * TICK);
    let heard = world.factory.wires.heard.clone();
    heard.lock().unwrap().clear();
    strike(&world, Fault::Overrun);
    world.run(3 * TICK);
    assert_eq!(world.restored, 1);
    let came = world.actors[late].player.client.player().unwrap();
    let lost = world.actors[2].player.client.player().unwrap();
    let expected =
        ["restored checkpoint".into(), format!("leave {leaving}"), format!("join {came}"), format!("drop {lost}")];
    assert_eq!(*heard.lock().unwrap(), expected);
    let players = world.actors[0].player.client.mirror().unwrap().documents.get("players");
    assert_eq!(*players.get(&leaving.to_string()), Value::Nil);
    assert_eq!(players.get(&lost.to_string()).get("connected").bool(), Some(false));
    assert_eq!(players.get(&came.to_string()).get("name").text(), Some("late"));
    assert_eq!(counted(&world, 0), 0);
    // The one who was away comes back to the new life.
    world.connect(2, TransportKind::Http);
    world.run(SECOND);
    assert_eq!(world.actors[2].player.epoch(), world.room().epoch());
}

#[test]
fn a_message_that_takes_its_room_down_is_not_run_again() {
    let mut world = full(34, CLEAN);
    world.count(0);
    world.run(2 * SECOND);
    world.say(0, "fail now", "overrun".into());
    world.count(0);
    world.count(1);
    world.run(5 * SECOND);
    assert_eq!(world.restored, 1);
    all_is_well(&world);
}

#[test]
fn a_new_version_takes_over_in_the_middle_of_play() {
    let mut world = full(35, CLEAN);
    (0..4).for_each(|actor| world.count(actor));
    world.say(2, "whisper", "sesame".into());
    world.run(SECOND / 2);
    let (tick, bodies) = (world.room().tick(), world.room().world().clone());
    let next = NativeFactory::version("2");
    let heard = next.wires.heard.clone();
    world.reload(next);
    assert_eq!(world.room().tick(), tick, "time goes on");
    assert_eq!(*world.room().world(), bodies, "and every body stands where it stood");
    assert!(world.room().is_on_trial());
    world.run(4 * SECOND);
    assert!(!world.room().is_on_trial());
    assert_eq!(world.room().info().version, "2");
    assert_eq!(*heard.lock().unwrap(), ["restored reload"], "nobody joins or drops over it");
    let secret = world.actors[2].player.client.mirror().unwrap().documents.get("secret").get("word").text();
    assert_eq!(secret, Some("sesame"));
    all_is_well(&world);
    assert!(world.actors.iter().all(|a| a.player.messages_lost == 0));
}

#[test]
fn a_version_that_fails_on_trial_gives_the_room_back_as_it_was() {
    for fault in [Fault::Error, Fault::Overrun, Fault::Panic] {
        let mut world = full(36, CLEAN);
        (0..4).for_each(|actor| world.count(actor));
        world.run(SECOND / 2);
        let bodies = world.room().world().clone();
        let tick = world.room().tick();
        let next = NativeFactory { fails_after: Some((30, fault)), ..NativeFactory::version("2") };
        world.reload(next);
        world.run(SECOND / 3);
        (0..4).for_each(|actor| world.count(actor));
        while world.rolled_back == 0 {
            world.run(2_000);
        }
        assert_eq!(world.room().info().version, "1", "{fault:?}");
        assert_eq!((world.room().tick(), world.room().world()), (tick, &bodies), "{fault:?}");
        world.run(2 * SECOND);
        // What was said to the new version is said to the old one.
        all_is_well(&world);
        assert_eq!(world.restored, 0);
    }
}

/// Frames that a lost link had not taken when the room began anew are counted, not forgotten.
#[test]
fn what_a_reload_takes_from_a_lost_link_is_told() {
    let mut world = full(37, CLEAN);
    world.cut(3);
    world.run(TICK * 2);
    for _ in 0..5 {
        world.count(0);
    }
    world.run(SECOND);
    world.reload(NativeFactory::version("2"));
    // Nor what was said while it slept through the new life.
    for _ in 0..3 {
        world.count(0);
    }
    world.run(SECOND);
    let before = world.actors[3].heard.len();
    world.connect(3, TransportKind::Websocket);
    world.run(SECOND);
    let actor = &world.actors[3];
    assert_eq!(actor.heard.len(), before);
    assert!(actor.player.messages_lost >= 8, "{} lost", actor.player.messages_lost);
    // Those who had a link heard all of it.
    assert!(world.actors[..3].iter().all(|a| a.player.messages_lost == 0 && a.heard.len() == 8));
    assert!(world.closings.is_empty());
}
