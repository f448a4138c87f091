package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/replay"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

const (
	// demoPast is for how long the plants have been sending when the process
	// starts. Groups are evaluated for all of it, once a second.
	demoPast = 3 * time.Hour
	// demoHistory is how much of the past the sensors have, without groups: as
	// if it had been imported.
	demoHistory = 3 * 24 * time.Hour
	// demoStep is the distance of the servers' readings in it.
	demoStep = time.Minute
	// demoChunk is how many readings of the past are stored at once.
	demoChunk = 20_000
	// demoOverlap is sent once more when the replay goes live; longer than the
	// interval of any file.
	demoOverlap = 20 * time.Minute
)

// demoPlants are the plants that send.
type demoPlants struct {
	bridge *bridge.Service
	store  history.Store                                                               // nil: not in this process
	filled func(ctx context.Context, id record.SensorID, from, to record.Millis) error // tells who settles of what was stored
	units  *sim.PDUs
	files  []demoFile
	log    *slog.Logger

	community *community
	fresh     bool // the plants were put into the model just now
	base      string
	secret    string
	client    *http.Client
}

type demoFile struct {
	mapping replay.Mapping
	open    func() (io.ReadCloser, error)
}

// startDemo puts the demo plants into an empty model and makes them send: the
// data centre over HTTP, as real units do, the others from files that are
// shifted to now, and the energy community as it is made up.
func startDemo(ctx context.Context, p *process) (running, error) {
	log := p.logger("demo")
	fresh, err := p.loadDemoModel(ctx)
	if err != nil {
		return running{}, err
	}
	base := p.localURL()
	units, err := sim.NewPDUs(sim.PDUOptions{URL: base + "/api/v1/ingest/pdu", Token: p.secret, Client: localHTTP(base), Log: log})
	if err != nil {
		return running{}, err
	}
	d := &demoPlants{bridge: p.bridge, store: p.store, units: units, log: log, files: []demoFile{
		{replay.Household(), demo.Household}, {replay.Steel(), demo.SteelWorks},
	}, fresh: fresh, base: base, secret: p.secret, client: localHTTP(base)}
	if p.history != nil {
		d.filled = p.history.Filled
	}
	return running{run: d.run}, nil
}

// run gives the plants their past and then lets them send.
func (d *demoPlants) run(ctx context.Context) error {
	now := record.MillisOf(time.Now())
	d.community = newCommunity(now)
	for _, give := range []func(context.Context, record.Millis) error{d.history, d.past} {
		if err := give(ctx, now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.units.Run(ctx) })
	g.Go(func() error { return d.tell(ctx, now) })
	g.Go(func() error { return d.live(ctx, now) })
	for _, f := range d.files {
		g.Go(func() error {
			_, err := replay.Run(ctx, replay.Options{
				Taker: d.bridge, Source: "demo", Mapping: f.mapping, Open: f.open, Live: true, Backfill: demoOverlap, Log: d.log,
			})
			return err
		})
	}
	return g.Wait()
}

