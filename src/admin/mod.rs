//! The panel: its JSON API and its embedded page, on the one port under `/admin`.
//!
//! Nobody gets in without a password, and nobody sets the first one without the link that the server printed. What a
//! browser must prove is in `guard`, who someone is in `session` and `login`, what is shown in `live` and `rooms`.

mod answer;
mod backoff;
mod guard;
mod live;
mod login;
mod page;
mod password;
mod rooms;
mod session;
mod setup;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{any, get, post};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::room::directory::Directory;
use crate::store::{Note, Store, StoreError};
use answer::Refused;
use backoff::Backoff;
use live::Live;
use password::Passwords;
use session::Sessions;
use setup::Setup;

/// What the panel is built from.
pub struct AdminInit {
    pub directory: Directory,
    pub store: Store,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    /// Tells this server's cookie from another's on the same host.
    pub port: u16,
    /// Ends the live streams.
    pub closing: CancellationToken,
}

/// The panel. A cheap handle.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    directory: Directory,
    store: Store,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    clock: Clock,
    closing: CancellationToken,
    setup: Setup,
    backoff: Backoff,
    passwords: Passwords,
    sessions: Sessions,
    live: Live,
}

/// Why the panel could not start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
}

impl Admin {
    /// The panel, and while there is no admin the secret of the link that lets one be made.
    pub async fn new(init: AdminInit) -> Result<(Self, Option<String>), AdminError> {
        let limits = &init.config.limits;
        let vacant = init.store.count_admins().await? == 0;
        let (setup, token) = if vacant { Setup::open(limits, init.clock.now())? } else { (Setup::closed(), None) };
        let inner = Inner {
            setup,
            backoff: Backoff::new(limits),
            passwords: Passwords::new(limits),
            sessions: Sessions::new(limits, init.port),
            live: Live::new(limits),
            directory: init.directory,
            store: init.store,
            config: init.config,
            metrics: init.metrics,
            clock: init.clock,
            closing: init.closing,
        };
        Ok((Self(Arc::new(inner)), token))
    }

    /// Measures once a second for whoever looks, until the server closes.
    pub async fn measure(self) {
        live::measure(&self.0).await;
    }
}

impl Inner {
    /// Writes to the audit log. What was done is done: a full disk must not keep an admin from closing a room.
    async fn note(&self, admin: &str, address: std::net::IpAddr, action: &str, subject: String) {
        let note = Note {
            at_unix: Clock::unix_secs(),
            admin: admin.to_owned(),
            address: address.to_string(),
            action: action.to_owned(),
            subject,
        };
        tracing::info!(admin = note.admin, %address, action, subject = note.subject, "panel");
        if let Err(error) = self.store.note(note, self.config.limits.audit_rows_max).await {
            tracing::warn!(%error, "the audit log has a gap");
        }
    }
}

/// Every route under `/admin`.
pub fn router(admin: Admin) -> Router {
    let inner = admin.0;
    Router::new()
        .route("/admin", get(page::to_page))
        .route("/admin/", get(page::index))
        .route("/admin/{file}", get(page::file))
        .route("/admin/api/me", get(login::me))
        .route("/admin/api/setup", post(login::setup))
        .route("/admin/api/login", post(login::login))
        .route("/admin/api/logout", post(login::logout))
        .route("/admin/api/live", get(live::stream))
        .route("/admin/api/rooms", get(rooms::list))
        .route("/admin/api/rooms/close", post(rooms::close))
        .route("/admin/api/", any(nothing_here))
        .route("/admin/api/{*rest}", any(nothing_here))
        .layer(middleware::from_fn_with_state(inner.clone(), guard::guard))
        .with_state(inner)
}

async fn nothing_here() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
}
