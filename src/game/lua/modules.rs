//! Finding modules: the folder `modules/` on disk, or the copies embedded in the binary when there is none.
//! [`Folders`] sees what has changed on disk since it looked last.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use include_dir::{Dir, include_dir};

use super::{LuaFactory, Settings, Sources};
use crate::game::GameFactory;

/// The bundled games.
static BUNDLED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/modules");
/// Limits of one module's folder; data files are not counted, only Lua is read.
const FILES_MAX: usize = 256;
const BYTES_MAX: usize = 4 << 20;
const DEPTH_MAX: usize = 8;

/// Modules that can be played, and one clear line for each that cannot.
pub type Found = (Vec<Arc<dyn GameFactory>>, Vec<String>);

/// All modules of `dir`, or the bundled ones when `dir` is None or not there. With default [`Settings`].
pub fn discover(dir: Option<&Path>) -> Found {
    discover_with(dir, &Settings::default())
}

pub fn discover_with(dir: Option<&Path>, settings: &Settings) -> Found {
    let (mut factories, mut problems): Found = Default::default();
    let loaded = match dir.filter(|dir| dir.is_dir()) {
        Some(dir) => from_disk(dir, settings, &mut problems),
        None => bundled(settings),
    };
    for (name, factory) in loaded {
        match factory {
            Ok(factory) => factories.push(Arc::new(factory)),
            Err(problem) => problems.push(format!("module {name} is skipped: {}", first_line(&problem))),
        }
    }
    (factories, problems)
}

/// What a module's folder looks like from outside: each Lua file's path, inode, length and times. Reading it opens no
/// file, so it can be done often, also over mounts that tell of no changes.
type Look = Vec<(PathBuf, [i64; 6])>;

/// The folders of modules, watched by looking.
#[derive(Debug)]
pub struct Folders {
    dir: PathBuf,
    /// What was seen last, and what was last handed out.
    seen: BTreeMap<String, Look>,
    known: BTreeMap<String, Look>,
}

/// What has become of a module's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// New or different: load it.
    Changed {
        module: String,
        folder: PathBuf,
    },
    Removed {
        module: String,
    },
}

impl Folders {
    /// As they are now: only what changes from here on is a change.
    pub fn new(dir: &Path) -> Self {
        let seen = look(dir);
        Self { dir: dir.to_owned(), known: seen.clone(), seen }
    }

    /// Every module's name and folder.
    pub fn all(&self) -> Vec<(String, PathBuf)> {
        self.known.keys().map(|module| (module.clone(), self.dir.join(module))).collect()
    }

    /// What has changed, as soon as two looks in a row agree: an editor that is still writing is left to finish.
    pub fn changes(&mut self) -> Vec<Change> {
        let now = look(&self.dir);
        let mut changes = Vec::new();
        for (module, found) in &now {
            if self.seen.get(module) == Some(found) && self.known.get(module) != Some(found) {
                self.known.insert(module.clone(), found.clone());
                changes.push(Change::Changed { module: module.clone(), folder: self.dir.join(module) });
            }
        }
        let gone: Vec<String> = self.known.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        for module in gone.into_iter().filter(|name| !self.seen.contains_key(name)) {
            self.known.remove(&module);
            changes.push(Change::Removed { module });
        }
        self.seen = now;
        changes
    }
}

fn look(dir: &Path) -> BTreeMap<String, Look> {
    let folder = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        (!name.starts_with('.') && path.is_dir()).then(|| {
            let mut files = Look::new();
            look_into(&path, 0, &mut files);
            files.sort_unstable();
            (name, files)
        })
    };
    fs::read_dir(dir).into_iter().flatten().flatten().filter_map(folder).collect()
}

fn look_into(dir: &Path, depth: usize, files: &mut Look) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.is_dir() && depth < DEPTH_MAX {
            look_into(&path, depth + 1, files);
        } else if is_lua(&path) && files.len() <= FILES_MAX {
            let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
            files.push((path, [about.ino() as i64, about.len() as i64, times[0], times[1], times[2], times[3]]));
        }
    }
}

/// The module in this folder.
pub fn load(folder: &Path, settings: &Settings) -> Result<Arc<dyn GameFactory>, String> {
    let factory = LuaFactory::from_folder(folder, settings).map_err(|error| error.to_string())?;
    Ok(Arc::new(factory))
}

type Loaded = Vec<(String, Result<LuaFactory, String>)>;

fn from_disk(dir: &Path, settings: &Settings, problems: &mut Vec<String>) -> Loaded {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(format!("the modules in {} can not be read: {error}", dir.display()));
            return Vec::new();
        }
    };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, LuaFactory::from_folder(&folder, settings).map_err(|error| error.to_string()))
        })
        .collect()
}

fn bundled(settings: &Settings) -> Loaded {
    let mut loaded: Loaded = BUNDLED
        .dirs()
        .map(|folder| {
            let name = folder.path().to_string_lossy().into_owned();
            let mut sources = Sources::new();
            embedded_files(folder, folder.path(), &mut sources);
            let factory = LuaFactory::from_sources(&name, sources, settings);
            (name, factory.map_err(|error| error.to_string()))
        })
        .collect();
    loaded.sort_by(|a, b| a.0.cmp(&b.0));
    loaded
}

fn embedded_files(dir: &Dir<'_>, root: &Path, sources: &mut Sources) {
    for file in dir.files().filter(|file| is_lua(file.path())) {
        if let (Ok(path), Some(text)) = (file.path().strip_prefix(root), file.contents_utf8()) {
            sources.insert(slashes(path), text.to_owned());
        }
    }
    dir.dirs().for_each(|dir| embedded_files(dir, root, sources));
}

/// A module's name and its Lua files. Links that lead out of the folder are refused.
pub fn read_folder(folder: &Path) -> Result<(String, Sources), String> {
    let root = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_name(&name)?;
    let mut sources = Sources::new();
    let mut bytes = 0;
    read_files(&root, &root, 0, &mut bytes, &mut sources)?;
    Ok((name, sources))
}

/// A module is named as its folder is.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name.len() <= 32
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if is_name { Ok(()) } else { Err(format!("{name}: a module's folder is named with a-z, 0-9, _ and -, at most 32")) }
}

fn read_files(dir: &Path, root: &Path, depth: usize, bytes: &mut usize, sources: &mut Sources) -> Result<(), String> {
    let fault = |path: &Path, text: &dyn std::fmt::Display| format!("{}: {text}", path.display());
    if depth > DEPTH_MAX {
        return Err(fault(dir, &"folders are nested too deep"));
    }
    for entry in fs::read_dir(dir).map_err(|error| fault(dir, &error))? {
        let path = entry.map_err(|error| fault(dir, &error))?.path();
        let real = path.canonicalize().map_err(|error| fault(&path, &error))?;
        if real.is_dir() && real.starts_with(root) && real == path {
            read_files(&real, root, depth + 1, bytes, sources)?;
        } else if real.is_file() && is_lua(&path) {
            if !real.starts_with(root) {
                return Err(fault(&path, &"leads out of the module's folder"));
            }
            let text = fs::read_to_string(&real).map_err(|error| fault(&path, &error))?;
            *bytes += text.len();
            let Ok(inside) = path.strip_prefix(root) else { continue };
            sources.insert(slashes(inside), text);
            if sources.len() > FILES_MAX || *bytes > BYTES_MAX {
                return Err(fault(root, &format!("more than {FILES_MAX} Lua files or {} MB", BYTES_MAX >> 20)));
            }
        }
    }
    Ok(())
}

fn is_lua(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lua")
}

fn slashes(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The first line of an error: tracebacks are for the author's log, not for a list of modules.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
