//! The kinds of numbers in the list: counters, gauges, families of them, and one histogram; and how each is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Index;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::{REASONS, TRANSPORTS};

/// The text being written.
pub(super) struct Page<'a> {
    pub(super) text: String,
    pub(super) reason: fn(u8) -> Option<&'a str>,
}

impl Page<'_> {
    pub(super) fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP airboat_{name} {help}\n# TYPE airboat_{name} {kind}");
    }
}

/// Something on the page: it writes its own HELP and TYPE lines.
pub(super) trait Metric {
    fn render(&self, name: &str, help: &str, page: &mut Page<'_>);
}

/// A single number on the page, alone or in a family.
pub(super) trait Number: Default {
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
    pub(super) fn new(label: &'static str, values: &'static [&'static str; N]) -> Self {
        Self { label, values, numbers: std::array::from_fn(|_| T::default()) }
    }
}

pub(super) fn per_transport<T: Default>() -> PerTransport<T> {
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
    pub(super) counters: Mutex<BTreeMap<String, Arc<Counter>>>,
}

impl ByName {
    pub(super) const NAMES_MAX: usize = 256;

    pub(super) fn new(label: &'static str) -> Self {
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
    pub(super) fn new(bounds: &'static [u64], scale: f64) -> Self {
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
