package home

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/service/watch"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Days is how long the home has been measured.
const Days = 400

// Home is made by [New].
type Home struct {
	Model *model.Model

	now      record.Millis
	moment   *watch.Moment
	quarters map[object.ID][]energy.Value
	price    tariff.Tariff
	number   atomic.Int64
}

type sensor struct {
	id       string
	quantity record.Quantity
	class    vocabulary.Class
	power    func(hour, day float64) float64 // W, or a level
}

// sensors are what the home has.
func sensors() []sensor {
	bell := func(hour, at, wide float64) float64 { return math.Exp(-(hour - at) * (hour - at) / (2 * wide * wide)) }
	season := func(day float64) float64 { return math.Cos(2 * math.Pi * (day - 15) / 365) } // 1 in January
	load := func(hour, day float64) float64 {                                               // of a home with a heat pump
		weekend := 0.0
		if math.Mod(day, 7) >= 5 {
			weekend = 1
		}
		return 180 + 900*bell(hour, 7.5, 1) + 1300*bell(hour, 19, 2) + weekend*500*bell(hour, 13, 2) + 600*math.Max(0, season(day))
	}
	sun := func(hour, day float64) float64 {
		return math.Max(0, (0.65-0.35*season(day))*bell(hour, 12.5, 2.4)*(0.7+0.3*math.Sin(day*2.1)))
	}
	return []sensor{
		{"load", record.ActivePower, "brick:Active_Power_Sensor", load},
		{"washer", record.ActivePower, "brick:Active_Power_Sensor", func(hour, day float64) float64 {
			if math.Mod(day, 3) < 1 && hour >= 9 && hour < 10.5 {
				return 1900
			}
			return 1.5
		}},
		{"import", record.Energy, "brick:Electric_Energy_Sensor", load},
		{"export", record.Energy, "brick:Electric_Energy_Sensor", func(hour, day float64) float64 { return 7000 * sun(hour, day) }},
		{"made", record.Energy, "brick:Energy_Generation_Sensor", func(hour, day float64) float64 { return 7000 * sun(hour, day) }},
		{"outside", record.Temperature, "brick:Outside_Air_Temperature_Sensor", func(hour, day float64) float64 { return 283 - 9*season(day) + 4*bell(hour, 15, 4) }},
		{"sun", record.Irradiance, "brick:Solar_Irradiance_Sensor", func(hour, day float64) float64 { return 1000 * sun(hour, day) }},
		{"people", record.Pieces, "brick:Occupancy_Count_Sensor", func(hour, day float64) float64 {
			if math.Mod(day, 7) < 5 && hour > 8 && hour < 16.5 {
				return 0
			}
			return 2
		}},
		{"occupied", record.Ratio, "brick:Occupancy_Sensor", nil},
		{"motion", record.Ratio, "brick:Motion_Sensor", nil},
		{"room", record.Temperature, "brick:Room_Air_Temperature_Sensor", func(float64, float64) float64 { return 294 }},
		{"heating", record.Ratio, "brick:On_Off_Command", nil},
		{"roof", record.ActivePower, "", func(hour, day float64) float64 { return 7000 * sun(hour, day) }},
		{"wallbox", record.ActivePower, "", func(hour, day float64) float64 {
			if math.Mod(day, 2) < 1 && hour >= 18 && hour < 20 {
				return 11_000
			}
			return 0
		}},
	}
}

// New makes the home as it is at a time, with all sensors live.
func New(now record.Millis) (*Home, error) {
	h := &Home{now: now - now%record.Millis(window.QuarterLength), quarters: make(map[object.ID][]energy.Value)}
	d := model.Document{Sites: []model.Site{{ID: "home", Zone: "Europe/Berlin"}}}
	var more []object.Enrichment
	all := sensors()
	for _, s := range all {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(s.id), Site: "home", Quantity: s.quantity})
		if s.class != "" {
			more = append(more, object.Enrichment{Object: object.OfSensor(record.SensorID(s.id)), Class: s.class})
		}
		h.fill(s)
	}
	for group, class := range map[model.GroupID]vocabulary.Class{"roof": "brick:PV_Array", "wallbox": "brick:Electric_Vehicle_Charging_Station"} {
		d.Groups = append(d.Groups, model.Group{ID: group, Members: []model.Member{{Sensor: record.SensorID(group)}}})
		d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: model.HierarchyID(group), Site: "home", Root: group})
		more = append(more, object.Enrichment{Object: object.OfGroup(group), Class: class})
	}
	m, err := model.New(d)
	if err != nil {
		return nil, err
	}
	world, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		return nil, errors.New(faults[0].Text)
	}
	if h.price, err = price(); err != nil {
		return nil, err
	}
	seen := watch.New()
	board := watch.NewBoard(seen)
	board.Set(world, h.now)
	for _, s := range all {
		seen.Saw(record.SensorID(s.id), h.now, 1, h.now)
	}
	h.Model = m
	h.moment, _ = board.Step(h.now, nil)
	return h, nil
}

// Options say what an instance works with.
type Options struct {
	Source    feed.Source        // nil: the home, in memory
	Revisions keep.Revisions     // nil: of the home
	Members   []execution.Member // all instances, this one first; nil: this one alone
	Elsewhere execution.Elsewhere
	Anew      bool // nothing is kept: every request is computed
}

