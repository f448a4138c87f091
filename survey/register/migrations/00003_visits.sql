-- +goose Up
-- Grants by which those who look after the survey may look at a device from afar.
CREATE TABLE survey_visits (
    id        TEXT PRIMARY KEY,
    device    TEXT NOT NULL,
    document  TEXT NOT NULL,       -- what was signed (JSON)
    signature BYTEA NOT NULL,
    chain     TEXT NOT NULL,
    who       TEXT NOT NULL,       -- granted it
    why       TEXT NOT NULL,
    begins    BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    opened    BIGINT,              -- when the device came
    host_key  TEXT NOT NULL,       -- of the device, inside
    ended     BIGINT,
    outcome   TEXT NOT NULL
);
CREATE INDEX survey_visits_device ON survey_visits (device, expires);

-- What happened.
CREATE TABLE survey_visit_events (
    id    TEXT PRIMARY KEY,
    visit TEXT NOT NULL,
    at    BIGINT NOT NULL,         -- µs since 1970 UTC
    what  TEXT NOT NULL
);
CREATE INDEX survey_visit_events_visit ON survey_visit_events (visit, at);

-- +goose Down
DROP TABLE survey_visit_events;
DROP TABLE survey_visits;
