//! The house's rules that a reader should be able to trust without checking: arrows between layers point down, rooms
//! have no async and no clock, foreign crates stop at their edge, files stay one noun long. Read from the source text,
//! so that breaking one is a failing test and not a matter of review.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::{Path, PathBuf};

/// Each part of `src` and the parts below it. Nothing else may be named from there.
const LAYERS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("game", &["protocol"]),
    ("session", &["protocol"]),
    ("store", &["protocol"]),
    ("room", &["game", "session", "store", "protocol"]),
    ("transport", &["room", "game", "session", "store", "protocol"]),
    ("admin", &["room", "game", "session", "store", "protocol"]),
    ("api", &["room", "game", "session", "store", "protocol"]),
    ("server", &["greeting", "transport", "admin", "api", "room", "game", "session", "store", "protocol"]),
    // What the command line offers to those who write modules.
    ("tools", &["game", "protocol"]),
    ("greeting", &[]),
    ("health", &[]),
    // Leaves: import nothing of ours and may be named from anywhere.
    ("config", &[]),
    ("metrics", &[]),
    ("peer", &[]),
    // Another, but only for what is not pure.
    ("clock", &["protocol"]),
];
const LEAVES: &[&str] = &["config", "metrics", "peer", "clock"];

/// Where a foreign crate may be named.
const EDGES: &[(&str, &[&str])] = &[
    ("quinn", &["transport/"]),
    ("wtransport", &["transport/"]),
    ("rustls", &["transport/"]),
    ("tokio_rustls", &["transport/"]),
    ("rcgen", &["transport/"]),
    ("hyper", &["transport/"]),
    ("hyper_util", &["transport/"]),
    // The composition root joins the routers of all three.
    ("axum", &["transport/", "admin/", "api/", "server.rs"]),
    ("argon2", &["admin/"]),
    ("mlua", &["game/lua/"]),
    ("libc", &["game/lua/"]),
    ("rusqlite", &["store/"]),
    ("toml", &["config/"]),
    ("clap", &["config/", "main.rs"]),
    ("tracing_subscriber", &["main.rs"]),
    ("tokio_tungstenite", &["transport/"]),
    ("qrcode", &["greeting.rs"]),
];

/// What never waits and never asks the time, and the files in there that may.
const PURE: &[(&str, &[&str])] = &[
    ("protocol/", &[]),
    ("game/", &["game/lua/watchdog.rs"]),
    ("session/", &["session/link.rs"]),
    ("room/", &["room/worker.rs", "room/worker/", "room/directory.rs", "room/directory/", "room/loader.rs"]),
];
const IMPURE: &[&str] = &["async", "await", "tokio", "Instant", "SystemTime"];

/// The copier, the documents' walk and the watchdog work on raw Lua state; the sandbox opens libraries (ffi, debug) that
/// only its prelude keeps; the heap is an option of the C library's allocator.
const UNSAFE: &[&str] = &[
    "game/lua/checkpoint.rs",
    "game/lua/copier.rs",
    "game/lua/documents.rs",
    "game/lua/heap.rs",
    "game/lua/salvage.rs",
    "game/lua/sandbox.rs",
    "game/lua/watchdog.rs",
];

/// Lines of a file without its tests: about the first, never the second.
const LINES_ABOUT: usize = 450;
const LINES_MAX: usize = 600;

#[test]
fn layers_hold() {
    let broken: Vec<String> = sources().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn files_stay_one_noun_long() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let lines = without_tests(&strip(&text)).lines().filter(|line| !line.trim().is_empty()).count();
        if lines > LINES_ABOUT {
            println!("{path} has {lines} lines");
        }
        if lines > LINES_MAX {
            broken.push(format!("{path} has {lines} lines without comments and tests: split it by noun"));
        }
        if !text.starts_with("//!") {
            broken.push(format!("{path} does not say what lives in it"));
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_map_names_every_part() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (path, _) in sources() {
        let part = part(&path);
        assert!(map.contains(&format!("`{part}")), "ARCHITECTURE.md does not name {part}");
    }
}

/// A limit that nothing reads is a promise not kept.
#[test]
fn every_limit_is_in_use() {
    let unused = listed_and_unused("config/limits.rs", |rest| rest.contains(" = "));
    assert!(unused.is_empty(), "limits that nothing reads: {unused:?}");
}

/// A metric that nothing counts says that nothing has happened.
#[test]
fn every_metric_is_counted() {
    let unused = listed_and_unused("metrics/mod.rs", |_| true);
    assert!(unused.is_empty(), "metrics that nothing counts: {unused:?}");
}

/// Names of a list in the file `list`, lines `name: rest;`, that no code outside its part mentions.
fn listed_and_unused(list: &str, counts: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = sources();
    let (_, text) = sources.iter().find(|(path, _)| path == list).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(": ")?;
            let is_name = name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
            (is_name && rest.ends_with(';') && counts(rest)).then_some(name)
        })
        .collect();
    assert!(names.len() > 20, "the list is not where it was: {names:?}");
    let elsewhere: Vec<String> = sources
        .iter()
        .filter(|(path, _)| part(path) != part(list))
        .map(|(_, text)| without_tests(&strip(text)))
        .collect();
    let used = |name: &str| elsewhere.iter().any(|text| tokens(text).any(|token| token == name));
    names.into_iter().filter(|name| !used(name)).map(str::to_owned).collect()
}

