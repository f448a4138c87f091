-- +goose Up
-- What became of each message at each sink.
CREATE TABLE alert_deliveries (
    id       TEXT NOT NULL,
    sink     TEXT NOT NULL,
    incident TEXT NOT NULL,
    change   TEXT NOT NULL,   -- that is told: fired, repeated, resolved
    status   TEXT NOT NULL,   -- waiting, sent, given_up, dropped
    attempts BIGINT NOT NULL,
    error    TEXT NOT NULL,   -- of the last attempt
    at       BIGINT NOT NULL, -- when the status was noted, ms since 1970 UTC
    PRIMARY KEY (id, sink)
);
CREATE INDEX alert_deliveries_incident ON alert_deliveries (incident);

-- +goose Down
DROP TABLE alert_deliveries;
