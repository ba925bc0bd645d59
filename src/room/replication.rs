//! What of the world each player is sent: a ring of snapshots, a baseline for each player, one encoding for each baseline.
//!
//! Where a datagram cannot hold all of it, `choice.rs` says what goes, and `portion.rs` remembers what the client holds.

mod choice;
mod portion;

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{
    config::Limits,
    protocol::{
        Epoch, PlayerNumber, Tick,
        delta::Encoder,
        hash,
        schema::Schema,
        snapshot::{self, AGE_MAX, HEADER_BYTES, InputReport},
        varint::widen,
        world::World,
    },
    session::Delivery,
};
use choice::{Case, Chooser, comfortable};
use portion::Portion;

/// Snapshots an ordered link may have unacknowledged beyond what its round trip explains.
const CREDIT: u32 = 3;
/// A world that takes more than one part in so many of what may be kept of a player's partial ones is not split at all: too
/// few of them would be left as baselines.
const WORLDS_KEPT_MIN: usize = 8;
/// Frames are cut from pieces of memory of this size, which are used again once all frames in them have left.
const FRAMES_BYTES: usize = 4096;

/// The room's latest worlds, one a tick.
#[derive(Debug)]
struct Ring {
    /// Ascending by tick; the last is the current state.
    worlds: VecDeque<(Tick, World)>,
    /// Of the last one, once somebody has asked.
    hash: Option<u32>,
    capacity: usize,
    nothing: World,
}

impl Ring {
    fn tick(&self) -> Tick {
        self.worlds.back().map_or(0, |(tick, _)| *tick)
    }

    fn newest(&self) -> &World {
        self.worlds.back().map_or(&self.nothing, |(_, world)| world)
    }

    fn at(&self, tick: Tick) -> Option<&World> {
        let (first, _) = self.worlds.front()?;
        let (_, world) = self.worlds.get(tick.checked_sub(*first)? as usize)?;
        Some(world)
    }

    /// What a client holds of `tick`, as far as that is still known.
    fn held<'a>(&'a self, portion: &'a Portion, tick: Tick) -> Option<&'a World> {
        let partial = portion.world(tick).filter(|_| self.tick().wrapping_sub(tick) <= AGE_MAX);
        partial.or_else(|| self.at(tick).filter(|_| portion.is_whole(tick)))
    }
}

/// Where a body stands in the bytes of this tick.
type Place = std::ops::Range<usize>;

#[derive(Debug)]
pub struct Replication {
    schema: Arc<Schema>,
    epoch: Epoch,
    ring: Ring,
    /// This tick's bodies, and those that several players share by their baseline: few, so a list.
    bytes: Vec<u8>,
    bodies: Vec<(Option<Tick>, Place)>,
    /// Frames are cut from it.
    frames: BytesMut,
    encoder: Encoder,
    chooser: Chooser,
    limits: Arc<Limits>,
}

/// How one player's client stands.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The newest tick the client said it holds.
    acked: Option<Tick>,
    /// The newest tick given to the link, and the one before.
    given: Option<Tick>,
    given_before: Option<Tick>,
    /// Datagrams may name this epoch: the client has acknowledged a tick of it.
    greeted: bool,
    /// The shortest time from giving to acknowledgement, in ticks; creeps up so that it follows a changed path.
    round_trip: f32,
    /// What it holds where that is less than the room has.
    portion: Portion,
}

impl View {
    /// After `joined`, whose key snapshot stands at `tick`.
    pub fn starting_from(held: Tick, greeted: bool) -> Self {
        Self { acked: Some(held).filter(|_| greeted), given: Some(held), greeted, round_trip: 2.0, ..Self::default() }
    }

    /// After `resumed`, with what the client still holds, if that is of use; `now` is the room's tick.
    pub fn resume(&mut self, held: Option<Tick>, now: Tick) {
        let mut portion = std::mem::take(&mut self.portion);
        portion.resumed(held, now);
        *self = Self { acked: held, given: held, given_before: None, greeted: true, round_trip: 2.0, portion };
    }

