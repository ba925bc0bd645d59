//! The one-time link: while there is no admin, whoever holds its secret may become the first. Printed at the start, kept
//! in memory as a hash, gone with its use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq as _;

use super::session::{hash, random_text};
use crate::config::Limits;
use crate::protocol::Micros;

/// A link that still works.
#[derive(Debug, Clone, Copy)]
struct Link {
    hash: [u8; 32],
    until: Micros,
}

#[derive(Debug)]
pub(super) struct Setup(Mutex<Option<Link>>);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SetupError {
    /// Used, or never issued.
    Unknown,
    Expired,
}

/// The link while somebody uses it: given back when nothing came of it.
#[derive(Debug)]
#[must_use]
pub(super) struct Taken(Link);

impl Setup {
    /// There is an admin: no link.
    pub(super) fn closed() -> Self {
        Self(Mutex::new(None))
    }

    /// A new link and its secret.
    pub(super) fn open(limits: &Limits, now: Micros) -> Result<(Self, Option<String>), getrandom::Error> {
        let secret = random_text()?;
        let link = Link { hash: hash(&secret), until: now + limits.admin_setup_minutes * 60_000_000 };
        Ok((Self(Mutex::new(Some(link))), Some(secret)))
    }

    /// Whether an admin can still be made. Says nothing about the secret.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether this is the secret, without using it up.
    pub(super) fn check(&self, secret: &str, now: Micros) -> Result<(), SetupError> {
        self.look(secret, now).map(drop)
    }

    /// Takes the link: from here on nobody else can.
    pub(super) fn take(&self, secret: &str, now: Micros) -> Result<Taken, SetupError> {
        let link = self.look(secret, now)?;
        self.lock().take().map(|_| Taken(link)).ok_or(SetupError::Unknown)
    }

    /// Nothing came of it.
    pub(super) fn give_back(&self, taken: Taken) {
        *self.lock() = Some(taken.0);
    }

    fn look(&self, secret: &str, now: Micros) -> Result<Link, SetupError> {
        let link = (*self.lock()).ok_or(SetupError::Unknown)?;
        if !bool::from(link.hash.ct_eq(&hash(secret))) {
            return Err(SetupError::Unknown);
        }
        if now > link.until { Err(SetupError::Expired) } else { Ok(link) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_once_and_for_a_while() {
        let (setup, secret) = Setup::open(&Limits::default(), 7).unwrap();
        let secret = secret.unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(setup.take("", 7).unwrap_err(), SetupError::Unknown);
        assert_eq!(setup.take(&secret.replace(|_| true, "0"), 7).unwrap_err(), SetupError::Unknown);
        assert_eq!(setup.check(&secret, 8 + 3_600_000_000), Err(SetupError::Expired));
        let taken = setup.take(&secret, 7 + 3_600_000_000).unwrap();
        assert_eq!(setup.take(&secret, 7).unwrap_err(), SetupError::Unknown);
        setup.give_back(taken);
        let _gone = setup.take(&secret, 7).unwrap();
        assert!(!setup.is_open() && setup.check(&secret, 7).is_err());
        assert!(!Setup::closed().is_open());
    }
}
