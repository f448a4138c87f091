-- +goose Up

-- Files that were brought to be imported, and what became of them. Those that
-- were imported are never removed.
CREATE TABLE imports (
    id    TEXT PRIMARY KEY,
    at    BIGINT NOT NULL,               -- ms since 1970 UTC
    state TEXT NOT NULL,
    body  TEXT NOT NULL                  -- JSON
);

-- Which readings an import alone brought.
CREATE TABLE imports_readings (
    import   TEXT NOT NULL,
    sensor   TEXT NOT NULL,
    begin_at BIGINT NOT NULL,            -- the first of them
    end_at   BIGINT NOT NULL,            -- the last of them
    readings BIGINT NOT NULL,
    times    BYTEA NOT NULL,             -- differences of differences as varints, compressed with zstd
    PRIMARY KEY (import, sensor)
);

-- +goose Down
DROP TABLE imports_readings;
DROP TABLE imports;
