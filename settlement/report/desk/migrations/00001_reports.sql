-- +goose Up
CREATE TABLE report_definitions (
    id         TEXT PRIMARY KEY,
    doc        TEXT NOT NULL,    -- the definition, as JSON
    version    BIGINT NOT NULL,
    since      BIGINT NOT NULL,  -- periods that end after it are reported; times are ms since 1970 UTC
    created    BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    changed    BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    problem    TEXT NOT NULL     -- why the last one that was due was not made; empty: it was
);

-- Reports that were made. Nothing is ever removed.
CREATE TABLE report_issues (
    id         TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    doc        TEXT NOT NULL,    -- the definition by which it was made
    period     TEXT NOT NULL,
    version    BIGINT NOT NULL,  -- 1: the first of the period; more: revised
    begins     BIGINT NOT NULL,
    ends       BIGINT NOT NULL,
    made       BIGINT NOT NULL,
    made_by    TEXT NOT NULL,    -- empty: the schedule
    digest     TEXT NOT NULL,
    candidate  TEXT NOT NULL,    -- digest it would have now; empty: the same
    checked    BIGINT NOT NULL,  -- when that was found out
    superseded BIGINT NOT NULL,  -- 1: there is a later version
    summary    TEXT NOT NULL,    -- what lists show of it, as JSON
    body       BYTEA NOT NULL,   -- the report as JSON, compressed with zstd
    UNIQUE (definition, period, version)
);
CREATE INDEX report_issues_checked ON report_issues (superseded, checked);
CREATE INDEX report_issues_made ON report_issues (made);

CREATE TABLE report_deliveries (
    issue      TEXT NOT NULL REFERENCES report_issues (id),
    sink       TEXT NOT NULL,    -- mail, webhook
    recipients TEXT NOT NULL,    -- as JSON
    state      TEXT NOT NULL,    -- waiting, sent, given_up
    created    BIGINT NOT NULL,
    due        BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    error      TEXT NOT NULL,
    sent       BIGINT,
    PRIMARY KEY (issue, sink)
);
CREATE INDEX report_deliveries_due ON report_deliveries (state, due);

-- +goose Down
DROP TABLE report_deliveries;
DROP TABLE report_issues;
DROP TABLE report_definitions;
