//! Players who stop reading: what the server keeps for them is bounded, and what they see first when they read again is the
//! newest state, not what they have missed.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use airboat::{metrics::Metrics, server::Server};
use airboat_loadtest::args::Transport;
use support::live::{Folder, Live, url};

/// What may be kept for one player.
const HELD_BYTES_MAX: i64 = 64 * 1024;
/// Snapshots left out before a reader counts as stopped, and in all.
const STOPPED: u64 = 10;
const MISSED: u64 = 60;
/// Ticks that may still be under way to somebody who has stopped: the credit, and what was left out by then.
const UNDER_WAY: u32 = STOPPED as u32 + 6;

/// Of those under way over QUIC: what its probes for a path that says nothing took along, and what waits in its buffer.
const PROBES: usize = 8;

/// A player on a thread and a runtime of its own: when it stops, nobody reads its socket or acknowledges anything.
struct Reader {
    stopped: Receiver<()>,
    /// The tick that somebody else has seen meanwhile.
    go_on: SyncSender<u32>,
    /// The ticks it saw then, up to the first that is no older.
    thread: JoinHandle<Vec<u32>>,
}

impl Reader {
    fn start(url: String, room: String, transport: Transport) -> Self {
        let (stop, stopped) = sync_channel(1);
        let (go_on, resumed) = sync_channel::<u32>(1);
        let run = async move {
            let mut live = Live::new("slow", "tank8", &room);
            live.join(&url, transport).await;
            live.held = Some(vec![256, 0, 0, 127]);
            let joined = live.tick();
            live.until("snapshots", |live| live.tick() > joined + 30).await;
            stop.send(()).unwrap();
            // Blocks the whole runtime.
            let newest = resumed.recv().unwrap();
            let mut seen = vec![live.tick()];
            let reached = |live: &mut Live| {
                if seen.last() != Some(&live.tick()) {
                    seen.push(live.tick());
                }
                live.tick() >= newest
            };
            live.until("the newest state", reached).await;
            seen
        };
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run)
        });
        Self { stopped, go_on, thread }
    }
}

/// Snapshots that were left out because a link took no more.
fn left_out(metrics: &Metrics, transport: Transport) -> u64 {
    match transport {
        Transport::Quic | Transport::Webtransport => metrics.datagrams_dropped.get(),
        Transport::Websocket | Transport::Http => metrics.snapshots_skipped.get(),
    }
}

async fn stop_and_go_on(server: &Server, transport: Transport) {
    let metrics = server.metrics().clone();
    let room = format!("slow-{}", transport.name());
    let mut witness = Live::new("witness", "tank8", &room);
    witness.join(&url(server), Transport::Websocket).await;
    witness.held = Some(vec![256, 0, 127, 0]);
    let reader = Reader::start(url(server), room, transport);
    witness.until("the reader to stop", |_| reader.stopped.try_recv().is_ok()).await;
    let start = left_out(&metrics, transport);
    witness.until("snapshots to be left out", |_| left_out(&metrics, transport) >= start + STOPPED).await;
    let from = witness.tick();
    witness.until("many to be left out", |_| left_out(&metrics, transport) >= start + MISSED).await;
    let newest = witness.tick();
    assert!(newest > from + UNDER_WAY, "{from} to {newest}: too few to tell");

    server.directory().sweep();
    let held = metrics.session_held_bytes_max.get();
    println!("{}: stopped at {from}, went on at {newest}, {held} bytes held", transport.name());
    assert!(held > 0 && held < HELD_BYTES_MAX, "{held} bytes held");

    reader.go_on.send(newest).unwrap();
    witness.until("the reader", |_| reader.thread.is_finished()).await;
    let seen = reader.thread.join().unwrap();
    let (last, older) = seen.split_last().unwrap();
    println!("then saw {older:?} and {last}");
    assert!(*last >= newest);
    let stale = older.iter().filter(|tick| **tick > from + UNDER_WAY).count();
    let allowed = if transport == Transport::Quic { PROBES } else { 0 };
    assert!(stale <= allowed, "stale states were kept: {older:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_costs_little_and_goes_on_with_the_newest_state() {
    let folder = Folder::new("slow");
    let server = Server::start(folder.config()).await.unwrap();
    for transport in [Transport::Websocket, Transport::Http, Transport::Quic] {
        stop_and_go_on(&server, transport).await;
    }
    server.shutdown().await.unwrap();
}
