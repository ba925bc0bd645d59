//! Names of rooms and players: what people type, cleaned for display; of rooms also folded, so that what looks or sounds
//! the same is the same room.

use unicode_security::confusable_detection::skeleton;
use unicode_segmentation::UnicodeSegmentation as _;

/// What a person typed, cleaned for display: nothing that controls or cannot be seen, single spaces. None when nothing
/// is left.
pub fn clean(typed: &str) -> Option<String> {
    let typed: Vec<char> = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut visible = String::new();
    let mut flag = false;
    for (i, c) in typed.iter().copied().enumerate() {
        let (before, after) = (visible.chars().next_back(), typed.get(i + 1).copied());
        // Flags of regions are a black flag and letters that cannot be seen.
        let tag = matches!(c, '\u{e0020}'..='\u{e007f}');
        flag = c == '\u{1f3f4}' || (flag && tag);
        if !is_invisible(c) || (flag && tag) || has_effect(c, before, after) {
            visible.push(c);
        }
    }
    let name = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// At most `bytes_max` bytes of a name, in whole characters as people count them: a family is one.
pub fn cut(name: &str, bytes_max: usize) -> &str {
    let ends = name.grapheme_indices(true).map(|(start, cluster)| start + cluster.len());
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    name[..end].trim_end()
}

/// Shows nothing, or turns the direction of what is around it: a name with it looks like another, or like none.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether something invisible does its work between these two: joins emoji, gives them their colours, or shapes letters
/// of scripts that need it (Arabic, those of India, Burmese, Khmer, Mongolian).
fn has_effect(c: char, before: Option<char>, after: Option<char>) -> bool {
    let Some(before) = before.filter(|before| !before.is_whitespace()) else { return false };
    let shapes = |c: char| matches!(c, '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}');
    let is_emoji = |c: char| !c.is_ascii() && !c.is_alphanumeric() && (!is_invisible(c) || c == '\u{fe0f}');
    match (c, after) {
        ('\u{200d}', Some(after)) if is_emoji(before) && is_emoji(after) => true,
        ('\u{200c}' | '\u{200d}', Some(after)) => shapes(before) && shapes(after),
        // Keycaps are a digit, this, and a frame.
        ('\u{fe0e}' | '\u{fe0f}', _) => is_emoji(before) || after == Some('\u{20e3}'),
        _ => false,
    }
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
        let look_alikes = [
            "blue fox",
            "Blue-Fox",
            " BLUE  FOX ",
            "b1ue f0x",
            "bIue fox",
            "blue fох",
            "bl\u{200b}ue\u{2060}fox",
            "blue\u{200d}fox",
        ];
        for other in look_alikes {
            assert_eq!(fold(&clean(other).unwrap()), fold("blue-fox"), "{other}");
        }
        assert_ne!(fold("blue-fox"), fold("blue-box"));
    }

    #[test]
    fn names_are_cleaned() {
        for (typed, name) in [
            (" \u{7}a\n\tb  ", "a b"),
            ("a\u{202e}b", "ab"),
            ("\u{2066}a\u{2069}\u{200f}", "a"),
            ("a\u{200b}\u{feff}\u{ad}b", "ab"),
            ("a\u{200d}b\u{fe0f}", "ab"),
            ("\u{200d}\u{fe0f}a", "a"),
        ] {
            assert_eq!(clean(typed).as_deref(), Some(name), "{typed:?}");
        }
        for nothing in [" \n ", "\u{200b}", "\u{202e}", "\u{2800}\u{3164}", "\u{fe0f}\u{200d}", "\u{e0067}", ""] {
            assert_eq!(clean(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn emoji_and_scripts_keep_what_they_are_made_of() {
        // A family, a burning heart, a pirates' flag, a keycap, Scotland, a snowman, Persian, Sinhala.
        for name in [
            "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "\u{1f3f4}\u{200d}\u{2620}\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "\u{2603}\u{fe0f} man",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}",
        ] {
            assert_eq!(clean(name).as_deref(), Some(name), "{name:?}");
        }
    }

    #[test]
    fn names_are_cut_between_characters() {
        let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
        assert_eq!(cut(&family.repeat(3), 64), family.repeat(2));
        assert_eq!(cut(family, 24), "");
        assert_eq!(cut("ääää", 5), "ää");
        assert_eq!(cut("e\u{301}e\u{301}", 4), "e\u{301}");
        assert_eq!(cut("ann bob", 4), "ann");
        assert_eq!(cut("ann", 64), "ann");
    }
}
