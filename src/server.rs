//! The composition root: builds everything, joins the routes, and is the only file that knows the order in which it is
//! all taken down.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin, AdminError, AdminInit};
use crate::api::{self, Api, Offer};
use crate::clock::Clock;
use crate::config::{Config, JitMode, TlsMode, UdpMode};
use crate::game::lua::modules::{Change, Folders};
use crate::game::{Budgets, GameFactory, lua};
use crate::greeting;
use crate::metrics::Metrics;
use crate::peer::Proxies;
use crate::room::directory::{Directory, DirectoryInit};
use crate::store::{Store, StoreError, StoreThread};
use crate::transport::listen::{ListenError, Parting, Port};
use crate::transport::poll::Polls;
use crate::transport::tls::Tls;
use crate::transport::{self, CertificateError, Entrance};

/// How often the folder of modules is looked at. Two looks that agree make a change, so saving a file takes up to a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why the server could not start or stop. One clear line each.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(
        "lua.jit = \"require\", but this build cannot stop a compiled loop; build with the project's .cargo/config.toml"
    )]
    Jit,
    #[error("no random numbers from the system: {0}")]
    Random(getrandom::Error),
    #[error("shutting down took longer than limits.shutdown_secs: {0} did not end")]
    Hung(&'static str),
}

/// A running server.
pub struct Server {
    port: u16,
    addresses: Vec<IpAddr>,
    /// Of the link for the first admin, while there is none.
    setup: Option<String>,
    directory: Directory,
    metrics: Arc<Metrics>,
    entrance: Entrance,
    udp: Option<Parting>,
    store: StoreThread,
    unready: watch::Sender<&'static str>,
    /// Accept loops: they end with `entrance.closing`.
    listeners: Vec<JoinHandle<()>>,
}

/// Runs until `shutdown` is ready, then takes everything down in order.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
    let https_only = config.tls == TlsMode::Required;
    let server = Server::start(config).await?;
    tracing::info!(port = server.port, "listening");
    let greeting = greeting::greeting(server.port, https_only, &server.addresses, server.setup.as_deref());
    // A closed stdout is no reason to stop.
    let _ = std::io::stdout().write_all(greeting.as_bytes());
    shutdown.await;
    tracing::info!("shutting down");
    server.shutdown().await
}

impl Server {
    /// Starts with the modules of `config.modules`; one that is broken is named and skipped.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        let settings = lua_settings(&config)?;
        let folder = config.modules.clone();
        if !folder.is_dir() {
            let (games, problems) = lua::modules::discover_with(None, &settings);
            problems.iter().for_each(|problem| tracing::error!("{problem}"));
            return Self::start_with(config, games).await;
        }
        // Looked at before it is read: what changes in between is read again.
        let folders = Folders::new(&folder);
        let (mut games, mut broken) = (Vec::new(), Vec::new());
        for (module, path) in folders.all() {
            match lua::modules::load(&path, &settings) {
                Ok(game) => games.push(game),
                Err(why) => broken.push((module, why)),
            }
        }
        let mut server = Self::begin(config, games, false).await?;
        broken.iter().for_each(|(module, why)| server.directory.broken(module, why));
        let watcher = Watcher { directory: server.directory.clone(), settings };
        let closing = server.entrance.closing.clone();
        server.listeners.push(tokio::spawn(async move { watcher.run(folders, closing).await }));
        Ok(server)
    }

    /// Starts with these games, which never change.
    pub async fn start_with(config: Config, games: Vec<Arc<dyn GameFactory>>) -> Result<Self, ServerError> {
        Self::begin(config, games, true).await
    }

    /// Opens the port, the database and the rooms' workers, in this order: what fails most often fails first.
    async fn begin(config: Config, games: Vec<Arc<dyn GameFactory>>, bundled: bool) -> Result<Self, ServerError> {
        let config = Arc::new(config);
        let limits = Arc::new(config.limits.clone());
        let metrics: Arc<Metrics> = Arc::default();
        let clock = Clock::default();
        let proxies = Proxies::new(config.trusted_proxies.iter().map(|network| (network.address, network.bits)));
        let udp = config.udp != UdpMode::Off;
        let port = Port::bind(config.port, udp, &limits)?;
        let number = port.number();
        let (store, thread) = Store::open(&config.data, &limits, metrics.clone())?;
        let addresses = greeting::lan_addresses();
        let wants_tls = udp || config.tls != TlsMode::Off;
        let tls = wants_tls.then(|| Tls::open(&config.certs, &addresses, Clock::unix_secs(), metrics.clone()));
        let tls = tls.transpose()?;

        let directory = Directory::new(DirectoryInit {
            store: store.clone(),
            factories: games,
            bundled,
            workers: config.workers,
            clock,
            seed: getrandom::u64().map_err(ServerError::Random)?,
            limits: limits.clone(),
            metrics: metrics.clone(),
        })
        .await?;
        let entrance = Entrance::new(directory.clone(), config.clone(), metrics.clone(), proxies, clock);
        let unready = watch::Sender::new("");
        let offer = Offer {
            port: number,
            udp,
            tls: config.tls != TlsMode::Off,
            hashes: tls.as_ref().map_or_else(|| watch::Sender::new(Vec::new()).subscribe(), Tls::hashes),
            lan_urls: greeting::lan_urls(number, config.tls == TlsMode::Required, &addresses),
        };
        let polls = Polls::new(entrance.clone());
        let api = Api {
            directory: directory.clone(),
            config: config.clone(),
            metrics: metrics.clone(),
            offer,
            unready: unready.subscribe(),
        };
        let panel = AdminInit {
            directory: directory.clone(),
            store,
            config: config.clone(),
            metrics: metrics.clone(),
            clock,
            port: number,
            closing: entrance.closing.clone(),
        };
        let (admin, setup) = Admin::new(panel).await?;
        let router = api::router(api).merge(admin::router(admin.clone())).merge(transport::router(&entrance, &polls));
        let (tcp, udp) = port.open(tls.as_ref(), config.tls, &limits)?;
        let parting = udp.as_ref().map(|udp| udp.parting());
        let mut listeners = vec![
            tokio::spawn(tcp.run(entrance.clone(), router)),
            tokio::spawn(sweep(directory.clone(), entrance.clone())),
            tokio::spawn(admin.measure()),
        ];
        listeners.extend(udp.map(|udp| tokio::spawn(udp.run(entrance.clone()))));
        listeners.extend(tls.map(|tls| tokio::spawn(tls.watch(entrance.closing.clone()))));
        tokio::spawn(polls.sweep());
        Ok(Self {
            port: number,
            addresses,
            setup,
            directory,
            metrics,
            entrance,
            udp: parting,
            store: thread,
            unready,
            listeners,
        })
    }

    /// Where it listens, as seen from this machine.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The secret of the link for the first admin, while there is none.
    pub fn setup_secret(&self) -> Option<&str> {
        self.setup.as_deref()
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Takes everything down in order, within `limits.shutdown_secs`.
    pub async fn shutdown(self) -> Result<(), ServerError> {
        let deadline = Instant::now() + Duration::from_secs(self.entrance.config.limits.shutdown_secs);
        let stage = watch::Sender::new("the listeners");
        let ended = timeout_at(deadline, self.take_down(&stage, deadline)).await;
        ended.map_err(|_| ServerError::Hung(*stage.borrow()))
    }

    async fn take_down(self, stage: &watch::Sender<&'static str>, deadline: Instant) {
        let Self { directory, entrance, udp, store, unready, listeners, .. } = self;
        let flush = Duration::from_secs(entrance.config.limits.shutdown_flush_secs);
        // 1. Nobody new. Health checks have seen it by the time the rooms have ended.
        unready.send_replace("stopping");
        entrance.closing.cancel();
        for listener in listeners {
            let _ = listener.await;
        }
        // 2. No joins; rooms end; sessions hear `restarting`.
        stage.send_replace("the rooms");
        directory.shutdown().await;
        // 3. Links take what is queued, for a while; who has not by then is cut off.
        stage.send_replace("the links");
        entrance.links.close();
        let _ = timeout(flush, entrance.links.wait()).await;
        entrance.closed.cancel();
        if let Some(udp) = udp {
            let _ = timeout(flush, udp.close()).await;
        }
        entrance.links.wait().await;
        // 4. What the rooms handed over is written, as far as the time goes; the last transaction and the file's end need
        // some of it too.
        stage.send_replace("the database");
        drop(directory);
        let patience = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
        let _ = tokio::task::spawn_blocking(move || store.finish(patience)).await;
    }
}

