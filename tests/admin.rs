//! The panel as a browser and as an attacker meet it: over HTTP, on a real server with a real game.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airboat::config::{Config, Limits, UdpMode};
use airboat::protocol::CloseReason;
use airboat::protocol::message::{ClientFrame, Hello, JoinRequest, ServerFrame};
use airboat::server::Server;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const PASSWORD: &str = "brass gears turn slowly";

/// A folder and a server in it.
struct Place {
    folder: PathBuf,
    server: Server,
}

impl Place {
    async fn new(test: &str, change: impl FnOnce(&mut Config)) -> Self {
        let folder = std::env::temp_dir().join(format!("airboat-admin-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let server = Self::start(&folder, change).await;
        Self { folder, server }
    }

    async fn start(folder: &Path, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config {
            port: 0,
            udp: UdpMode::Off,
            data: folder.join("data"),
            certs: folder.join("certs"),
            modules: Path::new(env!("CARGO_MANIFEST_DIR")).join("modules"),
            workers: 1,
            // A slow machine must not outwait the waits.
            limits: Limits { admin_login_wait_secs: 600, ..Limits::default() },
            ..Config::default()
        };
        change(&mut config);
        Server::start(config).await.unwrap()
    }

    fn setup_body(&self) -> Value {
        json!({ "token": self.server.setup_secret().unwrap(), "name": "Ada", "password": PASSWORD })
    }

    /// Sets the first admin; returns its browser.
    async fn admin(&self) -> Browser {
        let mut browser = Browser::new(self.server.addr());
        assert_eq!(browser.post("/admin/api/setup", &self.setup_body()).await.status, 200);
        assert!(browser.cookie.is_some());
        browser
    }

    async fn end(self) {
        soon(self.server.shutdown()).await.unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Long enough for any machine; only a hang meets it.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("hung")
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value; names are lower case on hyper's wire.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends what a browser sends from the panel's own page.
struct Browser {
    server: SocketAddr,
    cookie: Option<String>,
    /// More headers, each ended by a line break.
    extra: String,
}

impl Browser {
    fn new(server: SocketAddr) -> Self {
        Self { server, cookie: None, extra: String::new() }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", b"").await
    }

    async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let origin = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", self.server);
        self.send("POST", path, &format!("{origin}Content-Type: application/json\r\n"), body.to_string().as_bytes())
            .await
    }

    async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        soon(stream.read_to_end(&mut bytes)).await.unwrap();
        let split = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let body = bytes.split_off(split + 4);
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Answer { status, head, body };
        if let Some(cookie) = answer.header("set-cookie") {
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        answer
    }

    async fn open(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.server).await.unwrap();
        let cookie = self.cookie.as_ref().map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n{cookie}{headers}{}\r\n",
            self.server,
            body.len(),
            self.extra
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        stream
    }
}

fn login(name: &str, password: &str) -> Value {
    json!({ "name": name, "password": password })
}

#[tokio::test]
async fn the_first_visitor_never_becomes_admin() {
    let place = Place::new("first", |_| ()).await;
    let mut visitor = Browser::new(place.server.addr());
    assert_eq!(visitor.get("/admin/api/me").await.json()["admin"], Value::Null);
    for token in ["", "0", &"0".repeat(64), "null"] {
        let body = json!({ "token": token, "name": "Mallory", "password": PASSWORD });
        let answer = visitor.post("/admin/api/setup", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "link_invalid"));
    }
    assert_eq!(visitor.post("/admin/api/setup", &login("Mallory", PASSWORD)).await.status, 400);
    assert_eq!(visitor.post("/admin/api/login", &login("Mallory", PASSWORD)).await.code(), "login_wrong");
    for (method, path) in [
        ("GET", "/admin/api/live"),
        ("GET", "/admin/api/rooms"),
        ("POST", "/admin/api/rooms/close"),
        ("POST", "/admin/api/logout"),
    ] {
        let answer = match method {
            "GET" => visitor.get(path).await,
            _ => visitor.post(path, &json!({ "module": "tank8", "name": "pond" })).await,
        };
        assert_eq!((answer.status, answer.code().as_str()), (401, "login_needed"), "{path}");
    }
    assert!(visitor.cookie.is_none());
    place.end().await;
}

#[tokio::test]
async fn the_link_works_once() {
    let place = Place::new("once", |_| ()).await;
    let mut body = place.setup_body();
    let mut browser = Browser::new(place.server.addr());
    // What is wrong with the form costs nobody the link.
    for (key, value, code) in [("password", "short", "password_refused"), ("name", " ", "name_refused")] {
        let mut wrong = body.clone();
        wrong[key] = value.into();
        let answer = browser.post("/admin/api/setup", &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code));
    }
    // Two at once: one of them.
    let mut other = Browser::new(place.server.addr());
    let (one, two) = (body.clone(), place.setup_body());
    let (one, two) = tokio::join!(browser.post("/admin/api/setup", &one), other.post("/admin/api/setup", &two));
    let mut both = [one.status, two.status];
    both.sort_unstable();
    assert_eq!(both, [200, 403]);
    body["name"] = "Mallory".into();
    let mut third = Browser::new(place.server.addr());
    assert_eq!(third.post("/admin/api/setup", &body).await.code(), "link_invalid");
    assert_eq!(third.get("/admin/api/me").await.json()["setup"], false);
    assert_eq!(third.post("/admin/api/login", &login("Mallory", PASSWORD)).await.status, 401);
    assert_eq!(third.post("/admin/api/login", &login("ada", PASSWORD)).await.status, 200);
    assert_eq!(third.get("/admin/api/me").await.json()["admin"], "Ada");

