//! The binary as somebody meets it who measures: what is wrong is said before the run, not after it.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_run() {
    let folder = std::env::temp_dir().join(format!("airboat-loadtest-command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Nobody may connect: the run would begin so.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    for option in ["--report", "--json"] {
        let path = folder.join("missing/folder/x");
        let output = Command::new(env!("CARGO_BIN_EXE_airboat-loadtest"))
            .args(["--modules-dir", concat!(env!("CARGO_MANIFEST_DIR"), "/../modules"), "--url", &url, option])
            .arg(&path)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(stderr, format!("airboat-loadtest: {}: No such file or directory (os error 2)\n", path.display()));
        assert_eq!(output.status.code(), Some(2));
        assert!(server.accept().is_err(), "{option}: it had begun");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
