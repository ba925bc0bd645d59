//! What outlives a room: the state of one that is kept, and what its script puts into the store.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{config::Config, protocol::Value, server::Server};
use airboat_loadtest::args::Transport;
use support::live::{Folder, Live, url};

const SHELF: &str = r#"
local game = { tick_rate = 20, empty_after = 0, when_empty = "keep" }
game.messages, game.answers = {}, {}
game.entities = { book = { fields = { x = field.number(0, 100, 1) } } }
function game.open(room)
  room.state.books = 0
  room.store:get("best", "best", "told")
end
function game.restored(room, why) room.state.why = why end
function game.messages.add(room) room.state.books = room.state.books + 1; room:spawn("book", { x = room.state.books }) end
function game.messages.keep(room, player, data) room.store:set("best", { books = room.state.books, by = data }) end
function game.answers.best(room, best, told) room.state.best = best; room.state.told = told end
return game
"#;

fn config(folder: &Folder) -> Config {
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("shelf")).unwrap();
    std::fs::write(modules.join("shelf/main.lua"), SHELF).unwrap();
    Config { modules, ..folder.config() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_room_is_found_as_it_was_left_by_its_name() {
    let folder = Folder::new("kept");
    let server = Server::start(config(&folder)).await.unwrap();
    let mut ann = Live::new("ann", "shelf", "hall");
    ann.join(&url(&server), Transport::Websocket).await;
    for _ in 0..3 {
        ann.message("add", Value::Nil).await;
    }
    ann.until("three books", |ann| ann.document("state").get("books").number() == Some(3.0)).await;
    // Taken once a second: the next one holds the books.
    let taken = server.metrics().checkpoints.get();
    ann.until("a checkpoint", |_| server.metrics().checkpoints.get() > taken + 1).await;
    let bye = ann.player.client.bye(airboat::protocol::CloseReason::Left);
    ann.send([bye]).await;
    ann.until("the room to close", |_| server.directory().rooms().is_empty()).await;

    let mut bob = Live::new("bob", "shelf", "Hall");
    bob.join(&url(&server), Transport::Http).await;
    bob.until("the books", |bob| bob.document("state").get("books").number() == Some(3.0)).await;
    assert_eq!(bob.document("state").get("why").text(), Some("checkpoint"));
    let mirror = bob.player.client.mirror().unwrap();
    assert_eq!(mirror.world().classes[0].ids.len(), 3);
    let mut carl = Live::new("carl", "shelf", "another");
    carl.join(&url(&server), Transport::Quic).await;
    assert_eq!(carl.document("state").get("books").number(), Some(0.0), "another name is another room");
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_stores_outlives_the_server() {
    let folder = Folder::new("stored");
    let server = Server::start(config(&folder)).await.unwrap();
    let mut ann = Live::new("ann", "shelf", "hall");
    ann.join(&url(&server), Transport::Websocket).await;
    ann.until("the answer", |ann| ann.document("state").get("told").text() == Some("told")).await;
    assert_eq!(ann.document("state").get("best"), &Value::Nil, "nothing was there yet");
    ann.message("add", Value::Nil).await;
    ann.message("keep", "ann".into()).await;
    ann.until("one book", |ann| ann.document("state").get("books").number() == Some(1.0)).await;
    ann.until("it to be told", |ann| ann.player.client.mirror().is_some_and(|mirror| mirror.tick() > 0)).await;
    server.shutdown().await.unwrap();

    let server = Server::start(config(&folder)).await.unwrap();
    let mut bob = Live::new("bob", "shelf", "elsewhere");
    bob.join(&url(&server), Transport::Websocket).await;
    let best = Value::map([("books", 1.0.into()), ("by", "ann".into())]);
    bob.until("what was stored", |bob| bob.document("state").get("best") == &best).await;
    server.shutdown().await.unwrap();
}

/// Keeps the database busy for good.
const FLOOD: &str = r#"
local game = { tick_rate = 60 }
function game.tick(room)
  for i = 1, 15 do room.store:set("k" .. (room.tick * 15 + i) % 500, ("x"):rep(60000) .. room.tick) end
end
return game
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_floods_its_store_keeps_nobody_from_coming_and_the_server_from_ending() {
    let folder = Folder::new("flooded");
    let mut config = config(&folder);
    std::fs::create_dir_all(config.modules.join("flood")).unwrap();
    std::fs::write(config.modules.join("flood/main.lua"), FLOOD).unwrap();
    // So few that some are too many whatever disk this is.
    (config.limits.store_queue, config.limits.store_rooms_queue, config.limits.store_room_requests) = (16, 16, 4);
    let server = Server::start(config).await.unwrap();
    let mut flood = Live::new("flood", "flood", "sea");
    flood.join(&url(&server), Transport::Websocket).await;
    flood.until("too many requests", |_| server.metrics().script_store_refused.get() > 100).await;
    for n in 0..20 {
        let mut new = Live::new("new", "shelf", &format!("hall {n}"));
        new.join(&url(&server), Transport::Websocket).await;
        flood.until("the flood to go on", |flood| flood.player.is_playing()).await;
        assert_eq!((new.closed, flood.closed), (None, None));
    }
    server.shutdown().await.unwrap();
}
