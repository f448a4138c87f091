-- +goose Up

-- Tariffs and sets of emission factors, every revision of them. Nothing is ever
-- removed from this table.
CREATE TABLE cost_documents (
    kind     TEXT NOT NULL,              -- tariff or factors
    id       TEXT NOT NULL,
    revision BIGINT NOT NULL,            -- from 1; the newest is in force
    body     TEXT NOT NULL,              -- JSON
    gone     BIGINT NOT NULL,            -- 1: with this revision it was removed
    since    TEXT NOT NULL,              -- first day that it prices otherwise than the revision before; empty: none
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,              -- of a correction of what was priced already
    at       BIGINT NOT NULL,            -- ms since 1970 UTC
    PRIMARY KEY (kind, id, revision)
);

-- What prices which sensor or group, from which day on. Nothing is ever removed.
CREATE TABLE cost_assignments (
    id         TEXT PRIMARY KEY,
    number     BIGINT NOT NULL,          -- of those from one day on, the greatest holds
    kind       TEXT NOT NULL,            -- tariff or factors
    hierarchy  TEXT NOT NULL,            -- of a group, else empty
    name       TEXT NOT NULL,            -- identifier of the sensor or group
    from_day   TEXT NOT NULL,            -- 2026-01-31
    document   TEXT NOT NULL,            -- empty: from then on nothing
    export     TEXT NOT NULL,            -- the sensor that counts what is given back, if there is one
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    at         BIGINT NOT NULL,
    undone_who TEXT NOT NULL,
    undone_why TEXT NOT NULL,
    undone_at  BIGINT                    -- null: it is in force
);

-- What was said of a series of prices, and who did.
CREATE TABLE cost_puts (
    series   TEXT NOT NULL,
    number   BIGINT NOT NULL,            -- from 1
    unit     TEXT NOT NULL,
    begin_at BIGINT NOT NULL,            -- of what it was about
    end_at   BIGINT NOT NULL,
    quotes   BIGINT NOT NULL,            -- how many were given
    replaced BIGINT NOT NULL,            -- how many that had another value they replaced
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (series, number)
);

-- Prices, and what they were before they were corrected.
CREATE TABLE cost_quotes (
    series   TEXT NOT NULL,
    start    BIGINT NOT NULL,
    number   BIGINT NOT NULL,            -- the put that said so
    until    BIGINT NOT NULL,
    value    BIGINT,                     -- in 10^-9; null: there is no price
    gone     BIGINT NOT NULL,            -- the put that replaced it; 0: it is in force
    PRIMARY KEY (series, start, number)
) /*SQLite: WITHOUT ROWID*/;

CREATE TABLE cost_changes (
    id     BIGINT PRIMARY KEY,           -- 1, the only one
    number BIGINT NOT NULL               -- counts changes of all of these
);
INSERT INTO cost_changes (id, number) VALUES (1, 1);

-- +goose Down
DROP TABLE cost_changes;
DROP TABLE cost_quotes;
DROP TABLE cost_puts;
DROP TABLE cost_assignments;
DROP TABLE cost_documents;
