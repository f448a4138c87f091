package imports

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// ImportPlan says how a file is to be read and where its values go.
type ImportPlan struct {
	Format    string         `json:"format" enum:"csv,ndjson,parquet" doc:"Kind of the file"`
	Encoding  string         `json:"encoding,omitempty" enum:"utf-8,utf-16le,utf-16be,latin-1" doc:"Of CSV"`
	Delimiter string         `json:"delimiter,omitempty" maxLength:"4" doc:"Of CSV, one character"`
	Decimal   string         `json:"decimal,omitempty" enum:"point,comma" doc:"Of numbers; default: point"`
	Skip      int            `json:"skip,omitempty" minimum:"0" maximum:"1000" doc:"Lines of CSV before the head"`
	Headless  bool           `json:"headless,omitempty" doc:"There is no head; columns are called 1, 2, 3"`
	Time      string         `json:"time" maxLength:"1000" doc:"Column of the time"`
	Date      string         `json:"date,omitempty" maxLength:"1000" doc:"Column of the date, where that of the time has only the time of day"`
	Layout    string         `json:"layout,omitempty" maxLength:"100" doc:"Of the time: Go's reference layout, as 2.1.2006 15:04, or unix or unix_ms; default: as the first row is" example:"2.1.2006 15:04"`
	Zone      string         `json:"zone,omitempty" maxLength:"100" doc:"IANA zone of times that do not say theirs; default: that of the site, else of the first sensor's site, else UTC"`
	Site      model.SiteID   `json:"site,omitempty" doc:"Of new sensors"`
	Stamp     string         `json:"stamp,omitempty" enum:"begin,end" doc:"Whether amounts are stamped with the begin or the end of their interval; default: begin"`
	Sensor    string         `json:"sensor,omitempty" maxLength:"1000" doc:"Column that names the sensor, when each row is one value; column of an entry of columns is then what the sensor is called in the file"`
	Value     string         `json:"value,omitempty" maxLength:"1000" doc:"Column of the value, then"`
	Columns   []ImportColumn `json:"columns" maxItems:"1000" nullable:"false" doc:"What is taken; all else is left"`
	Conflicts string         `json:"conflicts,omitempty" enum:"refuse,replace" doc:"What is done about values that differ from stored ones. refuse, the default: the stored ones stay. replace: the new ones count instead in everything derived, as an intervention that can be undone; readings stay as they are"`
}

// ImportColumn is a column of a file, or a sensor of one, and where its values go.
type ImportColumn struct {
	Column   string          `json:"column" maxLength:"1000" doc:"Its name in the file"`
	Sensor   record.SensorID `json:"sensor" maxLength:"200" doc:"The sensor the values are of"`
	Unit     string          `json:"unit,omitempty" maxLength:"100" doc:"Of the values in the file; default: the coherent unit of the quantity" example:"kWh"`
	As       string          `json:"as" enum:"gauge,counter,amount" doc:"gauge: what is the case; counter: what a meter shows; amount: how much in an interval, as kWh per 15 minutes, which becomes a mean power"`
	Interval *model.Duration `json:"interval,omitempty" doc:"Of an amount: how long it was summed up. Of a new sensor: expected time between readings" example:"15m"`
	Create   *ImportCreate   `json:"create,omitempty" doc:"Make the sensor when it does not exist"`
}

// ImportCreate says what a new sensor is.
type ImportCreate struct {
	Name     string          `json:"name,omitempty" maxLength:"500" doc:"As people call it; default: the column"`
	Quantity record.Quantity `json:"quantity,omitempty" doc:"What it measures; default: what the unit is of" example:"active_power"`
}

// ErrPlan is wrapped by errors about plans: they say what to change.
var ErrPlan = errors.New("the plan does not fit")

func bad(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrPlan, fmt.Sprintf(format, a...))
}

// mostFields bounds the length of a value that is shown, in bytes.
const mostField = 120

