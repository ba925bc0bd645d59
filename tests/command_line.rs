//! The binary as an operator meets it: what is wrong is one clear line and a non-zero exit, a signal is a clean end.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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
        (
            &["module"],
            "'airboat module' requires a subcommand but one was not provided; [subcommands: new, check, test, help]",
        ),
        (&["module", "check"], "the following required arguments were not provided: <PATH>"),
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

/// What `serve` refuses, `check-config` refuses too, and in the same words.
#[test]
fn settings_that_cannot_be_read_are_refused_by_both_commands() {
    let folder = Folder::new("values");
    let network = "is no address or network such as 10.0.0.0/8";
    let origin = "is no origin such as https://play.example.org";
    let level = "is no level (off, error, warn, info, debug, trace), nor a part's, as in airboat=debug";
    for (key, value, expected) in [
        ("trusted_proxies", "10.0.0.0/99", network),
        ("trusted_proxies", "proxy.example.org", network),
        ("allowed_origins", "foo", origin),
        ("allowed_origins", "play.example.org", origin),
        ("log", "shout", level),
        ("log", "airboat=loud", level),
    ] {
        let variable = format!("AIRBOAT_{}", key.to_uppercase());
        for command in ["check-config", "serve"] {
            let output = airboat(&folder.0, &[command, "--port", "0"]).env(&variable, value).output().unwrap();
            assert_eq!(refusal(&output), format!("airboat: {variable}: {key}: {value:?} {expected}"));
        }
    }
    assert!(!folder.0.join("data").exists());
}

#[test]
fn a_missing_folder_of_modules_is_one_line_where_it_was_named() {
    let folder = Folder::new("modules");
    for command in ["check-config", "serve"] {
        let output = airboat(&folder.0, &[command, "--port", "0", "--modules", "moduels"]).output().unwrap();
        assert_eq!(refusal(&output), "airboat: --modules: there is no folder moduels");
    }
    // The usual folder may be missing, also where the output of check-config names it.
    let shown = airboat(&folder.0, &["check-config"]).output().unwrap();
    std::fs::write(folder.0.join("shown.toml"), shown.stdout).unwrap();
    let output = airboat(&folder.0, &["check-config", "--config", "shown.toml"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
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

#[test]
fn a_new_module_passes_its_check_and_its_tests() {
    let folder = Folder::new("module");
    let run = |arguments: &[&str]| airboat(&folder.0, arguments).output().unwrap();
    let made = run(&["module", "new", "star-catcher"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("http://localhost:7777/play/?module=star-catcher"), "{}", text(&made.stdout));
    let check = run(&["module", "check", "modules/star-catcher"]);
    assert!(check.status.success(), "{}{}", text(&check.stdout), text(&check.stderr));
    assert!(text(&check.stdout).lines().count() <= 24, "one screen: {}", text(&check.stdout));
    let test = run(&["module", "test", "modules/star-catcher", "--json"]);
    assert!(test.status.success(), "{}{}", text(&test.stdout), text(&test.stderr));
    assert!(text(&test.stdout).starts_with("{\"module\":\"star-catcher\""), "{}", text(&test.stdout));

    let line = refusal(&run(&["module", "new", "star-catcher"]));
    assert_eq!(line, "airboat: modules/star-catcher is there already; nothing was changed");
    let line = refusal(&run(&["module", "new", "../Star"]));
    assert_eq!(line, "airboat: ../Star: a module's folder is named with a-z, 0-9, _ and -, at most 32");
    let line = refusal(&run(&["module", "check", "modules/star"]));
    assert!(line.starts_with("airboat: modules/star: "), "{line}");
}

#[test]
fn a_module_with_a_fault_fails_its_check_and_its_tests() {
    let folder = Folder::new("fault");
    let module = folder.0.join("modules/faulty");
    std::fs::create_dir_all(&module).unwrap();
    let main = "local n = 0\nreturn { tick = function(room)\n  n = n + 1\n  room.state.n = n\nend }\n";
    std::fs::write(module.join("main.lua"), main).unwrap();
    std::fs::write(module.join("test.lua"), "return { wrong = function(t)\n  t:equal(1, 2)\nend }\n").unwrap();
    let run = |arguments: &[&str]| airboat(&folder.0, arguments).output().unwrap();
    let check = run(&["module", "check", "modules/faulty"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("room.state.n is 51, and 1 after the reload"), "{}", text(&check.stdout));
    let test = run(&["module", "test", "modules/faulty"]);
    assert_eq!(test.status.code(), Some(1));
    assert!(text(&test.stdout).contains("faulty/test.lua:2: got      1"), "{}", text(&test.stdout));
    std::fs::write(module.join("main.lua"), "return { tik = 1 }\n").unwrap();
    let check = run(&["module", "check", "modules/faulty"]);
    assert_eq!(text(&check.stderr), "airboat: faulty/main.lua:1: tik: no such setting; did you mean tick?\n");
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

/// Another process holds the database for longer than the shutdown may take: it ends nonetheless, and says what hung.
#[cfg(unix)]
#[test]
fn what_hangs_does_not_keep_the_process() {
    let folder = Folder::new("hung");
    std::fs::write(folder.0.join("a.toml"), "[limits]\nshutdown_secs = 1\nstore_busy_ms = 60000\n").unwrap();
    let data = folder.0.join("data");
    let arguments = ["--config", "a.toml", "--port", "0", "--data", "data"];
    let mut server = airboat(&folder.0, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut greeting = BufReader::new(server.stdout.take().unwrap());
    let mut port = None;
    while port.is_none() {
        let mut line = String::new();
        assert!(greeting.read_line(&mut line).unwrap() > 0, "it ended by itself");
        let digits = line.split_once("127.0.0.1:").map(|(_, end)| end.chars().take_while(char::is_ascii_digit));
        port = digits.and_then(|digits| digits.collect::<String>().parse::<u16>().ok());
    }
    let holder = rusqlite::Connection::open(data.join("airboat.sqlite")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // A new device must be written down.
    let ask = |request: String| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port.unwrap())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let hello = r#"{"hello": {"name": "ann"}}"#;
    let length = hello.len();
    let _stranger = ask(format!("POST /poll HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{hello}"));
    let mut metrics = String::new();
    while !metrics.contains("airboat_store_queue_length 1\n") {
        metrics.clear();
        ask("GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n".into()).read_to_string(&mut metrics).unwrap();
    }
    let sent = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = server.wait_with_output().unwrap();
    let line = refusal(&output);
    assert!(line.starts_with("airboat: shutting down took longer than limits.shutdown_secs: "), "{line}");
    // It has not waited until the database gave up.
    assert!(!text(&output.stderr).contains("nothing was kept"), "{}", text(&output.stderr));
    drop(holder);
}

#[cfg(unix)]
fn wait_until(server: &mut Child, condition: impl Fn() -> bool) {
    while !condition() {
        assert!(server.try_wait().unwrap().is_none(), "the server ended by itself");
        std::thread::yield_now();
    }
}
