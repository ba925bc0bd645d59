//! The floor and its server as processes, as they are run.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::process::Command;

use serde_json::Value as Json;

fn floor(transport: &str) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_airboat-loadtest"))
        .args(["floor", "--transport", transport, "--connections", "3", "--rate", "20", "--seconds", "0.5"])
        .output()
        .unwrap();
    let (text, wrong) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.code().is_some_and(|code| code < 2), "{transport}: {wrong}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn each_transport_has_a_floor() {
    for transport in ["websocket", "quic", "webtransport", "http"] {
        let floor = floor(transport);
        assert_eq!(floor["transport"], transport);
        assert_eq!((&floor["up_bytes"], &floor["down_bytes"]), (&30.into(), &53.into()));
        assert!(floor["echoes_per_connection_s"].as_f64().unwrap() > 0.0, "{transport}: {floor}");
        assert!(floor["rtt_ms"]["p50"].as_f64().unwrap() > 0.0, "{transport}: {floor}");
        if cfg!(target_os = "linux") {
            assert!(floor["server_cpu_us_per_connection_s"].is_number(), "{transport}: {floor}");
        }
    }
}
