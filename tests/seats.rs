//! Who may sit where: bots that make room, watchers beside the players, taking over, and a room that is locked.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use std::sync::Arc;

use airboat::{
    game::{Admission, GameInfo},
    protocol::{CloseReason, Value},
    session::TransportKind::{Quic, Websocket},
};
use support::{
    game::{Fault, NativeFactory},
    simulation::{CLEAN, World},
};

const SECOND: u64 = 1_000_000;

fn world(seed: u64, change: impl FnOnce(&mut GameInfo)) -> World {
    let mut factory = NativeFactory::version("1");
    let mut info = (*factory.info).clone();
    change(&mut info);
    factory.info = Arc::new(info);
    World::with(support::seed(seed), CLEAN, factory)
}

/// Each player's entry, as actor 0 sees them.
fn players(world: &World) -> Vec<Value> {
    let mirror = world.actors[0].player.client.mirror().unwrap();
    let Value::Map(players) = mirror.documents.get("players") else { panic!("no players") };
    players.values().cloned().collect()
}

fn bots(world: &World) -> usize {
    players(world).iter().filter(|player| player.get("bot").bool() == Some(true)).count()
}

fn come(world: &mut World, name: &str) -> usize {
    let actor = world.add(name);
    world.connect(actor, Websocket);
    world.run(SECOND / 5);
    actor
}

#[test]
fn bots_fill_up_make_room_and_go_when_nobody_plays() {
    let mut world = world(41, |info| (info.bots, info.seats) = (4, (1, 5)));
    assert_eq!(world.room().bots(), 0, "nobody plays: nobody needs them");
    let first = come(&mut world, "first");
    assert_eq!((bots(&world), players(&world).len()), (3, 4));
    let names: std::collections::BTreeSet<_> =
        players(&world).iter().map(|player| player.get("name").text().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 4, "each has a name of its own: {names:?}");
    // Their tanks drive right, as the game's bot says.
    let before = world.room().world().clone();
    world.run(SECOND);
    assert_ne!(before.classes[1].values[2], world.room().world().classes[1].values[2]);
    for (more, left) in [(2, 2), (3, 1), (4, 0), (5, 0)] {
        come(&mut world, &format!("p{more}"));
        assert!(world.refused.is_none(), "{:?}", world.refused);
        assert_eq!((world.room().players(), world.room().bots()), (more, left));
    }
    come(&mut world, "one too many");
    assert_eq!(
        world.refused.as_ref().map(|r| (r.reason, r.text.as_str())),
        Some((CloseReason::RoomFull, "all 5 seats are taken"))
    );
    for actor in 1..5 {
        world.leave(actor);
    }
    world.run(SECOND);
    assert_eq!((world.room().players(), world.room().bots()), (1, 3));
    world.leave(first);
    world.run(SECOND);
    assert_eq!((world.room().players(), world.room().bots()), (0, 0));
}

#[test]
fn a_person_takes_a_bots_place_in_a_full_room_and_bots_outlive_a_fault() {
    let mut world = world(42, |info| (info.bots, info.seats) = (4, (1, 4)));
    come(&mut world, "first");
    assert_eq!(world.room().bots(), 3);
    world.run(2 * SECOND);
    let before = players(&world);
    *world.factory.wires.fault.lock().unwrap() = Some(Fault::Overrun);
    world.run(SECOND);
    assert_eq!((world.restored, players(&world)), (1, before));
    come(&mut world, "second");
    assert_eq!((world.room().players(), world.room().bots(), world.refused.is_none()), (2, 2, true));
}

#[test]
fn who_watches_takes_no_seat() {
    let mut world = world(43, |info| info.seats = (1, 2));
    come(&mut world, "a");
    come(&mut world, "b");
    for watcher in 0..3 {
        let actor = world.add_as("w", "spectator");
        world.connect(actor, Quic);
        world.run(SECOND / 5);
        assert!(world.refused.is_none(), "{watcher}: {:?}", world.refused);
    }
    assert_eq!((world.room().players(), world.room().watching()), (2, 3));
    // A player who turns spectator frees a seat.
    world.say(1, "watch", Value::Nil);
    world.run(SECOND);
    assert_eq!((world.room().players(), world.room().watching()), (1, 4));
    let kinds = players(&world).iter().filter(|player| player.get("kind").text() == Some("spectator")).count();
    assert_eq!(kinds, 4);
    come(&mut world, "c");
    assert!(world.refused.is_none());
    for _ in 0..60 {
        let actor = world.add_as("w", "screen");
        world.connect(actor, Websocket);
    }
    assert!(world.refused.is_none());
    let actor = world.add_as("w", "screen");
    world.connect(actor, Websocket);
    assert_eq!(world.refused.as_ref().map(|r| r.reason), Some(CloseReason::RoomFull));
}

#[test]
fn late_ones_take_over_the_seat_that_was_lost_first() {
    let mut world = world(44, |_| {});
    world.factory.late = Admission::TakeOver;
    world.open_room();
    for name in ["a", "b", "c"] {
        let actor = world.add(name);
        world.connect(actor, Websocket);
    }
    world.run(SECOND);
    let seats: Vec<_> = (0..3).map(|actor| world.actors[actor].player.client.player().unwrap()).collect();
    assert_eq!(world.room().players(), 1, "b and c found nobody gone, and watch");
    world.cut(0);
    world.run(SECOND);
    let late = come(&mut world, "late");
    assert_eq!(world.actors[late].player.client.player(), Some(seats[0]));
    assert_eq!((world.room().players(), world.room().watching()), (1, 2));
    // Under their own name, which a room that goes back to before remembers too.
    let named = |world: &World| {
        let mirror = world.actors[late].player.client.mirror().unwrap();
        mirror.documents.get("players").get(&seats[0].to_string()).get("name").clone()
    };
    assert_eq!(named(&world), "late".into());
    let heard = |world: &World| world.factory.wires.heard.lock().unwrap().clone();
    let renamed = format!("rename {} late", seats[0]);
    assert_eq!(heard(&world).iter().filter(|line| **line == renamed).count(), 1);
    *world.factory.wires.fault.lock().unwrap() = Some(Fault::Overrun);
    world.run(SECOND);
    assert_eq!((world.restored, named(&world)), (1, "late".into()));
}

#[test]
fn a_locked_room_lets_back_in_who_sits() {
    let mut world = world(45, |_| {});
    come(&mut world, "a");
    come(&mut world, "b");
    world.say(0, "lock", true.into());
    world.run(SECOND);
    // Also after a fault: the lock is kept.
    world.run(2 * SECOND);
    *world.factory.wires.fault.lock().unwrap() = Some(Fault::Overrun);
    world.run(SECOND);
    come(&mut world, "c");
    let refused = world.refused.take().unwrap();
    assert_eq!(
        (refused.reason, refused.text.as_str()),
        (CloseReason::Refused, "the room is locked: nobody new may enter")
    );
    // b's page was closed and opened again: its device is all it has.
    world.cut(1);
    world.actors[1].player.forget_token();
    world.connect(1, Quic);
    world.run(SECOND);
    assert!(world.refused.is_none());
    assert_eq!(world.room().players(), 2);
    world.say(0, "lock", false.into());
    world.run(SECOND);
    come(&mut world, "d");
    assert!(world.refused.is_none());
}
