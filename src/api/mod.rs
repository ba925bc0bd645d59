//! The public JSON API: how to connect, what can be joined, and whether the server is well.
//!
//! Everything in here may be read by anyone from any page; `/metrics` asks for a token unless asked from this machine.

mod missing;
mod pages;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use axum::{Router, extract::Request};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::peer::{Peer, allow_origin};
use crate::protocol::{CloseReason, PROTOCOL_MAX, PROTOCOL_MIN};
use crate::room::directory::Directory;

/// What the API answers from.
#[derive(Clone)]
pub struct Api {
    pub directory: Directory,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub offer: Offer,
    /// Why the server should get no new players; empty when it should.
    pub unready: watch::Receiver<&'static str>,
}

/// What the port speaks.
#[derive(Debug, Clone)]
pub struct Offer {
    pub port: u16,
    /// UDP is open.
    pub udp: bool,
    /// TLS is spoken on TCP.
    pub tls: bool,
    /// SHA-256 of the development certificates, current first; empty with real ones.
    pub hashes: watch::Receiver<Vec<[u8; 32]>>,
    /// The front page's addresses on this machine's networks, for phones.
    pub lan_urls: Vec<String>,
}

pub fn router(api: Api) -> Router {
    let open = Router::new()
        .route("/api/v1/connect", get(connect))
        .route("/api/v1/modules", get(modules))
        .route("/api/v1/rooms", get(rooms))
        .route("/api/v1/name", get(name))
        .layer(middleware::from_fn_with_state(api.clone(), any_page));
    Router::new()
        .merge(pages::router())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(open)
        .fallback(missing::anywhere)
        .with_state(api)
}

/// Lets pages of other origins read the answer, as far as they may play.
async fn any_page(State(api): State<Api>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).and_then(|o| o.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let allowed = allow_origin(&api.config.allowed_origins, origin.as_deref());
    if let Some(allowed) = allowed.and_then(|o| HeaderValue::from_str(o).ok()) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where a client should go. Asked for before each WebTransport attempt, as certificates change.
async fn connect(State(api): State<Api>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Json<Value> {
    let host = host(&headers, peer).unwrap_or_else(|| format!("127.0.0.1:{}", api.offer.port));
    let name = host_name(&host).to_owned();
    let (web, socket) = if peer.https { ("https", "wss") } else { ("http", "ws") };
    // A proxy forwards TCP; nobody can say whether anything forwards UDP.
    let udp = api.offer.udp && !peer.proxied;
    let mut transports = Vec::new();
    if udp {
        // Browsers try ::1 for localhost and do not fall back; the number works everywhere.
        let name = if name == "localhost" { "127.0.0.1" } else { &name };
        let port = api.offer.port;
        transports.push(json!({ "name": "webtransport", "url": format!("https://{name}:{port}/wt") }));
        transports.push(json!({ "name": "quic", "host": name, "port": port, "alpn": "airboat/1" }));
    }
    transports.push(json!({ "name": "websocket", "url": format!("{socket}://{host}/ws"), "subprotocol": "airboat.1" }));
    transports.push(json!({ "name": "http", "url": format!("{web}://{host}/poll") }));
    let hashes: Vec<String> =
        if udp { api.offer.hashes.borrow().iter().map(|hash| hex(hash)).collect() } else { Vec::new() };
    // Who is far away has no use for them, and need not know this network.
    let lan_urls: &[String] = if !peer.proxied && is_near(peer.ip) { &api.offer.lan_urls } else { &[] };
    Json(json!({
        "server": "airboat",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": { "min": PROTOCOL_MIN, "max": PROTOCOL_MAX },
        "transports": transports,
        "udp": udp,
        "certificate_hashes": hashes,
        "lan_urls": lan_urls,
    }))
}

async fn modules(State(api): State<Api>) -> Json<Value> {
    let modules = api.directory.modules();
    let modules: Vec<Value> = modules
        .iter()
        .map(|m| {
            // The whole text, with its traceback, is for the panel and the log.
            let problem = m.problem.as_ref().map(|problem| {
                let text = problem.text.lines().next().unwrap_or_default();
                json!({ "kind": problem.kind, "text": text, "since_unix": problem.since_unix })
            });
            json!({
                "module": m.module, "title": m.title, "seats": m.seats, "version": m.version, "open": m.open,
                "problem": problem,
            })
        })
        .collect();
    Json(json!({ "modules": modules }))
}

#[derive(Deserialize)]
struct OfModule {
    module: Option<String>,
}

async fn rooms(State(api): State<Api>, Query(of): Query<OfModule>) -> Json<Value> {
    let rooms = api.directory.rooms();
    let wanted = rooms.iter().filter(|room| of.module.as_ref().is_none_or(|module| *module == room.module));
    let rooms: Vec<Value> = wanted
        .map(|room| {
            json!({
                "module": room.module, "room": room.name, "players": room.players, "seats": room.seats,
                "tick_rate": room.tick_rate, "open_secs": room.open_secs, "bots": room.bots,
                "watching": room.watching, "version": room.version, "state": room.state,
            })
        })
        .collect();
    Json(json!({ "rooms": rooms }))
}

/// A free name that is easy to say, for whoever opens a room.
async fn name(State(api): State<Api>, Query(of): Query<OfModule>) -> Response {
    let Some(module) = of.module else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "which module? ask /api/v1/name?module=…" })))
            .into_response();
    };
    Json(json!({ "module": module, "room": api.directory.random_name(&module) })).into_response()
}

async fn ready(State(api): State<Api>) -> Response {
    match *api.unready.borrow() {
        "" => "ready\n".into_response(),
        why => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(api): State<Api>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    let near = peer.ip.is_loopback() && !peer.proxied;
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let wanted = api.config.metrics_token.as_str();
    let known = !wanted.is_empty() && given.is_some_and(|given| same(given.as_bytes(), wanted.as_bytes()));
    if !near && !known {
        return (StatusCode::UNAUTHORIZED, "metrics: a bearer token is needed (setting metrics_token)\n")
            .into_response();
    }
    let page = api.metrics.render(|number| CloseReason::from_number(number).map(CloseReason::text));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response()
}

/// The host the client used, with its port when it named one. It goes into URLs, so only what a host can hold passes.
fn host(headers: &HeaderMap, peer: Peer) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = peer.host(text("host"), text("x-forwarded-host"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    (!host.is_empty() && host.len() <= 255 && host.bytes().all(plain)).then(|| host.to_owned())
}

/// Without the port; brackets of an IPv6 address stay.
fn host_name(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

/// This machine or one on a network of its own.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes as long for a near miss as for a far one.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_their_port_only() {
        for (host, name) in [
            ("localhost:7777", "localhost"),
            ("play.example.org", "play.example.org"),
            ("[::1]:7777", "[::1]"),
            ("[fe80::1]", "[fe80::1]"),
            ("10.0.0.1:80", "10.0.0.1"),
        ] {
            assert_eq!(host_name(host), name);
        }
    }

    #[test]
    fn hosts_that_would_break_a_url_are_not_repeated() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("good:1"));
        headers.insert("x-forwarded-host", HeaderValue::from_static("evil/<script>"));
        let peer = |proxied| Peer { ip: IpAddr::from([127, 0, 0, 1]), https: false, proxied };
        assert_eq!(host(&headers, peer(false)).as_deref(), Some("good:1"));
        assert_eq!(host(&headers, peer(true)), None);
    }
}
