//! Every way in, on loopback: that it lets a client in, that rubbish is refused and counted, and how it all ends.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

mod clients;

use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use airboat::config::{Config, Limits, TlsMode, UdpMode};
use airboat::protocol::CloseReason;
use airboat::protocol::message::{ClientFrame, ServerFrame};
use airboat::server::{Server, ServerError};
use clients::{Client, End, Poller, envelope, get, hello, http, plain};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::net::TcpStream;

/// A folder and a server in it, both gone at the end.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("airboat-entrances-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn config(&self) -> Config {
        Config {
            port: 0,
            data: self.folder.join("data"),
            certs: self.folder.join("certs"),
            workers: 1,
            ..Config::default()
        }
    }

    async fn start(&self) -> Server {
        Server::start_with(self.config(), Vec::new()).await.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Long enough for any machine; only a hang meets it.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("hung")
}

async fn hashes(server: SocketAddr) -> Vec<[u8; 32]> {
    let connect = get(server, "/api/v1/connect").await;
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
    let hash = |text: &serde_json::Value| -> [u8; 32] {
        let bytes: Vec<u8> = text.as_str().unwrap().as_bytes().chunks(2).map(byte).collect();
        bytes.try_into().unwrap()
    };
    connect["certificate_hashes"].as_array().unwrap().iter().map(hash).collect()
}

async fn every_client(server: SocketAddr) -> Vec<(&'static str, Client)> {
    let hashes = hashes(server).await;
    vec![
        ("websocket", Client::websocket(server).await),
        ("quic", Client::quic(server).await),
        ("webtransport", Client::webtransport(server, &hashes).await),
    ]
}

fn is_welcome(frame: &[u8]) -> bool {
    matches!(ServerFrame::decode(frame), Ok(ServerFrame::Welcome(_)))
}

