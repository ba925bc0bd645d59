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

/// Addresses and networks whose forwarded headers are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<(IpAddr, u8)>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("trusted_proxies: {0:?} is no address or network such as 10.0.0.0/8")]
pub struct ProxyError(String);

impl Proxies {
    pub fn parse(texts: &[String]) -> Result<Self, ProxyError> {
        let one = |text: &String| {
            let (address, bits) = text.split_once('/').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
            let address: IpAddr = address.trim().parse().ok()?;
            let widest = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(widest), |b| b.trim().parse().ok())?;
            (bits <= widest).then_some((address, bits))
        };
        texts.iter().map(|text| one(text).ok_or_else(|| ProxyError(text.clone()))).collect::<Result<_, _>>().map(Self)
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

/// Whether a page of this origin may play. No list means any; no origin means no browser.
pub fn origin_allowed(allowed: &[String], origin: Option<&str>) -> bool {
    match origin {
        None => true,
        Some(origin) => {
            allowed.is_empty() || allowed.iter().any(|a| a.trim_end_matches('/').eq_ignore_ascii_case(origin))
        }
    }
}

/// What `Access-Control-Allow-Origin` should say, if anything.
pub fn allow_origin<'a>(allowed: &[String], origin: Option<&'a str>) -> Option<&'a str> {
    match origin {
        _ if allowed.is_empty() => Some("*"),
        Some(origin) if origin_allowed(allowed, Some(origin)) => Some(origin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies::parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_matched() {
        let p = proxies(&["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
        for inside in ["10.1.2.3", "192.0.2.7", "fd12::1"] {
            assert!(p.trusts(ip(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1"] {
            assert!(!p.trusts(ip(outside)), "{outside}");
        }
        assert!(Proxies::parse(&["10.0.0.0/33".to_owned()]).is_err());
        assert!(Proxies::parse(&["proxy".to_owned()]).is_err());
        assert!(proxies(&["0.0.0.0/0"]).trusts(ip("8.8.8.8")));
    }

    #[test]
    fn forwarded_headers_count_from_proxies_only() {
        let p = proxies(&["10.0.0.0/8"]);
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
        let list = ["https://play.example.org".to_owned()];
        assert!(origin_allowed(&[], Some("https://anywhere")));
        assert!(origin_allowed(&list, None));
        assert!(origin_allowed(&list, Some("https://play.example.org")));
        assert!(!origin_allowed(&list, Some("https://play.example.org.evil")));
    }
}