    /// An acknowledgement; `now` is the room's tick. One that names a tick that was never sent is ignored.
    pub fn acknowledge(&mut self, tick_low: u16, now: Tick) {
        let tick = widen(tick_low, now);
        if tick > now || self.acked.is_some_and(|acked| tick <= acked) || !self.portion.knows(tick) {
            return;
        }
        let age = (now - tick) as f32;
        self.round_trip = age.min(self.round_trip + 0.02);
        self.acked = Some(tick);
        self.greeted = true;
        self.portion.acknowledged(tick);
    }

    /// Bytes of the states kept because they are not the room's.
    pub fn bytes(&self) -> usize {
        self.portion.bytes()
    }

    fn has_credit(&self, now: Tick) -> bool {
        let (Some(before), Some(acked)) = (self.given_before, self.acked) else { return true };
        // One alone under way is acknowledged only together with the next, however long ago the last acknowledgement was.
        before <= acked || now.saturating_sub(acked) <= self.round_trip as u32 + CREDIT
    }
}

/// What to send to one player this tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Send(Option<Tick>),
    Skip,
}

/// A snapshot for one player.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub frame: Bytes,
    /// Its body was encoded for another already.
    pub shared: bool,
    pub partial: bool,
}

impl Replication {
    pub fn new(schema: Arc<Schema>, epoch: Epoch, limits: Arc<Limits>) -> Self {
        let ticks = (limits.snapshot_ring_ms * u64::from(schema.tick_rate)).div_ceil(1000);
        Self {
            ring: Ring {
                worlds: VecDeque::new(),
                hash: None,
                capacity: (ticks as usize).clamp(2, AGE_MAX as usize),
                nothing: World::empty(&schema),
            },
            schema,
            epoch,
            bytes: Vec::new(),
            bodies: Vec::new(),
            frames: BytesMut::new(),
            encoder: Encoder::default(),
            chooser: Chooser::default(),
            limits,
        }
    }

    /// A world to fill; hand it back with `commit`. The oldest in the ring lends its memory.
    pub fn blank(&mut self) -> World {
        let ring = &mut self.ring;
        let oldest = if ring.worlds.len() < ring.capacity { None } else { ring.worlds.pop_front() };
        let mut world = oldest.map_or_else(|| World::empty(&self.schema), |(_, world)| world);
        world.clear();
        world
    }

    pub fn commit(&mut self, tick: Tick, world: World) {
        self.bodies.clear();
        self.bytes.clear();
        self.ring.worlds.push_back((tick, world));
        self.ring.hash = None;
    }

    pub fn tick(&self) -> Tick {
        self.ring.tick()
    }

    pub fn world(&self) -> &World {
        self.ring.newest()
    }

    /// `debug_hash` of the current state, reckoned once for all who ask.
    pub fn hash(&mut self) -> u32 {
        let hash = self.ring.hash.unwrap_or_else(|| hash::world(self.ring.newest()));
        self.ring.hash = Some(hash);
        hash
    }

    /// Whether a client that says it holds `tick` can be sent differences from that.
    pub fn holds(&self, view: &View, tick: Tick) -> bool {
        self.ring.held(&view.portion, tick).is_some()
    }

    /// Which baseline this player's snapshot is to have, if one is due.
    pub fn plan(&self, view: &View, delivery: Delivery) -> Plan {
        let baseline = match delivery {
            Delivery::Datagram if !view.greeted => return Plan::Skip,
            Delivery::Datagram | Delivery::Polled => view.acked,
            Delivery::Ordered if !view.has_credit(self.tick()) => return Plan::Skip,
            Delivery::Ordered => view.given,
        };
        Plan::Send(baseline.filter(|tick| self.holds(view, *tick)))
    }

    /// The snapshot of this tick against no baseline: everything, whatever its size.
    pub fn key(&mut self, report: InputReport) -> Bytes {
        let (body, _) = self.shared_body(None);
        self.frame(None, false, report, body)
    }