// clip shortens text that comes from a file, and takes out what cannot be
// stored or shown.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return '\ufffd'
		}
		return r
	}, s)
	if len(s) <= mostField {
		return s
	}
	cut := mostField
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// planOf makes a plan of a guess. Nothing is said of where values go but a
// name for a sensor.
func planOf(g transfer.Guess) ImportPlan {
	o := g.Options
	p := ImportPlan{
		Format: o.Format, Encoding: o.Encoding, Skip: o.Skip, Headless: o.Headless, Time: o.Time, Date: o.Date, Layout: o.Layout,
		Sensor: o.Sensor, Value: o.Value, Columns: []ImportColumn{}, Decimal: "point", Stamp: "begin",
	}
	if o.Delimiter != 0 {
		p.Delimiter = string(o.Delimiter)
	}
	if o.Comma {
		p.Decimal = "comma"
	}
	if o.End {
		p.Stamp = "end"
	}
	var interval *model.Duration
	if g.Step > 0 {
		interval = new(model.Duration(g.Step))
	}
	for _, c := range g.Columns {
		if c.Role != transfer.RoleValue || o.Sensor != "" {
			continue
		}
		x := ImportColumn{Column: c.Name, Sensor: record.SensorID(slug(c.Name)), Unit: c.Unit, As: c.Shape, Interval: interval}
		if c.Unit != "" {
			x.Create = &ImportCreate{}
		}
		p.Columns = append(p.Columns, x)
	}
	return p
}

// slug makes an identifier of the name of a column.
func slug(name string) string {
	if i := strings.IndexAny(name, "[("); i > 0 {
		name = name[:i]
	}
	name = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r > 0x7f && r != utf8.RuneError:
			return r
		}
		return '_'
	}, strings.TrimSpace(name)), "_")
	return cmp.Or(name, "sensor")
}

// fraction are the quantities whose amounts over an interval are of another.
var fraction = map[record.Quantity]record.Quantity{
	record.Energy: record.ActivePower, record.ReactiveEnergy: record.ReactivePower, record.ApparentEnergy: record.ApparentPower,
	record.Volume: record.VolumeFlow, record.Mass: record.MassFlow, record.Charge: record.Current,
}

// checked is a plan that fits.
type checked struct {
	options transfer.ImportOptions
	make    []model.Sensor // that are to be made
	zone    string
	notes   []string
}

// check tells whether a plan fits the model, and what follows from it.
func (p *ImportPlan) check(m *model.Model) (c checked, err error) {
	o := &c.options
	*o = transfer.ImportOptions{
		Format: p.Format, Encoding: p.Encoding, Skip: p.Skip, Headless: p.Headless, Comma: p.Decimal == "comma", Time: p.Time, Date: p.Date,
		Layout: p.Layout, Sensor: p.Sensor, Value: p.Value, End: p.Stamp == "end",
	}
	if p.Delimiter != "" {
		r, n := utf8.DecodeRuneInString(p.Delimiter)
		if n != len(p.Delimiter) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
			return c, bad("delimiter %q is not one character that can part columns", p.Delimiter)
		}
		o.Delimiter = r
	}
	if p.Time == "" {
		return c, bad("say which column has the time")
	}
	if (p.Sensor == "") != (p.Value == "") {
		return c, bad("sensor and value belong together: the columns of a file in which each row is one value")
	}
	if len(p.Columns) == 0 {
		return c, bad("no column is taken; name at least one")
	}
	if _, ok := m.Site(p.Site); p.Site != "" && !ok {
		return c, bad("there is no site %q", p.Site)
	}
	seen := make(map[string]bool)
	taken := make(map[record.SensorID]bool)
	for i := range p.Columns {
		x := &p.Columns[i]
		if seen[x.Column] || taken[x.Sensor] {
			return c, bad("column %q or sensor %q is named twice", clip(x.Column), clip(string(x.Sensor)))
		}
		seen[x.Column], taken[x.Sensor] = true, true
		if err := c.column(p, x, m); err != nil {
			return c, err
		}
	}
	return c, c.findZone(p, m)
}

// findZone decides what times mean that do not say their zone.
func (c *checked) findZone(p *ImportPlan, m *model.Model) error {
	c.zone = p.Zone
	if site, ok := m.Site(p.Site); c.zone == "" && ok {
		c.zone = site.Zone
	}
	for _, x := range p.Columns {
		if sn, ok := m.Sensor(x.Sensor); c.zone == "" && ok {
			if site, ok := m.Site(sn.Site); ok {
				c.zone = site.Zone
			}
		}
	}
	c.zone = cmp.Or(c.zone, "UTC")
	var err error
	if c.options.Zone, err = time.LoadLocation(c.zone); err != nil || c.zone == "Local" {
		return bad("zone %q is unknown; name one as Europe/Berlin", clip(c.zone))
	}
	return nil
}