    // A restart prints no new one, and the password is still known; the sessions are gone.
    let Place { folder, server } = place;
    soon(server.shutdown()).await.unwrap();
    let server = Place::start(&folder, |_| ()).await;
    assert!(server.setup_secret().is_none());
    let mut browser = Browser::new(server.addr());
    assert_eq!(browser.post("/admin/api/setup", &body).await.code(), "link_invalid");
    assert_eq!(browser.post("/admin/api/login", &login("Ada", PASSWORD)).await.status, 200);
    Place { folder, server }.end().await;
}

#[tokio::test]
async fn wrong_passwords_are_slowed() {
    let place = Place::new("slowed", |_| ()).await;
    drop(place.admin().await);
    let mut guesser = Browser::new(place.server.addr());
    let mut looked_at = 0;
    for n in 0..50 {
        let answer = guesser.post("/admin/api/login", &login("Ada", &format!("guess number {n}"))).await;
        match answer.status {
            401 => looked_at += 1,
            429 => assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 500),
            other => panic!("{other}"),
        }
    }
    assert_eq!(looked_at, Limits::default().admin_login_tries);
    let metrics = place.server.metrics();
    assert_eq!((metrics.admin_logins_failed.get(), metrics.admin_logins_slowed.get()), (5, 45));
    // Even the right one waits, or guessing would go on behind the wait. And so does another name from there.
    assert_eq!(guesser.post("/admin/api/login", &login("Ada", PASSWORD)).await.code(), "slow_down");
    assert_eq!(guesser.post("/admin/api/login", &login("Eve", PASSWORD)).await.code(), "slow_down");
    place.end().await;
}

