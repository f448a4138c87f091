-- +goose Up
-- Of a delivery that some have: who is left, and who refused it, as JSON.
ALTER TABLE report_deliveries ADD COLUMN rest TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE report_deliveries DROP COLUMN rest;
