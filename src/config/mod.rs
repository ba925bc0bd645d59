//! What an operator can set, and every number of the server with its reason.
//!
//! [`Config`] is plain data; `load` fills it from defaults, a TOML file, the environment and flags, later ones winning;
//! `limits` is the long list of bounds, `values` what is more than a number or a text. A leaf: imports nothing of ours, may be
//! read from anywhere.

mod limits;
mod load;
mod show;
mod values;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use limits::Limits;
pub use load::{ConfigError, Flags, Loaded, edit_distance};
pub use values::{LogFilter, Network, Origin};

/// Declares a struct of settings: each field with its default, its range where it has one, and its documentation,
/// which is also what `docs/limits.md` shows.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $type:ty = $default:expr $(, in $range:expr)?; )*
        }
        $( sections { $( $(#[doc = $section_doc:literal])* $section:ident: $section_type:ty; )* } )?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
            $($( $(#[doc = $section_doc])* pub $section: $section_type, )*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $($( $section: <$section_type>::default(), )*)? }
            }
        }

        impl $crate::config::Settings for $name {
            const KEYS: &'static [$crate::config::Key] = &[$( $crate::config::Key {
                name: stringify!($field),
                doc: concat!($($doc, "\n"),*),
            } ),*];

            fn get(&self, name: &str) -> Option<toml::Value> {
                match name {
                    $( stringify!($field) => toml::Value::try_from(&self.$field).ok(), )*
                    _ => None,
                }
            }

            fn set(&mut self, name: &str, value: toml::Value) -> Result<(), String> {
                match name {
                    $( stringify!($field) => {
                        let value: $type = value.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
                        $( if !($range).contains(&value) {
                            return Err(format!("{value} is outside {} to {}", $range.start(), $range.end()));
                        } )?
                        self.$field = value;
                        Ok(())
                    } )*
                    _ => Err("no such setting".to_owned()),
                }
            }
        }
    };
}
pub(crate) use settings;

/// One setting's name and its documentation, a line of it per line of the comment.
struct Key {
    name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the test that writes docs/limits.md reads it"))]
    doc: &'static str,
}

/// A table of settings that can be read and written by name.
trait Settings {
    const KEYS: &'static [Key];
    fn get(&self, name: &str) -> Option<toml::Value>;
    fn set(&mut self, name: &str, value: toml::Value) -> Result<(), String>;
}

/// What the TCP side of the port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plain HTTP and WebSocket only.
    Off,
    /// Both, told apart by the first byte.
    Both,
    /// TLS only; a plain connection is closed.
    Required,
}

/// Whether QUIC and WebTransport are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UdpMode {
    /// Offered, unless the port came from a platform's `PORT` or a request came through a trusted proxy.
    Auto,
    /// The UDP port is not opened.
    Off,
}

/// Whether scripts are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JitMode {
    /// Compiled where the self-test at the start proves that a runaway script can be stopped; interpreted elsewhere.
    On,
    /// Interpreted.
    Off,
    /// Like `on`, but the server refuses to start where the self-test fails.
    Require,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

settings! {
    /// Everything that can be set.
    Config {
        /// The one port, TCP and UDP. 0 lets the system choose.
        port: u16 = 7777;
        /// Folder of the database. Created when missing.
        data: PathBuf = "data".into();
        /// Folder of game modules. Without a folder of the usual name the games in the binary are played; any other must
        /// be there.
        modules: PathBuf = "modules".into();
        /// Folder of `cert.pem` and `key.pem`; a development certificate is made there when it has none.
        certs: PathBuf = "certs".into();
        /// `off`, `both` or `required`: what the TCP side speaks.
        tls: TlsMode = TlsMode::Both;
        /// `auto` or `off`: whether QUIC and WebTransport are offered.
        udp: UdpMode = UdpMode::Auto;
        /// Origins whose pages may connect, such as `https://play.example.org`, besides the server's own pages. Empty:
        /// any, as game entrances carry no cookies.
        allowed_origins: Vec<Origin> = Vec::new();
        /// Addresses or networks (`10.0.0.0/8`) whose forwarded headers are believed.
        trusted_proxies: Vec<Network> = Vec::new();
        /// Whether the panel may be used over plain http from elsewhere than this machine.
        admin_plain_http: bool = false;
        /// What `/metrics` asks for as a bearer token, unless asked from this machine. Empty: only this machine may.
        metrics_token: String = String::new();
        /// Threads that run rooms. They keep still between ticks; sockets live on other threads.
        workers: usize = half_the_cores(), in 1..=256;
        /// Threads that carry sockets.
        socket_threads: usize = cores(), in 1..=256;
        /// Which log lines are written, as in `info` or `airboat=debug,info`.
        log: LogFilter = LogFilter::default();
        /// `text` or `json`.
        log_format: LogFormat = LogFormat::Text;
    }
    sections {
        lua: Lua;
        limits: Limits;
    }
}

settings! {
    /// How scripts run.
    Lua {
        /// `on`, `off` or `require`: whether scripts are compiled.
        jit: JitMode = JitMode::On;
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn half_the_cores() -> usize {
    (cores() / 2).max(1)
}
