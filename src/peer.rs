//! Who is asking: the address behind trusted proxies, and whether a page's origin is welcome.
//!
//! A leaf without foreign types: transports, the panel and the public API all get a [`Peer`] from `server.rs`' listener.

use std::net::IpAddr;

/// Where a request comes from, forwarded headers already taken into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub ip: IpAddr,
    /// TLS reached the player: ended by us, or by a trusted proxy that says so.
    pub https: bool,
    /// A trusted proxy stands between, so UDP will not get through and forwarded headers may be believed.
    pub proxied: bool,
}

impl Peer {
    /// The host that was asked, with its port when one was named. A proxy's word for it counts as its other headers do.
    pub fn host<'a>(self, host: Option<&'a str>, forwarded: Option<&'a str>) -> Option<&'a str> {
        forwarded.filter(|_| self.proxied).or(host)
    }
}

/// Addresses and networks whose forwarded headers are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<(IpAddr, u8)>);

impl Proxies {
    /// Each an address and how many of its first bits count.
    pub fn new(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        Self(networks.into_iter().collect())
    }

    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network, ip) {
            (IpAddr::V4(n), IpAddr::V4(ip)) => (n.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(*bits),
            (IpAddr::V6(n), IpAddr::V6(ip)) => (n.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(*bits),
            _ => false,
        })
    }

    /// The peer of a request. `forwarded_for` and `forwarded_proto` are the values of the `X-Forwarded-*` headers,
    /// whole and in order; they count only when the socket belongs to a trusted proxy.
    pub fn peer<'a>(
        &self,
        socket: IpAddr,
        tls: bool,
        forwarded_for: impl Iterator<Item = &'a str>,
        forwarded_proto: impl Iterator<Item = &'a str>,
    ) -> Peer {
        let socket = socket.to_canonical();
        if !self.trusts(socket) {
            return Peer { ip: socket, https: tls, proxied: false };
        }
        // Each proxy appends the address it saw: the last one that is no proxy of ours is the player. What stands
        // before it was written by the player and proves nothing.
        let hops: Vec<&str> = forwarded_for.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut ip = socket;
        for hop in hops.iter().rev() {
            let Some(address) = address(hop) else { break };
            ip = address;
            if !self.trusts(ip) {
                break;
            }
        }
        let https = forwarded_proto.flat_map(|line| line.split(',')).last().is_some_and(|p| p.trim() == "https");
        Peer { ip, https: tls || https, proxied: true }
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical());
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Whether a page of this origin may play, of a server that was asked as `host`. No list means any, no origin means no
/// browser, and the server's own pages always may.
pub fn origin_allowed(allowed: &[impl AsRef<str>], origin: Option<&str>, host: Option<&str>) -> bool {
    match origin {
        None => true,
        Some(origin) => {
            allowed.is_empty() || is_listed(allowed, origin) || host.is_some_and(|host| is_same_place(origin, host))
        }
    }
}

fn is_listed(allowed: &[impl AsRef<str>], origin: &str) -> bool {
    allowed.iter().any(|a| a.as_ref().eq_ignore_ascii_case(origin))
}

/// Whether a page of this origin came from where its request goes. Not by the scheme: the page may have come over http,
/// where WebTransport is always https, and a proxy that nobody has told us of may have ended its TLS.
fn is_same_place(origin: &str, host: &str) -> bool {
    let usual = match origin.split_once("://") {
        Some(("https", _)) => "443",
        Some(("http", _)) => "80",
        _ => return false,
    };
    let split = |place: &str| {
        let (name, port) = match place.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (place, usual),
        };
        // Pages at localhost are sent to the number for WebTransport.
        let name = if name.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { name };
        (name.to_ascii_lowercase(), port.to_owned())
    };
    let place = origin.split_once("://").map_or("", |(_, place)| place);
    !place.is_empty() && split(place) == split(host)
}

