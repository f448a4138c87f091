-- The meter of a group less the sum of its members, over the quarters of an hour
-- in which readings speak of all the time for all of them; null where there are
-- none, and of sensors. compared is how long those are, in ms.

-- +goose Up
ALTER TABLE settled_quarters ADD COLUMN rest BIGINT;
ALTER TABLE settled_quarters ADD COLUMN rest_estimated BIGINT;
ALTER TABLE settled_quarters ADD COLUMN compared BIGINT;
ALTER TABLE settled_days ADD COLUMN rest BIGINT;
ALTER TABLE settled_days ADD COLUMN rest_estimated BIGINT;
ALTER TABLE settled_days ADD COLUMN compared BIGINT;

-- +goose Down
ALTER TABLE settled_days DROP COLUMN compared;
ALTER TABLE settled_days DROP COLUMN rest_estimated;
ALTER TABLE settled_days DROP COLUMN rest;
ALTER TABLE settled_quarters DROP COLUMN compared;
ALTER TABLE settled_quarters DROP COLUMN rest_estimated;
ALTER TABLE settled_quarters DROP COLUMN rest;
