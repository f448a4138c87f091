-- +goose Up

-- Previews of files that another process has: what is asked, and the answer.
CREATE TABLE imports_looks (
    id      TEXT PRIMARY KEY,
    import  TEXT NOT NULL,
    plan    TEXT NOT NULL,
    at      BIGINT NOT NULL, -- ms since 1970 UTC
    answer  TEXT             -- null: not answered
);

-- +goose Down
DROP TABLE imports_looks;
