//! Named counters, gauges and one histogram type, lock-free on the hot path, shown as Prometheus text.
//!
//! A new one is one line in the list below; its comment is its HELP line. Counters are past events (`inputs_dropped`),
//! units come last. A leaf: imports nothing of ours, so reasons are told apart by number and named by the caller.

mod kinds;
mod process;

use std::fmt::Write as _;

pub use kinds::{Buckets, ByName, Counter, Family, Gauge, Histogram, PerReason, PerTransport};
pub use process::ProcessUsage;

use kinds::{Metric, Page, per_transport};

/// The order of `session::TransportKind`; index families with `transport as usize`.
pub const TRANSPORTS: [&str; 4] = ["quic", "webtransport", "websocket", "http"];
/// How an attempt to resume ended; index with [`Resume`].
pub const RESUMES: [&str; 4] = ["replayed", "rejoined", "switched", "refused"];
/// Numbers of a close reason on the wire stay below this.
pub const REASONS: usize = 128;

/// Index into `resumes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// Everything missed was sent again.
    Replayed,
    /// Too much was missed: the join answer again.
    Rejoined,
    /// The session still had a link and changed to another one.
    Switched,
    /// Spent, forged or expired.
    Refused,
}

/// Microseconds; around tick periods of 16 and 33 ms.
const TICK_US: &[u64] = &[100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 33_000, 66_000];
/// Microseconds; from a fast disk to a stuck one.
const COMMIT_US: &[u64] = &[500, 1_000, 2_000, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000];
/// Bytes; 1,100 is the largest datagram.
const SNAPSHOT_BYTES: &[u64] = &[32, 64, 128, 256, 512, 1_100, 2_048, 4_096, 16_384];

