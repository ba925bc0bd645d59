//! What goes into a datagram that cannot hold all the news.
//!
//! Each entity with news gains priority by waiting, faster near the player's own, and loses it all when its turn comes.
//! What was sent since the baseline is in no state that the client is known to hold, so leaving it out would take it back
//! in time: it is sent again, with its newest values if its turn has come, else with those sent before, until it has been
//! acknowledged. So entities never move backwards, and room for others becomes free a round trip later.

use super::portion::Patience;
use crate::protocol::{
    EntityId, PlayerNumber, Tick,
    delta::price,
    schema::{Class, FieldKind, Schema},
    snapshot::HEADER_BYTES,
    world::{Rows, World, is_over},
};

/// How much faster priority grows right beside the player's own entity than far away.
const NEAR: f32 = 8.0;
/// What has been shown comes before what has not, when not even the former fits.
const SHOWN: f32 = 1e6;
const OWN: f32 = f32::MAX;
/// One part in so many of the budget is left for what comes up while what was sent has not been acknowledged: departures,
/// and columns that had not changed anywhere.
const HEADROOM: usize = 8;
/// One part in so many of the budget may be taken by the player's own entities ahead of all others; another one by those
/// of linear classes.
const OWN_SHARE: usize = 4;

/// What a frame may take so that the next ones can say it again.
pub(super) const fn comfortable(budget: usize) -> usize {
    budget - budget / HEADROOM
}

/// Where an entity's values are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// The client is not to know of it yet.
    Absent,
    /// A row of the baseline: nothing is said.
    Known(u32),
    /// A row of what was sent last.
    Again(u32),
    /// The row of now.
    Now,
}

/// How a row of now stands to what the client holds.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// Its rows in the baseline and in what was sent last.
    known: Option<u32>,
    last: Option<u32>,
    /// Bytes of its newest values, and of those sent before: 0 when there is nothing to say.
    price: u32,
    again: u32,
    /// It differs from what was sent last.
    news: bool,
}

/// An entity that there is something to say about.
#[derive(Debug)]
struct Candidate {
    class: u32,
    row: u32,
    rank: f32,
    price: u32,
    again: u32,
    news: bool,
    /// What stands there if nothing is said.
    unsaid: Pick,
}

/// The worlds to choose from.
pub(super) struct Case<'a> {
    pub schema: &'a Schema,
    pub tick: Tick,
    pub player: PlayerNumber,
    pub known: &'a World,
    /// What the client holds if nothing was lost.
    pub last: &'a World,
    pub now: &'a World,
    /// Bytes of the frame.
    pub budget: usize,
}

/// Scratch, and the way to the choice.
#[derive(Debug, Default)]
pub(super) struct Chooser {
    /// Of the class that is looked at.
    standings: Vec<Standing>,
    gained: Vec<(EntityId, f32)>,
    picks: Vec<Vec<Pick>>,
    candidates: Vec<Candidate>,
    /// Where the rows of the class being built come from: which world, which row.
    chosen: Vec<(usize, u32)>,
}

impl Chooser {
    /// Fills `out`, which is empty, with the state the client is to hold next. True when that is the whole state.
    pub(super) fn choose(&mut self, case: &Case<'_>, patience: &mut Patience, out: &mut World) -> bool {
        let Patience { gained, reach } = patience;
        gained.resize_with(case.schema.classes.len(), Vec::new);
        self.picks.resize_with(case.schema.classes.len(), Vec::new);
        self.candidates.clear();
        let mut around = Around::of(case, *reach);
        let mut fixed = HEADER_BYTES;
        for (class, gained) in gained.iter_mut().enumerate() {
            fixed += self.compare(case, class);
            self.survey(case, class, gained, &mut around);
        }
        *reach = around.mean();
        let whole = self.fill(fixed, case.budget);
        for candidate in &self.candidates {
            let (class, row) = candidate.place();
            if self.picks[class][row] == Pick::Now {
                gained[class][row].1 = 0.0;
            }
        }
        self.build(case, out);
        whole
    }

