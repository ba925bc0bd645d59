//! The store on real files: reopening, kills, damage, a full disk, a full queue.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::database::{Database, FILE, MIGRATIONS};
use super::*;

const NOON: i64 = 1_790_000_000;
/// Longer than any of this takes.
const AGES: std::time::Duration = std::time::Duration::from_secs(600);

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("airboat-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Result<(Store, StoreThread), StoreError> {
        Store::open(&self.0, &Limits::default(), Arc::default())
    }

    fn refusal(&self) -> String {
        let line = self.open().unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line:?}");
        line.replace(&self.0.display().to_string(), "DIR")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_device_is_known_by_its_secret_only() {
    let (store, _thread) = Store::in_memory().unwrap();
    let device = store.create_device(NOON).await.unwrap();
    let other = store.create_device(NOON).await.unwrap();
    assert_eq!((device.id.len(), device.secret.len()), (32, 64));
    assert_ne!((&device.id, &device.secret), (&other.id, &other.secret));
    assert!(store.check_device(&device.id, &device.secret, NOON).await.unwrap());
    let unknown = "0".repeat(32);
    for (id, secret) in [
        (device.id.as_str(), other.secret.as_str()),
        (&unknown, &device.secret),
        (&device.id, ""),
        ("", &device.secret),
        (&device.id, &device.secret.to_uppercase()),
        ("' OR 1=1 --", &device.secret),
    ] {
        assert!(!store.check_device(id, secret, NOON).await.unwrap(), "{id} {secret}");
    }
    assert_eq!(store.metrics.devices_refused.get(), 6);
    assert!(!format!("{device:?}").contains(&device.secret));
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let folder = Folder::new();
    let (store, thread) = folder.open().unwrap();
    let device = store.create_device(NOON).await.unwrap();
    let key = store.token_key().await.unwrap();
    assert_eq!(store.token_key().await.unwrap(), key);
    thread.finish(AGES);
    assert_eq!(store.create_device(NOON).await.unwrap_err(), StoreError::Closed);

    // The file alone is complete: a copy of it is a backup.
    let copy = Folder::new();
    std::fs::copy(folder.0.join(FILE), copy.0.join(FILE)).unwrap();
    for folder in [folder, copy] {
        let (store, _thread) = folder.open().unwrap();
        assert!(store.check_device(&device.id, &device.secret, NOON).await.unwrap());
        assert_eq!(store.token_key().await.unwrap(), key);
    }
}

#[tokio::test]
async fn the_secret_is_not_in_the_file() {
    let folder = Folder::new();
    let (store, thread) = folder.open().unwrap();
    let device = store.create_device(NOON).await.unwrap();
    thread.finish(AGES);
    let bytes = std::fs::read(folder.0.join(FILE)).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&device.id) && !holds(&device.secret));
}

#[tokio::test]
async fn a_visit_is_written_once_a_day() {
    let database = Database::in_memory().unwrap();
    let hash = hash("secret");
    database.create_device("a", &hash, NOON).unwrap();
    let seen =
        || -> i64 { database.connection().query_row("SELECT last_seen FROM devices", [], |row| row.get(0)).unwrap() };
    database.device_seen("a", NOON + 86_399).unwrap();
    assert_eq!(seen(), NOON);
    database.device_seen("a", NOON + 86_400).unwrap();
    assert_eq!(seen(), NOON + 86_400);
    // A clock that jumped back writes nothing.
    database.device_seen("a", NOON - 1_000_000).unwrap();
    assert_eq!(seen(), NOON + 86_400);
}

