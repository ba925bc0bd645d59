//! A whole run: everyone joins, warms up, is measured in one window, and leaves.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use airboat::protocol::Micros;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    task::JoinSet,
};

use crate::{
    Failure,
    alarm::Alarms,
    args::Args,
    bot::{self, Role},
    driver::Played,
    process, relay,
    report::{Load, Moment, Report},
    stats::{Stats, Window},
    transport::Target,
};

/// Bots joining at a time: a crowd, not a flood.
const JOINING: usize = 16;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What all bots of a run share.
pub struct Run {
    pub alarms: Alarms,
    pub target: Target,
    /// Whether inputs follow what the room says of their slack.
    pub paced: bool,
    window: OnceLock<Window>,
    joins: Semaphore,
    joined: AtomicUsize,
    failed: AtomicUsize,
    changed: Notify,
    /// Set to true by ctrl-c.
    pub stop: watch::Sender<bool>,
}

impl Run {
    fn new(target: Target, alarms: Alarms, paced: bool) -> Self {
        Self {
            alarms,
            target,
            paced,
            window: OnceLock::new(),
            joins: Semaphore::new(JOINING),
            joined: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            changed: Notify::new(),
            stop: watch::Sender::new(false),
        }
    }

    pub fn now(&self) -> Micros {
        self.alarms.now()
    }

    /// The next moment that lies `phase` into a period counted from the start of the run.
    pub fn aligned(&self, now: Micros, period_us: f64, phase: f64) -> Micros {
        let periods = (now as f64 / period_us - phase).ceil().max(0.0);
        ((periods + phase) * period_us).ceil() as Micros
    }

    pub fn window(&self) -> Option<Window> {
        self.window.get().copied()
    }

    /// Whether figures of this moment count.
    pub fn counts(&self, now: Micros) -> bool {
        self.window().is_some_and(|window| window.holds(now))
    }

    /// The second of the window that this moment is in, if figures of it count.
    pub fn second(&self, now: Micros) -> Option<usize> {
        let window = self.window().filter(|window| window.holds(now))?;
        Some(((now - window.start) / 1_000_000) as usize)
    }

    pub async fn turn_to_join(&self) -> Option<SemaphorePermit<'_>> {
        self.joins.acquire().await.ok()
    }

    pub fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub fn failed_to_join(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn arrivals(&self) -> (usize, usize) {
        (self.joined.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

pub async fn run(args: &Args) -> Result<Report, Failure> {
    if let Some(pid) = args.pid {
        process::cpu_seconds(Some(pid)).ok_or_else(|| format!("cannot read /proc/{pid}"))?;
    }
    let game = Arc::new(Played::load(args)?);
    let alarms = Alarms::new(Instant::now())?;
    let mut target = Target::find(&args.url, args.transport).await?;
    if let Some(conditions) = args.conditions() {
        target.move_to(relay::start(args.transport, target.address, conditions, &alarms).await?);
    }
    let run = Arc::new(Run::new(target, alarms, args.is_paced()));
    let mut bots = start(args, &run, &game);
    let watched = tokio::select! {
        watched = watch_over(args, &run) => watched,
        _ = tokio::signal::ctrl_c() => None,
    };
    run.stop.send_replace(watched.is_none());
    let mut stats = Stats::default();
    while let Some(ended) = bots.join_next().await {
        match ended {
            Ok(one) => stats.add(one),
            Err(error) => stats.complain(format!("a bot broke down: {error}")),
        }
    }
    let Some(load) = watched else {
        stats.complain("nothing was measured: nobody could join, or the run was stopped".into());
        return Ok(Report::new(args, &stats, &Load::default()));
    };
    if args.seconds >= 5.0 && stats.hashes.worlds == 0 {
        stats.complain("no world could be compared with its hash".into());
    }
    Ok(Report::new(args, &stats, &load))
}

fn start(args: &Args, run: &Arc<Run>, game: &Arc<Played>) -> JoinSet<Stats> {
    let id = RandomState::new().build_hasher().finish() as u32;
    let mut bots = JoinSet::new();
    for index in 0..args.bots() {
        let room = index % args.rooms as usize;
        let role = Role {
            index,
            module: args.module.clone(),
            game: Arc::clone(game),
            room: format!("load-{id:08x}-{room}"),
            phase: index as f64 / args.bots() as f64,
            checks: args.checked.is_none_or(|checked| room < checked as usize),
        };
        let run = Arc::clone(run);
        bots.spawn(async move { bot::play(&run, role).await });
    }
    bots
}

/// Opens the window when everyone has arrived, and looks at the processes while it is open. None if nobody came.
async fn watch_over(args: &Args, run: &Run) -> Option<Load> {
    let bar = ProgressBar::new(args.bots() as u64);
    bar.set_style(style("joining   {bar:40} {pos}/{len} bots"));
    loop {
        let (joined, failed) = run.arrivals();
        bar.set_position(joined as u64);
        if joined + failed == args.bots() {
            break;
        }
        run.changed.notified().await;
    }
    if run.arrivals().0 == 0 {
        bar.finish_and_clear();
        return None;
    }
    let start = run.now() + micros(args.warmup);
    let window = Window { start, end: start + micros(args.seconds) };
    let window = *run.window.get_or_init(|| window);
    let load = measure(args, run, window, &bar).await;
    bar.finish_and_clear();
    Some(load)
}

async fn measure(args: &Args, run: &Run, window: Window, bar: &ProgressBar) -> Load {
    bar.set_style(style("warming   {bar:40} {msg}"));
    bar.set_length(micros(args.warmup));
    show_until(args, run, window.start, bar).await;
    let before = Used::now(args);
    bar.set_style(style("measuring {bar:40} {msg}"));
    bar.set_length(window.end - window.start);
    let timeline = show_until(args, run, window.end, bar).await;
    let after = Used::now(args);
    let difference = |after: Option<f64>, before: Option<f64>| Some(after? - before?);
    Load {
        wall_s: (after.at - before.at).as_secs_f64(),
        own_cpu_s: difference(after.own_cpu_s, before.own_cpu_s),
        server_cpu_s: difference(after.server_cpu_s, before.server_cpu_s),
        server: timeline,
    }
}

/// Moves the bar until `end`, and looks at the server meanwhile.
async fn show_until(args: &Args, run: &Run, end: Micros, bar: &ProgressBar) -> Vec<Moment> {
    let mut timeline = Vec::new();
    let begun = run.now();
    loop {
        let now = run.now();
        let left = end.saturating_sub(now);
        bar.set_position(bar.length().unwrap_or(0).saturating_sub(left));
        bar.set_message(format!("{:.0} s left", left as f64 / 1e6));
        let look = |pid| {
            Some(Moment { at_us: now - begun, cpu_s: process::cpu_seconds(Some(pid))?, rss_mb: process::rss_mb(pid)? })
        };
        timeline.extend(args.pid.and_then(look));
        if left == 0 {
            return timeline;
        }
        tokio::time::sleep(LOOK_EVERY.min(Duration::from_micros(left))).await;
    }
}

struct Used {
    at: Instant,
    own_cpu_s: Option<f64>,
    server_cpu_s: Option<f64>,
}

impl Used {
    fn now(args: &Args) -> Self {
        Self {
            at: Instant::now(),
            own_cpu_s: process::cpu_seconds(None),
            server_cpu_s: args.pid.and_then(|pid| process::cpu_seconds(Some(pid))),
        }
    }
}

fn micros(seconds: f64) -> Micros {
    (seconds * 1e6) as Micros
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
