-- +goose Up
-- What a device said about itself last (JSON).
ALTER TABLE survey_devices ADD COLUMN condition TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE survey_devices DROP COLUMN condition;
