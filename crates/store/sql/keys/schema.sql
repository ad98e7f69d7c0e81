-- Keys of people's data, each wrapped by the key above it; apart from journals, so that a backup of journals opens nothing.
CREATE TABLE tenants (
    tenant  TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subjects (
    tenant  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    wrapped BLOB,
    PRIMARY KEY (tenant, subject, number)
) STRICT, WITHOUT ROWID;
