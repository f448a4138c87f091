-- +goose Up

-- What has windows: sensors, and groups of hierarchies. A number stands for it
-- for ever.
CREATE TABLE settled_points (
    point     BIGINT PRIMARY KEY,
    kind      TEXT NOT NULL,             -- sensor or group
    hierarchy TEXT NOT NULL,             -- of a group, else empty
    name      TEXT NOT NULL,             -- identifier of the sensor or group
    UNIQUE (kind, hierarchy, name)
);

-- Windows of 15 minutes. Amounts are in millionths of the coherent unit, as
-- µW·h; times are ms since 1970 UTC.
CREATE TABLE settled_quarters (
    point     BIGINT NOT NULL,
    start     BIGINT NOT NULL,
    amount    BIGINT,                    -- null: not known
    estimated BIGINT NOT NULL,           -- part of it, without sign, that was not measured in this window
    meter     BIGINT,                    -- of a group: what its own meter says
    average   DOUBLE PRECISION,
    minimum   DOUBLE PRECISION,
    maximum   DOUBLE PRECISION,
    readings  BIGINT NOT NULL,
    covered   BIGINT NOT NULL,           -- ms that readings speak of, summed over the members of a group
    members   BIGINT NOT NULL,           -- that have an amount; 1 or 0 for a sensor
    total     BIGINT NOT NULL,           -- members; 1 for a sensor
    quality   BIGINT NOT NULL,           -- 0 none, 1 measured, 2 corrected, 3 substituted, 4 estimated
    PRIMARY KEY (point, start)
) /*SQLite: WITHOUT ROWID*/;

-- The same for whole days of the site's zone; until is the end of the day.
CREATE TABLE settled_days (
    point     BIGINT NOT NULL,
    start     BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    amount    BIGINT,
    estimated BIGINT NOT NULL,
    meter     BIGINT,
    average   DOUBLE PRECISION,
    minimum   DOUBLE PRECISION,
    maximum   DOUBLE PRECISION,
    readings  BIGINT NOT NULL,
    covered   BIGINT NOT NULL,
    members   BIGINT NOT NULL,
    total     BIGINT NOT NULL,
    quality   BIGINT NOT NULL,
    PRIMARY KEY (point, start)
) /*SQLite: WITHOUT ROWID*/;

-- What has to be settled again, and from when to when.
CREATE TABLE settled_marks (
    id        TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,             -- sensor or hierarchy
    name      TEXT NOT NULL,
    begin_at  BIGINT NOT NULL,
    end_at    BIGINT NOT NULL
);

-- Between floor and frontier everything is settled, but for the marks.
CREATE TABLE settled_progress (
    name      TEXT PRIMARY KEY,
    at        BIGINT NOT NULL
);

-- +goose Down
DROP TABLE settled_progress;
DROP TABLE settled_marks;
DROP TABLE settled_days;
DROP TABLE settled_quarters;
DROP TABLE settled_points;
