package register

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Errors. They are wrapped with a sentence that can be shown.
var (
	ErrNotFound = errors.New("not found")
	ErrInvalid  = errors.New("invalid")
	ErrGone     = errors.New("the consent was revoked")
	ErrText     = errors.New("another text is in force")
	ErrToken    = errors.New("the enrolment token is not good (any more)")
)

// intake is the lock under which measurements are taken and consents change.
const intake = "survey intake"

// Store is the database of a survey.
type Store struct {
	db     *sqldb.DB
	now    func() time.Time
	people int // who live in a ring at least; 0: as usual
}

// Open opens the books and brings the tables up to date.
func Open(ctx context.Context, o sqldb.Options) (*Store, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open survey: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "survey_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open survey: %w", errors.Join(err, db.Close()))
	}
	return &Store{db: db, now: time.Now}, nil
}

// SetClock has the store look at another clock. It is called before all else.
func (s *Store) SetClock(now func() time.Time) { s.now = now }

// SetPeople says how many people live at least in the ring in which a place is
// drawn. It is called before all else.
func (s *Store) SetPeople(n int) { s.people = n }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	return new(time.UnixMilli(*ms).UTC())
}

type householdRow struct {
	bun.BaseModel `bun:"table:survey_households,alias:h"`
	ID            string `bun:"id,pk"`
	Group         string `bun:"grp"`
	Registered    int64  `bun:"registered"`
	State         string `bun:"state"`
	Version       string `bun:"version"`
	Granted       *int64 `bun:"granted"`
	Revoked       *int64 `bun:"revoked"`
	Metadata      string `bun:"metadata"`
	Location      string `bun:"location"`
}

func (r *householdRow) consent() household.Consent {
	return household.Consent{State: consent.State(r.State), Version: r.Version, Granted: moment(r.Granted), Revoked: moment(r.Revoked)}
}

type participantRow struct {
	bun.BaseModel `bun:"table:survey_participants,alias:p"`
	Household     string `bun:"household,pk"`
	Name          string `bun:"name"`
	Email         string `bun:"email"`
	Phone         string `bun:"phone"`
	Note          string `bun:"note"`
}

type addressRow struct {
	bun.BaseModel `bun:"table:survey_addresses,alias:a"`
	Household     string `bun:"household,pk"`
	Street        string `bun:"street"`
	Postcode      string `bun:"postcode"`
	City          string `bun:"city"`
	Country       string `bun:"country"`
}

type pvRow struct {
	bun.BaseModel `bun:"table:survey_pv_systems,alias:v"`
	ID            string   `bun:"id,pk"`
	Household     string   `bun:"household"`
	Name          string   `bun:"name"`
	NominalPower  *float64 `bun:"nominal_power"`
	Azimuth       *float64 `bun:"azimuth"`
	Tilt          *float64 `bun:"tilt"`
	Installed     string   `bun:"installed"`
}

func (r *pvRow) system() household.PVSystem {
	return household.PVSystem{ID: r.ID, Name: r.Name, NominalPower: r.NominalPower, Azimuth: r.Azimuth, Tilt: r.Tilt, Installed: r.Installed}
}

type meterRow struct {
	bun.BaseModel `bun:"table:survey_meters,alias:m"`
	ID            string `bun:"id,pk"`
	Household     string `bun:"household"`
	Point         string `bun:"point"`
	PVSystem      string `bun:"pv_system"`
	Name          string `bun:"name"`
	Model         string `bun:"model"`
	Serial        string `bun:"serial"`
}

func (r *meterRow) meter() household.Meter {
	return household.Meter{ID: r.ID, Name: r.Name, Model: r.Model, Serial: r.Serial, PVSystem: r.PVSystem}
}

type deviceRow struct {
	bun.BaseModel   `bun:"table:survey_devices,alias:d"`
	ID              string `bun:"id,pk"`
	Household       string `bun:"household"`
	Kind            string `bun:"kind"`
	Name            string `bun:"name"`
	Registered      int64  `bun:"registered"`
	Version         string `bun:"version"`
	LastSeen        *int64 `bun:"last_seen"`
	LastMeasurement *int64 `bun:"last_measurement"`
	Skew            *int64 `bun:"skew"`
	Condition       string `bun:"condition"` // JSON; empty: it said nothing
}

type logRow struct {
	bun.BaseModel `bun:"table:survey_log,alias:l"`
	ID            string `bun:"id,pk"`
	Household     string `bun:"household"`
	At            int64  `bun:"at"`
	Who           string `bun:"who"`
	What          string `bun:"what"`
}

// note writes down who did what to a household.
func (s *Store) note(ctx context.Context, tx bun.IDB, id, who, what string) error {
	_, err := tx.NewInsert().Model(&logRow{ID: household.NewID(), Household: id, At: millis(s.now()), Who: who, What: what}).Exec(ctx)
	return err
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // the words of this project can be written down
	}
	return string(data)
}

