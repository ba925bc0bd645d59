//! Fills a [`Config`] from its sources and remembers where each value came from. Later sources win:
//! defaults, TOML file, environment, flags.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Config, Limits, Lua, Settings, TlsMode, UdpMode};

/// One clear line about what is wrong with the settings.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ConfigError(String);

/// The command line's share; the same names as the settings.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The one port, TCP and UDP (default 7777; 0: any free one)
    #[arg(long, value_name = "N", global = true)]
    pub port: Option<u16>,
    /// Folder of the database (default ./data)
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Folder of game modules (default ./modules)
    #[arg(long, value_name = "DIR", global = true)]
    pub modules: Option<PathBuf>,
    /// Folder of the certificate (default ./certs)
    #[arg(long, value_name = "DIR", global = true)]
    pub certs: Option<PathBuf>,
    /// What TCP speaks: off, both or required (default both)
    #[arg(long, value_name = "MODE", global = true, value_parser = tls_mode)]
    pub tls: Option<TlsMode>,
    /// Settings as TOML; every key can also be set as AIRBOAT_KEY
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

impl Flags {
    /// Ends the process over a bad command line: one clear line; or what `--help` and `--version` ask for.
    pub fn explain(error: &clap::Error) -> ! {
        if !error.use_stderr() {
            error.exit();
        }
        let text = error.to_string();
        // What follows the first line is what is missing, or the tip, then the usage.
        let missing = |line: &&str| line.starts_with(['<', '[']) || line.starts_with("--");
        let wanted = |line: &&str| line.starts_with("error:") || line.starts_with("tip:") || missing(line);
        let line: Vec<&str> =
            text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage")).filter(wanted).collect();
        let line = line.join("; ").replacen("error: ", "", 1).replace(":; ", ": ");
        let _ = writeln!(std::io::stderr(), "airboat: {line}; see airboat --help");
        std::process::exit(2);
    }
}

/// Effective settings and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// By dotted key. What is not in here has its default.
    pub(super) origins: BTreeMap<String, String>,
}

/// Variables that start like ours and are no settings.
const NOT_SETTINGS: [&str; 3] = ["AIRBOAT_CONFIG", "AIRBOAT_BLESS", "AIRBOAT_SOAK"];
/// Belong to tests and to what Kubernetes sets for a service named `airboat`.
const NOT_SETTINGS_PREFIXES: [&str; 4] = ["AIRBOAT_TEST_", "AIRBOAT_LOADTEST_", "AIRBOAT_SERVICE_", "AIRBOAT_PORT_"];

impl Loaded {
    /// Reads all sources. `environment` is an argument so that tests have their own.
    pub fn from(flags: &Flags, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut loaded = Self { config: Config::default(), origins: BTreeMap::new() };
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        let file = flags.config.clone().or_else(|| environment.get("AIRBOAT_CONFIG").map(PathBuf::from));
        if let Some(path) = file {
            loaded.file(&path)?;
        }
        loaded.environment(&environment)?;
        loaded.flags(flags)?;
        loaded.check()?;
        Ok(loaded)
    }

    fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError(format!("{name}: {e}")))?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            ConfigError(format!("{name}: line {line}: {}", e.message().replace('\n', " ")))
        })?;
        for (key, value) in table {
            match value {
                toml::Value::Table(section) if matches!(key.as_str(), "lua" | "limits") => {
                    for (inner, value) in section {
                        self.put(&format!("{key}.{inner}"), value, &name.to_string())?;
                    }
                }
                value => self.put(&key, value, &name.to_string())?,
            }
        }
        Ok(())
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        if let Some(port) = environment.get("PORT").filter(|port| !port.is_empty()) {
            self.put_text("port", port, "PORT")?;
        }
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix("AIRBOAT_") else { continue };
            let linked_service = variable == "AIRBOAT_PORT" && text.contains("://");
            if NOT_SETTINGS.contains(&variable.as_str())
                || NOT_SETTINGS_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
                || linked_service
            {
                continue;
            }
            let name = name.to_ascii_lowercase();
            let key = ["lua", "limits"]
                .iter()
                .find_map(|section| {
                    let rest = name.strip_prefix(section)?.strip_prefix('_')?;
                    Some(format!("{section}.{rest}"))
                })
                .unwrap_or(name);
            self.put_text(&key, text, variable)?;
        }
        Ok(())
    }

    fn flags(&mut self, flags: &Flags) -> Result<(), ConfigError> {
        if let Some(port) = flags.port {
            self.put("port", i64::from(port).into(), "--port")?;
        }
        for (key, path) in [("data", &flags.data), ("modules", &flags.modules), ("certs", &flags.certs)] {
            if let Some(path) = path {
                let Some(text) = path.to_str() else { return Err(ConfigError(format!("--{key}: not UTF-8"))) };
                self.put(key, text.into(), &format!("--{key}"))?;
            }
        }
        if let Some(mode) = flags.tls {
            self.config.tls = mode;
            self.origins.insert("tls".to_owned(), "--tls".to_owned());
        }
        Ok(())
    }

    /// What no single value shows.
    fn check(&mut self) -> Result<(), ConfigError> {
        // A platform that hands out a port forwards TCP only.
        let platform_port = self.origins.get("port").is_some_and(|origin| origin == "PORT");
        if platform_port && self.config.udp == UdpMode::Auto {
            self.config.udp = UdpMode::Off;
            self.origins.insert("udp".to_owned(), "PORT is set: TCP only".to_owned());
        }
        // Without the usual folder the games in the binary are played. A folder that somebody named was meant.
        let modules = &self.config.modules;
        if *modules != Config::default().modules && !modules.is_dir() {
            let origin = self.origins.get("modules").map_or("modules", String::as_str);
            return Err(ConfigError(format!("{origin}: there is no folder {}", modules.display())));
        }
        let limits = &self.config.limits;
        if limits.idle_link_secs <= limits.ping_secs {
            return Err(ConfigError("limits.idle_link_secs must be more than limits.ping_secs".to_owned()));
        }
        if limits.message_bytes_max >= limits.frame_bytes_max {
            return Err(ConfigError("limits.message_bytes_max must be less than limits.frame_bytes_max".to_owned()));
        }
        if limits.join_answer_bytes_max * 2 > limits.websocket_write_buffer_bytes_max {
            let text = "limits.websocket_write_buffer_bytes_max must hold two of limits.join_answer_bytes_max";
            return Err(ConfigError(text.to_owned()));
        }
        if limits.frame_bytes_max > limits.bytes_burst as usize {
            return Err(ConfigError("limits.bytes_burst must hold at least limits.frame_bytes_max".to_owned()));
        }
        Ok(())
    }

    /// Text becomes a value of the kind that the setting has now.
    fn put_text(&mut self, key: &str, text: &str, origin: &str) -> Result<(), ConfigError> {
        let bad = |what: &str| ConfigError(format!("{origin}: {text:?} is not {what}"));
        let value = match self.config.value(key) {
            Some(toml::Value::Integer(_)) => text.trim().parse::<i64>().map_err(|_| bad("a whole number"))?.into(),
            Some(toml::Value::Boolean(_)) => text.trim().parse::<bool>().map_err(|_| bad("true or false"))?.into(),
            Some(toml::Value::Array(_)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                toml::Value::Array(parts.map(toml::Value::from).collect())
            }
            _ => text.into(),
        };
        self.put(key, value, origin)
    }

    fn put(&mut self, key: &str, value: toml::Value, origin: &str) -> Result<(), ConfigError> {
        if self.config.value(key).is_none() {
            let mut line = format!("{origin}: there is no setting `{key}`");
            if let Some(near) = nearest(key) {
                let _ = write!(line, ", did you mean `{near}`?");
            }
            return Err(ConfigError(line));
        }
        let result = match key.split_once('.') {
            None => self.config.set(key, value),
            Some(("lua", rest)) => self.config.lua.set(rest, value),
            Some((_, rest)) => self.config.limits.set(rest, value),
        };
        result.map_err(|what| ConfigError(format!("{origin}: {key}: {}", what.replace('\n', " "))))?;
        self.origins.insert(key.to_owned(), origin.to_owned());
        Ok(())
    }
}

