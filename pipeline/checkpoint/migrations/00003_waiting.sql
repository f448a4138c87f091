-- +goose Up
ALTER TABLE pipeline_checkpoints ADD COLUMN standing BIGINT NOT NULL DEFAULT 0; -- 0: it may have taken more than is in its state; 1: not; 2: it has ended, and only what waits is left of it
ALTER TABLE pipeline_checkpoints ADD COLUMN waiting BYTEA; -- results that are not written yet, with their sinks; NULL: none
-- +goose Down
ALTER TABLE pipeline_checkpoints DROP COLUMN waiting;
ALTER TABLE pipeline_checkpoints DROP COLUMN standing;
