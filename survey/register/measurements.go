package register

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Errors of a batch.
var (
	ErrNoConsent = errors.New("the household has not consented")
	ErrSequence  = errors.New("the number was used for another batch already")
	ErrNothing   = errors.New("nothing of the batch can be taken")
)

type batchRow struct {
	bun.BaseModel `bun:"table:survey_batches,alias:b"`
	Device        string `bun:"device,pk"`
	Sequence      int64  `bun:"sequence,pk"`
	Digest        string `bun:"digest"`
	Answer        string `bun:"answer"`
	At            int64  `bun:"at"`
}

type measurementRow struct {
	bun.BaseModel `bun:"table:survey_measurements,alias:m"`
	Meter         string `bun:"meter,pk"`
	Slot          int64  `bun:"slot,pk"`
	OBIS          string `bun:"obis,pk"`
	Raw           int64  `bun:"raw"`
	Scaler        int64  `bun:"scaler"`
	Unit          string `bun:"unit"`
	Status        *int64 `bun:"status"`
}

func (r *measurementRow) measurement() household.Measurement {
	return household.Measurement{
		Meter: r.Meter, Slot: time.UnixMilli(r.Slot).UTC(), OBIS: r.OBIS, Raw: r.Raw, Scaler: int(r.Scaler), Unit: r.Unit, Status: r.Status,
	}
}

// Offer is a batch of a device. Take fills in the answer, or the error.
type Offer struct {
	Device string
	Batch  *household.Batch
	Answer household.Answer
	Err    error // ErrNoConsent, ErrGone, ErrSequence, ErrNothing with the answer, or ErrNotFound

	digest string
}

// Taken is a measurement that is about to be stored.
type Taken struct {
	*household.Measurement
	Group string // what the household is called on the bus
	Point string // what the meter is called there
}

// Take takes batches of any devices. All that will be stored is handed to write
// first; when that fails nothing is stored here, and the error is that of all. The
// offers must be of 500 devices at most.
func (s *Store) Take(ctx context.Context, offers []*Offer, write func(context.Context, []Taken) error) error {
	for _, o := range offers {
		var err error
		if o.digest, err = o.Batch.Digest(); err != nil {
			return err
		}
	}
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		t := taking{now: s.now(), batches: make(map[string]*batchRow), hours: make(map[reportRow]bool)}
		if err := t.read(ctx, tx, offers); err != nil {
			return err
		}
		for _, o := range offers {
			t.take(o)
		}
		if err := write(ctx, t.taken); err != nil {
			return err
		}
		return t.store(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("take measurements: %w", err)
	}
	return nil
}

// taking is what one transaction knows, and what it will store.
type taking struct {
	now     time.Time
	devices map[string]*deviceRow
	homes   map[string]*householdRow
	meters  map[string]*meterRow
	batches map[string]*batchRow // by device and sequence

	taken    []Taken
	rows     []measurementRow
	answered []batchRow
	hours    map[reportRow]bool // without when they came
	seen     map[string]*deviceRow
}

func keyOf(device string, sequence int64) string { return fmt.Sprintf("%s %d", device, sequence) }

func (t *taking) read(ctx context.Context, tx bun.Tx, offers []*Offer) error {
	t.devices, t.homes, t.meters, t.seen = make(map[string]*deviceRow), make(map[string]*householdRow), make(map[string]*meterRow), make(map[string]*deviceRow)
	ids, numbers := make([]string, 0, len(offers)), make([]int64, 0, len(offers))
	for _, o := range offers {
		ids, numbers = append(ids, o.Device), append(numbers, o.Batch.Sequence)
	}
	var devices []deviceRow
	if err := tx.NewSelect().Model(&devices).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	var homes []string
	for i := range devices {
		t.devices[devices[i].ID] = &devices[i]
		homes = append(homes, devices[i].Household)
	}
	if len(homes) == 0 {
		return nil
	}
	var households []householdRow
	var meters []meterRow
	var batches []batchRow
	if err := tx.NewSelect().Model(&households).Where("id IN (?)", bun.List(homes)).Scan(ctx); err != nil {
		return err
	}
	if err := tx.NewSelect().Model(&meters).Where("household IN (?)", bun.List(homes)).Scan(ctx); err != nil {
		return err
	}
	if err := tx.NewSelect().Model(&batches).Where("device IN (?) AND sequence IN (?)", bun.List(ids), bun.List(numbers)).Scan(ctx); err != nil {
		return err
	}
	for i := range households {
		t.homes[households[i].ID] = &households[i]
	}
	for i := range meters {
		t.meters[meters[i].ID] = &meters[i]
	}
	for i := range batches {
		t.batches[keyOf(batches[i].Device, batches[i].Sequence)] = &batches[i]
	}
	return nil
}

