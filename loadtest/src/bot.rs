//! One player: joins a room over a connection, sends inputs when they are due, checks and measures what comes back.

use std::{sync::Arc, time::Duration};

use airboat::protocol::{CloseReason, Micros, Value, snapshot::InputReport};

use crate::{
    Failure,
    client::{Client, Happened},
    driver::{Driver, Played},
    pacer::Pacer,
    run::Run,
    stats::Stats,
    transport::Connection,
};

/// From opening the connection to standing in the room.
const JOIN: Duration = Duration::from_secs(15);
/// A server that says nothing for this long has failed, even if the connection stands: three pings went unanswered.
const SILENCE_US: Micros = 3_000_000;
/// A farewell is taken in by then.
const CLOSE: Duration = Duration::from_secs(2);
/// How often the age of the shown state is sampled: in no simple ratio to a tick, or the same few ages would come again.
const AGE_EVERY_US: Micros = 9_700;

/// Who a bot is.
#[derive(Debug, Clone)]
pub struct Role {
    pub index: usize,
    pub module: String,
    /// What plays it.
    pub game: Arc<Played>,
    pub room: String,
    /// Where between two inputs this bot sends, 0..1: bots are spread evenly over the tick.
    pub phase: f64,
    /// Checks all it is told; else it only makes load.
    pub checks: bool,
}

/// Plays until the run ends; whatever went wrong stands in the figures.
pub async fn play(run: &Run, role: Role) -> Stats {
    let mut stats = Stats::default();
    let joined = tokio::time::timeout(JOIN, Bot::join(run, &role)).await;
    let mut bot = match joined.unwrap_or_else(|_| Err("no room after 15 s".into())) {
        Ok(bot) => bot,
        Err(failure) => {
            stats.complain(format!("bot {} could not join: {failure}", role.index));
            run.failed_to_join();
            return stats;
        }
    };
    run.joined();
    let end = bot.drive().await;
    bot.finish(end).await
}

struct Bot<'a> {
    run: &'a Run,
    role: &'a Role,
    connection: Connection,
    client: Client,
    driver: Driver,
    stats: Stats,
    schedule: Schedule,
    joined_at: Micros,
    heard_at: Micros,
    next_age: Micros,
    report: InputReport,
}

/// Absolute times of sending, so that being late once does not shift what follows. Paced, the period changes a little
/// with every input; unpaced it never does.
struct Schedule {
    due: f64,
    period_us: f64,
    pacer: Option<Pacer>,
}

impl Schedule {
    const fn next(&self) -> Micros {
        self.due as Micros
    }

    /// Input `number` has been sent. Turns that have passed altogether are left out: a player who was held up does not
    /// press everything at once either.
    fn done(&mut self, now: Micros, number: u32) {
        let late_us = (now as f64 - self.due).max(0.0);
        self.due += match &mut self.pacer {
            Some(pacer) => pacer.next(number, late_us / 1e3) * 1e3,
            None => self.period_us * (late_us / self.period_us).floor().max(1.0),
        };
    }
}

impl<'a> Bot<'a> {
    async fn join(run: &'a Run, role: &'a Role) -> Result<Self, Failure> {
        let _turn = run.turn_to_join().await;
        let mut client = Client::new(format!("bot {}", role.index), role.module.clone(), role.room.clone());
        if !role.checks {
            client = client.credulous();
        }
        let mut connection = Connection::open(&run.target, client.hello()).await?;
        loop {
            connection.poll_if_idle(|| client.acknowledgements())?;
            let Some((frame, _)) = connection.receive().await? else { continue };
            let now = run.now();
            match client.receive(&frame, now) {
                Happened::Joined => return Self::start(run, role, connection, client, now),
                Happened::Closed(reason, text) => return Err(format!("refused ({reason}): {text}").into()),
                _ => client.take_faults().into_iter().next().map_or(Ok(()), Err)?,
            }
        }
    }

