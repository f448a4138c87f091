package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// PDUHierarchy is the identifier of the hierarchy of the data centre.
const PDUHierarchy model.HierarchyID = "datacenter"

// racks says which servers hang on which power-distribution unit.
var racks = [][2]int{{1, 6}, {7, 11}, {12, 16}}

// keepRows is how many rows a unit remembers that it could not push.
const keepRows = 3600

// PDUOptions of [PDUs].
type PDUOptions struct {
	URL    string        // of the bridge: http://127.0.0.1:8080/api/v1/ingest/pdu
	Token  string        // to show there; empty: none
	Period time.Duration // between two pushes; default 1 s
	Step   time.Duration // between two points in time within a push; default 1 s, at most Period
	Seed   uint64
	Client *http.Client // default: one with a timeout of 10 s
	Log    *slog.Logger
}

// PDUs is a small data centre: 16 servers on 3 power-distribution units that
// push over HTTP.
type PDUs struct {
	opts PDUOptions
	gen  *Generator
}

// NewPDUs checks the options. Nothing runs yet.
func NewPDUs(o PDUOptions) (*PDUs, error) {
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.Step == 0 {
		o.Step = min(time.Second, o.Period)
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("simulate units: the address %q is none", o.URL)
	}
	if o.Step < time.Millisecond || o.Step > o.Period {
		return nil, fmt.Errorf("simulate units: a step of %s in a period of %s", o.Step, o.Period)
	}
	g, err := New(Options{Sensors: 16, Interval: o.Step.Truncate(time.Millisecond), Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	return &PDUs{opts: o, gen: g}, nil
}

// Value gives what server n, from 1 to 16, draws at time t, in W.
func (p *PDUs) Value(n int, t record.Millis) float64 {
	v, _ := p.gen.Value(n-1, t)
	return v
}

// PDUDocument gives the model of the data centre.
func PDUDocument(interval time.Duration) model.Document {
	const site model.SiteID = "kiel"
	d := model.Document{
		Sites:       []model.Site{{ID: site, Name: "Kiel", Zone: "Europe/Berlin"}},
		Hierarchies: []model.Hierarchy{{ID: PDUHierarchy, Name: "Data centre", Site: site, Root: "datacenter"}},
	}
	root := model.Group{ID: "datacenter", Name: "Data centre"}
	for i, rack := range racks {
		id := model.GroupID("pdu" + strconv.Itoa(i+1))
		group := model.Group{ID: id, Name: fmt.Sprintf("Rack %d", i+1)}
		for n := rack[0]; n <= rack[1]; n++ {
			sensor := PDUSensor(i+1, n)
			d.Sensors = append(d.Sensors, model.Sensor{
				ID: sensor, Name: fmt.Sprintf("Server %d", n), Site: site, Quantity: record.ActivePower, Interval: model.Duration(interval),
			})
			group.Members = append(group.Members, model.Member{Sensor: sensor})
		}
		d.Groups = append(d.Groups, group)
		root.Members = append(root.Members, model.Member{Group: id})
	}
	d.Groups = append(d.Groups, root)
	return d
}

// PDUSensor is the identifier that the bridge gives server n on a unit.
func PDUSensor(unit, n int) record.SensorID {
	return record.SensorID(fmt.Sprintf("pdu%d.server%d", unit, n))
}

// Run pushes until ctx ends. What cannot be pushed is kept, an hour long, and
// pushed later.
func (p *PDUs) Run(ctx context.Context) error {
	var g errgroup.Group
	for i := range racks {
		g.Go(func() error { p.unit(ctx, i); return nil })
	}
	return g.Wait()
}

// unit is the life of one power-distribution unit.
func (p *PDUs) unit(ctx context.Context, i int) {
	step := p.opts.Step.Milliseconds()
	last := time.Now().UnixMilli() / step * step
	var rows []record.Millis
	tick := time.NewTicker(p.opts.Period)
	defer tick.Stop()
	for well := true; ; {
		for now := time.Now().UnixMilli(); last <= now; last += step {
			rows = append(rows, record.Millis(last))
		}
		if len(rows) > keepRows {
			p.opts.Log.Warn("unit drops rows it could not push", "unit", i+1, "rows", len(rows)-keepRows)
			rows = rows[len(rows)-keepRows:]
		}
		err := p.push(ctx, i, rows)
		if err == nil {
			rows = rows[:0]
		}
		if ctx.Err() != nil {
			return
		}
		if now := err == nil; now != well {
			well = now
			p.opts.Log.Info("pushing of unit changed", "unit", i+1, "works", well, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *PDUs) push(ctx context.Context, i int, rows []record.Millis) error {
	if len(rows) == 0 {
		return nil
	}
	u, err := url.Parse(p.opts.URL)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("id", "pdu"+strconv.Itoa(i+1))
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(p.message(i, rows)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.opts.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.opts.Token)
	}
	resp, err := p.opts.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // for the message only
	err = errors.New(resp.Status + ": " + strings.TrimSpace(string(said)))
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		// It will never be taken; keeping it would hold up what follows.
		p.opts.Log.Error("rows of unit refused", "unit", i+1, "rows", len(rows), "error", err)
		return nil
	}
	return err
}

// message is what unit i pushes: for every outlet power, voltage and current,
// for every point in time a row.
func (p *PDUs) message(i int, rows []record.Millis) []byte {
	type device struct {
		Type  int    `json:"type"`
		Label string `json:"label"`
		Line  int    `json:"line"`
	}
	type sensor struct {
		Device device `json:"device"`
		ID     string `json:"id"`
	}
	type value struct {
		Available bool    `json:"available"`
		Samples   int     `json:"takenValidSamples"`
		State     int     `json:"state"`
		Min       float64 `json:"minValue"`
		Avg       float64 `json:"avgValue"`
		Max       float64 `json:"maxValue"`
	}
	type row struct {
		Timestamp float64 `json:"timestamp"`
		Records   []value `json:"records"`
	}
	var m struct {
		Sensors []sensor `json:"sensors"`
		Rows    []row    `json:"rows"`
	}
	for n := racks[i][0]; n <= racks[i][1]; n++ {
		for _, q := range []string{"activePower", "rmsVoltage", "rmsCurrent"} {
			m.Sensors = append(m.Sensors, sensor{device{4, "server" + strconv.Itoa(n), 0}, q})
		}
	}
	for _, t := range rows {
		r := row{Timestamp: float64(t) / 1000}
		for n := racks[i][0]; n <= racks[i][1]; n++ {
			w := p.Value(n, t)
			for _, v := range []float64{w, 230, w / 230} {
				r.Records = append(r.Records, value{true, 1, 5, v, v, v})
			}
		}
		m.Rows = append(m.Rows, r)
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err) // finite numbers and plain text: cannot be
	}
	return data
}

// Readings gives what all servers draw at time t, as the bridge records it.
func (p *PDUs) Readings(t record.Millis) []record.Record {
	var out []record.Record
	for i, rack := range racks {
		for n := rack[0]; n <= rack[1]; n++ {
			out = append(out, record.Record{Sensor: PDUSensor(i+1, n), Time: t, Value: p.Value(n, t)})
		}
	}
	return out
}
