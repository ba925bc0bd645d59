//! HTTP polling at `/poll`: one long-lived link emptied by many requests.
//!
//! A request: token (16 bytes, zero for a hello), number (u32), flags (bit 0: park), then frames with their lengths. The
//! answer: token, the number again, then frames. A parked request waits for something to say; a newer one empties it.
//! A number that comes again gets the same answer again and is not applied twice, so a lost answer loses nothing.
//! Everything the server has to say is in the body of a 200, because clients in browsers see nothing else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use super::framed::{put_frame, take_frame};
use super::pump::{count_in, count_out, via};
use super::seats::Counted;
use super::{Entrance, json};
use crate::peer::{Peer, allow_origin, origin_allowed};
use crate::protocol::message::{self, ClientFrame};
use crate::protocol::{CloseReason, Micros};
use crate::room::directory::Refusal;
use crate::session::{Link, Outgoing, TransportKind};

/// Names an attachment; all zero says hello.
pub(super) type LinkToken = [u8; 16];

const HELLO: LinkToken = [0; 16];
const PARK: u8 = 1;
const HEAD_BYTES: usize = 16 + 4 + 1;
/// An answer takes no more frames beyond this; what waits goes with the next poll.
const ANSWER_BYTES: usize = 64 * 1024;

/// The polled links and the way in.
#[derive(Clone)]
pub struct Polls {
    pub(super) entrance: Entrance,
    links: Arc<Mutex<HashMap<LinkToken, Arc<Polled>>>>,
}

/// One attachment over HTTP.
pub(super) struct Polled {
    link: Link,
    turn: Mutex<Turn>,
    /// Counts parked requests: a waiting one that sees a newer number gives way.
    parked: watch::Sender<u64>,
    /// What a client of JSON has on its side elsewhere: its copy of the room.
    pub(super) mirror: Mutex<json::Player>,
    _counted: Counted,
}

#[derive(Default)]
struct Turn {
    /// The newest send applied.
    send: u32,
    /// The newest poll seen, and its answer once there is one.
    poll: u32,
    answer: Option<Bytes>,
    waiting: bool,
    /// When the last poll was answered or given up.
    answered: Micros,
    /// The link is closed; polls hear this again until it is forgotten.
    ended: Option<CloseReason>,
}

/// One request, taken apart.
struct Envelope {
    token: LinkToken,
    number: u32,
    park: bool,
    frames: Vec<Bytes>,
}

impl Polls {
    pub fn new(entrance: Entrance) -> Self {
        Self { entrance, links: Arc::default() }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<LinkToken, Arc<Polled>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, token: &LinkToken) -> Option<Arc<Polled>> {
        // Tokens are random and the map hashes them with a secret key: how long a look-up takes tells nothing.
        self.links().get(token).cloned()
    }

    /// A hello: a new attachment, waiting to be polled.
    pub(super) async fn open(&self, hello: &Bytes, ip: IpAddr) -> Result<Arc<Polled>, Refusal> {
        let entrance = &self.entrance;
        count_in(&entrance.metrics, TransportKind::Http, hello);
        let opened = if entrance.closing.is_cancelled() {
            entrance.metrics.hellos_refused.add(CloseReason::Restarting.number(), 1);
            Err(CloseReason::Restarting.into())
        } else {
            entrance.directory.hello(hello, via(TransportKind::Http, ip, entrance.clock.now())).await
        };
        let link = opened?;
        let polled = Arc::new(Polled {
            turn: Mutex::new(Turn { answered: entrance.clock.now(), ..Turn::default() }),
            parked: watch::Sender::new(0),
            mirror: Mutex::default(),
            _counted: Counted::new(&entrance.metrics, TransportKind::Http),
            link,
        });
        self.links().insert(polled.link.token(), polled.clone());
        Ok(polled)
    }

    /// Frames of one request, in order. As a task of its own: a client that hangs up must not leave half of them out.
    pub(super) async fn apply(&self, polled: &Arc<Polled>, frames: Vec<Bytes>) {
        if frames.is_empty() {
            return;
        }
        let (entrance, polled) = (self.entrance.clone(), polled.clone());
        let applying = async move {
            for frame in frames {
                let bye = is_bye(&frame);
                match polled.link.receive(frame, entrance.clock.now()) {
                    Ok(None) => {}
                    Ok(Some(request)) => entrance.directory.request(&polled.link, request).await,
                    Err(reason) => polled.link.close(reason),
                }
                if bye && !polled.turn().waiting {
                    // A page that goes away polls no more: nobody will fetch the farewell.
                    polled.end(CloseReason::Hidden, entrance.clock.now());
                }
            }
        };
        let _ = self.entrance.links.spawn(applying).await;
    }

    /// Links that nobody polls are lost; those that have ended are forgotten. Runs until the server has closed.
    pub async fn sweep(self) {
        let idle = self.entrance.config.limits.idle_link_secs;
        let mut every = interval(Duration::from_millis(idle * 1000 / 8));
        loop {
            tokio::select! {
                () = self.entrance.closed.cancelled() => return,
                _ = every.tick() => self.sweep_once(self.entrance.clock.now()),
            }
        }
    }

    fn sweep_once(&self, now: Micros) {
        let idle = self.entrance.config.limits.idle_link_secs * 1_000_000;
        self.links().retain(|_, polled| {
            let turn = polled.turn();
            let silent = !turn.waiting && now.saturating_sub(turn.answered) > idle;
            if silent && turn.ended.is_none() {
                polled.link.lost(now);
            }
            !silent
        });
    }
}

