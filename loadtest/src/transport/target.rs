//! Where the server is and which certificates are its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Failure, args::Transport};

const CONNECT_ANSWER_MAX: usize = 64 << 10;

#[derive(Debug, Clone)]
pub struct Target {
    pub transport: Transport,
    pub host: String,
    /// Host and port as in a URL.
    pub authority: String,
    pub address: SocketAddr,
    /// SHA-256 of the certificates to accept, for QUIC and WebTransport.
    pub pins: Vec<[u8; 32]>,
}

impl Target {
    pub async fn find(url: &str, transport: Transport) -> Result<Self, Failure> {
        let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{url}: only http:// is understood").into());
        }
        let host = uri.host().ok_or("a URL without a host")?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(80);
        let found = tokio::net::lookup_host((host.as_str(), port)).await;
        let address = found.map_err(|error| format!("{host}: {error}"))?.next().ok_or("a host without an address")?;
        let authority = uri.authority().ok_or("a URL without a host")?.as_str().to_owned();
        let mut target = Self { transport, host, authority, address, pins: Vec::new() };
        if matches!(transport, Transport::Quic | Transport::Webtransport) {
            target.pins = target.published_pins().await?;
        }
        Ok(target)
    }

    /// The same server by way of `address`, as a relay has one.
    pub fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        self.authority = address.to_string();
        self.host = address.ip().to_string();
    }

    /// The address to bind a socket of the server's family to.
    pub const fn unspecified(&self) -> IpAddr {
        match self.address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    pub async fn tcp(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| format!("{}: {error}", self.address))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn published_pins(&self) -> Result<Vec<[u8; 32]>, Failure> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(self.tcp().await?)).await?;
        tokio::spawn(connection);
        let request =
            Request::get("/api/v1/connect").header(header::HOST, &self.authority).body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("/api/v1/connect answers {status}").into());
        }
        let body = Limited::new(response.into_body(), CONNECT_ANSWER_MAX).collect().await?.to_bytes();
        let pins = pins(&serde_json::from_slice(&body)?);
        if pins.is_empty() { Err("/api/v1/connect names no certificate hashes".into()) } else { Ok(pins) }
    }
}

/// `certificate_hashes`: the current and the next one, in hexadecimal.
fn pins(answer: &serde_json::Value) -> Vec<[u8; 32]> {
    let hashes = answer["certificate_hashes"].as_array();
    hashes.into_iter().flatten().filter_map(|hash| pin(hash.as_str()?)).collect()
}

fn pin(hex: &str) -> Option<[u8; 32]> {
    let mut pin = [0; 32];
    if hex.len() != 2 * pin.len() {
        return None;
    }
    for (byte, digits) in pin.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_from_the_connect_answer() {
        let hash = "00ff".repeat(16);
        let answer = serde_json::json!({ "udp": true, "certificate_hashes": [hash, "short", 7, "zz".repeat(32)] });
        let found = pins(&answer);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0][0], found[0][31]), (0x00, 0xff));
        assert!(pins(&serde_json::json!({})).is_empty());
    }
}