/// The checker is worth something only while it sees.
#[test]
fn the_checker_sees_what_it_should() {
    for (path, text, seen) in [
        ("protocol/mod.rs", "use crate::room::Room;", "room"),
        ("session/link.rs", "use crate::store::Store;", "store"),
        ("session/link.rs", "use crate::{config::Limits, protocol::{Key, game}, game::Game};", "game"),
        ("room/mod.rs", "fn f() { crate::transport::f() }", "transport"),
        ("room/mod.rs", "use super::transport::Pump;", "transport"),
        ("game/lua/mod.rs", "use super::super::session::Link;", "session"),
        ("transport/quic.rs", "use crate::admin;", "admin"),
        ("config/load.rs", "use crate::metrics::Metrics;", "metrics"),
        ("metrics.rs", "use crate::{\n    // a comment\n    protocol::CloseReason,\n};", "protocol"),
        ("gossip/mod.rs", "", "gossip"),
        ("room/step.rs", "use crate::{clock::Clock, game::Game};", "clock"),
        ("room/step.rs", "async fn step() {}", "async"),
        ("room/mod.rs", "let now = Instant::now();", "Instant"),
        ("protocol/value.rs", "use std::time::SystemTime;", "SystemTime"),
        ("session/lanes.rs", "use tokio::sync::Notify;", "tokio"),
        ("room/directory.rs", "use quinn::Connection;", "quinn"),
        ("game/mod.rs", "fn f(lua: mlua::Lua) {}", "mlua"),
        ("admin/mod.rs", "let c = rusqlite::Connection::open(path);", "rusqlite"),
        ("room/mod.rs", "use axum::Router;", "axum"),
        ("server.rs", "fn f(endpoint: quinn::Endpoint) {}", "quinn"),
        ("game/mod.rs", "unsafe { f() }", "unsafe"),
        ("room/mod.rs", "mod tests { } #[cfg(test)] mod t { use crate::transport; } use crate::admin;", "admin"),
    ] {
        let found = violations(path, text);
        assert!(
            found.len() == 1 && found[0].contains(&format!("`{seen}`")),
            "{path}: {text:?} should be refused over {seen} only: {found:?}"
        );
    }
    for (path, text) in [
        ("room/mod.rs", "use crate::{config::Limits, game::Game, protocol::{self, room::x}, session::Session};"),
        ("room/mod.rs", "// use crate::transport;\n/* tokio /* Instant */ */ let s = \"use crate::admin; async\";"),
        ("room/mod.rs", "let s = r#\"crate::transport \"quoted\" \"#; let c = '\"'; let d: &'static str = \"unsafe\";"),
        ("room/mod.rs", "#[cfg(test)]\nmod tests { use crate::server; fn f() { async {} } }"),
        ("room/directory.rs", "use tokio::sync::oneshot; async fn f() { g().await }"),
        ("game/lua/mod.rs", "use super::Game; use mlua::Lua; use super::super::protocol::Value;"),
        ("game/lua/watchdog.rs", "unsafe { Instant::now() }"),
        ("room/worker.rs", "use crate::{clock::Clock, game::Game};"),
        ("server.rs", "use crate::{admin, api, transport}; async fn run() {}"),
        ("room/tests.rs", "use crate::server; async fn f() {}"),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text:?}");
    }
}

