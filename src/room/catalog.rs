//! Which modules there are: the version of each that new rooms run, the one before, what is in quarantine and why, and
//! what an author should know. Pure bookkeeping; time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::Serialize;

use super::Refused;
use crate::{
    game::{GameFactory, GameInfo},
    protocol::{CloseReason, Micros},
};

/// Failures of a version's rooms within this time before the version is quarantined.
const FAILURES_MAX: usize = 2;
const FAILURES_WITHIN: Micros = 600 * 1_000_000;
/// Versions of a module remembered as bad or as clean.
const VERSIONS_REMEMBERED: usize = 64;
/// Bytes of a problem's text: an error and its traceback.
const PROBLEM_BYTES_MAX: usize = 4096;

/// What is wrong with a module, for whoever can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `load`: a version that could not be loaded; `reload`: one that failed in running rooms, or that they could not take; `quarantine`.
    pub kind: &'static str,
    /// The version it is about; empty where it could not even be read.
    pub version: String,
    pub text: String,
    pub since_unix: i64,
}

/// The time of an event, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub now: Micros,
    pub unix: i64,
}

struct Module {
    current: Arc<dyn GameFactory>,
    previous: Option<Arc<dyn GameFactory>>,
    /// Its folder is gone: no new rooms.
    removed: bool,
    /// Came with the binary: never on probation.
    bundled: bool,
    problem: Option<Problem>,
    /// Rooms that failed lately, with the version they ran.
    failures: VecDeque<(String, Micros)>,
    quarantined: BTreeSet<String>,
    bad: BTreeMap<String, String>,
    clean: BTreeSet<String>,
    seen: BTreeSet<String>,
}

/// Modules by name.
#[derive(Default)]
pub struct Catalog {
    modules: BTreeMap<String, Module>,
    /// Of folders that have never held a module that works.
    stillborn: BTreeMap<String, Problem>,
}

/// What a new room is made of.
pub struct Opening {
    pub factory: Arc<dyn GameFactory>,
    /// Nobody has seen this version run for long: it starts on the penalty worker.
    pub on_probation: bool,
}

/// What becomes of a room whose script was stopped.
pub enum Verdict {
    /// It goes on from its checkpoint with the version that new rooms run.
    Restore(Arc<dyn GameFactory>),
    /// Its version is in quarantine; it closes with this text.
    Close(String),
}

/// What a new content of a module's folder means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// Running rooms should take it.
    New,
    /// What runs already.
    Same,
    /// It failed before, for this reason.
    Bad(String),
}

impl Catalog {
    /// A version of a module that has been loaded. It becomes the one that new rooms run.
    pub fn offer(&mut self, factory: Arc<dyn GameFactory>, bundled: bool, when: When) -> Offered {
        let info = factory.info().clone();
        self.stillborn.remove(&info.module);
        let Some(module) = self.modules.get_mut(&info.module) else {
            self.modules.insert(info.module.clone(), Module::new(factory, bundled));
            return Offered::New;
        };
        if let Some(why) = module.bad.get(&info.version) {
            let text = format!("this version has failed before: {why}");
            module.problem = Some(Problem::new("reload", &info.version, &text, when));
            return Offered::Bad(text);
        }
        let returns = std::mem::take(&mut module.removed);
        let is_same = module.current.info().version == info.version;
        if module.problem.as_ref().is_none_or(|p| p.kind != "quarantine" || !is_same) {
            module.problem = None;
        }
        if is_same {
            return if returns { Offered::New } else { Offered::Same };
        }
        module.previous = Some(std::mem::replace(&mut module.current, factory));
        module.bundled = bundled;
        Offered::New
    }

    /// A content of a module's folder that cannot be loaded changes nothing but this.
    pub fn broken(&mut self, module: &str, text: &str, when: When) {
        let problem = Problem::new("load", "", text, when);
        match self.modules.get_mut(module) {
            // A quarantine stays in sight: it says why nobody can play.
            Some(known) if known.is_quarantined() => {}
            Some(known) => known.problem = Some(problem),
            None if self.stillborn.len() < VERSIONS_REMEMBERED => drop(self.stillborn.insert(module.into(), problem)),
            None => {}
        }
    }

