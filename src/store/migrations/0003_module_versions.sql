-- Every content of a module's folder that has been seen running; the oldest go.
CREATE TABLE module_versions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    module     TEXT NOT NULL,
    hash       TEXT NOT NULL,               -- of the files' paths and texts
    sources    TEXT NOT NULL,               -- JSON: [[path, text], …]
    first_seen INTEGER NOT NULL,            -- seconds since 1970
    author     TEXT NOT NULL,               -- "folder": whoever wrote the files
    clean      INTEGER NOT NULL,            -- 1: has run 100 ticks without an error
    UNIQUE (module, hash)
) STRICT;

-- What scripts keep by room.store.
CREATE TABLE script_values (
    module TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  BLOB NOT NULL,                   -- MessagePack
    PRIMARY KEY (module, key)
) STRICT, WITHOUT ROWID;
