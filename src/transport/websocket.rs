//! WebSocket at `/ws`: one binary message is one frame, both ways. Text is no frame.
//!
//! The subprotocol `airboat.1` is accepted when offered and not required.

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite;

use super::listen::Connected;
use super::pump::{Broken, Reading, Received, Writing};
use super::{Entrance, page_may_play, pump};
use crate::peer::Peer;
use crate::protocol::CloseReason;
use crate::session::TransportKind;

const SUBPROTOCOL: &str = "airboat.1";
/// Pings and pongs of the WebSocket itself in a row: nobody needs that many, and the rate limit does not see them.
const CONTROL_MAX: usize = 64;
/// Gathered at most: a frame or two and the snapshot.
const BATCH_BYTES: usize = 4096;

/// `GET /ws`
pub(super) async fn entrance(
    State(entrance): State<Entrance>,
    Extension(peer): Extension<Peer>,
    Extension(connected): Extension<Connected>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !page_may_play(&entrance, peer, &headers) {
        return (StatusCode::FORBIDDEN, "this origin is not allowed\n").into_response();
    }
    let limits = &entrance.config.limits;
    let upgrade = upgrade
        .read_buffer_size(limits.websocket_read_buffer_bytes)
        // What is given between two flushes leaves in one write.
        .write_buffer_size(BATCH_BYTES)
        .max_write_buffer_size(limits.websocket_write_buffer_bytes_max)
        .max_message_size(limits.frame_bytes_max)
        .max_frame_size(limits.frame_bytes_max)
        .protocols([SUBPROTOCOL]);
    let links = entrance.links.clone();
    upgrade.on_upgrade(move |socket| {
        let (sink, stream) = socket.split();
        let (reader, writer) = (Reader { stream, control: 0 }, Writer(sink));
        links.track_future(pump::run(entrance, TransportKind::Websocket, peer.ip, connected.seat, reader, writer))
    })
}

struct Reader {
    stream: SplitStream<WebSocket>,
    control: usize,
}

impl Reading for Reader {
    async fn read(&mut self) -> Received {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    self.control = 0;
                    return if frame.is_empty() {
                        Received::Refused(CloseReason::BadFrame)
                    } else {
                        Received::Frame(frame)
                    };
                }
                Some(Ok(Message::Text(_))) => return Received::Refused(CloseReason::BadFrame),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    self.control += 1;
                    if self.control > CONTROL_MAX {
                        return Received::Refused(CloseReason::RateLimited);
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Received::Gone,
                Some(Err(error)) => return fault(error),
            }
        }
    }
}

/// A broken connection, or a client that does not speak WebSocket as it should?
fn fault(error: axum::Error) -> Received {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Received::Refused(CloseReason::TooLarge),
        Some(tungstenite::Error::Utf8(_)) => Received::Refused(CloseReason::BadFrame),
        Some(tungstenite::Error::Protocol(error)) => match error {
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => Received::Gone,
            _ => Received::Refused(CloseReason::BadFrame),
        },
        _ => Received::Gone,
    }
}

struct Writer(SplitSink<WebSocket, Message>);

impl Writing for Writer {
    async fn frame(&mut self, frame: Bytes) -> Result<(), Broken> {
        self.0.feed(Message::Binary(frame)).await.map_err(|_| Broken)
    }

    async fn snapshot(&mut self, snapshot: Bytes) -> Result<(), Broken> {
        self.frame(snapshot).await
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        self.0.flush().await.map_err(|_| Broken)
    }

    async fn close(&mut self, reason: CloseReason) {
        if reason == CloseReason::SlowConsumer {
            // It takes nothing, so it would not take this either.
            return;
        }
        let frame = CloseFrame { code: reason.websocket_code(), reason: reason.text().into() };
        let _ = self.0.send(Message::Close(Some(frame))).await;
    }
}