    /// The module's folder is gone: its rooms play on, new ones are not opened.
    pub fn remove(&mut self, module: &str) {
        self.stillborn.remove(module);
        if let Some(module) = self.modules.get_mut(module) {
            module.removed = true;
        }
    }

    /// Versions that ran well before this server was started.
    pub fn remember_clean(&mut self, module: &str, versions: impl IntoIterator<Item = String>) {
        if let Some(module) = self.modules.get_mut(module) {
            module.clean.extend(versions.into_iter().take(VERSIONS_REMEMBERED));
        }
    }

    /// What to open a room of this module with, or why not.
    pub fn open(&self, module: &str, when: When) -> Result<Opening, Refused> {
        let known = self.known(module)?;
        known.refuses(module, when)?;
        let version = &known.current.info().version;
        let on_probation = !known.bundled && !version.is_empty() && !known.clean.contains(version);
        Ok(Opening { factory: known.current.clone(), on_probation })
    }

    /// Whether anybody new may play this module.
    pub fn admits(&self, module: &str, when: When) -> Result<(), Refused> {
        let known = self.modules.get(module);
        known.map_or_else(|| self.known(module).map(drop), |known| known.refuses(module, when))
    }

    fn known(&self, module: &str) -> Result<&Module, Refused> {
        self.modules.get(module).filter(|known| !known.removed).ok_or_else(|| {
            let text = match self.stillborn.get(module) {
                Some(problem) => {
                    let first = problem.text.lines().next().unwrap_or_default();
                    format!("module {module:?} could not be loaded: {first}")
                }
                None => format!("there is no module {module:?} here"),
            };
            Refused::new(CloseReason::UnknownModule, text)
        })
    }

    /// A room's script was stopped.
    pub fn failed(&mut self, module: &str, version: &str, why: &str, when: When) -> Verdict {
        let Some(known) = self.modules.get_mut(module) else {
            return Verdict::Close(format!("module {module} is gone"));
        };
        known.failures.retain(|(_, at)| when.now.saturating_sub(*at) <= FAILURES_WITHIN);
        known.failures.push_back((version.to_owned(), when.now));
        if known.current.info().version != version {
            // A newer one has come meanwhile, perhaps because of this.
            return Verdict::Restore(known.current.clone());
        }
        let failures = known.failures.iter().filter(|(of, _)| of == version).count();
        if failures >= FAILURES_MAX && !known.quarantined.contains(version) {
            remember(&mut known.quarantined, version);
            known.problem = Some(Problem::new("quarantine", version, why, when));
        }
        if known.quarantined.contains(version) {
            return Verdict::Close(format!(
                "{why}, again and again: module {module} is closed until a new version comes"
            ));
        }
        Verdict::Restore(known.current.clone())
    }

    /// A version failed in a room that was reloaded with it. True the first time: then it runs in no new room, and the
    /// one before it does again.
    pub fn rolled_back(&mut self, module: &str, version: &str, why: &str, when: When) -> bool {
        let Some(known) = self.modules.get_mut(module) else { return false };
        if known.bad.contains_key(version) {
            return false;
        }
        if known.bad.len() >= VERSIONS_REMEMBERED {
            known.bad.pop_first();
        }
        known.bad.insert(version.to_owned(), why.lines().next().unwrap_or_default().to_owned());
        known.problem = Some(Problem::new("reload", version, why, when));
        if known.current.info().version == version
            && let Some(previous) = known.previous.take()
        {
            known.current = previous;
        }
        true
    }

    /// A running room could not take a version. New rooms run it all the same.
    pub fn unkept(&mut self, module: &str, version: &str, text: &str, when: When) {
        let Some(known) = self.modules.get_mut(module) else { return };
        if known.current.info().version == version && known.problem.is_none() {
            known.problem = Some(Problem::new("reload", version, text, when));
        }
    }

    /// A version has run clean for long enough. True the first time.
    pub fn ran_clean(&mut self, module: &str, version: &str) -> bool {
        let known = self.modules.get_mut(module).filter(|_| !version.is_empty());
        known.is_some_and(|known| remember(&mut known.clean, version))
    }

