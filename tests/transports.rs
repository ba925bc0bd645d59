//! One script over four transports, on real sockets: hello, join, input, snapshot, message, call, document, drop, resume,
//! close. And what must hold while sessions move about.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod support;

use airboat::{
    config::Config,
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
    let state = |live: &Live| (chats(live), live.closed, live.lost.clone(), live.player.is_playing(), live.tick());
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
async fn who_is_kicked_is_told_why() {
    let folder = Folder::new("kicked");
    let mut config = folder.config();
    config.modules = folder.0.join("modules");
    std::fs::create_dir_all(config.modules.join("strict")).unwrap();
    let main = "return { messages = { run = function(_, player) player:kick('no running') end } }";
    std::fs::write(config.modules.join("strict/main.lua"), main).unwrap();
    let server = Server::start(config).await.unwrap();
    for transport in TRANSPORTS {
        let mut ann = Live::new("ann", "strict", "here");
        ann.join(&url(&server), transport).await;
        ann.message("run", Value::Nil).await;
        ann.until("the end", |ann| ann.closed.is_some()).await;
        assert_eq!((ann.closed, ann.why.as_str()), (Some(CloseReason::Kicked), "no running"), "{}", transport.name());
    }
    server.shutdown().await.unwrap();
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
    assert_eq!(victim.closed, Some(CloseReason::RoomClosed), "nothing to come back to before a new version");
    let tick = neighbour.tick();
    neighbour.until("the neighbour to go on", |n| n.tick() > tick + 60).await;
    assert_eq!(neighbour.closed, None);
    // It went on from its checkpoint once. Failing again closed the module, and the process is well.
    assert_eq!((server.metrics().rooms_restored.get(), server.metrics().rooms_failed.get()), (1, 1));
    victim.closed = None;
    victim.player.forget_token();
    victim.connect(&url, Transport::Quic).await;
    until("a refusal", (&mut victim, &mut neighbour), |victim, _| victim.closed.is_some()).await;
    assert_eq!(victim.closed, Some(CloseReason::Refused));
    assert!(victim.why.contains("module runaway has been closed for less than a minute"), "{}", victim.why);
    server.shutdown().await.unwrap();
}

/// Its memory is more than a checkpoint takes, so there is nothing to go on from; its player comes back each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runaway_script_without_a_checkpoint_is_closed_after_the_second_time_too() {
    let folder = Folder::new("unkept");
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("unkept")).unwrap();
    let unkept = "local game = {}
        function game.open(room) for i = 1, 20000 do room.memory[i] = { i, i, i, i, i, i, i } end end
        function game.tick(room) if room.tick == 10 then while true do end end end
        return game";
    std::fs::write(modules.join("unkept/main.lua"), unkept).unwrap();
    let mut config = folder.config();
    // Far above what filling the memory takes.
    (config.limits.lua_callback_ms, config.modules) = (300, modules);
    let server = Server::start(config).await.unwrap();
    let mut victim = Live::new("victim", "unkept", "loud");
    let mut reasons: Vec<CloseReason> = Vec::new();
    while reasons.last().is_none_or(|reason| reason.come_back()) {
        (victim.closed, victim.connection) = (None, None);
        victim.player.forget_token();
        victim.connect(&url(&server), Transport::Websocket).await;
        victim.until("a coded answer", |victim| victim.closed.is_some()).await;
        reasons.extend(victim.closed);
        assert!(reasons.len() < 10, "{reasons:?}");
    }
    assert_eq!(reasons, [CloseReason::RoomFailed, CloseReason::RoomClosed]);
    assert!(victim.why.contains("module unkept is closed until a new version comes"), "{}", victim.why);
    let metrics = server.metrics();
    assert_eq!((metrics.rooms_opened.get(), metrics.modules_quarantined.of("unkept").get()), (2, 1));
    assert_eq!(metrics.script_overruns.of("unkept").get(), 2, "each is counted once");
    server.shutdown().await.unwrap();
}

