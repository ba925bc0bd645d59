//! Frames over one byte stream plus datagrams: what QUIC and WebTransport have in common.
//!
//! On the stream each frame has its length before it, u32 little-endian; a datagram is one frame. The client opens the
//! stream and says hello on it; datagrams count only afterwards.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Entrance;
use super::pump::{Broken, Reading, Received, Writing};
use crate::protocol::CloseReason;

/// What quinn adds to each queued datagram in its accounting.
const QUEUED_OVERHEAD: usize = 32;
/// How long a farewell may take to be acknowledged.
const DELIVERY: Duration = Duration::from_secs(2);
const LENGTH: usize = size_of::<u32>();
/// Read from the stream at once. It carries little while datagrams do the work.
const READ_BYTES: usize = 512;

/// A connection's unreliable side, and its end.
pub(super) trait Connection: Clone + Send + Sync {
    /// `None`: the connection is gone.
    fn receive(&self) -> impl Future<Output = Option<Bytes>> + Send;
    /// False when the datagram is too large or the connection gone.
    fn send(&self, datagram: Bytes) -> bool;
    /// The largest datagram that would pass now.
    fn largest(&self) -> usize;
    /// Bytes of datagrams that could be queued without dropping any.
    fn space(&self) -> usize;
    fn close(&self, reason: CloseReason);
}

/// The writable half of the stream.
pub(super) trait Stream: AsyncWrite + Unpin + Send {
    /// Says that nothing follows and waits until the other side has everything.
    fn deliver(&mut self) -> impl Future<Output = ()> + Send;
}

/// Splits a byte stream into frames.
#[derive(Debug)]
pub(super) struct Frames<R> {
    stream: R,
    buffer: BytesMut,
    max: usize,
    broken: bool,
}

impl<R: AsyncRead + Unpin + Send> Frames<R> {
    pub(super) fn new(stream: R, max: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), max, broken: false }
    }

    /// Cancel-safe: what was read stays in the buffer.
    async fn next(&mut self) -> Received {
        loop {
            if self.broken {
                return Received::Gone;
            }
            match take_frame(&mut self.buffer, self.max) {
                Ok(Some(frame)) => return Received::Frame(frame),
                Ok(None) => {}
                Err(reason) => {
                    self.broken = true;
                    return Received::Refused(reason);
                }
            }
            self.buffer.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Received::Gone,
                Ok(_) => {}
            }
        }
    }
}

/// One whole frame off the front, if it is there.
pub(super) fn take_frame(buffer: &mut BytesMut, max: usize) -> Result<Option<Bytes>, CloseReason> {
    let Some(head) = buffer.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    match length {
        0 => Err(CloseReason::BadFrame),
        _ if length > max => Err(CloseReason::TooLarge),
        _ if buffer.len() < LENGTH + length => Ok(None),
        _ => {
            buffer.advance(LENGTH);
            Ok(Some(buffer.split_to(length).freeze()))
        }
    }
}

/// Appends a frame with its length.
pub(super) fn put_frame(out: &mut BytesMut, frame: &[u8]) {
    out.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    out.extend_from_slice(frame);
}

/// Reads the stream and the datagrams.
pub(super) struct FramedReader<C, R> {
    connection: C,
    frames: Frames<R>,
    greeted: bool,
}

impl<C: Connection, R: AsyncRead + Unpin + Send> FramedReader<C, R> {
    pub(super) fn new(connection: C, stream: R, entrance: &Entrance) -> Self {
        let frames = Frames::new(stream, entrance.config.limits.frame_bytes_max);
        Self { connection, frames, greeted: false }
    }
}

