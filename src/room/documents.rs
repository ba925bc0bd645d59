//! The documents of a room as everybody else sees them: shadows of the script's tables, and this tick's changes.
//!
//! Three go out: `state` (`room.state`) and `players` (who sits here, with each `player.state`) to everybody, `secret`
//! to its player alone. They are state, not messages: for a session that lags, changes are left out and the whole
//! document follows when it has caught up.

use std::{
    cell::{Cell, OnceCell},
    collections::BTreeMap,
};

use bytes::Bytes;

use crate::{
    game::{DocumentName, Seat},
    protocol::{Key, PlayerNumber, Tick, Value, document::Operation, hash, message},
};

#[derive(Debug)]
pub struct Documents {
    state: Document,
    players: Document,
    /// Of people: nobody is sent a bot's.
    secrets: BTreeMap<PlayerNumber, Document>,
    /// Of what they are now, once somebody has asked.
    hash: Cell<Option<u32>>,
}

#[derive(Debug)]
struct Document {
    name: &'static str,
    value: Value,
    /// This tick's.
    changes: Vec<Operation>,
    /// The frames' common part, made once for all who are sent the changes, or the whole.
    changes_body: OnceCell<Bytes>,
    whole_body: OnceCell<Bytes>,
}

impl Document {
    fn new(name: &'static str) -> Self {
        let (changes_body, whole_body) = (OnceCell::new(), OnceCell::new());
        Self { name, value: empty(), changes: Vec::new(), changes_body, whole_body }
    }

    fn change(&mut self, operations: Vec<Operation>) -> bool {
        let fits = operations.iter().all(|operation| operation.apply(&mut self.value).is_ok());
        self.changes.extend(operations);
        self.changes_body.take();
        self.whole_body.take();
        fits
    }

    fn changes(&self) -> Option<&Bytes> {
        let make = || message::document_body(self.name, self.changes.iter());
        (!self.changes.is_empty()).then(|| self.changes_body.get_or_init(make))
    }

    fn whole(&self) -> &Bytes {
        self.whole_body.get_or_init(|| message::document_whole(self.name, &self.value))
    }

    fn clear_changes(&mut self) {
        self.changes.clear();
        self.changes_body.take();
        // It is large, and lagging is rare.
        self.whole_body.take();
    }
}

fn empty() -> Value {
    Value::Map(BTreeMap::new())
}

/// A player's key in `players`: its id, a string.
pub fn player_key(player: PlayerNumber) -> Key {
    Key::Name(player.to_string())
}

impl Default for Documents {
    fn default() -> Self {
        let (state, players) = (Document::new("state"), Document::new("players"));
        Self { state, players, secrets: BTreeMap::new(), hash: Cell::default() }
    }
}

impl Documents {
    /// A change the script made. False when it does not fit the shadow, which would be a fault of ours.
    pub fn patch(&mut self, name: DocumentName, operations: Vec<Operation>) -> bool {
        self.hash.set(None);
        match name {
            DocumentName::State => self.state.change(operations),
            DocumentName::PlayerState(player) => {
                let prefix = [player_key(player), "state".into()];
                let under = |operation: Operation| Operation {
                    path: prefix.iter().cloned().chain(operation.path).collect(),
                    value: operation.value,
                };
                self.players.change(operations.into_iter().map(under).collect())
            }
            DocumentName::Secret(player) => {
                self.secrets.get_mut(&player).is_none_or(|secret| secret.change(operations))
            }
        }
    }

    pub fn joined(&mut self, seat: &Seat) {
        if !seat.bot {
            self.secrets.insert(seat.number, Document::new("secret"));
        }
        let entry = Value::map([
            ("name", seat.name.as_str().into()),
            ("kind", seat.kind.as_str().into()),
            ("role", "".into()),
            ("bot", seat.bot.into()),
            ("connected", true.into()),
            ("state", empty()),
        ]);
        self.set_player(vec![player_key(seat.number)], Some(entry));
    }

    pub fn left(&mut self, player: PlayerNumber) {
        self.secrets.remove(&player);
        self.set_player(vec![player_key(player)], None);
    }

    pub fn connected(&mut self, player: PlayerNumber, connected: bool) {
        self.set_player(vec![player_key(player), "connected".into()], Some(connected.into()));
    }

    pub fn role(&mut self, player: PlayerNumber, role: String) {
        self.set_player(vec![player_key(player), "role".into()], Some(role.into()));
    }

    pub fn kind(&mut self, player: PlayerNumber, kind: String) {
        self.set_player(vec![player_key(player), "kind".into()], Some(kind.into()));
    }

    pub fn name(&mut self, player: PlayerNumber, name: &str) {
        self.set_player(vec![player_key(player), "name".into()], Some(name.into()));
    }

    fn set_player(&mut self, path: Vec<Key>, value: Option<Value>) {
        self.hash.set(None);
        self.players.change(vec![Operation { path, value }]);
    }

    fn seen_by(&self, player: PlayerNumber) -> impl Iterator<Item = &Document> {
        [Some(&self.players), self.secrets.get(&player), Some(&self.state)].into_iter().flatten()
    }

    /// All documents as one player sees them.
    pub fn whole(&self, player: PlayerNumber) -> Value {
        Value::map([
            ("state", self.state.value.clone()),
            ("players", self.players.value.clone()),
            ("secret", self.secrets.get(&player).map_or_else(empty, |secret| secret.value.clone())),
        ])
    }

    /// Bytes of what `send` would send, about.
    pub fn sent_bytes(&self, player: PlayerNumber, whole: bool) -> usize {
        let bodies = self.seen_by(player).filter_map(|d| if whole { Some(d.whole()) } else { d.changes() });
        bodies.map(Bytes::len).sum()
    }

    /// This tick's changes as far as this player may see them, or every document whole, for a session that had lagged.
    /// `send` gets a maker that needs the frame's number.
    pub fn send(&self, player: PlayerNumber, whole: bool, tick: Tick, mut send: impl FnMut(&dyn Fn(u32) -> Bytes)) {
        for document in self.seen_by(player) {
            let body = if whole { Some(document.whole()) } else { document.changes() };
            if let Some(body) = body {
                send(&|number| message::document(number, tick, body));
            }
        }
    }

    pub fn clear_changes(&mut self) {
        self.state.clear_changes();
        self.players.clear_changes();
        self.secrets.values_mut().for_each(Document::clear_changes);
    }

    /// Reckoned once for all who ask before the next change.
    pub fn hash(&self) -> u32 {
        let hash = self.hash.get().unwrap_or_else(|| hash::documents(&self.state.value, &self.players.value));
        self.hash.set(Some(hash));
        hash
    }
}