    fn start(
        run: &'a Run,
        role: &'a Role,
        connection: Connection,
        client: Client,
        now: Micros,
    ) -> Result<Self, Failure> {
        let (Some(mirror), Some(player)) = (client.mirror(), client.player()) else { return Err("not joined".into()) };
        let driver = Driver::new(&role.game, mirror, player, role.phase)?;
        let period_us = 1e6 / f64::from(mirror.schema.tick_rate);
        let due = run.aligned(now, period_us, role.phase) as f64;
        let pacer = run.paced.then(|| Pacer::new(period_us / 1e3));
        let report = mirror.report;
        Ok(Self {
            run,
            role,
            connection,
            client,
            driver,
            stats: Stats::default(),
            schedule: Schedule { due, period_us, pacer },
            joined_at: now,
            heard_at: now,
            next_age: now,
            report,
        })
    }

    async fn drive(&mut self) -> Result<(), Failure> {
        let mut stop = self.run.stop.subscribe();
        let alarm = self.run.alarms.alarm();
        loop {
            let now = self.run.now();
            if self.run.window().is_some_and(|window| now >= window.end) {
                return Ok(());
            }
            self.send_due(now).await?;
            let client = &mut self.client;
            self.connection.poll_if_idle(|| client.acknowledgements())?;
            let next = self.next_due();
            tokio::select! {
                received = self.connection.receive() => {
                    if let Some((frame, bytes)) = received? {
                        self.take(&frame, bytes)?;
                    }
                }
                () = alarm.at(next) => self.check_silence()?,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    async fn send_due(&mut self, now: Micros) -> Result<(), Failure> {
        let due = self.schedule.next();
        if now >= due {
            if self.run.counts(now) {
                self.stats.lateness.record((now - due) as f64);
            }
            self.play(now).await?;
            self.schedule.done(now, self.client.newest_input());
        }
        for frame in self.client.due(now) {
            self.connection.send(frame).await?;
        }
        Ok(())
    }

    /// An input, and what a phase asks for once everybody is here.
    async fn play(&mut self, now: Micros) -> Result<(), Failure> {
        let steps = match self.driver.input(&self.client) {
            Ok(steps) => steps,
            Err(wrong) => {
                self.complain(&wrong);
                return Ok(());
            }
        };
        if let Some(frame) = self.client.input(steps, now) {
            if self.run.counts(now) {
                self.stats.inputs_sent += 1;
                self.stats.input_bytes += frame.len() as u64;
            }
            self.connection.send(frame).await?;
        }
        let polite = if self.run.window().is_some() { self.driver.message(&self.client) } else { None };
        if let Some(frame) = polite.and_then(|name| self.client.message(name, Value::Nil)) {
            self.connection.send(frame).await?;
        }
        Ok(())
    }

    /// The next thing to send, or the end of the run.
    fn next_due(&self) -> Micros {
        let next = self.client.deadline().map_or(self.schedule.next(), |at| at.min(self.schedule.next()));
        self.run.window().map_or(next, |window| next.min(window.end))
    }

    fn check_silence(&self) -> Result<(), Failure> {
        let silent = self.run.now().saturating_sub(self.heard_at) > SILENCE_US;
        if silent { Err("the server has said nothing for 3 s".into()) } else { Ok(()) }
    }

    fn take(&mut self, frame: &[u8], bytes: usize) -> Result<(), Failure> {
        let now = self.run.now();
        self.heard_at = now;
        if self.run.counts(now) {
            self.stats.rx_bytes += bytes as u64;
        }
        self.sample_age(now); // before the frame: until now the older state was shown
        match self.client.receive(frame, now) {
            Happened::Nothing => {}
            Happened::Snapshot(_) => self.snapshot(now),
            Happened::Joined => self.begin_again()?,
            Happened::Closed(reason, text) => return Err(format!("closed ({reason}): {text}").into()),
        }
        for fault in self.client.take_faults() {
            self.complain(&fault.to_string());
        }
        Ok(())
    }

    fn snapshot(&mut self, now: Micros) {
        if self.role.checks
            && let Err(wrong) = self.driver.check(&self.client)
        {
            self.complain(&wrong);
        }
        let Some(mirror) = self.client.mirror() else { return };
        let report = mirror.report;
        let before = std::mem::replace(&mut self.report, report);
        let advanced = report.applied.wrapping_sub(before.applied);
        let early_ms = f64::from(report.slack_half_ms) / 2.0;
        if let Some(pacer) = self.schedule.pacer.as_mut().filter(|_| advanced > 0) {
            pacer.note(report.applied, early_ms);
        }
        let Some(second) = self.run.second(now) else { return };
        self.stats.snapshot(second);
        if advanced > 0 {
            self.stats.slack.record(early_ms.max(0.0) * 1e3);
            self.stats.late += u64::from(early_ms < 0.0);
        }
        self.stats.substituted += u64::from(report.substitutions.wrapping_sub(before.substitutions));
        let skipped = report.skips.wrapping_sub(before.skips);
        self.stats.inputs_applied += u64::from(advanced.saturating_sub(u32::from(skipped)));
        // An input named before has already been answered: only the first snapshot to name it tells its latency.
        if let Some(sent) = self.client.sent(report.applied).filter(|_| advanced > 0) {
            self.stats.latency.record((now - sent.at) as f64);
        }
    }

    /// The room came to life anew under us: nothing learned before holds.
    fn begin_again(&mut self) -> Result<(), Failure> {
        let (Some(mirror), Some(player)) = (self.client.mirror(), self.client.player()) else { return Ok(()) };
        let checks = self.driver.checks();
        self.driver = Driver::new(&self.role.game, mirror, player, self.role.phase)?;
        self.driver.keep(checks);
        self.report = mirror.report;
        if let Some(pacer) = &mut self.schedule.pacer {
            *pacer = Pacer::new(self.schedule.period_us / 1e3); // numbers start anew
        }
        Ok(())
    }

    /// About each 10 ms: how long ago was the shown tick stepped? Made up for at each frame, since nothing changed between.
    fn sample_age(&mut self, now: Micros) {
        let (Some(mirror), Some(clock)) = (self.client.mirror(), self.client.clock()) else { return };
        let stepped = clock.tick_at(mirror.tick());
        while self.next_age <= now {
            if let Some(stepped) = stepped.filter(|_| self.run.counts(self.next_age)) {
                self.stats.state_age.record(self.next_age as f64 - stepped);
            }
            self.next_age += AGE_EVERY_US;
        }
    }

    fn complain(&mut self, what: &str) {
        self.stats.complain(format!("bot {} in {}: {what}", self.role.index, self.role.room));
    }

    async fn finish(mut self, end: Result<(), Failure>) -> Stats {
        let now = self.run.now();
        self.sample_age(now);
        self.stats.checks = self.driver.checks();
        self.stats.hashes = self.client.hashes();
        if let Some(window) = self.run.window() {
            let (from, to) = (self.joined_at.max(window.start), now.min(window.end));
            self.stats.played_us = to.saturating_sub(from);
        }
        self.check_that_it_checked(now);
        match end {
            Err(failure) => self.complain(&failure.to_string()),
            Ok(()) => self.leave().await,
        }
        self.stats
    }

    /// A server that has died is found here at the latest: over QUIC nothing else tells.
    async fn leave(&mut self) {
        let bye = self.client.bye(CloseReason::Left);
        if tokio::time::timeout(CLOSE, self.connection.close(bye)).await.is_err() {
            self.complain("the server did not take our leave");
        }
    }

    /// An oracle that compared nothing has proved nothing.
    fn check_that_it_checked(&mut self, now: Micros) {
        if !self.role.checks {
            return;
        }
        if self.stats.checks.exact == 0 && self.driver.has_rules() {
            self.complain("the tank's position could never be checked");
        }
        if now.saturating_sub(self.joined_at) >= 5_000_000 && self.stats.hashes.documents == 0 {
            self.complain("no hash arrived");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_send_shifts_nothing_and_bursts_nothing() {
        let mut schedule = Schedule { due: 1_000.0, period_us: 1e6 / 30.0, pacer: None };
        assert_eq!(schedule.next(), 1_000);
        schedule.done(1_500, 1);
        assert_eq!(schedule.next(), 34_333);
        schedule.done(60_000, 2); // late by most of a period
        assert_eq!(schedule.next(), 67_666);
        schedule.done(1_000 + 401_000, 3); // ten periods missed: the next is sent, late, and then on time again
        assert_eq!(schedule.next(), 401_000);
    }
}
