//! What of the world each player is sent: a ring of snapshots, a baseline for each player, one encoding for each baseline.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use crate::{
    protocol::{
        Epoch, Tick, delta,
        schema::Schema,
        snapshot::{self, AGE_MAX, InputReport},
        varint::widen,
        world::World,
    },
    session::Delivery,
};

/// Snapshots an ordered link may have unacknowledged beyond what its round trip explains.
const CREDIT: u32 = 3;

#[derive(Debug)]
pub struct Replication {
    schema: Arc<Schema>,
    epoch: Epoch,
    /// Ascending by tick, one a tick; the last is the current state.
    ring: VecDeque<(Tick, World)>,
    capacity: usize,
    nothing: World,
    /// This tick's bodies by baseline; few, so a list.
    bodies: Vec<(Option<Tick>, Vec<u8>)>,
}

/// How one player's client stands.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The newest tick the client said it holds.
    acked: Option<Tick>,
    /// The newest tick given to an ordered link.
    given: Option<Tick>,
    /// Datagrams may name this epoch: the client has acknowledged a tick of it.
    greeted: bool,
    /// The shortest time from giving to acknowledgement, in ticks; creeps up so that it follows a changed path.
    round_trip: f32,
}

impl View {
    /// After `joined`, whose key snapshot stands at `tick`, or after `resumed` with what the client still holds.
    pub fn starting_from(held: Option<Tick>, greeted: bool) -> Self {
        Self { acked: held.filter(|_| greeted), given: held, greeted, round_trip: 2.0 }
    }

    /// An acknowledgement; `now` is the room's tick. False when it names a tick that was never sent.
    pub fn acknowledge(&mut self, tick_low: u16, now: Tick) {
        let tick = widen(tick_low, now);
        if tick > now || self.acked.is_some_and(|acked| tick <= acked) {
            return;
        }
        let age = (now - tick) as f32;
        self.round_trip = age.min(self.round_trip + 0.02);
        self.acked = Some(tick);
        self.greeted = true;
    }

    fn has_credit(&self, now: Tick) -> bool {
        let (Some(given), Some(acked)) = (self.given, self.acked.or(self.given)) else { return true };
        // Nothing given since the last acknowledgement means nothing is under way, however long ago that was.
        given <= acked || now.saturating_sub(acked) <= self.round_trip as u32 + CREDIT
    }
}

/// What to send to one player this tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Send(Option<Tick>),
    Skip,
}

impl Replication {
    pub fn new(schema: Arc<Schema>, epoch: Epoch, ring_ms: u64) -> Self {
        let ticks = (ring_ms * u64::from(schema.tick_rate)).div_ceil(1000);
        Self {
            nothing: World::empty(&schema),
            capacity: (ticks as usize).clamp(2, AGE_MAX as usize),
            schema,
            epoch,
            ring: VecDeque::new(),
            bodies: Vec::new(),
        }
    }

    /// A world to fill; hand it back with `commit`. The oldest in the ring lends its memory.
    pub fn blank(&mut self) -> World {
        if self.ring.len() < self.capacity {
            return World::empty(&self.schema);
        }
        let (_, mut world) = self.ring.pop_front().unwrap_or_else(|| (0, World::empty(&self.schema)));
        world.clear();
        world
    }

    pub fn commit(&mut self, tick: Tick, world: World) {
        self.bodies.clear();
        self.ring.push_back((tick, world));
    }

    pub fn tick(&self) -> Tick {
        self.ring.back().map_or(0, |(tick, _)| *tick)
    }

    pub fn world(&self) -> &World {
        self.ring.back().map_or(&self.nothing, |(_, world)| world)
    }

    pub fn holds(&self, tick: Tick) -> bool {
        self.world_at(tick).is_some()
    }

    fn world_at(&self, tick: Tick) -> Option<&World> {
        let (first, _) = self.ring.front()?;
        let (_, world) = self.ring.get(tick.checked_sub(*first)? as usize)?;
        Some(world)
    }

    /// Which baseline this player's snapshot is to have, if one is due.
    pub fn plan(&self, view: &View, delivery: Delivery) -> Plan {
        let baseline = match delivery {
            Delivery::Datagram if !view.greeted => return Plan::Skip,
            Delivery::Datagram | Delivery::Polled => view.acked,
            Delivery::Ordered if !view.has_credit(self.tick()) => return Plan::Skip,
            Delivery::Ordered => view.given,
        };
        Plan::Send(baseline.filter(|tick| self.holds(*tick)))
    }

    /// The snapshot frame of this tick against `baseline`. The flag says that its body was encoded for another already.
    pub fn snapshot(&mut self, baseline: Option<Tick>, report: InputReport) -> (Bytes, bool) {
        let known = self.bodies.iter().position(|(b, _)| *b == baseline);
        let index = known.unwrap_or_else(|| {
            let mut body = Vec::with_capacity(256);
            let base = baseline.and_then(|tick| self.world_at(tick)).unwrap_or(&self.nothing);
            delta::encode(&mut body, &self.schema, base, self.world(), self.tick());
            self.bodies.push((baseline, body));
            self.bodies.len() - 1
        });
        let frame = snapshot::frame(self.epoch, self.tick(), baseline, report, &self.bodies[index].1);
        (frame, known.is_some())
    }

    /// Notes that an ordered link was given this tick.
    pub fn given(&self, view: &mut View) {
        view.given = Some(self.tick());
    }
}
