//! The pacing law against the room's own input buffer, in simulated time; and the vectors for clients in other languages.
//!
//! `AIRBOAT_BLESS=1 cargo test -p airboat-loadtest --test pacing` writes `tests/golden/pacing.json` anew; without it a
//! difference fails.

#![expect(clippy::print_stdout, reason = "a helper of tests says what it found")]

use std::{cmp::Reverse, collections::BinaryHeap};

use airboat::{
    protocol::{
        Micros,
        input::InputFrame,
        schema::{Field, FieldKind, Schema},
    },
    room::inputs::InputBuffer,
};
use airboat_loadtest::pacer::Pacer;
use fastrand::Rng;
use serde_json::{Value as Json, json};

const SECOND: f64 = 1e6;

/// A way to the room and back.
#[derive(Clone, Copy)]
struct Way {
    hz: u32,
    /// Standard deviation of the time on the way, and that time before and after 20 s; ms.
    sigma: f64,
    delay: (f64, f64),
    /// Share of packets lost, each way.
    loss: f64,
    /// Seconds at which the client hangs, and for how long.
    stall: (f64, f64),
}

const STILL: Way = Way { hz: 30, sigma: 0.5, delay: (5.0, 5.0), loss: 0.0, stall: (0.0, 0.0) };
const SECONDS: f64 = 60.0;
/// Figures are of the time after this.
const SETTLED: f64 = 3.0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Send,
    Arrive(u32),
    /// The input applied and its slack in half milliseconds.
    Told(u32, i8),
}

#[derive(Default)]
struct Figures {
    /// Between arrival and tick, ms.
    waits: Vec<f64>,
    late: u32,
    substituted: u32,
    skipped: u32,
    ticks: u32,
    /// Every call of the pacer, with what came of it.
    calls: Vec<Json>,
}

struct World {
    way: Way,
    rng: Rng,
    events: BinaryHeap<Reverse<(Micros, u32, Event)>>,
    order: u32,
    pacer: Pacer,
    buffer: InputBuffer,
    arrivals: Vec<Micros>,
    sent: u32,
    due: f64,
    told: u32,
    figures: Figures,
}

impl World {
    fn new(way: Way, seed: u64) -> Self {
        let field = Field { name: "mx".into(), kind: FieldKind::Number { min: -1.0, max: 1.0, step: 0.5 } };
        let schema = Schema { tick_rate: way.hz, classes: Vec::new(), inputs: vec![field] };
        let mut world = Self {
            way,
            rng: Rng::with_seed(seed),
            events: BinaryHeap::new(),
            order: 0,
            pacer: Pacer::new(1e3 / f64::from(way.hz)),
            buffer: InputBuffer::new(&schema, 64),
            arrivals: vec![0],
            sent: 0,
            due: 0.0,
            told: 0,
            figures: Figures::default(),
        };
        let first = SECOND / f64::from(way.hz) * (1.0 + world.rng.f64());
        world.at(first, Event::Tick);
        world.due = 1e3;
        world.at(world.due, Event::Send);
        world
    }

