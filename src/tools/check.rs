//! `airboat module check`: plays a module for a thousand ticks in two rooms that get the same players and inputs. One is
//! left alone; the other is reloaded every 50 ticks. Both must stay the same, and nothing may fail.

use std::{collections::BTreeSet, path::Path, time::Instant};

use super::{
    costs::Costs,
    difference,
    hints::{self, Hint},
    manners::Manners,
    report::{Problem, Report},
    rooms::suggestion,
    settings, slips,
    stage::{Hands, Heard, Stage, neutral},
};
use crate::{
    game::{
        DocumentName, GameError, GameFactory as _,
        lua::{LuaFactory, Sources, modules},
    },
    protocol::{
        CloseReason, PlayerNumber, Tick, Value,
        schema::{FieldKind, Schema},
    },
};

pub(super) const TICKS: Tick = 1_000;
const RELOAD_EVERY: Tick = 50;
/// However many seats a module has: the figures are for people to compare.
const PLAYERS_MAX: u32 = 16;
/// The same play each time, so that what was wrong yesterday can be seen again.
const SEED: u64 = 7;
/// Leaves of documents that the engine walks in one tick; rooms with more show a change up to so many ticks later.
const DOCUMENT_LAG: Tick = 3;

/// Reads, plays and judges the module in `folder`. An error: it cannot be loaded at all.
pub fn check(folder: &Path) -> Result<Report, String> {
    let (module, sources) = modules::read_folder(folder)?;
    check_sources(&module, sources, TICKS)
}

pub(super) fn check_sources(module: &str, sources: Sources, ticks: Tick) -> Result<Report, String> {
    let hints = hints::module_locals(module, &sources);
    let text = sources.clone();
    let factory = LuaFactory::from_sources(module, sources, &settings()).map_err(|error| error.to_string())?;
    let mut check = Check::open(&factory, hints).map_err(|error| error.to_string())?;
    let inputs: Vec<&str> = factory.info().schema.inputs.iter().map(|field| field.name.as_str()).collect();
    for (place, name) in slips::unknown_inputs(module, &text, &inputs) {
        let hint = suggestion(&name, inputs.iter().copied());
        check.report.problem(0, &format!("{place}: there is no game.inputs.{name}: it is always nil{hint}"));
    }
    let lost = check.run(ticks).err();
    Ok(check.report(lost.as_ref()))
}

struct Check<'a> {
    factory: &'a LuaFactory,
    hints: Vec<Hint>,
    plain: Stage,
    /// None once both rooms have gone different ways, or this one has ended.
    reloaded: Option<Stage>,
    dice: fastrand::Rng,
    manners: Vec<(PlayerNumber, Manners)>,
    costs: Costs,
    report: Report,
    last_reload: Option<Tick>,
    /// What the room that was left alone has complained of: see [`complaint`].
    complaints: BTreeSet<String>,
    /// A difference and since when it stands.
    doubt: Option<(String, Tick)>,
}

impl<'a> Check<'a> {
    fn open(factory: &'a LuaFactory, hints: Vec<Hint>) -> Result<Self, GameError> {
        let stage = || Stage::open(factory.create()?, "Check", SEED);
        let (plain, reloaded) = (stage()?, stage()?);
        let report = Report::new(factory.info(), factory.has("bot"));
        Ok(Self {
            factory,
            hints,
            plain,
            reloaded: Some(reloaded),
            dice: fastrand::Rng::with_seed(SEED),
            manners: Vec::new(),
            costs: Costs::default(),
            report,
            last_reload: None,
            complaints: BTreeSet::new(),
            doubt: None,
        })
    }

    fn run(&mut self, ticks: Tick) -> Result<(), GameError> {
        for tick in 1..=ticks {
            self.come_and_go(tick)?;
            self.turn_inputs(tick);
            self.be_polite()?;
            self.step(tick)?;
            self.compare(tick);
            if self.plain.closed {
                self.report.ended_at = Some(tick);
                break;
            }
            if tick.is_multiple_of(RELOAD_EVERY) && tick < ticks {
                self.reload(tick)?;
            }
        }
        Ok(())
    }

