//! What a script keeps to itself reaches nobody, and `player.secret` only its player: read from the raw frames of all four
//! transports, and from the readable view over HTTP.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{protocol::Value, server::Server};
use airboat_loadtest::args::Transport;
use serde_json::json;
use support::live::{Folder, Live, TRANSPORTS, url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Each kind of private thing holds a marker of its own, from the first tick on and again and again.
const MODULE: &str = r#"
local game = { tick_rate = 30 }
game.entities = { box = { fields = { x = field.number(0, 100) } } }
game.messages = {}
function game.open(room) room.memory.word = "MARKER-room-memory" room.state.word = "MARKER-open" end
function game.join(room, player)
  player.secret.word = "MARKER-secret-" .. player.name
  player.memory.word = "MARKER-player-memory"
  player.memory.box = room:spawn("box", { word = "MARKER-entity", owner = player, deep = { word = "MARKER-entity" } })
end
function game.tick(room)
  room.memory.tick = { "MARKER-room-memory", room.tick }
  for box in room:each "box" do
    box.x = room.tick % 100
    box.word = "MARKER-entity" .. room.tick
    box.owner.secret.tick = "MARKER-secret-" .. box.owner.name .. room.tick
    box.owner.memory.tick = "MARKER-player-memory" .. room.tick
  end
end
function game.messages.share(room, player) room:broadcast("box", { box = player.memory.box, from = player }) return player end
return game
"#;

fn holds(raw: &[u8], marker: &str) -> bool {
    raw.windows(marker.len()).any(|window| window == marker.as_bytes())
}

fn markers(raw: &[u8], name: &str, other: &str) {
    assert!(holds(raw, "MARKER-open"), "{name} sees what is open");
    for private in ["MARKER-room-memory", "MARKER-player-memory", "MARKER-entity"] {
        assert!(!holds(raw, private), "{name} got {private}");
    }
    assert!(holds(raw, &format!("MARKER-secret-{name}")), "{name} sees its own secret");
    assert!(!holds(raw, &format!("MARKER-secret-{other}")), "{name} got the secret of {other}");
}

async fn poll(address: std::net::SocketAddr, ask: serde_json::Value) -> (Vec<u8>, serde_json::Value) {
    let body = ask.to_string();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /poll HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    let start = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let answer = serde_json::from_slice(&raw[start..]).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&raw)));
    (raw, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_things_stay_private_on_all_transports() {
    let folder = Folder::new("secrets");
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("secrets")).unwrap();
    std::fs::write(modules.join("secrets/main.lua"), MODULE).unwrap();
    let mut config = folder.config();
    config.modules = modules;
    let server = Server::start(config).await.unwrap();
    let url = url(&server);
    for transport in TRANSPORTS {
        let room = format!("room {}", transport.name());
        let (mut ann, mut bob) = (Live::new("ann", "secrets", &room), Live::new("bob", "secrets", &room));
        ann.join(&url, transport).await;
        bob.join(&url, Transport::Websocket).await;
        // A third player asks over HTTP for the readable view.
        let address = server.addr();
        let eve = tokio::spawn(async move {
            let join = json!({ "module": "secrets", "room": room });
            let (mut raw, answer) = poll(address, json!({ "hello": { "name": "eve", "join": join } })).await;
            let token = answer["token"].clone();
            for _ in 0..20 {
                raw.extend(poll(address, json!({ "token": token, "wait": true })).await.0);
            }
            raw
        });
        for live in [&mut ann, &mut bob] {
            live.message("share", Value::Nil).await;
            let (_, frame) = live.player.call("share", Value::Nil);
            live.send(frame).await;
        }
        let start = bob.tick();
        let hashes = |live: &Live| live.player.client.hashes().documents;
        while hashes(&ann) < 3 || hashes(&bob) < 3 || bob.tick() < start + 90 {
            ann.turn().await;
            bob.turn().await;
        }
        // The whole join answer once more.
        ann.drop_connection();
        ann.player.forget_token();
        ann.join(&url, transport).await;
        assert!(ann.raw.len() > 1_000 && bob.raw.len() > 1_000);
        markers(&ann.raw, "ann", "bob");
        markers(&bob.raw, "bob", "ann");
        let eve = eve.await.unwrap();
        markers(&eve, "eve", "ann");
        markers(&eve, "eve", "bob");
        assert!(!holds(&ann.raw, "MARKER-secret-eve") && !holds(&bob.raw, "MARKER-secret-eve"));
    }
    server.shutdown().await.unwrap();
}
