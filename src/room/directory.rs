//! The front desk the transports talk to: hello, join, leave, list, close. Async; it alone may wait for a worker.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::{OnceCell, oneshot},
    time::timeout,
};

use super::{
    Entry, Refused, RoomInit,
    desk::{Desk, Device},
    name,
    worker::{self, Command, Herald, RoomId, RoomStatus, WorkerHandle},
};
use crate::{
    clock::Clock,
    config::Limits,
    game::GameFactory,
    metrics::Metrics,
    protocol::{
        CloseReason, PROTOCOL_MAX, PROTOCOL_MIN,
        message::{self, ClientFrame, Hello, JoinRequest},
    },
    session::{Link, Request, Session, TokenKey},
    store::Store,
};

pub use super::desk::Via;
/// Why a hello got no link. The transport says `bye` with it.
pub type Refusal = Refused;

/// A room in the public list.
#[derive(Debug, Clone, Serialize)]
pub struct RoomSummary {
    pub module: String,
    pub name: String,
    pub players: u32,
    pub seats: u32,
    pub tick_rate: u32,
    pub open_secs: u64,
    pub tick_us: u32,
    pub lateness_us: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct ModuleSummary {
    pub module: String,
    pub title: String,
    pub seats: u32,
    pub tick_rate: u32,
}

/// A room's name and where it runs.
#[derive(Debug, Clone)]
struct Place {
    key: RoomKey,
    name: String,
    id: RoomId,
    worker: WorkerHandle,
    status: Arc<RoomStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RoomKey {
    module: String,
    folded: String,
}

/// Everything the directory is built from.
pub struct DirectoryInit {
    pub store: Store,
    pub factories: Vec<Arc<dyn GameFactory>>,
    pub workers: usize,
    pub clock: Clock,
    /// Seeds names, session ids and rooms.
    pub seed: u64,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
}

struct Inner {
    store: Store,
    factories: BTreeMap<String, Arc<dyn GameFactory>>,
    desk: Mutex<Desk<Place>>,
    /// A cell a name: whoever comes first opens the room, the others wait for it.
    rooms: Mutex<HashMap<RoomKey, Arc<OnceCell<Place>>>>,
    workers: Vec<WorkerHandle>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next_room: AtomicU64,
    stopping: AtomicBool,
    clock: Clock,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory({} modules)", self.inner.factories.len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Directory {
    pub async fn new(init: DirectoryInit) -> Result<Self, crate::store::StoreError> {
        let key = TokenKey::new(&init.store.token_key().await?);
        let herald = Herald::start(init.limits.worker_inbox);
        let start =
            |index| worker::start(index, init.limits.worker_inbox, init.clock, herald.clone(), init.metrics.clone());
        let (workers, threads) = (0..init.workers.max(1)).map(start).unzip();
        let inner = Inner {
            store: init.store,
            factories: init.factories.into_iter().map(|f| (f.info().module.clone(), f)).collect(),
            desk: Mutex::new(Desk::new(key, init.seed, init.limits.clone(), init.metrics.clone())),
            rooms: Mutex::new(HashMap::new()),
            workers,
            threads: Mutex::new(threads),
            next_room: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            clock: init.clock,
            limits: init.limits,
            metrics: init.metrics,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The first frame of a connection: who is this, which session, which room.
    pub async fn hello(&self, frame: &[u8], via: Via) -> Result<Link, Refusal> {
        let refused = self.try_hello(frame, via).await;
        refused.inspect_err(|refusal| self.inner.metrics.hellos_refused.add(refusal.reason.number(), 1))
    }

    async fn try_hello(&self, frame: &[u8], via: Via) -> Result<Link, Refusal> {
        if frame.len() > self.inner.limits.frame_bytes_max {
            return Err(CloseReason::TooLarge.into());
        }
        let Ok(ClientFrame::Hello(hello)) = ClientFrame::decode(frame) else {
            return Err(Refused::new(CloseReason::BadFrame, "the first frame must be a hello"));
        };
        if self.inner.stopping.load(Relaxed) {
            return Err(CloseReason::Restarting.into());
        }
        if !(PROTOCOL_MIN..=PROTOCOL_MAX).contains(&hello.protocol) {
            let text = format!("protocol {} is not served, {PROTOCOL_MIN} to {PROTOCOL_MAX} are", hello.protocol);
            return Err(Refused::new(CloseReason::Version, text));
        }
        let device = self.device(&hello).await?;
        let (link, session) = lock(&self.inner.desk).hello(&hello, device, via)?;
        match hello.join {
            // A resumed session sits where it sat, and its room answers by itself.
            Some(join) if self.sits_in(&session, &join) => {}
            Some(join) => self.join(&session, join).await,
            // Nobody else would tell a client that comes back that it is in no room.
            None if hello.resume.is_some() && !self.sits(&session) => session.control(message::left()),
            None => {}
        }
        Ok(link)
    }

    /// The device that says hello, or a new one: a client whose secret is not known here is nobody we know.
    async fn device(&self, hello: &Hello) -> Result<Device, Refusal> {
        let now = Clock::unix_secs();
        let trouble = |error: crate::store::StoreError| Refused::new(CloseReason::Busy, error.to_string());
        if let Some((id, secret)) = &hello.device
            && self.inner.store.check_device(id, secret, now).await.map_err(trouble)?
        {
            return Ok(Device { id: id.clone(), issued_secret: None });
        }
        let device = self.inner.store.create_device(now).await.map_err(trouble)?;
        Ok(Device { id: device.id, issued_secret: Some(device.secret) })
    }

    /// What a link could not do by itself.
    pub async fn request(&self, link: &Link, request: Request) {
        let Some((session, _)) = lock(&self.inner.desk).session(link.session()) else { return };
        match request {
            Request::Join(join) => self.join(&session, join).await,
            Request::Leave => self.leave(&session),
        }
    }

    fn leave(&self, session: &Session) {
        let place = lock(&self.inner.desk).room_of(session.id());
        lock(&self.inner.desk).set_room(session.id(), None);
        match place {
            Some(place) => {
                if place.worker.send(Command::Leave { id: place.id, session: session.clone() }).is_err() {
                    session.refuse(CloseReason::Busy);
                }
            }
            None => session.control(message::left()),
        }
    }

    /// Puts a session into a room by name; refusals are told to the client and the session goes on.
    async fn join(&self, session: &Session, join: JoinRequest) {
        if let Err(refused) = self.try_join(session, join).await {
            session.control(message::refused(refused.reason, &refused.text));
        }
    }

    async fn try_join(&self, session: &Session, join: JoinRequest) -> Result<(), Refused> {
        if self.inner.stopping.load(Relaxed) {
            return Err(CloseReason::Restarting.into());
        }
        let factory = self.inner.factories.get(&join.module).cloned();
        let factory = factory.ok_or_else(|| {
            Refused::new(CloseReason::UnknownModule, format!("there is no module {:?} here", join.module))
        })?;
        let shown = name::clean(&join.room, self.inner.limits.name_bytes_max);
        let shown = shown.ok_or_else(|| Refused::new(CloseReason::BadName, "a room needs a name"))?;
        let key = RoomKey { module: join.module.clone(), folded: name::fold(&shown) };
        self.leave_other_room(session, &key);
        let (_, player) = lock(&self.inner.desk).session(session.id()).unwrap_or((session.clone(), String::new()));
        // A room may close between being found and being asked; then the name is free again.
        for _ in 0..3 {
            let place = self.place(&key, &shown, &join.password, &factory).await?;
            let entry = Entry { session: session.clone(), name: player.clone(), request: join.clone() };
            match self.ask_to_join(&place, entry).await {
                Err(refused) if refused.reason == CloseReason::RoomClosed => self.forget(&key),
                Err(refused) => return Err(refused),
                Ok(()) => {
                    lock(&self.inner.desk).set_room(session.id(), Some(place));
                    return Ok(());
                }
            }
        }
        Err(CloseReason::Busy.into())
    }

    fn sits(&self, session: &Session) -> bool {
        lock(&self.inner.desk).room_of(session.id()).is_some()
    }

    fn sits_in(&self, session: &Session, join: &JoinRequest) -> bool {
        let place = lock(&self.inner.desk).room_of(session.id());
        place.is_some_and(|place| {
            let open = !place.status.closed.load(Relaxed);
            open && place.key.module == join.module && place.key.folded == name::fold(&join.room)
        })
    }

    fn leave_other_room(&self, session: &Session, key: &RoomKey) {
        let place = lock(&self.inner.desk).room_of(session.id());
        if place.is_some_and(|place| place.key != *key) {
            self.leave(session);
        }
    }

    /// Where the room of this name runs; opens it when there is none.
    async fn place(
        &self,
        key: &RoomKey,
        shown: &str,
        password: &str,
        factory: &Arc<dyn GameFactory>,
    ) -> Result<Place, Refused> {
        let cell = {
            let mut rooms = lock(&self.inner.rooms);
            rooms.retain(|_, cell| cell.get().is_none_or(|place| !place.status.closed.load(Relaxed)));
            if !rooms.contains_key(key) && rooms.len() >= self.inner.limits.rooms_max {
                return Err(Refused::new(CloseReason::Busy, "no more rooms can be opened"));
            }
            rooms.entry(key.clone()).or_default().clone()
        };
        let place = cell.get_or_try_init(|| self.open(key, shown, password, factory)).await;
        place.cloned().inspect_err(|_| self.forget(key))
    }

    fn forget(&self, key: &RoomKey) {
        let mut rooms = lock(&self.inner.rooms);
        if rooms.get(key).is_some_and(|cell| cell.get().is_none_or(|place| place.status.closed.load(Relaxed))) {
            rooms.remove(key);
        }
    }

    async fn open(
        &self,
        key: &RoomKey,
        shown: &str,
        password: &str,
        factory: &Arc<dyn GameFactory>,
    ) -> Result<Place, Refused> {
        let failed = |error: String| Refused::new(CloseReason::RoomFailed, error);
        // Loading a module may take its time; it does so where no room has to wait for it.
        let loader = factory.clone();
        let game = tokio::task::spawn_blocking(move || loader.create()).await;
        let game = game.map_err(|_| failed("loading panicked".into()))?.map_err(|error| failed(error.to_string()))?;
        let worker = self.inner.workers.iter().min_by_key(|w| w.load()).cloned();
        let worker = worker.ok_or_else(|| Refused::from(CloseReason::Internal))?;
        let init = RoomInit {
            game,
            name: shown.to_owned(),
            password: password.to_owned(),
            seed: lock(&self.inner.desk).seed(),
            limits: self.inner.limits.clone(),
            metrics: self.inner.metrics.clone(),
        };
        let id = self.inner.next_room.fetch_add(1, Relaxed);
        let status = Arc::new(RoomStatus::default());
        let (reply, answer) = oneshot::channel();
        let command = Command::Open { id, init: Box::new(init), status: status.clone(), reply };
        worker.send(command).map_err(|_| Refused::from(CloseReason::Busy))?;
        self.answer(answer).await?.map_err(|error| failed(error.to_string()))?;
        tracing::info!(module = %key.module, room = %shown, "room opened");
        Ok(Place { key: key.clone(), name: shown.to_owned(), id, worker, status })
    }

    async fn ask_to_join(&self, place: &Place, entry: Entry) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Join { id: place.id, entry: Box::new(entry), reply };
        place.worker.send(command).map_err(|_| Refused::from(CloseReason::Busy))?;
        self.answer(answer).await?
    }

    async fn answer<T>(&self, answer: oneshot::Receiver<T>) -> Result<T, Refused> {
        let patience = Duration::from_millis(self.inner.limits.worker_answer_ms);
        match timeout(patience, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(CloseReason::RoomFailed.into()),
            Err(_) => Err(CloseReason::Busy.into()),
        }
    }

    /// The HTTP link with this token.
    pub fn link(&self, token: &[u8; 16]) -> Option<Link> {
        lock(&self.inner.desk).link(token)
    }

    pub fn rooms(&self) -> Vec<RoomSummary> {
        let now = self.inner.clock.now();
        let summary = |place: &Place| {
            let info = self.inner.factories.get(&place.key.module)?.info();
            Some(RoomSummary {
                module: place.key.module.clone(),
                name: place.name.clone(),
                players: place.status.players.load(Relaxed),
                seats: info.seats.1,
                tick_rate: info.schema.tick_rate,
                open_secs: now.saturating_sub(place.status.opened_us.load(Relaxed)) / 1_000_000,
                tick_us: place.status.tick_us.load(Relaxed),
                lateness_us: place.status.lateness_us.load(Relaxed),
            })
        };
        let rooms = lock(&self.inner.rooms);
        let open = rooms.values().filter_map(|cell| cell.get()).filter(|place| !place.status.closed.load(Relaxed));
        let mut list: Vec<_> = open.filter_map(summary).collect();
        list.sort_by(|a, b| (&a.module, &a.name).cmp(&(&b.module, &b.name)));
        list
    }

    pub fn modules(&self) -> Vec<ModuleSummary> {
        let summary = |info: &crate::game::GameInfo| ModuleSummary {
            module: info.module.clone(),
            title: info.title.clone(),
            seats: info.seats.1,
            tick_rate: info.schema.tick_rate,
        };
        self.inner.factories.values().map(|factory| summary(factory.info())).collect()
    }

    /// A name that no room of this module has.
    pub fn random_name(&self, module: &str) -> String {
        loop {
            let name = name::random(lock(&self.inner.desk).random());
            let key = RoomKey { module: module.to_owned(), folded: name::fold(&name) };
            if !lock(&self.inner.rooms).contains_key(&key) || self.inner.limits.rooms_max > 1000 {
                return name;
            }
        }
    }

    /// Closes a room for good. False when there is none of this name.
    pub async fn close_room(&self, module: &str, name: &str) -> bool {
        let key = RoomKey { module: module.to_owned(), folded: name::fold(name) };
        let place = lock(&self.inner.rooms).get(&key).and_then(|cell| cell.get().cloned());
        let Some(place) = place else { return false };
        let (reply, answer) = oneshot::channel();
        let command = Command::Close { id: place.id, reason: CloseReason::RoomClosed, reply };
        if place.worker.send(command).is_err() {
            return false;
        }
        self.answer(answer).await.unwrap_or(false)
    }

    /// Once a second: links and sessions whose time is over.
    pub fn sweep(&self) {
        lock(&self.inner.desk).sweep(self.inner.clock.now());
    }

    /// Refuses newcomers, ends every session with `restarting`, and stops the workers.
    pub async fn shutdown(&self) {
        self.inner.stopping.store(true, Relaxed);
        let workers = self.inner.workers.clone();
        let threads = std::mem::take(&mut *lock(&self.inner.threads));
        let stopped = tokio::task::spawn_blocking(move || {
            workers.iter().for_each(WorkerHandle::stop);
            threads.into_iter().for_each(|thread| drop(thread.join()));
        });
        drop(stopped.await);
        for session in lock(&self.inner.desk).sessions() {
            session.end(CloseReason::Restarting, CloseReason::Restarting.text());
        }
    }
}
