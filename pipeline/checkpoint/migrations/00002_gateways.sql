-- +goose Up
CREATE TABLE pipeline_gateways (
    gateway TEXT PRIMARY KEY, -- id of an edge gateway
    doc     TEXT NOT NULL,    -- what it told last, as JSON
    told    BIGINT NOT NULL   -- ms since 1970 UTC
);
-- +goose Down
DROP TABLE pipeline_gateways;
