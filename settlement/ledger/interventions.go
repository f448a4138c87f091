package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Kinds of interventions. The first three are corrections of a range of
// readings; the others say how the reading of a counter at one time is to be
// understood.
const (
	Exclude     = "exclude"     // as if the readings of the range were not there
	Replace     = "replace"     // by other readings
	Interpolate = "interpolate" // by a straight line between the readings beside the range
	Ignore      = "ignore"      // the reading is wrong
	Accept      = "accept"      // the difference to the one before is right as it is
	Reset       = "reset"       // the counter began anew before it, at a value that can be given
	Rollover    = "rollover"    // the counter passed its greatest value, which can be given
	Rise        = "rise"        // the counter rose by so much

	// Figures that people enter, of production as a rule.
	Figure  = "figure"  // the amount of the range, whatever readings say
	Reading = "reading" // what a counter showed at a time
)

// Intervention is what somebody has decided about readings of a sensor. The
// readings stay as they are; everything derived from them follows. It can be
// undone, and then stays to be seen.
type Intervention struct {
	ID     string          `json:"id"`
	Sensor record.SensorID `json:"sensor"`
	InterventionBody
	Who       string     `json:"who" doc:"Who decided it"`
	At        time.Time  `json:"at" doc:"When"`
	UndoneWho string     `json:"undoneWho,omitempty" doc:"Who undid it"`
	UndoneWhy string     `json:"undoneWhy,omitempty" doc:"Why"`
	UndoneAt  *time.Time `json:"undoneAt,omitempty" doc:"When; absent: it is in force"`

	Number int64 `json:"-"` // counts those of the sensor; the later one wins
}

// InterventionBody is what is decided.
type InterventionBody struct {
	Kind   string        `json:"kind" enum:"exclude,replace,interpolate,ignore,accept,reset,rollover,rise,figure,reading" doc:"exclude, replace or interpolate a range of readings; or, of one reading of a counter: ignore it, accept the difference, or take it as reset, rollover or a stated rise; or a figure that somebody enters: the amount of a range, or a reading of a counter"`
	From   time.Time     `json:"from" doc:"Begin of the range; or the time of the reading"`
	To     *time.Time    `json:"to,omitempty" doc:"End of the range, not part of it; absent for a single reading"`
	Value  *float64      `json:"value,omitempty" doc:"In the coherent unit. replace: the value of the range; reset: where it began, default 0; rollover: the greatest value, default that of the register; rise: by how much it rose; figure: the amount; reading: what it showed"`
	Points []PointInTime `json:"points,omitempty" maxItems:"100000" doc:"replace: readings in the place of those of the range"`
	Only   []Readings    `json:"only,omitempty" maxItems:"5000" doc:"exclude: these readings of the range alone, in order of time. They are taken for never sent, before anything else that is decided, earlier or later; others that come between them count"`
	Why    string        `json:"why" minLength:"1" maxLength:"2000" doc:"The reason, for whoever audits this"`
}

// Readings are some of equal distance.
type Readings struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Step  int64     `json:"step" minimum:"1" doc:"From one to the next, in ms"`
}

// Rows are the times of some readings of equal distance.
func Rows(all []Readings) (out record.Rows) {
	for _, r := range all {
		out = append(out, record.Row{First: record.MillisOf(r.First), Last: record.MillisOf(r.Last), Step: r.Step})
	}
	return out
}

// ReadingsAt are those at the times.
func ReadingsAt(rows record.Rows) (out []Readings) {
	for _, r := range rows {
		out = append(out, Readings{First: r.First.Time(), Last: r.Last.Time(), Step: r.Step})
	}
	return out
}

// PointInTime is a reading that is put in.
type PointInTime struct {
	Time  time.Time `json:"time"`
	Value float64   `json:"value" doc:"In the coherent unit"`
}

// Correction tells whether the kind is one of a range of readings.
func Correction(kind string) bool { return kind == Exclude || kind == Replace || kind == Interpolate }

// Ranged tells whether the kind is one of a range, and not of a moment.
func Ranged(kind string) bool { return Correction(kind) || kind == Figure }

type interventionRow struct {
	bun.BaseModel `bun:"table:settled_interventions"`
	ID            string   `bun:"id,pk"`
	Sensor        string   `bun:"sensor"`
	Number        int64    `bun:"number"`
	Kind          string   `bun:"kind"`
	Begin         int64    `bun:"begin_at"`
	End           int64    `bun:"end_at"`
	Value         *float64 `bun:"value"`
	Points        string   `bun:"points"`
	Only          string   `bun:"readings"`
	Why           string   `bun:"why"`
	Who           string   `bun:"who"`
	At            int64    `bun:"at"`
	UndoneWhy     string   `bun:"undone_why"`
	UndoneWho     string   `bun:"undone_who"`
	UndoneAt      *int64   `bun:"undone_at"`
}

