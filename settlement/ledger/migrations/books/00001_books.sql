-- +goose Up

-- The tree of a hierarchy from a point in time on, until the next of its rows.
CREATE TABLE settled_structures (
    hierarchy TEXT NOT NULL,
    since     BIGINT NOT NULL,           -- ms since 1970 UTC; 0: for all the past
    revision  BIGINT NOT NULL,           -- of the model
    body      BYTEA NOT NULL,            -- JSON, compressed with zstd
    who       TEXT NOT NULL DEFAULT '',  -- of a tree that somebody put into the past
    why       TEXT NOT NULL DEFAULT '',
    at        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (hierarchy, since)
);

-- What people have decided about readings of a sensor. Nothing is ever removed.
CREATE TABLE settled_interventions (
    id         TEXT PRIMARY KEY,
    sensor     TEXT NOT NULL,
    number     BIGINT NOT NULL,          -- counts those of the sensor; the later one wins
    kind       TEXT NOT NULL,            -- exclude, replace, interpolate; ignore, accept, reset, rollover, rise
    begin_at   BIGINT NOT NULL,
    end_at     BIGINT NOT NULL,          -- not part of it; of a single reading its time plus 1 ms
    value      DOUBLE PRECISION,
    points     TEXT NOT NULL DEFAULT '', -- JSON: readings that replace others
    why        TEXT NOT NULL,
    who        TEXT NOT NULL,
    at         BIGINT NOT NULL,
    undone_why TEXT NOT NULL DEFAULT '',
    undone_who TEXT NOT NULL DEFAULT '',
    undone_at  BIGINT,                   -- null: it is in force
    UNIQUE (sensor, number)
);

-- +goose Down
DROP TABLE settled_interventions;
DROP TABLE settled_structures;
