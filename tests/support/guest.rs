//! A player at a real directory with real worker threads, without a socket: the link is carried by hand.

use std::net::IpAddr;

use airboat::{
    clock::Clock,
    protocol::{
        CloseReason, Micros, Value,
        message::{ClientFrame, JoinRequest},
        schema::FieldKind,
    },
    room::directory::{Directory, Via},
    session::{Delivery, Link, Outgoing, TransportKind},
};
use airboat_loadtest::{
    client::Happened,
    player::{Heard, Player},
};
use bytes::Bytes;

const INPUT_EVERY: Micros = 33_333;

pub struct Guest {
    pub player: Player,
    pub link: Option<Link>,
    pub heard: Vec<Heard>,
    /// What the server said when it refused or closed, newest last.
    pub closed: Vec<CloseReason>,
    /// Ticks seen, over all lives of the room.
    pub snapshots: u64,
    join: JoinRequest,
    presses: i32,
    next_input: Micros,
}

impl Guest {
    pub fn new(name: &str, module: &str, room: &str) -> Self {
        let join = JoinRequest { module: module.into(), room: room.into(), ..JoinRequest::default() };
        Self {
            player: Player::new(name, join.clone()),
            link: None,
            heard: Vec::new(),
            closed: Vec::new(),
            snapshots: 0,
            join,
            presses: 0,
            next_input: 0,
        }
    }

    /// A new connection, resuming what there is to resume.
    pub async fn connect(&mut self, directory: &Directory, clock: Clock) {
        let via = Via {
            transport: TransportKind::Websocket,
            delivery: Delivery::Ordered,
            peer: IpAddr::from([127, 0, 0, 1]),
            now: clock.now(),
        };
        match directory.hello(&self.player.hello(), via).await {
            Ok(link) => self.link = Some(link),
            Err(refusal) => self.closed.push(refusal.reason),
        }
    }

    /// The connection breaks.
    pub fn cut(&mut self, clock: Clock) {
        if let Some(link) = self.link.take() {
            link.lost(clock.now());
        }
    }

    pub const fn is_playing(&self) -> bool {
        self.link.is_some() && self.player.is_playing()
    }

    pub async fn message(&mut self, name: &str, directory: &Directory, clock: Clock) {
        let frame = self.player.message(name, Value::map([("n", 1.0.into())]));
        self.send(frame, directory, clock).await;
    }

    pub async fn call(&mut self, name: &str, directory: &Directory, clock: Clock) {
        let (_, frame) = self.player.call(name, Value::Nil);
        self.send(frame, directory, clock).await;
    }

    /// Out of the room, not out of the session.
    pub async fn leave(&mut self, directory: &Directory, clock: Clock) {
        self.send([ClientFrame::Leave.encode()], directory, clock).await;
    }

    pub async fn join_again(&mut self, directory: &Directory, clock: Clock) {
        let frame = ClientFrame::Join(self.join.clone()).encode();
        self.send([frame], directory, clock).await;
    }

    async fn send(&mut self, frames: impl IntoIterator<Item = Bytes>, directory: &Directory, clock: Clock) {
        let Some(link) = self.link.clone() else { return };
        for frame in frames {
            match link.receive(frame, clock.now()) {
                Ok(Some(request)) => directory.request(&link, request).await,
                Ok(None) => {}
                Err(reason) => link.close(reason),
            }
        }
    }

    /// Takes in what waits, and sends what is due.
    pub async fn turn(&mut self, directory: &Directory, clock: Clock) {
        let mut out = Vec::new();
        while let Some(outgoing) = self.link.as_ref().and_then(Link::try_next) {
            match outgoing {
                Outgoing::Frame(frame) | Outgoing::Snapshot(frame) => self.take(&frame, clock.now(), &mut out),
                Outgoing::Close(_) => self.link = None,
            }
        }
        if self.is_playing() {
            if clock.now() >= self.next_input {
                self.next_input = clock.now() + INPUT_EVERY;
                out.extend(self.input(clock.now()));
            }
            out.extend(self.player.client.due(clock.now()));
        }
        self.send(out, directory, clock).await;
    }

    /// Every hold at a value that moves with time, every press pressed now and then.
    fn input(&mut self, now: Micros) -> Option<Bytes> {
        let mirror = self.player.client.mirror()?;
        let turn = (now / 500_000 % 3) as i32 - 1;
        self.presses = (self.presses + 1) & 63; // two bits on the wire
        let steps = mirror.schema.inputs.iter().map(|field| match field.kind {
            FieldKind::Number { min, max, .. } if min < 0.0 && max > 0.0 => field.kind.quantise(f64::from(turn)).0,
            FieldKind::Press => self.presses / 16,
            _ => 0,
        });
        let steps = steps.collect();
        self.player.client.input(steps, now)
    }

    fn take(&mut self, frame: &[u8], now: Micros, out: &mut Vec<Bytes>) {
        match self.player.receive(frame, now, out) {
            Happened::Closed(reason, _) => self.closed.push(reason),
            Happened::Snapshot(_) | Happened::Joined => self.snapshots += 1,
            Happened::Nothing => {}
        }
        let faults = self.player.client.take_faults();
        assert!(faults.is_empty(), "{} in {}: {faults:?}", self.join.module, self.join.room);
        self.heard.extend(self.player.take_heard());
    }
}