#[tokio::test]
async fn other_pages_can_do_nothing() {
    let place = Place::new("csrf", |_| ()).await;
    let mut browser = place.admin().await;
    let body = json!({ "module": "tank8", "name": "pond" }).to_string();
    let json = "Content-Type: application/json\r\n";
    let own = format!("Origin: http://{}\r\n", place.server.addr());
    for headers in [
        // A form, a fetch, and a page on another port of this host, each with the cookie as if SameSite did not exist.
        "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\n".to_owned(),
        format!("Origin: https://evil.example\r\n{json}"),
        format!("Origin: http://127.0.0.1:1\r\nSec-Fetch-Site: same-site\r\n{json}"),
        format!("Origin: null\r\n{json}"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n{json}"),
        json.to_owned(),
    ] {
        for path in ["/admin/api/rooms/close", "/admin/api/logout", "/admin/api/login", "/admin/api/setup"] {
            let answer = browser.send("POST", path, &headers, body.as_bytes()).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "origin_refused"), "{path} {headers}");
        }
    }
    // From the own page, but as a form would send it.
    let form = format!("{own}Content-Type: application/x-www-form-urlencoded\r\n");
    assert_eq!(
        browser.send("POST", "/admin/api/rooms/close", &form, b"module=tank8&name=pond").await.code(),
        "not_json"
    );
    let image = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n";
    for path in ["/admin/api/live", "/admin/api/me", "/admin/panel.js"] {
        assert_eq!(browser.send("GET", path, image, b"").await.status, 403, "{path}");
    }
    // Following a link from elsewhere is fine.
    let link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
    assert_eq!(browser.send("GET", "/admin/", link, b"").await.status, 200);
    // Nothing of it had an effect.
    assert_eq!(browser.get("/admin/api/me").await.json()["admin"], "Ada");
    place.end().await;
}

