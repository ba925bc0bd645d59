//! The front desk the transports talk to: hello, join, leave, close; `list` says what there is, `keeper` looks after rooms
//! and modules. Async; it alone may wait for a worker.

mod keeper;
mod list;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    sync::{OnceCell, mpsc, oneshot},
    time::timeout,
};

use super::{
    Entry, Refused, RoomInit,
    catalog::{Catalog, Verdict},
    checkpoint::Checkpoint,
    desk::{Desk, Device},
    loader::Loader,
    name,
    worker::{Command, Fleet, Herald, RoomKey, RoomStatus, Services},
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
    store::{Checkpoints, Store},
};

pub use super::desk::Via;
pub use list::{ModuleSummary, RoomSummary};
/// Why a hello got no link. The transport says `bye` with it.
pub type Refusal = Refused;

/// A room's name and where it runs.
#[derive(Debug, Clone)]
struct Place {
    key: RoomKey,
    name: String,
    status: Arc<RoomStatus>,
}

/// Everything the directory is built from.
pub struct DirectoryInit {
    pub store: Store,
    pub factories: Vec<Arc<dyn GameFactory>>,
    /// They came with the binary: their versions are never on probation.
    pub bundled: bool,
    pub workers: usize,
    pub clock: Clock,
    /// Seeds names, session ids and rooms.
    pub seed: u64,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
}

