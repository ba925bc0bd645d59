//! How frames travel: one `Connection` over any of four transports, each in its file.
//!
//! `receive` is cancel-safe: it may be dropped and called again and loses nothing. `send` waits only where the transport
//! itself pushes back.

mod http;
mod pin;
mod quic;
mod stream;
mod target;
mod websocket;
mod webtransport;

use bytes::Bytes;

pub use target::Target;

/// Buffers and timeouts of QUIC connections, either end.
pub use quic::transport as quic_transport;

use crate::{Failure, args::Transport};

/// A whole frame, and how many bytes of application payload carried it: a length prefix counts, headers do not.
pub type Received = (Bytes, usize);

/// Binary kinds may be lost and ride datagrams where there are some; the rest must arrive.
const FIRST_RELIABLE_KIND: u8 = 0x10;

pub enum Connection {
    Quic(quic::Quic),
    Webtransport(webtransport::Webtransport),
    Websocket(Box<websocket::Websocket>),
    Http(Box<http::Http>),
}

impl Connection {
    pub async fn open(target: &Target, hello: Bytes) -> Result<Self, Failure> {
        Ok(match target.transport {
            Transport::Quic => Self::Quic(quic::Quic::open(target, &hello).await?),
            Transport::Webtransport => Self::Webtransport(webtransport::Webtransport::open(target, &hello).await?),
            Transport::Websocket => Self::Websocket(Box::new(websocket::Websocket::open(target, hello).await?)),
            Transport::Http => Self::Http(Box::new(http::Http::open(target, &hello).await?)),
        })
    }

    pub async fn send(&mut self, frame: Bytes) -> Result<(), Failure> {
        match self {
            Self::Quic(quic) => quic.send(frame).await,
            Self::Webtransport(webtransport) => webtransport.send(frame).await,
            Self::Websocket(websocket) => websocket.send(frame).await,
            Self::Http(http) => http.send(&frame),
        }
    }

    /// The next frame; an error when the connection has ended. None: a poll came back without frames.
    pub async fn receive(&mut self) -> Result<Option<Received>, Failure> {
        match self {
            Self::Quic(quic) => quic.receive().await.map(Some),
            Self::Webtransport(webtransport) => webtransport.receive().await.map(Some),
            Self::Websocket(websocket) => websocket.receive().await.map(Some),
            Self::Http(http) => http.receive().await,
        }
    }

    /// HTTP has nothing to receive unless a poll is parked; the others do not ask for `frames`.
    pub fn poll_if_idle(&mut self, frames: impl FnOnce() -> Vec<Bytes>) -> Result<(), Failure> {
        match self {
            Self::Http(http) if !http.is_parked() => http.park(&frames()),
            _ => Ok(()),
        }
    }

    /// Says `bye`, waits until the server has it, and closes.
    pub async fn close(&mut self, bye: Bytes) -> Result<(), Failure> {
        match self {
            Self::Quic(quic) => quic.close(bye).await,
            Self::Webtransport(webtransport) => webtransport.close(bye).await,
            Self::Websocket(websocket) => websocket.close(bye).await,
            Self::Http(http) => http.close(&bye).await,
        }
    }
}

fn is_reliable(frame: &[u8]) -> bool {
    frame.first().is_none_or(|kind| *kind >= FIRST_RELIABLE_KIND)
}