// take decides about an offer.
func (t *taking) take(o *Offer) {
	d := t.devices[o.Device]
	if d == nil {
		o.Err = ErrNotFound
		return
	}
	h := t.homes[d.Household]
	if h == nil || consent.State(h.State) == consent.Revoked {
		o.Err = ErrGone
		return
	}
	if consent.State(h.State) != consent.Granted || h.Granted == nil {
		o.Err = ErrNoConsent
		return
	}
	key := keyOf(o.Device, o.Batch.Sequence)
	if b := t.batches[key]; b != nil {
		if b.Digest != o.digest {
			o.Err = ErrSequence
		} else {
			o.Err = json.Unmarshal([]byte(b.Answer), &o.Answer)
		}
		return
	}
	o.Answer = household.Answer{Sequence: o.Batch.Sequence}
	latest := int64(0)
	for i := range o.Batch.Measurements {
		m := &o.Batch.Measurements[i]
		code, sentence := m.Check(t.now)
		meter := t.meters[m.Meter]
		switch {
		case code != "":
		case meter == nil || meter.Household != h.ID:
			code, sentence = household.UnknownMeter, "the household has no such meter"
		case m.Slot.Add(household.Quarter).UnixMilli() <= *h.Granted:
			code, sentence = household.BeforeConsent, "the slot ended before the consent was granted"
		}
		if code != "" {
			if o.Answer.Dropped++; len(o.Answer.Refused) < household.MaxRefused {
				o.Answer.Refused = append(o.Answer.Refused, household.Refused{Index: i, Code: code, Detail: sentence})
			}
			continue
		}
		o.Answer.Accepted++
		latest = max(latest, m.Slot.UnixMilli())
		t.hours[reportRow{Device: o.Device, Hour: hourOf(m.Slot)}] = true
		t.taken = append(t.taken, Taken{m, h.Group, meter.Point})
		t.rows = append(t.rows, measurementRow{Meter: m.Meter, Slot: m.Slot.UnixMilli(), OBIS: m.OBIS, Raw: m.Raw, Scaler: int64(m.Scaler), Unit: m.Unit, Status: m.Status})
	}
	if o.Answer.Accepted == 0 && o.Answer.Dropped > 0 {
		o.Err = ErrNothing
		return
	}
	row := batchRow{Device: o.Device, Sequence: o.Batch.Sequence, Digest: o.digest, Answer: encode(o.Answer), At: millis(t.now)}
	t.answered = append(t.answered, row)
	t.batches[key] = &row
	d.LastSeen, d.Skew, d.Version = new(millis(t.now)), new(o.Batch.Sent.Sub(t.now).Milliseconds()), o.Batch.Version
	if o.Batch.Condition != nil {
		d.Condition = encode(o.Batch.Condition)
	}
	if latest > 0 && (d.LastMeasurement == nil || latest > *d.LastMeasurement) {
		d.LastMeasurement = &latest
	}
	t.seen[d.ID] = d
}

// rowsAtOnce is how many rows are put into one statement.
const rowsAtOnce = 1000