func (c *checked) column(p *ImportPlan, x *ImportColumn, m *model.Model) error {
	if err := x.Sensor.Validate(); err != nil {
		return bad("column %q: %v", clip(x.Column), err)
	}
	var per time.Duration
	if x.Interval != nil {
		per = time.Duration(*x.Interval)
	}
	if per < 0 || per > 366*24*time.Hour {
		return bad("column %q: an interval of %v is not possible", clip(x.Column), per)
	}
	to := transfer.ImportColumn{Column: x.Column, Sensor: x.Sensor, Unit: x.Unit}
	if x.As == transfer.ShapeAmount {
		if per < time.Second {
			return bad("column %q has amounts; say of how long an interval each is", clip(x.Column))
		}
		to.Per = per
	}
	sn, ok := m.Sensor(x.Sensor)
	if !ok {
		made, err := x.made(p, per)
		if err != nil {
			return err
		}
		sn = &made
		c.make = append(c.make, made)
	}
	counts := sn.Kind == model.Counter
	switch {
	case sn.Formula != "":
		return bad("sensor %q is computed by a formula; it takes no readings", x.Sensor)
	case x.As == transfer.ShapeCounter && !counts:
		return bad("column %q has what a counter shows, and sensor %q is a gauge", clip(x.Column), x.Sensor)
	case x.As == transfer.ShapeGauge && counts:
		return bad("column %q has what is the case at a time, and sensor %q counts", clip(x.Column), x.Sensor)
	case x.As == transfer.ShapeAmount && counts:
		return bad("column %q has amounts of an interval, and sensor %q counts; choose or make a sensor of %s", clip(x.Column), x.Sensor, cmp.Or(fraction[sn.Quantity], "power"))
	}
	to.Of = sn.Quantity
	if x.As == transfer.ShapeAmount {
		if to.Of, ok = sn.Quantity.Integral(); !ok {
			return bad("sensor %q measures %s, which does not add up over time", x.Sensor, sn.Quantity)
		}
		if age := sn.Age(); age < 0 || age > per.Milliseconds() {
			c.notes = append(c.notes, fmt.Sprintf("A reading of sensor %s holds for longer than %v. Before a gap and at the end of the file more is settled than the file says; set its maxAge to %v.",
				x.Sensor, per, model.Duration(per)))
		}
	}
	if _, ok := to.Of.LookupUnit(x.Unit); !ok {
		return bad("column %q: %q is no unit of %s, which sensor %q %s", clip(x.Column), clip(x.Unit), to.Of, x.Sensor, map[bool]string{true: "sums up to", false: "measures"}[to.Per > 0])
	}
	if x.Unit == "" {
		to.Unit = to.Of.Unit().Code
	}
	c.options.Columns = append(c.options.Columns, to)
	return nil
}

// made is the sensor that a column wants made.
func (x *ImportColumn) made(p *ImportPlan, per time.Duration) (model.Sensor, error) {
	if x.Create == nil {
		return model.Sensor{}, bad("there is no sensor %q; choose another, or have it made by create", x.Sensor)
	}
	q := x.Create.Quantity
	if q == "" {
		u, ok := record.LookupUnit(x.Unit)
		if !ok || x.Unit == "" {
			return model.Sensor{}, bad("column %q: say what quantity the new sensor %q measures", clip(x.Column), x.Sensor)
		}
		if q = u.Quantity; x.As == transfer.ShapeAmount {
			if q, ok = fraction[u.Quantity]; !ok {
				return model.Sensor{}, bad("column %q: %s in an interval is nothing that is measured; say what quantity sensor %q has", clip(x.Column), u.Quantity, x.Sensor)
			}
		}
	}
	if err := q.Validate(); err != nil {
		return model.Sensor{}, bad("column %q: %v", clip(x.Column), err)
	}
	sn := model.Sensor{ID: x.Sensor, Name: cmp.Or(x.Create.Name, clip(x.Column)), Site: p.Site, Quantity: q, Kind: model.Gauge}
	if x.As == transfer.ShapeCounter {
		sn.Kind = model.Counter
	}
	if per > 0 {
		sn.Interval = model.Duration(per)
	}
	if x.As == transfer.ShapeAmount {
		sn.MaxAge = new(model.Duration(per)) // so that a gap is one
	}
	return sn, nil
}

// missing are sensors that are to be made and do not exist.
func missing(all []model.Sensor, m *model.Model) []model.Sensor {
	return slices.DeleteFunc(slices.Clone(all), func(s model.Sensor) bool { _, ok := m.Sensor(s.ID); return ok })
}
