//! The composition root: builds everything and knows the order in which it is taken down.

use std::net::TcpListener;
use std::sync::Arc;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// Why the server could not start or stop. One clear line each.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen on port {0}: {1}")]
    Listen(u16, std::io::Error),
}

/// Runs until `shutdown` is ready, then takes everything down in order.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
    let metrics: Arc<Metrics> = Arc::default();
    let _listener = TcpListener::bind(("::", config.port)).map_err(|error| ServerError::Listen(config.port, error))?;
    let (_store, thread) = Store::open(&config.data, &config.limits, metrics)?;
    shutdown.await;
    thread.finish();
    Ok(())
}
