-- What somebody asked for can be cancelled; what late readings need cannot.

-- +goose Up
ALTER TABLE settled_marks ADD COLUMN asked BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE settled_marks DROP COLUMN asked;
