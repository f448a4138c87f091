-- +goose Up
-- Times are ms since 1970 UTC. What is personal is in survey_participants,
-- survey_addresses, and in columns that register.Store.Revoke empties.

CREATE TABLE survey_households (
    id         TEXT PRIMARY KEY,
    grp        TEXT NOT NULL,     -- what its group is called on the bus; empty: it has none
    registered BIGINT NOT NULL,
    state      TEXT NOT NULL,     -- not_granted, granted, revoked
    version    TEXT NOT NULL,     -- of the text
    granted    BIGINT,
    revoked    BIGINT,
    metadata   TEXT NOT NULL,     -- JSON
    location   TEXT NOT NULL      -- JSON; empty: not known
);

CREATE TABLE survey_participants (
    household TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    email     TEXT NOT NULL,
    phone     TEXT NOT NULL,
    note      TEXT NOT NULL
);

CREATE TABLE survey_addresses (
    household TEXT PRIMARY KEY,
    street    TEXT NOT NULL,
    postcode  TEXT NOT NULL,
    city      TEXT NOT NULL,
    country   TEXT NOT NULL
);

CREATE TABLE survey_pv_systems (
    id            TEXT PRIMARY KEY,
    household     TEXT NOT NULL,
    name          TEXT NOT NULL,
    nominal_power DOUBLE PRECISION, -- kW
    azimuth       DOUBLE PRECISION, -- degrees from north to east
    tilt          DOUBLE PRECISION, -- degrees
    installed     TEXT NOT NULL     -- date; empty: not known
);
CREATE INDEX survey_pv_systems_household ON survey_pv_systems (household);

CREATE TABLE survey_meters (
    id        TEXT PRIMARY KEY,
    household TEXT NOT NULL,
    point     TEXT NOT NULL,       -- what its sensors are called on the bus; empty: there are none
    pv_system TEXT NOT NULL,       -- that hangs on it; empty: none
    name      TEXT NOT NULL,
    model     TEXT NOT NULL,
    serial    TEXT NOT NULL
);
CREATE INDEX survey_meters_household ON survey_meters (household);

CREATE TABLE survey_devices (
    id               TEXT PRIMARY KEY,
    household        TEXT NOT NULL,
    kind             TEXT NOT NULL, -- edge, source
    name             TEXT NOT NULL,
    registered       BIGINT NOT NULL,
    version          TEXT NOT NULL,
    last_seen        BIGINT,
    last_measurement BIGINT,
    skew             BIGINT         -- ms by which its clock was ahead
);
CREATE INDEX survey_devices_household ON survey_devices (household);

-- Enrolment tokens. Which key used one, and the certificate it got, are kept, so that
-- an answer that was lost is given again.
CREATE TABLE survey_tokens (
    hash    TEXT PRIMARY KEY,      -- SHA-256
    device  TEXT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT,
    key     TEXT NOT NULL,
    chain   TEXT NOT NULL
);
CREATE INDEX survey_tokens_device ON survey_tokens (device);

-- Certificates, by serial number, and signed tokens (JWT) of other sources.
CREATE TABLE survey_credentials (
    id      TEXT PRIMARY KEY,
    device  TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    issued  BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT
);
CREATE INDEX survey_credentials_device ON survey_credentials (device);

CREATE TABLE survey_texts (
    version TEXT PRIMARY KEY,
    body    TEXT NOT NULL,
    digest  TEXT NOT NULL,
    at      BIGINT NOT NULL,       -- the newest is in force
    who     TEXT NOT NULL
);

CREATE TABLE survey_consents (
    household TEXT NOT NULL,
    state     TEXT NOT NULL,
    receipt   TEXT NOT NULL,       -- JSON
    PRIMARY KEY (household, state)
);

CREATE TABLE survey_batches (
    device   TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    digest   TEXT NOT NULL,
    answer   TEXT NOT NULL,        -- JSON
    at       BIGINT NOT NULL,
    PRIMARY KEY (device, sequence)
)/*SQLite: WITHOUT ROWID*/;
CREATE INDEX survey_batches_at ON survey_batches (at);

CREATE TABLE survey_measurements (
    meter  TEXT NOT NULL,
    slot   BIGINT NOT NULL,
    obis   TEXT NOT NULL,          -- 12 hexadecimal digits
    raw    BIGINT NOT NULL,
    scaler BIGINT NOT NULL,
    unit   TEXT NOT NULL,
    status BIGINT,
    PRIMARY KEY (meter, slot, obis)
)/*SQLite: WITHOUT ROWID*/;

CREATE TABLE survey_incidents (
    id       TEXT PRIMARY KEY,
    meter    TEXT NOT NULL,
    type     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    resolved BIGINT
);
CREATE INDEX survey_incidents_meter ON survey_incidents (meter, at);

-- Devices of households that revoked their consent, by the SHA-256 of their former
-- identifier, so that they are told to stop. Nothing leads from here to a household.
CREATE TABLE survey_ended (
    hash    TEXT PRIMARY KEY,
    receipt TEXT NOT NULL          -- JSON
);

CREATE TABLE survey_keys (
    name TEXT PRIMARY KEY,
    seed BYTEA NOT NULL
);

-- Who did what to a household.
CREATE TABLE survey_log (
    id        TEXT PRIMARY KEY,
    household TEXT NOT NULL,       -- empty: it is anonymous now
    at        BIGINT NOT NULL,
    who       TEXT NOT NULL,
    what      TEXT NOT NULL
);
CREATE INDEX survey_log_household ON survey_log (household);

-- +goose Down
DROP TABLE survey_log;
DROP TABLE survey_keys;
DROP TABLE survey_ended;
DROP TABLE survey_incidents;
DROP TABLE survey_measurements;
DROP TABLE survey_batches;
DROP TABLE survey_consents;
DROP TABLE survey_texts;
DROP TABLE survey_credentials;
DROP TABLE survey_tokens;
DROP TABLE survey_devices;
DROP TABLE survey_meters;
DROP TABLE survey_pv_systems;
DROP TABLE survey_addresses;
DROP TABLE survey_participants;
DROP TABLE survey_households;
