//! Decoders are total: whatever arrives, they end with a value or an error, without a panic and without more memory than
//! the bytes are worth. Frames of the golden vectors and of a corpus grown from them are damaged by seed.
//!
//! The corpus (`tests/golden/corpus.json`) holds damaged frames, each of which ended in a way that no other did.
//! `AIRBOAT_BLESS=1 cargo test --test decoders` grows it anew. TypeScript reads it too. The envelopes of polls and of JSON
//! are tested where they live.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "seeds are printed")]

#[path = "support/allocations.rs"]
#[allow(unreachable_pub, reason = "several tests share it")]
mod allocations;
#[path = "../src/protocol/mutate.rs"]
mod mutate;

use std::collections::BTreeMap;

use airboat::protocol::{
    Value,
    input::InputFrame,
    message::{ClientFrame, ServerFrame},
    mirror::Mirror,
};
use mutate::damage;
use serde_json::{Value as Json, json};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
const CORPUS_MAX: usize = 400;
const CORPUS_FRAME_MAX: usize = 256;
/// A map with one key takes four bytes on the wire and most of a tree's node in memory; a mirror, its baseline again.
const MEMORY_A_BYTE: u64 = 1024;
const MEMORY_ALWAYS: u64 = 64 * 1024;

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = (text.len() >= 2 && text.len().is_multiple_of(2)).then_some(text)?;
    (0..digits.len() / 2).map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}

/// Every text in there that is hexadecimal.
fn frames(json: &Json, found: &mut Vec<Vec<u8>>) {
    match json {
        Json::String(text) => found.extend(unhex(text)),
        Json::Array(list) => list.iter().for_each(|item| frames(item, found)),
        Json::Object(map) => map.values().for_each(|item| frames(item, found)),
        _ => {}
    }
}

fn read(name: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(format!("{GOLDEN}{name}")).unwrap()).unwrap()
}

struct Subjects {
    seeds: Vec<Vec<u8>>,
    /// After each of the story's snapshots.
    mirrors: Vec<Mirror>,
}

impl Subjects {
    fn new() -> Self {
        let golden = read("frames.json");
        let mut seeds = Vec::new();
        frames(&golden, &mut seeds);
        frames(&read("documents.json"), &mut seeds);
        let bytes = |json: &Json| unhex(json["bytes"].as_str().unwrap()).unwrap();
        let ServerFrame::Joined(joined) = ServerFrame::decode(&bytes(&golden["joined"])).unwrap() else { panic!() };
        let mut mirrors = vec![Mirror::new(&joined).unwrap()];
        for vector in &golden["snapshots"].as_array().unwrap()[1..4] {
            let mut mirror = mirrors[mirrors.len() - 1].clone();
            mirror.apply(&bytes(vector)).unwrap();
            mirrors.push(mirror);
        }
        Self { seeds, mirrors }
    }

    fn with_corpus() -> Self {
        let mut subjects = Self::new();
        frames(&read("corpus.json")["frames"], &mut subjects.seeds);
        subjects
    }

    /// Everything that decodes bytes from the wire, and how each of it ended.
    fn decode(&self, bytes: &[u8], which: usize) -> String {
        let mirror = &self.mirrors[which % self.mirrors.len()];
        let server = match ServerFrame::decode(bytes) {
            Ok(ServerFrame::Snapshot) => format!("{:?}", mirror.clone().apply(bytes).map(|_| ())),
            Ok(ServerFrame::Joined(joined)) => format!("joined {:?}", Mirror::new(&joined).map(|_| ())),
            Ok(ServerFrame::Document { name, operations, .. }) => {
                format!("document {:?}", mirror.clone().patch(&name, &operations))
            }
            Ok(other) => variant(&other),
            Err(error) => format!("{error:?}"),
        };
        let client = ClientFrame::decode(bytes).map_or_else(|error| format!("{error:?}"), |frame| variant(&frame));
        let input = InputFrame::decode(bytes, &mirror.schema.inputs).map(|_| ());
        let value = Value::from_bytes(bytes).map(|_| ());
        format!("{server}, {client}, {input:?}, {value:?}")
    }

    /// The same, and it may not take more memory than that.
    fn decode_within_bounds(&self, bytes: &[u8], which: usize) -> String {
        let (outcome, _, taken) = allocations::of(|| self.decode(bytes, which));
        let most = MEMORY_ALWAYS + MEMORY_A_BYTE * bytes.len() as u64;
        assert!(taken <= most, "{taken} bytes of memory for {}", hex(bytes));
        outcome
    }
}

fn variant(frame: &impl std::fmt::Debug) -> String {
    let text = format!("{frame:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Damaged frames by how they ended, the shortest of each.
fn grow() -> Json {
    let subjects = Subjects::new();
    let mut random = fastrand::Rng::with_seed(41);
    let mut kept: BTreeMap<(String, u8), Vec<u8>> = BTreeMap::new();
    for round in 0..300_000 {
        let (seed, other) = (random.choice(&subjects.seeds).unwrap(), random.choice(&subjects.seeds).unwrap());
        let bytes = damage(&mut random, seed, other);
        if bytes.is_empty() || bytes.len() > CORPUS_FRAME_MAX {
            continue;
        }
        // How it ended, and about how long it is: short ones and long ones end for different reasons.
        let sort = (subjects.decode(&bytes, round), (bytes.len() as u32).ilog2() as u8);
        let best = kept.entry(sort).or_insert_with(|| bytes.clone());
        if bytes.len() < best.len() {
            *best = bytes;
        }
    }
    let frames: Vec<_> = kept.into_values().take(CORPUS_MAX).map(|bytes| hex(&bytes)).collect();
    json!({ "frames": frames })
}

#[test]
fn damaged_frames_end_in_a_value_or_an_error() {
    if std::env::var_os("AIRBOAT_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&grow()).unwrap() + "\n";
        std::fs::write(format!("{GOLDEN}corpus.json"), text).unwrap();
    }
    let soak = std::env::var_os("AIRBOAT_SOAK").is_some();
    let seed = std::env::var("AIRBOAT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(if soak {
        fastrand::u64(..)
    } else {
        42
    });
    println!("AIRBOAT_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let subjects = Subjects::with_corpus();
    assert!(subjects.seeds.len() > 200, "{} seeds", subjects.seeds.len());
    for (which, bytes) in subjects.seeds.iter().enumerate() {
        subjects.decode_within_bounds(bytes, which);
    }
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..if soak { 20_000_000 } else { 100_000 } {
        let (seed, other) = (random.choice(&subjects.seeds).unwrap(), random.choice(&subjects.seeds).unwrap());
        let bytes = damage(&mut random, seed, other);
        *outcomes.entry(subjects.decode_within_bounds(&bytes, random.usize(..4))).or_default() += 1;
    }
    println!("{} ways to end", outcomes.len());
    assert!(outcomes.len() > 40, "the damage is too dull: {outcomes:?}");
}

/// Lengths that promise more than there is, and depths without a floor.
#[test]
fn bombs_are_errors() {
    let subjects = Subjects::new();
    for text in
        ["ddffffffff", "dfffffffff", "c6ffffffff", "dbffffffff", "9fdfffffffff", "0100ef650001", "ffffffffffffffff"]
    {
        subjects.decode_within_bounds(&unhex(text).unwrap(), 0);
    }
    for byte in [0x91, 0x81, 0xdd, 0xff, 0x80] {
        subjects.decode_within_bounds(&[byte; 100_000], 0);
    }
}