/// What is wrong with one file; `path` is relative to `src`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let part = part(path);
    let text = without_tests(&strip(text));
    let tokens: Vec<&str> = tokens(&text).collect();
    if is_test_file(path) || matches!(part, "main" | "lib") {
        return edges(path, &tokens);
    }
    let Some((_, below)) = LAYERS.iter().find(|(layer, _)| *layer == part) else {
        return vec![format!("{path}: `{part}` is in no layer; tests/layers.rs lists them")];
    };
    let pure = PURE.iter().any(|(folder, but)| path.starts_with(folder) && !but.iter().any(|b| path.starts_with(b)));
    let mut broken = edges(path, &tokens);
    for named in own_parts(path, &tokens) {
        let leaf = LEAVES.contains(&named) && !LEAVES.contains(&part) && !(pure && named == "clock");
        if named != part && !below.contains(&named) && !leaf {
            broken.push(format!("{path} names `{named}`, which is not below {part}"));
        }
    }
    for word in IMPURE.iter().filter(|word| pure && tokens.contains(word)) {
        broken.push(format!("{path} says `{word}`: what is in there never waits and never asks the time"));
    }
    if tokens.contains(&"unsafe") && !UNSAFE.contains(&path) {
        broken.push(format!("{path} says `unsafe`"));
    }
    broken
}

/// Foreign crates named outside their edge.
fn edges(path: &str, tokens: &[&str]) -> Vec<String> {
    let roots = |name: &&str| {
        tokens.iter().enumerate().any(|(at, token)| {
            let before = at.checked_sub(1).map(|before| tokens[before]);
            let after = tokens.get(at + 1).copied();
            let path_root = after == Some("::") && before != Some("::");
            token == name && (path_root || (before == Some("use") && matches!(after, Some(";" | "as"))))
        })
    };
    let outside = |edge: &[&str]| !is_test_file(path) && !edge.iter().any(|edge| path.starts_with(edge));
    EDGES
        .iter()
        .filter(|(name, edge)| outside(edge) && roots(name))
        .map(|(name, _)| format!("{path} names `{name}`, which stops at its edge"))
        .collect()
}

/// The parts of `src` that a file names through `crate::` or enough `super::`.
fn own_parts<'a>(path: &str, tokens: &[&'a str]) -> Vec<&'a str> {
    // How many `super` lead out of the file's part: `room/mod.rs` is one deep, `room/worker.rs` two.
    let depth = path.split('/').count() - usize::from(path.ends_with("/mod.rs"));
    let known = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut supers = 0;
        while tokens[at] == "super" && tokens.get(at + 1) == Some(&"::") && tokens.get(at + 2) == Some(&"super") {
            supers += 1;
            at += 2;
        }
        let rooted = tokens[at] == "crate" || (tokens[at] == "super" && supers + 1 == depth);
        at += 1;
        if !rooted || tokens.get(at) != Some(&"::") {
            continue;
        }
        found.extend(heads(&tokens[at + 1..]).into_iter().filter(|name| known(name)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The first names of a path or of a group of them: `a::b` gives a, `{a::{b, c}, d}` gives a and d.
fn heads<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    if tokens.first() != Some(&"{") {
        return tokens.first().copied().into_iter().collect();
    }
    let (mut depth, mut names) = (0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if depth == 1 && matches!(tokens[at - 1], "{" | ",") => names.push(name),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Names, `::` and single signs.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let in_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if in_name(c) => rest.find(|c| !in_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// The text without comments and without what stands in quotes.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !out.ends_with(|c: char| c.is_alphanumeric())) {
            length
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' && is_char_literal(rest) {
            quoted(rest, '\'')
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.extend(rest[..skip].chars().filter(|c| *c == '\n'));
        out.push(' ');
        rest = &rest[skip..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = inner.bytes().take_while(|c| *c == b'#').count();
    let body = inner[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = text.len() - body.len();
    Some(body.find(&end).map_or(text.len(), |at| opening + at + end.len()))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// `'a'` and `'\n'`, but not the lifetime `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// The (stripped) text without what is compiled for tests only.
fn without_tests(text: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        // Fields and variants under the mark stay: they end neither in a brace nor in a semicolon.
        let item = rest.trim_start().split([' ', '(', '\n']).next();
        if !matches!(item, Some("mod" | "fn" | "use" | "impl" | "pub" | "const" | "static" | "struct" | "enum")) {
            continue;
        }
        let mut depth = 0;
        let end = rest.char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(c, '}' | ';')).then_some(at + 1)
        });
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    out + rest
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("tests/")
}

/// The folder or file directly under `src`.
fn part(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or_default()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every Rust file under `src` by its path in there, with its text.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "too few files in {}", src.display());
    found
}
