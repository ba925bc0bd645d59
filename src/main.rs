//! The command line: arguments, settings, logging, and a run until a signal. Everything else is in the library.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use airboat::{
    config::{Config, Flags, Loaded, LogFormat},
    tools::{self, types::Language, vectors::Vectors},
};
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
    /// Begin, check and test a game module
    #[command(subcommand, arg_required_else_help = false)]
    Module(ModuleCommand),
    /// Print what a module declares as types, for editors and clients
    Types {
        /// The module's folder
        path: PathBuf,
        /// Annotations for the Lua language server (what happens without an option)
        #[arg(long, conflicts_with = "typescript")]
        lua: bool,
        /// Types for a client in TypeScript
        #[arg(long)]
        typescript: bool,
    },
}

#[derive(Subcommand)]
enum ModuleCommand {
    /// Write a small game to begin with
    New {
        /// Its folder's name: a-z, 0-9, _ and -
        name: String,
        /// Where modules are
        #[arg(long, default_value = "modules")]
        dir: PathBuf,
    },
    /// Play it with bots, reload it all the time, and tell what is wrong and what it costs
    Check {
        /// The module's folder
        path: PathBuf,
        /// One JSON object instead of a screen
        #[arg(long)]
        json: bool,
    },
    /// Run its test.lua with simulated players, in simulated time
    Test {
        /// The module's folder
        path: PathBuf,
        /// Write the vectors of shared functions that its tests record, instead of comparing them
        #[arg(long)]
        bless: bool,
        /// One JSON object instead of a screen
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|e| Flags::explain(&e));
    let result =
        Loaded::from(&arguments.flags, std::env::vars()).map_err(Into::into).and_then(|loaded| {
            match arguments.command.unwrap_or(Command::Serve) {
                Command::Serve => serve(loaded.config).map(|()| ExitCode::SUCCESS),
                Command::CheckHealth => Ok(airboat::health::check(&loaded.config).map(|()| ExitCode::SUCCESS)?),
                Command::CheckConfig => show(&loaded.to_toml(), true),
                Command::Module(command) => module(&command, &loaded.config),
                Command::Types { path, typescript, lua: _ } => {
                    let language = if typescript { Language::TypeScript } else { Language::Lua };
                    show(&tools::types::types(&path, language)?, true)
                }
            }
        });
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "airboat: {error}");
        ExitCode::FAILURE
    })
}

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn module(command: &ModuleCommand, config: &Config) -> Outcome {
    match command {
        ModuleCommand::New { name, dir } => show(&tools::new::create(name, dir, config.port)?, true),
        ModuleCommand::Check { path, json } => {
            let report = tools::check::check(path)?;
            show(&if *json { report.json() + "\n" } else { report.text() }, report.is_fine())
        }
        ModuleCommand::Test { path, bless, json } => {
            let vectors = if *bless { Vectors::Bless } else { Vectors::Compare };
            let outcomes = tools::test::test(path, vectors)?;
            show(&if *json { outcomes.json() + "\n" } else { outcomes.text() }, outcomes.passed())
        }
    }
}

fn show(text: &str, good: bool) -> Outcome {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let filter = Targets::new().with_targets(config.log.parts.clone());
    let filter = config.log.everything.into_iter().fold(filter, Targets::with_default);
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match config.log_format {
        LogFormat::Text => registry.with(logs.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => registry.with(logs.json()).init(),
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(config.socket_threads).enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let shutdown = async move {
        tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
    };
    let ended = runtime.block_on(airboat::server::run(config, shutdown));
    // What hangs has been named by now; dropping the runtime would wait for it.
    runtime.shutdown_background();
    Ok(ended?)
}
