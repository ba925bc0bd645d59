-- A device is who someone is without signing up: an id and a secret, issued by the server.
CREATE TABLE devices (
    id          TEXT PRIMARY KEY,           -- 16 random bytes as hex
    secret_hash BLOB NOT NULL,              -- SHA-256 of the secret; the secret itself is shown once and kept nowhere
    created     INTEGER NOT NULL,           -- seconds since 1970
    last_seen   INTEGER NOT NULL            -- the same; brought up to date once a day
) STRICT, WITHOUT ROWID;

-- Single values of the whole server, such as the key of resume tokens.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
