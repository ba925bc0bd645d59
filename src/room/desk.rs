//! Who is where: sessions by id, rooms by folded name, HTTP links by token. Pure bookkeeping, driven by the directory and
//! by the simulation alike.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{Refused, name};
use crate::{
    config::Limits,
    metrics::{Metrics, Resume},
    protocol::{
        CloseReason, Micros, PROTOCOL_MAX, PROTOCOL_MIN,
        message::{Hello, Welcome},
    },
    session::{Delivery, Link, ResumeFrom, Session, SessionId, SessionInit, Token, TokenKey, TransportKind},
};

/// How a connection reached us.
#[derive(Debug, Clone, Copy)]
pub struct Via {
    pub transport: TransportKind,
    pub delivery: Delivery,
    pub peer: std::net::IpAddr,
    pub now: Micros,
}

/// `R` names a room's whereabouts: the directory puts a worker there, the simulation the room itself.
#[derive(Debug)]
pub struct Desk<R> {
    sessions: HashMap<SessionId, Entry<R>>,
    links: HashMap<[u8; 16], Link>,
    key: TokenKey,
    random: fastrand::Rng,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Entry<R> {
    session: Session,
    /// The player's display name.
    name: String,
    room: Option<R>,
}

/// A device that has been checked, and its secret where it has just been made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub issued_secret: Option<String>,
}

impl<R: Clone> Desk<R> {
    pub fn new(key: TokenKey, seed: u64, limits: Arc<Limits>, metrics: Arc<Metrics>) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { sessions: HashMap::new(), links: HashMap::new(), key, random, limits, metrics }
    }

    pub fn seed(&mut self) -> u64 {
        self.random.u64(..)
    }

    pub fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }

    /// Attaches a link to the session its token names, or to a new one.
    pub fn hello(&mut self, hello: &Hello, device: Device, via: Via) -> Result<(Link, Session), Refused> {
        if let Some(session) = self.resumed(hello, &device) {
            let resume = hello.resume.as_ref().map_or_else(ResumeFrom::default, |r| ResumeFrom {
                epoch: r.epoch,
                tick: r.tick,
                received: r.received,
            });
            if session.lost_since().is_none() {
                self.metrics.session_resumes[Resume::Switched as usize].add(1);
            }
            return Ok((self.attach(&session, device, resume, via), session));
        }
        if hello.resume.is_some() {
            self.metrics.session_resumes[Resume::Refused as usize].add(1);
            // Whoever names a room gets a seat by the ordinary rules; a bare resume has nothing to fall back on.
            if hello.join.is_none() {
                return Err(CloseReason::BadResume.into());
            }
        }
        self.sweep_ended();
        if self.sessions.len() >= self.limits.sessions_max {
            return Err(Refused::new(CloseReason::Busy, "no more sessions can be held"));
        }
        let same_device = self.sessions.values().filter(|e| e.session.device() == device.id).count();
        if same_device >= self.limits.sessions_per_device {
            return Err(Refused::new(CloseReason::Busy, "too many sessions of this device"));
        }
        let session = Session::new(
            SessionInit {
                id: SessionId(self.random.u64(1..)),
                device: device.id.clone(),
                debug_hash: hello.debug_hash,
                limits: self.limits.clone(),
                metrics: self.metrics.clone(),
            },
            via.now,
        );
        let cut = |name: String| name::cut(&name, self.limits.name_bytes_max).to_owned();
        let name = name::clean(&hello.name).map(cut).filter(|name| !name.is_empty()).unwrap_or_else(|| "guest".into());
        self.sessions.insert(session.id(), Entry { session: session.clone(), name, room: None });
        self.metrics.sessions_opened[via.transport as usize].add(1);
        Ok((self.attach(&session, device, ResumeFrom::default(), via), session))
    }

    /// The session a hello may take: signed by us, of this device, living, its generation not spent.
    fn resumed(&self, hello: &Hello, device: &Device) -> Option<Session> {
        let token = self.key.open(&hello.resume.as_ref()?.token)?;
        let entry = self.sessions.get(&token.session)?;
        let session = &entry.session;
        let fits = session.device() == device.id
            && device.issued_secret.is_none()
            && session.ended().is_none()
            && session.accepts_generation(token.generation);
        fits.then(|| session.clone())
    }

    fn attach(&mut self, session: &Session, device: Device, resume: ResumeFrom, via: Via) -> Link {
        let token = Token { session: session.id(), generation: session.issue_generation() };
        let welcome = Welcome {
            protocol: (PROTOCOL_MIN, PROTOCOL_MAX),
            session: session.id().to_string(),
            device: device.issued_secret.map(|secret| (device.id, secret)),
            resume: self.key.sign(token),
            resume_window_ms: (self.limits.resume_window_secs * 1000) as u32,
            ping_ms: (self.limits.ping_secs * 1000) as u32,
        };
        let link_token = self.key.link_token(token);
        let welcome: Bytes = welcome.encode();
        let link = session.attach(via.transport, via.delivery, resume, welcome, link_token, via.now);
        link.carries_generation(token.generation);
        if via.delivery == Delivery::Polled {
            self.links.insert(link_token, link.clone());
        }
        link
    }

    /// The HTTP link with this token.
    pub fn link(&self, token: &[u8; 16]) -> Option<Link> {
        self.links.get(token).cloned()
    }

    pub fn session(&self, id: SessionId) -> Option<(Session, String)> {
        self.sessions.get(&id).map(|e| (e.session.clone(), e.name.clone()))
    }

    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().map(|e| &e.session)
    }

    pub fn room_of(&self, id: SessionId) -> Option<R> {
        self.sessions.get(&id).and_then(|e| e.room.clone())
    }

    pub fn set_room(&mut self, id: SessionId, room: Option<R>) {
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.room = room;
        }
    }

    fn sweep_ended(&mut self) {
        self.sessions.retain(|_, entry| entry.session.ended().is_none());
    }

    /// Once a second: HTTP links without polls are lost, sessions without link or room expire, the ended are forgotten.
    pub fn sweep(&mut self, now: Micros) {
        let idle = self.limits.idle_link_secs.max(self.limits.poll_hold_secs + 5) * 1_000_000;
        self.links.retain(|_, link| {
            let alive = link.is_newest() && now.saturating_sub(link.heard()) <= idle;
            if !alive {
                link.lost(now);
            }
            alive
        });
        let window = self.limits.resume_window_secs * 1_000_000;
        let most = self.sessions.values().map(|entry| entry.session.held_bytes()).max().unwrap_or(0);
        self.metrics.session_held_bytes_max.set(most as i64);
        for entry in self.sessions.values() {
            let expired = entry.session.lost_since().is_some_and(|since| now.saturating_sub(since) > window);
            // In a room the room says so, in its own time, and lets its script know.
            if expired && entry.room.is_none() {
                entry.session.end(CloseReason::Expired, CloseReason::Expired.text());
            }
        }
        self.sweep_ended();
    }
}
