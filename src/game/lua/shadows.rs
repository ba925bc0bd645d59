//! What has been told of each document, what changes are told next, and what all documents of a room may hold together.

use std::{cell::Cell, collections::BTreeMap};

use mlua::Table;

use super::{
    RoomLimits,
    measure::Measure,
    outbox,
    quiet::Quiet,
    running::LuaGame,
    salvage::{Found, Shadow},
    sandbox::Vm,
};
use crate::{
    game::{DocumentName, Effect, Effects, GameError, LogLevel, Seat},
    protocol::{PlayerNumber, Tick, Value, document::Operation},
};

/// Leaves of all documents that one tick may walk (about 50 ns each: 100 µs); rooms with more are walked every k-th
/// tick, whole. Counted, not timed, so that a room does the same on every machine.
const LEAVES_A_TICK: usize = 2_000;
/// What `players` says of a seat besides its name.
const ENTRY_BYTES: usize = 64;
/// In `room.state`; the rest of it is the module's.
const ENGINES_KEY: &str = "phase";

/// What has been told of a live table.
pub(super) struct Document {
    pub name: DocumentName,
    pub shadow: Value,
    /// How much that is, and what the engine says beside it.
    bytes: usize,
    entry: usize,
    /// The tick at which a problem was last told.
    told: Option<Tick>,
    /// Whether bots see it as it is.
    pub shown: bool,
}

impl Document {
    fn apply(&mut self, operations: &[Operation]) {
        for operation in operations {
            let applied = operation.apply(&mut self.shadow);
            debug_assert!(applied.is_ok(), "{operation:?} does not fit its own shadow");
        }
    }

    const fn is_secret(&self) -> bool {
        matches!(self.name, DocumentName::Secret(_))
    }
}

pub(super) struct Documents {
    pub all: Vec<Document>,
    /// Their tables, in the same order, in a table of the VM: one entry walks them all.
    tables: Table,
    /// Leaves of the last walk of all documents.
    leaves: usize,
    quiet: Quiet,
    tick_rate: u32,
    /// What one player is sent, and what all secrets hold.
    sent_max: usize,
    secrets_max: usize,
    /// What is said where there is no room under these.
    texts: [String; 2],
}

impl Documents {
    pub(super) fn new(vm: &Vm, tick_rate: u32) -> mlua::Result<Self> {
        let RoomLimits { documents_bytes: sent_max, secrets_bytes: secrets_max, .. } = vm.room_limits();
        let texts = [
            format!(
                "all documents that one player is sent, everybody's states and the own secret, hold at most {sent_max} \
                 bytes (limits.documents_bytes_max)"
            ),
            format!("all secrets of a room hold at most {secrets_max} bytes (limits.secrets_bytes_max)"),
        ];
        let (all, tables, quiet) = (Vec::new(), vm.lua.create_table()?, Quiet::new(tick_rate));
        Ok(Self { all, tables, leaves: 0, quiet, tick_rate, sent_max, secrets_max, texts })
    }

    /// `entry`: bytes of what the engine says beside it.
    pub(super) fn add(&mut self, name: DocumentName, table: &Table, entry: usize) -> mlua::Result<()> {
        self.take_out(name)?;
        self.tables.raw_push(table)?;
        let shadow = Value::Map(BTreeMap::new());
        let bytes = Measure::of(&shadow).bytes();
        self.all.push(Document { name, shadow, bytes, entry, told: None, shown: false });
        Ok(())
    }

    /// Another name takes other bytes.
    pub(super) fn rename(&mut self, player: PlayerNumber, name: &str) {
        let of = DocumentName::PlayerState(player);
        if let Some(document) = self.all.iter_mut().find(|document| document.name == of) {
            document.entry = ENTRY_BYTES + name.len();
        }
    }

    fn take_out(&mut self, name: DocumentName) -> mlua::Result<()> {
        let Some(at) = self.all.iter().position(|document| document.name == name) else { return Ok(()) };
        self.all.remove(at);
        self.tables.raw_remove(at + 1)
    }

    pub(super) fn remove(&mut self, name: DocumentName) -> Result<(), GameError> {
        self.take_out(name).map_err(|_| GameError::Memory("documents"))
    }
}

/// By how much documents may grow in one walk.
struct Space {
    /// All that one player is sent, who has the largest secret.
    sent: Cell<usize>,
    largest: Cell<usize>,
    /// All secrets together.
    secrets: Cell<usize>,
}

impl Space {
    fn left_by(all: &[Document], sent_max: usize, secrets_max: usize) -> Self {
        let (mut open, mut secrets, mut largest) = (0, 0, 0);
        for document in all {
            if document.is_secret() {
                secrets += document.bytes;
                largest = document.bytes.max(largest);
            } else {
                open += document.bytes + document.entry;
            }
        }
        Self {
            sent: Cell::new(sent_max.saturating_sub(open + largest)),
            largest: Cell::new(largest),
            secrets: Cell::new(secrets_max.saturating_sub(secrets)),
        }
    }

