//! Named counters, gauges and one histogram type, lock-free on the hot path, shown as Prometheus text.
//!
//! A new one is one line in the list below; its comment is its HELP line. Counters are past events (`inputs_dropped`),
//! units come last. A leaf: imports nothing of ours, so reasons are told apart by number and named by the caller.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Index;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

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
/// Microseconds; from the same room to the other side of the world.
const RTT_US: &[u64] = &[2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 1_000_000];
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
    /// Messages a resume could not replay.
    messages_lost: Counter;

    /// Inputs that arrived.
    inputs_received: Counter;
    /// Inputs dropped from a full lane.
    inputs_dropped: Counter;
    /// Inputs that came with a number already applied; repeats for safety are among them.
    inputs_repeated: Counter;
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
    /// Snapshots shared between players with the same baseline.
    snapshots_shared: Counter;
    /// Size of encoded snapshots.
    snapshot_size_bytes: Histogram = Histogram::new(SNAPSHOT_BYTES, 1.0);
    /// Round trips measured by pings.
    rtt_seconds: Histogram = Histogram::new(RTT_US, 1e-6);

    /// Open rooms.
    rooms: Gauge;
    /// Rooms opened.
    rooms_opened: Counter;
    /// Rooms closed.
    rooms_closed: Counter;
    /// Rooms closed by a fault.
    rooms_failed: Counter;
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
    /// Scripts stopped because they ran out of memory.
    script_out_of_memory: ByName = ByName::new("module");
    /// Memory held by scripts.
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
        process(&mut page);
        page.text
    }
}

/// The text being written.
struct Page<'a> {
    text: String,
    reason: fn(u8) -> Option<&'a str>,
}

impl Page<'_> {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP airboat_{name} {help}\n# TYPE airboat_{name} {kind}");
    }
}

/// Something on the page: it writes its own HELP and TYPE lines.
trait Metric {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>);
}

/// A single number on the page, alone or in a family.
trait Number: Default {
    const KIND: &'static str;
    /// What Prometheus wants at the end of the name.
    const SUFFIX: &'static str;
    fn show(&self) -> i128;
}

/// Only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Number for Counter {
    const KIND: &'static str = "counter";
    const SUFFIX: &'static str = "_total";
    fn show(&self) -> i128 {
        self.get().into()
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Number for Gauge {
    const KIND: &'static str = "gauge";
    const SUFFIX: &'static str = "";
    fn show(&self) -> i128 {
        self.get().into()
    }
}

impl<T: Number> Metric for T {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>) {
        let name = format!("{name}{}", T::SUFFIX);
        page.head(&name, help, T::KIND);
        let _ = writeln!(page.text, "airboat_{name} {}", self.show());
    }
}

/// Numbers told apart by a label of few known values, indexed by their position. An index too large counts as the last.
#[derive(Debug)]
pub struct Family<T, const N: usize> {
    label: &'static str,
    values: &'static [&'static str; N],
    numbers: [T; N],
}

pub type PerTransport<T> = Family<T, 4>;

impl<T: Default, const N: usize> Family<T, N> {
    fn new(label: &'static str, values: &'static [&'static str; N]) -> Self {
        Self { label, values, numbers: std::array::from_fn(|_| T::default()) }
    }
}

fn per_transport<T: Default>() -> PerTransport<T> {
    Family::new("transport", &TRANSPORTS)
}

impl<T, const N: usize> Index<usize> for Family<T, N> {
    type Output = T;
    fn index(&self, at: usize) -> &T {
        &self.numbers[at.min(N - 1)]
    }
}

impl<T: Number, const N: usize> Metric for Family<T, N> {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>) {
        let name = format!("{name}{}", T::SUFFIX);
        page.head(&name, help, T::KIND);
        for (value, number) in self.values.iter().zip(&self.numbers) {
            let _ = writeln!(page.text, "airboat_{name}{{{}=\"{value}\"}} {}", self.label, number.show());
        }
    }
}

/// Counters by the number of a close reason.
#[derive(Debug)]
pub struct PerReason([Counter; REASONS]);

impl Default for PerReason {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl PerReason {
    pub fn add(&self, reason: u8, n: u64) {
        self.0[usize::from(reason).min(REASONS - 1)].add(n);
    }

    pub fn get(&self, reason: u8) -> u64 {
        self.0[usize::from(reason).min(REASONS - 1)].get()
    }

    /// Of all reasons together.
    pub fn sum(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

impl Metric for PerReason {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>) {
        page.head(&format!("{name}_total"), help, "counter");
        for (number, counter) in (0u8..).zip(&self.0) {
            if let Some(reason) = (page.reason)(number) {
                let _ = writeln!(page.text, "airboat_{name}_total{{reason=\"{reason}\"}} {}", counter.get());
            }
        }
    }
}

/// Counters by a name that is known only at run time, such as a module's. Look one up once and keep the `Arc`: the
/// look-up takes a lock. Names beyond the first 256 share `other`.
#[derive(Debug)]
pub struct ByName {
    label: &'static str,
    counters: Mutex<BTreeMap<String, Arc<Counter>>>,
}

impl ByName {
    const NAMES_MAX: usize = 256;

