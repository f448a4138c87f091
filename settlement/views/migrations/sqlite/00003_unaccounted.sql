-- +goose Up

-- What is unaccounted of the time in which the meter and all members are known.
DROP VIEW wattwerk_months;
DROP VIEW wattwerk_days;
DROP VIEW wattwerk_quarters;

CREATE VIEW wattwerk_quarters AS
SELECT p.kind, p.hierarchy, p.name, p.title,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z') AS begins,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + 900000 + COALESCE(e.shift, 0)) / 1000, 'unixepoch') || COALESCE(e.suffix, 'Z') AS ends,
    strftime('%Y-%m-%dT%H:%M:%SZ', q.start / 1000, 'unixepoch') AS begins_utc,
    p.quantity, p.unit,
    q.amount / 1e6 AS amount,
    CASE WHEN p.quantity = 'energy' THEN q.amount / 1e9 END AS kwh,
    CASE WHEN p.quantity = 'energy' THEN q.estimated / 1e9 END AS estimated_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.meter / 1e9 END AS meter_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.rest / 1e9 END AS unaccounted_kwh,
    q.average, q.minimum, q.maximum, p.average_unit,
    q.readings,
    CASE WHEN q.total > 0 THEN q.covered / (1.0 * 900000 * q.total) END AS completeness,
    q.members, q.total,
    CASE q.quality WHEN 1 THEN 'measured' WHEN 2 THEN 'corrected' WHEN 3 THEN 'substituted' WHEN 4 THEN 'estimated' ELSE 'none' END AS quality,
    p.zone, q.point, q.start AS begins_ms, q.start + 900000 AS ends_ms, q.amount AS millionths, q.estimated AS estimated_millionths, q.meter AS meter_millionths, q.covered AS covered_ms,
    CASE WHEN q.meter IS NOT NULL THEN COALESCE(q.compared, 0) / (1.0 * 900000) END AS compared,
    q.rest AS unaccounted_millionths, q.compared AS compared_ms
FROM settled_quarters q
JOIN wattwerk_points p ON p.point = q.point
LEFT JOIN settled_offsets z ON z.zone = p.zone AND q.start >= z.since AND q.start < z.until
LEFT JOIN settled_offsets e ON e.zone = p.zone AND q.start + 900000 >= e.since AND q.start + 900000 < e.until;

CREATE VIEW wattwerk_days AS
SELECT p.kind, p.hierarchy, p.name, p.title,
    substr(strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z'), 1, 10) AS date,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z') AS begins,
    strftime('%Y-%m-%dT%H:%M:%S', (q.until + COALESCE(e.shift, 0)) / 1000, 'unixepoch') || COALESCE(e.suffix, 'Z') AS ends,
    strftime('%Y-%m-%dT%H:%M:%SZ', q.start / 1000, 'unixepoch') AS begins_utc,
    p.quantity, p.unit,
    q.amount / 1e6 AS amount,
    CASE WHEN p.quantity = 'energy' THEN q.amount / 1e9 END AS kwh,
    CASE WHEN p.quantity = 'energy' THEN q.estimated / 1e9 END AS estimated_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.meter / 1e9 END AS meter_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.rest / 1e9 END AS unaccounted_kwh,
    q.average, q.minimum, q.maximum, p.average_unit,
    q.readings,
    CASE WHEN q.total > 0 THEN q.covered / (1.0 * (q.until - q.start) * q.total) END AS completeness,
    q.members, q.total,
    CASE q.quality WHEN 1 THEN 'measured' WHEN 2 THEN 'corrected' WHEN 3 THEN 'substituted' WHEN 4 THEN 'estimated' ELSE 'none' END AS quality,
    p.zone, q.point, q.start AS begins_ms, q.until AS ends_ms, q.amount AS millionths, q.estimated AS estimated_millionths, q.meter AS meter_millionths, q.covered AS covered_ms,
    CASE WHEN q.meter IS NOT NULL THEN COALESCE(q.compared, 0) / (1.0 * (q.until - q.start)) END AS compared,
    q.rest AS unaccounted_millionths, q.compared AS compared_ms
FROM settled_days q
JOIN wattwerk_points p ON p.point = q.point
LEFT JOIN settled_offsets z ON z.zone = p.zone AND q.start >= z.since AND q.start < z.until
LEFT JOIN settled_offsets e ON e.zone = p.zone AND q.until >= e.since AND q.until < e.until;

-- Of whole days: the last month is as long as it has passed.
CREATE VIEW wattwerk_months AS
SELECT kind, hierarchy, name, title, substr(date, 1, 7) AS month, quantity, unit,
    SUM(millionths) / 1e6 AS amount,
    CASE WHEN quantity = 'energy' THEN SUM(millionths) / 1e9 END AS kwh,
    CASE WHEN quantity = 'energy' THEN SUM(estimated_millionths) / 1e9 END AS estimated_kwh,
    MIN(minimum) AS minimum, MAX(maximum) AS maximum, average_unit, SUM(readings) AS readings,
    SUM(covered_ms) / (1.0 * SUM((ends_ms - begins_ms) * total)) AS completeness,
    COUNT(millionths) AS days_known, COUNT(*) AS days,
    zone, point, SUM(millionths) AS millionths,
    CASE WHEN quantity = 'energy' THEN SUM(meter_millionths) / 1e9 END AS meter_kwh,
    CASE WHEN quantity = 'energy' THEN SUM(unaccounted_millionths) / 1e9 END AS unaccounted_kwh,
    CASE WHEN COUNT(meter_millionths) > 0 THEN COALESCE(SUM(compared_ms), 0) / (1.0 * SUM(ends_ms - begins_ms)) END AS compared,
    SUM(unaccounted_millionths) AS unaccounted_millionths
