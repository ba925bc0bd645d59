//! The floor: what the same traffic costs without a game. A bare server of the same transport answers each message with
//! one, in sizes and at a rate of your choice; its CPU is what no server of that transport on this machine can go below.

mod serve;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinSet,
};

use crate::{
    Failure,
    alarm::Alarms,
    args::{FloorArgs, Transport},
    process,
    report::{LATENESS_MS_MAX, Percentiles, round},
    stats::{Durations, Window},
    transport::{Connection, Target},
};

pub use serve::serve;

/// Of play before the measurement.
const WARMUP: Duration = Duration::from_secs(1);
const OPENING: usize = 16;
/// The kind of an inputs frame: it may ride a datagram.
const KIND: u8 = 2;

/// What a serving process says of itself, in one line.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    port: u16,
    /// SHA-256 of its certificate.
    pin: Option<[u8; 32]>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Floor {
    pub transport: &'static str,
    pub connections: usize,
    pub up_bytes: usize,
    pub down_bytes: usize,
    pub echoes_per_connection_s: f64,
    pub rtt_ms: Percentiles,
    pub server_cpu_us_per_connection_s: Option<f64>,
    pub bots_late_ms_p99: Option<f64>,
    pub bot_limited: bool,
}

impl Floor {
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // numbers and strings only: it cannot fail
    }

    /// At least 97 of 100 answers came back.
    pub fn holds(&self, rate: f64) -> bool {
        self.echoes_per_connection_s >= 0.97 * rate
    }

    pub fn table(&self) -> String {
        let known = |value: Option<f64>, digits: usize| value.map_or("-".into(), |v| format!("{v:.digits$}"));
        let rows = [
            ("answers/s a connection", format!("{:.2}", self.echoes_per_connection_s)),
            ("round trip, ms, p50 / p99", format!("{} / {}", known(self.rtt_ms.p50, 2), known(self.rtt_ms.p99, 2))),
            ("server CPU, µs a connection-second", known(self.server_cpu_us_per_connection_s, 1)),
            ("clients are the bottleneck", if self.bot_limited { "yes" } else { "no" }.into()),
        ];
        let head = format!(
            "floor of {}: {} connections, {} B up, {} B down\n",
            self.transport, self.connections, self.up_bytes, self.down_bytes
        );
        rows.iter().fold(head, |table, (name, value)| table + &format!("\n  {name:<36}{value:>12}"))
    }
}

/// Starts a server of its own as a process apart and measures it.
pub async fn measure(args: &FloorArgs) -> Result<Floor, Failure> {
    let (mut server, stdin, target) = spawn(args).await?;
    let measured = drive(args, target, server.id()).await;
    drop(stdin); // ends it
    server.wait().await?;
    measured
}

async fn spawn(args: &FloorArgs) -> Result<(Child, Option<ChildStdin>, Target), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["floor", "--serve", "--transport", args.transport.name(), "--down", &args.down.to_string()]);
    if !args.server_cores.is_empty() {
        let cores: Vec<String> = args.server_cores.iter().map(usize::to_string).collect();
        command.args(["--server-cores", &cores.join(",")]);
    }
    let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdin = server.stdin.take();
    let mut line = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut line).await?;
    let greeting: Greeting = serde_json::from_str(&line).map_err(|_| "the floor's server did not start")?;
    let authority = format!("127.0.0.1:{}", greeting.port);
    let target = Target {
        transport: args.transport,
        host: "127.0.0.1".into(),
        address: authority.parse()?,
        authority,
        pins: greeting.pin.into_iter().collect(),
    };
    Ok((server, stdin, target))
}

/// What one connection saw within the window.
#[derive(Default)]
struct Echoes {
    count: u64,
    rtt: Durations,
    lateness: Durations,
}

async fn drive(args: &FloorArgs, target: Target, pid: Option<u32>) -> Result<Floor, Failure> {
    let alarms = Alarms::new(Instant::now())?;
    let mut connections = Vec::new();
    while connections.len() < args.connections {
        let batch = OPENING.min(args.connections - connections.len());
        let opened = (0..batch).map(|_| Connection::open(&target, Bytes::from_static(&[0x90])));
        connections.extend(futures_util::future::try_join_all(opened).await?);
    }
    let start = alarms.now() + WARMUP.as_micros() as u64;
    let window = Window { start, end: start + (args.seconds * 1e6) as u64 };
    let mut clients = JoinSet::new();
    for (index, connection) in connections.into_iter().enumerate() {
        let phase = index as f64 / args.connections as f64;
        let (alarms, up, rate) = (alarms.clone(), args.up, args.rate);
        clients.spawn(async move { echo(connection, &alarms, window, (up, rate, phase)).await });
    }
    let cpu = || pid.and_then(|pid| process::cpu_seconds(Some(pid)));
    let alarm = alarms.alarm();
    alarm.at(window.start).await;
    let before = cpu();
    alarm.at(window.end).await;
    let after = cpu();
    let mut all = Echoes::default();
    while let Some(ended) = clients.join_next().await {
        let one = ended??;
        all.count += one.count;
        all.rtt.add(&one.rtt);
        all.lateness.add(&one.lateness);
    }
    let connection_seconds = args.seconds * args.connections as f64;
    let late = all.lateness.percentile_ms(99.0);
    Ok(Floor {
        transport: args.transport.name(),
        connections: args.connections,
        up_bytes: args.up,
        down_bytes: args.down,
        echoes_per_connection_s: round(all.count as f64 / connection_seconds, 3),
        rtt_ms: Percentiles::of(&all.rtt),
        server_cpu_us_per_connection_s: after.zip(before).map(|(a, b)| round((a - b) * 1e6 / connection_seconds, 1)),
        bots_late_ms_p99: late,
        bot_limited: late.is_some_and(|ms| ms > LATENESS_MS_MAX),
    })
}

/// Sends at a fixed rate and takes what comes, to the end of the window.
async fn echo(
    mut connection: Connection,
    alarms: &Alarms,
    window: Window,
    (up, rate, phase): (usize, f64, f64),
) -> Result<Echoes, Failure> {
    let mut frame = vec![0; up];
    frame[0] = KIND;
    let frame = Bytes::from(frame);
    let alarm = alarms.alarm();
    let mut echoes = Echoes::default();
    let mut due = alarms.now() as f64 + phase * 1e6 / rate;
    let mut sent = 0;
    loop {
        let now = alarms.now();
        if now >= window.end {
            return Ok(echoes);
        }
        if now as f64 >= due {
            if window.holds(now) {
                echoes.lateness.record(now as f64 - due);
            }
            sent = now;
            connection.send(frame.clone()).await?;
            due = (due + 1e6 / rate).max(now as f64);
        }
        tokio::select! {
            received = connection.receive() => {
                let now = alarms.now();
                if received?.is_some() && window.holds(now) {
                    echoes.count += 1;
                    echoes.rtt.record((now - sent) as f64);
                }
            }
            () = alarm.at((due as u64).min(window.end)) => {}
        }
    }
}

/// For a run's own floor: its sizes and rate, on the server's cores.
pub fn like(transport: Transport, connections: usize, rate: f64, (up, down): (f64, f64), pid: u32) -> FloorArgs {
    let size = |bytes: f64| (bytes.round() as usize).clamp(1, 1_100);
    FloorArgs {
        transport,
        connections,
        rate,
        up: size(up),
        down: size(down),
        seconds: 5.0,
        server_cores: process::cores_of(pid),
        serve: false,
    }
}
