//! How connections reach us: one port, four transports, one pump.
//!
//! A transport turns bytes into frames and back; it knows no games and no rooms. Each ends at a `session::Link`, and
//! above that nobody can tell them apart. `server.rs` binds the port and starts what is in here.

mod certificate;
mod framed;
mod json;
pub mod listen;
pub mod poll;
mod pump;
mod quic;
mod seats;
pub mod tls;
mod websocket;
mod webtransport;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{any, post};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::peer::{Peer, Proxies, origin_allowed};
use crate::room::directory::Directory;

pub use certificate::CertificateError;
use seats::Seats;

/// What every transport needs to let somebody in.
#[derive(Clone)]
pub struct Entrance {
    pub directory: Directory,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub proxies: Arc<Proxies>,
    seats: Arc<Seats>,
    pub clock: Clock,
    /// Nobody new; who has said hello is told by the directory.
    pub closing: CancellationToken,
    /// The time for farewells is over.
    pub closed: CancellationToken,
    /// Everything that still has a connection.
    pub links: TaskTracker,
}

impl Entrance {
    pub fn new(
        directory: Directory,
        config: Arc<Config>,
        metrics: Arc<Metrics>,
        proxies: Proxies,
        clock: Clock,
    ) -> Self {
        let seats = Seats::new(&config.limits, metrics.clone());
        Self {
            directory,
            config,
            metrics,
            proxies: Arc::new(proxies),
            seats: Arc::new(seats),
            clock,
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            links: TaskTracker::new(),
        }
    }
}

/// Whether the page that sent this request may play; who is no page always may.
fn page_may_play(entrance: &Entrance, peer: Peer, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = peer.host(text("host"), text("x-forwarded-host"));
    origin_allowed(&entrance.config.allowed_origins, text("origin"), host)
}

/// The routes of the transports that begin as HTTP requests.
pub fn router(entrance: &Entrance, polls: &poll::Polls) -> Router {
    let polling = post(poll::entrance).options(poll::preflight);
    let polling = Router::new().route("/poll", polling).with_state(polls.clone());
    Router::new().route("/ws", any(websocket::entrance)).with_state(entrance.clone()).merge(polling)
}
