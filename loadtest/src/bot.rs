//! One player: joins a room over a connection, sends inputs on a fixed schedule, checks and measures what comes back.

use std::{pin::Pin, time::Duration};

use airboat::protocol::{CloseReason, Micros, snapshot::InputReport};
use tokio::time::Sleep;

use crate::{
    Failure,
    client::{Client, Happened},
    run::Run,
    stats::Stats,
    tank8::Driver,
    transport::Connection,
};

/// From opening the connection to standing in the room.
const JOIN: Duration = Duration::from_secs(15);
/// A server that says nothing for this long has failed, even if the connection stands.
const SILENCE_US: Micros = 10_000_000;
/// How often the age of the shown state is sampled.
const AGE_EVERY_US: Micros = 10_000;

/// Who a bot is.
#[derive(Debug, Clone)]
pub struct Role {
    pub index: usize,
    pub module: String,
    pub room: String,
    /// Where between two inputs this bot sends, 0..1: bots are spread evenly over the tick.
    pub phase: f64,
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
    if let Err(failure) = bot.drive().await {
        bot.complain(&failure.to_string());
    }
    bot.finish().await
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

/// Absolute times of sending, so that being late once does not shift what follows.
struct Schedule {
    start: Micros,
    period_us: f64,
    sent: u64,
}

impl Schedule {
    fn next(&self) -> Micros {
        self.start + (self.sent as f64 * self.period_us) as Micros
    }

    /// Counts the sending that was due. Times that have passed altogether are left out: a player who was held up does
    /// not press everything at once either.
    fn done(&mut self, now: Micros) {
        let passed = (now.saturating_sub(self.start) as f64 / self.period_us) as u64;
        self.sent = (self.sent + 1).max(passed);
    }
}

impl<'a> Bot<'a> {
    async fn join(run: &'a Run, role: &'a Role) -> Result<Self, Failure> {
        let _turn = run.turn_to_join().await;
        let mut client = Client::new(format!("bot {}", role.index), role.module.clone(), role.room.clone());
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
        let driver = Driver::new(mirror, player, role.phase)?;
        let period_us = 1e6 / f64::from(mirror.schema.tick_rate);
        let start = run.aligned(now, period_us, role.phase);
        let report = mirror.report;
        Ok(Self {
            run,
            role,
            connection,
            client,
            driver,
            stats: Stats::default(),
            schedule: Schedule { start, period_us, sent: 0 },
            joined_at: now,
            heard_at: now,
            next_age: now,
            report,
        })
    }

    async fn drive(&mut self) -> Result<(), Failure> {
        let mut stop = self.run.stop.subscribe();
        let mut sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            let now = self.run.now();
            if self.run.window().is_some_and(|window| now >= window.end) {
                return Ok(());
            }
            self.send_due(now).await?;
            let client = &mut self.client;
            self.connection.poll_if_idle(|| client.acknowledgements())?;
            self.set_alarm(&mut sleep);
            tokio::select! {
                received = self.connection.receive() => {
                    if let Some((frame, bytes)) = received? {
                        self.take(&frame, bytes)?;
                    }
                }
                () = sleep.as_mut() => self.check_silence()?,
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
            self.schedule.done(now);
            if let Some(frame) = self.client.input(self.driver.input(), now) {
                self.connection.send(frame).await?;
            }
        }
        for frame in self.client.due(now) {
            self.connection.send(frame).await?;
        }
        Ok(())
    }

    /// Sleeps until the next thing to send, or the end of the run.
    fn set_alarm(&self, sleep: &mut Pin<Box<Sleep>>) {
        let next = self.client.deadline().map_or(self.schedule.next(), |at| at.min(self.schedule.next()));
        let next = self.run.window().map_or(next, |window| next.min(window.end));
        let at = self.run.instant(next);
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
    }

    fn check_silence(&self) -> Result<(), Failure> {
        let silent = self.run.now().saturating_sub(self.heard_at) > SILENCE_US;
        if silent { Err("the server has said nothing for 10 s".into()) } else { Ok(()) }
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
        if let Err(wrong) = self.driver.check(&self.client) {
            self.complain(&wrong.to_string());
        }
        let Some(mirror) = self.client.mirror() else { return };
        let before = std::mem::replace(&mut self.report, mirror.report);
        if !self.run.counts(now) {
            return;
        }
        self.stats.snapshots += 1;
        let advanced = mirror.report.applied.wrapping_sub(before.applied);
        let skipped = mirror.report.skips.wrapping_sub(before.skips);
        self.stats.inputs_applied += u64::from(advanced.saturating_sub(u32::from(skipped)));
        // An input named before has already been answered: only the first snapshot to name it tells its latency.
        if let Some(sent) = self.client.sent(mirror.report.applied).filter(|_| advanced > 0) {
            self.stats.latency.record((now - sent.at) as f64);
        }
    }

    /// The room came to life anew under us: nothing learned before holds.
    fn begin_again(&mut self) -> Result<(), Failure> {
        let (Some(mirror), Some(player)) = (self.client.mirror(), self.client.player()) else { return Ok(()) };
        let checks = self.driver.checks;
        self.driver = Driver::new(mirror, player, self.role.phase)?;
        self.driver.checks = checks;
        self.report = mirror.report;
        Ok(())
    }

    /// Each 10 ms: how long ago was the shown tick stepped? Made up for at each frame, since nothing changed between.
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

    async fn finish(mut self) -> Stats {
        let now = self.run.now();
        self.sample_age(now);
        self.stats.checks = self.driver.checks;
        self.stats.hashes = self.client.hashes();
        if let Some(window) = self.run.window() {
            let (from, to) = (self.joined_at.max(window.start), now.min(window.end));
            self.stats.played_us = to.saturating_sub(from);
        }
        self.check_that_it_checked(now);
        let bye = self.client.bye(CloseReason::Left);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.close(bye)).await;
        self.stats
    }

    /// An oracle that compared nothing has proved nothing.
    fn check_that_it_checked(&mut self, now: Micros) {
        if self.stats.checks.exact == 0 {
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
        let mut schedule = Schedule { start: 1_000, period_us: 1e6 / 30.0, sent: 0 };
        assert_eq!(schedule.next(), 1_000);
        schedule.done(1_500);
        assert_eq!(schedule.next(), 34_333);
        schedule.done(60_000); // late by most of a period
        assert_eq!(schedule.next(), 67_666);
        schedule.done(1_000 + 400_000); // eleven periods missed: the twelfth is sent, late, and then the thirteenth
        assert_eq!(schedule.next(), 401_000);
    }
}
