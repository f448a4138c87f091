-- +goose Up
-- What a message is about, its rule and subject, and which of the messages that
-- wait is the earlier one. Empty and 0 for those queued before there was this.
ALTER TABLE alert_queue ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_queue ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
-- When it was to be sent first, ms since 1970 UTC.
ALTER TABLE alert_queue ADD COLUMN wanted BIGINT NOT NULL DEFAULT 0;
UPDATE alert_queue SET wanted = CASE WHEN attempts = 0 THEN due ELSE created END;
-- Of a message that some have: who is left, and who refused it, as JSON.
ALTER TABLE alert_queue ADD COLUMN rest TEXT NOT NULL DEFAULT '';
CREATE INDEX alert_queue_about ON alert_queue (sink, about);

-- +goose Down
DROP INDEX alert_queue_about;
ALTER TABLE alert_queue DROP COLUMN rest;
ALTER TABLE alert_queue DROP COLUMN wanted;
ALTER TABLE alert_queue DROP COLUMN number;
ALTER TABLE alert_queue DROP COLUMN about;
