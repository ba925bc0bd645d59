//! A worse network on demand: bots reach the server through a relay in this process that delays and drops.
//!
//! For UDP it does to packets what a network does. For TCP it can only delay and, in place of a lost packet, hold up what
//! comes after: about what one lost segment looks like. What TCP itself does under loss `lossy_link.py` shows, as root.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use airboat::protocol::Micros;
use bytes::Bytes;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
};

use crate::{Failure, alarm::Alarms, args::Transport};

/// How long TCP holds back what follows a lost segment, beside a round trip: the shortest time Linux waits.
const STALL_US: Micros = 200_000;
/// Packets and chunks on their way in one direction of one connection. Full: UDP drops, TCP reads no further.
const LANE: usize = 1024;
const PACKET_MAX: usize = 2048;
const CHUNK: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Conditions {
    /// One way.
    pub delay_ms: f64,
    /// At most this much more; nothing is reordered.
    pub jitter_ms: f64,
    /// Each way.
    pub loss_percent: f64,
    pub seed: u64,
}

/// What becomes of each packet of one direction, in its order: the same seed, the same fates.
#[derive(Debug, Clone)]
pub struct Fates {
    conditions: Conditions,
    rng: fastrand::Rng,
    /// Until when the one before is held back.
    last: Micros,
}

impl Fates {
    /// `lane` tells the directions of a run apart.
    pub fn new(conditions: Conditions, lane: u64) -> Self {
        let seed = conditions.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ lane;
        Self { conditions, rng: fastrand::Rng::with_seed(seed), last: 0 }
    }

    /// When a packet that came at `now` goes on; None: never.
    pub fn packet(&mut self, now: Micros) -> Option<Micros> {
        let (lost, delay) = self.throw();
        (!lost).then(|| self.after(now + delay))
    }

    /// When a piece of a stream goes on: late, where a packet would have been lost.
    pub fn piece(&mut self, now: Micros) -> Micros {
        let (lost, delay) = self.throw();
        let round_trip = (2e3 * self.conditions.delay_ms) as Micros;
        self.after(now + delay + if lost { STALL_US + round_trip } else { 0 })
    }

    fn throw(&mut self) -> (bool, Micros) {
        let lost = self.rng.f64() * 100.0 < self.conditions.loss_percent;
        (lost, ((self.conditions.delay_ms + self.rng.f64() * self.conditions.jitter_ms) * 1e3) as Micros)
    }

    fn after(&mut self, due: Micros) -> Micros {
        self.last = self.last.max(due);
        self.last
    }
}

/// Listens on loopback, relays to `server`, and lives as long as the runtime.
pub async fn start(
    transport: Transport,
    server: SocketAddr,
    conditions: Conditions,
    alarms: &Alarms,
) -> Result<SocketAddr, Failure> {
    let loopback: SocketAddr = if server.is_ipv4() { "127.0.0.1:0".parse()? } else { "[::1]:0".parse()? };
    let relay = Relay { server, conditions, alarms: alarms.clone() };
    Ok(if transport.rides_udp() {
        let socket = UdpSocket::bind(loopback).await?;
        let address = socket.local_addr()?;
        tokio::spawn(relay.udp(Arc::new(socket)));
        address
    } else {
        let listener = TcpListener::bind(loopback).await?;
        let address = listener.local_addr()?;
        tokio::spawn(relay.tcp(listener));
        address
    })
}

#[derive(Clone)]
struct Relay {
    server: SocketAddr,
    conditions: Conditions,
    alarms: Alarms,
}

type Due = (Micros, Bytes);

/// The way up of one client.
struct Flow {
    fates: Fates,
    lane: mpsc::Sender<Due>,
}

impl Relay {
    async fn udp(self, socket: Arc<UdpSocket>) {
        let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
        let mut buffer = [0; PACKET_MAX];
        loop {
            // An error tells of a client that has gone; the others stay.
            let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
            if !flows.contains_key(&client) {
                match self.open(&socket, client, flows.len() as u64).await {
                    Ok(flow) => drop(flows.insert(client, flow)),
                    Err(_) => continue,
                }
            }
            let Some(flow) = flows.get_mut(&client) else { continue };
            if let Some(due) = flow.fates.packet(self.alarms.now()) {
                let _ = flow.lane.try_send((due, Bytes::copy_from_slice(&buffer[..length])));
            }
        }
    }

    async fn open(&self, socket: &Arc<UdpSocket>, client: SocketAddr, index: u64) -> std::io::Result<Flow> {
        let upstream = UdpSocket::bind(SocketAddr::new(socket.local_addr()?.ip(), 0)).await?;
        upstream.connect(self.server).await?;
        let upstream = Arc::new(upstream);
        let (lane, mut up) = mpsc::channel::<Due>(LANE);
        let (alarm, out) = (self.alarms.alarm(), upstream.clone());
        tokio::spawn(async move {
            while let Some((due, packet)) = up.recv().await {
                alarm.at(due).await;
                let _ = out.send(&packet).await;
            }
        });
        let (sender, mut down) = mpsc::channel::<Due>(LANE);
        let (alarm, out) = (self.alarms.alarm(), socket.clone());
        tokio::spawn(async move {
            while let Some((due, packet)) = down.recv().await {
                alarm.at(due).await;
                let _ = out.send_to(&packet, client).await;
            }
        });
        let (mut fates, alarms) = (Fates::new(self.conditions, 2 * index + 1), self.alarms.clone());
        tokio::spawn(async move {
            let mut buffer = [0; PACKET_MAX];
            loop {
                let Ok(length) = upstream.recv(&mut buffer).await else { continue };
                if let Some(due) = fates.packet(alarms.now()) {
                    let _ = sender.try_send((due, Bytes::copy_from_slice(&buffer[..length])));
                }
            }
        });
        Ok(Flow { fates: Fates::new(self.conditions, 2 * index), lane })
    }