impl Config {
    /// A setting by its dotted key.
    pub(super) fn value(&self, key: &str) -> Option<toml::Value> {
        match key.split_once('.') {
            None => self.get(key),
            Some(("lua", rest)) => self.lua.get(rest),
            Some(("limits", rest)) => self.limits.get(rest),
            Some(_) => None,
        }
    }
}

/// Every dotted key, in the order of the structs.
pub(super) fn keys() -> impl Iterator<Item = String> {
    let own = Config::KEYS.iter().map(|key| key.name.to_owned());
    let lua = Lua::KEYS.iter().map(|key| format!("lua.{}", key.name));
    own.chain(lua).chain(Limits::KEYS.iter().map(|key| format!("limits.{}", key.name)))
}

/// The key that was probably meant: a few letters off, or right but in another section.
fn nearest(key: &str) -> Option<String> {
    let tail = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    keys()
        .map(|known| {
            let distance = edit_distance(&known, key).min(edit_distance(&tail(&known), &tail(key)) + 1);
            (distance, known)
        })
        .min()
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(2))
        .map(|(_, known)| known)
}

/// Letters to change, add or take away until one is the other.
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn tls_mode(text: &str) -> Result<TlsMode, String> {
    toml::Value::from(text).try_into().map_err(|_| "it is off, both or required".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JitMode;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn from_file(text: &str) -> Result<Loaded, String> {
        let mut loaded = Loaded { config: Config::default(), origins: BTreeMap::new() };
        let path = std::env::temp_dir().join(format!("airboat-config-{:?}.toml", std::thread::current().id()));
        std::fs::write(&path, text).unwrap();
        let result = loaded.file(&path).and_then(|()| loaded.check());
        std::fs::remove_file(&path).unwrap();
        result.map(|()| loaded).map_err(|e| e.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn later_sources_win_and_origins_are_kept() {
        let path = std::env::temp_dir().join(format!("airboat-config-order-{}.toml", std::process::id()));
        std::fs::write(&path, "port = 1\ntls = \"off\"\ndata = \"a\"\n[limits]\nping_secs = 3\n[lua]\njit = \"off\"\n")
            .unwrap();
        let flags = Flags { port: Some(3), config: Some(path.clone()), ..Flags::default() };
        let env = environment(&[("AIRBOAT_PORT", "2"), ("AIRBOAT_DATA", "b"), ("AIRBOAT_LIMITS_ROOMS_MAX", "7")]);
        let loaded = Loaded::from(&flags, env).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((loaded.config.port, loaded.origins["port"].as_str()), (3, "--port"));
        assert_eq!((loaded.config.data.to_str(), loaded.origins["data"].as_str()), (Some("b"), "AIRBOAT_DATA"));
        assert_eq!(loaded.config.tls, TlsMode::Off);
        assert_eq!(loaded.config.lua.jit, JitMode::Off);
        assert_eq!((loaded.config.limits.ping_secs, loaded.config.limits.rooms_max), (3, 7));
        assert!(!loaded.origins.contains_key("modules"));
    }

    #[test]
    fn every_key_can_come_from_the_environment() {
        let config = Config::default();
        let pairs: Vec<_> = keys()
            .map(|key| {
                let text = match config.value(&key).unwrap() {
                    toml::Value::String(text) => text,
                    toml::Value::Array(_) => String::new(),
                    other => other.to_string(),
                };
                (format!("AIRBOAT_{}", key.replace('.', "_").to_uppercase()), text)
            })
            .collect();
        let loaded = Loaded::from(&Flags::default(), pairs).unwrap();
        assert_eq!(loaded.config, config);
        assert_eq!(loaded.origins.len(), keys().count());
    }

    #[test]
    fn a_folder_of_modules_that_was_named_must_be_there() {
        let flags = |modules: &str| Flags { modules: Some(modules.into()), ..Flags::default() };
        let line = |modules| Loaded::from(&flags(modules), []).unwrap_err().to_string();
        assert_eq!(line("/nowhere/at/all"), "--modules: there is no folder /nowhere/at/all");
        assert_eq!(line("Cargo.toml"), "--modules: there is no folder Cargo.toml", "a file is none");
        assert!(Loaded::from(&flags("src"), []).is_ok());
    }

    #[test]
    fn a_platforms_port_turns_udp_off() {
        let loaded = Loaded::from(&Flags::default(), environment(&[("PORT", "8080")])).unwrap();
        assert_eq!((loaded.config.port, loaded.config.udp), (8080, UdpMode::Off));
        let own = environment(&[("PORT", "8080"), ("AIRBOAT_PORT", "9000")]);
        let loaded = Loaded::from(&Flags::default(), own).unwrap();
        assert_eq!((loaded.config.port, loaded.config.udp), (9000, UdpMode::Auto));
    }

    #[test]
    fn unknown_keys_are_errors_with_a_hint() {
        let line = |text| from_file(text).unwrap_err();
        assert_eq!(line("prot = 1"), "FILE: there is no setting `prot`, did you mean `port`?");
        assert_eq!(
            line("[limits]\nresume_windows_sec = 1"),
            "FILE: there is no setting `limits.resume_windows_sec`, did you mean `limits.resume_window_secs`?"
        );
        assert_eq!(line("ping_secs = 1"), "FILE: there is no setting `ping_secs`, did you mean `limits.ping_secs`?");
        assert_eq!(line("[zebra]\nstripes = 1"), "FILE: there is no setting `zebra`");
        let error = Loaded::from(&Flags::default(), environment(&[("AIRBOAT_LIMITS_PING_SEC", "1")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "AIRBOAT_LIMITS_PING_SEC: there is no setting `limits.ping_sec`, did you mean `limits.ping_secs`?"
        );
    }

    #[test]
    fn bad_values_are_one_clear_line() {
        let line = |text| from_file(text).unwrap_err();
        assert!(line("port = 70000").starts_with("FILE: port: "), "{}", line("port = 70000"));
        assert_eq!(line("[limits]\nping_secs = 0"), "FILE: limits.ping_secs: 0 is outside 1 to 600");
        assert!(line("tls = \"maybe\"").contains("unknown variant `maybe`"), "{}", line("tls = \"maybe\""));
        assert!(line("a = 1\nport = = 2").starts_with("FILE: line 2: "), "{}", line("a = 1\nport = = 2"));
        assert!(line("limits = 3").contains("no setting `limits`"));
        assert!(line("[limits]\nping_secs = 20").contains("idle_link_secs"));
        for text in ["port = 70000", "tls = 1", "[limits", "x = [1,\n2", "port = \"a\nb\""] {
            assert!(!line(text).contains('\n'), "{:?}", line(text));
        }
        let bad = Loaded::from(&Flags::default(), environment(&[("AIRBOAT_PORT", "soon")])).unwrap_err();
        assert_eq!(bad.to_string(), "AIRBOAT_PORT: \"soon\" is not a whole number");
    }

    #[test]
    fn what_an_orchestrator_sets_for_a_service_of_our_name_is_not_ours() {
        let set = environment(&[("AIRBOAT_PORT", "tcp://10.0.0.1:7777"), ("AIRBOAT_SERVICE_HOST", "10.0.0.1")]);
        assert_eq!(Loaded::from(&Flags::default(), set).unwrap().config, Config::default());
    }
}
