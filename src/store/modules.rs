//! Versions of modules that have been seen running, with their sources.

use rusqlite::params;

use super::database::Database;
use super::writer::{self, Ask};
use super::{Store, StoreError};

/// One content of a module's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub module: String,
    pub hash: String,
    /// Path in the folder, and text.
    pub sources: Vec<(String, String)>,
    /// Who wrote it: `folder`.
    pub author: String,
}

pub(super) enum Job {
    Saw { version: Version, now_unix: i64, versions_max: u64, reply: Ask<()> },
    RanClean { module: String, hash: String, reply: Ask<()> },
    Clean { module: String, reply: Ask<Vec<String>> },
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("modules::Job")
    }
}

impl Store {
    /// A version runs. Kept with its sources, up to `versions_max` of a module.
    pub async fn saw_version(&self, version: Version, now_unix: i64, versions_max: u64) -> Result<(), StoreError> {
        self.ask(|reply| writer::Job::Modules(Job::Saw { version, now_unix, versions_max, reply })).await
    }

    /// A version has run for long enough without an error.
    pub async fn version_ran_clean(&self, module: &str, hash: &str) -> Result<(), StoreError> {
        let (module, hash) = (module.to_owned(), hash.to_owned());
        self.ask(|reply| writer::Job::Modules(Job::RanClean { module, hash, reply })).await
    }

    /// Hashes of the versions that have.
    pub async fn clean_versions(&self, module: &str) -> Result<Vec<String>, StoreError> {
        let module = module.to_owned();
        self.ask(|reply| writer::Job::Modules(Job::Clean { module, reply })).await
    }
}

impl Database {
    pub(super) fn saw_version(&self, version: &Version, now: i64, versions_max: u64) -> Result<(), StoreError> {
        let sources = serde_json::to_string(&version.sources).unwrap_or_default();
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT INTO module_versions (module, hash, sources, first_seen, author, clean)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (module, hash) DO NOTHING",
            )?
            .execute(params![version.module, version.hash, sources, now, version.author])?;
        connection
            .prepare_cached(
                "DELETE FROM module_versions WHERE module = ?1 AND hash <> ?2 AND id NOT IN
                 (SELECT id FROM module_versions WHERE module = ?1 ORDER BY id DESC LIMIT ?3)",
            )?
            .execute(params![version.module, version.hash, versions_max as i64])?;
        Ok(())
    }

    pub(super) fn version_ran_clean(&self, module: &str, hash: &str) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("UPDATE module_versions SET clean = 1 WHERE module = ?1 AND hash = ?2")?
            .execute(params![module, hash])?;
        Ok(())
    }

    pub(super) fn clean_versions(&self, module: &str) -> Result<Vec<String>, StoreError> {
        let mut query = self
            .connection()
            .prepare_cached("SELECT hash FROM module_versions WHERE module = ?1 AND clean = 1 ORDER BY id")?;
        let hashes = query.query_map(params![module], |row| row.get(0))?;
        Ok(hashes.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(hash: &str) -> Version {
        let sources = vec![("main.lua".to_owned(), "return {}".to_owned())];
        Version { module: "m".into(), hash: hash.into(), sources, author: "folder".into() }
    }

    #[tokio::test]
    async fn versions_are_kept_up_to_a_number_and_remember_that_they_ran_well() {
        let (store, _thread) = Store::in_memory().unwrap();
        for (now, hash) in (0..).zip(["a", "b", "c"]) {
            store.saw_version(version(hash), now, 3).await.unwrap();
            store.version_ran_clean("m", hash).await.unwrap();
        }
        store.saw_version(version("a"), 9, 3).await.unwrap();
        assert_eq!(store.clean_versions("m").await.unwrap(), ["a", "b", "c"], "seen again is not new");
        store.saw_version(version("d"), 10, 3).await.unwrap();
        assert_eq!(store.clean_versions("m").await.unwrap(), ["b", "c"]);
        assert_eq!(store.clean_versions("other").await.unwrap(), Vec::<String>::new());
    }
}
