//! The binary as an operator meets it: what is wrong is one clear line and a non-zero exit, a signal is a clean end.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("airboat-command-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary in a folder of its own, with nothing of ours in the environment.
fn airboat(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airboat"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name == "PORT" || name.starts_with("AIRBOAT_")) {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last line on stderr of a run that must fail; log lines may stand before it.
fn refusal(output: &Output) -> String {
    let stderr = text(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    let line = stderr.lines().last().unwrap_or_default().to_owned();
    assert!(line.starts_with("airboat: "), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    line
}

#[test]
fn bad_arguments_are_one_line() {
    let folder = Folder::new("arguments");
    for (arguments, line) in [
        (&["--prot", "1"][..], "unexpected argument '--prot' found; tip: a similar argument exists: '--port'"),
        (&["--port", "many"], "invalid value 'many' for '--port <N>': invalid digit found in string"),
        (&["--tls", "perhaps"], "invalid value 'perhaps' for '--tls <MODE>': it is off, both or required"),
        (&["dance"], "unrecognized subcommand 'dance'"),
    ] {
        let output = airboat(&folder.0, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), format!("airboat: {line}; see airboat --help\n"));
    }
}

#[test]
fn bad_settings_are_one_line() {
    let folder = Folder::new("settings");
    std::fs::write(folder.0.join("a.toml"), "[limits]\nping_sec = 3\n").unwrap();
    for command in ["serve", "check-config"] {
        let output = airboat(&folder.0, &[command, "--config", "a.toml"]).output().unwrap();
        let line = "airboat: a.toml: there is no setting `limits.ping_sec`, did you mean `limits.ping_secs`?";
        assert_eq!(refusal(&output), line);
    }
    let output = airboat(&folder.0, &["--config", "missing.toml"]).output().unwrap();
    assert_eq!(refusal(&output), "airboat: missing.toml: No such file or directory (os error 2)");
    assert!(!folder.0.join("data").exists());
}

#[test]
fn check_config_tells_where_values_come_from() {
    let folder = Folder::new("check");
    std::fs::write(folder.0.join("a.toml"), "tls = \"off\"\n").unwrap();
    let output = airboat(&folder.0, &["check-config", "--port", "4000", "--config", "a.toml"])
        .env("AIRBOAT_LIMITS_RESUME_WINDOW_SECS", "45")
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (setting, origin) in [
        ("port = 4000", "--port"),
        ("tls = \"off\"", "a.toml"),
        ("resume_window_secs = 45", "AIRBOAT_LIMITS_RESUME_WINDOW_SECS"),
        ("udp = \"auto\"", "default"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(setting)).unwrap_or_else(|| panic!("{setting}\n{shown}"));
        assert!(line.ends_with(&format!("# {origin}")), "{line}");
    }
    assert!(!folder.0.join("data").exists());
}

#[test]
fn a_taken_port_is_one_line() {
    let folder = Folder::new("port");
    let taken = TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let line = refusal(&airboat(&folder.0, &["--port", &port]).output().unwrap());
    assert!(line.contains(&port), "{line}");
}

#[test]
fn a_damaged_database_is_one_line() {
    let folder = Folder::new("database");
    std::fs::create_dir(folder.0.join("data")).unwrap();
    std::fs::write(folder.0.join("data/airboat.sqlite"), "not a database".repeat(1_000)).unwrap();
    let line = refusal(&airboat(&folder.0, &["--port", "0"]).output().unwrap());
    assert!(line.starts_with("airboat: data/airboat.sqlite is damaged"), "{line}");
}

#[cfg(unix)]
#[test]
fn signals_end_it_cleanly() {
    let folder = Folder::new("signals");
    for signal in ["-INT", "-TERM"] {
        let data = folder.0.join(format!("data{signal}"));
        let mut server = airboat(&folder.0, &["--port", "0", "--data"]).arg(&data).spawn().unwrap();
        // Signals are listened to before the database is opened.
        wait_until(&mut server, || data.join("airboat.sqlite").exists());
        let sent = Command::new("kill").args([signal, &server.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let status = server.wait().unwrap();
        assert!(status.success(), "{signal}: {status}");
        // Closed cleanly: the write-ahead log is folded into the file.
        assert!(!data.join("airboat.sqlite-wal").exists(), "{signal}");
    }
}

#[cfg(unix)]
fn wait_until(server: &mut Child, condition: impl Fn() -> bool) {
    while !condition() {
        assert!(server.try_wait().unwrap().is_none(), "the server ended by itself");
        std::thread::yield_now();
    }
}
