-- Who may use the panel.
CREATE TABLE admins (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL,                 -- argon2id with its parameters and salt, as a PHC string
    created  INTEGER NOT NULL               -- seconds since 1970
) STRICT;

-- What admins did. Rows are only ever added, and the oldest go.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,               -- seconds since 1970
    admin   TEXT NOT NULL,                  -- the name as it was then
    address TEXT NOT NULL,                  -- where the request came from
    action  TEXT NOT NULL,                  -- such as room.close
    subject TEXT NOT NULL                   -- what it was done to; empty when that is the admin
) STRICT;
