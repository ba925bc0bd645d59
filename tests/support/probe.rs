//! Factories that watch the games they make: how late each tick begins, what failed, how many VMs live.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use airboat::{
    game::{Admission, Effects, Game, GameError, GameFactory, GameInfo, Restored, RoomOpening, Seat},
    protocol::{CloseReason, PlayerNumber, Tick, Value, world::World},
};

/// What was seen of all games of one factory.
#[derive(Debug, Default)]
pub struct Seen {
    pub living: AtomicI64,
    pub ticks: AtomicU64,
    pub errors: AtomicU64,
    /// Ticks that began more than one and a half periods after the one before.
    pub skipped: AtomicU64,
    /// How much later than one period after the one before each tick began, in microseconds.
    pub lateness: Mutex<Vec<u32>>,
    /// CPU time of each call that was stopped, in microseconds.
    pub stopped: Mutex<Vec<u64>>,
    /// VMs lost on the penalty worker, and on threads that neighbours need.
    pub lost_apart: AtomicU64,
    pub lost_among_others: AtomicU64,
    /// How often a script came to life again.
    pub restored: AtomicU64,
}

pub struct Probe {
    factory: Arc<dyn GameFactory>,
    pub seen: Arc<Seen>,
}

impl Probe {
    pub fn new(factory: Arc<dyn GameFactory>) -> Self {
        Self { factory, seen: Arc::default() }
    }
}

impl GameFactory for Probe {
    fn info(&self) -> &Arc<GameInfo> {
        self.factory.info()
    }

    fn create(&self) -> Result<Box<dyn Game>, GameError> {
        let game = self.factory.create()?;
        self.seen.living.fetch_add(1, Relaxed);
        Ok(Box::new(Probed { game, seen: self.seen.clone(), began: None, lost: false }))
    }
}

struct Probed {
    game: Box<dyn Game>,
    seen: Arc<Seen>,
    began: Option<Instant>,
    lost: bool,
}

impl Drop for Probed {
    fn drop(&mut self) {
        self.seen.living.fetch_sub(1, Relaxed);
    }
}

impl Probed {
    /// Each VM is lost once; what matters is who had to wait while it was stopped.
    fn note_loss(&mut self, error: &GameError) {
        if error.is_fatal() && !std::mem::replace(&mut self.lost, true) {
            let apart = std::thread::current().name() == Some("penalty");
            let counter = if apart { &self.seen.lost_apart } else { &self.seen.lost_among_others };
            counter.fetch_add(1, Relaxed);
        }
    }

    fn watch<T>(&mut self, call: impl FnOnce(&mut dyn Game) -> Result<T, GameError>) -> Result<T, GameError> {
        let before = cpu_time();
        let result = call(&mut *self.game);
        if let Err(error) = &result {
            self.note_loss(error);
            self.seen.errors.fetch_add(1, Relaxed);
            // Every call after the one that was stopped fails with the same words, at once.
            let took = cpu_time().saturating_sub(before);
            if matches!(error, GameError::Overrun(_)) && took > Duration::from_millis(1) {
                self.seen.stopped.lock().unwrap().push(took.as_micros() as u64);
            }
        }
        result
    }

    fn note_lateness(&mut self) {
        let now = now();
        let period = Duration::from_secs(1) / self.game.info().schema.tick_rate;
        if let Some(before) = self.began.replace(now) {
            let late = (now - before).saturating_sub(period);
            self.seen.lateness.lock().unwrap().push(late.as_micros() as u32);
            self.seen.skipped.fetch_add(u64::from(late > period / 2), Relaxed);
        }
        self.seen.ticks.fetch_add(1, Relaxed);
    }
}

#[allow(clippy::disallowed_methods, reason = "lateness is reported, not asserted")]
fn now() -> Instant {
    Instant::now()
}

/// Of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[allow(unsafe_code, reason = "the standard library has no CPU clock")]
    // SAFETY: `time` is a valid place to write.
    unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time)
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

type Outcome = Result<(), GameError>;

impl Game for Probed {
    fn info(&self) -> &Arc<GameInfo> {
        self.game.info()
    }

    fn open(&mut self, opening: &RoomOpening, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.open(opening, effects))
    }

    fn checkpoint(&mut self, effects: &mut Effects) -> Result<Value, GameError> {
        self.watch(|game| game.checkpoint(effects))
    }

    fn restore(&mut self, opening: &RoomOpening, checkpoint: &Value, why: Restored, effects: &mut Effects) -> Outcome {
        self.seen.restored.fetch_add(1, Relaxed);
        self.watch(|game| game.restore(opening, checkpoint, why, effects))
    }

    fn enter(&mut self, seat: &Seat, effects: &mut Effects) -> Result<Admission, GameError> {
        self.watch(|game| game.enter(seat, effects))
    }

    fn join(&mut self, seat: &Seat, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.join(seat, effects))
    }

    fn drop(&mut self, player: PlayerNumber, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.drop(player, effects))
    }

    fn back(&mut self, player: PlayerNumber, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.back(player, effects))
    }

    fn rename(&mut self, player: PlayerNumber, name: &str, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.rename(player, name, effects))
    }

    fn leave(&mut self, player: PlayerNumber, reason: CloseReason, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.leave(player, reason, effects))
    }

    fn message(
        &mut self,
        player: PlayerNumber,
        name: &str,
        data: &Value,
        call: Option<u32>,
        effects: &mut Effects,
    ) -> Outcome {
        self.watch(|game| game.message(player, name, data, call, effects))
    }

    fn begin(&mut self, tick: Tick, effects: &mut Effects) -> Outcome {
        self.note_lateness();
        self.watch(|game| game.begin(tick, effects))
    }

    fn input(&mut self, player: PlayerNumber, input: &[f64], seen: f64, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.input(player, input, seen, effects))
    }

    fn bot(&mut self, player: PlayerNumber, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.bot(player, effects))
    }

    fn answer(&mut self, request: u32, value: Option<&Value>, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.answer(request, value, effects))
    }

    fn tick(&mut self, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.tick(effects))
    }

    fn collect(&mut self, world: &mut World, effects: &mut Effects) -> Outcome {
        self.watch(|game| game.collect(world, effects))
    }

    fn memory_bytes(&self) -> usize {
        self.game.memory_bytes()
    }

    fn clamped(&self) -> u64 {
        self.game.clamped()
    }
}