    fn at(&mut self, us: f64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((us.round() as Micros, self.order, event)));
    }

    fn run(mut self) -> Figures {
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now as f64 >= SECONDS * SECOND {
                break;
            }
            match event {
                Event::Tick => self.tick(now),
                Event::Send => self.send(now),
                Event::Arrive(number) => {
                    let inputs = [[0]; 4];
                    self.arrivals.resize(self.arrivals.len().max(number as usize + 1), now);
                    self.buffer.receive(&InputFrame::of(number as u16, &inputs[..number.min(4) as usize]), now);
                }
                Event::Told(number, slack) => self.hear(number, slack),
            }
        }
        self.figures
    }

    /// A packet's arrival, if it is not lost.
    fn travel(&mut self, now: Micros, event: Event) {
        let (before, after) = self.way.delay;
        let delay = if (now as f64) < 20.0 * SECOND { before } else { after };
        let scatter = self.way.sigma * ((0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0);
        if self.rng.f64() >= self.way.loss {
            self.at(now as f64 + (delay + scatter).max(0.0) * 1e3, event);
        }
    }

    fn send(&mut self, now: Micros) {
        let (from, length) = self.way.stall;
        if (from..from + length).contains(&(now as f64 / SECOND)) {
            return self.at((from + length) * SECOND, Event::Send);
        }
        self.sent += 1;
        let late_ms = ((now as f64 - self.due) / 1e3).max(0.0);
        let late_ms = (late_ms * 1e3).round() / 1e3;
        let wait_ms = self.pacer.next(self.sent, late_ms);
        self.figures.calls.push(json!(["next", self.sent, late_ms, wait_ms]));
        self.due += wait_ms * 1e3;
        self.travel(now, Event::Arrive(self.sent));
        let overslept = self.rng.f64() * 100.0;
        self.at(self.due + overslept, Event::Send);
    }

    fn tick(&mut self, now: Micros) {
        self.at(now as f64 + SECOND / f64::from(self.way.hz), Event::Tick);
        let before = self.buffer.report();
        let taken = self.buffer.next(now);
        let report = self.buffer.report();
        if report.applied != before.applied {
            self.travel(now, Event::Told(report.applied, report.slack_half_ms));
        }
        if now as f64 > SETTLED * SECOND {
            let figures = &mut self.figures;
            figures.ticks += 1;
            figures.substituted += u32::from(taken.substituted);
            figures.skipped += taken.skipped;
            if report.applied != before.applied {
                figures.late += u32::from(report.slack_half_ms < 0);
                figures.waits.push((now - self.arrivals[report.applied as usize]) as f64 / 1e3);
            }
        }
    }

    fn hear(&mut self, number: u32, slack: i8) {
        if number > self.told {
            self.told = number;
            let early_ms = f64::from(slack) / 2.0;
            self.pacer.note(number, early_ms);
            self.figures.calls.push(json!(["note", number, early_ms, self.pacer.aim_ms()]));
        }
    }
}

/// Mean wait, wait at the 99th of 100, and shares of inputs that came late and of ticks without one, over eight seeds.
struct Settled {
    mean: f64,
    p99: f64,
    late: f64,
    substituted: f64,
    skipped: u32,
}

fn settled(name: &str, way: Way) -> Settled {
    let mut all = Figures::default();
    for seed in 1..=8 {
        let figures = World::new(way, seed).run();
        all.waits.extend(figures.waits);
        all.late += figures.late;
        all.substituted += figures.substituted;
        all.skipped += figures.skipped;
        all.ticks += figures.ticks;
    }
    all.waits.sort_by(f64::total_cmp);
    let share = |n: u32| f64::from(n) / f64::from(all.ticks);
    let settled = Settled {
        mean: all.waits.iter().sum::<f64>() / all.waits.len() as f64,
        p99: all.waits[all.waits.len() * 99 / 100],
        late: share(all.late),
        substituted: share(all.substituted),
        skipped: all.skipped,
    };
    let Settled { mean, p99, late, substituted, skipped } = settled;
    println!(
        "{name}: waits {mean:.2} ms, p99 {p99:.2}; late {late:.4}, substituted {substituted:.4}, skipped {skipped}"
    );
    settled
}

#[test]
fn inputs_land_just_before_their_tick() {
    for hz in [30, 60] {
        let calm = settled(&format!("{hz} Hz, 0.5 ms"), Way { hz, ..STILL });
        assert!(calm.mean > 1.0 && calm.mean < 2.6 && calm.p99 < 4.5 && calm.late < 0.001, "{hz} Hz, calm");
        let rough = settled(&format!("{hz} Hz, 2 ms"), Way { hz, sigma: 2.0, ..STILL });
        assert!(rough.mean < 8.0 && rough.late < 0.005 && rough.substituted < 0.01, "{hz} Hz, rough");
    }
}

/// More than pacing can hold: the room lets inputs wait, and says so in the slack.
#[test]
fn a_scatter_wider_than_the_period_is_buffered() {
    for (hz, sigma, most) in [(30, 10.0, 0.01), (60, 5.0, 0.01), (60, 8.0, 0.04)] {
        let wild = settled(&format!("{hz} Hz, {sigma} ms"), Way { hz, sigma, delay: (40.0, 40.0), ..STILL });
        assert!(wild.substituted < most && wild.mean < 60.0, "{hz} Hz, {sigma} ms");
    }
}

#[test]
fn a_long_way_changes_nothing() {
    let far = settled("100 ms each way", Way { hz: 60, delay: (100.0, 100.0), ..STILL });
    assert!(far.mean < 2.6 && far.late < 0.001);
}