    /// The same to both rooms.
    fn both<R>(&mut self, mut act: impl FnMut(&mut Stage) -> Result<R, GameError>) -> Result<R, GameError> {
        let result = act(&mut self.plain)?;
        if let Some(reloaded) = &mut self.reloaded {
            act(reloaded)?;
        }
        Ok(result)
    }

    /// Players come over the first half; one loses its link and is back, one leaves, one never comes back, others come
    /// late.
    fn come_and_go(&mut self, tick: Tick) -> Result<(), GameError> {
        let (least, most) = self.factory.info().seats;
        let most = most.min(PLAYERS_MAX);
        if tick == 1 {
            (0..least.min(most)).try_for_each(|_| self.join("player"))?;
        }
        let arrivals = (most.saturating_sub(least)).max(1);
        if tick <= 500 && tick.is_multiple_of((500 / arrivals).max(1)) && self.players().len() < most as usize {
            self.join("player")?;
        }
        let players = self.players();
        let (first, last) = (players.first().copied(), players.last().copied());
        match (tick, first, last) {
            (310, Some(first), _) => self.both(|stage| stage.drop(first))?,
            (340, ..) | (690, ..) => {
                let lost = self.plain.people.values().find(|p| !p.connected).map(|p| p.seat.number);
                if let Some(lost) = lost {
                    match tick {
                        340 => self.both(|stage| stage.back(lost))?,
                        _ => self.both(|stage| stage.leave(lost, CloseReason::Expired))?,
                    }
                }
            }
            (510, _, Some(last)) => self.both(|stage| stage.leave(last, CloseReason::Left))?,
            (560 | 760, ..) => self.join("player")?,
            (620, Some(first), _) => self.both(|stage| stage.drop(first))?,
            (720, ..) => self.join("spectator")?,
            _ => {}
        }
        Ok(())
    }

    /// Less the bots that the room brings by itself.
    fn players(&self) -> Vec<PlayerNumber> {
        self.plain.players(false).collect()
    }

    fn join(&mut self, kind: &str) -> Result<(), GameError> {
        self.report.joined += 1;
        let name = format!("Player {}", self.report.joined);
        let hands = if self.factory.has("bot") { Hands::Bot } else { Hands::Held(neutral(self.plain.schema())) };
        match self.both(|stage| stage.join(&name, kind, hands.clone()))? {
            Ok(number) => self.manners.push((number, Manners::default())),
            Err(why) => self.report.refused.push(format!("{kind} {name}: {why}")),
        }
        Ok(())
    }

    /// Without a `game.bot`, everybody turns to something else about twice a second.
    fn turn_inputs(&mut self, tick: Tick) {
        if self.factory.has("bot") || self.plain.schema().inputs.is_empty() {
            return;
        }
        let every = (self.plain.schema().tick_rate / 2).max(1);
        for number in self.players() {
            if (tick + number).is_multiple_of(every) {
                let held = random_input(self.plain.schema(), &mut self.dice);
                for stage in [Some(&mut self.plain), self.reloaded.as_mut()].into_iter().flatten() {
                    if let Some(person) = stage.people.get_mut(&number).filter(|person| person.connected) {
                        person.hands = Hands::Held(held.clone());
                    }
                }
            }
        }
    }

    /// Lobbies and barriers: see `manners`.
    fn be_polite(&mut self) -> Result<(), GameError> {
        let (state, time) = (self.plain.document(DocumentName::State).clone(), self.plain.time());
        let info = self.factory.info().clone();
        let mut manners = std::mem::take(&mut self.manners);
        for (number, mine) in &mut manners {
            let present = self.plain.people.get(number).is_some_and(|p| p.connected && p.seat.kind == "player");
            let takes = |name: &str| info.messages.iter().any(|known| known == name);
            if let Some(name) = present.then(|| mine.next(&state, *number, time, takes)).flatten() {
                self.both(|stage| stage.message(*number, name, &Value::Nil, None))?;
            }
        }
        self.manners = manners;
        Ok(())
    }

    #[allow(clippy::disallowed_methods, reason = "a measurement")]
    fn step(&mut self, tick: Tick) -> Result<(), GameError> {
        let began = Instant::now();
        self.plain.step()?;
        self.report.tick_us.push(began.elapsed().as_secs_f64() * 1e6);
        if let Some(reloaded) = &mut self.reloaded {
            reloaded.step()?;
        }
        self.report.ticks = tick;
        self.report.memory_most = self.report.memory_most.max(self.plain.game.memory_bytes());
        self.costs.take(&self.factory.info().schema, &self.plain.world, tick);
        Ok(())
    }

