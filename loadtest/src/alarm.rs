//! Waking bots at a moment, to some ten microseconds: the runtime's own timers know only milliseconds, which is as much as
//! a paced input may wait.
//!
//! One timer of the kernel for all; where there is none (not Linux) the runtime's timers have to do.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use airboat::protocol::Micros;

/// All who may ask to be woken. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alarms(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    queue: Mutex<Queue>,
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[derive(Debug, Default)]
struct Queue {
    /// When whom to wake. Entries that are no longer wanted wake for nothing.
    due: BinaryHeap<Reverse<(Micros, usize)>>,
    sleepers: Vec<Sleeper>,
}

#[derive(Debug, Default)]
struct Sleeper {
    at: Option<Micros>,
    waker: Option<Waker>,
}

/// One sleeper's alarm.
#[derive(Debug)]
pub struct Alarm {
    alarms: Alarms,
    index: usize,
}

impl Alarms {
    /// Inside a runtime, which drives them until it ends.
    pub fn new(started: Instant) -> std::io::Result<Self> {
        let alarms = Self(Arc::new(Shared {
            started,
            queue: Mutex::default(),
            #[cfg(target_os = "linux")]
            timer: linux::timer()?,
        }));
        #[cfg(target_os = "linux")]
        tokio::spawn(linux::drive(alarms.0.clone()));
        Ok(alarms)
    }

    pub fn now(&self) -> Micros {
        self.0.started.elapsed().as_micros() as Micros
    }

    pub fn alarm(&self) -> Alarm {
        let mut queue = self.0.queue();
        queue.sleepers.push(Sleeper::default());
        Alarm { alarms: self.clone(), index: queue.sleepers.len() - 1 }
    }
}

impl Alarm {
    /// Returns at `at`, or at once when that has passed. May be dropped and asked again.
    pub async fn at(&self, at: Micros) {
        if cfg!(not(target_os = "linux")) {
            let at = self.alarms.0.started + Duration::from_micros(at);
            return tokio::time::sleep_until(at.into()).await;
        }
        poll_fn(|context| {
            if self.alarms.now() >= at {
                return Poll::Ready(());
            }
            let mut queue = self.alarms.0.queue();
            let sleeper = &mut queue.sleepers[self.index];
            match &mut sleeper.waker {
                Some(waker) => waker.clone_from(context.waker()),
                waker => *waker = Some(context.waker().clone()),
            }
            if sleeper.at.replace(at) != Some(at) {
                let first = queue.due.peek().is_none_or(|Reverse((due, _))| at < *due);
                queue.due.push(Reverse((at, self.index)));
                if first {
                    self.alarms.0.arm(at);
                }
            }
            Poll::Pending
        })
        .await;
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who are due and sets the timer for the next.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the runtime's timers wake there"))]
    fn ring(&self) {
        let mut queue = self.queue();
        let now = self.started.elapsed().as_micros() as Micros;
        while let Some(Reverse((at, index))) = queue.due.peek().copied() {
            if at > now {
                return self.arm(at);
            }
            queue.due.pop();
            let sleeper = &mut queue.sleepers[index];
            if sleeper.at == Some(at) {
                sleeper.at = None;
                if let Some(waker) = sleeper.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn arm(&self, _: Micros) {}

    #[cfg(target_os = "linux")]
    fn arm(&self, at: Micros) {
        let left = (self.started + Duration::from_micros(at)).saturating_duration_since(Instant::now());
        linux::set(&self.timer, left.max(Duration::from_nanos(1))); // zero would switch it off
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    use super::Shared;

    pub(super) fn timer() -> std::io::Result<AsyncFd<OwnedFd>> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe, for descriptors that somebody else might close; this one is owned"
        )]
        AsyncFd::with_interest(timer, Interest::READABLE)
    }

    pub(super) fn set(timer: &AsyncFd<OwnedFd>, left: Duration) {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        // It could only fail for a descriptor that is no timer.
        let _ = timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: left });
    }

    pub(super) async fn drive(shared: Arc<Shared>) {
        while let Ok(mut ready) = shared.timer.readable().await {
            let mut expirations = [0; 8];
            let _ = rustix::io::read(&shared.timer, &mut expirations);
            ready.clear_ready();
            shared.ring();
        }
    }
}
