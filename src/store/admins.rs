//! What the panel keeps: admins with their password hashes, and the audit log. What a hash is made of is the panel's
//! business; in here it is text.

use rusqlite::{OptionalExtension as _, params};

use super::database::Database;
use super::writer::{self, Ask};
use super::{Store, StoreError};

/// Someone who may use the panel.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// As it was first written; found without regard to ASCII case.
    pub name: String,
    /// A PHC string.
    pub password: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub at_unix: i64,
    pub admin: String,
    pub address: String,
    /// Such as `room.close`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
}

#[derive(Debug)]
pub(super) enum Job {
    Count {
        reply: Ask<u64>,
    },
    Find {
        name: String,
        reply: Ask<Option<Admin>>,
    },
    CreateFirst {
        admin: Admin,
        now_unix: i64,
        reply: Ask<bool>,
    },
    Note {
        note: Note,
        rows_max: u64,
        reply: Ask<()>,
    },
    #[cfg(test)]
    Notes {
        reply: Ask<Vec<Note>>,
    },
}

impl Store {
    pub async fn count_admins(&self) -> Result<u64, StoreError> {
        self.ask(|reply| writer::Job::Admins(Job::Count { reply })).await
    }

    pub async fn find_admin(&self, name: &str) -> Result<Option<Admin>, StoreError> {
        let name = name.to_owned();
        self.ask(|reply| writer::Job::Admins(Job::Find { name, reply })).await
    }

    /// Creates an admin only while there is none; says whether it did. Committed when this returns.
    pub async fn create_first_admin(&self, admin: Admin, now_unix: i64) -> Result<bool, StoreError> {
        self.ask(|reply| writer::Job::Admins(Job::CreateFirst { admin, now_unix, reply })).await
    }

    /// Adds to the audit log, which keeps `rows_max` rows.
    pub async fn note(&self, note: Note, rows_max: u64) -> Result<(), StoreError> {
        self.ask(|reply| writer::Job::Admins(Job::Note { note, rows_max, reply })).await
    }

    #[cfg(test)]
    pub(crate) async fn notes(&self) -> Result<Vec<Note>, StoreError> {
        self.ask(|reply| writer::Job::Admins(Job::Notes { reply })).await
    }
}

impl Database {
    pub(super) fn count_admins(&self) -> Result<u64, StoreError> {
        let count: i64 =
            self.connection().prepare_cached("SELECT count(*) FROM admins")?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    pub(super) fn find_admin(&self, name: &str) -> Result<Option<Admin>, StoreError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT name, password FROM admins WHERE name = ?1")?
            .query_row(params![name], |row| Ok(Admin { name: row.get(0)?, password: row.get(1)? }))
            .optional()?)
    }

    pub(super) fn create_first_admin(&self, admin: &Admin, now: i64) -> Result<bool, StoreError> {
        let created = self
            .connection()
            .prepare_cached(
                "INSERT INTO admins (name, password, created) SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM admins)",
            )?
            .execute(params![admin.name, admin.password, now])?;
        Ok(created == 1)
    }

    pub(super) fn note(&self, note: &Note, rows_max: u64) -> Result<(), StoreError> {
        let connection = self.connection();
        connection
            .prepare_cached("INSERT INTO audit (at, admin, address, action, subject) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![note.at_unix, note.admin, note.address, note.action, note.subject])?;
        // Ids only grow and rows go from the old end only, so this is one row or none.
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        connection
            .prepare_cached("DELETE FROM audit WHERE id <= ?1")?
            .execute(params![connection.last_insert_rowid().saturating_sub(rows_max)])?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn notes(&self) -> Result<Vec<Note>, StoreError> {
        let mut statement =
            self.connection().prepare("SELECT at, admin, address, action, subject FROM audit ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(Note {
                at_unix: row.get(0)?,
                admin: row.get(1)?,
                address: row.get(2)?,
                action: row.get(3)?,
                subject: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_790_000_000;

    fn admin(name: &str) -> Admin {
        Admin { name: name.to_owned(), password: "$argon2id$".to_owned() }
    }

    fn note(subject: &str) -> Note {
        let text = str::to_owned;
        Note {
            at_unix: NOON,
            admin: text("Ada"),
            address: text("::1"),
            action: text("room.close"),
            subject: text(subject),
        }
    }

    #[tokio::test]
    async fn only_the_first_becomes_an_admin_this_way() {
        let (store, _thread) = Store::in_memory().unwrap();
        assert_eq!(store.count_admins().await.unwrap(), 0);
        let (one, two) = tokio::join!(
            store.create_first_admin(admin("Ada"), NOON),
            store.create_first_admin(admin("Mallory"), NOON)
        );
        assert_eq!((one.unwrap(), two.unwrap()), (true, false));
        assert_eq!(store.count_admins().await.unwrap(), 1);
        assert_eq!(store.find_admin("aDA").await.unwrap().unwrap().name, "Ada");
        assert_eq!(store.find_admin("' OR 1=1 --").await.unwrap(), None);
        assert!(!format!("{:?}", admin("Ada")).contains("argon2id"));
    }

    #[tokio::test]
    async fn the_audit_log_keeps_the_newest_rows() {
        let (store, _thread) = Store::in_memory().unwrap();
        for n in 0..5 {
            store.note(note(&n.to_string()), 3).await.unwrap();
        }
        assert_eq!(store.notes().await.unwrap(), [note("2"), note("3"), note("4")]);
    }
}
