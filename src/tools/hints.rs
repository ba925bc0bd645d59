//! Why a reload may have changed something: what can be told from a module's text alone.

use crate::game::lua::Sources;

/// A variable of a file that functions write to. It is no part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    pub name: String,
    /// `module/file.lua:12`.
    pub declared: String,
    pub written: usize,
}

/// `local name` at the start of a line that some function assigns to, or into.
pub(super) fn module_locals(module: &str, sources: &Sources) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.as_str() != "test.lua") {
        for (at, line) in text.lines().enumerate() {
            let Some(rest) = line.strip_prefix("local ").filter(|rest| !rest.starts_with("function ")) else {
                continue;
            };
            let names = rest.split_once('=').map_or(rest, |(names, _)| names);
            let inside = within_functions(text);
            for name in names.split("--").next().unwrap_or_default().split(',').map(str::trim) {
                let written = inside.iter().find(|(number, line)| *number > at && writes(line, name));
                // The table that the file returns is filled where it is declared.
                if let Some((written, _)) = written
                    && !returns(text, name)
                {
                    let declared = format!("{module}/{path}:{}", at + 1);
                    hints.push(Hint { name: name.to_owned(), declared, written: written + 1 });
                }
            }
        }
    }
    hints
}

/// Lines, less what stands in the braces of a table over many lines: `x = 1` sets a field there.
fn within_functions(text: &str) -> Vec<(usize, &str)> {
    let mut depth = 0;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = line.split("--").next().unwrap_or_default();
        if depth <= 0 {
            lines.push((at, line));
        }
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
    }
    lines
}

/// An indented `name = …`, `name[…] = …` or `name.x = …`: within a function, most likely.
fn writes(line: &str, name: &str) -> bool {
    if name.is_empty() || !line.starts_with([' ', '\t']) {
        return false;
    }
    let code = line.split("--").next().unwrap_or_default();
    let Some((left, right)) = code.split_once('=').filter(|(_, right)| !right.starts_with('=')) else { return false };
    if left.ends_with(['~', '<', '>']) || right.is_empty() {
        return false;
    }
    let statement =
        [" then ", " do ", " else ", ";"].iter().fold(left, |left, word| left.rsplit(word).next().unwrap_or(left));
    let left = statement.trim();
    if left.starts_with("local ") || left.starts_with("for ") {
        return false;
    }
    left.split(',')
        .map(str::trim)
        .any(|target| target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.'])))
}

fn returns(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.strip_prefix("return ").is_some_and(|rest| rest.trim() == name))
}

/// One sentence for the author.
pub(super) fn reason(hints: &[Hint], has_restored: bool) -> String {
    let restored = if has_restored { "; or game.restored changed it" } else { "" };
    let named: Vec<String> = hints
        .iter()
        .take(3)
        .map(|hint| format!("`local {}` ({}, written in line {})", hint.name, hint.declared, hint.written))
        .collect();
    if named.is_empty() {
        format!(
            "variables outside room.state, memory, players and entities are not saved, and a table that stands in two \
             places comes back as two{restored}"
        )
    } else {
        format!("variables of a file are not saved, keep them in room.memory: {}{restored}", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_functions_write_are_found() {
        let main = r#"local step = require "shared.step"
local count, last = 0, nil -- not saved
local SPEED = 12
local cache = {}
local game = { title = "x" }
game.entities = {}
function game.tick(room)
  local SPEED = 3
  if SPEED == 12 then return end
  game.x = 1
  count = count + 1
  cache[room.tick] = true
  for step = 1, 2 do end
  room:spawn("dot", {
    step = 2
  })
end
return game
"#;
        let sources = [("main.lua".to_owned(), main.to_owned())].into();
        let found: Vec<_> = module_locals("m", &sources).into_iter().map(|h| (h.name, h.declared, h.written)).collect();
        let expected = [("count", "m/main.lua:2", 11), ("cache", "m/main.lua:4", 12)];
        assert_eq!(found, expected.map(|(name, at, line)| (name.to_owned(), at.to_owned(), line)));
    }
}
