//! What a simulated player does in phases besides playing: it says `ready`, starts the game when it is the host, and says
//! `done` after a while. Everything it goes by stands in `room.state.phase`, as it does for a person.
//!
//! The rule: in a phase with `ready` in its document, say `ready` once; where the phase `needs` the `"host"` and that is
//! me, say `start`; where it has `done` in it and I am not, say `done` two seconds in. Each at most every two seconds.

use crate::protocol::{Key, Value};

/// Seconds in a phase before a player is done, and between two attempts.
const A_WHILE: f64 = 2.0;

/// What one player has said so far.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    last: Option<(&'static str, f64)>,
}

impl Manners {
    /// The message to send now, of those the module takes. `state` is `room.state`, `me` the player's id, `time` the
    /// room's.
    pub fn next(&mut self, state: &Value, me: u32, time: f64, takes: impl Fn(&str) -> bool) -> Option<&'static str> {
        let wanted = wanted(state.get("phase"), me, time).filter(|name| takes(name))?;
        if self.last.is_some_and(|(name, at)| name == wanted && time - at < A_WHILE) {
            return None;
        }
        self.last = Some((wanted, time));
        Some(wanted)
    }
}

fn wanted(phase: &Value, me: u32, time: f64) -> Option<&'static str> {
    let id = me.to_string();
    let lacks = |list: &str| match phase.get(list) {
        Value::Map(map) => map.get(&Key::from(id.as_str())) != Some(&Value::Bool(true)),
        _ => false,
    };
    if lacks("ready") {
        return Some("ready");
    }
    if phase.get("needs").text() == Some("host") && *phase.get("host") == Value::Player(me) {
        return Some("start");
    }
    let since = phase.get("since").number().unwrap_or(0.0);
    (lacks("done") && time - since >= A_WHILE).then_some("done")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lobby_is_answered_once_in_a_while() {
        let takes = |_: &str| true;
        let ready =
            |who: &[(&str, bool)]| Value::Map(who.iter().map(|(id, is)| (Key::from(*id), Value::Bool(*is))).collect());
        let phase = |ready: Value, needs: &str| {
            let phase = [("ready", ready), ("needs", needs.into()), ("host", Value::Player(2)), ("since", 0.0.into())];
            Value::map([("phase", Value::map(phase))])
        };
        let mut mine = Manners::default();
        let waits = phase(ready(&[("1", true)]), "ready");
        assert_eq!(mine.next(&waits, 2, 0.0, |name| name != "ready"), None);
        assert_eq!(mine.next(&waits, 2, 0.0, takes), Some("ready"));
        assert_eq!(mine.next(&waits, 2, 0.1, takes), None);
        assert_eq!(mine.next(&waits, 2, 2.1, takes), Some("ready"));
        let complete = phase(ready(&[("1", true), ("2", true)]), "host");
        assert_eq!(mine.next(&complete, 2, 2.2, takes), Some("start"));
        assert_eq!(Manners::default().next(&complete, 1, 2.2, takes), None);
        let play = Value::map([("phase", Value::map([("done", ready(&[])), ("since", 5.0.into())]))]);
        assert_eq!(mine.next(&play, 2, 6.0, takes), None);
        assert_eq!(mine.next(&play, 2, 7.0, takes), Some("done"));
        assert_eq!(mine.next(&Value::Nil, 2, 9.0, takes), None);
    }
}
