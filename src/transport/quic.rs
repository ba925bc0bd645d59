//! Raw QUIC, ALPN `airboat/1`: one stream opened by the client, and datagrams.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, timeout};

use super::framed::{Connection, FramedReader, FramedWriter, Stream};
use super::seats::Seat;
use super::{Entrance, pump};
use crate::protocol::CloseReason;
use crate::session::TransportKind;

/// Runs an established connection to its end.
pub(super) async fn run(entrance: Entrance, connection: quinn::Connection, seat: Arc<Seat>) {
    let limit = Duration::from_secs(entrance.config.limits.hello_timeout_secs);
    let opened = tokio::select! {
        opened = timeout(limit, connection.accept_bi()) => opened,
        () = entrance.closing.cancelled() => return Connection::close(&connection, CloseReason::Restarting),
    };
    let (send, receive) = match opened {
        Ok(Ok(streams)) => streams,
        Ok(Err(_)) => return,
        Err(_) => {
            entrance.metrics.hellos_refused.add(CloseReason::NoHello.number(), 1);
            return Connection::close(&connection, CloseReason::NoHello);
        }
    };
    let ip = connection.remote_address().ip().to_canonical();
    let reader = FramedReader::new(connection.clone(), receive, &entrance);
    let writer = FramedWriter::new(connection.clone(), send, entrance.clone());
    pump::run(entrance, TransportKind::Quic, ip, seat, reader, writer).await;
    // Nothing keeps a connection whose pump has ended.
    Connection::close(&connection, CloseReason::Internal);
}

impl Connection for quinn::Connection {
    async fn receive(&self) -> Option<Bytes> {
        self.read_datagram().await.ok()
    }

    fn send(&self, datagram: Bytes) -> bool {
        self.send_datagram(datagram).is_ok()
    }

    fn largest(&self) -> usize {
        self.max_datagram_size().unwrap_or(0)
    }

    fn space(&self) -> usize {
        self.datagram_send_buffer_space()
    }

    fn close(&self, reason: CloseReason) {
        self.close(u32::from(reason.number()).into(), reason.text().as_bytes());
    }
}

impl Stream for quinn::SendStream {
    async fn deliver(&mut self) {
        if self.finish().is_ok() {
            let _ = self.stopped().await;
        }
    }
}
