//! A client's copy of a room: decodes snapshots against what it holds, applies document patches.
//!
//! The bots, the JSON view and the tests are all made of this, and the clients in other languages do the same.

use std::collections::VecDeque;

use super::{
    CodecError, Epoch, Tick, Value, delta,
    document::Operation,
    hash,
    message::{ClientFrame, Joined},
    schema::Schema,
    snapshot::{AGE_MAX, Header, InputReport},
    varint::{Reader, widen},
    world::World,
};

#[derive(Debug, Clone)]
pub struct Mirror {
    pub schema: Schema,
    pub epoch: Epoch,
    /// Documents by name: `state`, `players`, `secret`.
    pub documents: Value,
    pub report: InputReport,
    /// Ascending by tick; the last is the newest. Never empty after `new`.
    worlds: VecDeque<Held>,
}

/// A state the server may still name as a baseline.
#[derive(Debug, Clone)]
struct Held {
    tick: Tick,
    world: World,
    partial: bool,
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Newest(Tick),
    /// Older than what is held, or of another epoch: dropped.
    Stale,
}

impl Mirror {
    pub fn new(joined: &Joined) -> Result<Self, CodecError> {
        let mut mirror = Self {
            schema: joined.schema.clone(),
            epoch: joined.epoch,
            documents: joined.documents.clone(),
            report: InputReport { applied: joined.input.wrapping_sub(1), ..InputReport::default() },
            worlds: VecDeque::new(),
        };
        mirror.decode(&joined.snapshot, joined.tick)?;
        Ok(mirror)
    }

    /// The newest tick held.
    pub fn tick(&self) -> Tick {
        self.worlds.back().map_or(0, |held| held.tick)
    }

    pub fn world(&self) -> &World {
        static NONE: World = World { classes: Vec::new() };
        self.worlds.back().map_or(&NONE, |held| &held.world)
    }

    /// The newest state lacks some of what the room has: it did not fit into a datagram. Not to be compared with hashes.
    pub fn is_partial(&self) -> bool {
        self.worlds.back().is_some_and(|held| held.partial)
    }

    fn held(&self, tick: Tick) -> Option<&Held> {
        self.worlds.iter().rev().find(|held| held.tick == tick)
    }

    pub fn world_at(&self, tick: Tick) -> Option<&World> {
        self.held(tick).map(|held| &held.world)
    }

    /// Like `world_at`, but nothing where the state is known to be partial.
    pub fn whole_at(&self, tick: Tick) -> Option<&World> {
        self.held(tick).filter(|held| !held.partial).map(|held| &held.world)
    }

    /// A bare acknowledgement of the newest snapshot.
    pub fn ack(&self) -> ClientFrame {
        ClientFrame::Ack { epoch_low: self.epoch as u8, tick: self.tick() as u16 }
    }

    pub fn apply(&mut self, frame: &[u8]) -> Result<Applied, CodecError> {
        let header = Header::decode(&mut Reader::new(frame))?;
        let tick = widen(header.tick, self.tick());
        if header.epoch_low != self.epoch as u8 || tick <= self.tick() {
            return Ok(Applied::Stale);
        }
        self.decode(frame, tick)?;
        Ok(Applied::Newest(tick))
    }

    /// Believes a snapshot instead of decoding it: takes its tick and report, and keeps the world it had. For bots that
    /// only make load.
    pub fn believe(&mut self, frame: &[u8]) -> Result<Applied, CodecError> {
        let header = Header::decode(&mut Reader::new(frame))?;
        let tick = widen(header.tick, self.tick());
        let Some(newest) = self.worlds.back_mut().filter(|held| held.tick < tick) else { return Ok(Applied::Stale) };
        if header.epoch_low != self.epoch as u8 {
            return Ok(Applied::Stale);
        }
        newest.tick = tick;
        self.hear(&header);
        Ok(Applied::Newest(tick))
    }

    fn hear(&mut self, header: &Header) {
        self.report = InputReport {
            applied: widen(header.applied, self.report.applied),
            substitutions: header.substitutions,
            skips: header.skips,
            slack_half_ms: header.slack_half_ms,
        };
    }

    fn decode(&mut self, frame: &[u8], tick: Tick) -> Result<(), CodecError> {
        let mut reader = Reader::new(frame);
        let header = Header::decode(&mut reader)?;
        let baseline = header.age.map(|age| tick.wrapping_sub(u32::from(age)));
        let mut world = match baseline {
            None => World::empty(&self.schema),
            Some(baseline) => self.world_at(baseline).cloned().ok_or(CodecError::Baseline)?,
        };
        delta::decode(&mut reader, &self.schema, &mut world, tick)?;
        self.hear(&header);
        // Baselines only move forward, so nothing before this one is needed again. A key snapshot tells nothing about what
        // has been acknowledged meanwhile.
        if let Some(oldest) = baseline {
            self.worlds.retain(|held| held.tick >= oldest);
        }
        if self.worlds.len() > AGE_MAX as usize {
            self.worlds.pop_front();
        }
        self.worlds.push_back(Held { tick, world, partial: header.partial });
        Ok(())
    }

    pub fn patch(&mut self, name: &str, operations: &[Operation]) -> Result<(), CodecError> {
        let Value::Map(documents) = &mut self.documents else { return Err(CodecError::Shape) };
        let document = documents.entry(name.into()).or_default();
        operations.iter().try_for_each(|operation| operation.apply(document))
    }

    /// What a `hash` frame of this moment should say of the documents.
    pub fn documents_hash(&self) -> u32 {
        hash::documents(self.documents.get("state"), self.documents.get("players"))
    }
}
