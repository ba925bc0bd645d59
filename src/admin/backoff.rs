//! How wrong passwords are slowed: by name and by address, each further one doubling the wait.
//!
//! A try is charged before its password is looked at, so that a thousand at once are no better than one after another.
//! Plain functions of time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::peer::Peer;
use crate::protocol::Micros;

/// Whose wrong passwords are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// From this machine itself a name is counted apart: strangers can make others wait for it, never the operator at
    /// the server's own keyboard or at the end of an SSH tunnel.
    Name { name: String, near: bool },
    /// An IPv6 customer has a /64 of addresses.
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    wrong: u32,
    /// No try before this.
    until: Micros,
}

#[derive(Debug)]
pub(super) struct Backoff {
    records: Mutex<HashMap<Key, Record>>,
    tries: u32,
    wait: Micros,
    wait_max: Micros,
    remembered: usize,
}

/// A try that was let through. Unless it is settled, it counts as wrong.
#[derive(Debug)]
#[must_use]
pub(super) struct Try([Key; 2]);

impl Backoff {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            records: Mutex::default(),
            tries: limits.admin_login_tries,
            wait: limits.admin_login_wait_secs * 1_000_000,
            wait_max: limits.admin_login_wait_max_secs.max(limits.admin_login_wait_secs) * 1_000_000,
            remembered: limits.admin_login_remembered,
        }
    }

    /// Lets a try through and counts it as wrong, or says how long to wait. Tries that are not let through count for
    /// nothing: whoever keeps knocking waits no longer.
    pub(super) fn enter(&self, name: &str, peer: Peer, now: Micros) -> Result<Try, Micros> {
        let near = peer.ip.is_loopback() && !peer.proxied;
        let keys = [Key::Name { name: name.to_lowercase(), near }, Key::Address(network(peer.ip))];
        let mut records = self.lock();
        let until = keys.iter().filter_map(|key| records.get(key)).map(|record| record.until).max();
        if let Some(until) = until.filter(|until| *until > now) {
            return Err(until - now);
        }
        for key in &keys {
            self.make_room(&mut records, now);
            let record = records.entry(key.clone()).or_default();
            if self.forgotten(record, now) {
                *record = Record::default();
            }
            record.wrong = record.wrong.saturating_add(1);
            record.until = now + self.wait_after(record.wrong);
        }
        Ok(Try(keys))
    }

    /// It was right: everything before it is forgiven.
    pub(super) fn right(&self, entered: Try) {
        let mut records = self.lock();
        for key in &entered.0 {
            records.remove(key);
        }
    }

    /// Nobody looked at it.
    pub(super) fn unread(&self, entered: Try) {
        let mut records = self.lock();
        for key in &entered.0 {
            if let Some(record) = records.get_mut(key) {
                *record = Record { wrong: record.wrong.saturating_sub(1), until: 0 };
            }
        }
    }

    fn wait_after(&self, wrong: u32) -> Micros {
        let Some(doublings) = wrong.checked_sub(self.tries) else { return 0 };
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.wait.saturating_mul(factor).min(self.wait_max)
    }

    /// Quiet for the longest wait since the last one was over.
    fn forgotten(&self, record: &Record, now: Micros) -> bool {
        record.until + self.wait_max < now
    }

    fn make_room(&self, records: &mut HashMap<Key, Record>, now: Micros) {
        if records.len() < self.remembered {
            return;
        }
        records.retain(|_, record| !self.forgotten(record, now));
        if records.len() < self.remembered {
            return;
        }
        if let Some(soonest) = records.iter().min_by_key(|(_, record)| record.until).map(|(key, _)| key.clone()) {
            records.remove(&soonest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const HOUR: Micros = 3600 * SECOND;

    fn from(ip: &str) -> Peer {
        Peer { ip: ip.parse().unwrap(), https: true, proxied: false }
    }

    fn backoff() -> Backoff {
        Backoff::new(&Limits::default())
    }

    #[test]
    fn ten_thousand_guesses_within_an_hour_are_twenty_looked_at() {
        let backoff = backoff();
        let looked_at = (0..10_000).filter(|n| backoff.enter("ada", from("192.0.2.1"), n * HOUR / 10_000).is_ok());
        assert!((5..=20).contains(&looked_at.count()));
    }

    #[test]
    fn the_wait_doubles_and_ends() {
        let backoff = backoff();
        let mut now = 0;
        for _ in 0..5 {
            drop(backoff.enter("ada", from("192.0.2.1"), now).unwrap());
        }
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(backoff.enter("ada", from("192.0.2.1"), now).unwrap_err(), wait * SECOND);
            assert!(backoff.enter("ada", from("192.0.2.1"), now + wait * SECOND - 1).is_err());
            now += wait * SECOND;
            drop(backoff.enter("ada", from("192.0.2.1"), now).unwrap());
        }
        // A day later nobody remembers.
        now += 24 * HOUR;
        for _ in 0..5 {
            drop(backoff.enter("ada", from("192.0.2.1"), now).unwrap());
        }
    }

    #[test]
    fn names_and_addresses_are_slowed_each_by_itself() {
        let backoff = backoff();
        for n in 0..5 {
            drop(backoff.enter("ada", from(&format!("192.0.2.{n}")), 0).unwrap());
        }
        assert!(backoff.enter("ADA", from("192.0.2.9"), 0).is_err(), "the name, from a new address");
        assert!(backoff.enter("ada", from("127.0.0.1"), 0).is_ok(), "not for who sits at the server");
        for n in 0..5 {
            drop(backoff.enter(&n.to_string(), from(&format!("2001:db8::{n}")), 0).unwrap());
        }
        assert!(backoff.enter("eve", from("2001:db8::1234"), 0).is_err(), "the network, with a new name");
        assert!(backoff.enter("eve", from("2001:db8:0:1::1"), 0).is_ok());
    }

    #[test]
    fn tries_at_the_same_time_are_charged_before_they_are_read() {
        let backoff = backoff();
        let entered: Vec<_> = (0..100).filter_map(|_| backoff.enter("ada", from("192.0.2.1"), 0).ok()).collect();
        assert_eq!(entered.len(), 5);
    }

    #[test]
    fn the_right_password_and_the_unread_one_leave_no_trace() {
        let backoff = backoff();
        for _ in 0..100 {
            let entered = backoff.enter("ada", from("192.0.2.1"), 0).unwrap();
            backoff.unread(entered);
        }
        for _ in 0..4 {
            drop(backoff.enter("ada", from("192.0.2.1"), 0).unwrap());
        }
        let entered = backoff.enter("ada", from("192.0.2.1"), 0).unwrap();
        backoff.right(entered);
        assert!(backoff.enter("ada", from("192.0.2.1"), 0).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_the_slowest_stay() {
        let limits = Limits { admin_login_remembered: 64, ..Limits::default() };
        let backoff = Backoff::new(&limits);
        for _ in 0..5 {
            drop(backoff.enter("ada", from("192.0.2.1"), 0).unwrap());
        }
        for n in 0..1000_u32 {
            drop(backoff.enter(&n.to_string(), from(&std::net::Ipv4Addr::from(n).to_string()), 0));
        }
        assert!(backoff.lock().len() <= 64);
        assert!(backoff.enter("ada", from("192.0.2.1"), 0).is_err());
    }
}
