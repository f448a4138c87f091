-- +goose Up
-- Hours of which a device has sent something that was taken, and when it came first.
CREATE TABLE survey_reports (
    device TEXT NOT NULL,
    hour   BIGINT NOT NULL,        -- its beginning, ms since 1970 UTC
    at     BIGINT NOT NULL,
    PRIMARY KEY (device, hour)
)/*SQLite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE survey_reports;
