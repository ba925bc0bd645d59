//! The SQL: opening, migrations, and a function for each thing the store can do; `admins` adds those of the panel.
//! rusqlite stops here.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use subtle::ConstantTimeEq as _;

use super::scripts::KeyCounts;
use super::{HASH_BYTES, KEY_BYTES, StoreError};

pub(super) const FILE: &str = "airboat.sqlite";
const LOCK: &str = "airboat.lock";

/// In order; the number of the last one done stands in the file as `user_version`. Never changed once released.
pub(super) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_devices.sql", include_str!("migrations/0001_devices.sql")),
    ("0002_admins.sql", include_str!("migrations/0002_admins.sql")),
    ("0003_module_versions.sql", include_str!("migrations/0003_module_versions.sql")),
];

const DAY_SECS: i64 = 86_400;

#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    key_counts: KeyCounts,
    /// Held as long as the database is open: two servers in one folder would undo each other's rooms. The system
    /// lets go of it even after a kill.
    _lock: Option<File>,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string().replace('\n', " "))
    }
}

impl Database {
    pub(super) fn open(dir: &Path, busy_ms: u64) -> Result<Self, StoreError> {
        let shown = dir.display();
        create_private(dir).map_err(|e| StoreError::Open(format!("cannot make the data folder {shown}: {e}")))?;
        let lock = lock(dir)?;
        let path = dir.join(FILE);
        let connection = Connection::open(&path).map_err(|e| refusal(&path, &e))?;
        let mut database = Self { connection, key_counts: KeyCounts::default(), _lock: Some(lock) };
        database.prepare(busy_ms).and_then(|()| database.check()).map_err(|e| refusal(&path, &e))?;
        database.migrate().map_err(|e| match e {
            Migration::Newer(found) => StoreError::Open(format!(
                "{} was written by a newer airboat (its format is {found}, this one knows {}): update airboat, or \
                 start it with another --data",
                path.display(),
                MIGRATIONS.len()
            )),
            Migration::Sql(e) => refusal(&path, &e),
        })?;
        Ok(database)
    }

    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let mut database =
            Self { connection: Connection::open_in_memory()?, key_counts: KeyCounts::default(), _lock: None };
        database.prepare(0)?;
        database.migrate().map_err(|_| StoreError::Open("a new database in memory failed".to_owned()))?;
        Ok(database)
    }

    fn prepare(&self, busy_ms: u64) -> rusqlite::Result<()> {
        self.connection.busy_timeout(Duration::from_millis(busy_ms))?;
        // WAL with NORMAL: safe against a kill at any moment; a power cut may lose the last commits, never corrupt.
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.pragma_update(None, "foreign_keys", true)
    }

    /// Looks through the file once, so that damage is met here and not in the middle of a game.
    fn check(&self) -> rusqlite::Result<()> {
        let found: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found == "ok" {
            return Ok(());
        }
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, Some(found)))
    }

    fn migrate(&mut self) -> Result<(), Migration> {
        let done: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let Some(todo) = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done..)) else {
            return Err(Migration::Newer(done));
        };
        for (number, (name, sql)) in (done + 1..).zip(todo) {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
            tracing::debug!(name, "migrated the database");
        }
        Ok(())
    }

    /// Folds the write-ahead log into the file, so that a copy of the file alone is complete.
    pub(super) fn close(self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded.and_then(|()| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
        }
    }

    pub(super) fn key_counts(&self) -> &KeyCounts {
        &self.key_counts
    }

    /// A transaction has failed: nobody knows how many keys there are.
    pub(super) fn forget_counts(&self) {
        self.key_counts.borrow_mut().clear();
    }

    pub(super) fn begin(&self) -> Result<(), StoreError> {
        // Immediate: whoever else may hold the file is waited for here, not in the middle.
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn commit(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT").map_err(|error| {
            // A failed commit may leave the transaction open; the next one could not begin.
            if self.in_transaction() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            error.into()
        })
    }

    pub(super) fn create_device(&self, id: &str, secret_hash: &[u8; HASH_BYTES], now: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO devices (id, secret_hash, created, last_seen) VALUES (?1, ?2, ?3, ?3)")?
            .execute(params![id, secret_hash, now])?;
        Ok(())
    }

    pub(super) fn check_device(&self, id: &str, secret_hash: &[u8; HASH_BYTES]) -> Result<bool, StoreError> {
        let kept: Option<[u8; HASH_BYTES]> = self
            .connection
            .prepare_cached("SELECT secret_hash FROM devices WHERE id = ?1")?
            .query_row(params![id], |row| row.get(0))
            .optional()?;
        // In constant time, and the same work for an unknown device.
        let equal = bool::from(kept.unwrap_or_default().ct_eq(secret_hash));
        Ok(equal && kept.is_some())
    }

    pub(super) fn device_seen(&self, id: &str, now: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE devices SET last_seen = ?2 WHERE id = ?1 AND last_seen <= ?2 - ?3")?
            .execute(params![id, now, DAY_SECS])?;
        Ok(())
    }

    pub(super) fn token_key(&self, fresh: &[u8; KEY_BYTES]) -> Result<[u8; KEY_BYTES], StoreError> {
        self.connection
            .prepare_cached("INSERT INTO meta (name, value) VALUES ('token_key', ?1) ON CONFLICT (name) DO NOTHING")?
            .execute(params![fresh])?;
        Ok(self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE name = 'token_key'")?
            .query_row([], |row| row.get(0))?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

enum Migration {
    /// The file's number, which this build does not know.
    Newer(i64),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Migration {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Readable by nobody else when we make it: the key of resume tokens will be in there.
fn create_private(dir: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let shown = dir.display();
    let file = File::create(dir.join(LOCK))
        .map_err(|e| StoreError::Open(format!("cannot write in the data folder {shown}: {}", plain(&e))))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Open(format!("the data folder {shown} is in use by another airboat")))
        }
        // Some network file systems know no locks; SQLite will say if it cannot live there.
        Err(TryLockError::Error(e)) => {
            tracing::warn!(error = %e, "the data folder cannot be locked");
            Ok(file)
        }
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

/// One line that names the file and what can be done about it.
fn refusal(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.display();
    let what = error.to_string().replace('\n', " ");
    StoreError::Open(match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("{path} is damaged ({what}): put a backup in its place, or move it away to start anew")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("{path} cannot be written ({what})")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{path} is held by another program ({what})")
        }
        Some(ErrorCode::DiskFull) => format!("{path} cannot grow: the disk is full"),
        _ => format!("{path} cannot be opened: {what}"),
    })
}