#[test]
fn a_way_that_grows_or_shrinks_costs_a_few_ticks() {
    for (hz, delay) in [(30, (5.0, 25.0)), (60, (5.0, 25.0)), (30, (25.0, 5.0)), (60, (5.0, 15.0))] {
        let moved = settled(&format!("{hz} Hz, {delay:?} ms"), Way { hz, delay, ..STILL });
        assert!(moved.mean < 3.0 && moved.late < 0.002 && moved.substituted < 0.003 && moved.skipped <= 8);
    }
}

#[test]
fn a_client_that_hangs_comes_back_where_it_was() {
    for hz in [30, 60] {
        let hung = settled(&format!("{hz} Hz, 0.3 s of nothing"), Way { hz, stall: (20.0, 0.3), ..STILL });
        assert!(hung.mean < 2.7 && hung.p99 < 4.5 && hung.late < 0.002 && hung.skipped == 0);
    }
}

/// A tick without its input cannot be helped; what must not follow is a queue.
#[test]
fn lost_packets_cost_their_own_tick_and_no_more() {
    let lossy = settled("5 % lost", Way { loss: 0.05, delay: (25.0, 25.0), ..STILL });
    assert!(lossy.substituted < 0.06 && lossy.mean < 12.0);
}

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/pacing.json");

fn vectors() -> Json {
    let run = |name: &str, way: Way, seed: u64, calls: usize| {
        let mut all = World::new(way, seed).run().calls;
        all.truncate(calls);
        json!({ "name": name, "period_ms": 1e3 / f64::from(way.hz), "calls": all })
    };
    let rough = Way { sigma: 2.0, ..STILL };
    let runs = [
        run("the first second", STILL, 2, 120),
        run("scatter of 2 ms, until some come late", Way { hz: 60, ..rough }, 3, 800),
        run("a way that grows by 20 ms after 20 s", Way { hz: 30, delay: (5.0, 25.0), ..STILL }, 4, 1300),
        run("lost packets", Way { loss: 0.1, delay: (25.0, 25.0), ..rough }, 5, 400),
        run("a client that hangs for 0.3 s", Way { stall: (1.5, 0.3), ..STILL }, 6, 200),
        run("60 Hz, a second and a half away", Way { hz: 60, delay: (1500.0, 1500.0), ..STILL }, 7, 300),
        scripted(),
    ];
    json!({ "runs": runs })
}

/// What no simulation does by itself: numbers never sent, named twice, long forgotten, and reports at the ends of the scale.
fn scripted() -> Json {
    let period_ms = 1e3 / 30.0;
    let mut pacer = Pacer::new(period_ms);
    let mut calls = Vec::new();
    let note = |pacer: &mut Pacer, number: u32, early_ms: f64| {
        pacer.note(number, early_ms);
        json!(["note", number, early_ms, pacer.aim_ms()])
    };
    calls.push(note(&mut pacer, 41, 3.0)); // before anything was sent
    for number in 42..=200 {
        let late_ms = match number {
            60 => 16.5,
            70 => 17.0,
            80 => 133.25,
            _ => 0.125,
        };
        calls.push(json!(["next", number, late_ms, pacer.next(number, late_ms)]));
        match number {
            45 => calls.push(note(&mut pacer, 44, 63.5)),
            50 => calls.push(note(&mut pacer, 50, -64.0)),
            55 => calls.push(note(&mut pacer, 50, 12.0)),
            60 | 70 | 80 => calls.push(note(&mut pacer, number, 4.5)),
            90 => calls.push(note(&mut pacer, 300, 4.5)), // never sent
            199 => calls.push(note(&mut pacer, 42, 4.5)), // long forgotten
            _ if number % 7 == 0 => calls.push(note(&mut pacer, number - 1, f64::from(number % 5) - 0.5)),
            _ => {}
        }
    }
    json!({ "name": "unlikely reports", "period_ms": period_ms, "calls": calls })
}

#[test]
fn vectors_are_up_to_date() {
    let text =
        serde_json::to_string(&vectors()).unwrap().replace("],[\"", "],\n[\"").replace("{\"calls", "\n{\"calls") + "\n";
    if std::env::var_os("AIRBOAT_BLESS").is_some() {
        std::fs::write(VECTORS, &text).unwrap();
    }
    let kept = std::fs::read_to_string(VECTORS).unwrap();
    assert!(kept == text, "the law has changed: AIRBOAT_BLESS=1 cargo test -p airboat-loadtest --test pacing");
}
