// Package reporttest is a made-up plant of which reports can be made without
// settling anything: its windows are a formula of the time.
//
// It is for tests of reports alone. The plant never changes unless a test
// changes it; that is not safe while a report is made.
package reporttest

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/window"
)

// Plant answers what a settlement and its books would.
type Plant struct {
	Document model.Document
	Revision uint64        // of the document: whoever changes it counts on
	Frontier record.Millis // settled up to here
	Floor    record.Millis // and from here on
	Oldest   record.Millis // the oldest reading
	Clock    time.Time
	// Quarter gives what is settled of a sensor for a quarter of an hour; false:
	// nothing. Of a counter or power it is an amount, of a temperature an average.
	Quarter   func(sensor string, q int32) (ledger.Row, bool)
	Trees     []ledger.Structure
	Decided   []ledger.Intervention
	Marked    []ledger.Mark
	Notes     []energy.Annotation // of the sensor "gas"
	Questions int                 // how often windows were asked for

	model *model.Model // of revision of
	of    uint64
	trees [][]Node
}

// New makes the plant of the examples, on 5 November 2026.
func New() *Plant {
	long := model.Duration(31 * 24 * time.Hour)
	p := &Plant{
		Revision: 7,
		Document: model.Document{
			Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
			Sensors: []model.Sensor{
				{ID: "main", Name: "Main meter", Site: "kiel", Quantity: record.ActivePower},
				{ID: "press", Name: "Press \"A\" <old>", Site: "kiel", Quantity: record.ActivePower},
				{ID: "oven", Name: "=SUM(A1:A9)", Site: "kiel", Quantity: record.ActivePower},
				{ID: "roof", Name: "Solar roof", Site: "kiel", Quantity: record.ActivePower},
				{ID: "hallmeter", Quantity: record.ActivePower}, // of no site: its days are those of UTC
				{ID: "light", Site: "kiel", Quantity: record.ActivePower},
				{ID: "gas", Name: "Gas", Site: "kiel", Quantity: record.Volume},
				{ID: "steel", Name: "Steel made", Site: "kiel", Quantity: record.Mass, Kind: model.Counter, Interval: long},
				{ID: "outside", Name: "Outdoor temperature", Site: "kiel", Quantity: record.Temperature},
			},
			Groups: []model.Group{
				{ID: "plant", Name: "Steel works Kiel", Members: []model.Member{{Sensor: "main", Meter: true}, {Sensor: "press"}, {Sensor: "oven"}, {Group: "hall"}, {Group: "sun", Sign: -1}}},
				{ID: "hall", Name: "Hall 2", Members: []model.Member{{Sensor: "hallmeter", Meter: true}, {Sensor: "light"}}},
				{ID: "sun", Members: []model.Member{{Sensor: "roof"}}},
			},
			Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
		},
		Clock: time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC),
	}
	p.Frontier = record.MillisOf(p.Clock) / window.QuarterLength * window.QuarterLength
	p.Floor = record.MillisOf(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	p.Oldest = p.Floor
	p.Quarter = p.usual
	p.Keep(0, p.Tree())
	return p
}

// usual is what the plant does when nothing is wrong, and a few things that
// are: a gap of two days of the light, an estimate of the oven, a correction of
// the press.
func (p *Plant) usual(sensor string, q int32) (ledger.Row, bool) {
	at := window.QuarterSpan(q)
	t := at.From.Time()
	day := float64(t.Unix() / 86400)
	hour := float64(t.Hour()) + float64(t.Minute())/60
	work := 0.3
	if hour >= 5 && hour < 19 && t.Weekday() != time.Sunday {
		work = 1
	}
	season := math.Cos((day - 15) / 365.2425 * 2 * math.Pi) // 1 in January
	watt := func(name string) float64 {
		v := 1000 * power(name)
		if name == "roof" {
			return math.Round(max(0, v*math.Sin((hour-6)/12*math.Pi)*(1-0.6*season)))
		}
		return math.Round(v * work * (1 + 0.05*float64((int64(q)*7919)%13)/13) * (1 + 0.02*season))
	}
	r := ledger.Row{Start: at.From, End: at.To, Total: 1, Members: 1, Value: energy.Value{
		Known: true, Quality: energy.Measured, Count: 15, Covered: window.QuarterLength,
	}}
	amount := func(v float64) { r.Amount, _ = energy.Of(v) }
	switch sensor {
	case "main":
		amount((watt("press") + watt("oven") + watt("hallmeter") - watt("roof") + 5000) / 4)
	case "press", "oven", "light", "hallmeter", "roof":
		amount(watt(sensor) / 4)
	case "gas":
		amount(math.Round(100*work*(2+season)) / 100)
	case "steel":
		amount(math.Round(800 * work * (1 + 0.1*math.Sin(day/9)) / 4 * (1 - 0.2*season)))
	case "outside":
		r.Known, r.Members, r.Average = false, 0, 10-9*season+4*math.Sin((hour-9)/12*math.Pi)
		return r, true
	default:
		return ledger.Row{}, false
	}
	r.Average, r.Min, r.Max = r.Amount.Float64()*4, r.Amount.Float64()*4, r.Amount.Float64()*4
	october := t.Year() == 2026 && t.Month() == time.October
	switch {
	case sensor == "light" && october && (t.Day() == 10 || t.Day() == 11):
		return ledger.Row{}, false
	case sensor == "oven" && october && t.Day() == 14 && hour < 6:
		r.Estimated, r.Quality, r.Covered, r.Count = r.Amount, energy.Estimated, 0, 0
	case sensor == "press" && october && t.Day() == 20 && hour < 2:
		r.Quality = energy.Corrected
	case t.Year() < 2024:
		return ledger.Row{}, false
	}
	return r, true
}

