//! `lossy_link.py` where it can run: as root, with iproute2 and TUN devices. Elsewhere it says why not and is skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may fail them, and say what they found"
)]

use std::{net::UdpSocket, process::Command, thread};

const LINK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lossy_link.py");
const SKIPPED: i32 = 77;
/// Sends 60 packets to the host and prints how many came back, and the shortest way there and back in ms.
const CLIENT: &str = "
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
back, shortest = 0, 1e9
for n in range(60):
    sent = time.monotonic()
    s.sendto(bytes([n]), (sys.argv[1], int(sys.argv[2])))
    try:
        while s.recv(16) != bytes([n]): pass
        back, shortest = back + 1, min(shortest, time.monotonic() - sent)
    except socket.timeout: pass
print(back, shortest * 1e3)
";

/// What the client printed; None where there can be no link.
fn through(subnet: &str, words: &[&str]) -> Option<(u32, f64)> {
    let host = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = host.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((length, client)) = host.recv_from(&mut buffer) {
            let _ = host.send_to(&buffer[..length], client);
        }
    });
    let output = Command::new("python3")
        .args([LINK, "--subnet", subnet, "--netns", &format!("airboat-test-{subnet}")])
        .args(words)
        .args(["--", "python3", "-c", CLIENT, &format!("{subnet}.1"), &port])
        .output();
    let Ok(output) = output else {
        println!("skipped: no python3");
        return None;
    };
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(SKIPPED) {
        println!("{wrong}");
        return None;
    }
    assert!(output.status.success(), "{wrong}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (back, shortest) = text.trim().split_once(' ').unwrap();
    Some((back.parse().unwrap(), shortest.parse().unwrap()))
}

#[test]
fn packets_are_delayed() {
    if let Some((back, shortest)) = through("10.79.1", &["--delay", "10"]) {
        assert!(back > 0 && shortest >= 20.0, "{back} came back, the first after {shortest} ms");
    }
}

#[test]
fn packets_are_lost() {
    if let Some((back, _)) = through("10.79.2", &["--delay", "1", "--loss", "40", "--seed", "5"]) {
        assert!((5..45).contains(&back), "{back} of 60 came back, where 22 should");
    }
}