    /// How large this document may be now, and which of the two limits says so.
    fn of(&self, document: &Document) -> (usize, usize) {
        let grown = document.bytes + self.sent.get();
        if !document.is_secret() {
            return (grown, 0);
        }
        let sent = self.largest.get() + self.sent.get();
        let secrets = document.bytes + self.secrets.get();
        if sent < secrets { (sent.max(document.bytes), 0) } else { (secrets, 1) }
    }

    /// It had `before` bytes and has `now`. What has become free is only given away in the next walk.
    fn take(&self, is_secret: bool, before: usize, now: usize) {
        let take = |from: &Cell<usize>, bytes| from.set(from.get().saturating_sub(bytes));
        if !is_secret {
            return take(&self.sent, now.saturating_sub(before));
        }
        take(&self.secrets, now.saturating_sub(before));
        take(&self.sent, now.saturating_sub(self.largest.get()));
        self.largest.set(self.largest.get().max(now));
    }
}

/// What one walk has found in one document.
struct Change {
    at: usize,
    operations: Vec<Operation>,
    bytes: usize,
}

impl LuaGame {
    /// Emits what changed in each document since the last walk.
    pub(super) fn walk_documents(&mut self, effects: &mut Effects) -> Result<(), GameError> {
        let Documents { all, tables, leaves, quiet, sent_max, secrets_max, texts, tick_rate } = &mut self.documents;
        let every = leaves.div_ceil(LEAVES_A_TICK).max(1) as Tick;
        if !self.tick.is_multiple_of(every) {
            return Ok(());
        }
        let space = Space::left_by(all, *sent_max, *secrets_max);
        let told_long_ago = |told: Tick| self.tick.wrapping_sub(told) >= *tick_rate;
        let shadows = all.iter().map(|document| {
            let (bytes_max, limit) = space.of(document);
            Shadow {
                value: &document.shadow,
                own: (document.name == DocumentName::State).then_some(ENGINES_KEY),
                bytes_max,
                shared: &texts[limit],
                tells: document.told.is_none_or(told_long_ago),
            }
        });
        let (mut walked, mut changes, mut problems) = (0, Vec::new(), Vec::new());
        let done = self.vm.marks.diff(&self.vm.lua, tables, shadows, quiet, |at, measure, result| {
            walked += measure.walked();
            let (operations, problem) = match result {
                Ok(Found { operations, problem, more }) => (operations, problem.map(|fault| (fault, Some(more)))),
                Err(fault) => (Vec::new(), Some((fault, None))),
            };
            if !operations.is_empty() {
                // Where something stays as it was, what was walked is not what clients have.
                let bytes = if problem.is_none() { measure.bytes() } else { grown(&all[at].shadow, &operations) };
                space.take(all[at].is_secret(), all[at].bytes, bytes);
                changes.push(Change { at, operations, bytes });
            }
            problems.extend(problem.map(|problem| (at, problem)));
        });
        done.map_err(|_| GameError::Memory("documents"))?;
        *leaves = walked;
        for Change { at, operations, bytes } in changes {
            let document = &mut all[at];
            document.shown = false;
            document.bytes = bytes;
            document.apply(&operations);
            effects.push(Effect::Document { name: document.name, operations });
        }
        for (at, (fault, more)) in problems {
            let document = &mut all[at];
            if document.told.is_none_or(told_long_ago) {
                document.told = Some(self.tick);
                let text = format!("{}; {}", fault.describe(&label(document.name)), what_stays(more));
                effects.push(outbox::log(LogLevel::Error, &text));
            }
        }
        Ok(())
    }

    pub(super) fn add_documents(&mut self, seat: &Seat, effects: &mut Effects) -> Result<(), GameError> {
        let number: PlayerNumber = seat.number;
        let (state, secret): (Table, Table) =
            self.call("join", |e| Ok(&e.players()?.player_documents), number, effects)?;
        let entry = ENTRY_BYTES + seat.name.len();
        let added = self
            .documents
            .add(DocumentName::PlayerState(number), &state, entry)
            .and_then(|()| self.documents.add(DocumentName::Secret(number), &secret, 0));
        added.map_err(|_| GameError::Memory("documents"))
    }
}

/// How large a document is after these changes.
fn grown(shadow: &Value, operations: &[Operation]) -> usize {
    let mut after = shadow.clone();
    for operation in operations {
        let _ = operation.apply(&mut after); // the shadow itself says so when it does not fit
    }
    Measure::of(&after).bytes()
}

/// `more`: keys besides the one that is named; None: the whole document.
fn what_stays(more: Option<usize>) -> String {
    match more {
        None => "the document stays as it was last sent".to_owned(),
        Some(0) => "it stays as it was last sent".to_owned(),
        Some(1) => "it stays as it was last sent, and so does another".to_owned(),
        Some(more) => format!("it stays as it was last sent, and so do {more} others"),
    }
}

fn label(name: DocumentName) -> String {
    match name {
        DocumentName::State => "room.state".to_owned(),
        DocumentName::PlayerState(number) => format!("state of player {number}: player.state"),
        DocumentName::Secret(number) => format!("secret of player {number}: player.secret"),
    }
}
