//! What every long-lived connection does once it speaks frames: hello, then one half that reads into the link and one
//! that writes what the link gives, until either ends.
//!
//! Used by websocket, webtransport and quic; each brings its two halves. HTTP polling has no halves and lives in `poll`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::Either;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
use tokio::time::{sleep, timeout};

use super::Entrance;
use super::seats::{Counted, Seat};
use crate::metrics::Metrics;
use crate::protocol::{CloseReason, Micros, message};
use crate::room::directory::{Refusal, Via};
use crate::session::{Delivery, Link, Outgoing, TransportKind};

/// Frames gathered into one write stop here, so that `write_timeout` measures one socket, not a backlog.
const BATCH_BYTES: usize = 64 * 1024;

/// How long a client may take to hang up after our farewell.
const LINGER: Duration = Duration::from_secs(1);

/// What a reading half yields.
pub(super) enum Received {
    Frame(Bytes),
    /// Bytes that are no frame of ours; the connection still takes a farewell. Whatever follows, `Gone` comes soon.
    Refused(CloseReason),
    Gone,
}

/// The connection takes no more bytes.
#[derive(Debug)]
pub(super) struct Broken;

pub(super) trait Reading: Send {
    /// The next frame. Need not be cancel-safe: a dropped read is the last one.
    fn read(&mut self) -> impl Future<Output = Received> + Send;
}

pub(super) trait Writing: Send {
    /// Takes a frame that must arrive. May keep it until `flush`.
    fn frame(&mut self, frame: Bytes) -> impl Future<Output = Result<(), Broken>> + Send;
    /// Takes a snapshot; where the transport can, on a way that may lose it.
    fn snapshot(&mut self, snapshot: Bytes) -> impl Future<Output = Result<(), Broken>> + Send;
    /// Waits until the connection has taken everything.
    fn flush(&mut self) -> impl Future<Output = Result<(), Broken>> + Send;
    /// The transport's own farewell with the reason's code, after what was flushed has arrived or a short while.
    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()> + Send;
}

/// Runs a connection from its first frame to its end. The seat is held until then.
pub(super) async fn run(
    entrance: Entrance,
    transport: TransportKind,
    ip: IpAddr,
    _seat: Arc<Seat>,
    mut reader: impl Reading,
    mut writer: impl Writing,
) {
    let _counted = Counted::new(&entrance.metrics, transport);
    let pump =
        Pump { entrance: &entrance, transport, gone: Flag::default(), over: Flag::default(), drained: Flag::default() };
    // In boxes: what happens once must not make every connection's future as large as itself for all its life.
    let greeted = Box::pin(pump.hello(&mut reader, ip)).await;
    match greeted {
        Ok(link) => {
            let reading = pump.read_all(&link, &mut reader);
            let writing = pump.write_all(&link, &mut writer);
            // Not `join!`: a half is polled only when it was woken itself, and touches only its own memory.
            let mut halves = FuturesUnordered::from_iter([Either::Left(reading), Either::Right(writing)]);
            while halves.next().await.is_some() {}
            drop(halves);
            link.lost(entrance.clock.now());
        }
        Err(Some(refusal)) => {
            tracing::debug!(%ip, transport = transport.name(), reason = %refusal.reason, "hello refused");
            Box::pin(pump.refuse(&mut writer, &refusal)).await;
            let _ = timeout(LINGER, drain(&mut reader)).await;
        }
        Err(None) => {}
    }
}

struct Pump<'a> {
    entrance: &'a Entrance,
    transport: TransportKind,
    /// From the reading half: the connection is gone.
    gone: Flag,
    /// From the writing half: nothing will be written any more.
    over: Flag,
    /// From the reading half, after a refusal: the client has hung up.
    drained: Flag,
}

/// What one half tells the other.
#[derive(Default)]
struct Flag {
    raised: AtomicBool,
    waiting: AtomicWaker,
}

impl Flag {
    fn raise(&self) {
        self.raised.store(true, Release);
        self.waiting.wake();
    }

