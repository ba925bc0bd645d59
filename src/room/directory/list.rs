//! What everybody may know: the lists of rooms and modules.

use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use super::{Directory, Place, lock};
use crate::room::catalog::Problem;

/// A room in the public list.
#[derive(Debug, Clone, Serialize)]
pub struct RoomSummary {
    pub module: String,
    pub name: String,
    /// Of the module, as this room runs it.
    pub version: String,
    /// `running`, `reopening` or `penalty`.
    pub state: &'static str,
    pub players: u32,
    pub bots: u32,
    pub watching: u32,
    pub seats: u32,
    pub tick_rate: u32,
    pub open_secs: u64,
    pub tick_us: u32,
    pub lateness_us: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct ModuleSummary {
    pub module: String,
    pub title: String,
    /// What new rooms run; empty when nothing of this module has ever worked.
    pub version: String,
    pub seats: u32,
    pub tick_rate: u32,
    /// Whether rooms of it can be opened.
    pub open: bool,
    /// What its author should know.
    pub problem: Option<Problem>,
}

impl Directory {
    pub fn rooms(&self) -> Vec<RoomSummary> {
        let now = self.inner.clock.now();
        let summary = |place: &Place| {
            let (status, info) = (&place.status, place.status.info());
            RoomSummary {
                module: place.key.module.clone(),
                name: place.name.clone(),
                version: info.version.clone(),
                state: status.state().name(),
                players: status.players.load(Relaxed),
                bots: status.bots.load(Relaxed),
                watching: status.watching.load(Relaxed),
                seats: info.seats.1,
                tick_rate: info.schema.tick_rate,
                open_secs: now.saturating_sub(status.opened_us.load(Relaxed)) / 1_000_000,
                tick_us: status.tick_us.load(Relaxed),
                lateness_us: status.lateness_us.load(Relaxed),
            }
        };
        let rooms = lock(&self.inner.rooms);
        let open = rooms.values().filter_map(|cell| cell.get()).filter(|place| !place.status.closed.load(Relaxed));
        let mut list: Vec<_> = open.map(summary).collect();
        list.sort_by(|a, b| (&a.module, &a.name).cmp(&(&b.module, &b.name)));
        list
    }

    /// By name, those that cannot be played included: they say why.
    pub fn modules(&self) -> Vec<ModuleSummary> {
        let catalog = lock(&self.inner.catalog);
        let works = catalog.list().map(|(info, open, problem)| ModuleSummary {
            module: info.module.clone(),
            title: info.title.clone(),
            version: info.version.clone(),
            seats: info.seats.1,
            tick_rate: info.schema.tick_rate,
            open,
            problem: problem.cloned(),
        });
        let never = catalog.stillborn().map(|(name, problem)| ModuleSummary {
            module: name.to_owned(),
            title: name.to_owned(),
            version: String::new(),
            seats: 0,
            tick_rate: 0,
            open: false,
            problem: Some(problem.clone()),
        });
        let mut list: Vec<_> = works.chain(never).collect();
        list.sort_by(|a, b| a.module.cmp(&b.module));
        list
    }
}
