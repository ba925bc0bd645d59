//! Small clients, one for each way in, that know frames and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use airboat::protocol::CloseReason;
use airboat::protocol::message::{ClientFrame, Hello, JoinRequest, ServerFrame};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

pub(crate) fn hello(join: Option<(&str, &str)>) -> Bytes {
    let join = join.map(|(module, room)| JoinRequest {
        module: module.to_owned(),
        room: room.to_owned(),
        ..JoinRequest::default()
    });
    ClientFrame::Hello(Box::new(Hello { protocol: 1, client: "test".to_owned(), join, ..Hello::default() })).encode()
}

/// What a client sees of the end: the `bye` it was sent, and the transport's own code.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct End {
    pub(crate) bye: Option<CloseReason>,
    pub(crate) code: Option<u64>,
}

/// A connection that carries frames.
pub(crate) enum Client {
    Websocket(Box<tokio_tungstenite::WebSocketStream<TcpStream>>),
    Quic {
        endpoint: quinn::Endpoint,
        connection: quinn::Connection,
        send: quinn::SendStream,
        receive: quinn::RecvStream,
    },
    Webtransport {
        connection: wtransport::Connection,
        send: wtransport::SendStream,
        receive: wtransport::RecvStream,
        _endpoint: wtransport::Endpoint<wtransport::endpoint::endpoint_side::Client>,
    },
}

fn webtransport_endpoint(hashes: &[[u8; 32]]) -> wtransport::Endpoint<wtransport::endpoint::endpoint_side::Client> {
    let hashes = hashes.iter().map(|hash| wtransport::tls::Sha256Digest::new(*hash));
    let config = wtransport::ClientConfig::builder().with_bind_default().with_server_certificate_hashes(hashes).build();
    wtransport::Endpoint::client(config).unwrap()
}

/// Whether a page of this origin gets a WebTransport session.
pub(crate) async fn webtransport_admits(server: SocketAddr, hashes: &[[u8; 32]], origin: &str) -> bool {
    let request = wtransport::endpoint::ConnectOptions::builder(format!("https://{server}/wt"));
    webtransport_endpoint(hashes).connect(request.add_header("origin", origin).build()).await.is_ok()
}

impl Client {
    pub(crate) async fn websocket(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{server}/ws"), stream).await.unwrap();
        Self::Websocket(Box::new(socket))
    }

    pub(crate) async fn quic(server: SocketAddr) -> Self {
        let (endpoint, connection) = quic_connect(server, b"airboat/1").await.unwrap();
        let (send, receive) = connection.open_bi().await.unwrap();
        Self::Quic { endpoint, connection, send, receive }
    }

    pub(crate) async fn webtransport(server: SocketAddr, hashes: &[[u8; 32]]) -> Self {
        let endpoint = webtransport_endpoint(hashes);
        let connection = endpoint.connect(format!("https://{server}/wt")).await.unwrap();
        let (send, receive) = connection.open_bi().await.unwrap().await.unwrap();
        Self::Webtransport { connection, send, receive, _endpoint: endpoint }
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) {
        match self {
            Self::Websocket(socket) => socket.send(Message::Binary(Bytes::copy_from_slice(frame))).await.unwrap(),
            Self::Quic { send, .. } => put(send, frame).await,
            Self::Webtransport { send, .. } => put(send, frame).await,
        }
    }

