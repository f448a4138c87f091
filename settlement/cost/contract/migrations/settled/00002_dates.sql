-- +goose Up

-- Days are priced anew, so that these are known of all of them.
DELETE FROM settled_costs;
DELETE FROM settled_cost_states;
ALTER TABLE settled_costs ADD COLUMN date TEXT NOT NULL DEFAULT '';            -- 2026-01-31, in the zone of the document
ALTER TABLE settled_costs ADD COLUMN zone TEXT NOT NULL DEFAULT '';            -- IANA name of that
ALTER TABLE settled_costs ADD COLUMN priced_by TEXT NOT NULL DEFAULT '';       -- of a group: members or meter
ALTER TABLE settled_costs ADD COLUMN unpriced_amount BIGINT NOT NULL DEFAULT 0; -- taken and given back without a price

-- +goose Down
ALTER TABLE settled_costs DROP COLUMN unpriced_amount;
ALTER TABLE settled_costs DROP COLUMN priced_by;
ALTER TABLE settled_costs DROP COLUMN zone;
ALTER TABLE settled_costs DROP COLUMN date;
