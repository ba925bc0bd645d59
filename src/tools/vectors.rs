//! Vectors of shared functions: what `shared/step.lua` made of which arguments, kept beside it in
//! `shared/step.vectors.json`. A client in another language that predicts with its own version of the file is held
//! against the same vectors.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde::Serialize;
use serde_json::{Map, Number, Value as Json, json};

use crate::protocol::{Key, Value};

/// Vectors of one file: each is read by every test of every client.
const VECTORS_MAX: usize = 4_096;
/// Sines and their like differ by a bit or two between machines and languages.
const ROUNDING: f64 = 1e-12;
const ENDING: &str = ".vectors.json";

/// What becomes of vectors that are not what stands in their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// The test fails.
    Compare,
    /// They are written.
    Bless,
}

/// One call.
#[derive(Serialize)]
struct Vector {
    arguments: Vec<Json>,
    /// The arguments when it had returned.
    after: Vec<Json>,
    returns: Vec<Json>,
}

/// Of one file, by function.
type Recorded = BTreeMap<String, Vec<Vector>>;

/// What the running tests have called, by the file's path without its ending: `shared/step`.
#[derive(Default)]
pub(super) struct Recorder {
    files: BTreeMap<String, Recorded>,
}

impl Recorder {
    /// `vector`: a call begins; answers its place. `vectored`: it has returned.
    pub(super) fn ask(&mut self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let text = |at: usize| arguments.get(at).and_then(Value::text).unwrap_or_default();
        let (file, function) = (text(0).replace('.', "/"), text(1));
        let file = self.files.entry(file).or_default();
        let count: usize = file.values().map(Vec::len).sum();
        let of_function = file.entry(function.to_owned()).or_default();
        let rest = arguments.get(2..).unwrap_or_default();
        if name == "vector" {
            if count >= VECTORS_MAX {
                return Err(format!("a file has at most {VECTORS_MAX} vectors"));
            }
            of_function.push(Vector { arguments: list(function, rest)?, after: Vec::new(), returns: Vec::new() });
            return Ok(Value::from((of_function.len() - 1) as u32));
        }
        let (at, rest) = rest.split_first().ok_or("no such vector")?;
        let vector = at.u32().and_then(|at| of_function.get_mut(at as usize)).ok_or("no such vector")?;
        let (after, returns) = rest.split_at_checked(vector.arguments.len()).ok_or("arguments are missing")?;
        (vector.after, vector.returns) = (list(function, after)?, list(function, returns)?);
        Ok(Value::Nil)
    }

    /// One line for each file: its name and, where it is not what was recorded, how.
    pub(super) fn finish(self, folder: &Path, vectors: Vectors) -> Vec<(String, Option<String>)> {
        let recorded = self.files.into_iter().map(|(file, recorded)| {
            let name = file + ENDING;
            let fault = match vectors {
                Vectors::Compare => compare(&folder.join(&name), &recorded),
                Vectors::Bless => fs::write(folder.join(&name), text(&recorded)).map_err(|error| error.to_string()),
            };
            (name, fault.err())
        });
        recorded.collect()
    }
}

fn compare(path: &Path, recorded: &Recorded) -> Result<(), String> {
    const HOW: &str = "`airboat module test --bless` writes it";
    let kept = fs::read_to_string(path).map_err(|error| format!("{error}; {HOW}"))?;
    let kept: Json = serde_json::from_str(&kept).map_err(|error| format!("{error}; {HOW} anew"))?;
    match first_difference("", &kept, &json!(recorded)) {
        Some(difference) => Err(format!("{difference}; {HOW} anew")),
        None => Ok(()),
    }
}

/// The path of the first value that is not the same, and both of it.
fn first_difference(path: &str, kept: &Json, now: &Json) -> Option<String> {
    match (kept, now) {
        (Json::Object(a), Json::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            first_difference(&path, a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null))
        }),
        (Json::Array(a), Json::Array(b)) => (0..a.len().max(b.len())).find_map(|i| {
            let path = format!("{path}[{i}]");
            first_difference(&path, a.get(i).unwrap_or(&Json::Null), b.get(i).unwrap_or(&Json::Null))
        }),
        (Json::Number(a), Json::Number(b)) if is_near(a, b) => None,
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path} is {} in the file, and {} now", brief(a), brief(b))),
    }
}

fn is_near(a: &Number, b: &Number) -> bool {
    let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
    (a - b).abs() <= ROUNDING * a.abs().max(1.0)
}

fn brief(value: &Json) -> String {
    match value {
        Json::Null => "missing".to_owned(),
        Json::Array(items) => format!("a list of {}", items.len()),
        Json::Object(_) => "a table".to_owned(),
        value => value.to_string(),
    }
}

/// One vector a line, so that a change of one is a line of a diff.
fn text(recorded: &Recorded) -> String {
    let mut out = "{".to_owned();
    for (i, (function, vectors)) in recorded.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n  {}: [", json!(function));
        for (i, vector) in vectors.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let vector = serde_json::to_string(vector).unwrap_or_default(); // plain values: it cannot fail
            let _ = write!(out, "{comma}\n    {vector}");
        }
        out.push_str("\n  ]");
    }
    out.push_str("\n}\n");
    out
}

fn list(function: &str, values: &[Value]) -> Result<Vec<Json>, String> {
    values.iter().map(to_json).collect::<Result<_, _>>().map_err(|what| format!("{function}: {what}"))
}

/// Numbers get as many digits as bring the same double back, at most 17.
fn to_json(value: &Value) -> Result<Json, &'static str> {
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => number(*n).ok_or("a vector can not hold a number that is not finite")?,
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect::<Result<_, _>>().map(Json::Array)?,
        Value::Map(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                let Key::Name(name) = key else { return Err("a vector's tables are lists or have names for keys") };
                object.insert(name.clone(), to_json(value)?);
            }
            Json::Object(object)
        }
        Value::Bytes(_) | Value::Entity(_) | Value::Player(_) => return Err("a vector holds plain values only"),
    })
}

/// Whole ones without a point; -0 keeps its sign.
fn number(n: f64) -> Option<Json> {
    let whole = n.fract() == 0.0 && n.abs() < 9e15 && !(n == 0.0 && n.is_sign_negative());
    if whole { Some((n as i64).into()) } else { Number::from_f64(n).map(Json::Number) }
}
