//! JSON over HTTP, so that `curl` can play: what may be asked and how it is answered.
//!
//! The server itself is the client here: `player` holds a mirror of the room and speaks whole states in real units, about
//! forty times larger than deltas and readable. Below that it is one polled link like any other.

mod player;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::poll::{Again, LinkToken, Polled, Polls};
use crate::protocol::message::{ClientFrame, Hello, JoinRequest, Resume};
use crate::protocol::{CloseReason, PROTOCOL_MAX};

pub(super) use player::Player;

/// A join is answered within this, or the next request brings the answer.
const JOIN_HOLD: Duration = Duration::from_secs(3);

/// One request. Everything but a hello needs the token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    token: Option<String>,
    hello: Option<HelloAsk>,
    join: Option<JoinAsk>,
    #[serde(default)]
    leave: bool,
    /// By name; what is not named stays as it was, presses count.
    input: Option<Map<String, Value>>,
    /// `[["name", data], …]`
    #[serde(default)]
    messages: Vec<(String, Value)>,
    /// The same, each answered by a `reply`; the first is call 1.
    #[serde(default)]
    calls: Vec<(String, Value)>,
    /// Leaves for good.
    #[serde(default)]
    bye: bool,
    /// Waits for the next state or message; else only what is there is answered.
    #[serde(default)]
    wait: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HelloAsk {
    name: String,
    /// As in an earlier `welcome`.
    device: Option<(String, String)>,
    resume: Option<String>,
    join: Option<JoinAsk>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JoinAsk {
    module: String,
    room: String,
    password: String,
    kind: String,
}

impl JoinAsk {
    fn into_request(self) -> JoinRequest {
        JoinRequest { module: self.module, room: self.room, password: self.password, kind: self.kind }
    }
}

/// Whether this is JSON, and what it asks. `curl -d` calls everything a form, so the body's own look counts; a link
/// token that happens to begin with a brace is still no JSON.
pub(super) fn ask(headers: &HeaderMap, body: &Bytes) -> Option<Result<Ask, String>> {
    let declared = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"/json"));
    let trimmed = body.trim_ascii();
    let looks = trimmed.first() == Some(&b'{') && trimmed.last() == Some(&b'}') && std::str::from_utf8(trimmed).is_ok();
    (declared || looks)
        .then(|| serde_json::from_slice(trimmed).map_err(|error| format!("not what can be asked: {error}")))
}

/// Answers `{"token", "frames"}`, or `{"error"}`.
pub(super) async fn answer(polls: &Polls, mut ask: Ask, ip: IpAddr) -> Bytes {
    let answered = match ask.hello.take() {
        Some(hello) => greet(polls, hello, ip).await,
        None => go_on(polls, ask).await,
    };
    let answer = answered.unwrap_or_else(|error| json!({ "error": error }));
    let mut text = answer.to_string();
    text.push('\n');
    text.into()
}

async fn greet(polls: &Polls, ask: HelloAsk, ip: IpAddr) -> Result<Value, String> {
    let resume = match &ask.resume {
        Some(hex) => {
            let token = unhex(hex).ok_or("resume: not the text from `welcome`")?;
            Some(Resume { token, ..Resume::default() })
        }
        None => None,
    };
    let joins = ask.join.is_some() || resume.is_some();
    let hello = Hello {
        protocol: PROTOCOL_MAX,
        client: "json".to_owned(),
        name: ask.name,
        device: ask.device,
        resume,
        join: ask.join.map(JoinAsk::into_request),
        debug_hash: false,
    };
    match polls.open(&ClientFrame::Hello(Box::new(hello)).encode(), ip).await {
        Ok(polled) => Ok(collect(polls, &polled, joins, JOIN_HOLD).await),
        Err(refusal) => Ok(json!({ "token": null, "frames": [player::bye(refusal.reason, &refusal.text)] })),
    }
}

async fn go_on(polls: &Polls, ask: Ask) -> Result<Value, String> {
    let token = ask.token.as_deref().ok_or("no token: begin with {\"hello\": {…}}")?;
    let token: LinkToken = unhex(token).and_then(|t| t.try_into().ok()).ok_or("token: not the text from the answer")?;
    let Some(polled) = polls.find(&token) else {
        let reason = CloseReason::IdleLink;
        return Ok(json!({ "token": null, "frames": [player::bye(reason, reason.text())] }));
    };
    let joins = ask.join.is_some();
    let frames = compose(&mut polled.player(), ask.input, ask.messages, ask.calls);
    let mut frames = frames.map_err(|error| format!("nothing was sent: {error}"))?;
    frames.extend(ask.join.map(|join| ClientFrame::Join(join.into_request()).encode()));
    frames.extend(ask.leave.then(|| ClientFrame::Leave.encode()));
    frames.extend(ask.bye.then(|| ClientFrame::Bye(CloseReason::Left).encode()));
    if let Ok(Again::Ended(reason)) = polled.begin_poll(polled.next_number()) {
        return Ok(json!({ "token": hex(&token), "frames": [player::bye(reason, reason.text())] }));
    }
    polls.apply(&polled, frames, true).await;
    let hold = Duration::from_secs(polls.entrance.config.limits.poll_hold_secs);
    let hold = if joins { JOIN_HOLD } else { hold * u32::from(ask.wait) };
    Ok(collect(polls, &polled, joins, hold).await)
}

