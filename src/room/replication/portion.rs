//! What one player's client holds of a world too large for a datagram. Kept only while its snapshots are partial.

use std::collections::VecDeque;

use crate::protocol::{EntityId, Tick, snapshot::AGE_MAX, world::World};

/// Worlds whose memory is kept for the next ones.
const SPARE: usize = 2;

#[derive(Debug, Clone, Default)]
pub(super) struct Portion {
    /// The states that partial snapshots have given, ascending by tick, from the newest acknowledged one on. `None`: given
    /// up for want of room. It cannot be a baseline, and neither can the room's own world of that tick.
    worlds: VecDeque<(Tick, Option<World>)>,
    bytes: usize,
    spare: Vec<World>,
    /// What was acknowledged lies at or after it; nothing older is ever named again.
    floor: Tick,
    patience: Patience,
}

/// What the choice of one tick leaves for the next one.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    /// By class and in its order: what each entity has gained by waiting for its turn.
    pub(super) gained: Vec<Vec<(EntityId, f32)>>,
    /// The mean distance of entities from the player's own.
    pub(super) reach: f32,
}

impl Portion {
    /// What the client holds of `tick`, if that was partial.
    pub(super) fn world(&self, tick: Tick) -> Option<&World> {
        self.entry(tick)?.as_ref()
    }

    fn entry(&self, tick: Tick) -> Option<&Option<World>> {
        self.worlds.iter().rev().find(|(t, _)| *t == tick).map(|(_, world)| world)
    }

    /// Whether the room's own world of `tick` is what the client holds.
    pub(super) fn is_whole(&self, tick: Tick) -> bool {
        tick >= self.floor && self.entry(tick).is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether an acknowledgement of `tick` is of use.
    pub(super) fn knows(&self, tick: Tick) -> bool {
        self.entry(tick).is_none_or(Option::is_some)
    }

    /// The client holds `tick`: what is older will not be asked for again.
    pub(super) fn acknowledged(&mut self, tick: Tick) {
        self.floor = self.floor.max(tick);
        while self.worlds.front().is_some_and(|(t, _)| *t < tick) {
            self.forget_front();
        }
        if self.worlds.is_empty() {
            *self = Self { floor: self.floor, ..Self::default() };
        }
    }

    /// The client came back, and says what it holds; nothing that is of use: only what follows is.
    pub(super) fn resumed(&mut self, held: Option<Tick>, now: Tick) {
        self.acknowledged(held.unwrap_or(now));
    }

    fn forget_front(&mut self) {
        if let Some((_, Some(world))) = self.worlds.pop_front() {
            self.retire(world);
        }
    }

    fn retire(&mut self, world: World) {
        self.bytes -= world.bytes();
        if self.spare.len() < SPARE {
            self.spare.push(world);
        }
    }

    /// A world to fill, if one's memory is left.
    pub(super) fn blank(&mut self) -> Option<World> {
        self.spare.pop().map(|mut world| {
            world.clear();
            world
        })
    }

    pub(super) fn take_patience(&mut self) -> Patience {
        std::mem::take(&mut self.patience)
    }

    /// A snapshot of `tick` has been made; with a world, a partial one. Above `bytes_max` the second newest is given up: the
    /// oldest are those whose acknowledgements come next, and the newest is what the client will show.
    pub(super) fn sent(&mut self, tick: Tick, partial: Option<World>, patience: Patience, bytes_max: usize) {
        self.patience = patience;
        let Some(world) = partial else { return };
        while self.worlds.front().is_some_and(|(t, _)| t + AGE_MAX < tick) {
            self.forget_front();
        }
        self.bytes += world.bytes();
        self.worlds.push_back((tick, Some(world)));
        if self.bytes > bytes_max && self.worlds.len() > 1 {
            self.forget_newest_but_one();
        }
    }

    fn forget_newest_but_one(&mut self) {
        let place = self.worlds.len() - 2;
        if let Some(world) = self.worlds[place].1.take() {
            self.retire(world);
        }
    }
}