// power is about what a sensor measures, in kW.
func power(name string) float64 {
	switch name {
	case "press":
		return 180
	case "oven":
		return 320
	case "light":
		return 12
	case "hallmeter":
		return 14
	}
	return 90
}

// Model is the model of the document.
func (p *Plant) Model() (*model.Model, uint64) {
	if p.model == nil || p.of != p.Revision {
		m, err := model.New(p.Document)
		if err != nil {
			panic(err) // a test wrote it
		}
		p.model, p.of = m, p.Revision
	}
	return p.model, p.Revision
}

// Builder makes reports of the plant.
func (p *Plant) Builder() *report.Builder {
	return &report.Builder{Settled: p, Books: p, Model: p.Model, Now: func() time.Time { return p.Clock }}
}

type part struct {
	Sensor string `json:"s"`
	Sign   int8   `json:"n"`
}

// Node is a group of a tree, as the books keep it.
type Node struct {
	Name    string `json:"name"`
	Parent  int    `json:"parent"`
	Sign    int8   `json:"sign"`
	Meter   string `json:"meter,omitempty"`
	Inverse bool   `json:"inverse,omitempty"`
	Total   uint32 `json:"total"`
	Sensors []part `json:"sensors,omitempty"`
}

// Tree is the tree of the model.
func (p *Plant) Tree() []Node {
	m, _ := p.Model()
	l := m.Layout("place")
	var out []Node
	for _, g := range l.Groups {
		n := Node{Name: string(g.ID), Parent: int(g.Parent), Sign: g.Sign, Total: g.Total}
		if g.Meter >= 0 {
			n.Meter, n.Inverse = string(l.Leaves[g.Meter].Sensor), l.Leaves[g.Meter].Sign < 0
		}
		out = append(out, n)
	}
	for _, leaf := range l.Leaves {
		if !leaf.Meter {
			out[leaf.Group].Sensors = append(out[leaf.Group].Sensors, part{string(leaf.Sensor), leaf.Sign})
		}
	}
	return out
}

// Keep has a tree hold from a time on, later than all others.
func (p *Plant) Keep(since record.Millis, tree []Node) {
	text, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	p.trees = append(p.trees, tree)
	p.Trees = append(p.Trees, ledger.Structure{Hierarchy: "place", Since: since, Body: b.Bytes()})
}

