//! Every attack of `tests/hostile/` in a room of its own, in real worker threads, beside twenty rooms that are played.
//! The second line of each file says what must come of it; the twenty must not notice.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{
    io::Write,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use airboat::{
    clock::Clock,
    config::Limits,
    game::{
        GameFactory,
        lua::{self, LuaFactory, Settings},
    },
    metrics::Metrics,
    room::directory::{Directory, DirectoryInit},
    store::Store,
};
use support::{
    guest::Guest,
    probe::{Probe, Seen},
};

const GOOD_ROOMS: usize = 20;
/// Hostile rooms that run at the same time.
const BATCH: usize = 24;
/// Ticks that a room which survives its attack must go on for, and each good room during a batch.
const TICKS: u64 = 36;
/// In turns of a few milliseconds each: only a hang meets it.
const PATIENCE: usize = 5_000;

/// One file of `tests/hostile/`.
struct Attack {
    name: String,
    source: String,
    /// Any one of these: overrun, memory, error, refused at load, harmless.
    expect: Vec<String>,
    /// The room is closed by its own script.
    closes: bool,
    /// The player is kicked, refused, or cut off for not keeping up.
    turned_away: bool,
}

impl Attack {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        let mut lines = text.splitn(4, '\n');
        assert!(lines.next().unwrap().starts_with("-- "), "{name}: what does it attack?");
        let expect =
            lines.next().unwrap().strip_prefix("-- expect: ").unwrap_or_else(|| panic!("{name}: no expectation"));
        let (outcomes, notes) = expect.split_once("; ").unwrap_or((expect, ""));
        let source = text.splitn(4, '\n').nth(3).unwrap().to_owned();
        let expect: Vec<String> = outcomes.split(" or ").map(str::to_owned).collect();
        let known = ["overrun", "memory", "error", "refused at load", "harmless"];
        assert!(expect.iter().all(|e| known.contains(&e.as_str())), "{name}: {expect:?}");
        let [closes, turned_away] = [notes.contains("closes"), notes.contains("turned away")];
        Self { name, source, expect, closes, turned_away }
    }

    fn expects(&self, outcome: &str) -> bool {
        self.expect.iter().any(|e| e == outcome)
    }
}

fn corpus() -> Vec<Attack> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "lua"));
    paths.sort();
    let only = std::env::var("AIRBOAT_HOSTILE").unwrap_or_default();
    let all = paths.iter().map(|path| Attack::read(path));
    all.filter(|attack| attack.name.contains(&only)).collect()
}

fn good_factories(settings: &Settings) -> Vec<Arc<Probe>> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    let load = |name: &str| LuaFactory::from_folder(&modules.join(name), settings).unwrap();
    ["tank8", "warbattles"].map(|name| Arc::new(Probe::new(Arc::new(load(name))))).into()
}

/// Everything that plays.
struct Arena {
    directory: Directory,
    clock: Clock,
    metrics: Arc<Metrics>,
    good: Vec<Guest>,
    hostile: Vec<(Attack, Guest, Arc<Seen>)>,
}

impl Arena {
    /// A few milliseconds of play for everybody.
    async fn turn(&mut self) {
        for guest in self.good.iter_mut().chain(self.hostile.iter_mut().map(|(_, guest, _)| guest)) {
            guest.turn(&self.directory, self.clock).await;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> Result<(), String>) {
        for _ in 0..PATIENCE {
            if done(self).is_ok() {
                return;
            }
            self.turn().await;
        }
        panic!("waited in vain for {what}: {}", done(self).unwrap_err());
    }

    /// Until each good room has gone on for `ticks`.
    async fn play(&mut self, ticks: u64) {
        let before: Vec<_> = self.good.iter().map(|guest| guest.snapshots).collect();
        self.until("the good rooms to go on", |arena| {
            let behind = arena.good.iter().zip(&before).find(|(guest, before)| guest.snapshots < *before + ticks);
            behind.map_or(Ok(()), |(guest, before)| {
                Err(format!("{} after {before}, closed: {:?}", guest.snapshots, guest.closed))
            })
        })
        .await;
    }

    /// What has come of an attack so far, in the words of its file.
    fn outcomes(&self, attack: &Attack) -> Vec<&'static str> {
        let of = |counter: &airboat::metrics::ByName| counter.of(&attack.name).get() > 0;
        let mut outcomes = Vec::new();
        outcomes.extend(of(&self.metrics.script_overruns).then_some("overrun"));
        outcomes.extend(of(&self.metrics.script_out_of_memory).then_some("memory"));
        if outcomes.is_empty() {
            outcomes.push(if of(&self.metrics.script_errors) { "error" } else { "harmless" });
        }
        outcomes
    }