// all writes rows, of which there may be none.
func all[T any](ctx context.Context, tx bun.IDB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// Register keeps a household. The answer has its identifiers.
func (s *Store) Register(ctx context.Context, r household.Registration, who string) (household.Household, error) {
	if err := r.Validate(); err != nil {
		return household.Household{}, fmt.Errorf("register household: %w: %w", ErrInvalid, err)
	}
	h := householdRow{
		ID: household.NewID(), Group: "survey." + household.NewID(), Registered: millis(s.now()), State: string(consent.NotGranted), Metadata: encode(r.Metadata),
	}
	if r.Location != nil {
		h.Location = encode(household.Location{Place: *r.Location})
	}
	systems := make(map[string]string)
	var pvs []pvRow
	for _, p := range r.PVSystems {
		row := pvRow{ID: household.NewID(), Household: h.ID, Name: p.Name, NominalPower: p.NominalPower, Azimuth: p.Azimuth, Tilt: p.Tilt, Installed: p.Installed}
		systems[p.Name] = row.ID
		pvs = append(pvs, row)
	}
	var meters []meterRow
	for _, m := range r.Meters {
		row := meterRow{ID: household.NewID(), Household: h.ID, Point: "survey." + household.NewID(), Name: m.Name, Model: m.Model, Serial: m.Serial}
		if m.PVSystem != "" {
			row.PVSystem = systems[m.PVSystem]
		}
		meters = append(meters, row)
	}
	names := r.Devices
	if len(names) == 0 {
		names = []string{"edge"}
	}
	var devices []deviceRow
	for _, n := range names {
		devices = append(devices, deviceRow{ID: household.NewID(), Household: h.ID, Kind: string(household.Edge), Name: n, Registered: h.Registered})
	}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, err := range []error{
			all(ctx, tx, []householdRow{h}),
			all(ctx, tx, []participantRow{{Household: h.ID, Name: r.Participant.Name, Email: r.Participant.Email, Phone: r.Participant.Phone, Note: r.Participant.Note}}),
			all(ctx, tx, []addressRow{{Household: h.ID, Street: r.Address.Street, Postcode: r.Address.Postcode, City: r.Address.City, Country: r.Address.Country}}),
			all(ctx, tx, pvs), all(ctx, tx, meters), all(ctx, tx, devices),
			s.note(ctx, tx, h.ID, who, "registered"),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return household.Household{}, fmt.Errorf("register household: %w", err)
	}
	return s.Household(ctx, h.ID)
}

// Household gives one. The error wraps ErrNotFound when there is none.
func (s *Store) Household(ctx context.Context, id string) (household.Household, error) {
	list, err := s.read(ctx, []string{id})
	if err != nil {
		return household.Household{}, fmt.Errorf("read household: %w", err)
	}
	if len(list) == 0 {
		return household.Household{}, fmt.Errorf("%w: there is no such household", ErrNotFound)
	}
	return list[0], nil
}

// Households gives those after one, in the order of their identifiers, and how many
// there are.
func (s *Store) Households(ctx context.Context, after string, limit int) (list []household.Household, total int, err error) {
	var ids []string
	err = s.db.NewSelect().Table("survey_households").Column("id").Where("id > ?", after).Order("id").Limit(int64(limit)).Scan(ctx, &ids)
	if err == nil {
		var n int64
		n, err = s.db.NewSelect().Table("survey_households").Count(ctx)
		total = int(n)
	}
	if err == nil {
		list, err = s.read(ctx, ids)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read households: %w", err)
	}
	return list, total, nil
}

// read gives households with all that belongs to them, at one moment.
func (s *Store) read(ctx context.Context, ids []string) ([]household.Household, error) {
	if len(ids) == 0 {
		return []household.Household{}, nil
	}
	var rows []householdRow
	var people []participantRow
	var addresses []addressRow
	var pvs []pvRow
	var meters []meterRow
	var devices []deviceRow
	var credentials []credentialRow
	err := s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Order("id").Scan(ctx); err != nil {
			return err
		}
		for _, q := range []*bun.SelectQuery{
			tx.NewSelect().Model(&people), tx.NewSelect().Model(&addresses), tx.NewSelect().Model(&pvs).Order("id"),
			tx.NewSelect().Model(&meters).Order("id"), tx.NewSelect().Model(&devices).Order("id"),
		} {
			if err := q.Where("household IN (?)", bun.List(ids)).Scan(ctx); err != nil {
				return err
			}
		}
		return tx.NewSelect().Model(&credentials).Where("revoked IS NULL AND expires > ?", millis(s.now())).
			Where("device IN (SELECT id FROM survey_devices WHERE household IN (?))", bun.List(ids)).Scan(ctx)
	})
	if err != nil {
		return nil, err
	}
	list := make([]household.Household, len(rows))
	at := make(map[string]*household.Household)
	for i := range rows {
		r, h := &rows[i], &list[i]
		*h = household.Household{ID: r.ID, Registered: time.UnixMilli(r.Registered).UTC(), Consent: r.consent(), PVSystems: []household.PVSystem{}, Meters: []household.Meter{}, Devices: []household.Device{}}
		if err := json.Unmarshal([]byte(r.Metadata), &h.Metadata); err != nil {
			return nil, err
		}
		if r.Location != "" {
			h.Location = new(household.Location)
			if err := json.Unmarshal([]byte(r.Location), h.Location); err != nil {
				return nil, err
			}
		}
		at[r.ID] = h
	}
	for i := range people {
		p := &people[i]
		at[p.Household].Participant = &household.Participant{Name: p.Name, Email: p.Email, Phone: p.Phone, Note: p.Note}
	}
	for i := range addresses {
		a := &addresses[i]
		at[a.Household].Address = &household.Address{Street: a.Street, Postcode: a.Postcode, City: a.City, Country: a.Country}
	}
	for i := range pvs {
		h := at[pvs[i].Household]
		h.PVSystems = append(h.PVSystems, pvs[i].system())
	}
	for i := range meters {
		h := at[meters[i].Household]
		h.Meters = append(h.Meters, meters[i].meter())
	}
	ends := make(map[string]int64)
	for i := range credentials {
		ends[credentials[i].Device] = max(ends[credentials[i].Device], credentials[i].Expires)
	}
	for i := range devices {
		r := &devices[i]
		d := household.Device{
			ID: r.ID, Kind: household.Kind(r.Kind), Name: r.Name, Registered: time.UnixMilli(r.Registered).UTC(), Version: r.Version,
			LastSeen: moment(r.LastSeen), LastMeasurement: moment(r.LastMeasurement),
		}
		if e, ok := ends[r.ID]; ok {
			d.Enrolled, d.Expires = true, moment(&e)
		}
		if r.Skew != nil {
			d.ClockSkew = new(float64(*r.Skew) / 1000)
		}
		if r.Condition != "" {
			d.Condition = new(household.Condition)
			if err := json.Unmarshal([]byte(r.Condition), d.Condition); err != nil {
				return nil, fmt.Errorf("read device: %w", err)
			}
		}
		h := at[r.Household]
		h.Devices = append(h.Devices, d)
	}
	return list, nil
}

