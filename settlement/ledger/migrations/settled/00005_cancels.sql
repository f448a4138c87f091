-- Who cancelled what somebody had asked to be settled again.

-- +goose Up
CREATE TABLE settled_cancels (
    number    BIGINT PRIMARY KEY,        -- from 1, in order of time
    at        BIGINT NOT NULL,           -- ms since 1970 UTC
    who       TEXT NOT NULL,
    marks     BIGINT NOT NULL            -- ranges that were not settled again
);

-- +goose Down
DROP TABLE settled_cancels;
