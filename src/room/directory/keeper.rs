//! Keeps rooms and versions of modules in step: gives failed rooms a VM or an end, running rooms a new version, and takes
//! a bad one back everywhere. One task; workers talk to it through a bounded queue and never wait.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use tokio::sync::{mpsc, oneshot};

use super::{Directory, lock};
use crate::{
    clock::Clock,
    game::{GameFactory, one_line},
    protocol::CloseReason,
    room::{
        Refused,
        catalog::{Offered, Verdict, When},
        worker::{Command, Event, RoomStatus},
    },
    store::Version,
};

/// How often a room that should have a VM is tried while a queue is full.
const TRIES: u32 = 20;
const TRY_AGAIN: std::time::Duration = std::time::Duration::from_millis(250);

/// Until the last worker has ended.
pub(super) async fn run(directory: Directory, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Failed { room, version, why, reopens } => directory.failed(room, &version, why, reopens).await,
            Event::RolledBack { room, version, why } => directory.rolled_back(&room, &version, &why).await,
            Event::Unkept { room, version, why } => directory.unkept(&room, &version, &why),
            Event::RanClean { module, version } => directory.ran_clean(module, version),
        }
    }
}

impl Directory {
    pub(super) fn when(&self) -> When {
        When { now: self.inner.clock.now(), unix: Clock::unix_secs() }
    }

    /// A version of a module that has been loaded: new rooms run it from now on, running ones are reloaded.
    pub async fn offer(&self, factory: Arc<dyn GameFactory>) -> Offered {
        let info = factory.info().clone();
        let known: Vec<String> = self.inner.store.clean_versions(&info.module).await.unwrap_or_else(|error| {
            tracing::warn!(module = %info.module, %error, "which versions have run well is not known");
            Vec::new()
        });
        let offered = {
            let mut catalog = lock(&self.inner.catalog);
            let offered = catalog.offer(factory, false, self.when());
            catalog.remember_clean(&info.module, known);
            offered
        };
        match &offered {
            Offered::New => {
                let (module, version) = (&info.module, &info.version);
                let rooms = |n: usize| if n == 1 { "1 room".to_owned() } else { format!("{n} rooms") };
                match self.reload_rooms(module).await {
                    (0, 0) => tracing::info!(version, "module {module} loaded"),
                    (done, 0) => tracing::info!(version, "module {module} reloaded: {}", rooms(done)),
                    (done, not) => tracing::error!(
                        version,
                        "module {module} reloaded: {}; not reloaded: {}, the lines above say why",
                        rooms(done),
                        rooms(not)
                    ),
                }
            }
            Offered::Bad(why) => {
                tracing::error!(version = %info.version, "module {}: not reloaded: {}", info.module, one_line(why));
            }
            // Whoever has just taken back an error wants to know.
            Offered::Same => {
                tracing::info!(version = %info.version, "module {}: this version runs already", info.module);
            }
        }
        offered
    }

    /// A content of a module's folder that cannot be loaded.
    pub fn broken(&self, module: &str, text: &str) {
        let works = lock(&self.inner.catalog).current(module).is_some();
        tracing::error!("module {module}: not {}: {text}", if works { "reloaded" } else { "loaded" });
        self.inner.metrics.module_loads_failed.of(module).add(1);
        lock(&self.inner.catalog).broken(module, text, self.when());
    }

    /// A module's folder is gone.
    pub fn remove_module(&self, module: &str) {
        tracing::info!("module {module} removed: no new rooms of it");
        lock(&self.inner.catalog).remove(module);
    }

    /// Rooms of a module by what everybody may see of them.
    fn rooms_of(&self, module: &str) -> Vec<Arc<RoomStatus>> {
        let rooms = lock(&self.inner.rooms);
        let open = rooms.values().filter_map(|cell| cell.get()).map(|place| &place.status);
        open.filter(|room| room.key.module == module && !room.closed.load(Relaxed)).cloned().collect()
    }

    /// How many rooms have the new version, and how many go on with their own.
    async fn reload_rooms(&self, module: &str) -> (usize, usize) {
        let mut rooms = (0, 0);
        for room in self.rooms_of(module) {
            match self.bring_up_to_date(&room).await {
                Some(true) => rooms.0 += 1,
                Some(false) => rooms.1 += 1,
                None => {}
            }
        }
        rooms
    }