macro_rules! metrics {
    ($( $(#[doc = $doc:literal])* $name:ident: $type:ty $(= $init:expr)?; )*) => {
        /// Everything the server counts about itself.
        #[derive(Debug)]
        pub struct Metrics { $( $(#[doc = $doc])* pub $name: $type, )* }

        impl Default for Metrics {
            fn default() -> Self {
                Self { $( $name: metrics!(@init $type $(, $init)?), )* }
            }
        }

        impl Metrics {
            fn render_own(&self, out: &mut Page<'_>) {
                $( self.$name.render(stringify!($name), concat!($($doc),*).trim(), out); )*
            }
        }
    };
    (@init $type:ty) => { <$type>::default() };
    (@init $type:ty, $init:expr) => { $init };
}

metrics! {
    /// Sessions with a link attached.
    sessions: PerTransport<Gauge> = per_transport();
    /// Sessions, those waiting for their player included.
    sessions_held: Gauge;
    /// Bytes kept for the client for whom most is kept; looked at once a second.
    session_held_bytes_max: Gauge;
    /// Sessions begun.
    sessions_opened: PerTransport<Counter> = per_transport();
    /// Sessions ended.
    sessions_closed: PerReason = PerReason::default();
    /// Links attached and lost again while the session lived on.
    links_lost: PerTransport<Counter> = per_transport();
    /// Links closed.
    links_closed: PerReason = PerReason::default();
    /// Attempts to resume.
    session_resumes: Family<Counter, 4> = Family::new("result", &RESUMES);
    /// Hellos refused.
    hellos_refused: PerReason = PerReason::default();
    /// Open connections.
    connections: PerTransport<Gauge> = per_transport();
    /// Connections accepted.
    connections_opened: PerTransport<Counter> = per_transport();
    /// Connections refused because a limit was reached.
    connections_refused: Counter;
    /// TLS and QUIC handshakes that failed or took too long.
    handshakes_failed: Counter;

    /// Frames received.
    messages_in: PerTransport<Counter> = per_transport();
    /// Frames sent.
    messages_out: PerTransport<Counter> = per_transport();
    /// Bytes of frames received.
    bytes_in: PerTransport<Counter> = per_transport();
    /// Bytes of frames sent.
    bytes_out: PerTransport<Counter> = per_transport();
    /// Datagrams given up before they were sent.
    datagrams_dropped: Counter;
    /// Snapshots too large for a datagram, sent reliably instead.
    datagrams_too_large: Counter;
    /// Frames refused.
    frames_refused: PerReason = PerReason::default();
    /// Frames dropped because a link sent more than its rate.
    frames_rate_limited: Counter;
    /// Reliable lanes that ran full.
    reliable_overflowed: Counter;
    /// Control lanes that ran full.
    control_overflowed: Counter;
    /// Message lanes that ran full.
    messages_overflowed: Counter;
    /// Reliable frames sent again after a resume.
    reliable_resent: Counter;
    /// Sessions ended because the room's state was too large for the answer to a join.
    join_answers_too_large: Counter;
    /// Messages a resume could not replay.
    messages_lost: Counter;

    /// Inputs that arrived.
    inputs_received: Counter;
    /// Inputs dropped from a full lane.
    inputs_dropped: Counter;
    /// Ticks in which a player's last holds were repeated because no input waited.
    inputs_substituted: Counter;
    /// Inputs skipped because too many waited.
    inputs_skipped: Counter;

    /// Snapshots handed to links.
    snapshots_sent: Counter;
    /// Of these, those without a baseline.
    snapshots_whole: Counter;
    /// Snapshots replaced by a newer one before they left.
    snapshots_replaced: Counter;
    /// Snapshots not encoded because the link had not taken the last ones.
    snapshots_skipped: Counter;
    /// Snapshots that leave something out, because not all of it fits a datagram.
    snapshots_partial: Counter;
    /// Snapshots shared between players with the same baseline.
    snapshots_shared: Counter;
    /// Size of encoded snapshots.
    snapshot_size_bytes: Histogram = Histogram::new(SNAPSHOT_BYTES, 1.0);

    /// Open rooms.
    rooms: Gauge;
    /// Rooms opened.
    rooms_opened: Counter;
    /// Rooms closed.
    rooms_closed: Counter;
    /// Rooms closed by a fault.
    rooms_failed: Counter;
    /// Checkpoints taken of rooms.
    checkpoints: Counter;
    /// Rooms that went on from their last checkpoint after their script was stopped.
    rooms_restored: Counter;
    /// Running rooms that took a new version of their module.
    rooms_reloaded: Counter;
    /// Rooms that went back because the new version failed.
    rooms_rolled_back: Counter;
    /// Rooms that went to the penalty worker because they took more than their share of a core.
    rooms_over_share: Counter;
    /// Rooms on the penalty worker.
    rooms_penalised: Gauge;
    /// Module versions closed because their rooms failed again and again.
    modules_quarantined: ByName = ByName::new("module");
    /// Versions of modules that could not be loaded.
    module_loads_failed: ByName = ByName::new("module");
    /// Checkpoints of closed rooms that are kept.
    checkpoints_held: Gauge;
    /// Bytes of these.
    checkpoints_held_bytes: Gauge;
    /// Checkpoints of closed rooms forgotten because too many, or too large ones, were kept.
    checkpoints_forgotten: Counter;
    /// What happened to rooms and was not told because the queue was full; it is told a second later.
    room_events_overflowed: Counter;
    /// Rooms or modules that had to wait because the loader's queue was full.
    loader_overflowed: Counter;
    /// Entities in all rooms.
    entities: Gauge;
    /// CPU and wall time of a room's step.
    room_tick_duration_seconds: Histogram = Histogram::new(TICK_US, 1e-6);
    /// How late a room's step began.
    room_tick_lateness_seconds: Histogram = Histogram::new(TICK_US, 1e-6);
    /// Ticks run.
    room_ticks: Counter;
    /// Ticks left out because the worker was late.
    room_ticks_skipped: Counter;
    /// Commands refused because a worker's inbox was full.
    worker_inbox_overflowed: Counter;

    /// Script errors.
    script_errors: ByName = ByName::new("module");
    /// Scripts stopped because a callback ran past its time.
    script_overruns: ByName = ByName::new("module");
    /// CPU time from the end of a callback's budget until it had been stopped.
    script_stop_overrun_seconds: Histogram = Histogram::new(TICK_US, 1e-6);
    /// Scripts stopped because they ran out of memory.
    script_out_of_memory: ByName = ByName::new("module");
    /// Requests of scripts to their store that were not carried out: the queue was full, or a bound was reached.
    script_store_refused: Counter;
    /// Memory held by scripts, as their workers last saw it.
    script_memory_bytes: Gauge;
    /// Declared fields outside their range, clamped on the wire.
    fields_clamped: Counter;
    /// Log lines of scripts left out because a room wrote too many.
    script_log_lines_dropped: Counter;

    /// Devices created.
    devices_created: Counter;
    /// Device secrets that were wrong.
    devices_refused: Counter;
    /// Jobs waiting for the database.
    store_queue_length: Gauge;
    /// Jobs refused because the database's queue was full.
    store_queue_overflowed: Counter;
    /// Jobs that failed in the database.
    store_errors: Counter;
    /// Time of a transaction, from its first job to its commit.
    store_commit_duration_seconds: Histogram = Histogram::new(COMMIT_US, 1e-6);

    /// Polls answered.
    polls: Counter;
    /// Wrong passwords and links in the panel.
    admin_logins_failed: Counter;
    /// Logins refused unread because too many before them were wrong.
    admin_logins_slowed: Counter;
    /// When the certificate in use ends, in seconds since 1970.
    tls_certificate_expiry_timestamp_seconds: Gauge;
}

impl Metrics {
    /// The whole page. `reason` names a close reason by its number; reasons without a name are left out.
    pub fn render(&self, reason: fn(u8) -> Option<&'static str>) -> String {
        let mut page = Page { text: String::with_capacity(16 * 1024), reason };
        page.head("build_info", "Version of the server.", "gauge");
        let _ = writeln!(page.text, "airboat_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        self.render_own(&mut page);
        process::process(&mut page);
        page.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(number: u8) -> Option<&'static str> {
        (number == 3).then_some("slow consumer")
    }

    #[test]
    fn the_page_shows_what_was_counted() {
        let metrics = Metrics::default();
        metrics.snapshots_sent.add(2);
        metrics.bytes_in[2].add(70);
        metrics.bytes_in[99].add(1);
        metrics.sessions[0].add(1);
        metrics.sessions_closed.add(3, 1);
        metrics.sessions_closed.add(200, 1);
        metrics.session_resumes[Resume::Refused as usize].add(1);
        metrics.script_errors.of("a\"b").add(4);
        metrics.room_tick_duration_seconds.observe(100);
        metrics.room_tick_duration_seconds.observe(101);
        metrics.room_tick_duration_seconds.observe(1_000_000);
        let page = metrics.render(reason);
        for line in [
            "# TYPE airboat_snapshots_sent_total counter",
            "# HELP airboat_snapshots_sent_total Snapshots handed to links.",
            "airboat_snapshots_sent_total 2",
            "airboat_bytes_in_total{transport=\"websocket\"} 70",
            "airboat_bytes_in_total{transport=\"http\"} 1",
            "# TYPE airboat_sessions gauge",
            "airboat_sessions{transport=\"quic\"} 1",
            "airboat_sessions_closed_total{reason=\"slow consumer\"} 1",
            "airboat_session_resumes_total{result=\"refused\"} 1",
            "airboat_script_errors_total{module=\"a\\\"b\"} 4",
            "# TYPE airboat_room_tick_duration_seconds histogram",
            "airboat_room_tick_duration_seconds_bucket{le=\"0.0001\"} 1",
            "airboat_room_tick_duration_seconds_bucket{le=\"0.00025\"} 2",
            "airboat_room_tick_duration_seconds_bucket{le=\"0.066\"} 2",
            "airboat_room_tick_duration_seconds_bucket{le=\"+Inf\"} 3",
            "airboat_room_tick_duration_seconds_count 3",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
    }

    /// The rules of the text format that a scraper trips over.
    #[test]
    fn the_page_is_well_formed() {
        let page = Metrics::default().render(reason);
        let mut typed: Vec<&str> = Vec::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(!typed.contains(&name), "{name} twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                typed.push(name);
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                assert!(rest.split_once(' ').is_some_and(|(_, help)| !help.is_empty()), "{line}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                let name = series.split('{').next().unwrap();
                assert!(name.starts_with(typed.last().unwrap()), "{line} under {:?}", typed.last());
            }
        }
    }

    #[test]
    fn quantiles_are_bucket_bounds() {
        let histogram = Histogram::new(TICK_US, 1e-6);
        assert_eq!(histogram.quantile(0.5), None);
        (0..99).for_each(|_| histogram.observe(300));
        histogram.observe(5_000);
        assert_eq!((histogram.quantile(0.5), histogram.quantile(0.99)), (Some(500), Some(500)));
        assert_eq!(histogram.quantile(1.0), Some(8_000));
    }

    #[test]
    fn a_reading_tells_of_the_time_since_another() {
        let histogram = Histogram::new(TICK_US, 1e-6);
        (0..100).for_each(|_| histogram.observe(30_000));
        let before = histogram.read();
        assert_eq!(histogram.read().since(&before).quantile(0.5), None);
        (0..10).for_each(|_| histogram.observe(400));
        let since = histogram.read().since(&before);
        assert_eq!((since.quantile(0.5), since.quantile(1.0)), (Some(375.0), Some(500.0)));
        histogram.observe(1_000_000);
        assert_eq!(histogram.read().since(&before).quantile(1.0), Some(66_000.0));
    }

    #[test]
    fn names_are_bounded() {
        let names = ByName::new("module");
        (0..1_000).for_each(|n| names.of(&n.to_string()).add(1));
        assert_eq!(names.counters.lock().unwrap().len(), ByName::NAMES_MAX + 1);
        assert_eq!(names.of("other").get(), 1_000 - ByName::NAMES_MAX as u64);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_measured() {
        let usage = ProcessUsage::read().unwrap();
        assert!(usage.resident_bytes > 100_000 && usage.threads >= 1 && usage.open_files >= 1);
    }
}