    /// A version runs. True the first time.
    pub fn saw(&mut self, module: &str, version: &str) -> bool {
        self.modules.get_mut(module).is_some_and(|known| remember(&mut known.seen, version))
    }

    pub fn is_quarantined(&self, module: &str) -> bool {
        self.modules.get(module).is_some_and(Module::is_quarantined)
    }

    /// The version that new rooms of this module run.
    pub fn current(&self, module: &str) -> Option<&Arc<dyn GameFactory>> {
        self.modules.get(module).map(|known| &known.current)
    }

    /// Each module's description, whether rooms of it can be opened, and what is wrong with it.
    pub fn list(&self) -> impl Iterator<Item = (&Arc<GameInfo>, bool, Option<&Problem>)> {
        let shown = self.modules.values().filter(|known| !known.removed || known.problem.is_some());
        shown.map(|known| (known.current.info(), !known.removed && !known.is_quarantined(), known.problem.as_ref()))
    }

    /// Folders whose module has never worked.
    pub fn stillborn(&self) -> impl Iterator<Item = (&str, &Problem)> {
        self.stillborn.iter().map(|(name, problem)| (name.as_str(), problem))
    }
}

impl Module {
    fn new(factory: Arc<dyn GameFactory>, bundled: bool) -> Self {
        Self {
            current: factory,
            previous: None,
            removed: false,
            bundled,
            problem: None,
            failures: VecDeque::new(),
            quarantined: BTreeSet::new(),
            bad: BTreeMap::new(),
            clean: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    fn is_quarantined(&self) -> bool {
        self.quarantined.contains(&self.current.info().version)
    }

    fn refuses(&self, module: &str, when: When) -> Result<(), Refused> {
        let Some(problem) = self.problem.as_ref().filter(|_| self.is_quarantined()) else { return Ok(()) };
        let minutes = (when.unix - problem.since_unix).max(0) / 60;
        let since = if minutes == 0 { "less than a minute".to_owned() } else { format!("{minutes} min") };
        let why = problem.text.lines().next().unwrap_or_default();
        let text = format!("module {module} has been closed for {since}: {why}; it opens with its next version");
        // Not `room failed`, which is worth another try at once.
        Err(Refused::new(CloseReason::Refused, text))
    }
}

impl Problem {
    fn new(kind: &'static str, version: &str, text: &str, when: When) -> Self {
        let mut end = text.len().min(PROBLEM_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { kind, version: version.to_owned(), text: text[..end].to_owned(), since_unix: when.unix }
    }
}

/// Adds to a set that does not grow for ever. True when it is new.
fn remember(set: &mut BTreeSet<String>, version: &str) -> bool {
    if set.len() >= VERSIONS_REMEMBERED && !set.contains(version) {
        set.pop_first();
    }
    set.insert(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Game, GameError};
    use crate::protocol::schema::Schema;

    struct Factory(Arc<GameInfo>);

    impl GameFactory for Factory {
        fn info(&self) -> &Arc<GameInfo> {
            &self.0
        }

        fn create(&self) -> Result<Box<dyn Game>, GameError> {
            Err(GameError::Overrun("test"))
        }
    }

    fn version(version: &str) -> Arc<dyn GameFactory> {
        Arc::new(Factory(Arc::new(GameInfo {
            module: "m".into(),
            title: "M".into(),
            schema: Arc::new(Schema { tick_rate: 30, classes: Vec::new(), inputs: Vec::new() }),
            version: version.into(),
            seats: (1, 4),
            bots: 0,
            empty_after_secs: 1,
            saved: false,
            keeps: false,
            messages: Vec::new(),
        })))
    }

    fn at(secs: u64) -> When {
        When { now: secs * 1_000_000, unix: secs as i64 }
    }

    fn opens(catalog: &Catalog) -> String {
        let opened = catalog.open("m", at(100_000));
        opened.map_or_else(|refused| refused.text, |opening| opening.factory.info().version.clone())
    }

    #[test]
    fn two_failures_within_ten_minutes_close_a_version_until_the_next() {
        let mut catalog = Catalog::default();
        catalog.offer(version("1"), false, at(0));
        assert!(matches!(catalog.failed("m", "1", "slow", at(10)), Verdict::Restore(_)));
        assert!(matches!(catalog.failed("m", "1", "slow", at(611)), Verdict::Restore(_)), "the first is forgotten");
        let Verdict::Close(text) = catalog.failed("m", "1", "slow\ntraceback", at(700)) else { panic!("it goes on") };
        assert!(text.contains("module m is closed until a new version comes"), "{text}");
        let refused = catalog.admits("m", at(880)).unwrap_err();
        assert!(!refused.reason.come_back(), "a client that tries again at once finds nothing new");
        assert_eq!(refused.text, "module m has been closed for 3 min: slow; it opens with its next version");
        // What is saved broken, or is the same, lifts nothing and hides nothing.
        catalog.broken("m", "syntax", at(900));
        assert_eq!(catalog.offer(version("1"), false, at(901)), Offered::Same);
        assert_eq!(
            catalog.list().next().map(|(_, open, problem)| (open, problem.unwrap().kind)),
            Some((false, "quarantine"))
        );
        assert_eq!(catalog.offer(version("2"), false, at(902)), Offered::New);
        assert!(catalog.admits("m", at(903)).is_ok());
        assert_eq!((opens(&catalog).as_str(), catalog.list().next().unwrap().2), ("2", None));
        // A room that still ran the old one goes on with the new.
        assert!(matches!(catalog.failed("m", "1", "slow", at(904)), Verdict::Restore(f) if f.info().version == "2"));
    }

    #[test]
    fn a_version_that_failed_on_trial_is_not_opened_again() {
        let mut catalog = Catalog::default();
        catalog.offer(version("1"), false, at(0));
        catalog.offer(version("2"), false, at(1));
        assert!(catalog.rolled_back("m", "2", "tripped", at(2)));
        assert!(!catalog.rolled_back("m", "2", "tripped", at(2)), "told once");
        assert_eq!(opens(&catalog), "1");
        assert_eq!(
            catalog.offer(version("2"), false, at(3)),
            Offered::Bad("this version has failed before: tripped".into())
        );
        assert_eq!(catalog.offer(version("1"), false, at(4)), Offered::Same);
        assert_eq!(catalog.list().next().unwrap().2, None, "the author took it back");
        assert_eq!(catalog.offer(version("3"), false, at(5)), Offered::New);
        assert_eq!(opens(&catalog), "3");
    }

    #[test]
    fn folders_come_and_go() {
        let mut catalog = Catalog::default();
        assert_eq!(opens(&catalog), "there is no module \"m\" here");
        catalog.broken("m", "m/main.lua:1: oh\nmore", at(1));
        assert_eq!(opens(&catalog), "module \"m\" could not be loaded: m/main.lua:1: oh");
        assert_eq!(catalog.stillborn().count(), 1);
        catalog.offer(version("1"), false, at(2));
        assert_eq!((opens(&catalog).as_str(), catalog.stillborn().count()), ("1", 0));
        catalog.remove("m");
        assert_eq!((opens(&catalog).as_str(), catalog.list().count()), ("there is no module \"m\" here", 0));
        assert_eq!(catalog.offer(version("1"), false, at(3)), Offered::New, "it came back");
        assert_eq!(opens(&catalog), "1");
    }

    #[test]
    fn what_has_not_been_seen_to_run_is_on_probation() {
        let mut catalog = Catalog::default();
        let probation = |catalog: &Catalog| catalog.open("m", at(0)).map(|opening| opening.on_probation).ok();
        catalog.offer(version("1"), true, at(0));
        assert_eq!(probation(&catalog), Some(false), "bundled");
        catalog.offer(version("2"), false, at(0));
        assert_eq!(probation(&catalog), Some(true));
        assert!(catalog.ran_clean("m", "2") && !catalog.ran_clean("m", "2"));
        assert_eq!(probation(&catalog), Some(false));
        catalog.offer(version("3"), false, at(0));
        catalog.remember_clean("m", ["3".to_owned()]);
        assert_eq!(probation(&catalog), Some(false), "it ran well before the restart");
    }
}