fn compose(
    player: &mut Player,
    input: Option<Map<String, Value>>,
    messages: Vec<(String, Value)>,
    calls: Vec<(String, Value)>,
) -> Result<Vec<Bytes>, String> {
    // Everything is looked at before anything is numbered: half a request would be worse than none.
    let read = |(name, data): (String, Value)| Ok::<_, String>((name, player::from_json(&data)?));
    let messages = messages.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let calls = calls.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut frames = player.acknowledge();
    frames.extend(input.map(|input| player.input(&input)).transpose()?);
    for (name, data) in messages {
        frames.push(player.message(name, data, false)?);
    }
    for (name, data) in calls {
        frames.push(player.message(name, data, true)?);
    }
    Ok(frames)
}

/// What there is to say. After a join, waits for its answer too.
async fn collect(polls: &Polls, polled: &Arc<Polled>, joins: bool, hold: Duration) -> Value {
    let frames = Mutex::new(Vec::new());
    let taken = || frames.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let before = taken().len();
        let read = |raw: &[Bytes]| {
            taken().extend(polled.player().read(raw));
            Bytes::new()
        };
        let waited = polled.wait(&polls.entrance, polled.next_number(), hold, read).await;
        let taken = taken();
        let silent = waited.is_none() || taken.len() == before;
        if !joins || silent || taken.iter().any(answers_join) {
            break;
        }
    }
    let frames = std::mem::take(&mut *taken());
    json!({ "token": hex(&polled.token()), "frames": frames })
}

fn answers_join(frame: &Value) -> bool {
    matches!(frame["type"].as_str(), Some("joined" | "resumed" | "refused" | "bye"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).map(|d| d as u8);
    let pair = |pair: &[u8]| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?);
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_like_json(kind: &str, body: &[u8]) -> Option<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        ask(&headers, &Bytes::copy_from_slice(body)).map(|asked| asked.is_ok())
    }

    #[test]
    fn json_is_told_from_frames() {
        let form = "application/x-www-form-urlencoded";
        assert_eq!(looks_like_json(form, br#" {"hello":{}} "#), Some(true));
        assert_eq!(looks_like_json("application/json", b"[]"), Some(false));
        assert_eq!(looks_like_json(form, br#"{"helo":{}}"#), Some(false));
        assert_eq!(looks_like_json("text/plain", &[0; 30]), None);
        assert_eq!(looks_like_json("text/plain", &[b'{'; 30]), None);
    }

    #[test]
    fn damaged_requests_end_in_a_question_or_an_error() {
        let seed = 52;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let seeds: [&[u8]; 4] = [
            br#"{"hello": {"name": "ann", "join": {"module": "tank8", "room": "pond"}}}"#,
            br#"{"token": "00ff", "input": {"mx": 1, "fire": true, "aim": -1e308}, "wait": true}"#,
            br#"{"token": "00ff", "messages": [["chat", {"text": "\u00e4\ud83d\ude00"}]], "calls": [["echo", [[7, null]]]]}"#,
            br#"{"hello": {"device": ["id", "secret"], "resume": "00"}, "leave": false, "bye": true}"#,
        ];
        let rounds = if std::env::var_os("AIRBOAT_SOAK").is_some() { 5_000_000 } else { 50_000 };
        let mut ends = [0, 0, 0];
        for _ in 0..rounds {
            let (seed, other) = (seeds[random.usize(..4)], seeds[random.usize(..4)]);
            let bytes = crate::protocol::mutate::damage(&mut random, seed, other);
            ends[match looks_like_json("application/json", &bytes) {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            }] += 1;
        }
        assert!(ends[0] > 100 && ends[1] > 100 && ends[2] == 0, "{ends:?}");
        let deep = [b'['].repeat(100_000);
        assert_eq!(looks_like_json("application/json", &deep), Some(false));
    }

    #[test]
    fn hex_survives() {
        assert_eq!(unhex(&hex(&[0, 255, 16])), Some(vec![0, 255, 16]));
        assert_eq!(unhex("abc"), None);
        assert_eq!(unhex("zz"), None);
    }
}
