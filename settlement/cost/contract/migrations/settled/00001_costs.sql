-- +goose Up

-- What each whole day costs and emits: the bill of that day alone. Amounts are in
-- millionths of the coherent unit (µW·h), money in millionths of the currency
-- unit, emissions in millionths of a gram.
CREATE TABLE settled_costs (
    assignment     TEXT NOT NULL,        -- see cost_assignments
    basis          TEXT NOT NULL,        -- cost, location or market
    start          BIGINT NOT NULL,      -- ms since 1970 UTC
    until          BIGINT NOT NULL,
    point          BIGINT NOT NULL,      -- see settled_points
    document       TEXT NOT NULL,
    revision       BIGINT NOT NULL,      -- of the document
    currency       TEXT NOT NULL,        -- gCO2e for emissions
    cost           BIGINT,               -- null: nothing was measured, or no price was in force
    credit         BIGINT,               -- for what was given back
    total          BIGINT,               -- cost less credit
    estimated      BIGINT,               -- the part of total that stands on estimated amounts
    taken          BIGINT,
    given          BIGINT,
    measured       BIGINT NOT NULL,      -- ms of which the amount is known
    unpriced       BIGINT NOT NULL,      -- ms of those for which there is no price
    completeness   DOUBLE PRECISION NOT NULL, -- part of the day, and of the members, that readings speak of
    PRIMARY KEY (assignment, basis, start)
) /*SQLite: WITHOUT ROWID*/;

-- By what they were computed, and up to when.
CREATE TABLE settled_cost_states (
    assignment TEXT NOT NULL,
    basis      TEXT NOT NULL,
    body       TEXT NOT NULL,            -- JSON
    PRIMARY KEY (assignment, basis)
);

-- Up to which note of what changed they are right.
CREATE TABLE settled_cost_progress (
    id     BIGINT PRIMARY KEY,           -- 1, the only one
    number BIGINT NOT NULL
);

-- +goose Down
DROP TABLE settled_cost_progress;
DROP TABLE settled_cost_states;
DROP TABLE settled_costs;
