//! Settings that are more than a number or a text: networks, origins, and what is logged. Each is read from its text in
//! here and nowhere else, so what one command accepts no other refuses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

/// Lets TOML hold them as text.
macro_rules! kept_as_text {
    ($($name:ident),*) => { $(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )* };
}
kept_as_text!(Network, Origin, LogFilter);

/// An address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    pub address: IpAddr,
    pub bits: u8,
}

impl Network {
    const fn widest(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
            let address: IpAddr = address.trim().parse().ok()?;
            let widest = Self::widest(address);
            let bits = bits.map_or(Some(widest), |bits| bits.trim().parse().ok())?;
            (bits <= widest).then_some(Self { address, bits })
        };
        read().ok_or_else(|| format!("{text:?} is no address or network such as 10.0.0.0/8"))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == Self::widest(self.address) {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.bits)
        }
    }
}

/// Where a page comes from, as browsers write it in the header `Origin`: without a path, in small letters, without the
/// scheme's usual port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let lower = text.trim().to_ascii_lowercase();
            let origin = lower.strip_suffix('/').unwrap_or(&lower);
            // Of pages that have none, such as files on a disk.
            if origin == "null" {
                return Some(Self(origin.to_owned()));
            }
            let (scheme, place) = origin.split_once("://")?;
            let (host, port) = match place.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (place, None),
            };
            let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
                && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'));
            let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
            if !is_scheme || !is_host(host) || !is_port {
                return None;
            }
            let usual = matches!((scheme, port), ("https", Some("443")) | ("http", Some("80")));
            let port = port.filter(|_| !usual).map_or(String::new(), |port| format!(":{port}"));
            Some(Self(format!("{scheme}://{host}{port}")))
        };
        read().ok_or_else(|| format!("{text:?} is no origin such as https://play.example.org"))
    }
}

/// A name as it stands in URLs, or an address; one of IPv6 in its brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
            !text.is_empty() && text.bytes().all(plain)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which log lines are written: a level for everything, levels for parts, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogFilter {
    /// As it was written.
    text: String,
    /// Of what no part names; nothing of it without.
    pub everything: Option<LevelFilter>,
    pub parts: Vec<(String, LevelFilter)>,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { text: "info".to_owned(), everything: Some(LevelFilter::INFO), parts: Vec::new() }
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("{what:?} is no level (off, error, warn, info, debug, trace), nor a part's, as in airboat=debug")
        };
        // To the library a word alone is a part with all its lines, and so a typo a log with none.
        let level = |word: &str| word.parse::<LevelFilter>().ok().filter(|_| !word.is_empty());
        let mut filter = Self { text: text.to_owned(), everything: None, parts: Vec::new() };
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                None => filter.everything = Some(level(part).ok_or_else(|| wrong(part))?),
                Some((name, word)) => {
                    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'-');
                    let named = !name.is_empty() && name.bytes().all(is_name);
                    let level = level(word).filter(|_| named).ok_or_else(|| wrong(part))?;
                    filter.parts.push((name.to_owned(), level));
                }
            }
        }
        Ok(filter)
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written() {
        for text in ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.0/33", "10.0.0.0/99", "fd00::/129", "proxy", "10.0.0.0/", "/8", ""] {
            let line = text.parse::<Network>().unwrap_err();
            assert_eq!(line, format!("{text:?} is no address or network such as 10.0.0.0/8"));
        }
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for (text, origin) in [
            ("https://play.example.org", "https://play.example.org"),
            ("https://Play.example.org/", "https://play.example.org"),
            ("https://play.example.org:443", "https://play.example.org"),
            ("http://play.example.org:80", "http://play.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]", "http://[::1]"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("null", "null"),
        ] {
            assert_eq!(text.parse::<Origin>().as_ref().map(ToString::to_string), Ok(origin.to_owned()));
        }
        for text in [
            "foo",
            "*",
            "",
            "play.example.org",
            "https://",
            "https://a/b",
            "https://*.a",
            "https://a:x",
            "://a",
            "1://a",
            "https://ä.example",
            "https://a b",
            "https://a?b",
            "https://me@a",
            "http://[::g]",
        ] {
            let line = text.parse::<Origin>().unwrap_err();
            assert_eq!(line, format!("{text:?} is no origin such as https://play.example.org"));
        }
    }

    #[test]
    fn log_filters_are_levels_and_parts() {
        let filter: LogFilter = "airboat=debug, airboat::room=TRACE,info".parse().unwrap();
        assert_eq!(filter.everything, Some(LevelFilter::INFO));
        let parts = [("airboat", LevelFilter::DEBUG), ("airboat::room", LevelFilter::TRACE)];
        assert_eq!(filter.parts, parts.map(|(name, level)| (name.to_owned(), level)));
        assert_eq!("off".parse::<LogFilter>().unwrap().everything, Some(LevelFilter::OFF));
        assert_eq!("info".parse::<LogFilter>().unwrap(), LogFilter::default());
        for (text, named) in [
            ("shout", "shout"),
            ("airboat=loud", "airboat=loud"),
            ("info,airboat=", "airboat="),
            ("=info", "=info"),
            ("info,", ""),
            ("", ""),
            ("a b=info", "a b=info"),
        ] {
            let line = text.parse::<LogFilter>().unwrap_err();
            assert!(line.starts_with(&format!("{named:?} is no level (off, error, warn,")), "{line}");
        }
    }
}