impl<C: Connection, R: AsyncRead + Unpin + Send> Reading for FramedReader<C, R> {
    async fn read(&mut self) -> Received {
        if !self.greeted {
            self.greeted = true;
            return self.frames.next().await;
        }
        tokio::select! {
            // First what comes all the time. It cannot keep the stream waiting: the link's rate bounds it.
            biased;
            datagram = self.connection.receive() => match datagram {
                Some(datagram) if datagram.is_empty() => Received::Refused(CloseReason::BadFrame),
                Some(datagram) => Received::Frame(datagram),
                None => Received::Gone,
            },
            received = self.frames.next() => received,
        }
    }
}

/// Writes the stream, and snapshots as datagrams where they fit.
pub(super) struct FramedWriter<C, W> {
    entrance: Entrance,
    connection: C,
    stream: W,
    /// Frames not yet handed to the stream.
    pending: BytesMut,
    /// Size of the last datagram: what may still be queued when the next one comes.
    last: usize,
}

impl<C: Connection, W: Stream> FramedWriter<C, W> {
    pub(super) fn new(connection: C, stream: W, entrance: Entrance) -> Self {
        Self { entrance, connection, stream, pending: BytesMut::new(), last: 0 }
    }
}

impl<C: Connection, W: Stream> Writing for FramedWriter<C, W> {
    async fn frame(&mut self, frame: Bytes) -> Result<(), Broken> {
        put_frame(&mut self.pending, &frame);
        Ok(())
    }

    async fn snapshot(&mut self, snapshot: Bytes) -> Result<(), Broken> {
        let limits = &self.entrance.config.limits;
        let metrics = &self.entrance.metrics;
        if snapshot.len() > limits.datagram_bytes_max.min(self.connection.largest()) {
            metrics.datagrams_too_large.add(1);
            return self.frame(snapshot).await;
        }
        let queued = limits.datagram_send_buffer_bytes.saturating_sub(self.connection.space());
        if queued > self.last + QUEUED_OVERHEAD {
            // More than one snapshot waits: a third would only be older when it arrives.
            metrics.datagrams_dropped.add(1);
            return Ok(());
        }
        self.last = snapshot.len();
        if self.connection.send(snapshot) { Ok(()) } else { Err(Broken) }
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = self.pending.split().freeze();
        self.stream.write_all(&pending).await.map_err(|_| Broken)
    }

    async fn close(&mut self, reason: CloseReason) {
        // A close overtakes the stream, so wait for `bye` to arrive; not for long, and not for who reads nothing.
        if reason != CloseReason::SlowConsumer {
            let _ = timeout(DELIVERY, self.stream.deliver()).await;
        }
        self.connection.close(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(received: &Received) -> String {
        match received {
            Received::Frame(frame) => format!("frame {}", frame.len()),
            Received::Refused(reason) => format!("refused {reason}"),
            Received::Gone => "gone".to_owned(),
        }
    }

    #[tokio::test]
    async fn frames_come_whole_however_the_bytes_are_cut() {
        let mut bytes = BytesMut::new();
        for length in [1, 5, 300] {
            put_frame(&mut bytes, &vec![7; length]);
        }
        let (client, server) = tokio::io::duplex(3);
        let mut frames = Frames::new(server, 300);
        let writing = tokio::spawn(async move {
            let mut client = client;
            client.write_all(&bytes).await.unwrap();
        });
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(kind(&frames.next().await));
        }
        writing.await.unwrap();
        assert_eq!(seen, ["frame 1", "frame 5", "frame 300", "gone"]);
    }

    #[tokio::test]
    async fn a_length_above_the_limit_is_refused_before_anything_is_kept() {
        for (length, reason) in
            [(301_u32, "refused frame above its size limit"), (u32::MAX, ""), (0, "refused bad frame")]
        {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(&length.to_le_bytes()).await.unwrap();
            let mut frames = Frames::new(server, 300);
            let seen = kind(&frames.next().await);
            assert!(seen.starts_with("refused") && (reason.is_empty() || !seen.is_empty()), "{seen}");
            assert_eq!(kind(&frames.next().await), "gone");
            assert!(frames.buffer.capacity() <= 4096);
        }
    }
}
