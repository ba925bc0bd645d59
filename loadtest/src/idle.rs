//! What a session costs that does nothing: many are opened, and the server's memory is looked at before and after.

use std::time::{Duration, Instant};

use airboat::protocol::{
    PROTOCOL_MAX,
    message::{ClientFrame, Hello},
};
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Failure,
    args::IdleArgs,
    process,
    report::round,
    transport::{Connection, Target},
};

/// Opened first and not counted: what the first sessions cost once.
const FIRST: usize = 20;
const OPENING: usize = 16;
/// Memory is looked at when the last has been quiet for this long.
const SETTLE: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
pub struct Idle {
    pub transport: &'static str,
    pub sessions: usize,
    /// 1 kB is 1,000 bytes.
    pub server_kb_per_session: f64,
}

impl Idle {
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // numbers and strings only: it cannot fail
    }
}

pub async fn measure(args: &IdleArgs) -> Result<Idle, Failure> {
    let began = Instant::now();
    let target = Target::find(&args.url, args.transport).await?;
    let rss = || process::rss_mb(args.pid).ok_or_else(|| format!("cannot read /proc/{}", args.pid));
    let mut kept = JoinSet::new();
    open(&target, FIRST, &mut kept).await?;
    tokio::time::sleep(SETTLE).await;
    let before = rss()?;
    open(&target, args.sessions, &mut kept).await?;
    tokio::time::sleep(SETTLE).await;
    let grown = rss()? - before;
    if kept.try_join_next().is_some() {
        return Err(format!("a session ended within {:.0} s", began.elapsed().as_secs_f64()).into());
    }
    Ok(Idle {
        transport: args.transport.name(),
        sessions: args.sessions,
        server_kb_per_session: round(grown * 1e3 / args.sessions as f64, 2),
    })
}

/// Each stays open in a task that takes what comes.
async fn open(target: &Target, sessions: usize, kept: &mut JoinSet<()>) -> Result<(), Failure> {
    let turns = Semaphore::new(OPENING);
    let hello = Hello { protocol: PROTOCOL_MAX, client: "airboat-loadtest idle".into(), ..Hello::default() };
    let hello = ClientFrame::Hello(Box::new(hello)).encode();
    let opened = (0..sessions).map(|_| async {
        let _turn = turns.acquire().await?;
        let mut connection = Connection::open(target, hello.clone()).await?;
        connection.receive().await?; // the welcome
        Ok::<_, Failure>(connection)
    });
    for mut connection in futures_util::future::try_join_all(opened).await? {
        kept.spawn(
            async move { while connection.poll_if_idle(Vec::new).is_ok() && connection.receive().await.is_ok() {} },
        );
    }
    Ok(())
}
