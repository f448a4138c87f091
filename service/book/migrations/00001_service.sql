-- +goose Up
CREATE TABLE service_work (
    id      BIGINT PRIMARY KEY, -- 1, the only one
    epoch   BIGINT NOT NULL,    -- who works now: others' work is not taken any more
    changes BIGINT NOT NULL     -- counts what people changed
);
INSERT INTO service_work (id, epoch, changes) VALUES (1, 0, 1);
CREATE TABLE service_documents (
    kind       TEXT NOT NULL,   -- enrichment, spaces, service, microservice, cut
    id         TEXT NOT NULL,
    doc        TEXT NOT NULL,   -- as JSON
    version    BIGINT NOT NULL,
    changed    BIGINT NOT NULL, -- times are ms since 1970 UTC
    changed_by TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE TABLE service_changes (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    who    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    doc    TEXT NOT NULL        -- what it became; empty: it was removed
);
CREATE TABLE service_events (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    object TEXT NOT NULL,
    was    TEXT NOT NULL,       -- the state before; empty: none was known
    is_now TEXT NOT NULL
);
CREATE INDEX service_events_at ON service_events (at);
CREATE INDEX service_events_object ON service_events (object, at);
CREATE TABLE service_substitutions (
    id       TEXT PRIMARY KEY,
    object   TEXT NOT NULL,
    began    BIGINT NOT NULL,
    ended    BIGINT,            -- NULL while it lasts
    doc      TEXT NOT NULL,     -- method, sources, coefficients, expected error
    seen     DOUBLE PRECISION,  -- the mean error since, once the original is back; NULL: not known
    compared BIGINT NOT NULL    -- values that seen is of
);
CREATE INDEX service_substitutions_object ON service_substitutions (object, began);
CREATE INDEX service_substitutions_open ON service_substitutions (object) WHERE ended IS NULL;
CREATE TABLE service_leases (
    object   TEXT PRIMARY KEY,
    token    BIGINT NOT NULL,   -- rises with every lease of the object
    id       TEXT NOT NULL,
    holder   TEXT NOT NULL,
    priority BIGINT NOT NULL,
    began    BIGINT NOT NULL,
    expires  BIGINT NOT NULL    -- in the past: it is free
);
CREATE INDEX service_leases_id ON service_leases (id);
CREATE TABLE service_bills (
    id       TEXT NOT NULL,
    revision BIGINT NOT NULL,
    service  TEXT NOT NULL,
    subject  TEXT NOT NULL,
    begins   BIGINT NOT NULL,
    ends     BIGINT NOT NULL,
    made     BIGINT NOT NULL,
    made_by  TEXT NOT NULL,
    request  TEXT NOT NULL,     -- what was asked for, as JSON
    doc      TEXT NOT NULL,     -- the bill, as JSON
    note     TEXT NOT NULL,     -- what became different from the revision before
    PRIMARY KEY (id, revision)
);
CREATE TABLE service_results (
    kind   TEXT NOT NULL,       -- forecast, ranking
    object TEXT NOT NULL,
    day    BIGINT NOT NULL,     -- the day it is for
    made   BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    PRIMARY KEY (kind, object, day)
);
CREATE INDEX service_results_day ON service_results (day);
CREATE TABLE service_queue (
    service TEXT NOT NULL,      -- with subject and span the key: nothing waits twice
    subject TEXT NOT NULL,
    begins  BIGINT NOT NULL,
    ends    BIGINT NOT NULL,
    number  BIGINT NOT NULL,    -- the order in which it came
    asked   BIGINT NOT NULL,
    doc     TEXT NOT NULL,      -- the request, as JSON
    done    BIGINT,             -- NULL while it waits
    outcome TEXT NOT NULL,
    PRIMARY KEY (service, subject, begins, ends)
);
CREATE INDEX service_queue_number ON service_queue (number);

-- +goose Down
DROP TABLE service_queue;
DROP TABLE service_results;
DROP TABLE service_bills;
DROP TABLE service_leases;
DROP TABLE service_substitutions;
DROP TABLE service_events;
DROP TABLE service_changes;
DROP TABLE service_documents;
DROP TABLE service_work;