/// Never late enough to be stopped, and always busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_takes_more_than_its_share_makes_way_for_others_and_only_for_them() {
    let folder = Folder::new("greedy");
    let modules = folder.0.join("modules");
    let greedy = "return { tick_rate = 120, tick = function() local n = 0 for i = 1, 2e5 do n = n + i % 7 end end }";
    for (module, source) in [("greedy", greedy), ("quiet", "return {}")] {
        std::fs::create_dir_all(modules.join(module)).unwrap();
        std::fs::write(modules.join(module).join("main.lua"), source).unwrap();
    }
    let mut config = folder.config();
    // Far below and far above what it takes, whatever machine this is.
    (config.limits.room_share_percent, config.limits.lua_callback_ms, config.modules) = (2, 1_000, modules);
    let server = Server::start(config).await.unwrap();
    let (url, metrics) = (url(&server), server.metrics());
    let state = |module: &str| server.directory().rooms().into_iter().find(|room| room.module == module).unwrap().state;
    let mut greedy = Live::new("greedy", "greedy", "hall");
    greedy.join(&url, Transport::Websocket).await;
    greedy.until("it to have proved itself", |_| state("greedy") == "running").await;
    let tick = greedy.tick();
    greedy.until("it to play on where it harms nobody", |greedy| greedy.tick() > tick + 120 * 6).await;
    assert_eq!((state("greedy"), metrics.rooms_over_share.get()), ("running", 0));

    let mut quiet = Live::new("quiet", "quiet", "hall");
    quiet.join(&url, Transport::Websocket).await;
    until("it to make way", (&mut greedy, &mut quiet), |_, _| {
        state("greedy") == "penalty" && state("quiet") == "running"
    })
    .await;
    assert_eq!((metrics.rooms_over_share.get(), metrics.rooms_penalised.get()), (1, 1));
    let ticks = (greedy.tick(), quiet.tick());
    until("both to play on", (&mut greedy, &mut quiet), |greedy, quiet| {
        greedy.tick() > ticks.0 + 300 && quiet.tick() > ticks.1 + 90
    })
    .await;
    assert_eq!((state("greedy"), metrics.rooms_over_share.get()), ("penalty", 1), "it has not changed");
    assert_eq!((greedy.closed, quiet.closed, metrics.script_overruns.of("greedy").get()), (None, None, 0));
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_too_large_to_enter_says_so() {
    let folder = Folder::new("large");
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("large")).unwrap();
    let large = "local game = { messages = {} }
        function game.messages.grow(room) room.state.large = ('x'):rep(9000) end
        return game";
    std::fs::write(modules.join("large/main.lua"), large).unwrap();
    let mut config = folder.config();
    (config.limits.join_answer_bytes_max, config.modules) = (8192, modules);
    let server = Server::start(config).await.unwrap();
    let url = url(&server);
    let mut first = Live::new("first", "large", "hall");
    first.join(&url, Transport::Websocket).await;
    first.message("grow", Value::Nil).await;
    first.until("a large room", |first| first.document("state").get("large").text().is_some()).await;
    for (turned_away, transport) in (1..).zip(TRANSPORTS) {
        let mut late = Live::new("late", "large", "hall");
        late.connect(&url, transport).await;
        late.until("a coded answer", |late| late.closed.is_some()).await;
        assert_eq!(late.closed, Some(CloseReason::TooLarge), "{}", transport.name());
        assert!(late.why.contains("the room is too large to enter"), "{}", late.why);
        assert_eq!(server.metrics().join_answers_too_large.get(), turned_away);
    }
    let tick = first.tick();
    first.until("those who are in to play on", |first| first.tick() > tick + 5).await;
    assert_eq!(first.closed, None);
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
    config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
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

/// A module that fills every document there is: what is sent is bounded, so everybody can come, over any transport, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_kept_out_by_what_a_room_holds() {
    let folder = Folder::new("crammed");
    let modules = folder.0.join("modules");
    std::fs::create_dir_all(modules.join("crammed")).unwrap();
    let text = r#"
local game = { seats = { 1, 200 }, bots = 190, inputs = { a = field.press() } }
function game.open(room) room.memory.turn = 0 end
function game.join(room, player)
  player.state.s = ("x"):rep(60000)
  player.secret.s = player.state.s
end
function game.bot() return {} end
function game.tick(room)
  local letter = room.tick % 2 == 0 and "x" or "y"
  for player in room:players() do
    if not player.bot then player.state.s, player.secret.s = letter:rep(60000), letter:rep(20000) end
  end
  room.state.n = room.tick
end
return game
"#;
    std::fs::write(modules.join("crammed/main.lua"), text).unwrap();
    let mut config = Config { modules, ..folder.config() };
    config.limits.lua_callback_ms = 300;
    let server = Server::start(config).await.unwrap();
    let mut all = Vec::new();
    for (transport, room) in TRANSPORTS.into_iter().cycle().zip(["a", "a", "a", "a", "b", "b", "b", "b"]) {
        let mut live = Live::new(transport.name(), "crammed", room);
        live.join(&url(&server), transport).await;
        all.push(live);
    }
    let n = |live: &Live| live.document("state").get("n").number().unwrap_or_default();
    let before: Vec<f64> = all.iter().map(n).collect();
    for _ in 0..6_000 {
        if all.iter().zip(&before).all(|(live, before)| n(live) > before + 30.0) {
            break;
        }
        for live in &mut all {
            live.turn().await;
        }
    }
    for (live, before) in all.iter().zip(before) {
        assert_eq!((live.closed, live.connection.is_some()), (None, true), "{}", live.why);
        assert!(n(live) > before + 30.0, "{} of {before}", n(live));
    }
    assert_eq!(server.metrics().reliable_overflowed.get(), 0);
    server.shutdown().await.unwrap();
}