#[tokio::test]
async fn every_entrance_welcomes_and_answers_pings() {
    let place = Place::new("welcome");
    let server = place.start().await;
    for (name, mut client) in every_client(server.addr()).await {
        client.send(&hello(None)).await;
        assert!(is_welcome(&soon(client.receive()).await.unwrap()), "{name}");
        client.send(&ClientFrame::Ping { token: 7 }.encode()).await;
        let pong = ServerFrame::decode(&soon(client.receive()).await.unwrap());
        assert!(matches!(pong, Ok(ServerFrame::Pong { token: 7, .. })), "{name}: {pong:?}");
        if client.datagram(&ClientFrame::Ping { token: 8 }.encode()) {
            let pong = ServerFrame::decode(&soon(client.receive()).await.unwrap());
            assert!(matches!(pong, Ok(ServerFrame::Pong { token: 8, .. })), "{name}: {pong:?}");
        }
    }
    let mut poller = Poller::new(server.addr());
    assert!(is_welcome(&soon(poller.ask(true, &[&hello(None)])).await[0]));
    assert!(soon(poller.ask(false, &[&ClientFrame::Ping { token: 9 }.encode()])).await.is_empty());
    let pong = ServerFrame::decode(&soon(poller.ask(true, &[])).await[0]);
    assert!(matches!(pong, Ok(ServerFrame::Pong { token: 9, .. })), "{pong:?}");
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn shutdown_says_restarting_on_every_transport() {
    let place = Place::new("shutdown");
    let server = place.start().await;
    let mut clients = every_client(server.addr()).await;
    for (_, client) in &mut clients {
        client.send(&hello(None)).await;
        assert!(is_welcome(&soon(client.receive()).await.unwrap()));
    }
    let silent = Client::websocket(server.addr()).await;
    let mut poller = Poller::new(server.addr());
    soon(poller.ask(true, &[&hello(None)])).await;
    let ends: Vec<_> = clients.into_iter().map(|(name, client)| (name, tokio::spawn(client.end()))).collect();
    let silent = tokio::spawn(silent.end());
    let parked = tokio::spawn(async move { poller.ask(true, &[]).await });
    soon(server.shutdown()).await.unwrap();
    let reason = CloseReason::Restarting;
    for (name, end) in ends {
        let code = if name == "websocket" { 4001 } else { 1 };
        assert_eq!(soon(end).await.unwrap(), End { bye: Some(reason), code: Some(code) }, "{name}");
    }
    assert_eq!(soon(silent).await.unwrap().bye, Some(reason));
    // The poll may have come too late to be parked; then the connection just closed.
    if let Ok(frames) = soon(parked).await {
        assert!(frames.iter().any(|f| matches!(ServerFrame::decode(f), Ok(ServerFrame::Bye { .. }))), "{frames:?}");
    }
}

#[tokio::test]
async fn the_port_answers_as_its_tls_mode_says() {
    for mode in [TlsMode::Off, TlsMode::Both, TlsMode::Required] {
        let place = Place::new(&format!("tls-{mode:?}"));
        let config = Config { tls: mode, ..place.config() };
        let server = Server::start_with(config, Vec::new()).await.unwrap();
        let (status, _) = soon(plain(server.addr(), "GET", "/healthz", "", b"")).await;
        assert_eq!(status, if mode == TlsMode::Required { 400 } else { 200 }, "{mode:?}");
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(clients::client_tls()));
        let connected = soon(connector.connect(ServerName::try_from("localhost").unwrap(), stream)).await;
        assert_eq!(connected.is_ok(), mode != TlsMode::Off, "{mode:?}");
        if let Ok(mut stream) = connected {
            let (status, body) = soon(http(&mut stream, "GET", "/api/v1/connect", "", b"")).await;
            let body = String::from_utf8(body).unwrap();
            assert!(status == 200 && body.contains("wss://localhost/ws"), "{body}");
        }
        soon(server.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let place = Place::new("taken");
    let server = place.start().await;
    let config = Config { port: server.addr().port(), data: place.folder.join("other"), ..place.config() };
    let Err(error) = Server::start_with(config, Vec::new()).await else { panic!("it started") };
    assert!(matches!(error, ServerError::Listen(_)));
    assert!(error.to_string().contains(&server.addr().port().to_string()));
    assert!(!error.to_string().contains('\n'));
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn connect_lists_what_is_open() {
    let place = Place::new("connect");
    let server = place.start().await;
    let all = get(server.addr(), "/api/v1/connect").await;
    let names = |connect: &serde_json::Value| -> Vec<String> {
        let transports = connect["transports"].as_array().unwrap();
        transports.iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all), ["webtransport", "quic", "websocket", "http"]);
    assert_eq!(all["certificate_hashes"].as_array().unwrap().len(), 2);
    soon(server.shutdown()).await.unwrap();

    // The same folder again: the certificates are the same.
    let config = Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..place.config() };
    let server = Server::start_with(config, Vec::new()).await.unwrap();
    let (_, body) = plain(server.addr(), "GET", "/api/v1/connect", "X-Forwarded-Proto: https\r\n", b"").await;
    let behind: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(names(&behind), ["websocket", "http"]);
    assert_eq!(behind["transports"][0]["url"], "wss://localhost/ws");
    let (status, _) = plain(server.addr(), "GET", "/metrics", "X-Forwarded-For: 203.0.113.1\r\n", b"").await;
    assert_eq!(status, 401, "the proxy's loopback is not ours");
    soon(server.shutdown()).await.unwrap();

    let config = Config { udp: UdpMode::Off, ..place.config() };
    let server = Server::start_with(config, Vec::new()).await.unwrap();
    let off = get(server.addr(), "/api/v1/connect").await;
    assert_eq!(names(&off), ["websocket", "http"]);
    assert_eq!(off["udp"], false);
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn where_nothing_is_people_get_a_page_and_programs_a_code() {
    let place = Place::new("missing");
    let server = Server::start_with(place.config(), Vec::new()).await.unwrap();
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let code = r#"{"error":{"code":"not_found","message":"There is nothing at this address."}}"#;
    for (path, headers, expected) in [
        ("/plya", browser, "<h1>Nothing here</h1>"),
        ("/play/x/y", browser, "<h1>Nothing here</h1>"),
        ("/api/v1/room", browser, code),
        ("/api/v1/room", "", code),
        ("/plya", "Accept: application/json\r\n", code),
        ("/plya", "", "there is nothing here"),
        ("/assets/play.html", "", "there is nothing here"),
    ] {
        let (status, body) = soon(plain(server.addr(), "GET", path, headers, b"")).await;
        let body = String::from_utf8_lossy(&body);
        assert!(status == 404 && body.contains(expected), "{path} {headers:?}: {status} {body}");
    }
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn origins_outside_the_list_stay_outside() {
    let place = Place::new("origins");
    let config = Config { allowed_origins: vec!["https://good.example".parse().unwrap()], ..place.config() };
    let server = Server::start_with(config, Vec::new()).await.unwrap();
    let body = envelope(&[0; 16], 1, true, &[&hello(None)]);
    // Both requests name their host as localhost: a page of that origin is the server's own.
    for (origin, expected) in [
        ("https://evil.example", 403),
        ("http://localhost:8080", 403),
        ("https://good.example", 200),
        ("http://localhost", 200),
    ] {
        let headers = format!("Origin: {origin}\r\nContent-Type: text/plain\r\n");
        let (status, _) = soon(plain(server.addr(), "POST", "/poll", &headers, &body)).await;
        assert_eq!(status, expected, "{origin}");
        let upgrade =
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let request =
            format!("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n{upgrade}\r\n");
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon(tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer)).await.unwrap();
        let expected = if expected == 403 { b"HTTP/1.1 403" } else { b"HTTP/1.1 101" };
        assert_eq!(&answer, expected, "{origin}");
    }
    let hashes = hashes(server.addr()).await;
    let port = server.addr().port();
    for (origin, expected) in [
        ("https://evil.example".to_owned(), false),
        (format!("http://evil.example:{port}"), false),
        ("https://good.example".to_owned(), true),
        (format!("http://127.0.0.1:{port}"), true),
        (format!("http://localhost:{port}"), true),
    ] {
        let admitted = soon(clients::webtransport_admits(server.addr(), &hashes, &origin)).await;
        assert_eq!(admitted, expected, "{origin}");
    }
    soon(server.shutdown()).await.unwrap();
}

/// xorshift: the seed is printed, so a failure can be repeated.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("AIRBOAT_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_cafe);
        println!("AIRBOAT_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, max: u64) -> Vec<u8> {
        let length = 1 + self.next() % max;
        (0..length).map(|_| self.next() as u8).collect()
    }
}

#[tokio::test]
async fn random_bytes_are_refused_everywhere_and_counted() {
    let mut random = Random::new();
    let place = Place::new("random");
    let server = place.start().await;
    let hashes = hashes(server.addr()).await;
    let metrics = server.metrics().clone();
    for round in 0..24 {
        // Before hello, and after it.
        for greeted in [false, true] {
            let clients = [
                Client::websocket(server.addr()).await,
                Client::quic(server.addr()).await,
                Client::webtransport(server.addr(), &hashes).await,
            ];
            for mut client in clients {
                let refused = metrics.hellos_refused.sum() + metrics.frames_refused.sum();
                if greeted {
                    client.send(&hello(None)).await;
                    assert!(is_welcome(&soon(client.receive()).await.unwrap()));
                }
                let mut rubbish = random.bytes(600);
                // Kinds that may be lost are skipped when they are not understood; these cannot be.
                rubbish[0] |= 0xa0;
                if round % 2 == 0 {
                    client.send(&rubbish).await;
                } else {
                    // A length that promises more than it may: nothing is waited for.
                    let mut raw = vec![0xff; 4];
                    raw.extend_from_slice(&rubbish);
                    client.send_raw(&raw).await;
                }
                let end = soon(client.end()).await;
                let Some(bye) = end.bye else { panic!("no bye: {end:?}") };
                assert!(matches!(bye, CloseReason::BadFrame | CloseReason::TooLarge), "{bye}");
                assert!(
                    end.code == Some(bye.number().into()) || end.code == Some(bye.websocket_code().into()),
                    "{end:?}"
                );
                assert!(metrics.hellos_refused.sum() + metrics.frames_refused.sum() > refused);
            }
        }
        // HTTP: bodies that are no poll, and requests that are no HTTP.
        let refused = metrics.frames_refused.sum();
        let mut body = random.bytes(20);
        body.truncate(20);
        let (status, _) = soon(plain(server.addr(), "POST", "/poll", "Content-Type: text/plain\r\n", &body)).await;
        assert_eq!(status, 400);
        assert_eq!(metrics.frames_refused.sum(), refused + 1);
        let mut frames = envelope(&[0; 16], 1, true, &[]);
        frames.extend_from_slice(&random.bytes(300));
        frames[21 + 3] |= 0x80;
        let (status, _) = soon(plain(server.addr(), "POST", "/poll", "Content-Type: text/plain\r\n", &frames)).await;
        assert_eq!(status, 400);
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let mut rubbish = random.bytes(300);
        rubbish[0] = b'G';
        rubbish.extend_from_slice(b"\r\n\r\n");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &rubbish).await;
        let mut answer = Vec::new();
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer)).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
        // TLS: a record that is no handshake.
        let failed = metrics.handshakes_failed.get();
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        rubbish[0] = 0x16;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &rubbish).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new())).await;
        assert_eq!(metrics.handshakes_failed.get(), failed + 1);
        // UDP: silence.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&random.bytes(1200), server.addr()).unwrap();
    }
    // After all that it still plays.
    for (name, mut client) in every_client(server.addr()).await {
        client.send(&hello(None)).await;
        assert!(is_welcome(&soon(client.receive()).await.unwrap()), "{name}");
        let rubbish_is_dropped = client.datagram(&[]) || name == "websocket";
        assert!(rubbish_is_dropped);
    }
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn text_is_no_frame() {
    let place = Place::new("text");
    let server = place.start().await;
    let mut client = Client::websocket(server.addr()).await;
    client.send(&hello(None)).await;
    soon(client.receive()).await.unwrap();
    let Client::Websocket(socket) = &mut client else { unreachable!() };
    let text = tokio_tungstenite::tungstenite::Message::Text("hello?".into());
    futures_util::SinkExt::send(socket, text).await.unwrap();
    assert_eq!(soon(client.end()).await, End { bye: Some(CloseReason::BadFrame), code: Some(4053) });
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn silence_ends_before_and_after_hello() {
    let place = Place::new("silence");
    let limits = Limits { hello_timeout_secs: 1, idle_link_secs: 2, ping_secs: 1, ..Limits::default() };
    let server = Server::start_with(Config { limits, ..place.config() }, Vec::new()).await.unwrap();
    for (name, client) in every_client(server.addr()).await {
        let end = soon(client.end()).await;
        // Without a stream there is nowhere to say `bye`.
        let code = if name == "websocket" { 4009 } else { 9 };
        assert!(end.code == Some(code) || name == "webtransport", "{name}: {end:?}");
    }
    soon(server.shutdown()).await.unwrap();

    let limits = Limits { idle_link_secs: 2, ping_secs: 1, ..Limits::default() };
    let server = Server::start_with(Config { limits, ..place.config() }, Vec::new()).await.unwrap();
    let mut clients = every_client(server.addr()).await;
    for (_, client) in &mut clients {
        client.send(&hello(None)).await;
    }
    for (name, client) in clients {
        let end = soon(client.end()).await;
        let code = if name == "websocket" { 4004 } else { 4 };
        assert_eq!(end, End { bye: Some(CloseReason::IdleLink), code: Some(code) }, "{name}");
    }
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_poll_repeated_is_answered_again_and_a_newer_one_empties_the_older() {
    let place = Place::new("poll");
    let server = place.start().await;
    let mut poller = Poller::new(server.addr());
    soon(poller.ask(true, &[&hello(None)])).await;
    // A send is applied once, however often it comes.
    soon(poller.ask(false, &[&ClientFrame::Ping { token: 1 }.encode()])).await;
    soon(poller.again(false, &[&ClientFrame::Ping { token: 1 }.encode()])).await;
    let first = soon(poller.ask(true, &[])).await;
    assert_eq!(first.len(), 1, "one ping, one pong");
    // The answer got lost: the same again.
    assert_eq!(soon(poller.again(true, &[])).await, first);
    assert_eq!(soon(poller.again(true, &[])).await, first);
    // A parked poll gives way.
    let (token, number) = (poller.token, poller.number);
    let addr = server.addr();
    let older = tokio::spawn(async move {
        let mut older = Poller::new(addr);
        (older.token, older.number) = (token, number);
        older.ask(true, &[]).await
    });
    let mut newer = Poller::new(addr);
    (newer.token, newer.number) = (token, number + 1);
    let newer = tokio::spawn(async move { newer.ask(true, &[]).await });
    let (older, mut sender) = (soon(older).await.unwrap(), Poller::new(addr));
    assert!(older.is_empty());
    (sender.token, sender.number) = (token, number + 2);
    soon(sender.ask(false, &[&ClientFrame::Ping { token: 2 }.encode()])).await;
    assert_eq!(soon(newer).await.unwrap().len(), 1);
    // Unknown tokens are told to come back.
    let mut lost = Poller::new(addr);
    lost.token = [9; 16];
    let frames = soon(lost.ask(true, &[])).await;
    assert!(matches!(ServerFrame::decode(&frames[0]), Ok(ServerFrame::Bye { reason, .. }) if reason.come_back()));
    // A page that goes away says so.
    soon(sender.ask(false, &[&ClientFrame::Bye(CloseReason::Hidden).encode()])).await;
    assert_eq!(server.metrics().links_lost[3].get(), 1);
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn connections_are_bounded() {
    let place = Place::new("bounded");
    // One seat is always in the hand of the TCP side, which takes it before it accepts.
    let limits = Limits { max_connections: 3, ..Limits::default() };
    let server = Server::start_with(Config { limits, ..place.config() }, Vec::new()).await.unwrap();
    let mut first = Client::websocket(server.addr()).await;
    let mut second = Client::quic(server.addr()).await;
    let mut third = Client::websocket(server.addr()).await;
    for client in [&mut first, &mut second, &mut third] {
        client.send(&hello(None)).await;
        assert!(is_welcome(&soon(client.receive()).await.unwrap()));
    }
    // UDP says no; TCP waits in the backlog until somebody leaves.
    assert!(soon(clients::quic_connect(server.addr(), b"airboat/1")).await.is_none());
    assert!(server.metrics().connections_refused.get() >= 1);
    let waiting = tokio::spawn(async move { plain(server.addr(), "GET", "/healthz", "", b"").await.0 });
    drop(first);
    assert_eq!(soon(waiting).await.unwrap(), 200);
}

/// What `curl -d` would send and get.
async fn curl(server: SocketAddr, body: serde_json::Value) -> serde_json::Value {
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, answer) = soon(plain(server, "POST", "/poll", kind, body.to_string().as_bytes())).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).unwrap()
}

#[tokio::test]
async fn curl_can_play() {
    let place = Place::new("curl");
    let (games, problems) = airboat::game::lua::modules::discover(None);
    assert!(problems.is_empty(), "{problems:?}");
    let server = Server::start_with(place.config(), games).await.unwrap();
    let addr = server.addr();
    let frames = |answer: &serde_json::Value, kind: &str| -> Vec<serde_json::Value> {
        answer["frames"].as_array().unwrap().iter().filter(|f| f["type"] == kind).cloned().collect()
    };

    // A name typed is one round trip.
    let join = json!({ "module": "tank8", "room": "blue-fox" });
    let answer = curl(addr, json!({ "hello": { "name": "ann", "join": join } })).await;
    let token = answer["token"].as_str().unwrap().to_owned();
    assert_eq!(frames(&answer, "welcome").len(), 1, "{answer}");
    let joined = frames(&answer, "joined").pop().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(joined["room"], "blue-fox");
    let me = joined["player"].clone();

    // Driving to the right moves the tank; a press is one shot, seen by all.
    let mut seen = Vec::new();
    let mut first = None;
    for round in 0..200 {
        let answer =
            curl(addr, json!({ "token": token, "input": { "mx": 1, "fire": round == 0 }, "wait": true })).await;
        for snapshot in frames(&answer, "snapshot") {
            let tanks = snapshot["entities"]["tank"].as_array().unwrap().clone();
            let Some(tank) = tanks.iter().find(|tank| tank["owner"] == me) else { continue };
            let x = tank["x"].as_f64().unwrap();
            seen.push((x, snapshot["entities"]["bullet"].as_array().unwrap().len()));
            first.get_or_insert(x);
        }
        let moved = seen.iter().any(|(x, _)| first.is_some_and(|first| *x > first + 5.0));
        if moved && seen.iter().any(|(_, bullets)| *bullets > 0) {
            break;
        }
    }
    assert!(seen.iter().any(|(x, _)| *x > first.unwrap() + 5.0), "{seen:?}");
    assert!(seen.iter().any(|(_, bullets)| *bullets > 0), "{seen:?}");
    let rooms = get(addr, "/api/v1/rooms?module=tank8").await;
    assert_eq!((&rooms["rooms"][0]["room"], &rooms["rooms"][0]["players"]), (&json!("blue-fox"), &json!(1)));

    // Mistakes are told and cost nothing.
    let wrong = curl(addr, json!({ "token": token, "input": { "speed": 1 } })).await;
    assert!(wrong["error"].as_str().unwrap().contains("mx"), "{wrong}");
    let lost = curl(addr, json!({ "token": "00112233445566778899aabbccddeeff" })).await;
    assert_eq!(frames(&lost, "bye")[0]["come_back"], true);
    let refused = curl(addr, json!({ "hello": { "join": { "module": "chess", "room": "x" } } })).await;
    assert_eq!(frames(&refused, "refused").len(), 1, "{refused}");
    let gone = curl(addr, json!({ "token": token, "bye": true, "wait": true })).await;
    assert_eq!(frames(&gone, "bye")[0]["reason"], 50, "{gone}");
    soon(server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn names_hold_what_can_be_seen_and_a_rooms_is_never_cut() {
    let place = Place::new("names");
    let (games, problems) = airboat::game::lua::modules::discover(None);
    assert!(problems.is_empty(), "{problems:?}");
    let server = Server::start_with(place.config(), games).await.unwrap();
    let ask = async |name: &str, room: &str| {
        let join = json!({ "module": "tank8", "room": room });
        let answer = curl(server.addr(), json!({ "hello": { "name": name, "join": join } })).await;
        let frames = answer["frames"].as_array().unwrap();
        let wanted = |frame: &&serde_json::Value| frame["type"] == "joined" || frame["type"] == "refused";
        frames.iter().find(wanted).unwrap_or_else(|| panic!("{answer}")).clone()
    };
    let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
    for (typed, name) in [
        ("a\u{202e}\u{200b}b".to_owned(), "ab".to_owned()),
        ("\u{200b}".to_owned(), "guest".to_owned()),
        (family.repeat(3), family.repeat(2)),
    ] {
        let joined = ask(&typed, "pond").await;
        let me = joined["player"].as_str().unwrap();
        assert_eq!(joined["documents"]["players"][me]["name"], name, "{joined}");
    }
    assert_eq!(ask("ann", &"r".repeat(64)).await["room"], "r".repeat(64));
    let refused = ask("ann", &"r".repeat(65)).await;
    assert_eq!(refused, json!({ "type": "refused", "reason": 61, "text": "a room's name has at most 64 bytes" }));
    assert_eq!(ask("ann", "\u{2060}").await["reason"], 61);
    soon(server.shutdown()).await.unwrap();
}
