-- +goose Up
-- Days that were forecast, and what came of them.
CREATE TABLE service_forecasts (
    object   TEXT NOT NULL,
    day      BIGINT NOT NULL,   -- when it begins, by the clock of the object's site
    ends     BIGINT NOT NULL,   -- when it is over
    zone     TEXT NOT NULL,
    made     BIGINT NOT NULL,
    known    BIGINT NOT NULL,   -- nothing later had an influence
    ahead    BIGINT NOT NULL,   -- how many days ahead
    model    TEXT NOT NULL,
    because  TEXT NOT NULL,     -- who named the object: setting, service, asked, root
    expected DOUBLE PRECISION,  -- mean absolute error on days before; NULL: not tried
    doc      TEXT NOT NULL,     -- values, bands, scores, what it was made from
    checked  BIGINT NOT NULL,   -- when it was compared with what was measured; 0: not yet
    compared BIGINT NOT NULL,   -- intervals that the next three are of
    seen     DOUBLE PRECISION,  -- mean absolute error; NULL: not known
    size     DOUBLE PRECISION,  -- mean size of what was measured
    inside   BIGINT NOT NULL,   -- of them within the bands
    PRIMARY KEY (object, day)
);
CREATE INDEX service_forecasts_day ON service_forecasts (day);
-- Who wants to know of which object what is going to be.
CREATE TABLE service_named (
    object TEXT NOT NULL,
    why    TEXT NOT NULL,       -- service, asked
    at     BIGINT NOT NULL,     -- last
    PRIMARY KEY (object, why)
);
-- What could not be right, or was not usual.
CREATE TABLE service_anomalies (
    object   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    began    BIGINT NOT NULL,
    ended    BIGINT NOT NULL,   -- end of its last interval
    found    BIGINT NOT NULL,
    lasts    BIGINT NOT NULL,   -- 1: it may go on
    vals     BIGINT NOT NULL,   -- how many values are wrong
    value    DOUBLE PRECISION,  -- the one that is farthest from what was expected
    expected DOUBLE PRECISION,
    PRIMARY KEY (object, began, kind)
);
CREATE INDEX service_anomalies_began ON service_anomalies (began);
CREATE INDEX service_anomalies_lasts ON service_anomalies (object) WHERE lasts = 1;
-- Up to when objects were looked at.
CREATE TABLE service_watched (
    object TEXT PRIMARY KEY,
    looked BIGINT NOT NULL
);

-- +goose Down
DROP TABLE service_watched;
DROP TABLE service_anomalies;
DROP TABLE service_named;
DROP TABLE service_forecasts;
