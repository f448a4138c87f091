package register

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// reportRow is an hour of which a device has sent something.
type reportRow struct {
	bun.BaseModel `bun:"table:survey_reports,alias:r"`
	Device        string `bun:"device,pk"`
	Hour          int64  `bun:"hour,pk"`
	At            int64  `bun:"at"`
}

// hourOf is the beginning of the hour of a slot.
func hourOf(slot time.Time) int64 { return millis(slot.UTC().Truncate(time.Hour)) }

// Slots counts the slots of meters from one on to another one, by meter and by part:
// each is so long, the first begins with from. Slots of which nothing is stored
// are in none; nor is one that began before the consent was granted.
func (s *Store) Slots(ctx context.Context, meters []string, from, to time.Time, part time.Duration) (map[string]map[int]int, error) {
	q := s.db.NewSelect().TableExpr("survey_measurements AS x").Join("JOIN survey_meters AS o ON o.id = x.meter").
		ColumnExpr("COUNT(DISTINCT x.slot) AS n")
	return counted(ctx, q, "x.meter", "x.slot", meters, from, to, part)
}

// Hours counts the hours of which devices have sent something, as [Store.Slots] does.
func (s *Store) Hours(ctx context.Context, devices []string, from, to time.Time, part time.Duration) (map[string]map[int]int, error) {
	q := s.db.NewSelect().TableExpr("survey_reports AS x").Join("JOIN survey_devices AS o ON o.id = x.device AND x.hour >= o.registered").
		ColumnExpr("COUNT(*) AS n")
	return counted(ctx, q, "x.device", "x.hour", devices, from, to, part)
}

// Punctual counts those of the hours that came within a time after their end.
func (s *Store) Punctual(ctx context.Context, devices []string, from, to time.Time, part, within time.Duration) (map[string]map[int]int, error) {
	q := s.db.NewSelect().TableExpr("survey_reports AS x").Join("JOIN survey_devices AS o ON o.id = x.device AND x.hour >= o.registered").
		ColumnExpr("COUNT(*) AS n").Where("x.at <= x.hour + ?", (time.Hour + within).Milliseconds())
	return counted(ctx, q, "x.device", "x.hour", devices, from, to, part)
}

// counted reads counts of what belongs to meters or devices o.
func counted(ctx context.Context, q *bun.SelectQuery, id, at string, ids []string, from, to time.Time, part time.Duration) (map[string]map[int]int, error) {
	out := make(map[string]map[int]int)
	if len(ids) == 0 || part <= 0 {
		return out, nil
	}
	var rows []struct {
		ID   string
		Part int64
		N    int64
	}
	err := q.Join("JOIN survey_households AS h ON h.id = o.household AND (h.state <> ? OR ? >= h.granted)", string(consent.Granted), bun.Safe(at)).
		ColumnExpr("? AS id, (? - ?) / ? AS part", bun.Safe(id), bun.Safe(at), millis(from), part.Milliseconds()).
		Where("? IN (?) AND ? >= ? AND ? < ?", bun.Safe(id), bun.List(ids), bun.Safe(at), millis(from), bun.Safe(at), millis(to)).
		GroupExpr("2, 3").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count what was measured: %w", err)
	}
	for _, r := range rows {
		if out[r.ID] == nil {
			out[r.ID] = make(map[int]int)
		}
		out[r.ID][int(r.Part)] = int(r.N)
	}
	return out, nil
}

// Open gives how many incidents of each type are open at the meters of households,
// by household.
func (s *Store) Open(ctx context.Context, households []string) (map[string]map[household.IncidentType]int, error) {
	out := make(map[string]map[household.IncidentType]int)
	if len(households) == 0 {
		return out, nil
	}
	var rows []struct {
		Household string
		Type      string
		N         int64
	}
	err := s.db.NewSelect().TableExpr("survey_incidents AS i").Join("JOIN survey_meters AS m ON m.id = i.meter").
		ColumnExpr("m.household AS household, i.type AS type, COUNT(*) AS n").
		Where("i.resolved IS NULL AND m.household IN (?)", bun.List(households)).GroupExpr("1, 2").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	for _, r := range rows {
		if out[r.Household] == nil {
			out[r.Household] = make(map[household.IncidentType]int)
		}
		out[r.Household][household.IncidentType(r.Type)] = int(r.N)
	}
	return out, nil
}

// silentDevice is a condition on a device d: nothing has come from it since a time,
// in ms, which is given twice.
const silentDevice = "d.kind = 'edge' AND d.registered < ? AND (d.last_seen IS NULL OR d.last_seen < ?)"

// Census counts households by the state of their consent, and incidents that are
// not resolved by type.
func (s *Store) Census(ctx context.Context) (households, incidents map[string]int, err error) {
	count := func(q *bun.SelectQuery) (map[string]int, error) {
		var rows []struct {
			What string `bun:"what"`
			N    int    `bun:"n"`
		}
		if err := q.ColumnExpr("COUNT(*) AS n").Group("what").Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("count households: %w", err)
		}
		out := make(map[string]int, len(rows))
		for _, r := range rows {
			out[r.What] = r.N
		}
		return out, nil
	}
	if households, err = count(s.db.NewSelect().Table("survey_households").ColumnExpr("state AS what")); err != nil {
		return nil, nil, err
	}
	incidents, err = count(s.db.NewSelect().Table("survey_incidents").ColumnExpr("type AS what").Where("resolved IS NULL"))
	return households, incidents, err
}

// Heartbeats reports an incident at the meters of every household that has
// consented before a time, and of which a device has sent nothing since; and
// resolves those of households whose devices all have. It gives how many.
func (s *Store) Heartbeats(ctx context.Context, since time.Time) (missed, back int, err error) {
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		at := millis(since)
		silent := tx.NewSelect().TableExpr("survey_devices AS d").Join("JOIN survey_households AS h ON h.id = d.household").Column("d.household").
			Where("h.state = ? AND h.granted < ?", string(consent.Granted), at).Where(silentDevice, at, at)
		open := tx.NewSelect().TableExpr("survey_incidents AS i").Column("i.meter").Where("i.type = ? AND i.resolved IS NULL", string(household.HeartbeatMissed))
		var meters []string
		if err := tx.NewSelect().TableExpr("survey_meters AS m").Column("m.id").Where("m.household IN (?)", silent).Where("m.id NOT IN (?)", open).Order("m.id").Scan(ctx, &meters); err != nil {
			return err
		}
		now := s.now()
		rows := make([]incidentRow, len(meters))
		for i, m := range meters {
			rows[i] = incidentRow{ID: household.NewID(), Meter: m, Type: string(household.HeartbeatMissed), Detail: "the device has sent nothing since " + since.UTC().Format(time.RFC3339), At: millis(now)}
		}
		for part := rows; len(part) > 0; part = part[min(len(part), rowsAtOnce):] {
			if err := all(ctx, tx, part[:min(len(part), rowsAtOnce)]); err != nil {
				return err
			}
		}
		r, err := tx.NewUpdate().Model((*incidentRow)(nil)).Set("resolved = ?", millis(now)).Where("type = ? AND resolved IS NULL", string(household.HeartbeatMissed)).
			Where("meter NOT IN (SELECT m.id FROM survey_meters AS m WHERE m.household IN (?))", silent).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		missed, back = len(rows), int(n)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("look for silent devices: %w", err)
	}
	return missed, back, nil
}
