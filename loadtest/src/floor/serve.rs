//! The bare servers: each answers every message with one of a given length. No sessions, no limits, no metrics.

use std::{
    convert::Infallible,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::Greeting;
use crate::{
    Failure,
    args::{FloorArgs, Transport},
    transport,
};

/// As the real server has it: the usual one loses packets when 100 clients come at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Browsers and bots accept at most 14 days for a certificate known by its hash.
const VALID: Duration = Duration::from_secs(24 * 3600);

/// Serves until standard input ends: with whoever started it.
#[expect(clippy::print_stdout, reason = "the greeting is for the process that started this one")]
pub async fn serve(args: &FloorArgs) -> Result<(), Failure> {
    let mut answer = vec![0; args.down];
    answer[0] = 1;
    let answer = Bytes::from(answer);
    let greeting = match args.transport {
        Transport::Websocket | Transport::Http => tcp(args.transport, answer).await?,
        Transport::Quic => quic(answer)?,
        Transport::Webtransport => webtransport(answer)?,
    };
    println!("{}", serde_json::to_string(&greeting)?);
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    Ok(())
}

async fn tcp(transport: Transport, answer: Bytes) -> Result<Greeting, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            tokio::spawn(async move {
                // A connection that ends is the client's business.
                let _ = match transport {
                    Transport::Websocket => websocket(stream, answer).await,
                    _ => http(stream, answer).await,
                };
            });
        }
    });
    Ok(Greeting { port, pin: None })
}

async fn websocket(stream: TcpStream, answer: Bytes) -> Result<(), Failure> {
    let config = WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let mut greeted = false;
    while let Some(message) = socket.next().await {
        if message?.is_binary() && std::mem::replace(&mut greeted, true) {
            socket.send(Message::Binary(answer.clone())).await?;
        }
    }
    Ok(())
}

async fn http(stream: TcpStream, answer: Bytes) -> Result<(), Failure> {
    let respond = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let mut out = BytesMut::with_capacity(24 + answer.len());
            out.put_bytes(7, 16); // the link's token
            out.put_slice(body.get(16..20).unwrap_or(&[0; 4]));
            out.put_u32_le(answer.len() as u32);
            out.put_slice(&answer);
            Ok::<_, Infallible>(Response::new(Full::new(out.freeze())))
        }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), respond).await?;
    Ok(())
}

fn quic(answer: Bytes) -> Result<Greeting, Failure> {
    let (tls, pin) = tls(b"airboat/1")?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport::quic_transport()?));
    let (socket, address) = udp()?;
    let runtime = quinn::default_runtime().ok_or("no runtime")?;
    let endpoint = quinn::Endpoint::new(quinn::EndpointConfig::default(), Some(config), socket, runtime)?;
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else { return };
                let Ok(_stream) = connection.accept_bi().await else { return };
                while connection.read_datagram().await.is_ok() {
                    let _ = connection.send_datagram(answer.clone());
                }
            });
        }
    });
    Ok(Greeting { port: address.port(), pin: Some(pin) })
}

fn webtransport(answer: Bytes) -> Result<Greeting, Failure> {
    let (tls, pin) = tls(b"h3")?;
    let (socket, address) = udp()?;
    let config = wtransport::ServerConfig::builder()
        .with_bind_socket(socket)
        .with_custom_tls_and_transport(tls, transport::quic_transport()?)
        .build();
    let endpoint = wtransport::Endpoint::server(config)?;
    tokio::spawn(async move {
        loop {
            let incoming = endpoint.accept().await;
            let answer = answer.clone();
            tokio::spawn(async move {
                let Ok(request) = incoming.await else { return };
                let Ok(connection) = request.accept().await else { return };
                let Ok(_stream) = connection.accept_bi().await else { return };
                while connection.receive_datagram().await.is_ok() {
                    let _ = connection.send_datagram(answer.clone());
                }
            });
        }
    });
    Ok(Greeting { port: address.port(), pin: Some(pin) })
}

fn udp() -> Result<(UdpSocket, SocketAddr), Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn tls(alpn: &[u8]) -> Result<(rustls::ServerConfig, [u8; 32]), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let moment = |at: Duration| time::OffsetDateTime::from_unix_timestamp(at.as_secs() as i64);
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    params.not_before = moment(now.saturating_sub(VALID))?;
    params.not_after = moment(now + VALID)?;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate: CertificateDer<'static> = params.self_signed(&key)?.der().clone();
    let mut pin = [0; 32];
    pin.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &certificate).as_ref());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok((config, pin))
}
