//! ONE port: TCP for HTTP, WebSocket and polling, plain or TLS told apart by the first byte; UDP of the same number for
//! WebTransport and raw QUIC told apart by ALPN.
//!
//! Binds, accepts, and hands over. Nothing in here knows frames.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::seats::{Seat, Vacancy};
use super::tls::{ALPN_AIRBOAT, ALPN_H3, Tls};
use super::{Entrance, quic, webtransport};
use crate::config::{Limits, TlsMode};
use crate::protocol::CloseReason;

/// First byte of a TLS handshake record. No HTTP method starts with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// Port 0 lets the system choose for TCP; the same number may be taken for UDP.
const FREE_PORT_ATTEMPTS: usize = 16;
/// Longest rest after a failed accept, such as no file descriptor left.
const ACCEPT_REST_MAX: Duration = Duration::from_secs(1);
/// Snapshots a client may leave unacknowledged in QUIC, and for how long: a little more than a tick at 30 a second, so
/// that losses are still found within two round trips.
const ACK_AFTER_PACKETS: u32 = 4;
const ACK_DELAY: Duration = Duration::from_millis(50);
const HTTP_BUFFER_BYTES: usize = 16 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("port {0} is taken by another program: stop it, or choose another with --port")]
    Taken(u16),
    #[error("port {0} needs more rights (numbers below 1024 usually do): choose another with --port")]
    Forbidden(u16),
    #[error("cannot listen on port {port}: {source}")]
    Other { port: u16, source: io::Error },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("QUIC: {0}")]
    Quic(String),
}

/// Both sockets of the port.
#[derive(Debug)]
pub struct Port {
    tcp: std::net::TcpListener,
    udp: Option<std::net::UdpSocket>,
    number: u16,
}

/// What the listener knows about the connection a request came on. Put into each request's extensions.
#[derive(Debug, Clone)]
pub struct Connected {
    pub ip: IpAddr,
    pub tls: bool,
    pub(super) seat: Arc<Seat>,
}

impl Port {
    /// Binds TCP, then UDP of the same number, on all addresses of both families where there are two.
    pub fn bind(number: u16, udp: bool, limits: &Limits) -> Result<Self, ListenError> {
        let mut last = None;
        for _ in 0..FREE_PORT_ATTEMPTS {
            match Self::bind_once(number, udp, limits) {
                Ok(port) => return Ok(port),
                Err(error) if number == 0 && error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
                Err(error) => return Err(describe(number, error)),
            }
        }
        Err(describe(number, last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into())))
    }

    fn bind_once(number: u16, udp: bool, limits: &Limits) -> io::Result<Self> {
        let tcp = socket(Type::STREAM, number)?;
        tcp.listen(1024)?;
        let tcp: std::net::TcpListener = tcp.into();
        let number = tcp.local_addr()?.port();
        let udp = if udp {
            let socket = socket(Type::DGRAM, number)?;
            // Less than asked for is no reason to stop: the system's own limit (rmem_max) may be lower.
            if let Err(error) = socket.set_recv_buffer_size(limits.udp_receive_buffer_bytes) {
                tracing::debug!("UDP receive buffer: {error}");
            }
            Some(socket.into())
        } else {
            None
        };
        Ok(Self { tcp, udp, number })
    }

    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Turns the sockets into what accepts. Needs a tokio runtime.
    pub fn open(self, tls: Option<&Tls>, mode: TlsMode, limits: &Limits) -> Result<(Tcp, Option<Udp>), ListenError> {
        let other = |source| ListenError::Other { port: self.number, source };
        let acceptor = match (mode, tls) {
            (TlsMode::Off, _) | (_, None) => None,
            (_, Some(tls)) => Some(TlsAcceptor::from(tls.for_tcp()?)),
        };
        let listener = TcpListener::from_std(self.tcp).map_err(other)?;
        let udp = match (self.udp, tls) {
            (Some(socket), Some(tls)) => {
                let config = quic_config(tls, limits)?;
                let runtime = Arc::new(quinn::TokioRuntime);
                let endpoint = quinn::Endpoint::new(quinn::EndpointConfig::default(), Some(config), socket, runtime);
                Some(Udp { endpoint: endpoint.map_err(other)? })
            }
            _ => None,
        };
        Ok((Tcp { listener, acceptor, mode }, udp))
    }
}

