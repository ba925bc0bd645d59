//! One script over four transports, on real sockets: hello, join, input, snapshot, message, call, document, drop, resume,
//! close. And what must hold while sessions move about.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{
    protocol::{CloseReason, Value},
    server::Server,
};
use airboat_loadtest::{args::Transport, player::Heard};
use support::live::{Folder, Live, TRANSPORTS, url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn chat(text: &str) -> Value {
    Value::map([("text", text.into())])
}

fn chats(live: &Live) -> Vec<String> {
    let text = |heard: &Heard| match heard {
        Heard::Event { name, data } if name == "chat" => data.get("text").text().map(str::to_owned),
        _ => None,
    };
    live.heard.iter().filter_map(text).collect()
}

/// Both play until `done`: neither may fall asleep while the other waits.
async fn until(what: &str, pair: (&mut Live, &mut Live), mut done: impl FnMut(&Live, &Live) -> bool) {
    let (a, b) = pair;
    for _ in 0..6_000 {
        if done(a, b) {
            return;
        }
        a.turn().await;
        b.turn().await;
    }
    let state =
        |live: &Live| (chats(live), live.closed, live.connection.is_some(), live.player.is_playing(), live.tick());
    panic!("waited in vain for {what}: {:?} and {:?}", state(a), state(b));
}

async fn script(server: &Server, transport: Transport) {
    let (url, room) = (url(server), format!("script-{}", transport.name()));
    let mut witness = Live::new("witness", "tank8", &room);
    witness.join(&url, Transport::Websocket).await;
    let mut ann = Live::new("ann", "tank8", &room);
    ann.join(&url, transport).await;
    let seat = ann.number();
    assert_eq!(ann.document("players").get(&seat.to_string()).get("name"), &"ann".into());

    // Input: aim, fire, mx, my in ascending order of names. The tank drives right, and a bullet flies.
    let start = ann.own("tank", "x");
    ann.held = Some(vec![256, 1, 127, 0]);
    until("the tank to move", (&mut ann, &mut witness), |ann, _| ann.own("tank", "x") > start).await;
    until("a bullet", (&mut ann, &mut witness), |_, witness| {
        witness.player.client.mirror().is_some_and(|m| !m.world().classes[0].is_empty())
    })
    .await;

    // A message, its echo to all, and the document it changes.
    ann.message("chat", chat("one")).await;
    until("chat and document", (&mut ann, &mut witness), |ann, witness| {
        chats(witness) == ["one"] && ann.document("state").get("chats") == &Value::Number(1.0)
    })
    .await;
    let (call, frame) = ann.player.call("echo", 0.25.into());
    ann.send(frame).await;
    let reply = Heard::Reply { call, result: Ok(0.25.into()) };
    until("a reply", (&mut ann, &mut witness), |ann, _| ann.heard.contains(&reply)).await;
    let (call, frame) = ann.player.call("no such thing", Value::Nil);
    ann.send(frame).await;
    until("a refusal", (&mut ann, &mut witness), |ann, _| {
        ann.heard.iter().any(|h| matches!(h, Heard::Reply { call: c, result: Err(_) } if *c == call))
    })
    .await;

    // Drop: the others see it; what is said meanwhile arrives, once, after the resume.
    let before = (ann.player.replayed, ann.player.rejoined);
    if transport != Transport::Http {
        ann.drop_connection();
        until("the drop to be seen", (&mut ann, &mut witness), |_, witness| {
            witness.document("players").get(&seat.to_string()).get("connected") == &Value::Bool(false)
        })
        .await;
    }
    ann.message("chat", chat("two")).await;
    witness.message("chat", chat("three")).await;
    ann.join(&url, transport).await;
    until("what was missed", (&mut ann, &mut witness), |ann, witness| {
        chats(ann).len() == 3 && chats(witness).len() == 3
    })
    .await;
    let mut heard = chats(&ann);
    heard.sort();
    assert_eq!(heard, ["one", "three", "two"]);
    assert_eq!(ann.number(), seat);
    assert_eq!((ann.player.replayed, ann.player.rejoined), (before.0 + 1, before.1));

    // Close: the seat is gone.
    let bye = ann.player.client.bye(CloseReason::Left);
    ann.connection.take().unwrap().close(bye).await.unwrap();
    witness.until("the seat to be free", |w| w.document("players").get(&seat.to_string()) == &Value::Nil).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_transport_runs_the_script() {
    let folder = Folder::new("script");
    let server = Server::start(folder.config()).await.unwrap();
    for transport in TRANSPORTS {
        println!("{}", transport.name());
        script(&server, transport).await;
    }
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_switches_on_real_sockets_lose_and_double_nothing() {
    let folder = Folder::new("switches");
    let server = Server::start(folder.config()).await.unwrap();
    let url = url(&server);
    let mut witness = Live::new("witness", "tank8", "switches");
    witness.join(&url, Transport::Websocket).await;
    let mut mover = Live::new("mover", "tank8", "switches");
    mover.held = Some(vec![0, 0, 10, 0]);
    mover.join(&url, Transport::Quic).await;
    let seat = mover.number();
    let switches = if support::soak() { 2_000 } else { 200 };
    let mut said = Vec::new();
    for n in 0..switches {
        let before = format!("{n} before");
        mover.message("chat", chat(&before)).await;
        mover.connect(&url, TRANSPORTS[n % 4]).await;
        let after = format!("{n} after");
        mover.message("chat", chat(&after)).await;
        said.extend([before, after]);
        until("an answer", (&mut mover, &mut witness), |mover, _| mover.player.is_playing()).await;
    }
    until("everything", (&mut mover, &mut witness), |mover, witness| {
        chats(witness).len() >= said.len() && chats(mover).len() >= said.len()
    })
    .await;
    assert_eq!(chats(&witness), said);
    assert_eq!(chats(&mover), said);
    assert_eq!((mover.number(), mover.player.messages_lost), (seat, 0));
    println!("{} resumes replayed, {} joined again", mover.player.replayed, mover.player.rejoined);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runaway_script_costs_its_own_room_only() {
    let folder = Folder::new("runaway");
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("runaway")).unwrap();
    let runaway = "return { tick = function(room) if room.tick > 5 then while true do end end end }";
    std::fs::write(modules.join("runaway/main.lua"), runaway).unwrap();
    std::fs::create_dir_all(modules.join("good")).unwrap();
    std::fs::write(modules.join("good/main.lua"), "return { tick_rate = 60 }").unwrap();
    let mut config = folder.config();
    config.modules = modules;
    let server = Server::start(config).await.unwrap();
    let url = url(&server);
    let mut neighbour = Live::new("neighbour", "good", "quiet");
    neighbour.join(&url, Transport::Websocket).await;
    let mut victim = Live::new("victim", "runaway", "loud");
    victim.connect(&url, Transport::Websocket).await;
    until("a coded answer", (&mut victim, &mut neighbour), |victim, _| victim.closed.is_some()).await;
    assert_eq!(victim.closed, Some(CloseReason::RoomFailed));
    let tick = neighbour.tick();
    neighbour.until("the neighbour to go on", |n| n.tick() > tick + 60).await;
    assert_eq!(neighbour.closed, None);
    // The name is free again, and the process is well.
    victim.closed = None;
    victim.player.forget_token();
    victim.join(&url, Transport::Quic).await;
    assert_eq!(server.metrics().rooms_failed.get(), 1);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_stopping_server_are_told_to_come_back() {
    let folder = Folder::new("stopping");
    let server = Server::start(folder.config()).await.unwrap();
    let url = url(&server);
    let mut players = tokio::task::JoinSet::new();
    for transport in TRANSPORTS {
        let mut live = Live::new("p", "tank8", "stopping");
        live.join(&url, transport).await;
        // Side by side: a client reads all the time, and a QUIC connection that is closed gives nothing more to read.
        players.spawn(async move {
            live.until("bye", |live| live.closed.is_some() || live.connection.is_none()).await;
            // Between two polls HTTP has nothing that could be told: it finds the port closed instead.
            let untold = transport == Transport::Http && live.closed.is_none();
            assert!(untold || live.closed == Some(CloseReason::Restarting), "{}: {:?}", transport.name(), live.closed);
        });
    }
    let stopping = tokio::spawn(server.shutdown());
    while let Some(told) = players.join_next().await {
        told.unwrap();
    }
    stopping.await.unwrap().unwrap();
}

/// Forwards one request's head with what a proxy adds, then bytes both ways, a few milliseconds at a time.
async fn proxy_connection(mut client: tokio::net::TcpStream, server: std::net::SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    if !head.starts_with(b"GET ") && !head.starts_with(b"POST ") {
        return Ok(()); // speaks HTTP only
    }
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"x-forwarded-for: 198.51.100.7\r\nx-forwarded-proto: https\r\n\r\n");
    let mut upstream = tokio::net::TcpStream::connect(server).await?;
    upstream.write_all(&head).await?;
    let (mut client_read, mut client_write) = client.split();
    let (mut server_read, mut server_write) = upstream.split();
    tokio::select! {
        ended = buffered(&mut client_read, &mut server_write) => ended,
        ended = buffered(&mut server_read, &mut client_write) => ended,
    }
}

/// Collects what comes for a while before passing it on.
async fn buffered(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(65_536);
    while from.read_buf(&mut buffer).await? > 0 {
        let pause = tokio::time::sleep(std::time::Duration::from_millis(3));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                read = from.read_buf(&mut buffer) => if read? == 0 { break },
            }
        }
        to.write_all(&buffer).await?;
        buffer.clear();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_an_http_proxy_websocket_and_http_work_and_udp_is_not_offered() {
    let folder = Folder::new("proxy");
    let mut config = folder.config();
    config.trusted_proxies = vec!["127.0.0.1".into()];
    let server = Server::start(config).await.unwrap();
    let upstream = server.addr();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let proxying = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            connections.spawn(proxy_connection(client, upstream));
        }
    });
    for transport in [Transport::Websocket, Transport::Http] {
        let mut live = Live::new("p", "tank8", "proxied");
        live.held = Some(vec![0, 0, 127, 0]);
        live.join(&proxy, transport).await;
        let start = live.own("tank", "x");
        live.until("the tank to move", |live| live.own("tank", "x") > start).await;
        live.message("chat", chat("hello")).await;
        live.until("chat", |live| chats(live) == ["hello"]).await;
    }
    let mut stream = tokio::net::TcpStream::connect(proxy.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /api/v1/connect HTTP/1.1\r\nhost: play.example\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("websocket") && answer.contains("http"), "{answer}");
    assert!(!answer.contains("\"quic\"") && !answer.contains("\"webtransport\""), "{answer}");
    proxying.abort();
    server.shutdown().await.unwrap();
}
