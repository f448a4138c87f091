-- +goose Up

-- By what a group is priced: members or meter. Empty: a sensor.
ALTER TABLE cost_assignments ADD COLUMN priced_by TEXT NOT NULL DEFAULT '';
UPDATE cost_assignments SET priced_by = 'members' WHERE hierarchy <> '';

-- +goose Down
ALTER TABLE cost_assignments DROP COLUMN priced_by;
