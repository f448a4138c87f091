package views

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// Service keeps the descriptions of points up to date.
type Service struct {
	db      *sqldb.DB
	catalog *catalog.Catalog
	log     *slog.Logger
}

// New makes the views in the database of settled windows, or brings them up to
// date.
func New(ctx context.Context, store *ledger.Store, c *catalog.Catalog, log *slog.Logger) (*Service, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// The tables of costs, of which there is a view.
	if _, err := contract.Open(ctx, store); err != nil {
		return nil, fmt.Errorf("make views of settled windows: %w", err)
	}
	s := &Service{db: store.Settled(), catalog: c, log: log}
	kind := "sqlite"
	if s.db.Shared() {
		kind = "postgres"
	}
	files, err := fs.Sub(migrations, "migrations/"+kind)
	if err != nil {
		return nil, err
	}
	if err := s.db.Migrate(ctx, "views_migrations", files); err != nil {
		return nil, fmt.Errorf("make views of settled windows: %w", err)
	}
	return s, nil
}

// again is how long is waited after something failed.
const again = 10 * time.Second

// Run writes descriptions whenever the model changes, until ctx ends. What
// fails is tried again.
func (s *Service) Run(ctx context.Context) error {
	for {
		err := s.catalog.Watch(ctx, func(st catalog.State) error {
			if st.Revision < s.catalog.State().Revision {
				return nil // the next one says it all
			}
			return s.Describe(ctx, st.Model)
		})
		if ctx.Err() != nil {
			return nil
		}
		s.log.Warn("names for SQL are not written, trying again", "error", err)
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

type description struct {
	bun.BaseModel `bun:"table:settled_descriptions"`
	Kind          string `bun:"kind,pk"`
	Hierarchy     string `bun:"hierarchy,pk"`
	Name          string `bun:"name,pk"`
	Title         string `bun:"title"`
	Quantity      string `bun:"quantity"`
	Unit          string `bun:"unit"`
	AverageUnit   string `bun:"average_unit"`
	Zone          string `bun:"zone"`
}

type offset struct {
	bun.BaseModel `bun:"table:settled_offsets"`
	Zone          string `bun:"zone,pk"`
	Since         int64  `bun:"since,pk"`
	Until         int64  `bun:"until"`
	Shift         int64  `bun:"shift"`
	Suffix        string `bun:"suffix"`
}

// Describe writes what the model says of its points. Run does so by itself.
func (s *Service) Describe(ctx context.Context, m *model.Model) error {
	wanted, zones, err := describe(m)
	if err != nil {
		return fmt.Errorf("describe points: %w", err)
	}
	err = s.db.Alone(ctx, "settled descriptions", func(ctx context.Context, tx bun.Tx) error {
		var have []description
		if err := tx.NewSelect().Model(&have).Scan(ctx); err != nil {
			return err
		}
		known := make(map[description]bool, len(have))
		for _, d := range have {
			known[d] = true
		}
		var changed []description
		for _, d := range wanted {
			if !known[d] {
				changed = append(changed, d)
			}
		}
		for len(changed) > 0 {
			some := changed[:min(len(changed), 500)]
			changed = changed[len(some):]
			if _, err := tx.NewInsert().Model(&some).On("CONFLICT (kind, hierarchy, name) DO UPDATE").
				Set("title = excluded.title").Set("quantity = excluded.quantity").Set("unit = excluded.unit").
				Set("average_unit = excluded.average_unit").Set("zone = excluded.zone").Exec(ctx); err != nil {
				return err
			}
		}
		return writeOffsets(ctx, tx, zones)
	})
	if err != nil {
		return fmt.Errorf("describe points: %w", err)
	}
	return nil
}

// writeOffsets writes when clocks change, once for each zone and version of
// its rules.
func writeOffsets(ctx context.Context, tx bun.Tx, zones map[string]*time.Location) error {
	for name, zone := range zones {
		rows := offsets(name, zone)
		var have []offset
		if err := tx.NewSelect().Model(&have).Where("zone = ?", name).Order("since").Scan(ctx); err != nil {
			return err
		}
		same := len(have) == len(rows)
		for i := 0; same && i < len(rows); i++ {
			same = have[i] == rows[i]
		}
		if same {
			continue
		}
		if _, err := tx.NewDelete().Model((*offset)(nil)).Where("zone = ?", name).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// describe gives what a model says of its points, and the zones in it.
func describe(m *model.Model) (out []description, zones map[string]*time.Location, err error) {
	zones = make(map[string]*time.Location)
	zoneOf := func(site model.SiteID) string {
		zone := "UTC"
		if x, ok := m.Site(site); ok && x.Zone != "" {
			zone = x.Zone
		}
		if _, ok := zones[zone]; !ok {
			c, lerr := window.Load(zone)
			if lerr != nil {
				err = errors.Join(err, lerr)
				return zone
			}
			zones[zone] = c.Zone()
		}
		return zone
	}
	add := func(kind, hierarchy, name, title, zone string, q record.Quantity) {
		d := description{Kind: kind, Hierarchy: hierarchy, Name: name, Title: title, Zone: zone, AverageUnit: q.Unit().Symbol}
		if whole, ok := q.Integral(); ok {
			d.Quantity, d.Unit = string(whole), whole.Unit().Symbol
			if whole == q { // a counter
				if d.AverageUnit = d.Unit + "/h"; q == record.Energy {
					d.AverageUnit = record.ActivePower.Unit().Symbol
				}
			}
		} else {
			d.Quantity = string(q)
		}
		out = append(out, d)
	}
	for sn := range m.Sensors() {
		add(ledger.SensorKind, "", string(sn.ID), sn.Name, zoneOf(sn.Site), sn.Quantity)
	}
	for g := range m.Groups() {
		if h, ok := m.HierarchyOf(g.ID); ok {
			x, _ := m.Hierarchy(h)
			add(ledger.GroupKind, string(h), string(g.ID), g.Name, zoneOf(x.Site), m.QuantityOf(g.ID))
		}
	}
	return out, zones, err
}

// offsets are the spans in which a clock is not changed, from 1970 to 2100.
func offsets(name string, zone *time.Location) []offset {
	shift := func(t record.Millis) int64 {
		_, seconds := t.Time().In(zone).Zone()
		return int64(seconds) * 1000
	}
	var out []offset
	begin := func(t record.Millis) {
		out = append(out, offset{
			Zone: name, Since: int64(t), Until: int64(record.MaxTime) + 1, Shift: shift(t), Suffix: t.Time().In(zone).Format("Z07:00"),
		})
	}
	const day, second = record.Millis(86_400_000), record.Millis(1000)
	begin(record.MinTime)
	for t := record.MinTime; t+day <= record.MaxTime; t += day {
		was := out[len(out)-1].Shift
		if shift(t+day) == was {
			continue
		}
		// No clock is changed twice in a day.
		lo, hi := t, t+day
		for hi-lo > second {
			if mid := (lo + (hi-lo)/2) / second * second; shift(mid) == was {
				lo = mid
			} else {
				hi = mid
			}
		}
		out[len(out)-1].Until = int64(hi)
		begin(hi)
	}
	return out
}