    /// Finds how a class's rows stand, and what its block takes at most besides them.
    fn compare(&mut self, case: &Case<'_>, index: usize) -> usize {
        let class = &case.schema.classes[index];
        let (old, sent, now) = (&case.known.classes[index], &case.last.classes[index], &case.now.classes[index]);
        let mut known = Cursor::new(class, old, case.tick);
        let mut last = Cursor::new(class, sent, case.tick);
        let standings = &mut self.standings;
        standings.clear();
        let (mut held, mut first) = (0, None);
        standings.extend(now.ids.iter().map(|id| {
            let (known, last) = (known.find(*id), last.find(*id));
            let mut standing = Standing { known, last, price: 0, again: 0, news: false };
            if known.is_some() {
                held += 1;
            } else {
                standing.price = price::id(*id, *first.get_or_insert(*id)) as u32;
                standing.again = if last.is_some() { standing.price } else { 0 };
            }
            standing
        }));
        let mut mask = 0;
        for (place, column) in class.columns().enumerate() {
            let (old, sent) = (&old.values[place], &sent.values[place]);
            // What a value costs, if it has to be told at all.
            let told = |known: Option<u32>, value: i32| match known.map(|row| old[row as usize]) {
                Some(before) if before == value => 0,
                Some(before) => price::changed(column, before, value) as u32,
                None => price::new(column, value, case.tick) as u32,
            };
            let mut changed = 0;
            for (standing, value) in standings.iter_mut().zip(&now.values[place]) {
                let newest = told(standing.known, *value);
                let again = match standing.last.map(|row| sent[row as usize]) {
                    Some(before) if before == *value => newest,
                    Some(before) => {
                        standing.news = true;
                        told(standing.known, before)
                    }
                    None => 0,
                };
                standing.price += newest;
                standing.again += again;
                changed |= if standing.known.is_some() { newest | again } else { 0 };
            }
            mask |= u32::from(changed != 0) << place;
        }
        let living = known.living();
        price::block(living, living - held, first.is_some(), mask)
    }

    /// Ranks a class's candidates.
    fn survey(&mut self, case: &Case<'_>, index: usize, gained: &mut Vec<(EntityId, f32)>, around: &mut Around) {
        let (class, now) = (&case.schema.classes[index], &case.now.classes[index]);
        let axes = Axes::of(class);
        let mut before = gained.iter().copied().peekable();
        let picks = &mut self.picks[index];
        picks.clear();
        self.gained.clear();
        for (row, (id, standing)) in now.ids.iter().zip(&self.standings).enumerate() {
            let Standing { known, last, price, again, news } = *standing;
            let news = news || (last.is_none() && price > 0);
            let unsaid = known.map_or(Pick::Absent, Pick::Known);
            picks.push(last.filter(|_| again > 0).map_or(unsaid, Pick::Again));
            while before.next_if(|(other, _)| other < id).is_some() {}
            let mut waited = before.next_if(|(other, _)| other == id).map_or(0.0, |(_, gained)| gained);
            let at = axes.as_ref().map(|axes| axes.place(now, row, case));
            let is_own = now.values[0][row] as PlayerNumber == case.player;
            let own_share = is_own.then_some(usize::from(class.linear));
            let rank = around.rank(at, own_share, price as usize, &mut waited);
            if news || again > 0 {
                let (class, row) = (index as u32, row as u32);
                self.candidates.push(Candidate { class, row, rank, price, again, news, unsaid });
            }
            self.gained.push((*id, if news { waited } else { 0.0 }));
        }
        std::mem::swap(gained, &mut self.gained);
    }

    /// Takes what fits, the highest rank first. True when nothing is left out.
    fn fill(&mut self, fixed: usize, budget: usize) -> bool {
        let mut used = fixed + self.candidates.iter().map(|c| c.again as usize).sum::<usize>();
        if used > budget {
            // A baseline that is lost, or a world that has changed altogether: even what has been shown has to wait.
            used = fixed;
            for candidate in self.candidates.iter_mut().filter(|c| c.again > 0) {
                (candidate.again, candidate.news) = (0, true);
                candidate.rank = (candidate.rank + SHOWN).min(OWN);
                let (class, row) = candidate.place();
                self.picks[class][row] = candidate.unsaid;
            }
        }
        self.candidates.sort_unstable_by(|a, b| b.rank.total_cmp(&a.rank));
        let brim = comfortable(budget);
        let mut left_out = 0;
        for candidate in self.candidates.iter().filter(|c| c.news) {
            // Whoever has had a turn already makes room for those who still wait for theirs.
            let yields = candidate.again > 0 && left_out > 0 && candidate.rank < OWN;
            let limit = if candidate.price <= candidate.again || candidate.rank >= SHOWN { budget } else { brim };
            let would_use = used - candidate.again as usize + candidate.price as usize;
            if !yields && would_use <= limit {
                used = would_use;
                let (class, row) = candidate.place();
                self.picks[class][row] = Pick::Now;
            } else {
                left_out += 1;
            }
        }
        left_out == 0
    }

    fn build(&mut self, case: &Case<'_>, out: &mut World) {
        for (index, picks) in self.picks.iter().enumerate() {
            let (rows, now) = (&mut out.classes[index], &case.now.classes[index]);
            let sources = [&case.known.classes[index], &case.last.classes[index], now];
            self.chosen.clear();
            for ((row, pick), id) in (0..).zip(picks).zip(&now.ids) {
                self.chosen.push(match pick {
                    Pick::Absent => continue,
                    Pick::Known(known) => (0, *known),
                    Pick::Again(last) => (1, *last),
                    Pick::Now => (2, row),
                });
                rows.ids.push(*id);
            }
            for (column, values) in rows.values.iter_mut().enumerate() {
                let sources = sources.map(|rows| rows.values[column].as_slice());
                values.extend(self.chosen.iter().map(|(source, row)| sources[*source][*row as usize]));
            }
        }
    }
}