    /// The snapshot of this tick for a player, against what that one holds of `baseline`. As a datagram it keeps to the
    /// budget, if need be by leaving something out.
    pub fn snapshot(
        &mut self,
        view: &mut View,
        player: PlayerNumber,
        delivery: Delivery,
        baseline: Option<Tick>,
        report: InputReport,
    ) -> Snapshot {
        let budget = if delivery == Delivery::Datagram { self.limits.datagram_bytes_max } else { usize::MAX };
        let own = baseline.is_some_and(|tick| view.portion.world(tick).is_some());
        // What one player alone holds is not shared, and where it cannot hold everything, that is not even tried.
        let whole = if own && budget < usize::MAX { None } else { Some(self.whole_body(view, baseline, own)) };
        let splits = self.world().bytes() * WORLDS_KEPT_MIN <= self.limits.partial_worlds_bytes_max;
        let fits = |body: &Place| HEADER_BYTES + body.len() <= comfortable(budget) || !splits;
        let (body, shared, partial) = match whole.filter(|(body, _)| fits(body)) {
            Some((body, shared)) => (body, shared, false),
            None => self.portion_body(view, player, baseline, budget),
        };
        (view.given_before, view.given) = (view.given, Some(self.tick()));
        Snapshot { frame: self.frame(baseline, partial, report, body), shared, partial }
    }

    fn whole_body(&mut self, view: &View, baseline: Option<Tick>, own: bool) -> (Place, bool) {
        if !own {
            return self.shared_body(baseline);
        }
        let world = baseline.and_then(|tick| self.ring.held(&view.portion, tick)).unwrap_or(&self.ring.nothing);
        let (schema, ring) = (&self.schema, &self.ring);
        (append(&mut self.bytes, &mut self.encoder, schema, world, ring.newest(), ring.tick()), false)
    }

    /// The body that everybody with this baseline shares; true when it was there already.
    fn shared_body(&mut self, baseline: Option<Tick>) -> (Place, bool) {
        if let Some((_, body)) = self.bodies.iter().find(|(b, _)| *b == baseline) {
            return (body.clone(), true);
        }
        let (schema, ring) = (&self.schema, &self.ring);
        let world = baseline.and_then(|tick| ring.at(tick)).unwrap_or(&ring.nothing);
        let body = append(&mut self.bytes, &mut self.encoder, schema, world, ring.newest(), ring.tick());
        self.bodies.push((baseline, body.clone()));
        (body, false)
    }

    /// As much of the news as a datagram holds; the last says whether something is left out.
    fn portion_body(
        &mut self,
        view: &mut View,
        player: PlayerNumber,
        baseline: Option<Tick>,
        budget: usize,
    ) -> (Place, bool, bool) {
        let (schema, ring) = (&self.schema, &self.ring);
        let mut world = view.portion.blank().unwrap_or_else(|| World::empty(schema));
        let mut patience = view.portion.take_patience();
        let held = |at: Option<Tick>| at.and_then(|tick| ring.held(&view.portion, tick));
        let known = held(baseline).unwrap_or(&ring.nothing);
        let last = held(view.given).unwrap_or(known);
        let (tick, now) = (ring.tick(), ring.newest());
        let case = Case { schema, tick, player, known, last, now, budget };
        let whole = self.chooser.choose(&case, &mut patience, &mut world);
        let body = append(&mut self.bytes, &mut self.encoder, schema, known, &world, tick);
        // Departures alone may be too many for a datagram. Then it is the stream's, and may as well be everything.
        let (body, partial) = if !whole && HEADER_BYTES + body.len() > budget {
            self.bytes.truncate(body.start);
            (append(&mut self.bytes, &mut self.encoder, schema, known, now, tick), false)
        } else {
            (body, !whole)
        };
        view.portion.sent(tick, partial.then_some(world), patience, self.limits.partial_worlds_bytes_max);
        (body, false, partial)
    }

    fn frame(&mut self, baseline: Option<Tick>, partial: bool, report: InputReport, body: Place) -> Bytes {
        if self.frames.capacity() == 0 {
            self.frames = BytesMut::with_capacity(FRAMES_BYTES);
        }
        self.frames.reserve(HEADER_BYTES + body.len());
        self.frames.extend_from_slice(&snapshot::head(self.epoch, self.ring.tick(), baseline, partial, report));
        self.frames.extend_from_slice(&self.bytes[body]);
        self.frames.split().freeze()
    }
}

/// Appends the difference between two worlds.
fn append(bytes: &mut Vec<u8>, encoder: &mut Encoder, schema: &Schema, old: &World, new: &World, tick: Tick) -> Place {
    let start = bytes.len();
    encoder.encode(bytes, schema, old, new, tick);
    start..bytes.len()
}