// row is what is settled of a point for a quarter of an hour.
func (p *Plant) row(tree []Node, at ledger.Point, q int32) (ledger.Row, bool) {
	span := window.QuarterSpan(q)
	if span.To > p.Frontier {
		return ledger.Row{}, false
	}
	if at.Hierarchy == "" {
		return p.Quarter(at.Name, q)
	}
	out := ledger.Row{Start: span.From, End: span.To}
	any, whole := false, true
	add := func(r ledger.Row, ok bool, sign int8, total uint32) {
		out.Total += total
		whole = whole && ok && r.Known && r.Members == total && r.Covered == window.QuarterLength*int64(total)
		if !ok {
			return
		}
		any = true
		if r.Known {
			out.Known = true
			out.Amount += energy.Amount(sign) * r.Amount
			out.Estimated += r.Estimated
			out.Members += r.Members
		}
		out.Covered += r.Covered
		out.Count += r.Count
		out.Quality = max(out.Quality, r.Quality)
	}
	for i, g := range tree {
		if g.Name != at.Name {
			continue
		}
		for _, s := range g.Sensors {
			r, ok := p.Quarter(s.Sensor, q)
			add(r, ok, s.Sign, 1)
		}
		for _, c := range tree {
			switch {
			case c.Parent != i:
			case c.Meter != "":
				r, ok := p.Quarter(c.Meter, q)
				add(r, ok, c.Sign, 1)
			default:
				r, ok := p.row(tree, ledger.GroupPoint("place", c.Name), q)
				add(r, ok, c.Sign, c.Total)
			}
		}
	}
	for _, g := range tree {
		if g.Name != at.Name || g.Meter == "" {
			continue
		}
		meter, ok := p.Quarter(g.Meter, q)
		any = any || ok
		if out.Metered = ok && meter.Known; !out.Metered {
			continue
		}
		if out.Meter = meter.Amount; g.Inverse {
			out.Meter = -out.Meter
		}
		if whole && out.Known && meter.Covered == window.QuarterLength {
			out.Rest = ledger.Rest{Time: window.QuarterLength, Amount: out.Meter - out.Amount, Estimated: out.Estimated + meter.Estimated}
		}
	}
	return out, any
}

// Windows gives windows as a settlement does.
func (p *Plant) Windows(_ context.Context, at ledger.Point, size window.Size, from, to record.Millis) ([]ledger.Row, record.Millis, error) {
	p.Questions++
	m, _ := p.Model()
	var out []ledger.Row
	for w := range report.CalendarOf(m, at).Spans(size, from, to) {
		sum := ledger.Row{Start: w.From, End: w.To, Value: energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}}
		var weighted float64
		first, end := w.Quarters()
		for q := first; q < end; q++ {
			r, ok := p.row(p.treeAt(w.From), at, q)
			if !ok {
				continue
			}
			if r.Known {
				sum.Known = true
				sum.Amount += r.Amount
				sum.Estimated += r.Estimated
			}
			if r.Metered {
				sum.Metered = true
				sum.Meter += r.Meter
			}
			sum.Rest.Time, sum.Rest.Amount, sum.Rest.Estimated = sum.Rest.Time+r.Rest.Time, sum.Rest.Amount+r.Rest.Amount, sum.Rest.Estimated+r.Rest.Estimated
			weighted += r.Average * float64(r.Covered)
			sum.Covered += r.Covered
			sum.Count += r.Count
			sum.Total, sum.Members, sum.Quality = max(sum.Total, r.Total), max(sum.Members, r.Members), max(sum.Quality, r.Quality)
		}
		if sum.Covered > 0 {
			sum.Average = weighted / float64(sum.Covered)
		}
		out = append(out, sum)
	}
	return out, p.Frontier, nil
}

func (p *Plant) treeAt(t record.Millis) []Node {
	var found []Node
	for i, s := range p.Trees {
		if s.Since <= t {
			found = p.trees[i]
		}
	}
	return found
}

// Annotations are those of the gas meter.
func (p *Plant) Annotations(_ context.Context, id record.SensorID, from, to record.Millis) ([]energy.Annotation, error) {
	var out []energy.Annotation
	for _, n := range p.Notes {
		if id == "gas" && n.Time >= from && n.Time < to {
			out = append(out, n)
		}
	}
	return out, nil
}

// Interventions are those that were decided.
func (p *Plant) Interventions(context.Context, record.SensorID, bool, int) ([]ledger.Intervention, error) {
	return p.Decided, nil
}

// StructureAt is the tree of a time.
func (p *Plant) StructureAt(_ context.Context, _ string, at record.Millis) (found ledger.Structure, ok bool, err error) {
	for _, s := range p.Trees {
		if s.Since <= at {
			found, ok = s, true
		}
	}
	return found, ok, nil
}

// Marks are the marks.
func (p *Plant) Marks(context.Context, int) ([]ledger.Mark, error) { return p.Marked, nil }

// Progress is how far it is settled.
func (p *Plant) Progress(_ context.Context, name string) (record.Millis, error) {
	switch name {
	case ledger.Frontier:
		return p.Frontier, nil
	case ledger.Floor:
		return p.Floor, nil
	}
	return p.Oldest, nil
}
