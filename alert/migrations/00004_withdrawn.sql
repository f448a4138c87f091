-- +goose Up
-- 1: it should not have been raised, as windows that were settled again say.
ALTER TABLE alert_incidents ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE alert_incidents DROP COLUMN withdrawn;
