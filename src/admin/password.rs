//! Passwords: argon2id, off the async threads, few at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Refused;
use crate::config::Limits;

/// The smallest of OWASP's equal choices for argon2id: 19 MiB, two passes, one lane. About 30 ms of one core, which is
/// dear for whoever guesses and bearable for the rooms beside it. Kept in each hash, so they can grow later.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// What an unknown name is checked against, so that it takes as long as a known one. No password has this hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Passwords {
    pub(super) fn new(limits: &Limits) -> Self {
        let turns = Arc::new(Semaphore::new(limits.admin_hashes));
        Self { turns, patience: Duration::from_millis(limits.admin_hash_wait_ms) }
    }

    /// A hash to keep, as a PHC string.
    pub(super) async fn hash(&self, password: String) -> Result<String, Refused> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt)?;
        self.run(move || {
            let hash = hasher().and_then(|argon2| argon2.hash_password_with_salt(password.as_bytes(), &salt));
            hash.map(|hash| hash.to_string()).map_err(|error| failed(&error))
        })
        .await?
    }

    /// Whether it is the password. The same work for `None`.
    pub(super) async fn check(&self, password: String, kept: Option<String>) -> Result<bool, Refused> {
        let known = kept.is_some();
        let kept = kept.unwrap_or_else(|| NOBODY.to_owned());
        let right = self.run(move || verify(&password, &kept)).await??;
        Ok(right && known)
    }

    /// Waits for a turn, but not for long. Whoever leaves in the middle keeps the turn until the work is done.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let turn = timeout(self.patience, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Refused::busy()) };
        let work = move || {
            let _turn: OwnedSemaphorePermit = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Refused::busy())
    }

    #[cfg(test)]
    pub(super) fn turns(&self) -> &Arc<Semaphore> {
        &self.turns
    }
}

fn hasher() -> argon2::password_hash::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(argon2::password_hash::Error::from)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// With the parameters that stand in the kept hash.
fn verify(password: &str, kept: &str) -> Result<bool, Refused> {
    match Argon2::default().verify_password(password.as_bytes(), kept) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &argon2::password_hash::Error) -> Refused {
    tracing::error!(%error, "a password could not be hashed");
    Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", "The password could not be checked.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_are_salted_and_name_their_parameters() {
        let passwords = Passwords::new(&Limits::default());
        let one = passwords.hash("correct horse".to_owned()).await.unwrap();
        let two = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert_ne!(one, two);
        // The stand-in costs what a real one costs.
        let parameters = "$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(one.starts_with(parameters) && NOBODY.starts_with(parameters) && one.len() == NOBODY.len(), "{one}");
        assert!(passwords.check("correct horse".to_owned(), Some(one.clone())).await.unwrap());
        assert!(!passwords.check("correct horsf".to_owned(), Some(one)).await.unwrap());
        assert!(!passwords.check("correct horse".to_owned(), None).await.unwrap());
        assert!(passwords.check(String::new(), Some("nonsense".to_owned())).await.is_err());
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_is_sent_away() {
        let limits = Limits { admin_hash_wait_ms: 10, ..Limits::default() };
        let passwords = Passwords::new(&limits);
        let taken = passwords.turns().clone().acquire_owned().await.unwrap();
        assert!(passwords.hash("x".to_owned()).await.is_err());
        drop(taken);
        passwords.hash("x".to_owned()).await.unwrap();
    }
}