    fn new(label: &'static str) -> Self {
        Self { label, counters: Mutex::default() }
    }

    pub fn of(&self, name: &str) -> Arc<Counter> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if counters.len() < Self::NAMES_MAX || counters.contains_key(name) { name } else { "other" };
        Arc::clone(counters.entry(name.to_owned()).or_default())
    }
}

impl Metric for ByName {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>) {
        page.head(&format!("{name}_total"), help, "counter");
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (value, counter) in &*counters {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(page.text, "airboat_{name}_total{{{}=\"{value}\"}} {}", self.label, counter.get());
        }
    }
}

/// Fixed buckets over whole numbers (microseconds, bytes), shown in base units.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// What one counted unit is in the unit shown.
    scale: f64,
    /// One for each bound and one for what lies beyond.
    counts: [AtomicU64; 16],
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64], scale: f64) -> Self {
        debug_assert!(bounds.len() < 16 && bounds.is_sorted());
        Self { bounds, scale, counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }

    /// Microseconds for what is shown in seconds, bytes for bytes.
    pub fn observe(&self, n: u64) {
        let bucket = self.bounds.iter().position(|bound| n <= *bound).unwrap_or(self.bounds.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(n, Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// The upper bound of the bucket that holds this share of all values; `None` when there are none or it is beyond.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0);
        let mut seen = 0.0;
        self.bounds.iter().zip(&self.counts).find_map(|(bound, count)| {
            seen += count.load(Relaxed) as f64;
            (seen >= wanted).then_some(*bound)
        })
    }

    /// What was counted so far, to be compared with later.
    pub fn read(&self) -> Buckets {
        Buckets { bounds: self.bounds, counts: std::array::from_fn(|at| self.counts[at].load(Relaxed)) }
    }
}

/// A histogram's counts at one moment, or between two.
#[derive(Debug, Clone, Copy)]
pub struct Buckets {
    bounds: &'static [u64],
    counts: [u64; 16],
}

impl Buckets {
    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = std::array::from_fn(|at| self.counts[at].saturating_sub(earlier.counts[at]));
        Self { bounds: self.bounds, counts }
    }

    /// Estimated as if values lay evenly in their bucket, as Prometheus does; beyond the last bound it is that bound.
    /// `None` when nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = self.counts.iter().sum::<u64>() as f64 * share;
        let (mut below, mut seen) = (0.0, 0.0);
        for (bound, count) in self.bounds.iter().zip(self.counts) {
            let (bound, count) = (*bound as f64, count as f64);
            if count > 0.0 && seen + count >= wanted {
                return Some(below + (bound - below) * (wanted - seen) / count);
            }
            (below, seen) = (bound, seen + count);
        }
        (wanted > 0.0).then_some(below)
    }
}

impl Metric for Histogram {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>) {
        page.head(name, help, "histogram");
        let mut seen = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            seen += count.load(Relaxed);
            // Two decimals of a microsecond are cut, so that 0.1 ms is shown as 0.0001.
            let bound = (*bound as f64 * self.scale * 1e9).round() / 1e9;
            let _ = writeln!(page.text, "airboat_{name}_bucket{{le=\"{bound}\"}} {seen}");
        }
        seen += self.counts[self.bounds.len()].load(Relaxed);
        let sum = self.sum.load(Relaxed) as f64 * self.scale;
        let _ = writeln!(page.text, "airboat_{name}_bucket{{le=\"+Inf\"}} {seen}");
        let _ = writeln!(page.text, "airboat_{name}_sum {sum}\nairboat_{name}_count {seen}");
    }
}

/// What Linux says about the process; nothing elsewhere. These names have no prefix, as everybody's.
fn process(page: &mut Page<'_>) {
    let Some(usage) = ProcessUsage::read() else { return };
    let _ = write!(
        page.text,
        "# HELP process_resident_memory_bytes Resident memory size in bytes.\n\
         # TYPE process_resident_memory_bytes gauge\n\
         process_resident_memory_bytes {}\n\
         # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n\
         # TYPE process_cpu_seconds_total counter\n\
         process_cpu_seconds_total {}\n\
         # HELP process_open_fds Number of open file descriptors.\n\
         # TYPE process_open_fds gauge\n\
         process_open_fds {}\n\
         # HELP process_threads Number of threads.\n\
         # TYPE process_threads gauge\n\
         process_threads {}\n",
        usage.resident_bytes, usage.cpu_seconds, usage.open_files, usage.threads
    );
}

/// Memory and CPU of this process, from `/proc`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    pub resident_bytes: u64,
    pub cpu_seconds: f64,
    pub open_files: usize,
    pub threads: u64,
}

impl ProcessUsage {
    pub fn read() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The command in parentheses may hold spaces; utime and stime are the 12th and 13th fields after it, in
        // hundredths of a second on every Linux that reports to user space.
        let mut after = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = after.next()?.parse().ok()?;
        let system: u64 = after.next()?.parse().ok()?;
        Some(Self {
            resident_bytes: field("VmRSS:")? * 1024,
            cpu_seconds: (user + system) as f64 / 100.0,
            open_files: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            threads: field("Threads:")?,
        })
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
