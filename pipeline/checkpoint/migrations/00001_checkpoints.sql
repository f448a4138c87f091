-- +goose Up
CREATE TABLE pipeline_runner (
    id    BIGINT PRIMARY KEY, -- 1, the only one
    epoch BIGINT NOT NULL     -- who runs the manifests now: others' checkpoints are not taken any more
);
INSERT INTO pipeline_runner (id, epoch) VALUES (1, 0);
CREATE TABLE pipeline_checkpoints (
    manifest TEXT PRIMARY KEY,
    seq      BIGINT NOT NULL,  -- up to where the stream of observations is in the state
    state    BYTEA NOT NULL,   -- of the instance; empty: it has taken nothing yet
    saved    BIGINT NOT NULL   -- ms since 1970 UTC
);
CREATE TABLE pipeline_statuses (
    manifest TEXT PRIMARY KEY,
    doc      TEXT NOT NULL,    -- as JSON: what it does, why, how much
    changed  BIGINT NOT NULL
);
-- +goose Down
DROP TABLE pipeline_statuses;
DROP TABLE pipeline_checkpoints;
DROP TABLE pipeline_runner;
