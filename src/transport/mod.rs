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
pub mod seats;
pub mod tls;
pub mod websocket;
mod webtransport;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::peer::Proxies;
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
    pub seats: Arc<Seats>,
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
