-- +goose Up

-- What whole days cost and emit, by the day of whatever priced them.
CREATE VIEW wattwerk_costs AS
SELECT p.kind, p.hierarchy, p.name, p.title, c.basis, c.date, substr(c.date, 1, 7) AS month,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.start / 1000, 'unixepoch') AS begins_utc, strftime('%Y-%m-%dT%H:%M:%SZ', c.until / 1000, 'unixepoch') AS ends_utc,
    c.document, c.revision, c.priced_by, c.currency,
    c.cost / 1e6 AS cost, c.credit / 1e6 AS credit, c.total / 1e6 AS total, c.estimated / 1e6 AS estimated,
    p.quantity, p.unit,
    c.taken / 1e6 AS taken, c.given / 1e6 AS given, c.unpriced_amount / 1e6 AS unpriced,
    CASE WHEN p.quantity = 'energy' THEN c.taken / 1e9 END AS taken_kwh,
    CASE WHEN p.quantity = 'energy' THEN c.given / 1e9 END AS given_kwh,
    CASE WHEN p.quantity = 'energy' THEN c.unpriced_amount / 1e9 END AS unpriced_kwh,
    c.measured / 3.6e6 AS measured_hours, c.unpriced / 3.6e6 AS unpriced_hours, c.completeness,
    c.zone, c.point, c.assignment, c.start AS begins_ms, c.until AS ends_ms,
    c.cost AS cost_millionths, c.credit AS credit_millionths, c.total AS total_millionths, c.estimated AS estimated_millionths,
    c.taken AS taken_millionths, c.given AS given_millionths, c.unpriced_amount AS unpriced_millionths
FROM settled_costs c
JOIN wattwerk_points p ON p.point = c.point;

-- +goose Down
DROP VIEW wattwerk_costs;
