//! Names of rooms: what people type, folded so that what looks or sounds the same is the same room.

use unicode_security::confusable_detection::skeleton;

/// What a person typed, cleaned for display: no control characters, single spaces, at most `bytes_max` bytes.
/// None when nothing is left.
pub fn clean(typed: &str, bytes_max: usize) -> Option<String> {
    let visible: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut name = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    while name.len() > bytes_max {
        name.pop();
    }
    let name = name.trim_end().to_owned();
    (!name.is_empty()).then_some(name)
}

/// The key under which a name is found: case, spaces, dashes and look-alikes do not count.
pub fn fold(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.' | '\''))
        .flat_map(char::to_lowercase)
        .collect();
    // The skeleton of UTS 39 maps look-alikes onto one form, digits included (0 and O, 1 and l). A capital I looks like an
    // l as well, but has become an i by now.
    skeleton(&plain).flat_map(char::to_lowercase).map(|c| if c == 'i' { 'l' } else { c }).collect()
}

/// A name to offer: easy to say across a table, hard to misspell.
pub fn random(random: &mut fastrand::Rng) -> String {
    let first = FIRST[random.usize(..FIRST.len())];
    let second = SECOND[random.usize(..SECOND.len())];
    format!("{first}-{second}")
}

const FIRST: [&str; 48] = [
    "amber", "autumn", "brave", "breezy", "bright", "bronze", "calm", "cheery", "clever", "cosmic", "cozy", "crimson",
    "curly", "daring", "dusty", "eager", "fancy", "fuzzy", "gentle", "giant", "golden", "happy", "humble", "icy",
    "jolly", "lively", "lucky", "mellow", "mighty", "misty", "noble", "orange", "proud", "purple", "quick", "quiet",
    "rapid", "rosy", "rusty", "silver", "sleepy", "snowy", "spicy", "sunny", "swift", "velvet", "wild", "yellow",
];
const SECOND: [&str; 48] = [
    "badger", "beaver", "bison", "camel", "cobra", "condor", "coyote", "crane", "dolphin", "donkey", "dragon", "eagle",
    "falcon", "ferret", "finch", "fox", "gecko", "goose", "hamster", "hedgehog", "heron", "ibex", "jaguar", "koala",
    "lemur", "leopard", "lynx", "magpie", "marmot", "meerkat", "moose", "otter", "owl", "panda", "parrot", "pelican",
    "penguin", "puffin", "puma", "rabbit", "raven", "salmon", "spider", "swan", "tiger", "turtle", "walrus", "wombat",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_one_room() {
        for other in ["blue fox", "Blue-Fox", " BLUE  FOX ", "b1ue f0x", "bIue fox", "blue fох"] {
            assert_eq!(fold(&clean(other, 64).unwrap()), fold("blue-fox"), "{other}");
        }
        assert_ne!(fold("blue-fox"), fold("blue-box"));
    }

    #[test]
    fn names_are_cleaned() {
        assert_eq!(clean(" \u{7}a\n\tb  ", 64).as_deref(), Some("a b"));
        assert_eq!(clean(" \n ", 64), None);
        assert_eq!(clean("ääää", 5).as_deref(), Some("ää"));
    }
}
