//! The command line: arguments, settings, logging, and a run until a signal. Everything else is in the library.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use airboat::config::{Config, Flags, Loaded, LogFormat};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// A realtime game server: one binary, one port, games in Lua.
#[derive(Parser)]
#[command(name = "airboat", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what happens without a command)
    Serve,
    /// Print the effective settings and where each came from
    CheckConfig,
    /// Ask the server on this machine whether it is alive; for containers
    CheckHealth,
}

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|e| Flags::explain(&e));
    let result =
        Loaded::from(&arguments.flags, std::env::vars()).map_err(Into::into).and_then(|loaded| {
            match arguments.command.unwrap_or(Command::Serve) {
                Command::Serve => serve(loaded.config),
                Command::CheckHealth => Ok(airboat::health::check(&loaded.config)?),
                Command::CheckConfig => Ok(std::io::stdout().write_all(loaded.to_toml().as_bytes())?),
            }
        });
    let Err(error) = result else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "airboat: {error}");
    ExitCode::FAILURE
}

fn serve(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let filter: Targets = config.log.parse().map_err(|e| format!("log: {e}"))?;
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match config.log_format {
        LogFormat::Text => registry.with(logs.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => registry.with(logs.json()).init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let shutdown = async move {
        tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
    };
    Ok(runtime.block_on(airboat::server::run(config, shutdown))?)
}
