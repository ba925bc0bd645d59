//! How many connections there may be, in all and from one address.
//!
//! A seat is taken before a connection is accepted and lives as long as it: through the HTTP request, the upgrade and
//! the link behind it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::session::TransportKind;

#[derive(Debug)]
pub struct Seats {
    free: Arc<Semaphore>,
    max: usize,
    per_address_max: usize,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    metrics: Arc<Metrics>,
}

/// A seat not yet given to an address.
#[derive(Debug)]
pub(super) struct Vacancy(OwnedSemaphorePermit);

/// One connection's place; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _permit: OwnedSemaphorePermit,
    address: Option<(IpAddr, Arc<Mutex<HashMap<IpAddr, usize>>>)>,
}

impl Seats {
    pub(super) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limits.max_connections)),
            max: limits.max_connections,
            per_address_max: limits.connections_per_address,
            by_address: Arc::default(),
            metrics,
        }
    }

    /// Waits until a connection may be accepted.
    pub(super) async fn vacancy(&self) -> Vacancy {
        let permit = self.free.clone().acquire_owned().await;
        Vacancy(permit.expect("the semaphore is never closed"))
    }

    pub(super) fn try_vacancy(&self) -> Option<Vacancy> {
        let vacancy = self.free.clone().try_acquire_owned().ok().map(Vacancy);
        if vacancy.is_none() {
            self.metrics.connections_refused.add(1);
        }
        vacancy
    }

    /// Time to ask newcomers on UDP to prove their address.
    pub(super) fn over_half(&self) -> bool {
        self.free.available_permits() < self.max / 2
    }

    /// Gives the seat to an address, unless it has too many. `shared`: many players stand behind this address (a
    /// trusted proxy, this machine), so only the whole number is bounded.
    pub(super) fn sit(&self, vacancy: Vacancy, ip: IpAddr, shared: bool) -> Option<Seat> {
        let ip = ip.to_canonical();
        if shared || ip.is_loopback() {
            return Some(Seat { _permit: vacancy.0, address: None });
        }
        let mut addresses = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = addresses.entry(ip).or_default();
        if *taken >= self.per_address_max {
            self.metrics.connections_refused.add(1);
            return None;
        }
        *taken += 1;
        Some(Seat { _permit: vacancy.0, address: Some((ip, self.by_address.clone())) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((ip, addresses)) = self.address.take() else { return };
        let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = addresses.get_mut(&ip) {
            *taken -= 1;
            if *taken == 0 {
                addresses.remove(&ip);
            }
        }
    }
}

/// Counts a connection of a transport while it lasts.
#[derive(Debug)]
pub(super) struct Counted {
    metrics: Arc<Metrics>,
    transport: TransportKind,
}

impl Counted {
    pub(super) fn new(metrics: &Arc<Metrics>, transport: TransportKind) -> Self {
        metrics.connections[transport as usize].add(1);
        metrics.connections_opened[transport as usize].add(1);
        Self { metrics: metrics.clone(), transport }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.connections[self.transport as usize].add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_seats() {
        let limits = Limits { max_connections: 4, connections_per_address: 2, ..Limits::default() };
        let metrics = Arc::new(Metrics::default());
        let seats = Seats::new(&limits, metrics.clone());
        let sit = |ip: [u8; 4], shared| seats.sit(seats.try_vacancy()?, ip.into(), shared);
        let first = sit([203, 0, 113, 1], false).unwrap();
        let _second = sit([203, 0, 113, 1], false).unwrap();
        assert!(sit([203, 0, 113, 1], false).is_none());
        assert!(!seats.over_half());
        let _third = sit([203, 0, 113, 2], false).unwrap();
        assert!(seats.over_half());
        drop(first);
        let _fourth = sit([203, 0, 113, 1], false).unwrap();
        let _fifth = sit([127, 0, 0, 1], false).unwrap();
        assert!(sit([127, 0, 0, 1], false).is_none(), "full is full");
        assert_eq!(metrics.connections_refused.get(), 2);
    }
}
