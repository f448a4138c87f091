-- +goose Up
CREATE TABLE users (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    folded    TEXT NOT NULL UNIQUE,      -- the name in lower case: names differ in more than case
    password  TEXT NOT NULL DEFAULT '',  -- argon2id; empty: no sign-in by password
    role      TEXT NOT NULL,
    issuer    TEXT NOT NULL DEFAULT '',  -- OpenID provider this user comes from, if any
    subject   TEXT NOT NULL DEFAULT '',
    created   BIGINT NOT NULL,           -- times are ms since 1970 UTC
    signed_in BIGINT
);
CREATE UNIQUE INDEX users_external ON users (issuer, subject) WHERE issuer <> '';
CREATE TABLE sessions (
    hash    TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    seen    BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL DEFAULT '',
    scopes     TEXT NOT NULL,
    created    BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    used       BIGINT,
    expires    BIGINT
);
CREATE TABLE links (
    hash    TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires BIGINT NOT NULL
);

-- +goose Down
DROP TABLE links;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE users;
