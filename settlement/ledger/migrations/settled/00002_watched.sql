-- +goose Up

-- Points of which it is noted when windows change, for what is made of them.
CREATE TABLE settled_watched (
    point     BIGINT PRIMARY KEY
);

-- What changed, in the order in which it did. Old notes are removed.
CREATE TABLE settled_notes (
    number    BIGINT PRIMARY KEY,
    point     BIGINT NOT NULL,
    begin_at  BIGINT NOT NULL,
    end_at    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE settled_notes;
DROP TABLE settled_watched;
