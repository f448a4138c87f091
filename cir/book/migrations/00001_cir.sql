-- +goose Up
CREATE TABLE cir_state (
    id           BIGINT PRIMARY KEY, -- 1, the only one
    installation TEXT NOT NULL,      -- the source of what registers itself; empty: not given yet
    numbers      BIGINT NOT NULL,    -- the last number that a thing was given
    changes      BIGINT NOT NULL     -- the last change
);
INSERT INTO cir_state (id, installation, numbers, changes) VALUES (1, '', 0, 0);
CREATE TABLE cir_registries (
    number      BIGINT PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL        -- JSON; empty: none
);
CREATE TABLE cir_categories (
    number      BIGINT PRIMARY KEY,
    registry    BIGINT NOT NULL REFERENCES cir_registries (number),
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    description TEXT NOT NULL,
    UNIQUE (registry, id, source)
);
CREATE TABLE cir_entries (
    number       BIGINT PRIMARY KEY,
    category     BIGINT NOT NULL REFERENCES cir_categories (number),
    id_in_source TEXT NOT NULL,
    source       TEXT NOT NULL,
    cirid        TEXT NOT NULL,      -- empty, as the next two: none
    owner        TEXT NOT NULL,
    name         TEXT NOT NULL,
    description  TEXT NOT NULL,
    inactive     BIGINT,             -- 0, 1; NULL: nobody said
    UNIQUE (category, id_in_source, source)
);
CREATE INDEX cir_entries_category ON cir_entries (category, number);
CREATE INDEX cir_entries_cirid ON cir_entries (cirid) WHERE cirid <> '';
CREATE TABLE cir_properties (
    entry     BIGINT NOT NULL REFERENCES cir_entries (number),
    id        TEXT NOT NULL,
    data_type TEXT NOT NULL,
    contents  TEXT NOT NULL,         -- the values, as JSON; empty: none
    PRIMARY KEY (entry, id)
);
-- Who did what. The past of changes of people is kept for a while.
CREATE TABLE cir_changes (
    number    BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,       -- ms since 1970 UTC
    who       TEXT NOT NULL,
    operation TEXT NOT NULL,
    note      TEXT NOT NULL,
    things    BIGINT NOT NULL,       -- how many it touched
    undoes    BIGINT NOT NULL,       -- the change that it undid; 0: none
    undone_by BIGINT NOT NULL,       -- the change that undid it; 0: none
    kept      BIGINT NOT NULL        -- 1: it has a past to go back to
);
CREATE TABLE cir_images (
    change   BIGINT NOT NULL,
    seq      BIGINT NOT NULL,
    kind     TEXT NOT NULL,          -- registry, category, entry
    was      TEXT NOT NULL,          -- JSON; empty: it was not there
    became   TEXT NOT NULL,
    PRIMARY KEY (change, seq)
);

-- +goose Down
DROP TABLE cir_images;
DROP TABLE cir_changes;
DROP TABLE cir_properties;
DROP TABLE cir_entries;
DROP TABLE cir_categories;
DROP TABLE cir_registries;
DROP TABLE cir_state;