    async fn tcp(self, listener: TcpListener) {
        let mut index = 0;
        while let Ok((client, _)) = listener.accept().await {
            let relay = self.clone();
            let fates = [0, 1].map(|way| Fates::new(self.conditions, 2 * index + way));
            index += 1;
            tokio::spawn(async move { relay.join(client, fates).await });
        }
    }

    async fn join(&self, client: TcpStream, [up, down]: [Fates; 2]) -> std::io::Result<()> {
        let server = TcpStream::connect(self.server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
        tokio::join!(self.pipe(client_in, server_out, up), self.pipe(server_in, client_out, down));
        Ok(())
    }

    /// Until the end of the stream, which goes through as well.
    async fn pipe(
        &self,
        mut from: tokio::net::tcp::OwnedReadHalf,
        mut to: tokio::net::tcp::OwnedWriteHalf,
        mut fates: Fates,
    ) {
        let (lane, mut pieces) = mpsc::channel::<Due>(LANE);
        let read = async move {
            let mut buffer = vec![0; CHUNK];
            while let Ok(length @ 1..) = from.read(&mut buffer).await {
                let due = fates.piece(self.alarms.now());
                if lane.send((due, Bytes::copy_from_slice(&buffer[..length]))).await.is_err() {
                    break;
                }
            }
        };
        let alarm = self.alarms.alarm();
        let write = async move {
            while let Some((due, piece)) = pieces.recv().await {
                alarm.at(due).await;
                if to.write_all(&piece).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        tokio::join!(read, write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUGH: Conditions = Conditions { delay_ms: 25.0, jitter_ms: 4.0, loss_percent: 10.0, seed: 3 };

    fn fates(conditions: Conditions, lane: u64) -> Vec<Option<Micros>> {
        let mut fates = Fates::new(conditions, lane);
        (0..10_000).map(|n| fates.packet(n * 1_000).map(|due| due - n * 1_000)).collect()
    }

    #[test]
    fn the_same_seed_drops_and_delays_the_same() {
        let first = fates(ROUGH, 0);
        assert_eq!(first, fates(ROUGH, 0));
        assert_ne!(first, fates(ROUGH, 1), "directions differ");
        assert_ne!(first, fates(Conditions { seed: 4, ..ROUGH }, 0));
        let lost = first.iter().filter(|fate| fate.is_none()).count();
        assert!((900..1_100).contains(&lost), "{lost} of 10,000");
        assert!(first.iter().flatten().all(|delay| (25_000..=29_000).contains(delay)));
    }

    #[test]
    fn streams_lose_nothing_and_stall() {
        let mut fates = Fates::new(ROUGH, 0);
        let dues: Vec<_> = (0..1_000u64).map(|n| fates.piece(n * 33_000)).collect();
        assert!(dues.is_sorted());
        let stalled = dues.iter().zip(0..).filter(|(due, n)| **due >= n * 33_000 + STALL_US + 50_000).count();
        assert!(stalled > 50, "{stalled} of 1,000");
    }

    /// Through real sockets: what comes out is what the fates say.
    #[tokio::test]
    async fn a_relay_drops_what_it_should() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let alarms = Alarms::new(std::time::Instant::now()).unwrap();
        let conditions = Conditions { delay_ms: 1.0, jitter_ms: 0.0, loss_percent: 30.0, seed: 9 };
        let relay = start(Transport::Quic, server.local_addr().unwrap(), conditions, &alarms).await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut expected = Fates::new(conditions, 0);
        let mut buffer = [0; 16];
        for n in 0..200u8 {
            client.send_to(&[n], relay).await.unwrap();
            if expected.packet(0).is_some() {
                let (length, _) = server.recv_from(&mut buffer).await.unwrap();
                assert_eq!(buffer[..length], [n]);
            }
        }
    }

    #[tokio::test]
    async fn a_stream_comes_through_whole_and_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alarms = Alarms::new(std::time::Instant::now()).unwrap();
        let conditions = Conditions { delay_ms: 1.0, jitter_ms: 1.0, loss_percent: 0.0, seed: 9 };
        let server = listener.local_addr().unwrap();
        let relay = start(Transport::Websocket, server, conditions, &alarms).await.unwrap();
        let mut client = TcpStream::connect(relay).await.unwrap();
        let sent: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let (mut accepted, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        let send = async {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
        };
        tokio::join!(send, async { accepted.read_to_end(&mut received).await.unwrap() });
        assert!(received == sent);
    }
}