impl Polled {
    pub(super) fn token(&self) -> LinkToken {
        self.link.token()
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: CloseReason, now: Micros) {
        self.turn().ended = Some(reason);
        self.link.lost(now);
    }

    /// Waits until there is something to say or `hold` has passed. `encode` makes the answer while nothing can get
    /// between taking the frames and keeping it. `None`: a newer request waits now.
    pub(super) async fn wait(
        &self,
        entrance: &Entrance,
        number: u32,
        hold: Duration,
        encode: impl Fn(&[Bytes]) -> Bytes + Send,
    ) -> Option<Bytes> {
        let waiting = Waiting::park(self, entrance, number);
        let mut newer = self.parked.subscribe();
        let superseded = async { while *newer.borrow_and_update() == waiting.turn && newer.changed().await.is_ok() {} };
        let ready = std::future::poll_fn(|context| {
            let mut turn = self.turn();
            if *self.parked.borrow() != waiting.turn {
                return Poll::Ready(None);
            }
            let next = pin!(self.link.next()).poll(context);
            next.map(|first| Some(self.answer(entrance, &mut turn, Some(first), &encode)))
        });
        tokio::select! {
            biased;
            answer = ready => answer,
            () = superseded => None,
            () = async { tokio::select! { () = sleep(hold) => {}, () = entrance.closed.cancelled() => {} } } => {
                let mut turn = self.turn();
                (*self.parked.borrow() == waiting.turn).then(|| self.answer(entrance, &mut turn, None, &encode))
            }
        }
    }

    /// Everything that waits, encoded and kept for the case that the client asks again.
    fn answer(
        &self,
        entrance: &Entrance,
        turn: &mut Turn,
        first: Option<Outgoing>,
        encode: impl Fn(&[Bytes]) -> Bytes,
    ) -> Bytes {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut waiting = first;
        while let Some(outgoing) = waiting {
            match outgoing {
                Outgoing::Frame(frame) => {
                    bytes += frame.len();
                    frames.push(frame);
                }
                Outgoing::Snapshot(snapshot) => {
                    frames.push(snapshot);
                    break;
                }
                Outgoing::Close(reason) => {
                    turn.ended = Some(reason);
                    self.link.lost(entrance.clock.now());
                    break;
                }
            }
            waiting = if bytes < ANSWER_BYTES { self.link.try_next() } else { None };
        }
        let answer = encode(&frames);
        turn.answer = Some(answer.clone());
        entrance.metrics.polls.add(1);
        answer
    }

    /// What a poll with this number gets without waiting: the same answer again, a closed link's farewell, or nothing
    /// because a newer one has been here. `Err`: it waits.
    pub(super) fn begin_poll(&self, number: u32) -> Result<Again, bool> {
        let mut turn = self.turn();
        if number < turn.poll {
            return Ok(Again::Stale);
        }
        let fresh = number > turn.poll;
        if !fresh && let Some(answer) = &turn.answer {
            return Ok(Again::Same(answer.clone()));
        }
        if let Some(reason) = turn.ended {
            return Ok(Again::Ended(reason));
        }
        if fresh {
            turn.poll = number;
            turn.answer = None;
        }
        Err(fresh)
    }

    /// Whether a send with this number is new.
    pub(super) fn begin_send(&self, number: u32) -> bool {
        let mut turn = self.turn();
        let fresh = number > turn.send;
        turn.send = turn.send.max(number);
        fresh && turn.ended.is_none()
    }

    /// Requests without a number of their own take the next.
    pub(super) fn next_number(&self) -> u32 {
        let turn = self.turn();
        turn.poll.max(turn.send) + 1
    }
}

pub(super) enum Again {
    Same(Bytes),
    Ended(CloseReason),
    Stale,
}

/// A parked request; however it ends, the link is not waited for any more.
struct Waiting<'a> {
    polled: &'a Polled,
    entrance: &'a Entrance,
    turn: u64,
}

impl<'a> Waiting<'a> {
    fn park(polled: &'a Polled, entrance: &'a Entrance, number: u32) -> Self {
        let mut turn = polled.turn();
        turn.poll = number;
        turn.waiting = true;
        let mut mine = 0;
        polled.parked.send_modify(|n| {
            *n += 1;
            mine = *n;
        });
        drop(turn);
        polled.link.hear(entrance.clock.now());
        polled.link.want_snapshot(true);
        Self { polled, entrance, turn: mine }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut turn = self.polled.turn();
        if *self.polled.parked.borrow() == self.turn {
            turn.waiting = false;
            turn.answered = self.entrance.clock.now();
            drop(turn);
            self.polled.link.want_snapshot(false);
        }
    }
}

/// `POST /poll`
pub async fn entrance(
    State(polls): State<Polls>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let limits = &polls.entrance.config.limits;
    let origin = headers.get(header::ORIGIN).and_then(|o| o.to_str().ok());
    if !origin_allowed(&polls.entrance.config.allowed_origins, origin) {
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
pub async fn preflight(State(polls): State<Polls>, headers: HeaderMap) -> Response {
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
                polls.apply(&polled, self.frames).await;
            }
            return encode(&token, number, &[]);
        }
        match polled.begin_poll(number) {
            Ok(Again::Same(answer)) => return answer,
            Ok(Again::Ended(reason)) => return encode(&token, number, &[farewell(reason)]),
            Ok(Again::Stale) => return encode(&token, number, &[]),
            Err(true) if self.token != HELLO => polls.apply(&polled, self.frames).await,
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

fn is_bye(frame: &Bytes) -> bool {
    frame.first() == Some(&0x92) && matches!(ClientFrame::decode(frame), Ok(ClientFrame::Bye(_)))
}