impl Candidate {
    const fn place(&self) -> (usize, usize) {
        (self.class as usize, self.row as usize)
    }
}

/// Walks the living rows of a class by ascending ids.
struct Cursor<'a> {
    rows: &'a Rows,
    class: &'a Class,
    tick: Tick,
    next: usize,
}

impl<'a> Cursor<'a> {
    fn new(class: &'a Class, rows: &'a Rows, tick: Tick) -> Self {
        Self { rows, class, tick, next: 0 }
    }

    fn is_alive(&self, row: usize) -> bool {
        !self.class.linear || !is_over(self.rows.values[self.class.ends_column()][row], self.tick)
    }

    fn find(&mut self, id: EntityId) -> Option<u32> {
        while self.rows.ids.get(self.next).is_some_and(|other| *other < id) {
            self.next += 1;
        }
        let found = self.rows.ids.get(self.next) == Some(&id) && self.is_alive(self.next);
        found.then_some(self.next as u32)
    }

    fn living(&self) -> usize {
        if !self.class.linear {
            return self.rows.len();
        }
        (0..self.rows.len()).filter(|row| self.is_alive(*row)).count()
    }
}

/// How near things are to the player's own entity.
struct Around {
    own: Option<[f64; 2]>,
    /// The mean distance as it was, and the sums of the one to come.
    reach: f32,
    distances: f32,
    counted: u32,
    /// What the player's own entities may take ahead of all others: of ordinary classes, of linear ones.
    own_budget: [usize; 2],
}

impl Around {
    fn of(case: &Case<'_>, reach: f32) -> Self {
        let own =
            case.schema.classes.iter().enumerate().filter(|(_, class)| !class.linear).find_map(|(index, class)| {
                let rows = &case.now.classes[index];
                let row = rows.values[0].iter().position(|owner| *owner as PlayerNumber == case.player)?;
                Some(Axes::of(class)?.place(rows, row, case))
            });
        Self { own, reach, distances: 0.0, counted: 0, own_budget: [case.budget / OWN_SHARE; 2] }
    }

    fn mean(&self) -> f32 {
        if self.counted == 0 { 0.0 } else { self.distances / self.counted as f32 }
    }

    /// The rank of an entity at `at`, and what it has gained by then. `own_share`: it is the player's own, and may take from
    /// the first or second budget for such.
    fn rank(&mut self, at: Option<[f64; 2]>, own_share: Option<usize>, price: usize, gained: &mut f32) -> f32 {
        let mut weight = 1.0;
        if let (Some([own_x, own_y]), Some([x, y])) = (self.own, at) {
            let (dx, dy) = (own_x - x, own_y - y);
            let distance = (dx * dx + dy * dy).sqrt() as f32;
            self.distances += distance;
            self.counted += 1;
            let scaled = 2.0 * distance / self.reach.max(f32::MIN_POSITIVE);
            weight += NEAR / (1.0 + scaled * scaled);
        }
        *gained += weight;
        if let Some(budget) = own_share.map(|share| &mut self.own_budget[share]).filter(|budget| **budget >= price) {
            *budget -= price;
            return OWN;
        }
        *gained
    }
}

/// Where a class with `x` and `y` has them, looked up once.
struct Axes {
    columns: [usize; 2],
    steps: [f64; 2],
    /// Columns of the velocity, and of the tick since which it holds.
    motion: Option<([usize; 2], usize)>,
}

impl Axes {
    fn of(class: &Class) -> Option<Self> {
        let axis = |name| {
            let field = class.field(name)?;
            let FieldKind::Number { step, .. } = class.fields[field].kind else { return None };
            Some((field + 1, step))
        };
        let ((x, x_step), (y, y_step)) = (axis("x")?, axis("y")?);
        let velocity = class.velocity_column();
        let motion = class.linear.then(|| ([velocity, velocity + 1], class.since_column()));
        Some(Self { columns: [x, y], steps: [x_step, y_step], motion })
    }

    /// Where an entity is now, in real units.
    fn place(&self, rows: &Rows, row: usize, case: &Case<'_>) -> [f64; 2] {
        let value = |column: usize| rows.values[column][row];
        let mut at = self.columns.map(|column| f64::from(value(column)));
        if let Some((velocity, since)) = self.motion {
            let ticks = (case.tick as i32).wrapping_sub(value(since));
            let seconds = f64::from(ticks) / f64::from(case.schema.tick_rate);
            at = [0, 1].map(|axis| at[axis] + f64::from(value(velocity[axis])) * seconds);
        }
        [at[0] * self.steps[0], at[1] * self.steps[1]]
    }
}
