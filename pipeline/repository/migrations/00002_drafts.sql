-- +goose Up
CREATE TABLE manifest_drafts (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    manifest   TEXT NOT NULL,    -- id of the one that it would change; empty: a new one
    base       BIGINT NOT NULL,  -- version of that when the draft began
    doc        TEXT NOT NULL,    -- JSON, as the editor has it; nobody else reads it
    version    BIGINT NOT NULL,
    created    BIGINT NOT NULL,  -- ms since 1970 UTC
    changed    BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);
