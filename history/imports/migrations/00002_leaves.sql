-- +goose Up

-- What is to be left, of files that another process has, and by whom.
CREATE TABLE imports_leaves (
    import TEXT PRIMARY KEY,
    who    TEXT NOT NULL
);

-- +goose Down
DROP TABLE imports_leaves;