// readings gives what all plants sent from from to to, in the order of time
// across all of them.
func (d *demoPlants) readings(from, to record.Millis) ([]bridge.Reading, error) {
	var all []bridge.Reading
	for _, f := range d.files {
		rows, err := f.shifted(from, to)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	step := record.Millis(demoStep.Milliseconds())
	for t := from / step * step; t <= to; t += step {
		for _, r := range d.units.Readings(t) {
			all = append(all, bridge.Reading{Sensor: string(r.Sensor), Time: r.Time, Value: r.Value, Quantity: record.ActivePower})
		}
	}
	slices.SortStableFunc(all, func(a, b bridge.Reading) int { return cmp.Compare(a.Time, b.Time) })
	return all, nil
}

// past stores what the plants sent lately, as if it came now. The order
// matters: what comes after a later reading of the same partition would be too
// late for its tick, and groups would miss it in their past.
func (d *demoPlants) past(ctx context.Context, now record.Millis) error {
	all, err := d.readings(now-record.Millis(demoPast.Milliseconds()), now)
	if err != nil {
		return err
	}
	all = append(all, d.community.readings(now-record.Millis(demoPast.Milliseconds()), now)...)
	slices.SortStableFunc(all, func(a, b bridge.Reading) int { return cmp.Compare(a.Time, b.Time) })
	for chunk := range slices.Chunk(all, demoChunk) {
		if _, err := d.bridge.TakeReadings(ctx, "demo", each(chunk)); err != nil {
			return err
		}
	}
	d.log.Info("demo plants have their past", "readings", len(all))
	return nil
}

// history puts what is older into the history at once.
func (d *demoPlants) history(ctx context.Context, now record.Millis) error {
	if d.store == nil {
		return nil
	}
	all, err := d.readings(now-record.Millis(demoHistory.Milliseconds()), now-record.Millis(demoPast.Milliseconds()))
	if err != nil {
		return err
	}
	times, values := make(map[record.SensorID][]record.Millis), make(map[record.SensorID][]float64)
	for _, r := range all {
		v := r.Value
		if r.Unit != "" {
			if v, _, err = record.Convert(r.Value, r.Unit); err != nil {
				return err
			}
		}
		id := record.SensorID(r.Sensor)
		times[id], values[id] = append(times[id], r.Time), append(values[id], v)
	}
	b, err := d.store.Backfill(ctx)
	if err != nil {
		return err
	}
	defer b.Abort()
	for id := range times {
		if err := b.Add(history.RecordsOf(id), times[id], values[id]); err != nil {
			return err
		}
	}
	spans := make(map[record.SensorID][2]record.Millis)
	err = d.community.before(now, now-record.Millis(demoPast.Milliseconds()), func(id record.SensorID, times []record.Millis, values []float64) error {
		spans[id] = [2]record.Millis{times[0], times[len(times)-1]}
		return b.Add(history.RecordsOf(id), times, values)
	})
	if err != nil {
		return err
	}
	if _, err = b.Commit(); err != nil || d.filled == nil {
		return err
	}
	// Services, forecasts and what stands in rest on settled windows.
	for id, x := range spans {
		if err := d.filled(ctx, id, x[0], x[1]); err != nil {
			return err
		}
	}
	return nil
}

func each(rs []bridge.Reading) iter.Seq2[bridge.Reading, error] {
	return func(yield func(bridge.Reading, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// shifted gives the readings from from to to of the endless repetition of the
// file, in the same way as a live replay goes on with them.
func (f demoFile) shifted(from, to record.Millis) ([]bridge.Reading, error) {
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var rows []replay.Row
	for row, err := range replay.Rows(file, f.mapping) {
		var fault *bridge.Refusal
		switch {
		case errors.As(err, &fault): // the live replay tells of it
		case err != nil:
			return nil, err
		default:
			rows = append(rows, row)
		}
	}
	rows, length := replay.Loop(rows, f.mapping.Interval)
	period := record.Millis(length.Milliseconds())
	var out []bridge.Reading
	for n := (from-rows[0].At)/period - 1; rows[0].At+n*period <= to; n++ {
		for _, row := range rows {
			at := row.At + n*period
			if at < from || at > to {
				continue
			}
			for _, r := range row.Readings {
				r.Time = at
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// loadDemoModel puts the plants into the model, and tells whether it did.
func (p *process) loadDemoModel(ctx context.Context) (bool, error) {
	now := p.catalog.State()
	if !isEmpty(now.Model) {
		if _, ours := now.Model.Hierarchy("place"); !ours {
			p.logger("demo").Warn("the model is not empty, so the demo plants are not put into it; their sensors are listed as unassigned")
		}
		return false, nil
	}
	d, err := demo.Model()
	if err != nil {
		return false, err
	}
	_, err = p.catalog.Commit(ctx, catalog.Change{
		Base: now.Revision, Patch: model.Diff(model.Document{}, d), Who: "wattwerk", Note: "put the demo plants in",
	})
	if errors.Is(err, catalog.ErrConflict) { // somebody else was faster, so it is not empty
		return false, nil
	}
	return err == nil, err
}

func isEmpty(m *model.Model) bool {
	sites, sensors, groups, hierarchies := m.Counts()
	return sites+sensors+groups+hierarchies == 0
}