struct Inner {
    store: Store,
    catalog: Mutex<Catalog>,
    desk: Mutex<Desk<Place>>,
    /// A cell a name: whoever comes first opens the room, the others wait for it.
    rooms: Mutex<HashMap<RoomKey, Arc<OnceCell<Place>>>>,
    fleet: Fleet,
    loader: Loader,
    checkpoints: Checkpoints,
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
        write!(f, "Directory({} rooms)", lock(&self.inner.rooms).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Directory {
    pub async fn new(init: DirectoryInit) -> Result<Self, crate::store::StoreError> {
        let key = TokenKey::new(&init.store.token_key().await?);
        let (limits, metrics) = (init.limits, init.metrics);
        let (events, told) = mpsc::channel(limits.room_events);
        let (loader, loading) = Loader::start(limits.loader_queue, metrics.clone());
        let services = Services {
            clock: init.clock,
            herald: Herald::start(limits.worker_inbox),
            loader: loader.clone(),
            store: init.store.clone(),
            checkpoints: Checkpoints::new(&limits, metrics.clone()),
            events,
            slot: limits.room_slot_us,
            room_share: limits.room_share_percent,
            metrics: metrics.clone(),
        };
        let (fleet, mut threads) = Fleet::start(init.workers, limits.worker_inbox, &services);
        threads.push(loading);
        let inner = Inner {
            store: init.store,
            catalog: Mutex::default(),
            desk: Mutex::new(Desk::new(key, init.seed, limits.clone(), metrics.clone())),
            rooms: Mutex::new(HashMap::new()),
            fleet,
            loader,
            checkpoints: services.checkpoints,
            threads: Mutex::new(threads),
            next_room: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            clock: init.clock,
            limits,
            metrics,
        };
        let directory = Self { inner: Arc::new(inner) };
        for factory in init.factories {
            let module = factory.info().module.clone();
            let clean = directory.inner.store.clean_versions(&module).await?;
            let mut catalog = lock(&directory.inner.catalog);
            catalog.offer(factory, init.bundled, directory.when());
            catalog.remember_clean(&module, clean);
        }
        tokio::spawn(keeper::run(directory.clone(), told));
        Ok(directory)
    }

    /// The thread that loads modules and makes VMs.
    pub fn loader(&self) -> &Loader {
        &self.inner.loader
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
                let command = Command::Leave { room: place.status.clone(), session: session.clone() };
                if self.inner.fleet.of(&place.status).send(command).is_err() {
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
        if !self.sits_in(session, &join) {
            lock(&self.inner.catalog).admits(&join.module, self.when())?;
        }
        let shown = name::clean(&join.room);
        let shown = shown.ok_or_else(|| Refused::new(CloseReason::BadName, "a room needs a name"))?;
        // A part of a name may be another room's.
        let bytes_max = self.inner.limits.name_bytes_max;
        if shown.len() > bytes_max {
            return Err(Refused::new(CloseReason::BadName, format!("a room's name has at most {bytes_max} bytes")));
        }
        let key = RoomKey { module: join.module.clone(), folded: name::fold(&shown) };
        self.leave_other_room(session, &key);
        let (_, player) = lock(&self.inner.desk).session(session.id()).unwrap_or((session.clone(), String::new()));
        // A room may close between being found and being asked; then the name is free again.
        for _ in 0..3 {
            let place = self.place(&key, &shown, &join.password).await?;
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
            let name = name::clean(&join.room).unwrap_or_default();
            open && place.key.module == join.module && place.key.folded == name::fold(&name)
        })
    }

    fn leave_other_room(&self, session: &Session, key: &RoomKey) {
        let place = lock(&self.inner.desk).room_of(session.id());
        if place.is_some_and(|place| place.key != *key) {
            self.leave(session);
        }
    }

    /// Where the room of this name runs; opens it when there is none.
    async fn place(&self, key: &RoomKey, shown: &str, password: &str) -> Result<Place, Refused> {
        let cell = {
            let mut rooms = lock(&self.inner.rooms);
            rooms.retain(|_, cell| cell.get().is_none_or(|place| !place.status.closed.load(Relaxed)));
            if !rooms.contains_key(key) && rooms.len() >= self.inner.limits.rooms_max {
                return Err(Refused::new(CloseReason::Busy, "no more rooms can be opened"));
            }
            rooms.entry(key.clone()).or_default().clone()
        };
        let place = cell.get_or_try_init(|| self.open(key, shown, password)).await;
        place.cloned().inspect_err(|_| self.forget(key))
    }

    fn forget(&self, key: &RoomKey) {
        let mut rooms = lock(&self.inner.rooms);
        if rooms.get(key).is_some_and(|cell| cell.get().is_none_or(|place| place.status.closed.load(Relaxed))) {
            rooms.remove(key);
        }
    }

    /// Opens a room, from what an earlier one of this name left behind where its module keeps rooms.
    async fn open(&self, key: &RoomKey, shown: &str, password: &str) -> Result<Place, Refused> {
        let kept = self.inner.checkpoints.find(&key.module, &key.folded);
        if let Some(checkpoint) = kept.and_then(|bytes| Checkpoint::from_bytes(&bytes)) {
            match self.open_from(key, shown, password, Some(Box::new(checkpoint))).await {
                Ok(place) => return Ok(place),
                Err(refused) if refused.reason == CloseReason::Busy => return Err(refused),
                Err(refused) => {
                    tracing::error!(module = %key.module, room = %shown, "opened anew, its state is lost: {}", refused.text);
                }
            }
            self.inner.checkpoints.forget(&key.module, &key.folded);
        }
        self.open_from(key, shown, password, None).await
    }

    async fn open_from(
        &self,
        key: &RoomKey,
        shown: &str,
        password: &str,
        from: Option<Box<Checkpoint>>,
    ) -> Result<Place, Refused> {
        let failed = |error: String| Refused::new(CloseReason::RoomFailed, error);
        let opening = lock(&self.inner.catalog).open(&key.module, self.when())?;
        let factory = opening.factory;
        // Making a VM may take its time; it does so where no room has to wait for it.
        let game = self.inner.loader.make(factory.clone()).await.map_err(|_| Refused::from(CloseReason::Busy))?;
        let game = game.map_err(|error| failed(error.to_string()))?;
        let fleet = &self.inner.fleet;
        let worker = if opening.on_probation { fleet.penalty() } else { fleet.idlest() };
        let init = RoomInit {
            game,
            name: shown.to_owned(),
            password: password.to_owned(),
            seed: lock(&self.inner.desk).seed(),
            limits: self.inner.limits.clone(),
            metrics: self.inner.metrics.clone(),
        };
        let id = self.inner.next_room.fetch_add(1, Relaxed);
        let status = Arc::new(RoomStatus::new(id, key.clone(), worker.index, factory.info().clone()));
        let (reply, answer) = oneshot::channel();
        let restored = from.is_some();
        let command = Command::Open { room: status.clone(), init: Box::new(init), from, reply };
        worker.send(command).map_err(|_| Refused::from(CloseReason::Busy))?;
        if let Err(error) = self.answer(answer).await? {
            // A module that is stopped again and again while it opens is closed like one that is stopped in play.
            if error.is_fatal()
                && let Verdict::Close(text) =
                    self.note_failure(&key.module, &factory.info().version, &error.to_string())
            {
                return Err(Refused::new(CloseReason::Refused, text));
            }
            return Err(failed(error.to_string()));
        }
        tracing::info!(module = %key.module, room = %shown, restored, "room opened");
        self.saw(&factory);
        // A new version may have come meanwhile, when this room was in no list yet.
        let (directory, room) = (self.clone(), status.clone());
        tokio::spawn(async move { directory.bring_up_to_date(&room).await });
        Ok(Place { key: key.clone(), name: shown.to_owned(), status })
    }

    async fn ask_to_join(&self, place: &Place, entry: Entry) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Join { room: place.status.clone(), entry: Box::new(entry), reply };
        self.inner.fleet.of(&place.status).send(command).map_err(|_| Refused::from(CloseReason::Busy))?;
        self.answer(answer).await?
    }

    pub(super) async fn answer<T>(&self, answer: oneshot::Receiver<T>) -> Result<T, Refused> {
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
        let command = Command::Close { room: place.status.clone(), reason: CloseReason::RoomClosed, reply };
        if self.inner.fleet.of(&place.status).send(command).is_err() {
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
        let (fleet, loader) = (self.inner.fleet.clone(), self.inner.loader.clone());
        let threads = std::mem::take(&mut *lock(&self.inner.threads));
        let stopped = tokio::task::spawn_blocking(move || {
            fleet.stop();
            loader.stop();
            threads.into_iter().for_each(|thread| drop(thread.join()));
        });
        drop(stopped.await);
        for session in lock(&self.inner.desk).sessions() {
            session.end(CloseReason::Restarting, CloseReason::Restarting.text());
        }
    }
}