FROM wattwerk_days
GROUP BY kind, hierarchy, name, title, substr(date, 1, 7), quantity, unit, average_unit, zone, point;

-- +goose Down
DROP VIEW wattwerk_months;
DROP VIEW wattwerk_days;
DROP VIEW wattwerk_quarters;

CREATE VIEW wattwerk_quarters AS
SELECT p.kind, p.hierarchy, p.name, p.title,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z') AS begins,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + 900000 + COALESCE(e.shift, 0)) / 1000, 'unixepoch') || COALESCE(e.suffix, 'Z') AS ends,
    strftime('%Y-%m-%dT%H:%M:%SZ', q.start / 1000, 'unixepoch') AS begins_utc,
    p.quantity, p.unit,
    q.amount / 1e6 AS amount,
    CASE WHEN p.quantity = 'energy' THEN q.amount / 1e9 END AS kwh,
    CASE WHEN p.quantity = 'energy' THEN q.estimated / 1e9 END AS estimated_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.meter / 1e9 END AS meter_kwh,
    CASE WHEN p.quantity = 'energy' THEN (q.meter - q.amount) / 1e9 END AS unaccounted_kwh,
    q.average, q.minimum, q.maximum, p.average_unit,
    q.readings,
    CASE WHEN q.total > 0 THEN q.covered / (1.0 * 900000 * q.total) END AS completeness,
    q.members, q.total,
    CASE q.quality WHEN 1 THEN 'measured' WHEN 2 THEN 'corrected' WHEN 3 THEN 'substituted' WHEN 4 THEN 'estimated' ELSE 'none' END AS quality,
    p.zone, q.point, q.start AS begins_ms, q.start + 900000 AS ends_ms, q.amount AS millionths, q.estimated AS estimated_millionths, q.meter AS meter_millionths, q.covered AS covered_ms
FROM settled_quarters q
JOIN wattwerk_points p ON p.point = q.point
LEFT JOIN settled_offsets z ON z.zone = p.zone AND q.start >= z.since AND q.start < z.until
LEFT JOIN settled_offsets e ON e.zone = p.zone AND q.start + 900000 >= e.since AND q.start + 900000 < e.until;

CREATE VIEW wattwerk_days AS
SELECT p.kind, p.hierarchy, p.name, p.title,
    substr(strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z'), 1, 10) AS date,
    strftime('%Y-%m-%dT%H:%M:%S', (q.start + COALESCE(z.shift, 0)) / 1000, 'unixepoch') || COALESCE(z.suffix, 'Z') AS begins,
    strftime('%Y-%m-%dT%H:%M:%S', (q.until + COALESCE(e.shift, 0)) / 1000, 'unixepoch') || COALESCE(e.suffix, 'Z') AS ends,
    strftime('%Y-%m-%dT%H:%M:%SZ', q.start / 1000, 'unixepoch') AS begins_utc,
    p.quantity, p.unit,
    q.amount / 1e6 AS amount,
    CASE WHEN p.quantity = 'energy' THEN q.amount / 1e9 END AS kwh,
    CASE WHEN p.quantity = 'energy' THEN q.estimated / 1e9 END AS estimated_kwh,
    CASE WHEN p.quantity = 'energy' THEN q.meter / 1e9 END AS meter_kwh,
    CASE WHEN p.quantity = 'energy' THEN (q.meter - q.amount) / 1e9 END AS unaccounted_kwh,
    q.average, q.minimum, q.maximum, p.average_unit,
    q.readings,
    CASE WHEN q.total > 0 THEN q.covered / (1.0 * (q.until - q.start) * q.total) END AS completeness,
    q.members, q.total,
    CASE q.quality WHEN 1 THEN 'measured' WHEN 2 THEN 'corrected' WHEN 3 THEN 'substituted' WHEN 4 THEN 'estimated' ELSE 'none' END AS quality,
    p.zone, q.point, q.start AS begins_ms, q.until AS ends_ms, q.amount AS millionths, q.estimated AS estimated_millionths, q.meter AS meter_millionths, q.covered AS covered_ms
FROM settled_days q
JOIN wattwerk_points p ON p.point = q.point
LEFT JOIN settled_offsets z ON z.zone = p.zone AND q.start >= z.since AND q.start < z.until
LEFT JOIN settled_offsets e ON e.zone = p.zone AND q.until >= e.since AND q.until < e.until;

-- Of whole days: the last month is as long as it has passed.
CREATE VIEW wattwerk_months AS
SELECT kind, hierarchy, name, title, substr(date, 1, 7) AS month, quantity, unit,
    SUM(millionths) / 1e6 AS amount,
    CASE WHEN quantity = 'energy' THEN SUM(millionths) / 1e9 END AS kwh,
    CASE WHEN quantity = 'energy' THEN SUM(estimated_millionths) / 1e9 END AS estimated_kwh,
    MIN(minimum) AS minimum, MAX(maximum) AS maximum, average_unit, SUM(readings) AS readings,
    SUM(covered_ms) / (1.0 * SUM((ends_ms - begins_ms) * total)) AS completeness,
    COUNT(millionths) AS days_known, COUNT(*) AS days,
    zone, point, SUM(millionths) AS millionths
FROM wattwerk_days
GROUP BY kind, hierarchy, name, title, substr(date, 1, 7), quantity, unit, average_unit, zone, point;