    /// For one waiter.
    async fn raised(&self) {
        poll_fn(|context| {
            self.waiting.register(context.waker());
            if self.raised.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Pump<'_> {
    /// The first frame. `Err(None)`: the connection went away without a word.
    async fn hello(&self, reader: &mut impl Reading, ip: IpAddr) -> Result<Link, Option<Refusal>> {
        let limit = Duration::from_secs(self.entrance.config.limits.hello_timeout_secs);
        let refused = |reason: CloseReason| {
            self.entrance.metrics.hellos_refused.add(reason.number(), 1);
            Err(Some(Refusal::from(reason)))
        };
        let first = tokio::select! {
            first = timeout(limit, reader.read()) => first,
            () = self.entrance.closing.cancelled() => return refused(CloseReason::Restarting),
        };
        match first {
            Ok(Received::Frame(frame)) => {
                count_in(&self.entrance.metrics, self.transport, &frame);
                let via = via(self.transport, ip, self.entrance.clock.now());
                self.entrance.directory.hello(&frame, via).await.map_err(Some)
            }
            Ok(Received::Refused(reason)) => {
                self.entrance.metrics.frames_refused.add(reason.number(), 1);
                refused(reason)
            }
            Ok(Received::Gone) => Err(None),
            Err(_) => refused(CloseReason::NoHello),
        }
    }

    /// Reads until the connection ends, a frame is bad, nothing comes for too long, or writing is over.
    async fn read_all(&self, link: &Link, reader: &mut impl Reading) {
        let idle_link = Duration::from_secs(self.entrance.config.limits.idle_link_secs);
        let mut idle = pin!(sleep(idle_link));
        loop {
            let received = tokio::select! {
                biased;
                () = self.over.raised() => return,
                received = reader.read() => received,
                () = &mut idle => {
                    // One timer a link, moved only when it fires: frames need not touch it.
                    let silence = Duration::from_micros(self.entrance.clock.now().saturating_sub(link.heard()));
                    if silence >= idle_link {
                        break link.close(CloseReason::IdleLink);
                    }
                    idle.set(sleep(idle_link - silence));
                    continue;
                }
            };
            match received {
                Received::Frame(frame) => match link.receive(frame, self.entrance.clock.now()) {
                    Ok(None) => {}
                    Ok(Some(request)) => Box::pin(self.entrance.directory.request(link, request)).await,
                    Err(reason) => break link.close(reason),
                },
                Received::Refused(reason) => {
                    self.entrance.metrics.frames_refused.add(reason.number(), 1);
                    break link.close(reason);
                }
                Received::Gone => {
                    link.lost(self.entrance.clock.now());
                    return self.gone.raise();
                }
            }
        }
        // What still comes is thrown away: unread bytes would make the system reset the connection over our farewell.
        tokio::select! {
            () = self.over.raised() => {}
            () = drain(reader) => self.drained.raise(),
        }
    }

    /// Writes what the link gives until it closes or the connection takes no more.
    async fn write_all(&self, link: &Link, writer: &mut impl Writing) {
        let limit = Duration::from_secs(self.entrance.config.limits.write_timeout_secs);
        let mut closed = pin!(self.entrance.closed.cancelled());
        let end = loop {
            let first = tokio::select! {
                biased;
                () = self.gone.raised() => return,
                first = link.next() => first,
                () = &mut closed => break Some(CloseReason::Restarting),
            };
            let mut writing = pin!(self.write_batch(link, writer, first));
            // Mostly the connection takes it at once; only a wait costs a timer.
            let written = match poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await {
                Poll::Ready(written) => Ok(written),
                // Reading may end while this waits, and the connection with it.
                Poll::Pending => tokio::select! {
                    biased;
                    () = self.gone.raised() => return,
                    written = timeout(limit, writing) => written,
                },
            };
            match written {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(reason))) => break Some(reason),
                Ok(Err(Broken)) => break None,
                Err(_) => break Some(CloseReason::SlowConsumer),
            }
        };
        if let Some(reason) = end {
            Box::pin(writer.close(reason)).await;
            let hung_up = async {
                tokio::select! {
                    () = self.gone.raised() => {}
                    () = self.drained.raised() => {}
                }
            };
            let _ = timeout(LINGER, hung_up).await;
        }
        self.over.raise();
    }

    /// Everything that waits, in one flush. Stops after a snapshot: asking for more says that it has left.
    async fn write_batch(
        &self,
        link: &Link,
        writer: &mut impl Writing,
        first: Outgoing,
    ) -> Result<Option<CloseReason>, Broken> {
        let mut bytes = 0;
        let mut waiting = Some(first);
        while let Some(outgoing) = waiting {
            match outgoing {
                Outgoing::Frame(frame) => {
                    bytes += frame.len();
                    writer.frame(frame).await?;
                }
                Outgoing::Snapshot(snapshot) => {
                    writer.snapshot(snapshot).await?;
                    break;
                }
                Outgoing::Close(reason) => {
                    writer.flush().await?;
                    return Ok(Some(reason));
                }
            }
            waiting = if bytes < BATCH_BYTES { link.try_next() } else { None };
        }
        writer.flush().await?;
        Ok(None)
    }

    /// `bye` as the only frame, then the transport's code.
    async fn refuse(&self, writer: &mut impl Writing, refusal: &Refusal) {
        let limit = Duration::from_secs(self.entrance.config.limits.write_timeout_secs);
        let bye = message::bye(refusal.reason, &refusal.text);
        count_out(&self.entrance.metrics, self.transport, &bye);
        let said = timeout(limit, async {
            writer.frame(bye).await?;
            writer.flush().await
        });
        if let Ok(Ok(())) = said.await {
            writer.close(refusal.reason).await;
        }
    }
}

async fn drain(reader: &mut impl Reading) {
    while !matches!(reader.read().await, Received::Gone) {}
}

/// How a transport introduces a connection to the directory.
pub(super) const fn via(transport: TransportKind, peer: IpAddr, now: Micros) -> Via {
    let delivery = match transport {
        TransportKind::Quic | TransportKind::Webtransport => Delivery::Datagram,
        TransportKind::Websocket => Delivery::Ordered,
        TransportKind::Http => Delivery::Polled,
    };
    Via { transport, delivery, peer, now }
}

/// The link counts its own frames; these are for what comes before there is one, and for refusals.
pub(super) fn count_in(metrics: &Metrics, transport: TransportKind, frame: &Bytes) {
    metrics.messages_in[transport as usize].add(1);
    metrics.bytes_in[transport as usize].add(frame.len() as u64);
}

pub(super) fn count_out(metrics: &Metrics, transport: TransportKind, frame: &Bytes) {
    metrics.messages_out[transport as usize].add(1);
    metrics.bytes_out[transport as usize].add(frame.len() as u64);
}
