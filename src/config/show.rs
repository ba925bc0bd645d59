//! Settings as text: what `airboat check-config` prints, and `docs/limits.md`.

use std::fmt::Write as _;

use super::{Config, Key, Limits, Loaded, Lua, Settings};

impl Loaded {
    /// The effective settings as TOML that can be loaded again, each with where it came from.
    pub fn to_toml(&self) -> String {
        let mut out =
            String::from("# Effective settings. Sources, later ones win: default, file, environment, flags.\n");
        self.section(&mut out, "", Config::KEYS);
        self.section(&mut out, "lua", Lua::KEYS);
        self.section(&mut out, "limits", Limits::KEYS);
        out
    }

    fn section(&self, out: &mut String, section: &str, keys: &[Key]) {
        if !section.is_empty() {
            let _ = writeln!(out, "\n[{section}]");
        }
        for key in keys {
            let path = if section.is_empty() { key.name.to_owned() } else { format!("{section}.{}", key.name) };
            let Some(value) = self.config.value(&path) else { continue };
            let origin = self.origins.get(&path).map_or("default", String::as_str);
            // A secret stays where it is; this text ends up in tickets.
            if key.name.ends_with("_token") && value.as_str().is_some_and(|text| !text.is_empty()) {
                let _ = writeln!(out, "# {} is set  # {origin}", key.name);
                continue;
            }
            let line = format!("{} = {value}", key.name);
            let _ = writeln!(out, "{line:<44} # {origin}");
        }
    }
}

/// `docs/limits.md`.
#[cfg(test)]
fn limits_markdown() -> String {
    let mut out = String::from(
        "# Settings and limits\n\n\
         Generated from `src/config/`; `AIRBOAT_BLESS=1 cargo test --lib config` writes it anew.\n\n\
         Each can stand in a TOML file (`--config FILE`), in the environment (`AIRBOAT_PORT`,\n\
         `AIRBOAT_LIMITS_RESUME_WINDOW_SECS`), or, for a few, on the command line; later ones win in this order.\n\
         `PORT` is understood too and means that only TCP reaches the server. An unknown key is an error.\n\
         `airboat check-config` prints what is in effect and where it came from. A zero is never \"unlimited\".\n",
    );
    let config = Config::default();
    for (title, section, keys) in [
        ("Settings", "", Config::KEYS),
        ("Scripts: `[lua]`", "lua.", Lua::KEYS),
        ("Limits: `[limits]`", "limits.", Limits::KEYS),
    ] {
        let _ = write!(out, "\n## {title}\n\n| key | default | meaning |\n| --- | --- | --- |\n");
        for key in keys {
            let Some(value) = config.value(&format!("{section}{}", key.name)) else { continue };
            // The defaults that depend on the machine.
            let default = match key.name {
                "workers" => "half the cores".to_owned(),
                "socket_threads" => "the cores".to_owned(),
                _ => format!("`{value}`"),
            };
            let doc = key.doc.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(out, "| `{}` | {default} | {} |", key.name, doc.replace('|', "\\|"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Flags;
    use super::*;

    #[test]
    fn what_is_printed_loads_again() {
        let env =
            [("AIRBOAT_LIMITS_ROOMS_MAX", "7"), ("AIRBOAT_ALLOWED_ORIGINS", "https://a.example, https://b.example")];
        let env = env.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let loaded = Loaded::from(&Flags { port: Some(0), ..Flags::default() }, env).unwrap();
        let text = loaded.to_toml();
        assert!(text.contains("# --port") && text.contains("# AIRBOAT_LIMITS_ROOMS_MAX"), "{text}");
        let path = std::env::temp_dir().join(format!("airboat-config-show-{}.toml", std::process::id()));
        std::fs::write(&path, &text).unwrap();
        let again = Loaded::from(&Flags { config: Some(path.clone()), ..Flags::default() }, []);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(again.unwrap().config, loaded.config);
    }

    #[test]
    fn a_token_is_not_printed() {
        let env = [("AIRBOAT_METRICS_TOKEN".to_owned(), "hush".to_owned())];
        let text = Loaded::from(&Flags::default(), env).unwrap().to_toml();
        assert!(!text.contains("hush") && text.contains("metrics_token is set"), "{text}");
    }

    #[test]
    fn limits_md_is_fresh() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
        let fresh = limits_markdown();
        if std::env::var_os("AIRBOAT_BLESS").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == fresh, "docs/limits.md is stale: AIRBOAT_BLESS=1 cargo test --lib config");
    }
}
