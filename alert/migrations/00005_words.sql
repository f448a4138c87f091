-- +goose Up
-- Which sentence it is and what it says, as JSON, for who says it in another
-- language; empty where it was noted before there was this: then the sentence
-- stands as it is.
ALTER TABLE alert_incidents ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_incidents ADD COLUMN params TEXT NOT NULL DEFAULT '';
-- What the words of a signal say, as JSON; empty where another program says them.
ALTER TABLE alert_signals ADD COLUMN found TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE alert_signals DROP COLUMN found;
ALTER TABLE alert_incidents DROP COLUMN params;
ALTER TABLE alert_incidents DROP COLUMN code;
