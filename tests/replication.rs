//! A client model behind a seeded link that loses, reorders and doubles datagrams equals the room at every tick it holds.

mod support;

use std::sync::Arc;

use airboat::{
    config::Limits,
    protocol::{hash, snapshot::InputReport, world},
    room::replication::{Plan, Replication, View},
    session::{Delivery, TransportKind},
};
use support::{
    game,
    simulation::{CLEAN, ROUGH, World},
};

const SECOND: u64 = 1_000_000;

/// Every mirror that holds the room's newest tick must hold exactly the room's state. The hashes that the server sends
/// compare older ticks; the actors check those by themselves.
fn compare(world: &World) -> u32 {
    let room = world.room();
    let mut equal = 0;
    for actor in &world.actors {
        let Some(mirror) = actor.player.client.mirror() else { continue };
        if mirror.epoch == room.epoch() && mirror.tick() == room.tick() {
            assert_eq!(mirror.world(), room.world(), "tick {}", room.tick());
            assert_eq!(hash::world(mirror.world()), hash::world(room.world()));
            equal += 1;
        }
    }
    equal
}

#[test]
fn clients_converge_at_30_percent_loss() {
    let mut world = World::new(support::seed(11), ROUGH);
    for index in 0..6 {
        let actor = world.add(&format!("p{index}"));
        world.connect(actor, [TransportKind::Quic, TransportKind::Webtransport, TransportKind::Websocket][index % 3]);
    }
    world.run(20 * SECOND);
    let hashes: Vec<_> = world.actors.iter().map(|a| a.player.client.hashes()).collect();
    println!("{hashes:?}, {} snapshots", world.snapshots);
    assert!(world.closings.is_empty(), "{:?}", world.closings);
    assert!(hashes.iter().all(|h| h.documents > 10), "{hashes:?}");
    assert!(hashes.iter().map(|h| h.worlds).sum::<u64>() > 20, "{hashes:?}");
    assert!(world.snapshots > 6 * 20 * 10, "{} snapshots", world.snapshots);
}

#[test]
fn on_a_clean_link_the_newest_state_is_the_rooms() {
    let mut world = World::new(support::seed(12), CLEAN);
    for transport in [TransportKind::Quic, TransportKind::Websocket, TransportKind::Http] {
        let actor = world.add("p");
        world.connect(actor, transport);
    }
    world.run(SECOND);
    let mut equal = 0;
    for _ in 0..2_000 {
        world.run(2_000);
        equal += compare(&world);
    }
    assert!(equal > 3_000, "{equal}");
}

#[test]
fn a_reopened_room_never_deltas_against_the_old_life() {
    let mut world = World::new(support::seed(13), CLEAN);
    let transports = [TransportKind::Quic, TransportKind::Websocket, TransportKind::Http];
    for transport in transports {
        let actor = world.add("p");
        world.connect(actor, transport);
    }
    for round in 0..40 {
        world.run(SECOND / 2 + round * 7_000);
        let before = world.room().epoch();
        // The clients keep their mirrors, tokens and unacknowledged inputs; the server has forgotten them.
        world.restart();
        assert_ne!(world.room().epoch(), before);
        for (actor, transport) in transports.into_iter().enumerate() {
            world.connect(actor, transport);
        }
        world.run(SECOND / 2);
        assert!(
            compare(&world) > 0 || {
                world.run(20_000);
                compare(&world) > 0
            },
            "round {round}"
        );
        for actor in &world.actors {
            assert_eq!(actor.player.epoch(), world.room().epoch(), "round {round}");
        }
    }
}

/// Who sends no inputs acknowledges every second snapshot, so one alone under way must never use up the credit: both sides
/// would wait for the other. After a stall of the server or the link the last acknowledged tick is as old as it was long.
#[test]
fn a_stall_leaves_no_reader_waiting_for_a_second_snapshot() {
    let seed = support::seed(14);
    let mut random = fastrand::Rng::with_seed(seed);
    let schema = game::info().schema.clone();
    let mut room = Replication::new(schema.clone(), 7, Arc::new(Limits::default()));
    let mut view = View::starting_from(1, true);
    let (mut tick, mut unacknowledged) = (1, 0);
    let next = |room: &mut Replication, view: &mut View, tick: u32| {
        room.commit(tick, world::World::empty(&schema));
        let Plan::Send(baseline) = room.plan(view, Delivery::Ordered) else { return false };
        room.snapshot(view, 1, Delivery::Ordered, baseline, InputReport::default());
        true
    };
    for _ in 0..500 {
        tick += if random.u8(..4) == 0 { random.u32(1..100) } else { 1 };
        assert!(next(&mut room, &mut view, tick), "tick {tick}");
        unacknowledged += 1;
        if unacknowledged == 2 {
            unacknowledged = 0;
            view.acknowledge(tick as u16, tick);
        }
    }
    // One that has stopped reading has a few more coming, and no others.
    let more = (1..200).filter(|ahead| next(&mut room, &mut view, tick + ahead)).count();
    assert!(more < 12, "{more} snapshots to somebody who reads nothing");
}
