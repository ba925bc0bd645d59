//! How a poll looks on the wire, and the route `/poll` that takes it.
//!
//! A request: token (16 bytes, zero for a hello), number (u32), flags (bit 0: park), then frames with their lengths. The
//! answer: token, the number again, then frames. Little-endian.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::time::timeout;

use super::{Again, LinkToken, Polls};
use crate::peer::{Peer, allow_origin};
use crate::protocol::CloseReason;
use crate::protocol::message;
use crate::session::TransportKind;
use crate::transport::framed::{put_frame, take_frame};
use crate::transport::pump::count_out;
use crate::transport::{Entrance, json, page_may_play};

const HELLO: LinkToken = [0; 16];
const PARK: u8 = 1;
const HEAD_BYTES: usize = 16 + 4 + 1;

/// One request, taken apart.
struct Envelope {
    token: LinkToken,
    number: u32,
    park: bool,
    frames: Vec<Bytes>,
}

/// `POST /poll`
pub(in crate::transport) async fn entrance(
    State(polls): State<Polls>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let limits = &polls.entrance.config.limits;
    let origin = headers.get(header::ORIGIN).and_then(|o| o.to_str().ok());
    if !page_may_play(&polls.entrance, peer, &headers) {
        return (StatusCode::FORBIDDEN, "this origin is not allowed\n").into_response();
    }
    let reading = axum::body::to_bytes(body, limits.poll_body_bytes_max);
    let Ok(body) = timeout(Duration::from_secs(limits.header_timeout_secs), reading).await else {
        return refuse(&polls.entrance, CloseReason::NoHello, "the body took too long\n");
    };
    let Ok(body) = body else {
        return refuse(&polls.entrance, CloseReason::TooLarge, "the body is larger than limits.poll_body_bytes_max\n");
    };
    let (kind, answer) = if let Some(asked) = json::ask(&headers, &body) {
        match asked {
            Ok(ask) => ("application/json", json::answer(&polls, ask, peer.ip).await),
            Err(why) => return refuse(&polls.entrance, CloseReason::BadFrame, &format!("{why}\n")),
        }
    } else {
        match Envelope::decode(body, limits.frame_bytes_max) {
            Ok(envelope) => ("application/octet-stream", envelope.answer(&polls, peer.ip).await),
            Err(reason) => return refuse(&polls.entrance, reason, "not a poll: see docs/protocol.md\n"),
        }
    };
    let head = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    with_origin(&polls.entrance, origin, (head, answer).into_response())
}

/// `OPTIONS /poll`: `text/plain` needs no leave to ask, but other kinds of body do.
pub(in crate::transport) async fn preflight(State(polls): State<Polls>, headers: HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).and_then(|o| o.to_str().ok());
    let head = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    with_origin(&polls.entrance, origin, (StatusCode::NO_CONTENT, head).into_response())
}

fn with_origin(entrance: &Entrance, origin: Option<&str>, mut response: Response) -> Response {
    let allowed = allow_origin(&entrance.config.allowed_origins, origin).and_then(|o| HeaderValue::from_str(o).ok());
    if let Some(allowed) = allowed {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

fn refuse(entrance: &Entrance, reason: CloseReason, text: &str) -> Response {
    entrance.metrics.frames_refused.add(reason.number(), 1);
    (StatusCode::BAD_REQUEST, text.to_owned()).into_response()
}

impl Envelope {
    fn decode(body: Bytes, frame_max: usize) -> Result<Self, CloseReason> {
        let mut rest = BytesMut::from(body);
        if rest.len() < HEAD_BYTES {
            return Err(CloseReason::BadFrame);
        }
        let mut token = HELLO;
        rest.copy_to_slice(&mut token);
        let (number, flags) = (rest.get_u32_le(), rest.get_u8());
        let mut frames = Vec::new();
        while !rest.is_empty() {
            frames.push(take_frame(&mut rest, frame_max)?.ok_or(CloseReason::BadFrame)?);
        }
        if flags & !PARK != 0 || (token == HELLO && frames.len() != 1) {
            return Err(CloseReason::BadFrame);
        }
        Ok(Self { token, number, park: flags & PARK != 0, frames })
    }

    async fn answer(mut self, polls: &Polls, ip: IpAddr) -> Bytes {
        let (number, entrance) = (self.number, &polls.entrance);
        let hold = Duration::from_secs(entrance.config.limits.poll_hold_secs);
        let polled = if self.token == HELLO {
            match polls.open(&self.frames.swap_remove(0), ip).await {
                Ok(polled) => {
                    self.park = true;
                    polled
                }
                Err(refusal) => {
                    let bye = message::bye(refusal.reason, &refusal.text);
                    count_out(&entrance.metrics, TransportKind::Http, &bye);
                    return encode(&HELLO, number, &[bye]);
                }
            }
        } else {
            // A link that is gone, after silence or a restart: the client says hello with its resume token.
            let Some(polled) = polls.find(&self.token) else {
                return encode(&self.token, number, &[farewell(CloseReason::IdleLink)]);
            };
            polled
        };
        let token = polled.token();
        if !self.park {
            if polled.begin_send(number) {
                polls.apply(&polled, self.frames, false).await;
            }
            return encode(&token, number, &[]);
        }
        match polled.begin_poll(number) {
            Ok(Again::Same(answer)) => return answer,
            Ok(Again::Ended(reason)) => return encode(&token, number, &[farewell(reason)]),
            Ok(Again::Stale) => return encode(&token, number, &[]),
            Err(true) if self.token != HELLO => polls.apply(&polled, self.frames, true).await,
            Err(_) => {}
        }
        let answer = polled.wait(entrance, number, hold, |frames| encode(&token, number, frames)).await;
        answer.unwrap_or_else(|| encode(&token, number, &[]))
    }
}

fn farewell(reason: CloseReason) -> Bytes {
    message::bye(reason, reason.text())
}

fn encode(token: &LinkToken, number: u32, frames: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD_BYTES + frames.iter().map(|f| f.len() + 4).sum::<usize>());
    out.extend_from_slice(token);
    out.extend_from_slice(&number.to_le_bytes());
    for frame in frames {
        put_frame(&mut out, frame);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mutate::damage;

    #[test]
    fn damaged_envelopes_end_in_frames_or_a_reason() {
        let seed = 51;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let ack = Bytes::from_static(&[5, 1, 2, 0]);
        let whole = [encode(&[7; 16], 9, &[ack.clone(), message::left(), ack]), encode(&HELLO, 1, &[message::left()])];
        // An answer has no flags; a request has them behind its number.
        let requests = whole.map(|answer| [&answer[..20], &[1], &answer[20..]].concat());
        assert!(requests.iter().all(|bytes| Envelope::decode(bytes.clone().into(), 1024).is_ok()));
        let rounds = if std::env::var_os("AIRBOAT_SOAK").is_some() { 5_000_000 } else { 50_000 };
        let mut ends = [0, 0];
        for _ in 0..rounds {
            let which = random.usize(..2);
            let bytes = damage(&mut random, &requests[which], &requests[0]);
            let length = bytes.len();
            match Envelope::decode(bytes.into(), 1024) {
                Ok(envelope) => {
                    ends[0] += 1;
                    let frames: usize = envelope.frames.iter().map(|frame| 4 + frame.len()).sum();
                    assert_eq!(HEAD_BYTES + frames, length);
                }
                Err(_) => ends[1] += 1,
            }
        }
        assert!(ends.iter().all(|n| *n > 1000), "{ends:?}");
    }
}
