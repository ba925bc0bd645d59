//! Names in `game.input` that no input has: a room reads nil from them and says nothing. Told from a module's text alone, so
//! only where the function is written as `function game.input(room, player, input)` is.

use crate::game::lua::Sources;

/// `module/file.lua:12` and the name, for each input that is read and was never declared.
pub(super) fn unknown_inputs(module: &str, sources: &Sources, known: &[&str]) -> Vec<(String, String)> {
    let mut slips = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.as_str() != "test.lua") {
        let mut lines = text.lines().enumerate();
        while let Some((_, line)) = lines.next() {
            let Some(input) = parameter(line) else { continue };
            let body: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| !line.starts_with("end")).collect();
            // A name that the function itself sets is a field of its own.
            let set = |name: &str| body.iter().any(|(_, line)| fields(line, input).any(|field| field == (name, true)));
            for (at, line) in &body {
                for (name, _) in fields(line, input).filter(|(name, _)| !known.contains(name) && !set(name)) {
                    slips.push((format!("{module}/{path}:{}", at + 1), name.to_owned()));
                }
            }
        }
    }
    slips
}

/// `input` of `function game.input(room, player, input)`.
fn parameter(line: &str) -> Option<&str> {
    let (_, parameters) = line.strip_prefix("function ")?.split_once(".input(")?;
    let (parameters, rest) = parameters.split_once(')')?;
    let named = rest.split("--").next()?.trim().is_empty();
    parameters.split(',').nth(2).map(str::trim).filter(|name| named && !name.is_empty())
}

/// Each `input.name` of a line, and whether it is assigned to.
fn fields<'a>(line: &'a str, input: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = line.split("--").next().unwrap_or_default();
    code.match_indices(input).filter_map(move |(at, _)| {
        let rest = code[at + input.len()..].strip_prefix('.')?;
        if code[..at].ends_with(|c| is_word(c) || c == '.' || c == ':') {
            return None;
        }
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let after = rest[name.len()..].trim_start();
        (!name.is_empty()).then_some((name, after.starts_with('=') && !after.starts_with("==")))
    })
}
