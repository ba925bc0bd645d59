//! `POST /poll`: one parked request that waits for frames, and one at a time that brings ours.
//!
//! Request: 16-byte token, u32 request number, u8 flags, frames. Response: token, request number, frames. All
//! little-endian, frames length-prefixed. The token is zero until the answer to the hello names it.

use std::{collections::VecDeque, future::Future, pin::Pin};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Request, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    Received, Target,
    stream::{FrameBuffer, put_frame},
};
use crate::Failure;

const PARK: u8 = 1;
const TOKEN: usize = 16;
const RESPONSE_HEADER: usize = TOKEN + 4;
/// Frames waiting for the request before them to come back; a server that never answers is found by its silence.
const WAITING_MAX: usize = 256 << 10;

type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + Send>>;

pub struct Http {
    url: String,
    /// Keeps connections between requests; the parked poll and the sends end up with one each.
    client: Client<HttpConnector, Full<Bytes>>,
    token: [u8; TOKEN],
    request: u32,
    parked: Option<Answer>,
    sending: Option<Answer>,
    /// Frames for the next send.
    waiting: BytesMut,
    received: VecDeque<Received>,
}

impl Http {
    pub(super) async fn open(target: &Target, hello: &[u8]) -> Result<Self, Failure> {
        let mut http = Self {
            url: format!("http://{}/poll", target.authority),
            client: client(),
            token: [0; TOKEN],
            request: 0,
            parked: None,
            sending: None,
            waiting: BytesMut::new(),
            received: VecDeque::new(),
        };
        let mut frames = BytesMut::new();
        put_frame(&mut frames, hello);
        let answer = http.post(&frames, 0).await?;
        http.token = *answer.first_chunk().ok_or("a response shorter than its header")?;
        http.take(&answer)?;
        Ok(http)
    }

    /// Starts a request; the answer is a future that owns nothing of ours.
    fn post(&mut self, frames: &[u8], flags: u8) -> Answer {
        self.request = self.request.wrapping_add(1);
        let mut body = BytesMut::with_capacity(RESPONSE_HEADER + 1 + frames.len());
        body.put_slice(&self.token);
        body.put_u32_le(self.request);
        body.put_u8(flags);
        body.put_slice(frames);
        let request =
            Request::post(&self.url).header(header::CONTENT_TYPE, "text/plain").body(Full::new(body.freeze()));
        let sent = request.map(|request| self.client.request(request));
        Box::pin(async move {
            let response = sent?.await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
        })
    }

    pub(super) fn is_parked(&self) -> bool {
        self.parked.is_some() || !self.received.is_empty()
    }

    pub(super) fn park(&mut self, frames: &[Bytes]) -> Result<(), Failure> {
        let mut body = BytesMut::new();
        frames.iter().for_each(|frame| put_frame(&mut body, frame));
        self.parked = Some(self.post(&body, PARK));
        Ok(())
    }

    /// Goes out at once, or together with others when the send before it has come back.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        if self.waiting.len() > WAITING_MAX {
            return Err("sends are not answered".into());
        }
        put_frame(&mut self.waiting, frame);
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        if self.sending.is_none() && !self.waiting.is_empty() {
            let frames = self.waiting.split();
            self.sending = Some(self.post(&frames, 0));
        }
    }

    pub(super) async fn receive(&mut self) -> Result<Option<Received>, Failure> {
        while self.received.is_empty() {
            let (body, was_poll) = tokio::select! {
                body = answer(&mut self.parked) => (body?, true),
                body = answer(&mut self.sending) => (body?, false),
            };
            self.flush();
            self.take(&body)?;
            if was_poll {
                break; // with or without frames: the caller parks the next one
            }
        }
        Ok(self.received.pop_front())
    }

    fn take(&mut self, body: &[u8]) -> Result<(), Failure> {
        let frames = body.get(RESPONSE_HEADER..).ok_or("a response shorter than its header")?;
        let mut buffer = FrameBuffer::default();
        buffer.push(frames);
        while let Some(received) = buffer.next()? {
            self.received.push_back(received);
        }
        if buffer.is_empty() { Ok(()) } else { Err("a response ends within a frame".into()) }
    }

    pub(super) async fn close(&mut self, bye: &[u8]) -> Result<(), Failure> {
        self.send(bye)?;
        while self.sending.is_some() {
            answer(&mut self.sending).await?;
            self.flush();
        }
        Ok(())
    }
}

/// The answer to the request in `slot`, which is empty afterwards; waits for ever where there is none.
async fn answer(slot: &mut Option<Answer>) -> Result<Bytes, Failure> {
    match slot {
        None => std::future::pending().await,
        Some(answer) => {
            let body = answer.await;
            *slot = None;
            body
        }
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

fn refusal(status: hyper::StatusCode, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    format!("HTTP {status}: {}", text.trim()).into()
}
