-- Everything a server keeps except payloads and keys. The tenant stands in every key: in numbers, where rows are many.
CREATE TABLE tenants (
    tenant   INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    frontier BLOB NOT NULL
) STRICT;

-- A stream's name stands here once; events name it by number, and a stream belongs to one tenant.
CREATE TABLE streams (
    stream INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

-- Rows are only ever added at the end. `position` is their order over all tenants, `leaf` their place in the tenant's log.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    tenant   INTEGER NOT NULL,
    leaf     INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_of_stream ON events (stream, seq);
CREATE UNIQUE INDEX events_of_log ON events (tenant, leaf);

-- Hashes of the complete subtrees of 256 leaves, of 65,536, and so on, so that a proof reads a few hundred hashes.
CREATE TABLE subtrees (
    tenant INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    PRIMARY KEY (tenant, level, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE sealed (
    stream     INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    commitment BLOB    NOT NULL,
    subject    TEXT    NOT NULL,
    cipher     BLOB    NOT NULL,
    PRIMARY KEY (stream, seq, commitment)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    stream        INTEGER PRIMARY KEY,
    tenant        INTEGER NOT NULL,
    run           TEXT    NOT NULL,
    agent         TEXT    NOT NULL,
    agent_version TEXT    NOT NULL,
    planner       TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    waiting       TEXT,
    priority      INTEGER NOT NULL,
    submitted_at  INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER,
    snapshot      TEXT,
    error         TEXT,
    actor         TEXT    NOT NULL,
    parent        TEXT,
    steps         INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    runnable_at   INTEGER,
    worker        TEXT
) STRICT;
CREATE INDEX runs_by_time ON runs (tenant, submitted_at, run);
CREATE INDEX runs_by_group ON runs (tenant, agent, status, submitted_at, run);
CREATE INDEX queue ON runs (tenant, agent, priority, runnable_at) WHERE runnable_at IS NOT NULL;

-- How many runs each group has, changed with the runs, so that a list knows its total without counting.
CREATE TABLE run_counts (
    tenant INTEGER NOT NULL,
    agent  TEXT    NOT NULL,
    status TEXT    NOT NULL,
    runs   INTEGER NOT NULL,
    PRIMARY KEY (tenant, agent, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    tenant       INTEGER NOT NULL,
    approval     TEXT    NOT NULL,
    run          TEXT    NOT NULL,
    step         INTEGER NOT NULL,
    action       BLOB    NOT NULL,
    displayed    BLOB    NOT NULL,
    status       TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    resolved_at  INTEGER,
    approver     TEXT,
    verdict      TEXT,
    PRIMARY KEY (tenant, approval)
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_by_time ON approvals (tenant, requested_at, approval);
CREATE INDEX approvals_by_status ON approvals (tenant, status, requested_at, approval);
CREATE INDEX approvals_by_run ON approvals (tenant, run, requested_at, approval);

CREATE TABLE artifacts (
    place      INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    artifact   TEXT    NOT NULL,
    run        TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    media      TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    summary    TEXT,
    step       INTEGER,
    cites      TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX artifacts_by_id ON artifacts (tenant, artifact);
CREATE INDEX artifacts_by_place ON artifacts (tenant);
CREATE INDEX artifacts_by_run ON artifacts (tenant, run);

CREATE TABLE documents (
    tenant     INTEGER NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    PRIMARY KEY (tenant, collection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_id ON documents (collection, id);

-- Scopes are long and random. Their short hash is indexed instead, and rows stay in the order in which they expire.
CREATE TABLE replies (
    reply_id INTEGER PRIMARY KEY,
    tenant   INTEGER NOT NULL,
    hash     INTEGER NOT NULL,
    scope    TEXT    NOT NULL,
    request  BLOB    NOT NULL,
    reply    BLOB,
    expires  INTEGER NOT NULL
) STRICT;
CREATE INDEX replies_by_hash ON replies (hash);