/// Runs in a process of its own, started by the next test, until it is killed.
#[test]
#[ignore = "the victim of a_kill_loses_nothing_that_was_answered"]
fn victim() {
    let Some(dir) = std::env::var_os("AIRBOAT_TEST_STORE_DIR").map(PathBuf::from) else { return };
    let (store, _thread) = Store::open(&dir, &Limits::default(), Arc::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        loop {
            let device = store.create_device(NOON).await.unwrap();
            // Straight to the pipe: the test harness would capture `println`.
            use std::io::Write as _;
            writeln!(std::io::stdout(), "device {} {}", device.id, device.secret).unwrap();
        }
    });
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered() {
    let rounds = if std::env::var_os("AIRBOAT_SOAK").is_some() { 100 } else { 3 };
    let folder = Folder::new();
    for round in 1..=rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::victim", "--ignored", "--nocapture", "--quiet"])
            .env("AIRBOAT_TEST_STORE_DIR", &folder.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let devices: Vec<(String, String)> = lines
            .map_while(Result::ok)
            .filter_map(|line| {
                let (id, secret) = line.strip_prefix("device ")?.split_once(' ')?;
                Some((id.to_owned(), secret.to_owned()))
            })
            .take(20 * round)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(devices.len(), 20 * round);

        let (store, thread) = folder.open().unwrap();
        for (id, secret) in &devices {
            assert!(store.check_device(id, secret, NOON).await.unwrap(), "round {round}: {id}");
        }
        thread.finish(AGES);
    }
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let folder = Folder::new();
    let (_, thread) = folder.open().unwrap();
    thread.finish(AGES);
    let connection = rusqlite::Connection::open(folder.0.join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert_eq!(
        folder.refusal(),
        format!(
            "DIR/airboat.sqlite was written by a newer airboat (its format is 99, this one knows {}): update airboat, \
             or start it with another --data",
            MIGRATIONS.len()
        )
    );
}

#[test]
fn a_damaged_file_is_one_clear_line() {
    let folder = Folder::new();
    std::fs::write(folder.0.join(FILE), "This was a shopping list. ".repeat(1_000)).unwrap();
    assert_eq!(
        folder.refusal(),
        "DIR/airboat.sqlite is damaged (file is not a database): put a backup in its place, or move it away to start anew"
    );
    // The file was not touched.
    assert!(std::fs::read(folder.0.join(FILE)).unwrap().starts_with(b"This was"));
}

#[tokio::test]
async fn damage_inside_is_found_at_the_start() {
    let folder = Folder::new();
    let (store, thread) = folder.open().unwrap();
    for _ in 0..200 {
        store.create_device(NOON).await.unwrap();
    }
    thread.finish(AGES);
    let path = folder.0.join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 5 * 4096, "{}", bytes.len());
    bytes[4096..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let line = folder.refusal();
    assert!(line.starts_with("DIR/airboat.sqlite is damaged ("), "{line}");
}

#[test]
fn a_folder_that_cannot_be_used_is_one_clear_line() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    std::fs::write(&file, "").unwrap();
    let line = Store::open(&file, &Limits::default(), Arc::default()).unwrap_err().to_string();
    assert!(line.starts_with("cannot make the data folder "), "{line}");

    std::fs::create_dir(folder.0.join(FILE)).unwrap();
    let line = folder.refusal();
    assert!(line.starts_with("DIR/airboat.sqlite cannot be written ("), "{line}");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_one_clear_line() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions mean nothing to root; then there is nothing to see here.
    if std::fs::write(folder.0.join("probe"), "").is_err() {
        assert_eq!(folder.refusal(), "cannot write in the data folder DIR: permission denied");
    }
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = Folder::new();
    let (_store, thread) = folder.open().unwrap();
    assert_eq!(folder.refusal(), "the data folder DIR is in use by another airboat");
    thread.finish(AGES);
    folder.open().unwrap();
}

#[tokio::test]
async fn a_full_queue_says_busy_and_recovers() {
    let limits = Limits { store_queue: 2, ..Limits::default() };
    let metrics: Arc<Metrics> = Arc::default();
    let (store, _thread) = Store::start(Database::in_memory().unwrap(), &limits, Arc::clone(&metrics)).unwrap();
    let release = store.hold();
    // Two more fit; waiting tasks hold their place.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let store = store.clone();
        waiting.push(tokio::spawn(async move { store.create_device(NOON).await }));
    }
    while metrics.store_queue_overflowed.get() < 6 {
        tokio::task::yield_now().await;
    }
    drop(release);
    let mut results = Vec::new();
    for task in waiting {
        results.push(task.await.unwrap());
    }
    let busy = results.iter().filter(|result| **result == Err(StoreError::Busy)).count() as u64;
    assert_eq!(busy, metrics.store_queue_overflowed.get());
    assert!(results.iter().any(Result::is_ok), "{results:?}");
    store.create_device(NOON).await.unwrap();
    assert_eq!(metrics.store_queue_length.get(), 0);
}

#[tokio::test]
async fn what_waits_shares_a_commit() {
    let (store, _thread) = Store::in_memory().unwrap();
    let release = store.hold();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.create_device(NOON).await })
        })
        .collect();
    // All are queued behind the hold once each task has run up to its await.
    while store.metrics.store_queue_length.get() < 100 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.metrics.store_commit_duration_seconds.count(), 1);
}

#[tokio::test]
async fn a_full_disk_keeps_logins_working_and_recovers() {
    let database = Database::in_memory().unwrap();
    let pages: i64 = database.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    database.connection().pragma_update(None, "max_page_count", pages + 2).unwrap();
    let (store, _thread) = Store::start(database, &Limits::default(), Arc::default()).unwrap();
    let mut known = Vec::new();
    let error = loop {
        match store.create_device(NOON).await {
            Ok(device) => known.push(device),
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::Failed("database or disk is full".to_owned()));
    assert!(!known.is_empty());
    for device in &known {
        assert!(store.check_device(&device.id, &device.secret, NOON + 2 * 86_400).await.unwrap());
    }
    assert!(store.metrics.store_errors.get() > 0);
    // Still no room for more, and still an answer.
    assert!(matches!(store.create_device(NOON).await, Err(StoreError::Failed(_))));
}

#[test]
fn every_migration_file_is_listed_in_order() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
    let mut files: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, MIGRATIONS.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    for (number, name) in (1..).zip(&files) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name}");
    }
}
