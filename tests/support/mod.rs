//! What several tests share: a native game, a seeded network, players in virtual time.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

pub mod game;
pub mod guest;
pub mod live;
pub mod probe;
pub mod simulation;

/// The larger numbers of `make soak`.
pub fn soak() -> bool {
    std::env::var_os("AIRBOAT_SOAK").is_some()
}

/// The seed of this run: `AIRBOAT_SEED`, or the one given. Printed, so that a failure can be repeated.
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("AIRBOAT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(default);
    println!("AIRBOAT_SEED={seed}");
    seed
}
