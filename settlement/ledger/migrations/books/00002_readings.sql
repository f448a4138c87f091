-- An exclusion may be of some readings of its range alone.

-- +goose Up
ALTER TABLE settled_interventions ADD COLUMN readings TEXT NOT NULL DEFAULT ''; -- JSON; empty: all of the range

-- +goose Down
ALTER TABLE settled_interventions DROP COLUMN readings;