    /// Problems of the room that was left alone count; the other's only where they come from reloading.
    fn compare(&mut self, tick: Tick) {
        let heard = self.plain.take_heard();
        for item in &heard {
            match item {
                Heard::Problem(text) => {
                    self.complaints.insert(complaint(text));
                    self.report.problem(tick, text);
                }
                Heard::Message { name, data, .. } => self.report.message(name, data),
                Heard::Log(text) => self.report.log(text),
                _ => {}
            }
        }
        if let Some(path) = difference::not_a_number(&self.plain) {
            let text = format!("{path} is no number (NaN, as of 0 / 0): it is not even the same as itself");
            self.report.problem(tick, &text);
        }
        let Some(reloaded) = &mut self.reloaded else { return };
        let theirs = reloaded.take_heard();
        let since = self.last_reload.map_or(0, |last| tick - last);
        for item in &theirs {
            if let Heard::Problem(text) = item
                && !self.complaints.contains(&complaint(text))
            {
                self.report.problem(tick, &format!("only after a reload: {text}"));
            }
        }
        let found = difference::messages(&heard, &theirs).map(|text| (text, true));
        let found = found.or_else(|| difference::between(&self.plain, reloaded).map(|text| (text, false)));
        let Some((text, certain)) = found else {
            self.doubt = None;
            return;
        };
        let (first, at) = self.doubt.get_or_insert((text, tick)).clone();
        // Documents that are too long for one tick are walked every few.
        if certain || first.contains(" steps,") || tick - at >= DOCUMENT_LAG || !first.contains("state") {
            let after = if self.last_reload.is_some() { since - (tick - at) } else { 0 };
            let reason = hints::reason(&self.hints, self.factory.has("restored"));
            self.report.difference(at, after, &first, &reason, self.last_reload.is_some());
            self.reloaded = None;
        }
    }

    fn reload(&mut self, tick: Tick) -> Result<(), GameError> {
        let Some(reloaded) = &mut self.reloaded else { return Ok(()) };
        reloaded.reload(self.factory)?;
        self.report.reloads += 1;
        self.last_reload = Some(tick);
        Ok(())
    }

    fn report(mut self, lost: Option<&GameError>) -> Report {
        if let Some(error) = lost {
            let budget = match error {
                GameError::Overrun(_) => format!(" (a room gives it {} ms)", settings().budgets.callback_us / 1_000),
                _ => String::new(),
            };
            self.report.problems.push(Problem::new(self.plain.tick, format!("{error}{budget}")));
        }
        self.report.memory_end = self.plain.game.memory_bytes();
        self.report.clamped = self.plain.game.clamped();
        self.report.patch_bytes = self.plain.patch_bytes;
        self.report.players = self.players().len();
        self.report.costs(&self.costs, &self.factory.info().schema);
        self.report
    }
}

/// What a complaint is about: a value out of range is told once for its field, and so again, and of another value, by
/// each new VM.
fn complaint(text: &str) -> String {
    let field = text.split_once(" = ").filter(|(_, rest)| rest.ends_with("(told once for this field)"));
    let Some((place, _)) = field else { return text.to_owned() };
    // "duck 12: field x"
    let words: Vec<&str> = place.split(' ').collect();
    format!("{} {}", words.first().unwrap_or(&""), words.last().unwrap_or(&""))
}

fn random_input(schema: &Schema, dice: &mut fastrand::Rng) -> Vec<f64> {
    let value = |kind: &FieldKind, dice: &mut fastrand::Rng| match kind {
        FieldKind::Number { min, max, .. } => min + dice.f64() * (max - min),
        FieldKind::Angle => dice.f64() * std::f64::consts::TAU,
        FieldKind::Flag | FieldKind::Press => f64::from(dice.u8(0..2)),
        FieldKind::Choice(names) => dice.usize(0..names.len()) as f64,
    };
    let fields = schema.inputs.iter().map(|field| {
        let value = value(&field.kind, dice);
        field.kind.dequantise(field.kind.quantise(value).0)
    });
    fields.collect()
}
