//! `airboat module new`: a folder with a small game that can be played, changed and tested at once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::game::lua::modules;

/// Path in the module's folder, and text. `TITLE` stands for the module's title.
const STARTER: &[(&str, &str)] = &[
    ("main.lua", include_str!("starter/main.lua")),
    ("shared/step.lua", include_str!("starter/shared/step.lua")),
    ("test.lua", include_str!("starter/test.lua")),
];

/// Writes `dir/name/` and tells what to do next. Refuses a bad name and a folder that is there already.
pub fn create(name: &str, dir: &Path, port: u16) -> Result<String, String> {
    modules::check_name(name)?;
    let folder = dir.join(name);
    if folder.exists() {
        return Err(format!("{} is there already; nothing was changed", folder.display()));
    }
    let fault = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    for (path, text) in STARTER {
        let path = folder.join(path);
        let parent = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        fs::create_dir_all(&parent).map_err(|error| fault(&parent, &error))?;
        fs::write(&path, text.replace("TITLE", &title(name))).map_err(|error| fault(&path, &error))?;
    }
    Ok(next(name, dir, &folder, port))
}

/// What to read on the terminal. Other folders than ./modules have to be named to the server.
fn next(name: &str, dir: &Path, folder: &Path, port: u16) -> String {
    let (shown, modules) = (folder.display(), dir.display());
    let serve = if dir == Path::new("modules") { "airboat".to_owned() } else { format!("airboat --modules {modules}") };
    format!(
        "{shown}/ is a game now: main.lua has its rules, shared/step.lua how things move, test.lua three tests.

  {serve}
      then play at http://localhost:{port}/play/?module={name}&room={name}
      whoever opens that address comes into the same room; without &room= each has one of their own
      saving a file reloads the rooms in which it is played; nobody is disconnected
  airboat module check {shown}
      plays it with bots, reloads it all the time, and says what that lost, and what the game costs
  airboat module test {shown}
      runs test.lua
"
    )
}

/// `star-catcher` is called "Star Catcher".
pub(super) fn title(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    let words: Vec<String> = name.split(['-', '_']).filter(|word| !word.is_empty()).map(word).collect();
    if words.is_empty() { name.to_owned() } else { words.join(" ") }
}
