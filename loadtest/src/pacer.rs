//! When to send the next input, so that it reaches the room just before its tick: docs/protocol.md, "Pacing".
//!
//! The room says of each input how early it came. The pacer keeps the mean of that, aims a little above what the arrivals
//! scatter by, and stretches or shortens its period until the mean is there. No clock and no I/O: the web and Defold
//! clients implement the same law and are held to `tests/golden/pacing.json`.

/// What is aimed for even where nothing scatters, and the least aim of all: reports come in half milliseconds.
const BASE_MS: f64 = 0.5;
const AIM_MIN_MS: f64 = 1.0;
/// Times the mean difference of successive reports: 2.8 standard deviations of a normal scatter.
const SCATTERS: f64 = 2.5;
/// Share by which one report moves the means of scatter and earliness.
const SHARE: f64 = 1.0 / 16.0;
/// What an input that came too late adds to the aim, and the share of it that each report takes away again.
const MARGIN_STEP_MS: f64 = 3.0;
const MARGIN_DECAY: f64 = 1.0 / 512.0;
/// Shares of the period by which it may be changed: usually, and when more than a quarter of it is wrong.
const SLEW: f64 = 0.01;
const SLEW_FAST: f64 = 0.05;
/// Inputs whose report may still come: two seconds at 60 Hz.
const REMEMBERED: usize = 128;

#[derive(Debug, Clone)]
pub struct Pacer {
    period_ms: f64,
    /// By number modulo [`REMEMBERED`]: the number, and the shift it was sent with.
    sent: Vec<Option<(u32, f64)>>,
    /// All changes of the period so far: how much later inputs go out than in an unpaced client.
    shift_ms: f64,
    /// How early inputs come, less what the shift does to it: the mean, and the last one reported.
    mean_ms: Option<f64>,
    last_ms: f64,
    /// Mean difference of successive reports.
    scatter_ms: f64,
    margin_ms: f64,
}

impl Pacer {
    pub fn new(period_ms: f64) -> Self {
        Self {
            period_ms,
            sent: vec![None; REMEMBERED],
            shift_ms: 0.0,
            mean_ms: None,
            last_ms: 0.0,
            scatter_ms: 0.0,
            margin_ms: 0.0,
        }
    }

    /// A snapshot names `number` as newly applied and says how early it came; negative: a tick had to do without it.
    pub fn note(&mut self, number: u32, early_ms: f64) {
        let Some((_, shift)) = self.sent[number as usize % REMEMBERED].filter(|(n, _)| *n == number) else { return };
        // As if nothing had been shifted: reports of inputs sent before and after a change can be compared.
        let mut plain = early_ms + shift;
        if early_ms < 0.0 {
            // It missed that many ticks and used up none of their numbers: what follows comes whole periods earlier for
            // its own.
            plain += self.period_ms * (-early_ms / self.period_ms).ceil();
        }
        let Some(mean) = self.mean_ms else {
            self.mean_ms = Some(plain);
            self.last_ms = plain;
            return;
        };
        let step = plain - self.last_ms;
        let step = step - self.periods(step);
        self.scatter_ms += (step.abs() - self.scatter_ms) * SHARE;
        self.last_ms = plain;
        self.margin_ms -= self.margin_ms * MARGIN_DECAY;
        // Later than half a period is a stall or a lost packet; no aim would have caught it.
        if early_ms < 0.0 && early_ms > -self.period_ms / 2.0 {
            self.margin_ms += MARGIN_STEP_MS;
        }
        // A whole period more or less means that an input is waiting behind another, or no longer.
        let mean = mean + self.periods(plain - mean);
        let off = plain - mean;
        // Being late costs a period, being early a few milliseconds: what would have been late is believed at once.
        self.mean_ms = Some(if off < -self.aim_ms() { plain } else { mean + off * SHARE });
    }

    /// An input was sent, `late_ms` after it was due: how long after its due time is the next one due?
    pub fn next(&mut self, number: u32, late_ms: f64) -> f64 {
        // What we held up ourselves says nothing about the way.
        let told = late_ms <= self.period_ms / 2.0;
        self.sent[number as usize % REMEMBERED] = told.then_some((number, self.shift_ms));
        let change = self.change();
        self.shift_ms += change;
        let mut wait = self.period_ms + change;
        while wait <= late_ms {
            wait += self.period_ms; // whole periods are left out, so that a stall shifts nothing
        }
        wait
    }

    /// How early inputs should come.
    pub fn aim_ms(&self) -> f64 {
        let most = (self.period_ms / 2.0).max(AIM_MIN_MS);
        (BASE_MS + SCATTERS * self.scatter_ms + self.margin_ms).clamp(AIM_MIN_MS, most)
    }

    /// How early the next input is expected to come; None before the first report.
    pub fn early_ms(&self) -> Option<f64> {
        self.mean_ms.map(|mean| mean - self.shift_ms)
    }

    fn change(&self) -> f64 {
        let Some(early) = self.early_ms() else { return 0.0 };
        let error = early - self.aim_ms();
        if error > self.period_ms / 2.0 {
            return error; // one input waits behind another: its turn is left out
        }
        let share = if error.abs() > self.period_ms / 4.0 { SLEW_FAST } else { SLEW };
        error.clamp(-share * self.period_ms, share * self.period_ms)
    }

    /// The whole periods in a time, to the nearest.
    fn periods(&self, ms: f64) -> f64 {
        self.period_ms * (ms / self.period_ms + 0.5).floor()
    }
}
