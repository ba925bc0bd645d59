//! `airboat-loadtest`: see `--help`. Exits with 1 when anything was wrong, with 2 when it could not run at all.

use std::process::ExitCode;

use airboat_loadtest::{Failure, args::Args, process, report::Report, run};
use clap::Parser;

fn main() -> ExitCode {
    match load(&Args::parse()) {
        Ok(report) if report.errors == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("airboat-loadtest: {failure}");
            ExitCode::from(2)
        }
    }
}

fn load(args: &Args) -> Result<Report, Failure> {
    args.check()?;
    let report = runtime()?.block_on(run::run(args))?;
    report.print();
    if let Some(path) = &args.json {
        std::fs::write(path, report.json() + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report)
}

/// As many workers as we may use: `taskset -c 1` gives one thread and no hand-overs between threads.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match process::cores() {
        1 => tokio::runtime::Builder::new_current_thread(),
        cores => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(cores);
            builder
        }
    };
    builder.enable_all().build()
}
