//! `airboat module test`: runs a module's own `test.lua` with simulated players, in virtual time.
//!
//! Each test lives in a VM of its own, all of them on a thread of their own; rooms live here and are asked through a channel. So
//! each side has its own budget, and a loop without an end in a test is stopped like one in a room.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use serde::Serialize;

use super::{
    report::indented,
    rooms::Rooms,
    settings,
    vectors::{Recorder, Vectors},
};
use crate::{
    game::lua::{Host, LuaFactory, Script, Sources, modules},
    protocol::Value,
};

/// CPU time of one test; its rooms have their own. The wall clock is ten times as patient.
const TEST_US: u64 = 5_000_000;

const PRELUDE: (&str, &str) = ("testing", include_str!("testing.lua"));

#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub name: String,
    /// Of `t:seed`.
    pub seed: Option<u32>,
    /// None: it passed.
    pub failure: Option<String>,
    /// What it printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub printed: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Outcomes {
    pub module: String,
    pub tests: Vec<Outcome>,
}

/// Runs the tests of the module in `folder`. An error: there is nothing to run.
pub fn test(folder: &Path, vectors: Vectors) -> Result<Outcomes, String> {
    let (module, sources) = modules::read_folder(folder)?;
    let (mut outcomes, recorder) = test_sources(&module, sources)?;
    // Half of the vectors say nothing about the file.
    if outcomes.passed() {
        let files = recorder.finish(folder, vectors).into_iter();
        outcomes.tests.extend(files.map(|(name, failure)| Outcome { name, seed: None, failure, printed: Vec::new() }));
    }
    Ok(outcomes)
}

pub(super) fn test_sources(module: &str, sources: Sources) -> Result<(Outcomes, Recorder), String> {
    if !sources.contains_key("test.lua") {
        return Err(format!("module {module} has no test.lua; `airboat module new` writes one to begin with"));
    }
    let sources = Arc::new(sources);
    let factory = LuaFactory::from_sources(module, (*sources).clone(), &settings()).map_err(|e| e.to_string())?;
    let name = module.to_owned();
    let mut host = Answers { rooms: Rooms::new(factory), recorder: Recorder::default() };
    let (asked, questions) = sync_channel::<Question>(0);
    let (answers, answered) = sync_channel(0);
    std::thread::scope(|scope| {
        let line = Line { asked, answered: Arc::new(Mutex::new(answered)) };
        let tests = scope.spawn(move || run(&name, &sources, &line));
        host.serve(&questions, &answers);
        tests.join().unwrap_or_else(|_| Err("the tests' thread broke down".to_owned()))
    })
    .map(|tests| (Outcomes { module: module.to_owned(), tests }, host.recorder))
}

enum Question {
    Ask(String, Vec<Value>),
    /// A new test: rooms of the one before are gone.
    Begin,
    /// Script errors beside a test that failed: a list of texts.
    Unseen,
}

/// What the tests ask.
struct Answers {
    rooms: Rooms,
    recorder: Recorder,
}

impl Answers {
    /// Until the tests hang up.
    fn serve(&mut self, questions: &Receiver<Question>, answers: &SyncSender<Result<Value, String>>) {
        for question in questions {
            match question {
                Question::Begin => self.rooms.clear(),
                Question::Unseen => {
                    let unseen = self.rooms.unseen().into_iter().map(Value::from).collect();
                    if answers.send(Ok(Value::List(unseen))).is_err() {
                        return;
                    }
                }
                Question::Ask(name, arguments) => {
                    let answer = match name.as_str() {
                        "vector" | "vectored" => self.recorder.ask(&name, &arguments),
                        _ => self.rooms.ask(&name, &arguments),
                    };
                    if answers.send(answer).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// The way to the rooms, from the tests' thread.
#[derive(Clone)]
struct Line {
    asked: SyncSender<Question>,
    answered: Arc<Mutex<Receiver<Result<Value, String>>>>,
}

impl Line {
    fn ask(&self, question: Question) -> Result<Value, String> {
        let gone = || "the rooms are gone".to_owned();
        self.asked.send(question).map_err(|_| gone())?;
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.recv().map_err(|_| gone())?
    }
}

/// Each test has a VM of its own: what one leaves behind, or runs out of, is nothing to the others.
fn run(module: &str, sources: &Arc<Sources>, line: &Line) -> Result<Vec<Outcome>, String> {
    let mut patient = settings();
    patient.budgets.callback_us = TEST_US;
    let load = || -> Result<(Script, Value), String> {
        let line = line.clone();
        let host: Host = Box::new(move |name, arguments| line.ask(Question::Ask(name.to_owned(), arguments)));
        let script = Script::new(module, sources, &patient, PRELUDE, host).map_err(|error| error.to_string())?;
        let names =
            script.call("loading test.lua", "load", &Value::Nil).map_err(|error| indented(&error.to_string()))?;
        Ok((script, names))
    };
    let (_, names) = load()?;
    let mut outcomes = Vec::new();
    for name in names.list().unwrap_or_default().iter().filter_map(Value::text) {
        line.asked.send(Question::Begin).map_err(|_| "the rooms are gone".to_owned())?;
        let (script, _) = load()?;
        let result = script.call("the test", "run", &name.into());
        let seed = script.call("the test", "seed", &Value::Nil).ok().and_then(|seed| seed.u32());
        let mut failure = result.err().map(|error| indented(&error.to_string()));
        if let Some(failure) = &mut failure {
            let unseen = line.ask(Question::Unseen)?;
            for text in unseen.list().unwrap_or_default().iter().filter_map(Value::text) {
                let _ = write!(failure, "\n      no client sees this: {text}");
            }
        }
        outcomes.push(Outcome { name: name.to_owned(), seed, failure, printed: script.printed() });
    }
    Ok(outcomes)
}

impl Outcomes {
    pub fn passed(&self) -> bool {
        !self.tests.is_empty() && self.tests.iter().all(|test| test.failure.is_none())
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // texts only: it cannot fail
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for test in &self.tests {
            let (mark, failure) = match &test.failure {
                None => ("ok  ", String::new()),
                Some(failure) => ("FAIL", format!("\n      {failure}")),
            };
            let seed = test.seed.map_or_else(String::new, |seed| format!("  (seed {seed})"));
            let _ = writeln!(out, "{mark}  {}{seed}{failure}", test.name);
            for line in test.printed.iter().flat_map(|text| text.lines()) {
                let _ = writeln!(out, "      printed: {line}");
            }
        }
        let failed = self.tests.iter().filter(|test| test.failure.is_some()).count();
        let _ = match (self.tests.len(), failed) {
            (0, _) => writeln!(out, "{}: test.lua has no tests", self.module),
            (all, 0) => writeln!(out, "\n{}: all {all} tests passed", self.module),
            (all, failed) => writeln!(out, "\n{}: {failed} of {all} tests failed", self.module),
        };
        out
    }
}