fn describe(port: u16, source: io::Error) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(port),
        io::ErrorKind::PermissionDenied => ListenError::Forbidden(port),
        _ => ListenError::Other { port, source },
    }
}

/// Dual-stack where the system has IPv6, else IPv4 only.
fn socket(kind: Type, port: u16) -> io::Result<Socket> {
    let protocol = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
    let bind = |domain, address: SocketAddr| -> io::Result<Socket> {
        let socket = Socket::new(domain, kind, Some(protocol))?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(false)?;
        }
        // A restarted server takes its port back at once. On Windows the option means something else.
        #[cfg(unix)]
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    match bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse && error.kind() != io::ErrorKind::PermissionDenied => {
            bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into())
        }
        bound => bound,
    }
}

fn quic_config(tls: &Tls, limits: &Limits) -> Result<quinn::ServerConfig, ListenError> {
    let crypto = QuicServerConfig::try_from(tls.for_udp()?).map_err(|e| ListenError::Quic(e.to_string()))?;
    let mut transport = quinn::TransportConfig::default();
    let stream_window = u32::try_from(limits.frame_bytes_max * 2).unwrap_or(u32::MAX);
    // The pump closes idle links with a reason; QUIC's own timeout is for those that cannot hear it.
    let idle = Duration::from_secs(limits.idle_link_secs + 5);
    transport
        .datagram_send_buffer_size(limits.datagram_send_buffer_bytes)
        .datagram_receive_buffer_size(Some(limits.datagram_receive_buffer_bytes))
        .stream_receive_window(stream_window.into())
        .receive_window(stream_window.saturating_mul(2).into())
        .send_window(2 * limits.reliable_lane_bytes as u64)
        // One of ours, and what HTTP/3 needs for itself.
        .max_concurrent_bidi_streams(4_u8.into())
        .max_concurrent_uni_streams(8_u8.into())
        // A client's next input carries its acknowledgements: no packet of their own for each snapshot.
        .ack_frequency_config(Some(acknowledgements()))
        .max_idle_timeout(Some(idle.try_into().map_err(|_| ListenError::Quic("idle_link_secs too long".into()))?));
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// What clients that can do so are asked for: rather than at once after two packets, or 25 ms, whichever is first.
fn acknowledgements() -> quinn::AckFrequencyConfig {
    let mut config = quinn::AckFrequencyConfig::default();
    config.ack_eliciting_threshold(ACK_AFTER_PACKETS.into()).max_ack_delay(Some(ACK_DELAY));
    config
}

/// The TCP side.
pub struct Tcp {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    mode: TlsMode,
}

impl Tcp {
    /// Accepts until closing. Each connection runs as a task of `entrance.links`.
    pub async fn run(self, entrance: Entrance, router: Router) {
        let mut rest = Duration::ZERO;
        let door = Arc::new(Door { entrance, router, acceptor: self.acceptor, mode: self.mode });
        loop {
            let accepting = async {
                let vacancy = door.entrance.seats.vacancy().await;
                (vacancy, self.listener.accept().await)
            };
            let (vacancy, accepted) = tokio::select! {
                () = door.entrance.closing.cancelled() => return,
                accepted = accepting => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    rest = Duration::ZERO;
                    let door = door.clone();
                    door.entrance.links.clone().spawn(async move { door.enter(stream, address.ip(), vacancy).await });
                }
                Err(error) => {
                    // Out of descriptors, most likely: the connection stays in the backlog, so asking at once would spin.
                    rest = (rest * 2).clamp(Duration::from_millis(10), ACCEPT_REST_MAX);
                    door.entrance.metrics.connections_refused.add(1);
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(rest).await;
                }
            }
        }
    }
}

/// What each TCP connection passes.
struct Door {
    entrance: Entrance,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    mode: TlsMode,
}

