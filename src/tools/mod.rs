//! What the command line offers to those who write modules: `airboat module new`, `check`, `test` and
//! `airboat types`.
//!
//! `stage` runs one room by hand in virtual time, through the very trait [`crate::game::Game`] and the very sandbox that
//! rooms use; `check` and `test` stand on it. `manners` is how a simulated player gets through phases, `sight` asks `game.bot`
//! what to do over a client's mirror (the load test does). Nothing in here is linked to a running server.

pub mod check;
mod costs;
mod difference;
mod hints;
pub mod manners;
pub mod new;
mod report;
mod rooms;
pub mod sight;
mod slips;
mod stage;
pub mod test;
#[cfg(test)]
mod tests;
pub mod types;
pub mod vectors;

use crate::game::lua::Settings;

/// A room's own budgets: what would be stopped in a room is stopped here.
fn settings() -> Settings {
    let mut settings = Settings { jit: crate::game::lua::watchdog::self_test(), ..Settings::default() };
    if cfg!(test) {
        // No test may fail because its machine is busy with something else.
        settings.budgets.callback_us *= 20;
    }
    settings
}

/// `"1,234"`: figures of one screen are read by people.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
