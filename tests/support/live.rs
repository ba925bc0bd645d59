//! A real server on a free port and players on real sockets, over any transport.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use airboat::{
    config::Config,
    protocol::{CloseReason, Micros, Value, message::JoinRequest},
    server::Server,
};
use airboat_loadtest::{
    args::Transport,
    client::Happened,
    player::{Heard, Player},
    transport::{Connection, Target},
};
use bytes::Bytes;

pub const TRANSPORTS: [Transport; 4] =
    [Transport::Websocket, Transport::Quic, Transport::Webtransport, Transport::Http];

/// Only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for one test, gone at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("airboat-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn config(&self) -> Config {
        let modules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("modules");
        Config {
            port: 0,
            data: self.0.join("data"),
            certs: self.0.join("certs"),
            modules,
            workers: 1,
            ..Config::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn url(server: &Server) -> String {
    format!("http://{}", server.addr())
}

/// A player on a real connection.
pub struct Live {
    pub player: Player,
    pub connection: Option<Connection>,
    pub heard: Vec<Heard>,
    /// All frames as they came, one after the other.
    pub raw: Vec<u8>,
    /// What the server said when it closed or refused.
    pub closed: Option<CloseReason>,
    pub why: String,
    /// How the last connection broke.
    pub lost: Option<String>,
    /// Sends this input each 33 ms.
    pub held: Option<Vec<i32>>,
    next_input: Micros,
    origin: Instant,
}

impl Live {
    pub fn new(name: &str, module: &str, room: &str) -> Self {
        let join = JoinRequest { module: module.into(), room: room.into(), ..JoinRequest::default() };
        Self {
            player: Player::new(name, join),
            connection: None,
            heard: Vec::new(),
            raw: Vec::new(),
            closed: None,
            why: String::new(),
            lost: None,
            held: None,
            next_input: 0,
            origin: now(),
        }
    }

    fn now(&self) -> Micros {
        self.origin.elapsed().as_micros() as Micros
    }

    /// Connects anew, resuming if there is a token. An older connection is dropped without a word once the new one stands.
    pub async fn connect(&mut self, url: &str, transport: Transport) {
        let target = Target::find(url, transport).await.unwrap();
        let hello = self.player.hello();
        (self.connection, self.lost) = (Some(Connection::open(&target, hello).await.unwrap()), None);
    }

    /// Connects and waits until the room has answered.
    pub async fn join(&mut self, url: &str, transport: Transport) {
        self.connect(url, transport).await;
        self.until("an answer", |live| live.player.is_playing()).await;
    }

    /// The connection breaks: nothing is said.
    pub fn drop_connection(&mut self) {
        self.connection = None;
    }

    pub async fn send(&mut self, frame: impl IntoIterator<Item = Bytes>) {
        if let Some(connection) = &mut self.connection {
            for frame in frame {
                // A connection that is going down takes nothing more; why, the frames before its end tell.
                let _ = connection.send(frame).await;
            }
        }
    }

    pub async fn message(&mut self, name: &str, data: Value) {
        let frame = self.player.message(name, data);
        self.send(frame).await;
    }

    /// Plays until `done`; the name is for the failure.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = now() + PATIENCE;
        while !done(self) {
            let link = || self.lost.clone().unwrap_or_else(|| "open".into());
            assert!(
                now() < deadline,
                "waited in vain for {what}: tick {}, closed {:?}, link {}",
                self.tick(),
                self.closed,
                link()
            );
            self.turn().await;
        }
    }

    /// Sends what is due and takes in what comes within a few milliseconds.
    pub async fn turn(&mut self) {
        let at = self.now();
        if let Some(steps) = self.held.clone().filter(|_| self.player.is_playing() && at >= self.next_input) {
            self.next_input = at + 33_333;
            let frame = self.player.client.input(steps, at);
            self.send(frame).await;
        }
        let due = self.player.client.due(at);
        self.send(due).await;
        let Some(connection) = &mut self.connection else {
            return tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let client = &mut self.player.client;
        connection.poll_if_idle(|| client.acknowledgements()).unwrap_or(());
        match tokio::time::timeout(Duration::from_millis(5), connection.receive()).await {
            Err(_) | Ok(Ok(None)) => {}
            Ok(Ok(Some((frame, _)))) => self.take(&frame).await,
            Ok(Err(error)) => (self.connection, self.lost) = (None, Some(error.to_string())),
        }
    }

    async fn take(&mut self, frame: &[u8]) {
        self.raw.extend_from_slice(frame);
        let mut out = Vec::new();
        if let Happened::Closed(reason, why) = self.player.receive(frame, self.now(), &mut out) {
            self.closed = Some(reason);
            self.why = why;
        }
        let faults = self.player.client.take_faults();
        assert!(faults.is_empty(), "{faults:?}");
        self.heard.extend(self.player.take_heard());
        self.send(out).await;
    }

    pub fn document(&self, name: &str) -> Value {
        self.player.client.mirror().map_or(Value::Nil, |mirror| mirror.documents.get(name).clone())
    }

    pub fn number(&self) -> u32 {
        self.player.client.player().unwrap()
    }

    pub fn tick(&self) -> u32 {
        self.player.client.mirror().map_or(0, |mirror| mirror.tick())
    }

    /// One column of one's own entity of a class, in steps.
    pub fn own(&self, class: &str, field: &str) -> Option<i32> {
        let mirror = self.player.client.mirror()?;
        let index = mirror.schema.class(class)?;
        let rows = &mirror.world().classes[index];
        let row = rows.values[0].iter().position(|owner| *owner == self.number() as i32)?;
        Some(rows.values[1 + mirror.schema.classes[index].field(field)?][row])
    }
}

#[allow(clippy::disallowed_methods, reason = "players on real sockets live in real time")]
fn now() -> Instant {
    Instant::now()
}