    /// Whether each attack of the batch ended as its file says: the reason where one did not, or not yet.
    fn settled(&self, played: &[u64]) -> Result<(), String> {
        let mut problems = Vec::new();
        for ((attack, guest, seen), before) in self.hostile.iter().zip(played) {
            let outcomes = self.outcomes(attack);
            let stopped = outcomes != ["error"] && outcomes != ["harmless"];
            let survived = attack.closes
                || attack.turned_away
                || guest.is_playing() && guest.snapshots >= before + TICKS && seen.ticks.load(Relaxed) >= TICKS;
            if !outcomes.iter().any(|outcome| attack.expects(outcome)) || !(stopped || survived) {
                let (playing, closed) = (guest.is_playing(), &guest.closed);
                problems.push(format!(
                    "{}: {outcomes:?} instead of {:?}; playing: {playing}, snapshots {} after {before}, closed: {closed:?}",
                    attack.name, attack.expect, guest.snapshots
                ));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    /// What a player can do in a room: come, speak, ask, lose the connection, come back, leave, come again.
    async fn run(&mut self, batch: Vec<(Attack, Arc<Seen>)>) {
        for (attack, seen) in batch {
            let mut guest = Guest::new("visitor", &attack.name, "arena");
            guest.connect(&self.directory, self.clock).await;
            self.hostile.push((attack, guest, seen));
        }
        self.play(TICKS).await;
        for (_, guest, _) in &mut self.hostile {
            guest.message("go", &self.directory, self.clock).await;
            guest.call("ask", &self.directory, self.clock).await;
        }
        self.play(TICKS / 4).await;
        for (_, guest, _) in &mut self.hostile {
            guest.cut(self.clock);
        }
        self.play(TICKS / 4).await;
        for (_, guest, _) in &mut self.hostile {
            guest.connect(&self.directory, self.clock).await;
        }
        self.play(TICKS / 4).await;
        for (_, guest, _) in &mut self.hostile {
            guest.leave(&self.directory, self.clock).await;
        }
        self.play(TICKS / 4).await;
        for (_, guest, _) in &mut self.hostile {
            guest.join_again(&self.directory, self.clock).await;
        }
        self.play(TICKS / 4).await;
        let played: Vec<_> = self.hostile.iter().map(|(_, guest, _)| guest.snapshots).collect();
        self.until("an attack to end as expected", |arena| arena.settled(&played)).await;
        let settled = |arena: &Self| {
            let all = arena.hostile.iter().map(|(attack, guest, seen)| {
                arena.penalties(attack, guest, seen).map_err(|why| format!("{}: {why}", attack.name))
            });
            let wrong: Vec<_> = all.filter_map(Result::err).collect();
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
        };
        self.until("penalties", settled).await;
        for (attack, mut guest, seen) in std::mem::take(&mut self.hostile) {
            guest.cut(self.clock);
            // False where its script or its failure was quicker.
            self.directory.close_room(&attack.name, "arena").await;
            let living = || seen.living.load(Relaxed);
            self.until("a VM to be given back", |_| if living() == 0 { Ok(()) } else { Err(attack.name.clone()) })
                .await;
        }
    }

    /// What a room that was stopped came to: once it lives on where it harms nobody, twice its module is closed.
    fn penalties(&self, attack: &Attack, guest: &Guest, seen: &Seen) -> Result<(), String> {
        let (among, apart) = (seen.lost_among_others.load(Relaxed), seen.lost_apart.load(Relaxed));
        let modules = self.directory.modules();
        let module = modules.iter().find(|module| module.module == attack.name).ok_or("no such module")?;
        let closed = module.problem.as_ref().is_some_and(|problem| problem.kind == "quarantine");
        let told = |what: &str| {
            Err(format!("{what}: {among} VMs lost among others, {apart} apart; closed {closed}; {:?}", guest.closed))
        };
        // What goes wrong in `open` leaves nothing to reopen.
        match (among + apart, seen.ticks.load(Relaxed) > 0) {
            (0, _) if closed => told("in quarantine, and why"),
            (2.., _) if !closed => told("not in quarantine"),
            (1.., true) if among > 1 => told("its neighbours paid twice"),
            (1, true) if !attack.turned_away && !guest.is_playing() => told("it was stopped once and is gone"),
            (1.., true) if seen.restored.load(Relaxed) == 0 => told("never reopened"),
            _ => Ok(()),
        }
    }

    fn good_are_well(&self) {
        for guest in &self.good {
            assert_eq!(guest.closed, [], "a good room's player was told to go");
        }
    }
}

fn quantile(values: &mut [u32], share: f64) -> f64 {
    values.sort_unstable();
    let at = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(at).map_or(0.0, |us| f64::from(*us) / 1000.0)
}

fn resident_mb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096 / (1 << 20)
}

fn report(good: &[Arc<Probe>], hostile: &[Arc<Seen>], budget_us: u64) {
    let mut late: Vec<u32> = good.iter().flat_map(|probe| probe.seen.lateness.lock().unwrap().clone()).collect();
    let sum = |read: fn(&Seen) -> &std::sync::atomic::AtomicU64| -> u64 {
        good.iter().map(|probe| read(&probe.seen).load(Relaxed)).sum()
    };
    println!(
        "good rooms: {} ticks, {} of them skipped one or more; lateness p50 {:.2}, p99 {:.2}, max {:.2} ms",
        sum(|seen| &seen.ticks),
        sum(|seen| &seen.skipped),
        quantile(&mut late, 0.5),
        quantile(&mut late, 0.99),
        quantile(&mut late, 1.0)
    );
    let stopped = hostile.iter().flat_map(|seen| seen.stopped.lock().unwrap().clone());
    let mut over: Vec<u32> = stopped.map(|us| us.saturating_sub(budget_us) as u32).collect();
    println!(
        "{} VMs were lost among others and {} on the penalty worker; {} came to life again",
        hostile.iter().map(|seen| seen.lost_among_others.load(Relaxed)).sum::<u64>(),
        hostile.iter().map(|seen| seen.lost_apart.load(Relaxed)).sum::<u64>(),
        hostile.iter().map(|seen| seen.restored.load(Relaxed)).sum::<u64>()
    );
    println!(
        "{} calls were stopped; CPU time beyond the budget p50 {:.2}, p99 {:.2}, max {:.2} ms",
        over.len(),
        quantile(&mut over, 0.5),
        quantile(&mut over, 0.99),
        quantile(&mut over, 1.0)
    );
}

async fn arena(settings: &Settings, corpus: Vec<Attack>) {
    let (mut refused, mut batches, mut factories) = (0, Vec::new(), Vec::<Arc<dyn GameFactory>>::new());
    for attack in corpus {
        let source = [("main.lua".to_owned(), attack.source.clone())];
        let loaded = LuaFactory::from_sources(&attack.name, source, settings);
        let told = loaded.as_ref().err().map(ToString::to_string);
        assert_eq!(told.is_some(), attack.expects("refused at load"), "{}: {told:?}", attack.name);
        let Ok(factory) = loaded else {
            refused += 1;
            continue;
        };
        let probe = Arc::new(Probe::new(Arc::new(factory)));
        batches.push((attack, probe.seen.clone()));
        factories.push(probe);
    }
    let good = good_factories(settings);
    factories.extend(good.iter().map(|probe| probe.clone() as Arc<dyn GameFactory>));

    let (metrics, clock) = (Arc::<Metrics>::default(), Clock::default());
    let (store, _thread) = Store::in_memory().unwrap();
    let init = DirectoryInit {
        store,
        factories,
        bundled: true,
        workers: 1,
        clock,
        seed: support::seed(31),
        limits: Arc::new(Limits::default()),
        metrics: metrics.clone(),
    };
    let directory = Directory::new(init).await.unwrap();
    lua::heap::give_back_freed_memory();
    let mut arena = Arena { directory, clock, metrics, good: Vec::new(), hostile: Vec::new() };
    for index in 0..GOOD_ROOMS {
        let mut guest = Guest::new("player", ["tank8", "warbattles"][index % 2], &format!("good {index}"));
        guest.connect(&arena.directory, clock).await;
        arena.good.push(guest);
    }
    arena.play(TICKS).await;
    let before = resident_mb();

    let (count, mut most, mut seen) = (batches.len(), before, Vec::new());
    while !batches.is_empty() {
        let batch: Vec<_> = batches.drain(..batches.len().min(BATCH)).collect();
        seen.extend(batch.iter().map(|(_, seen)| seen.clone()));
        println!("{}", batch.iter().map(|(attack, _)| attack.name.as_str()).collect::<Vec<_>>().join(", "));
        let skipped = || good.iter().map(|probe| probe.seen.skipped.load(Relaxed)).sum::<u64>();
        let before = skipped();
        arena.run(batch).await;
        println!("  good rooms skipped {} ticks; resident {} MB", skipped() - before, resident_mb());
        arena.good_are_well();
        most = most.max(resident_mb());
    }

    // The process is well: a new room opens and is played.
    let mut late = Guest::new("late", "tank8", "afterwards");
    late.connect(&arena.directory, clock).await;
    arena.good.push(late);
    arena.play(TICKS).await;
    arena.good_are_well();
    let errors: u64 = good.iter().map(|probe| probe.seen.errors.load(Relaxed)).sum();
    assert_eq!(errors, 0, "errors in good rooms");
    println!(
        "{count} attacks contained, {refused} refused at load; resident {before} MB before, {most} at most, {} now",
        resident_mb()
    );
    report(&good, &seen, settings.budgets.callback_us);
    let stops = &arena.metrics.script_stop_overrun_seconds;
    println!(
        "script_stop_overrun_seconds: {} stops, p50 {:?}, p99 {:?} us",
        stops.count(),
        stops.quantile(0.5),
        stops.quantile(0.99)
    );
    if std::env::var_os("AIRBOAT_HOSTILE").is_none() {
        assert!(arena.metrics.fields_clamped.get() > 0, "entity_numbers.lua counts for nothing");
    }
    arena.directory.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_are_contained_and_the_neighbours_play_on() {
    let settings = Settings { jit: lua::watchdog::self_test(), ..Settings::default() };
    let rounds = if support::soak() { 10 } else { 1 };
    for round in 0..rounds {
        // Without the JIT too: it is how rooms run where loops could not be stopped otherwise.
        let settings = Settings { jit: settings.jit && round % 5 != 4, ..settings.clone() };
        arena(&settings, corpus()).await;
    }
}

/// Lines that tracing writes while a test runs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An error each tick: a line a second with the traceback, and the room goes on.
#[test]
fn an_error_each_tick_is_told_once_a_second() {
    const MAIN: &str = "local function deeper() local nothing return nothing.field end
return { tick = function() deeper() error 'not reached' end }";
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let source = [("main.lua".to_owned(), MAIN.to_owned())];
        let factory = LuaFactory::from_sources("failing", source, &Settings::default()).unwrap();
        let metrics = Arc::<Metrics>::default();
        let init = airboat::room::RoomInit {
            game: factory.create().unwrap(),
            name: "ward".into(),
            password: String::new(),
            seed: 1,
            limits: Arc::new(Limits::default()),
            metrics: metrics.clone(),
        };
        let mut room = airboat::room::Room::open(init, 0).unwrap();
        for tick in 1..=300 {
            room.step(tick * 33_333).unwrap();
        }
        assert_eq!(metrics.script_errors.of("failing").get(), 300);
        assert_eq!(metrics.script_log_lines_dropped.get(), 300 - 11);
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // Ten seconds, and the one that begins with tick 300.
    assert_eq!(text.matches("script error").count(), 11, "{text}");
    assert!(text.contains("failing/main.lua:1: attempt to index") && text.contains("'deeper'"), "{text}");
    assert!(text.contains("stack traceback"), "{text}");
    assert!(text.contains("ward") && text.contains("failing"), "{text}");
}