/// Brings what changes in the folder of modules to the directory.
struct Watcher {
    directory: Directory,
    settings: lua::Settings,
}

impl Watcher {
    /// By looking, as containers' mounts do not tell of changes.
    async fn run(self, mut folders: Folders, closing: CancellationToken) {
        let mut every = interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = every.tick() => {}
            }
            let looked = tokio::task::spawn_blocking(move || (folders.changes(), folders)).await;
            let Ok((changes, same)) = looked else { return };
            folders = same;
            for change in changes {
                match change {
                    Change::Changed { module, folder } => self.load(module, folder).await,
                    Change::Removed { module } => self.directory.remove_module(&module),
                }
            }
        }
    }

    /// On the loader's thread: reading and checking a module may take half a second.
    async fn load(&self, module: String, folder: PathBuf) {
        let settings = self.settings.clone();
        let loaded = self.directory.loader().run(move || lua::modules::load(&folder, &settings)).await;
        match loaded {
            Ok(Some(Ok(factory))) => drop(self.directory.offer(factory).await),
            Ok(Some(Err(why))) => self.directory.broken(&module, &why),
            Ok(None) => self.directory.broken(&module, "loading it panicked"),
            Err(_) => self.directory.broken(&module, "the loader is busy; save it again"),
        }
    }
}

/// How rooms run Lua here. Where a compiled loop cannot be stopped, rooms run without the JIT or not at all.
fn lua_settings(config: &Config) -> Result<lua::Settings, ServerError> {
    let limits = &config.limits;
    let budgets = Budgets {
        callback_us: limits.lua_callback_ms * 1000,
        load_us: limits.lua_load_ms * 1000,
        memory_bytes: limits.lua_memory_mb << 20,
    };
    lua::heap::give_back_freed_memory();
    let stoppable = config.lua.jit == JitMode::Off || lua::watchdog::self_test();
    if !stoppable && config.lua.jit == JitMode::Require {
        return Err(ServerError::Jit);
    }
    if !stoppable {
        tracing::warn!(
            "this build cannot stop a compiled Lua loop: rooms run with the JIT off, three to four times slower"
        );
    }
    let room = lua::RoomLimits::new(limits);
    Ok(lua::Settings { budgets, jit: stoppable && config.lua.jit != JitMode::Off, room })
}

/// Once a second: links and sessions whose time is over.
async fn sweep(directory: Directory, entrance: Entrance) {
    let mut every = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = entrance.closing.cancelled() => return,
            _ = every.tick() => directory.sweep(),
        }
    }
}