// AddDevice gives a household another measurement device.
func (s *Store) AddDevice(ctx context.Context, id string, kind household.Kind, name, who string) (household.Device, error) {
	if name == "" || len(name) > 200 || kind != household.Edge && kind != household.Source {
		return household.Device{}, fmt.Errorf("add device: %w: its name is 1 to 200 bytes long, and it is an edge or a source", ErrInvalid)
	}
	row := deviceRow{ID: household.NewID(), Household: id, Kind: string(kind), Name: name, Registered: millis(s.now())}
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		if _, err := living(ctx, tx, id); err != nil {
			return err
		}
		if err := all(ctx, tx, []deviceRow{row}); err != nil {
			return err
		}
		return s.note(ctx, tx, id, who, "device added")
	})
	if err != nil {
		return household.Device{}, fmt.Errorf("add device: %w", err)
	}
	return household.Device{ID: row.ID, Kind: kind, Name: name, Registered: time.UnixMilli(row.Registered).UTC()}, nil
}

// living gives a household that has not revoked its consent.
func living(ctx context.Context, tx bun.IDB, id string) (*householdRow, error) {
	var h householdRow
	err := tx.NewSelect().Model(&h).Where("id = ?", id).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("%w: there is no such household", ErrNotFound)
	case err != nil:
		return nil, err
	case consent.State(h.State) == consent.Revoked:
		return nil, ErrGone
	}
	return &h, nil
}

// Key gives the key of a name, which is made when it is first asked for.
func (s *Store) Key(ctx context.Context, name string) (ed25519.PrivateKey, error) {
	type keyRow struct {
		bun.BaseModel `bun:"table:survey_keys,alias:k"`
		Name          string `bun:"name,pk"`
		Seed          []byte `bun:"seed"`
	}
	row := keyRow{Name: name, Seed: make([]byte, ed25519.SeedSize)}
	_, _ = rand.Read(row.Seed) // it never fails
	_, err := s.db.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
	if err == nil {
		err = s.db.NewSelect().Model(&row).WherePK().Scan(ctx)
	}
	if err != nil || len(row.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("read the key for %s: %w", name, err)
	}
	return ed25519.NewKeyFromSeed(row.Seed), nil
}

// Names gives what the households that take part, and their meters, are called on
// the bus.
func (s *Store) Names(ctx context.Context) (groups, points map[string]bool, err error) {
	groups, points = make(map[string]bool), make(map[string]bool)
	for _, x := range []struct {
		table, column string
		to            map[string]bool
	}{{"survey_households", "grp", groups}, {"survey_meters", "point", points}} {
		var names []string
		if err := s.db.NewSelect().Table(x.table).Column(x.column).Where("? <> ''", bun.Ident(x.column)).Scan(ctx, &names); err != nil {
			return nil, nil, fmt.Errorf("read households: %w", err)
		}
		for _, n := range names {
			x.to[n] = true
		}
	}
	return groups, points, nil
}
