//! The stop button: one thread that interrupts scripts which run past their CPU budget, compiled loops included.
//!
//! A thread that enters Lua arms its own slot, and wakes the watchdog if it sleeps; that looks at all slots every few
//! milliseconds while scripts run, and sleeps while none does. Where a call has used up its budget, it sets a count hook
//! that raises at every instruction until the call has returned, so a `pcall` in a loop does not help. Compiled code looks
//! at hooks only when LuaJIT was built with `LUAJIT_ENABLE_CHECKHOOK` (`.cargo/config.toml`); [`self_test`] proves it at
//! start-up.
#![allow(unsafe_code, reason = "hooks are set from another thread; thread CPU clocks are libc's")]
#![allow(
    clippy::disallowed_methods,
    reason = "a watchdog is a clock: it runs on a thread of its own, outside any room's step"
)]

use std::{
    cell::{Cell, OnceCell},
    os::raw::c_int,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use mlua::{Lua, ffi};

use crate::protocol::Micros;

/// How often slots are looked at while one runs.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// And while scripts come and go but none was found running: waking a thread costs more than most callbacks.
const LOOK_RARELY: Duration = Duration::from_millis(8);
/// Looks that found that nothing had run, before the watchdog sleeps until a script wakes it.
const LOOKS_UNTIL_IDLE: u32 = 12;
/// While something is being stopped.
const STOP_EVERY: Duration = Duration::from_millis(1);
/// A call that is about to use up its budget is looked at when that happens, but not more often than this.
const LOOK_SOONEST: Duration = Duration::from_micros(500);
/// Where a thread's CPU clock can not be read, a call has this many times its budget by the wall clock. Only there: on a
/// host with too much to do a thread waits for a core for a long while, and that is not the script's doing.
const WALL_FACTOR: u32 = 10;
/// All callbacks of one turn (a tick) together have this many times the budget of one: a thousand timers, each within
/// its own, would hold up every other room of the thread for seconds.
const TURN_FACTOR: u32 = 4;

/// What one thread is running. The lock is held for nanoseconds, by its thread or by the watchdog.
struct Slot {
    state: Mutex<SlotState>,
}

struct SlotState {
    clock: libc::clockid_t,
    /// Counts calls, so that the watchdog can tell one from the next.
    call: u64,
    /// Which turn the call belongs to.
    turn: u64,
    /// The main state of the VM that is running, or null.
    running: *mut ffi::lua_State,
    budget: Duration,
    stopped: bool,
    /// Where the thread's CPU clock stood when the budget of the call that is being stopped was used up.
    used_up: Duration,
}

// SAFETY: `running` is only dereferenced by the watchdog under the slot's lock while the call it belongs to cannot have
// returned (returning takes the same lock and sets it to null first).
unsafe impl Send for SlotState {}

/// What the watchdog remembers of a slot between two looks.
struct Watched {
    slot: Weak<Slot>,
    call: u64,
    cpu: Duration,
    wall: Instant,
    /// The turn that every look since has found running, and where the thread's CPU clock stood at the first.
    turn: u64,
    turn_cpu: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Slots of threads that have entered Lua; None when the watchdog's thread could not be started.
fn slots() -> Option<&'static Mutex<Vec<Watched>>> {
    static SLOTS: OnceLock<Option<&'static Mutex<Vec<Watched>>>> = OnceLock::new();
    *SLOTS.get_or_init(|| {
        let slots: &'static Mutex<Vec<Watched>> = Box::leak(Box::default());
        let thread = std::thread::Builder::new().name("lua-watchdog".into()).spawn(move || watch(slots)).ok()?;
        // Only this closure sets it.
        drop(WATCHDOG.set(thread.thread().clone()));
        Some(slots)
    })
}

/// Set by the watchdog when no script runs; whoever enters Lua next wakes it. At most one thread a look pays for that.
static ASLEEP: AtomicBool = AtomicBool::new(false);
static WATCHDOG: OnceLock<Thread> = OnceLock::new();

#[cold]
fn wake() {
    if ASLEEP.swap(false, Ordering::AcqRel)
        && let Some(watchdog) = WATCHDOG.get()
    {
        watchdog.unpark();
    }
}

thread_local! {
    static SLOT: OnceCell<Arc<Slot>> = const { OnceCell::new() };
}

fn new_slot() -> Arc<Slot> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the calling thread is alive and `clock` is a valid place to write.
    unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    let state = SlotState {
        clock,
        call: 0,
        turn: 0,
        running: std::ptr::null_mut(),
        budget: Duration::ZERO,
        stopped: false,
        used_up: Duration::ZERO,
    };
    let slot = Arc::new(Slot { state: Mutex::new(state) });
    if let Some(slots) = slots() {
        let watched = Watched {
            slot: Arc::downgrade(&slot),
            call: 0,
            cpu: Duration::ZERO,
            wall: Instant::now(),
            turn: 0,
            turn_cpu: Duration::ZERO,
        };
        lock(slots).push(watched);
    }
    slot
}

