-- +goose Up

-- What whole days cost and emit, by the day of whatever priced them.
CREATE VIEW wattwerk_costs AS
SELECT p.kind, p.hierarchy, p.name, p.title, c.basis, c.date, substr(c.date, 1, 7) AS month,
    to_char(to_timestamp(c.start / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || 'Z' AS begins_utc, to_char(to_timestamp(c.until / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || 'Z' AS ends_utc,
    c.document, c.revision, c.priced_by, c.currency,
    c.cost * 0.000001 AS cost, c.credit * 0.000001 AS credit, c.total * 0.000001 AS total, c.estimated * 0.000001 AS estimated,
    p.quantity, p.unit,
    c.taken * 0.000001 AS taken, c.given * 0.000001 AS given, c.unpriced_amount * 0.000001 AS unpriced,
    CASE WHEN p.quantity = 'energy' THEN c.taken * 0.000000001 END AS taken_kwh,
    CASE WHEN p.quantity = 'energy' THEN c.given * 0.000000001 END AS given_kwh,
    CASE WHEN p.quantity = 'energy' THEN c.unpriced_amount * 0.000000001 END AS unpriced_kwh,
    c.measured / 3.6e6 AS measured_hours, c.unpriced / 3.6e6 AS unpriced_hours, c.completeness,
    c.zone, c.point, c.assignment, c.start AS begins_ms, c.until AS ends_ms,
    c.cost AS cost_millionths, c.credit AS credit_millionths, c.total AS total_millionths, c.estimated AS estimated_millionths,
    c.taken AS taken_millionths, c.given AS given_millionths, c.unpriced_amount AS unpriced_millionths
FROM settled_costs c
JOIN wattwerk_points p ON p.point = c.point;

-- +goose Down
DROP VIEW wattwerk_costs;
