//! WebTransport: HTTP/3 at path `/wt` on the same UDP port, then the same as raw QUIC.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, timeout};
use wtransport::endpoint::{IncomingSessionFuture, SessionRequest};

use super::framed::{Connection, FramedReader, FramedWriter, Stream};
use super::seats::Seat;
use super::{Entrance, pump};
use crate::peer::origin_allowed;
use crate::protocol::CloseReason;
use crate::session::TransportKind;

pub(super) const PATH: &str = "/wt";

/// Takes a connection from its handshake to its end.
pub(super) async fn run(entrance: Entrance, connecting: quinn::Connecting, seat: Arc<Seat>) {
    let limit = Duration::from_secs(entrance.config.limits.hello_timeout_secs);
    let opening = async {
        let request = IncomingSessionFuture::with_quic_connecting(connecting).await.ok()?;
        let connection = admit(&entrance, request).await?;
        let streams = connection.accept_bi().await.ok()?;
        Some((connection, streams))
    };
    let opened = tokio::select! {
        opened = timeout(limit, Box::pin(opening)) => opened,
        () = entrance.closing.cancelled() => return,
    };
    let Ok(Some((connection, (send, receive)))) = opened else {
        entrance.metrics.handshakes_failed.add(1);
        return;
    };
    let connection = Arc::new(connection);
    let ip = connection.remote_address().ip().to_canonical();
    let reader = FramedReader::new(connection.clone(), receive, &entrance);
    let writer = FramedWriter::new(connection.clone(), send, entrance.clone());
    pump::run(entrance, TransportKind::Webtransport, ip, seat, reader, writer).await;
    Connection::close(&connection, CloseReason::Internal);
}

/// Path and origin. Why a session was refused never reaches the page, so it is logged here.
async fn admit(entrance: &Entrance, request: SessionRequest) -> Option<wtransport::Connection> {
    let path = request.path().split('?').next().unwrap_or_default();
    if path != PATH {
        tracing::info!(path, ip = %request.remote_address().ip(), "WebTransport to an unknown path");
        request.not_found().await;
        return None;
    }
    if !origin_allowed(&entrance.config.allowed_origins, request.origin(), Some(request.authority())) {
        tracing::info!(origin = request.origin(), "WebTransport from an origin that is not allowed");
        request.forbidden().await;
        return None;
    }
    request.accept().await.ok()
}

impl Connection for Arc<wtransport::Connection> {
    async fn receive(&self) -> Option<Bytes> {
        self.receive_datagram().await.ok().map(|datagram| datagram.payload())
    }

    fn send(&self, datagram: Bytes) -> bool {
        self.send_datagram(datagram).is_ok()
    }

    fn largest(&self) -> usize {
        self.max_datagram_size().unwrap_or(0)
    }

    fn space(&self) -> usize {
        self.quic_connection().datagram_send_buffer_space()
    }

    fn close(&self, reason: CloseReason) {
        wtransport::Connection::close(self, u32::from(reason.number()).into(), reason.text().as_bytes());
    }
}

impl Stream for wtransport::SendStream {
    async fn deliver(&mut self) {
        let _ = self.finish().await;
    }
}