    /// Bytes as they are, on the stream. Where there is no such thing: one message.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        match self {
            Self::Websocket(_) => self.send(bytes).await,
            Self::Quic { send, .. } => drop(send.write_all(bytes).await),
            Self::Webtransport { send, .. } => drop(send.write_all(bytes).await),
        }
    }

    pub(crate) fn datagram(&self, bytes: &[u8]) -> bool {
        let bytes = Bytes::copy_from_slice(bytes);
        match self {
            Self::Websocket(_) => false,
            Self::Quic { connection, .. } => connection.send_datagram(bytes).is_ok(),
            Self::Webtransport { connection, .. } => connection.send_datagram(bytes).is_ok(),
        }
    }

    /// The next frame of the reliable way.
    pub(crate) async fn receive(&mut self) -> Option<Bytes> {
        match self {
            Self::Websocket(socket) => loop {
                match socket.next().await? {
                    Ok(Message::Binary(frame)) => return Some(frame),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            },
            Self::Quic { receive, .. } => take(receive).await,
            Self::Webtransport { receive, .. } => take(receive).await,
        }
    }

    /// Everything up to the end.
    pub(crate) async fn end(mut self) -> End {
        let mut end = End::default();
        if let Self::Websocket(socket) = &mut self {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Binary(frame) => end.bye = end.bye.or(bye(&frame)),
                    Message::Close(frame) => end.code = frame.map(|f| u16::from(f.code).into()),
                    _ => {}
                }
            }
            return end;
        }
        while let Some(frame) = self.receive().await {
            end.bye = end.bye.or(bye(&frame));
        }
        let closed = match &self {
            Self::Quic { connection, .. } => connection.closed().await,
            Self::Webtransport { connection, .. } => connection.quic_connection().closed().await,
            Self::Websocket(_) => unreachable!(),
        };
        if let quinn::ConnectionError::ApplicationClosed(close) = closed {
            end.code = Some(close.error_code.into_inner());
        }
        if let Self::Quic { endpoint, .. } = &self {
            endpoint.wait_idle().await;
        }
        end
    }
}

fn bye(frame: &[u8]) -> Option<CloseReason> {
    match ServerFrame::decode(frame) {
        Ok(ServerFrame::Bye { reason, .. }) => Some(reason),
        _ => None,
    }
}

async fn put(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) {
    let mut bytes = (frame.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(frame);
    stream.write_all(&bytes).await.unwrap();
}

async fn take(stream: &mut (impl AsyncRead + Unpin)) -> Option<Bytes> {
    let length = stream.read_u32_le().await.ok()?;
    let mut frame = vec![0; length as usize];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame.into())
}

/// A QUIC connection that takes any certificate; the hash is WebTransport's business.
pub(crate) async fn quic_connect(server: SocketAddr, alpn: &[u8]) -> Option<(quinn::Endpoint, quinn::Connection)> {
    let mut tls = client_tls();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let connection = endpoint.connect(server, "localhost").unwrap().await.ok()?;
    Some((endpoint, connection))
}

pub(crate) fn client_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// One HTTP request over any stream; status and body.
pub(crate) async fn http(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    // A server that has refused already may have closed.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let Some(split) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return (0, answer) };
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, answer.split_off(split + 4))
}

pub(crate) async fn plain(server: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    http(&mut TcpStream::connect(server).await.unwrap(), method, path, headers, body).await
}

pub(crate) async fn get(server: SocketAddr, path: &str) -> serde_json::Value {
    let (status, body) = plain(server, "GET", path, "", b"").await;
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// A request to `/poll` and its answer, taken apart.
pub(crate) struct Poller {
    server: SocketAddr,
    pub(crate) token: [u8; 16],
    pub(crate) number: u32,
}

impl Poller {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self { server, token: [0; 16], number: 0 }
    }

    pub(crate) async fn ask(&mut self, park: bool, frames: &[&[u8]]) -> Vec<Bytes> {
        self.number += 1;
        self.again(park, frames).await
    }

    /// With the same number as before.
    pub(crate) async fn again(&mut self, park: bool, frames: &[&[u8]]) -> Vec<Bytes> {
        let body = envelope(&self.token, self.number, park, frames);
        let (status, answer) = plain(self.server, "POST", "/poll", "Content-Type: text/plain\r\n", &body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let mut rest = Bytes::from(answer);
        self.token = rest.split_to(16)[..].try_into().unwrap();
        let number = u32::from_le_bytes(rest.split_to(4)[..].try_into().unwrap());
        assert_eq!(number, self.number);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest.split_to(4)[..].try_into().unwrap());
            frames.push(rest.split_to(length as usize));
        }
        frames
    }
}

pub(crate) fn envelope(token: &[u8; 16], number: u32, park: bool, frames: &[&[u8]]) -> Vec<u8> {
    let mut body = token.to_vec();
    body.extend_from_slice(&number.to_le_bytes());
    body.push(u8::from(park));
    for frame in frames {
        body.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        body.extend_from_slice(frame);
    }
    body
}
