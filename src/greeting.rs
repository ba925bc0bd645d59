//! What the terminal shows once the server runs: where it can be reached, and a code for the phone.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use qrcode::{EcLevel, QrCode};

/// This machine's addresses on its networks. Nothing is sent: the system only says which address it would use.
pub(crate) fn lan_addresses() -> Vec<IpAddr> {
    let towards = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    };
    [towards("0.0.0.0:0", "192.0.2.1:9"), towards("[::]:0", "[2001:db8::1]:9")].into_iter().flatten().collect()
}

/// The front page's address on each network; phones reach the IPv4 address on every home network, so those come first.
pub(crate) fn lan_urls(port: u16, https_only: bool, addresses: &[IpAddr]) -> Vec<String> {
    let scheme = if https_only { "https" } else { "http" };
    let mut addresses = addresses.to_vec();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.iter().map(|ip| format!("{scheme}://{}/", SocketAddr::new(*ip, port))).collect()
}

/// Lines for a person at a terminal. `setup` is the secret of the link for the first admin: it stands behind the `#`,
/// which browsers keep to themselves.
pub(crate) fn greeting(port: u16, https_only: bool, addresses: &[IpAddr], setup: Option<&str>) -> String {
    let scheme = if https_only { "https" } else { "http" };
    let mut out =
        format!("Airboat {} is running\n\n  here     {scheme}://127.0.0.1:{port}/\n", env!("CARGO_PKG_VERSION"));
    if let Some(secret) = setup {
        let _ = writeln!(
            out,
            "  panel    {scheme}://127.0.0.1:{port}/admin/#setup={secret}\n           (works once: makes you its admin)"
        );
    } else {
        let _ = writeln!(out, "  panel    {scheme}://127.0.0.1:{port}/admin/");
    }
    // Phones reach the IPv4 address on every home network.
    let Some(lan) = addresses.iter().find(|address| address.is_ipv4()) else { return out };
    let url = format!("{scheme}://{lan}:{port}/");
    let _ = writeln!(out, "  network  {url}\n");
    if let Some(code) = code(&url) {
        out.push_str(&code);
    }
    out
}

/// A QR code out of half blocks, dark on light whatever the terminal's colours.
fn code(text: &str) -> Option<String> {
    const QUIET: i32 = 2;
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = i32::try_from(code.width()).ok()?;
    let light = |x: i32, y: i32| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        !inside || code[(x as usize, y as usize)] == qrcode::Color::Light
    };
    let mut out = String::new();
    for y in (-QUIET..width + QUIET).step_by(2) {
        out.push_str("  \x1b[97;40m");
        for x in -QUIET..width + QUIET {
            out.push(match (light(x, y), light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push_str("\x1b[0m\n");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_get_the_short_address_first() {
        let addresses = ["2001:db8::7".parse().unwrap(), "192.168.1.7".parse().unwrap()];
        assert_eq!(lan_urls(7777, false, &addresses), ["http://192.168.1.7:7777/", "http://[2001:db8::7]:7777/"]);
    }

    #[test]
    fn both_addresses_are_shown() {
        let text = greeting(7777, false, &["192.168.1.7".parse().unwrap()], None);
        assert!(text.contains("http://127.0.0.1:7777/") && text.contains("http://192.168.1.7:7777/"), "{text}");
        assert!(text.contains('▀'));
        assert!(text.contains("/admin/\n") && !text.contains("#setup"));
        let first = greeting(1, true, &[], Some("secret"));
        assert!(first.contains("https://127.0.0.1:1/admin/#setup=secret\n") && !first.contains('█'), "{first}");
    }
}