func (t *taking) store(ctx context.Context, tx bun.Tx) error {
	for rows := t.rows; len(rows) > 0; {
		n := min(len(rows), rowsAtOnce)
		part := rows[:n]
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		rows = rows[n:]
	}
	if err := all(ctx, tx, t.answered); err != nil {
		return err
	}
	reports := make([]reportRow, 0, len(t.hours))
	for r := range t.hours {
		r.At = millis(t.now)
		reports = append(reports, r)
	}
	for rows := reports; len(rows) > 0; rows = rows[min(len(rows), rowsAtOnce):] {
		part := rows[:min(len(rows), rowsAtOnce)]
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	for _, d := range t.seen {
		if _, err := tx.NewUpdate().Model(d).Column("version", "last_seen", "last_measurement", "skew", "condition").WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// meterOf gives a meter of a household; one of another household is not found
// either.
func meterOf(ctx context.Context, db bun.IDB, home, id string) error {
	n, err := db.NewSelect().Model((*meterRow)(nil)).Where("id = ? AND household = ?", id, home).Count(ctx)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: the household has no such meter", ErrNotFound)
	}
	return err
}

// Measurements gives those of a meter of a household from a slot on, to another one,
// in order, limit at most.
func (s *Store) Measurements(ctx context.Context, home, meter string, from, to time.Time, limit int) ([]household.Measurement, error) {
	var rows []measurementRow
	err := meterOf(ctx, s.db, home, meter)
	if err == nil {
		err = s.db.NewSelect().Model(&rows).Where("meter = ? AND slot >= ? AND slot < ?", meter, millis(from), millis(to)).Order("slot", "obis").Limit(int64(limit)).Scan(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read measurements: %w", err)
	}
	out := make([]household.Measurement, len(rows))
	for i := range rows {
		out[i] = rows[i].measurement()
	}
	return out, nil
}

// Prune forgets the answers to batches before a time.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	if _, err := s.db.NewDelete().Model((*batchRow)(nil)).Where("at < ?", millis(before)).Exec(ctx); err != nil {
		return fmt.Errorf("forget answers: %w", err)
	}
	return nil
}

type incidentRow struct {
	bun.BaseModel `bun:"table:survey_incidents,alias:i"`
	ID            string `bun:"id,pk"`
	Meter         string `bun:"meter"`
	Type          string `bun:"type"`
	Detail        string `bun:"detail"`
	At            int64  `bun:"at"`
	Resolved      *int64 `bun:"resolved"`
}

func (r *incidentRow) incident() household.Incident {
	return household.Incident{ID: r.ID, Meter: r.Meter, Type: household.IncidentType(r.Type), Detail: r.Detail, At: time.UnixMilli(r.At).UTC(), Resolved: moment(r.Resolved)}
}

// mostIncidents is how many incidents of a meter may be reported in a day.
const mostIncidents = 200

// ErrMany says that more was reported than can be of use.
var ErrMany = fmt.Errorf("more than %d incidents of the meter were reported within a day", mostIncidents)

// Report notes an incident of a meter. One of the type that is open already stays
// as it is, and is given.
func (s *Store) Report(ctx context.Context, home, meter string, r household.Report) (i household.Incident, err error) {
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		if err := meterOf(ctx, tx, home, meter); err != nil {
			return err
		}
		var rows []incidentRow
		if err := tx.NewSelect().Model(&rows).Where("meter = ? AND type = ? AND resolved IS NULL", meter, string(r.Type)).Limit(1).Scan(ctx); err != nil {
			return err
		}
		if len(rows) == 1 {
			i = rows[0].incident()
			return nil
		}
		now := s.now()
		n, err := tx.NewSelect().Model((*incidentRow)(nil)).Where("meter = ? AND at > ?", meter, millis(now.Add(-24*time.Hour))).Count(ctx)
		if err != nil {
			return err
		}
		if n >= mostIncidents {
			return ErrMany
		}
		row := incidentRow{ID: household.NewID(), Meter: meter, Type: string(r.Type), Detail: r.Detail, At: millis(now)}
		i = row.incident()
		return all(ctx, tx, []incidentRow{row})
	})
	if err != nil {
		return i, fmt.Errorf("report incident: %w", err)
	}
	return i, nil
}

// Resolve ends the open incident of a type, if there is one, and gives how many it
// has ended.
func (s *Store) Resolve(ctx context.Context, home, meter string, t household.IncidentType) (n int, err error) {
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		if err := meterOf(ctx, tx, home, meter); err != nil {
			return err
		}
		r, err := tx.NewUpdate().Model((*incidentRow)(nil)).Set("resolved = ?", millis(s.now())).Where("meter = ? AND type = ? AND resolved IS NULL", meter, string(t)).Exec(ctx)
		if err != nil {
			return err
		}
		changed, err := r.RowsAffected()
		n = int(changed)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("resolve incident: %w", err)
	}
	return n, nil
}

// Incidents gives those of a meter, the newest first, limit at most.
func (s *Store) Incidents(ctx context.Context, home, meter string, limit int) ([]household.Incident, error) {
	var rows []incidentRow
	err := meterOf(ctx, s.db, home, meter)
	if err == nil {
		err = s.db.NewSelect().Model(&rows).Where("meter = ?", meter).Order("at DESC", "id").Limit(int64(limit)).Scan(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	out := make([]household.Incident, len(rows))
	for i := range rows {
		out[i] = rows[i].incident()
	}
	return out, nil
}

// Extent gives the first and the last slot of a meter; nil: it has none.
func (s *Store) Extent(ctx context.Context, home, meter string) (first, last *time.Time, err error) {
	var row struct{ First, Last *int64 }
	err = meterOf(ctx, s.db, home, meter)
	if err == nil {
		err = s.db.NewSelect().Table("survey_measurements").ColumnExpr("MIN(slot) AS first, MAX(slot) AS last").Where("meter = ?", meter).Scan(ctx, &row)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read measurements: %w", err)
	}
	return moment(row.First), moment(row.Last), nil
}