/// What `Access-Control-Allow-Origin` should say, if anything; the server's own pages need no leave.
pub fn allow_origin<'a>(allowed: &[impl AsRef<str>], origin: Option<&'a str>) -> Option<&'a str> {
    match origin {
        _ if allowed.is_empty() => Some("*"),
        Some(origin) if is_listed(allowed, origin) => Some(origin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[(&str, u8)]) -> Proxies {
        Proxies::new(networks.iter().map(|(address, bits)| (ip(address), *bits)))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_matched() {
        let p = proxies(&[("10.0.0.0", 8), ("192.0.2.7", 32), ("fd00::", 8)]);
        for inside in ["10.1.2.3", "192.0.2.7", "fd12::1"] {
            assert!(p.trusts(ip(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1"] {
            assert!(!p.trusts(ip(outside)), "{outside}");
        }
        assert!(proxies(&[("0.0.0.0", 0)]).trusts(ip("8.8.8.8")));
    }

    #[test]
    fn forwarded_headers_count_from_proxies_only() {
        let p = proxies(&[("10.0.0.0", 8)]);
        let seen = |socket: &str, headers: &[&'static str]| {
            p.peer(ip(socket), false, headers.iter().copied(), ["https"].into_iter())
        };
        assert_eq!(seen("203.0.113.9", &["1.2.3.4"]), Peer { ip: ip("203.0.113.9"), https: false, proxied: false });
        let through = Peer { ip: ip("203.0.113.9"), https: true, proxied: true };
        assert_eq!(seen("10.0.0.1", &["1.2.3.4, 203.0.113.9"]), through, "what the player wrote is not believed");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "203.0.113.9:5000, 10.0.0.2"]), through);
        assert_eq!(seen("10.0.0.1", &["rubbish"]).ip, ip("10.0.0.1"));
        assert_eq!(seen("::ffff:10.0.0.1", &["[2001:db8::1]"]).ip, ip("2001:db8::1"));
    }

    #[test]
    fn origins() {
        let list = ["https://play.example.org"];
        assert!(origin_allowed(&[""; 0], Some("https://anywhere"), None));
        assert!(origin_allowed(&list, None, None));
        assert!(origin_allowed(&list, Some("https://play.example.org"), Some("airboat.example.org")));
        assert!(!origin_allowed(&list, Some("https://play.example.org.evil"), Some("airboat.example.org")));
        assert!(!origin_allowed(&list, Some("null"), Some("null")));
        assert_eq!(allow_origin(&list, Some("https://play.example.org")), Some("https://play.example.org"));
        assert_eq!(allow_origin(&list, Some("https://evil.example")), None);
    }

    #[test]
    fn the_servers_own_pages_may_always_play() {
        let list = ["https://play.example.org"];
        for (origin, host) in [
            ("http://192.0.2.7:7777", "192.0.2.7:7777"),
            ("http://Airboat.example:7777", "airboat.example:7777"),
            ("http://[::1]:7777", "[::1]:7777"),
            ("http://[::1]", "[::1]"),
            ("https://airboat.example", "airboat.example"),
            ("https://airboat.example", "airboat.example:443"),
            ("http://airboat.example", "airboat.example:80"),
            // WebTransport from a page at localhost.
            ("http://localhost:7777", "127.0.0.1:7777"),
        ] {
            assert!(origin_allowed(&list, Some(origin), Some(host)), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://evil.example:7777", "192.0.2.7:7777"),
            ("http://192.0.2.7:8080", "192.0.2.7:7777"),
            ("http://192.0.2.7", "192.0.2.7:7777"),
            ("https://airboat.example", "airboat.example:80"),
            ("https://airboat.example.evil", "airboat.example"),
            ("file://airboat.example", "airboat.example"),
            ("http://", ""),
            ("null", "null"),
        ] {
            let allowed = origin_allowed(&list, Some(origin), Some(host));
            assert!(!allowed, "{origin} {host}");
        }
    }

    #[test]
    fn a_proxys_word_for_the_host_counts_when_it_is_trusted() {
        let peer = |proxied| Peer { ip: ip("192.0.2.7"), https: false, proxied };
        assert_eq!(peer(true).host(Some("inside"), Some("outside")), Some("outside"));
        assert_eq!(peer(true).host(Some("inside"), None), Some("inside"));
        assert_eq!(peer(false).host(Some("inside"), Some("outside")), Some("inside"));
    }
}
