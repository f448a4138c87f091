-- +goose Up
CREATE TABLE model_documents (
    kind       TEXT NOT NULL,    -- interfaces, kinds, …: as in the routes
    id         TEXT NOT NULL,    -- UUID
    name       TEXT NOT NULL,    -- of channels: source and consumer
    namespace  TEXT NOT NULL,    -- of gateways; else empty
    doc        TEXT NOT NULL,    -- JSON; references are ids; without the state of a manifest
    version    BIGINT NOT NULL,  -- counts changes of doc
    state      TEXT NOT NULL,    -- of manifests: what it shall do; else empty
    gone       BIGINT NOT NULL,  -- 1: it was deleted; its versions are kept
    revision   BIGINT NOT NULL,  -- of the repository, when it changed last
    created    BIGINT NOT NULL,  -- ms since 1970 UTC
    changed    BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX model_documents_name ON model_documents (kind, name) WHERE gone = 0;
CREATE UNIQUE INDEX model_documents_namespace ON model_documents (kind, namespace) WHERE gone = 0 AND namespace <> '';
CREATE INDEX model_documents_revision ON model_documents (revision);
CREATE TABLE model_versions (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    BIGINT NOT NULL,
    doc        TEXT NOT NULL,    -- empty: it was deleted
    what       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    who        TEXT NOT NULL,
    PRIMARY KEY (kind, id, version)
);
CREATE TABLE model_changes (
    revision   BIGINT NOT NULL,  -- of the repository: what was done at once has one
    number     BIGINT NOT NULL,  -- within it
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    what       TEXT NOT NULL,    -- created, changed, deleted, restored; of states: stopped, running, paused
    version    BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    who        TEXT NOT NULL,
    PRIMARY KEY (revision, number)
);
CREATE INDEX model_changes_id ON model_changes (kind, id);
CREATE TABLE model_revision (
    id         BIGINT PRIMARY KEY, -- 1, the only one
    revision   BIGINT NOT NULL,
    floor      BIGINT NOT NULL     -- what was deleted up to here may be forgotten
);
INSERT INTO model_revision (id, revision, floor) VALUES (1, 0, 0);
