-- +goose Up
CREATE TABLE alert_rules (
    id         TEXT PRIMARY KEY,
    doc        TEXT NOT NULL,    -- the rule, as JSON
    version    BIGINT NOT NULL,
    changed    BIGINT NOT NULL,  -- times are ms since 1970 UTC
    changed_by TEXT NOT NULL
);
CREATE TABLE alert_work (
    id         BIGINT PRIMARY KEY, -- 1, the only one
    epoch      BIGINT NOT NULL,    -- who works now: others' work is not taken any more
    changes    BIGINT NOT NULL,    -- counts what people changed
    checkpoint TEXT NOT NULL,      -- of the engine; empty: it begins
    positions  TEXT NOT NULL       -- how far each stream was read, as JSON
);
INSERT INTO alert_work (id, epoch, changes, checkpoint, positions) VALUES (1, 0, 1, '', '');
CREATE TABLE alert_incidents (
    id         TEXT PRIMARY KEY,
    rule       TEXT NOT NULL,
    name       TEXT NOT NULL,
    severity   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    sensor     TEXT NOT NULL,
    in_group   TEXT NOT NULL,
    status     TEXT NOT NULL,    -- firing, hushed, resolved
    since      BIGINT NOT NULL,
    fired      BIGINT NOT NULL,
    resolved   BIGINT,
    messages   BIGINT NOT NULL,
    value      DOUBLE PRECISION,
    sentence   TEXT NOT NULL
);
CREATE INDEX alert_incidents_fired ON alert_incidents (fired);
CREATE INDEX alert_incidents_open ON alert_incidents (rule) WHERE resolved IS NULL;
CREATE TABLE alert_acks (
    incident TEXT PRIMARY KEY REFERENCES alert_incidents (id) ON DELETE CASCADE,
    until    BIGINT NOT NULL,
    why      TEXT NOT NULL,
    who      TEXT NOT NULL,
    created  BIGINT NOT NULL
);
CREATE TABLE alert_silences (
    id       TEXT PRIMARY KEY,
    rule     TEXT NOT NULL,
    sensor   TEXT NOT NULL,
    in_group TEXT NOT NULL,
    until    BIGINT NOT NULL,
    why      TEXT NOT NULL,
    who      TEXT NOT NULL,
    created  BIGINT NOT NULL
);
CREATE TABLE alert_signals (
    rule   TEXT PRIMARY KEY,
    firing BIGINT NOT NULL,
    words  TEXT NOT NULL,
    at     BIGINT NOT NULL
);
CREATE TABLE alert_queue (
    id       TEXT NOT NULL,
    sink     TEXT NOT NULL,
    message  TEXT NOT NULL,
    created  BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error    TEXT NOT NULL,
    PRIMARY KEY (id, sink)
);
CREATE INDEX alert_queue_due ON alert_queue (sink, due);

-- +goose Down
DROP TABLE alert_queue;
DROP TABLE alert_signals;
DROP TABLE alert_silences;
DROP TABLE alert_acks;
DROP TABLE alert_incidents;
DROP TABLE alert_work;
DROP TABLE alert_rules;
