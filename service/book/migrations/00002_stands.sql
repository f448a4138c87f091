-- +goose Up
-- Counts what began and ended to stand in.
ALTER TABLE service_work ADD COLUMN stands BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE service_work DROP COLUMN stands;
