//! The stop button: one thread that interrupts scripts which run past their CPU budget, compiled loops included.
//!
//! A thread that enters Lua arms its own slot; the watchdog looks at all slots every few milliseconds and, where a call
//! has used up its budget, sets a count hook that raises at every instruction until the call has returned, so a `pcall`
//! in a loop does not help. Compiled code looks at hooks only when LuaJIT was built with
//! `LUAJIT_ENABLE_CHECKHOOK` (`.cargo/config.toml`); [`self_test`] proves it at start-up.
#![allow(unsafe_code, reason = "hooks are set from another thread; thread CPU clocks are libc's")]
#![allow(
    clippy::disallowed_methods,
    reason = "a watchdog is a clock: it runs on a thread of its own, outside any room's step"
)]

use std::{
    cell::OnceCell,
    os::raw::c_int,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, Instant},
};

use mlua::{Lua, ffi};

use crate::protocol::Micros;

/// How often slots are looked at while scripts run.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// While something is being stopped.
const STOP_EVERY: Duration = Duration::from_millis(1);
/// While no script has run for [`LOOKS_UNTIL_IDLE`] looks.
const IDLE_EVERY: Duration = Duration::from_millis(20);
const LOOKS_UNTIL_IDLE: u32 = 300;
/// A call that gets no CPU is given this many times its budget by the wall clock.
const WALL_FACTOR: u32 = 10;

/// What one thread is running. The lock is held for nanoseconds, by its thread or by the watchdog.
struct Slot {
    state: Mutex<SlotState>,
}

struct SlotState {
    clock: libc::clockid_t,
    /// Counts calls, so that the watchdog can tell one from the next.
    call: u64,
    /// The main state of the VM that is running, or null.
    running: *mut ffi::lua_State,
    budget: Duration,
    stopped: bool,
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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Slots of threads that have entered Lua; None when the watchdog's thread could not be started.
fn slots() -> Option<&'static Mutex<Vec<Watched>>> {
    static SLOTS: OnceLock<Option<&'static Mutex<Vec<Watched>>>> = OnceLock::new();
    *SLOTS.get_or_init(|| {
        let slots: &'static Mutex<Vec<Watched>> = Box::leak(Box::default());
        std::thread::Builder::new().name("lua-watchdog".into()).spawn(move || watch(slots)).ok().map(|_| slots)
    })
}

thread_local! {
    static SLOT: OnceCell<Arc<Slot>> = const { OnceCell::new() };
}

fn new_slot() -> Arc<Slot> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the calling thread is alive and `clock` is a valid place to write.
    unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    let state = SlotState { clock, call: 0, running: std::ptr::null_mut(), budget: Duration::ZERO, stopped: false };
    let slot = Arc::new(Slot { state: Mutex::new(state) });
    if let Some(slots) = slots() {
        let watched = Watched { slot: Arc::downgrade(&slot), call: 0, cpu: Duration::ZERO, wall: Instant::now() };
        lock(slots).push(watched);
    }
    slot
}

/// A VM that can be stopped. Holds the VM, so the pointer stays good.
pub struct Guard {
    _lua: Lua,
    state: *mut ffi::lua_State,
}

// SAFETY: `Lua` is Send (mlua's feature `send`), and `state` is its own; it is used by the thread that runs the VM.
unsafe impl Send for Guard {}

impl Guard {
    pub fn new(lua: &Lua) -> mlua::Result<Self> {
        let mut state = std::ptr::null_mut();
        // SAFETY: only the pointer is taken; hooks are global to a VM, so any of its states will do.
        unsafe { lua.exec_raw::<()>((), |raw| state = raw) }?;
        Ok(Self { _lua: lua.clone(), state })
    }

    /// Runs `call`, which enters the VM, under a budget. The flag says that it was stopped, whatever it returned: a
    /// script may have swallowed the error.
    pub fn run<R>(&self, budget_us: Micros, call: impl FnOnce() -> R) -> (R, bool) {
        /// Also when `call` unwinds, the VM must not be touched once it may be gone.
        struct Disarm<'a>(&'a Slot);
        impl Drop for Disarm<'_> {
            fn drop(&mut self) {
                disarm(self.0);
            }
        }
        SLOT.with(|slot| {
            let slot = slot.get_or_init(new_slot);
            arm(slot, self.state, Duration::from_micros(budget_us));
            let armed = Disarm(slot);
            let result = call();
            std::mem::forget(armed);
            (result, disarm(slot))
        })
    }
}

fn arm(slot: &Slot, running: *mut ffi::lua_State, budget: Duration) {
    let mut state = lock(&slot.state);
    state.call += 1;
    state.running = running;
    state.budget = budget;
    state.stopped = false;
}

fn disarm(slot: &Slot) -> bool {
    let mut state = lock(&slot.state);
    let running = std::mem::replace(&mut state.running, std::ptr::null_mut());
    if state.stopped && !running.is_null() {
        // SAFETY: this thread owns the VM and nothing runs in it any more; null removes the hook.
        unsafe { ffi::lua_sethook(running, None, 0, 0) };
    }
    state.stopped
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
        let (mut busy, mut stopping) = (false, false);
        lock(slots).retain_mut(|watched| {
            let Some(slot) = watched.slot.upgrade() else { return false };
            let (is_busy, is_stopping) = look(watched, &slot);
            busy |= is_busy;
            stopping |= is_stopping;
            true
        });
        quiet = if busy { 0 } else { u32::min(quiet + 1, LOOKS_UNTIL_IDLE) };
        std::thread::sleep(match (stopping, quiet == LOOKS_UNTIL_IDLE) {
            (true, _) => STOP_EVERY,
            (false, false) => LOOK_EVERY,
            (false, true) => IDLE_EVERY,
        });
    }
}

/// The time of a call is counted from the first look that finds it running, so that entering Lua costs no system call.
fn look(watched: &mut Watched, slot: &Slot) -> (bool, bool) {
    let mut state = lock(&slot.state);
    let is_new = watched.call != state.call;
    if state.running.is_null() {
        watched.call = state.call;
        return (is_new, false);
    }
    let cpu = cpu_time(state.clock);
    if is_new {
        watched.call = state.call;
        watched.cpu = cpu.unwrap_or_default();
        watched.wall = Instant::now();
        return (true, false);
    }
    let used = cpu.map_or(Duration::ZERO, |cpu| cpu.saturating_sub(watched.cpu));
    if used < state.budget && watched.wall.elapsed() < state.budget * WALL_FACTOR {
        return (true, false);
    }
    state.stopped = true;
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
    (true, true)
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
