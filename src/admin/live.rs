//! The figures of the dashboard: measured once a second, written once as JSON, and sent to all viewers as server-sent
//! events. A viewer that is slow gets the newest; those in between are lost to it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Inner;
use super::session::Who;
use crate::config::Limits;
use crate::metrics::{Buckets, Metrics, ProcessUsage, TRANSPORTS};
use crate::protocol::Micros;
use crate::room::directory::Directory;

pub(super) struct Live {
    /// One event, ready to be sent; empty before the first.
    latest: watch::Sender<Bytes>,
    /// What the charts show, oldest first.
    history: Mutex<VecDeque<Value>>,
    history_max: usize,
}

impl Live {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            latest: watch::Sender::new(Bytes::new()),
            history: Mutex::default(),
            history_max: limits.admin_history_secs,
        }
    }

    fn publish(&self, figures: &Value) {
        let point = figures["point"].clone();
        let mut history = self.history();
        while history.len() >= self.history_max {
            history.pop_front();
        }
        history.push_back(point);
        drop(history);
        self.latest.send_replace(event("figures", figures));
    }

    fn history(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(name: &str, data: &Value) -> Bytes {
    // JSON on one line: a line break would end the event.
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// Once a second until the server closes.
pub(super) async fn measure(inner: &Inner) {
    let mut every = interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = Reading::take(&inner.metrics, None, inner.clock.now());
    loop {
        tokio::select! {
            () = inner.closing.cancelled() => return,
            _ = every.tick() => {}
        }
        // Reads `/proc`, which takes a while with thousands of sockets.
        let usage = tokio::task::spawn_blocking(ProcessUsage::read).await.ok().flatten();
        let now = Reading::take(&inner.metrics, usage, inner.clock.now());
        let rooms = Rooms::of(&inner.directory, inner.config.limits.admin_rooms_shown);
        inner.live.publish(&figures(&before, &now, &rooms));
        before = now;
    }
}

/// Everything that is compared with a second ago.
struct Reading {
    at: Micros,
    usage: Option<ProcessUsage>,
    ticks: u64,
    skipped: u64,
    duration: Buckets,
    lateness: Buckets,
    players: [i64; 4],
    connections: [i64; 4],
    bytes_in: [u64; 4],
    bytes_out: [u64; 4],
    held: i64,
}

impl Reading {
    fn take(metrics: &Metrics, usage: Option<ProcessUsage>, at: Micros) -> Self {
        use std::array::from_fn;
        Self {
            at,
            usage,
            ticks: metrics.room_tick_duration_seconds.count(),
            skipped: metrics.room_ticks_skipped.get(),
            duration: metrics.room_tick_duration_seconds.read(),
            lateness: metrics.room_tick_lateness_seconds.read(),
            players: from_fn(|t| metrics.sessions[t].get()),
            connections: from_fn(|t| metrics.connections[t].get()),
            bytes_in: from_fn(|t| metrics.bytes_in[t].get()),
            bytes_out: from_fn(|t| metrics.bytes_out[t].get()),
            held: metrics.sessions_held.get(),
        }
    }
}

/// The rooms that are shown, and how many there are.
struct Rooms {
    shown: Vec<crate::room::directory::RoomSummary>,
    open: usize,
    modules: Vec<crate::room::directory::ModuleSummary>,
}

impl Rooms {
    fn of(directory: &Directory, most: usize) -> Self {
        let mut shown = directory.rooms();
        let open = shown.len();
        // The fullest first, whichever way the page sorts them; the rest keeps its order of names.
        shown.sort_by_key(|room| std::cmp::Reverse(room.players));
        shown.truncate(most);
        Self { shown, open, modules: directory.modules() }
    }
}

/// One event's data. Names end in their unit; times are in microseconds.
fn figures(before: &Reading, now: &Reading, rooms: &Rooms) -> Value {
    let elapsed = (now.at.saturating_sub(before.at) as f64 / 1e6).max(1e-3);
    let per_second = |now: u64, before: u64| (now.saturating_sub(before) as f64 / elapsed).round();
    let sum = |rates: [f64; 4]| rates.iter().sum::<f64>();
    let bytes_in = std::array::from_fn(|t| per_second(now.bytes_in[t], before.bytes_in[t]));
    let bytes_out = std::array::from_fn(|t| per_second(now.bytes_out[t], before.bytes_out[t]));
    let quantiles = |now: &Buckets, before: &Buckets| {
        let since = now.since(before);
        json!({ "p50": since.quantile(0.5).map(f64::round), "p99": since.quantile(0.99).map(f64::round) })
    };
    let tick = quantiles(&now.duration, &before.duration);
    let lateness = quantiles(&now.lateness, &before.lateness);
    let cpu = now
        .usage
        .zip(before.usage)
        .map(|(now, before)| ((now.cpu_seconds - before.cpu_seconds).max(0.0) / elapsed * 1000.0).round() / 10.0);
    let memory = now.usage.map(|usage| usage.resident_bytes);
    let players: i64 = now.players.iter().sum();
    let transports: Vec<Value> = (0..TRANSPORTS.len())
        .map(|t| {
            json!({
                "name": TRANSPORTS[t], "players": now.players[t], "connections": now.connections[t],
                "bytes_in_per_second": bytes_in[t], "bytes_out_per_second": bytes_out[t],
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_secs": now.at / 1_000_000,
        "players": players,
        "sessions_held": now.held,
        "transports": transports,
        "tick_us": tick,
        "lateness_us": lateness,
        "ticks_per_second": per_second(now.ticks, before.ticks),
        "ticks_skipped": now.skipped.saturating_sub(before.skipped),
        "ticks_skipped_total": now.skipped,
        "memory_bytes": memory,
        "cpu_percent": cpu,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "threads": now.usage.map(|usage| usage.threads),
        "open_files": now.usage.map(|usage| usage.open_files),
        "bytes_in_per_second": sum(bytes_in),
        "bytes_out_per_second": sum(bytes_out),
        "rooms_open": rooms.open,
        "rooms": rooms.shown,
        "modules": rooms.modules,
        // The charts' share of it: time, players, rooms, tick, lateness, CPU, memory, in, out.
        "point": [
            now.at / 1_000_000, players, rooms.open, tick["p99"], lateness["p99"], cpu, memory,
            sum(bytes_in), sum(bytes_out),
        ],
    })
}

/// `GET /admin/api/live`. Ends with the session, and with the server.
pub(super) async fn stream(State(inner): State<Arc<Inner>>, who: Who) -> Response {
    let mut latest = inner.live.latest.subscribe();
    // History and the newest figures at once; from then on what is new. Between these two lines a second may pass
    // unseen by the history and be sent as figures, so nothing is missing; the page drops what it has already.
    let now = latest.borrow_and_update().clone();
    let past: Vec<Value> = inner.live.history().iter().cloned().collect();
    let opening = [Bytes::from_static(b"retry: 2000\n\n"), event("history", &Value::Array(past)), now].concat();
    let following = futures_util::stream::unfold((inner, latest, who), |(inner, mut latest, who)| async move {
        let alive = tokio::select! {
            () = inner.closing.cancelled() => false,
            changed = latest.changed() => changed.is_ok(),
        };
        if !alive || !inner.sessions.holds(&who.key, inner.clock.now()) {
            return None;
        }
        let event = latest.borrow_and_update().clone();
        Some((Ok::<_, Infallible>(event), (inner, latest, who)))
    });
    let opening = futures_util::stream::once(async { Ok(Bytes::from(opening)) });
    let body = Body::from_stream(futures_util::StreamExt::chain(opening, following));
    // Proxies would otherwise collect the stream until it ends, which is never.
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::HeaderName::from_static("x-accel-buffering"), "no")], body)
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_ROOMS: Rooms = Rooms { shown: Vec::new(), open: 0, modules: Vec::new() };

    #[test]
    fn figures_are_of_the_time_since_the_last_ones() {
        let metrics = Metrics::default();
        metrics.bytes_out[2].add(1_000_000);
        metrics.room_tick_duration_seconds.observe(60_000);
        let usage = ProcessUsage { resident_bytes: 5, cpu_seconds: 1.0, open_files: 1, threads: 1 };
        let before = Reading::take(&metrics, Some(usage), 1_000_000);
        metrics.sessions[0].add(1);
        metrics.sessions[2].add(2);
        metrics.bytes_out[2].add(300);
        metrics.room_ticks_skipped.add(3);
        (0..60).for_each(|_| metrics.room_tick_duration_seconds.observe(90));
        let now = Reading::take(&metrics, Some(ProcessUsage { cpu_seconds: 2.0, ..usage }), 3_000_000);
        let figures = figures(&before, &now, &NO_ROOMS);
        assert_eq!(figures["players"], 3);
        assert_eq!(figures["transports"][2]["bytes_out_per_second"], 150.0);
        assert_eq!(figures["bytes_out_per_second"], 150.0);
        assert_eq!((&figures["cpu_percent"], &figures["memory_bytes"]), (&json!(50.0), &json!(5)));
        assert_eq!((&figures["ticks_per_second"], &figures["ticks_skipped"]), (&json!(30.0), &json!(3)));
        assert_eq!(figures["tick_us"], json!({ "p50": 50.0, "p99": 99.0 }));
        assert_eq!(figures["lateness_us"], json!({ "p50": null, "p99": null }));
    }

    #[test]
    fn history_is_bounded_and_an_event_is_one_line() {
        let live = Live::new(&Limits { admin_history_secs: 3, ..Limits::default() });
        for n in 0..5 {
            live.publish(&json!({ "point": [n], "text": "two\nlines" }));
        }
        assert_eq!(*live.history(), [json!([2]), json!([3]), json!([4])]);
        let event = live.latest.borrow().clone();
        let text = std::str::from_utf8(&event).unwrap();
        assert!(text.starts_with("event: figures\ndata: {") && text.ends_with("}\n\n"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
}
