//! The documents of a room as everybody else sees them: shadows of the script's tables, and this tick's changes.
//!
//! Three go out: `state` (`room.state`) and `players` (who sits here, with each `player.state`) to everybody, `secret`
//! to its player alone. They are state, not messages: for a session that lags, changes are left out and the whole
//! document follows when it has caught up.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    game::{Audience, DocumentName, Seat},
    protocol::{Key, PlayerNumber, Tick, Value, document::Operation, hash, message},
};

#[derive(Debug)]
pub struct Documents {
    state: Value,
    players: Value,
    secrets: BTreeMap<PlayerNumber, Value>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    audience: Audience,
    name: &'static str,
    operations: Vec<Operation>,
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
        Self { state: empty(), players: empty(), secrets: BTreeMap::new(), changes: Vec::new() }
    }
}

impl Documents {
    /// A change the script made. False when it does not fit the shadow, which would be a fault of ours.
    pub fn patch(&mut self, name: DocumentName, operations: Vec<Operation>) -> bool {
        match name {
            DocumentName::State => self.change(Audience::Room, "state", operations),
            DocumentName::PlayerState(player) => {
                let prefix = [player_key(player), "state".into()];
                let under = |operation: Operation| Operation {
                    path: prefix.iter().cloned().chain(operation.path).collect(),
                    value: operation.value,
                };
                self.change(Audience::Room, "players", operations.into_iter().map(under).collect())
            }
            DocumentName::Secret(player) => self.change(Audience::Player(player), "secret", operations),
        }
    }

    pub fn joined(&mut self, seat: &Seat) {
        self.secrets.insert(seat.number, empty());
        let entry = Value::map([
            ("name", seat.name.as_str().into()),
            ("kind", seat.kind.as_str().into()),
            ("role", "".into()),
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

    fn set_player(&mut self, path: Vec<Key>, value: Option<Value>) {
        self.change(Audience::Room, "players", vec![Operation { path, value }]);
    }

    fn change(&mut self, audience: Audience, name: &'static str, operations: Vec<Operation>) -> bool {
        let document = match audience {
            Audience::Player(player) => self.secrets.entry(player).or_insert_with(empty),
            Audience::Room if name == "state" => &mut self.state,
            Audience::Room => &mut self.players,
        };
        let fits = operations.iter().all(|operation| operation.apply(document).is_ok());
        self.changes.push(Change { audience, name, operations });
        fits
    }

    /// All documents as one player sees them.
    pub fn whole(&self, player: PlayerNumber) -> Value {
        Value::map([
            ("state", self.state.clone()),
            ("players", self.players.clone()),
            ("secret", self.secrets.get(&player).cloned().unwrap_or_else(empty)),
        ])
    }

    /// This tick's changes as far as this player may see them; `send` gets a maker that needs the frame's number.
    pub fn send_changes(&self, player: PlayerNumber, tick: Tick, mut send: impl FnMut(&dyn Fn(u32) -> Bytes)) {
        for change in &self.changes {
            if matches!(change.audience, Audience::Player(other) if other != player) {
                continue;
            }
            send(&|number| message::document(number, tick, change.name, &change.operations));
        }
    }

    /// Every document whole, for a session that had lagged.
    pub fn send_whole(&self, player: PlayerNumber, tick: Tick, mut send: impl FnMut(&dyn Fn(u32) -> Bytes)) {
        if let Value::Map(documents) = self.whole(player) {
            for (name, value) in documents {
                let Key::Name(name) = name else { continue };
                let operations = [Operation::whole(value)];
                send(&|number| message::document(number, tick, &name, &operations));
            }
        }
    }

    pub fn clear_changes(&mut self) {
        self.changes.clear();
    }

    pub fn hash(&self) -> u32 {
        hash::documents(&self.state, &self.players)
    }
}