#[tokio::test]
async fn the_cookie_is_a_good_one_and_logout_ends_it() {
    let proxied = |config: &mut Config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let place = Place::new("cookie", proxied).await;
    let mut browser = Browser::new(place.server.addr());
    browser.extra = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n".to_owned();
    let headers = format!("Origin: https://{}\r\nContent-Type: application/json\r\n", place.server.addr());
    let answer = browser.send("POST", "/admin/api/setup", &headers, place.setup_body().to_string().as_bytes()).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").unwrap();
    for flag in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/admin", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag} is missing in {cookie}");
    }
    assert!(!answer.head.to_lowercase().contains("access-control-allow-origin"));
    let copy = browser.cookie.clone();
    assert_eq!(browser.get("/admin/api/rooms").await.status, 200);
    let mut stream = BufReader::new(browser.open("GET", "/admin/api/live", "", b"").await);
    let answer = browser.send("POST", "/admin/api/logout", &headers, b"{}").await;
    assert!(answer.status == 200 && answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    browser.cookie = copy;
    assert_eq!(browser.get("/admin/api/rooms").await.status, 401, "a copy of the cookie is worth nothing");
    // What was open ends too.
    let mut rest = String::new();
    soon(stream.read_to_string(&mut rest)).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn plain_http_from_elsewhere_is_refused() {
    let proxied = |config: &mut Config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let place = Place::new("plain", proxied).await;
    let mut browser = Browser::new(place.server.addr());
    browser.extra = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n".to_owned();
    let page = browser.get("/admin/").await;
    assert_eq!(page.status, 403);
    assert!(String::from_utf8_lossy(&page.body).contains("https"), "says what to do");
    assert_eq!(browser.get("/admin/api/me").await.code(), "https_needed");
    assert_eq!(browser.post("/admin/api/setup", &place.setup_body()).await.code(), "https_needed");
    assert_eq!(browser.get("/admin/panel.js").await.status, 403);
    browser.extra = browser.extra.replace("Proto: http\r", "Proto: https\r");
    assert_eq!(browser.get("/admin/").await.status, 200);
    place.end().await;

    // An address of a network, if this machine has one.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let lan = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).map(|address| address.ip());
    let Some(lan) = lan.ok().filter(|ip| !ip.is_loopback()) else { return };
    for (allowed, status) in [(false, 403), (true, 200)] {
        let place = Place::new("lan", |config| config.admin_plain_http = allowed).await;
        let mut browser = Browser::new((lan, place.server.addr().port()).into());
        assert_eq!(browser.get("/admin/").await.status, status);
        place.end().await;
    }
}

#[tokio::test]
async fn the_page_says_how_it_may_be_used() {
    let place = Place::new("page", |_| ()).await;
    let mut browser = Browser::new(place.server.addr());
    let to_page = browser.get("/admin").await;
    assert_eq!((to_page.status, to_page.header("location")), (308, Some("/admin/")));
    for (path, kind) in [
        ("/admin/", "text/html; charset=utf-8"),
        ("/admin/panel.js", "text/javascript; charset=utf-8"),
        ("/admin/panel.css", "text/css; charset=utf-8"),
        ("/admin/icon.svg", "image/svg+xml"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|found| found == part), "{part}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let tag = answer.header("etag").unwrap();
        let again = browser.send("GET", path, &format!("If-None-Match: {tag}\r\n"), b"").await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    for path in ["/admin/index.htm", "/admin/..%2f..%2fCargo.toml", "/admin/api/nothing", "/admin/api/"] {
        assert_eq!(browser.get(path).await.code(), "not_found", "{path}");
    }
    let large = json!({ "name": "x".repeat(10_000), "password": "" });
    assert_eq!(browser.post("/admin/api/login", &large).await.code(), "too_large");
    place.end().await;
}

#[tokio::test]
async fn a_closed_room_is_closed_and_written_down() {
    let place = Place::new("close", |_| ()).await;
    let mut admin = place.admin().await;
    let stream = TcpStream::connect(place.server.addr()).await.unwrap();
    let url = format!("ws://{}/ws", place.server.addr());
    let (mut player, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let join = JoinRequest { module: "tank8".to_owned(), room: "Pond".to_owned(), ..JoinRequest::default() };
    let hello = Hello { protocol: 1, client: "test".to_owned(), join: Some(join), ..Hello::default() };
    player.send(Message::Binary(ClientFrame::Hello(Box::new(hello)).encode())).await.unwrap();

    let mut live = BufReader::new(admin.open("GET", "/admin/api/live", "", b"").await);
    let figures = soon(until(&mut live, |figures| figures["rooms"][0]["players"] == 1)).await;
    assert_eq!((&figures["rooms"][0]["module"], &figures["rooms"][0]["name"]), (&json!("tank8"), &json!("Pond")));
    assert_eq!((&figures["players"], &figures["rooms_open"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&figures["transports"][2]["name"], &figures["transports"][2]["players"]),
        (&json!("websocket"), &json!(1))
    );
    let figures = soon(until(&mut live, |figures| figures["ticks_per_second"].as_f64() > Some(0.0))).await;
    assert!(figures["tick_us"]["p99"].is_number() && figures["memory_bytes"].as_u64() > Some(1_000_000), "{figures}");

    let which = json!({ "module": "tank8", "name": "pond" });
    assert_eq!(admin.post("/admin/api/rooms/close", &json!({ "module": "tank8", "name": "lake" })).await.status, 404);
    assert_eq!(admin.post("/admin/api/rooms/close", &which).await.status, 200);
    let bye = soon(async {
        while let Some(Ok(message)) = player.next().await {
            if let Ok(ServerFrame::Bye { reason, .. }) = ServerFrame::decode(&message.into_data()) {
                return Some(reason);
            }
        }
        None
    });
    assert_eq!(bye.await, Some(CloseReason::RoomClosed));
    assert_eq!(CloseReason::RoomClosed as u8, 56);
    soon(until(&mut live, |figures| figures["rooms_open"] == 0)).await;
    assert_eq!(admin.post("/admin/api/rooms/close", &which).await.code(), "no_such_room");
    assert_eq!(admin.get("/admin/api/rooms").await.json(), json!({ "rooms": [] }));

    let Place { folder, server } = place;
    soon(server.shutdown()).await.unwrap();
    let database = rusqlite::Connection::open(folder.join("data/airboat.sqlite")).unwrap();
    let mut notes = database.prepare("SELECT admin || ' ' || action || ' ' || subject FROM audit ORDER BY id").unwrap();
    let notes: Vec<String> = notes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes, ["Ada admin.setup ", "Ada room.close tank8/pond"]);
    let kept: String = database.query_row("SELECT password FROM admins", [], |row| row.get(0)).unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Reads the live stream until figures are as wanted.
async fn until(live: &mut BufReader<TcpStream>, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(live.read_line(&mut line).await.unwrap() > 0, "the stream ended");
        // Of an opening with history and figures, and of chunk sizes, only the figures are of interest.
        let Some(data) = line.strip_prefix("data: {") else { continue };
        let figures: Value = serde_json::from_str(&format!("{{{}", data.trim_end())).unwrap();
        if wanted(&figures) {
            return figures;
        }
    }
}
