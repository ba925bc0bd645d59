//! `airboat-loadtest`: see `--help`. Exits with 1 when anything was wrong, with 2 when it could not run at all.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use airboat_loadtest::{
    Failure,
    args::{Args, Command, FloorArgs},
    floor, idle, page, process,
    report::Report,
    run,
};
use clap::Parser;

#[expect(clippy::print_stderr, reason = "a command line tool says here why it failed")]
fn main() -> ExitCode {
    let args = Args::parse();
    let right = match &args.command {
        None => load(&args),
        Some(Command::Floor(floor)) => bottom(floor),
        Some(Command::Idle(idle)) => runtime().map_err(Into::into).and_then(|runtime| {
            print(&runtime.block_on(idle::measure(idle))?.json());
            Ok(true)
        }),
    };
    match right {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("airboat-loadtest: {failure}");
            ExitCode::from(2)
        }
    }
}

fn load(args: &Args) -> Result<bool, Failure> {
    args.check()?;
    for path in args.json.iter().chain(&args.report) {
        be_writable(path)?;
    }
    let mut report = runtime()?.block_on(run::run(args))?;
    if let Some(pid) = args.pid.filter(|_| args.floor && report.errors == 0) {
        let like = floor::like(args.transport, args.bots(), report.rate(), report.frame_bytes(), pid);
        report.compare(runtime()?.block_on(floor::measure(&like))?);
    }
    show(&report);
    let write =
        |path: &Path, text: String| std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()));
    if let Some(path) = &args.json {
        write(path, report.json() + "\n")?;
    }
    if let Some(path) = &args.report {
        write(path, page::render(&report))?;
    }
    Ok(report.errors == 0)
}

/// A run is long; what it cannot be kept in is said before it.
fn be_writable(path: &Path) -> Result<(), Failure> {
    let is_new = !path.exists();
    let opened = File::options().append(true).create(true).open(path);
    opened.map_err(|error| format!("{}: {error}", path.display()))?;
    if is_new {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn bottom(args: &FloorArgs) -> Result<bool, Failure> {
    args.check()?;
    if args.serve {
        if !args.server_cores.is_empty() {
            process::stay_on(&args.server_cores)?;
        }
        return runtime()?.block_on(floor::serve(args)).map(|()| true);
    }
    let floor = runtime()?.block_on(floor::measure(args))?;
    print(&floor.table());
    print(&floor.json());
    Ok(floor.holds(args.rate))
}

#[expect(clippy::print_stdout, reason = "printing is what the tool is for")]
fn print(text: &str) {
    println!("{text}");
}

/// The table and the JSON on standard output, what went wrong on standard error.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what the tool is for")]
fn show(report: &Report) {
    println!("{}", report.table());
    for sentence in &report.complaints {
        eprintln!("error: {sentence}");
    }
    println!("{}", report.json());
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