// Instance makes a process that carries services out for the home.
func (h *Home) Instance(o Options) (*execution.Execution, error) {
	if o.Source == nil {
		o.Source = h
	}
	if o.Revisions == nil {
		o.Revisions = h
	}
	if o.Anew {
		o.Revisions = nil
	}
	services := builtin.Services()
	x := execution.Options{
		Moment: func() *watch.Moment { return h.moment }, Feed: &feed.Feed{Source: o.Source}, Revisions: o.Revisions, Elsewhere: o.Elsewhere,
		Templates: services.Microservices, Services: services.Services, Clock: func() record.Millis { return h.now },
	}
	if o.Members != nil {
		x.Members = func() []execution.Member { return o.Members }
	}
	e, err := execution.New(x)
	if err == nil {
		e.Checked()
	}
	return e, err
}

// Late has something of everything be settled again.
func (h *Home) Late() { h.number.Add(1) }

// Follow implements [keep.Revisions].
func (h *Home) Follow(context.Context, object.ID) error { return nil }

// Now implements [keep.Revisions].
func (h *Home) Now(context.Context) (keep.Revision, error) {
	return keep.Revision{Settled: h.number.Load()}, nil
}

// Changed implements [keep.Revisions].
func (h *Home) Changed(_ object.ID, after int64) bool { return h.number.Load() > after }

// Settlings gives the settled quarters of every object and when the first begins.
func (h *Home) Settlings(each func(id object.ID, begin record.Millis, quarters []energy.Value) error) error {
	for _, id := range slices.Sorted(maps.Keys(h.quarters)) {
		if err := each(id, h.from(), h.quarters[id]); err != nil {
			return err
		}
	}
	return nil
}

// fill makes the quarters of a sensor.
func (h *Home) fill(s sensor) {
	n := Days * 96
	list := make([]energy.Value, n)
	for i := range list {
		if s.power == nil {
			continue
		}
		at := h.from() + record.Millis(int64(i)*window.QuarterLength)
		hours := float64(at) / 3.6e6
		v := s.power(math.Mod(hours, 24), math.Floor(hours/24))
		list[i] = energy.Value{
			Known: true, Quality: energy.Measured, Count: 15, Covered: window.QuarterLength, Amount: energy.Amount(math.Round(v / 4 * energy.PerUnit)), Average: v, Min: v, Max: v,
		}
	}
	h.quarters[object.OfSensor(record.SensorID(s.id))] = list
}

func (h *Home) from() record.Millis { return h.now - record.Millis(Days*96*window.QuarterLength) }

func price() (t tariff.Tariff, err error) {
	err = json.Unmarshal([]byte(`{"id":"grid","currency":"EUR","zone":"Europe/Berlin","versions":[{"from":"2020-01-01","components":[
		{"id":"energy","kind":"energy","price":"0.30125"},{"id":"solar","kind":"feed_in","price":"0.0811"}]}]}`), &t)
	return t, err
}

// Quarters implements [feed.Source].
func (h *Home) Quarters(_ context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	list := h.quarters[id]
	first := int((from - h.from()) / record.Millis(window.QuarterLength))
	for k := max(first, 0); k < min(first+int((to-from)/record.Millis(window.QuarterLength)), len(list)); k++ {
		each(k-first, &list[k])
	}
	return nil
}

// Samples implements [feed.Source]: a reading every five minutes.
func (h *Home) Samples(_ context.Context, id record.SensorID, from, to record.Millis, most int) ([]feed.Sample, error) {
	const every = record.Millis(5 * 60_000)
	list := h.quarters[object.OfSensor(id)]
	var out []feed.Sample
	for at := max(from, h.from()); at < to && len(out) < most; at += every {
		if k := int((at - h.from()) / record.Millis(window.QuarterLength)); k < len(list) && list[k].Known {
			out = append(out, feed.Sample{At: at, Value: list[k].Average})
		}
	}
	return out, nil
}

// Settled implements [feed.Source].
func (h *Home) Settled(context.Context) (record.Millis, error) { return h.now, nil }

// Tariff implements [feed.Source].
func (h *Home) Tariff(context.Context, string) (tariff.Tariff, bool, error) {
	return h.price, true, nil
}

// Assigned implements [feed.Source].
func (h *Home) Assigned(context.Context, object.ID, record.Millis) (tariff.Tariff, bool, error) {
	return h.price, true, nil
}

// Quotes implements [feed.Source].
func (h *Home) Quotes(context.Context, string, record.Millis, record.Millis) ([]tariff.Quote, error) {
	return nil, nil
}

// Parts implements [feed.Source].
func (h *Home) Parts(object.ID) []feed.Part { return nil }

// Zone implements [feed.Source].
func (h *Home) Zone(object.ID) string { return "Europe/Berlin" }

// Request is what a service is asked for, as the body of a request.
func (h *Home) Request(sid string) string {
	parameters := map[string]string{
		"S1": `{"load":"sensor/load","generation":["sensor/made"],"irradiance":"sensor/sun"}`,
		"S2": `{"power":"sensor/washer"}`,
		"S3": `{"chargers":[{"id":"wallbox","power":"sensor/wallbox"}],"price":{"tariff":"grid"}}`,
		"S4": `{"members":[{"id":"home","load":"sensor/load","generation":["sensor/made"]}],"grid":{"tariff":"grid"}}`,
		"S5": `{"sources":[{"id":"sensor/people","kind":"count"}],"loads":[{"id":"sensor/load","kind":"other"}]}`,
		"S6": `{"energy":"sensor/load","temperature":"sensor/outside"}`,
	}
	body, err := json.Marshal(struct {
		Subject    string          `json:"subject"`
		From       *time.Time      `json:"from,omitempty"`
		To         time.Time       `json:"to"`
		Parameters json.RawMessage `json:"parameters"`
	}{"space/home", nil, h.now.Time(), json.RawMessage(parameters[sid])})
	if err != nil {
		return err.Error()
	}
	return string(body)
}
