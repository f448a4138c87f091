-- +goose Up
-- Since when it is not known whether a raised alert lasts, ms since 1970 UTC;
-- NULL while it is known.
ALTER TABLE alert_incidents ADD COLUMN unknown BIGINT;

-- +goose Down
ALTER TABLE alert_incidents DROP COLUMN unknown;