/// A VM that can be stopped. Holds the VM, so the pointer stays good.
pub struct Guard {
    _lua: Lua,
    state: *mut ffi::lua_State,
    /// CPU time from the end of the budget to the return of the call that was stopped last.
    overrun_us: Cell<Micros>,
    turn: Cell<u64>,
}

// SAFETY: `Lua` is Send (mlua's feature `send`), and `state` is its own; it is used by the thread that runs the VM.
unsafe impl Send for Guard {}

impl Guard {
    pub fn new(lua: &Lua) -> mlua::Result<Self> {
        let mut state = std::ptr::null_mut();
        // SAFETY: only the pointer is taken; hooks are global to a VM, so any of its states will do.
        unsafe { lua.exec_raw::<()>((), |raw| state = raw) }?;
        Ok(Self { _lua: lua.clone(), state, overrun_us: Cell::new(0), turn: Cell::new(next_turn()) })
    }

    /// Runs `call`, which enters the VM, under a budget. The flag says that it was stopped, whatever it returned: a
    /// script may have swallowed the error. A budget without an end, which only measurements have, arms nothing.
    pub fn run<R>(&self, budget_us: Micros, call: impl FnOnce() -> R) -> (R, bool) {
        /// Also when `call` unwinds, the VM must not be touched once it may be gone.
        struct Disarm<'a>(&'a Slot);
        impl Drop for Disarm<'_> {
            fn drop(&mut self) {
                let _ = disarm(self.0);
            }
        }
        if budget_us == Micros::MAX {
            return (call(), false);
        }
        SLOT.with(|slot| {
            let slot = slot.get_or_init(new_slot);
            arm(slot, self.state, self.turn.get(), Duration::from_micros(budget_us));
            let armed = Disarm(slot);
            let result = call();
            std::mem::forget(armed);
            let overrun = disarm(slot);
            self.overrun_us.set(overrun.map_or(0, |overrun| overrun.as_micros() as Micros));
            (result, overrun.is_some())
        })
    }

    /// The calls from here on share a budget of their own, besides what each of them has.
    pub fn begin_turn(&self) {
        self.turn.set(next_turn());
    }

    /// Of the last call: CPU time from the end of its budget to its return, or 0. The budget is counted from the
    /// watchdog's first look, up to a few milliseconds after the call began.
    pub fn overrun_us(&self) -> Micros {
        self.overrun_us.get()
    }
}

/// Unique in the process: another VM may stand where an older one stood.
fn next_turn() -> u64 {
    static TURNS: AtomicU64 = AtomicU64::new(1);
    TURNS.fetch_add(1, Ordering::Relaxed)
}

fn arm(slot: &Slot, running: *mut ffi::lua_State, turn: u64, budget: Duration) {
    let mut state = lock(&slot.state);
    state.call += 1;
    state.turn = turn;
    state.running = running;
    state.budget = budget;
    state.stopped = false;
    drop(state);
    // The watchdog says that it sleeps before it looks at this slot for the last time, under the slot's lock: either it
    // sees the call, or the call sees that it sleeps.
    if ASLEEP.load(Ordering::Relaxed) {
        wake();
    }
}