    /// Reloads a room that runs another version than new rooms do: whether it has taken it. None: it runs that one.
    pub(super) async fn bring_up_to_date(&self, room: &Arc<RoomStatus>) -> Option<bool> {
        let current = lock(&self.inner.catalog).current(&room.key.module).cloned();
        let factory = current.filter(|factory| factory.info().version != room.info().version)?;
        let (module, version) = (room.key.module.clone(), factory.info().version.clone());
        match self.make(&factory).await {
            Ok(game) => {
                self.saw(&factory);
                let (reply, answer) = oneshot::channel();
                let sent = self.send_surely(room, |room| Command::Reload { room, game, reply }).await;
                // A worker that is too busy to answer in time has said nothing against it.
                Some(sent && self.answer(answer).await.unwrap_or(!room.closed.load(Relaxed)))
            }
            Err(why) => {
                // It could be loaded a moment ago; whatever it is, this version is not fit to run.
                if lock(&self.inner.catalog).rolled_back(&module, &version, &why, self.when()) {
                    tracing::error!(version, "module {module}: not reloaded: {}", one_line(&why));
                }
                Some(false)
            }
        }
    }

    /// A game, from the loader; patient while its queue is full.
    async fn make(&self, factory: &Arc<dyn GameFactory>) -> Result<Box<dyn crate::game::Game>, String> {
        for _ in 0..TRIES {
            match self.inner.loader.make(factory.clone()).await {
                Ok(made) => return made.map_err(|error| error.to_string()),
                Err(_) => tokio::time::sleep(TRY_AGAIN).await,
            }
        }
        Err("the loader is busy".into())
    }

    /// Sends what must arrive; patient while the worker's inbox is full. False when it stays so.
    async fn send_surely(&self, room: &Arc<RoomStatus>, command: impl FnOnce(Arc<RoomStatus>) -> Command) -> bool {
        let mut command = command(room.clone());
        for _ in 0..TRIES {
            match self.inner.fleet.of(room).try_send(command) {
                Ok(()) => return true,
                Err(back) => command = *back,
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        tracing::error!(module = %room.key.module, room = %room.key.folded, "a room's worker takes no commands");
        false
    }

    /// Counts a script that was stopped, and tells when its module is closed over it.
    pub(super) fn note_failure(&self, module: &str, version: &str, why: &str) -> Verdict {
        let mut catalog = lock(&self.inner.catalog);
        let was = catalog.is_quarantined(module);
        let verdict = catalog.failed(module, version, why, self.when());
        if !was && catalog.is_quarantined(module) {
            self.inner.metrics.modules_quarantined.of(module).add(1);
            tracing::error!(version, "module {module} is closed until a new version comes: {why}");
        }
        verdict
    }

    async fn failed(&self, room: Arc<RoomStatus>, version: &str, why: String, reopens: bool) {
        let failed = |why| Refused::new(CloseReason::RoomFailed, why);
        let game = match self.note_failure(&room.key.module, version, &why) {
            Verdict::Restore(factory) if reopens => self.make(&factory).await.map_err(failed),
            // Whoever was in it may come by its name again and finds it new.
            Verdict::Restore(_) => Err(failed(why)),
            // Nobody need come back before a new version does.
            Verdict::Close(text) => Err(Refused::new(CloseReason::RoomClosed, text)),
        };
        self.send_surely(&room, |room| Command::Restore { room, game }).await;
    }

    async fn rolled_back(&self, room: &RoomStatus, version: &str, why: &str) {
        let module = &room.key.module;
        if !lock(&self.inner.catalog).rolled_back(module, version, why, self.when()) {
            return;
        }
        // What is on trial elsewhere does not wait for its own error.
        for room in self.rooms_of(module) {
            let (version, why) = (version.to_owned(), why.to_owned());
            self.send_surely(&room, |room| Command::RollBack { room, version, why }).await;
        }
    }

    fn unkept(&self, room: &RoomStatus, version: &str, why: &str) {
        let text = format!("room {} goes on with the version before: {why}", room.key.folded);
        lock(&self.inner.catalog).unkept(&room.key.module, version, &text, self.when());
    }

    fn ran_clean(&self, module: String, version: String) {
        if lock(&self.inner.catalog).ran_clean(&module, &version) {
            let store = self.inner.store.clone();
            tokio::spawn(async move {
                if let Err(error) = store.version_ran_clean(&module, &version).await {
                    tracing::warn!(module, version, %error, "that it runs well was not kept");
                }
            });
        }
    }

    /// A version runs: kept with its sources, once.
    pub(super) fn saw(&self, factory: &Arc<dyn GameFactory>) {
        let info = factory.info();
        if info.version.is_empty() || !lock(&self.inner.catalog).saw(&info.module, &info.version) {
            return;
        }
        let version = Version {
            module: info.module.clone(),
            hash: info.version.clone(),
            sources: factory.sources(),
            author: "folder".into(),
        };
        let (store, most) = (self.inner.store.clone(), self.inner.limits.module_versions_max);
        tokio::spawn(async move {
            let (module, hash) = (version.module.clone(), version.hash.clone());
            if let Err(error) = store.saw_version(version, Clock::unix_secs(), most).await {
                tracing::warn!(module, hash, %error, "a version was not kept");
            }
        });
    }
}