func (r *interventionRow) intervention() (Intervention, error) {
	x := Intervention{
		ID: r.ID, Sensor: record.SensorID(r.Sensor), Number: r.Number, Who: r.Who, At: record.Millis(r.At).Time(), UndoneWho: r.UndoneWho, UndoneWhy: r.UndoneWhy,
		InterventionBody: InterventionBody{Kind: r.Kind, From: record.Millis(r.Begin).Time(), Value: r.Value, Why: r.Why},
	}
	if Ranged(r.Kind) {
		x.To = new(record.Millis(r.End).Time())
	}
	if r.UndoneAt != nil {
		x.UndoneAt = new(record.Millis(*r.UndoneAt).Time())
	}
	if r.Points != "" {
		if err := json.Unmarshal([]byte(r.Points), &x.Points); err != nil {
			return x, fmt.Errorf("read intervention %s: %w", r.ID, err)
		}
	}
	if r.Only != "" {
		if err := json.Unmarshal([]byte(r.Only), &x.Only); err != nil {
			return x, fmt.Errorf("read intervention %s: %w", r.ID, err)
		}
	}
	return x, nil
}

// Interventions gives those of a sensor, or of all when it is empty, newest
// first; undone ones too when all is set.
func (s *Store) Interventions(ctx context.Context, id record.SensorID, all bool, limit int) ([]Intervention, error) {
	var rows []interventionRow
	q := s.books.NewSelect().Model(&rows).Order("at DESC", "number DESC").Limit(int64(limit))
	if id != "" {
		q = q.Where("sensor = ?", string(id))
	}
	if !all {
		q = q.Where("undone_at IS NULL")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read interventions: %w", err)
	}
	out := make([]Intervention, 0, len(rows))
	for i := range rows {
		x, err := rows[i].intervention()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// Intervened gives the sensors about whose readings something is in force.
func (s *Store) Intervened(ctx context.Context) (map[record.SensorID]bool, error) {
	var ids []string
	if err := s.books.NewSelect().Model((*interventionRow)(nil)).ColumnExpr("DISTINCT sensor").Where("undone_at IS NULL").Scan(ctx, &ids); err != nil {
		return nil, fmt.Errorf("read who has interventions: %w", err)
	}
	out := make(map[record.SensorID]bool, len(ids))
	for _, id := range ids {
		out[record.SensorID(id)] = true
	}
	return out, nil
}

// mostInForce is how many interventions of a sensor may be in force, unless
// options say otherwise: all of them are looked at whenever it is settled.
const mostInForce = 20_000

// ErrFull is wrapped by the error about an intervention for which there is no
// room.
var ErrFull = errors.New("no more interventions can be in force")

// AddIntervention keeps a decision, as the newest of its sensor. Its ID must be
// a new one. The error wraps [ErrFull] when as many as may be are in force.
func (s *Store) AddIntervention(ctx context.Context, x Intervention) (Intervention, error) {
	row := interventionRow{
		ID: x.ID, Sensor: string(x.Sensor), Kind: x.Kind, Begin: int64(record.MillisOf(x.From)), End: int64(record.MillisOf(x.From)) + 1,
		Value: x.Value, Why: x.Why, Who: x.Who, At: x.At.UnixMilli(),
	}
	if x.To != nil {
		row.End = int64(record.MillisOf(*x.To))
	}
	if len(x.Points) > 0 {
		text, err := json.Marshal(x.Points)
		if err != nil {
			return x, fmt.Errorf("keep intervention: %w", err)
		}
		row.Points = string(text)
	}
	if len(x.Only) > 0 {
		text, err := json.Marshal(x.Only)
		if err != nil {
			return x, fmt.Errorf("keep intervention: %w", err)
		}
		row.Only = string(text)
	}
	err := s.books.Alone(ctx, "interventions", func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model((*interventionRow)(nil)).ColumnExpr("COALESCE(MAX(number), 0) + 1").Where("sensor = ?", row.Sensor).Scan(ctx, &row.Number); err != nil {
			return err
		}
		if most := int64(s.inForce); row.Number > most { // else there cannot be as many
			n, err := tx.NewSelect().Model((*interventionRow)(nil)).Where("sensor = ? AND undone_at IS NULL", row.Sensor).Count(ctx)
			if err != nil {
				return err
			}
			if int64(n) >= most {
				return fmt.Errorf("%w for sensor %q: there are %d; undo some of them, or replace them by one of a longer time", ErrFull, row.Sensor, n)
			}
		}
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	if err != nil {
		return x, fmt.Errorf("keep intervention: %w", err)
	}
	return row.intervention()
}

// UndoIntervention notes that a decision is in force no more. What was undone
// before stays as it is. The error wraps sql.ErrNoRows when there is none.
func (s *Store) UndoIntervention(ctx context.Context, id, why, who string, at time.Time) (Intervention, error) {
	var row interventionRow
	err := s.books.Alone(ctx, "interventions", func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx); err != nil {
			return err
		}
		if row.UndoneAt != nil {
			return nil
		}
		row.UndoneAt, row.UndoneWho, row.UndoneWhy = new(at.UnixMilli()), who, why
		_, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return Intervention{}, fmt.Errorf("undo intervention %.60q: %w", id, err)
	}
	return row.intervention()
}