/// For a call that was stopped: by how much it overran its budget.
fn disarm(slot: &Slot) -> Option<Duration> {
    let mut state = lock(&slot.state);
    let running = std::mem::replace(&mut state.running, std::ptr::null_mut());
    if !state.stopped {
        return None;
    }
    if !running.is_null() {
        // SAFETY: this thread owns the VM and nothing runs in it any more; null removes the hook.
        unsafe { ffi::lua_sethook(running, None, 0, 0) };
    }
    Some(cpu_time(state.clock).unwrap_or_default().saturating_sub(state.used_up))
}

fn cpu_time(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write; a clock of a thread that has ended is an error, not undefined.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    (!failed).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Raised inside the script by the hook.
unsafe extern "C-unwind" fn stop(state: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: called by LuaJIT with its running state; luaL_error unwinds through LuaJIT's frames only.
    unsafe { ffi::luaL_error(state, c"stopped: ran longer than its time budget".as_ptr()) };
}

fn watch(slots: &'static Mutex<Vec<Watched>>) {
    let mut quiet = 0;
    loop {
        match look_at_all(slots) {
            Some(again) => {
                quiet = 0;
                std::thread::sleep(again);
            }
            None if quiet < LOOKS_UNTIL_IDLE => {
                quiet += 1;
                std::thread::sleep(LOOK_RARELY);
            }
            None => {
                sleep_until_woken(slots);
                quiet = 0;
            }
        }
    }
}

fn sleep_until_woken(slots: &Mutex<Vec<Watched>>) {
    ASLEEP.store(true, Ordering::Relaxed);
    if look_at_all(slots).is_some() {
        ASLEEP.store(false, Ordering::Relaxed);
    }
    while ASLEEP.load(Ordering::Acquire) {
        std::thread::park();
    }
}

/// When to look again; None: no script has run since the last look.
fn look_at_all(slots: &Mutex<Vec<Watched>>) -> Option<Duration> {
    let mut next: Option<Duration> = None;
    lock(slots).retain_mut(|watched| {
        let Some(slot) = watched.slot.upgrade() else { return false };
        if let Some(again) = look(watched, &slot) {
            next = Some(next.map_or(again, |next| next.min(again)));
        }
        true
    });
    next
}

/// The time of a call is counted from the first look that finds it running, so that entering Lua costs no system call.
/// None: nothing has run here since the last look; else when to look again.
fn look(watched: &mut Watched, slot: &Slot) -> Option<Duration> {
    let mut state = lock(&slot.state);
    if state.running.is_null() {
        watched.turn = 0;
        let last = std::mem::replace(&mut watched.call, state.call);
        return (last != state.call).then_some(LOOK_RARELY);
    }
    let cpu = cpu_time(state.clock);
    if watched.turn != state.turn {
        watched.turn = state.turn;
        watched.turn_cpu = cpu.unwrap_or_default();
    }
    if watched.call != state.call {
        watched.call = state.call;
        watched.cpu = cpu.unwrap_or_default();
        watched.wall = Instant::now();
    }
    // A room's tick runs in one piece, so what the thread used since is the tick's.
    let wall = watched.wall.elapsed() / WALL_FACTOR;
    let left = |since, budget: Duration| budget.saturating_sub(cpu.map_or(wall, |cpu| cpu.saturating_sub(since)));
    let left = left(watched.cpu, state.budget).min(left(watched.turn_cpu, state.budget * TURN_FACTOR));
    if !left.is_zero() {
        return Some(left.clamp(LOOK_SOONEST, LOOK_EVERY));
    }
    state.stopped = true;
    state.used_up = (watched.cpu + state.budget).min(watched.turn_cpu + state.budget * TURN_FACTOR);
    let every: c_int = 1;
    // SAFETY: under the lock with `running` set, the VM is alive and inside its call. LuaJIT allows setting a hook from
    // another thread for exactly this purpose: it writes a byte of flags that the interpreter and compiled code poll.
    // That byte also says "a hook is running", and both threads change it without a lock. So it is written here only
    // while no hook is set and none can be running: a second write could put that flag back just after it was cleared,
    // and no hook would ever fire again. (Finalisers set it too; nothing in our VMs has one while scripts run.) Where
    // the VM's own write won, the hook is missing at the next look and set again.
    unsafe {
        if ffi::lua_gethookmask(state.running) & ffi::LUA_MASKCOUNT == 0 {
            ffi::lua_sethook(state.running, Some(stop), ffi::LUA_MASKCOUNT, every);
        }
    }
    Some(STOP_EVERY)
}

/// Whether a compiled loop can be stopped in this build. Where it cannot, rooms must run with the JIT off.
pub fn self_test() -> bool {
    if slots().is_none() {
        return false;
    }
    // Finite, so that a build without the check comes back too, after a second or so.
    const LOOP: &str = "local n = 0 while n < 3e9 do n = n + 1 end";
    let lua = Lua::new_with(mlua::StdLib::JIT, mlua::LuaOptions::default());
    let Ok(lua) = lua else { return false };
    let Ok(guard) = Guard::new(&lua) else { return false };
    let (result, stopped) = guard.run(5_000, || lua.load(LOOP).exec());
    stopped && result.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn self_test_passes_in_this_build() {
        assert!(self_test(), "LuaJIT was built without LUAJIT_ENABLE_CHECKHOOK; see .cargo/config.toml");
    }

    #[test]
    fn a_call_within_its_budget_is_left_alone() {
        let lua = Lua::new();
        let (result, stopped) = Guard::new(&lua).unwrap().run(60_000_000, || lua.load("return 6 * 7").eval::<i32>());
        assert_eq!((result.ok(), stopped), (Some(42), false));
    }

    /// As on a host whose cores are all taken: the call goes on, and uses nothing.
    #[test]
    fn a_call_that_waits_for_a_core_is_left_alone() {
        let budget = Duration::from_millis(20);
        let lua = Lua::new();
        let guard = Guard::new(&lua).unwrap();
        let ((), stopped) = guard.run(budget.as_micros() as Micros, || {
            let began = Instant::now();
            while began.elapsed() < budget * WALL_FACTOR * 2 {
                std::thread::sleep(budget);
            }
        });
        assert!(!stopped, "it was judged by the wall clock");
    }

    #[test]
    fn a_swallowed_stop_is_still_reported_and_the_vm_works_afterwards() {
        let lua = Lua::new();
        let (result, stopped) = Guard::new(&lua)
            .unwrap()
            .run(5_000, || lua.load("pcall(function() while true do end end) return 1").eval::<i32>());
        assert!(stopped);
        drop(result);
        let (result, stopped) = Guard::new(&lua).unwrap().run(60_000_000, || lua.load("return 6 * 7").eval::<i32>());
        assert_eq!((result.ok(), stopped), (Some(42), false));
    }

    /// Other tests run scripts at the same time, so it may be awake for long; it must sleep sooner or later, and stop a
    /// runaway right out of its sleep.
    #[test]
    fn it_sleeps_while_nothing_runs_and_wakes_for_a_runaway() {
        let lua = Lua::new();
        let guard = Guard::new(&lua).unwrap();
        let (result, _) = guard.run(60_000_000, || lua.load("return 1").eval::<i32>());
        assert_eq!(result.ok(), Some(1));
        while !ASLEEP.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let (result, stopped) = guard.run(5_000, || lua.load("while true do end").exec());
        assert!(stopped && result.is_err());
    }

    /// Prints what entering costs and how late a stop comes; asserts nothing of it.
    #[test]
    fn figures() {
        let lua = Lua::new();
        let guard = Guard::new(&lua).unwrap();
        let began = Instant::now();
        for _ in 0..1_000_000 {
            std::hint::black_box(guard.run(60_000_000, || ()));
        }
        println!("entering and leaving: {} ns", began.elapsed().as_nanos() / 1_000_000);
        for _ in 0..5 {
            guard.begin_turn();
            let began = Instant::now();
            let (_, stopped) = guard.run(15_000, || lua.load("while true do end").exec());
            println!("a budget of 15 ms: stopped after {:?}", began.elapsed());
            assert!(stopped);
        }
    }

    #[test]
    fn a_panic_inside_a_call_disarms() {
        let lua = Lua::new();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Guard::new(&lua).unwrap().run(1_000, || panic!("here"))
        }));
        assert!(caught.is_err());
        SLOT.with(|slot| assert!(lock(&slot.get_or_init(new_slot).state).running.is_null()));
    }
}
