//! Rooms with more in motion than a datagram holds, over real QUIC.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use std::path::PathBuf;

use airboat::{protocol::Value, server::Server};
use airboat_loadtest::args::Transport;
use support::live::{Folder, Live, url};

/// Everybody takes turns until `done` of all of them.
async fn until(what: &str, players: &mut [Live], done: impl Fn(&Live) -> bool) {
    for _ in 0..20_000 {
        if players.iter().all(&done) {
            return;
        }
        for player in &mut *players {
            let before = player.tick();
            player.turn().await;
            look(player, before);
        }
    }
    panic!("waited in vain for {what}");
}

/// One's own walker is always of the newest tick, whatever else had no place.
fn look(player: &Live, before: u32) {
    if player.tick() > before && before > 0 {
        assert_eq!(player.own("walker", "step"), Some(player.tick() as i32));
    }
}

fn is_partial(player: &Live) -> bool {
    player.player.client.mirror().is_some_and(|mirror| mirror.is_partial())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_is_told_in_portions_and_whole_when_it_rests() {
    let folder = Folder::new("crowded");
    let mut config = folder.config();
    config.modules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/modules");
    let server = Server::start(config).await.unwrap();
    let mut players = Vec::new();
    for (name, transport) in [("a", Transport::Quic), ("b", Transport::Webtransport), ("c", Transport::Websocket)] {
        let mut live = Live::new(name, "swarm", "sky");
        live.join(&url(&server), transport).await;
        live.held = Some(vec![60, -60]);
        players.push(live);
    }
    let start: Vec<_> = players.iter().map(Live::tick).collect();
    until("some seconds of flight", &mut players, |player| player.tick() > start[0] + 120).await;
    let metrics = server.metrics();
    assert!(metrics.snapshots_partial.get() > 100, "{} partial snapshots", metrics.snapshots_partial.get());
    assert_eq!(metrics.datagrams_too_large.get(), 0);
    assert!(metrics.script_memory_bytes.get() > 100_000, "{} B of scripts", metrics.script_memory_bytes.get());
    assert!(!is_partial(&players[2]), "a stream has no budget");

    players[0].message("rest", Value::Nil).await;
    until("whole states", &mut players, |player| !is_partial(player)).await;
    let compared: Vec<_> = players.iter().map(|p| p.player.client.hashes().worlds).collect();
    until("equal hashes", &mut players[..2], |player| {
        player.player.client.hashes().worlds > compared[0].max(compared[1])
    })
    .await;

    // A switch while states are partial: what the stream says first is a difference from one of those.
    players[1].message("fly", Value::Nil).await;
    until("partial states again", &mut players[..2], is_partial).await;
    players[0].connect(&url(&server), Transport::Websocket).await;
    until("a stream", &mut players[..1], |player| !is_partial(player)).await;
    players[0].connect(&url(&server), Transport::Quic).await;
    until("partial states after the switch back", &mut players[..1], is_partial).await;
    assert_eq!(players[0].player.rejoined, 0, "each switch was a resume");
    server.shutdown().await.unwrap();
}