impl Door {
    async fn enter(&self, mut stream: TcpStream, ip: IpAddr, vacancy: Vacancy) {
        let ip = ip.to_canonical();
        let shared = self.entrance.proxies.trusts(ip);
        let Some(seat) = self.entrance.seats.sit(vacancy, ip, shared) else { return };
        let _ = stream.set_nodelay(true);
        let connected = |tls| Connected { ip, tls, seat: Arc::new(seat) };
        let limit = Duration::from_secs(self.entrance.config.limits.header_timeout_secs);
        let mut first = [0];
        let peeked = tokio::select! {
            peeked = timeout(limit, stream.peek(&mut first)) => peeked,
            () = self.entrance.closing.cancelled() => return,
        };
        if !matches!(peeked, Ok(Ok(1))) {
            return;
        }
        match &self.acceptor {
            Some(acceptor) if first[0] == TLS_HANDSHAKE => match timeout(limit, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, connected(true)).await,
                _ => self.entrance.metrics.handshakes_failed.add(1),
            },
            _ if first[0] == TLS_HANDSHAKE => self.entrance.metrics.handshakes_failed.add(1),
            _ if self.mode == TlsMode::Required => {
                let text = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 29\r\nConnection: close\r\n\r\n\
                            This port speaks https only.\n";
                let _ = timeout(limit, stream.write_all(text.as_bytes())).await;
                let _ = stream.shutdown().await;
            }
            _ => self.serve(stream, connected(false)).await,
        }
    }

    /// HTTP/1.1 with upgrades. An upgraded connection lives on as a task of its own.
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, connected: Connected) {
        let router = TowerToHyperService::new(self.router.clone());
        let proxies = self.entrance.proxies.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let headers = request.headers();
            let peer = proxies.peer(
                connected.ip,
                connected.tls,
                texts(headers, "x-forwarded-for"),
                texts(headers, "x-forwarded-proto"),
            );
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(connected.clone());
            router.call(request)
        });
        let limits = &self.entrance.config.limits;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(limits.header_timeout_secs))
            .max_buf_size(HTTP_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.entrance.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.entrance.closed.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::trace!("HTTP connection: {error}");
        }
    }
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// The UDP side.
pub struct Udp {
    endpoint: quinn::Endpoint,
}

impl Udp {
    /// What closes it when the accept loop is long gone.
    pub fn parting(&self) -> Parting {
        Parting(self.endpoint.clone())
    }

    /// Accepts until closing.
    pub async fn run(self, entrance: Entrance) {
        loop {
            let incoming = tokio::select! {
                () = entrance.closing.cancelled() => return,
                incoming = self.endpoint.accept() => incoming,
            };
            let Some(incoming) = incoming else { return };
            if entrance.seats.over_half() && !incoming.remote_address_validated() && incoming.may_retry() {
                // Proves that the address is its own before a seat is spent on it.
                let _ = incoming.retry();
                continue;
            }
            let ip = incoming.remote_address().ip();
            let seat = entrance.seats.try_vacancy().and_then(|vacancy| entrance.seats.sit(vacancy, ip, false));
            let Some(seat) = seat else {
                incoming.refuse();
                continue;
            };
            entrance.links.spawn(enter(entrance.clone(), incoming, Arc::new(seat)));
        }
    }
}

/// Closes the UDP side.
pub struct Parting(quinn::Endpoint);

impl Parting {
    /// Ends what is left and waits until the other sides have heard it.
    pub async fn close(self) {
        let reason = CloseReason::Restarting;
        self.0.close(u32::from(reason.number()).into(), reason.text().as_bytes());
        self.0.wait_idle().await;
    }
}

/// The handshake of a UDP connection, up to which of the two protocols it speaks.
async fn enter(entrance: Entrance, incoming: quinn::Incoming, seat: Arc<Seat>) {
    let limit = Duration::from_secs(entrance.config.limits.header_timeout_secs);
    let metrics = entrance.metrics.clone();
    let Ok(mut connecting) = incoming.accept() else { return metrics.handshakes_failed.add(1) };
    let data = timeout(limit, connecting.handshake_data()).await;
    let protocol = data.ok().and_then(Result::ok).and_then(|data| data.downcast::<HandshakeData>().ok()?.protocol);
    // In boxes, so that neither kind of connection is as large as the other.
    match protocol.as_deref() {
        Some(ALPN_H3) => Box::pin(webtransport::run(entrance, connecting, seat)).await,
        Some(ALPN_AIRBOAT) => match timeout(limit, connecting).await {
            Ok(Ok(connection)) => Box::pin(quic::run(entrance, connection, seat)).await,
            _ => metrics.handshakes_failed.add(1),
        },
        _ => metrics.handshakes_failed.add(1),
    }
}
