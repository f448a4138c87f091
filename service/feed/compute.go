package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/charging"
	"github.com/wattwerk/wattwerk/service/estimation"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/sharing"
	"github.com/wattwerk/wattwerk/window"
)

// Roles that the templates of the six services name.
const (
	roleLoad       = "load"
	roleGeneration = "generation"
	roleIrradiance = "irradiance"
	rolePower      = "power"
	roleRegister   = "register"
	rolePlug       = "plug"
	roleChargers   = "chargers"
	roleAppliances = "appliances"
	roleOccupancy  = "occupancy"
	rolePeople     = "people"
	roleMotion     = "motion"
	roleImports    = "imports"
	roleHistory    = "energy-history"
	roleOutdoor    = "outdoor"
)

// first is the object that is given, or the subject where it comes to energy, or the
// first that the plan has in the role.
func (g *gather) first(given object.ID, role string) object.ID {
	if given != "" {
		return given
	}
	if o, ok := g.World.Object(g.Subject); ok && counts(o) {
		return g.Subject
	}
	if ids := g.Roles[role]; len(ids) > 0 {
		return ids[0]
	}
	return g.Subject
}

// makers are the objects below the subject that count what is made: those of a class
// of generation, and those of the role that are not the subject itself.
func (g *gather) makers(under object.ID) []object.ID {
	var out []object.ID
	for _, o := range g.World.OfClass("brick:Generation_Sensor", under) {
		if counts(o) {
			out = append(out, o.ID)
		}
	}
	return out
}

// EstimationParameters of S1.
type EstimationParameters struct {
	Day        string      `json:"day,omitempty" doc:"Which day; the one after now unless said" example:"2026-06-01"`
	Zone       string      `json:"zone,omitempty" doc:"IANA time zone; default that of the subject's site"`
	Load       object.ID   `json:"load,omitempty" doc:"What counts the load; default the subject"`
	Generation []object.ID `json:"generation,omitempty" doc:"What counts the generation; default the generation sensors below the subject" maxItems:"500"`
	Irradiance object.ID   `json:"irradiance,omitempty" doc:"What measures the sun; default none"`
	Capacity   float64     `json:"capacity,omitempty" doc:"Largest power of the generation in W"`
	Band       float64     `json:"band,omitempty" doc:"How much of what happens the bands shall hold; default 0.8"`
}

func (g *gather) estimation(ctx context.Context) error {
	var p EstimationParameters
	if err := g.parameters(&p); err != nil {
		return err
	}
	g.From, g.To = 0, min(max(g.To, 0), g.Now) // it is about the day after the end
	from, to := g.span(50 * series.Day)
	in := estimation.EstimationInput{Subject: string(g.Subject), Zone: g.zone(p.Zone), Now: to, Day: p.Day, Capacity: p.Capacity, Band: p.Band}
	load := g.first(p.Load, roleLoad)
	if in.Subject == "" {
		in.Subject = string(load)
	}
	var err error
	if in.Load, err = g.amounts(ctx, roleLoad, load, from, to); err != nil {
		return err
	}
	makers := p.Generation
	if makers == nil {
		for _, id := range g.Roles[roleGeneration] {
			if o, ok := g.World.Object(id); ok && counts(o) && id != load {
				makers = append(makers, id)
			}
		}
	}
	if makers == nil {
		makers = g.makers(g.Subject)
	}
	if in.Generation, err = g.made(ctx, makers, from, to); err != nil {
		return err
	}
	in.Generation = positive(in.Generation)
	sun := p.Irradiance
	if ids := g.Roles[roleIrradiance]; sun == "" && len(ids) > 0 {
		if _, ok := g.World.Object(ids[0]); ok {
			sun = ids[0]
		}
	}
	if sun != "" {
		levels, err := g.levels(ctx, roleIrradiance, sun, from, to)
		if err != nil {
			return err
		}
		in.Irradiance = &levels
	}
	if day, err := estimation.Day(&in); err == nil && g.Forecasts != nil {
		in.LoadForecast = g.ahead(ctx, load, day, to)
		if len(makers) == 1 && in.Irradiance == nil {
			in.GenerationForecast = g.ahead(ctx, makers[0], day, to)
		}
	}
	out, err := estimation.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result = out
	return nil
}

// ahead is what is forecast of an object by itself; nil: nothing is, and the service does
// with its own models. A forecast of less than nothing is none of a load.
func (g *gather) ahead(ctx context.Context, id object.ID, day window.Span, known record.Millis) *estimation.EstimationForecast {
	f, wrong, ok := g.Forecasts.DayAhead(ctx, id, day, known)
	if !ok || f.Step != series.Hour {
		return nil
	}
	for i, v := range f.Values {
		if !(v >= 0) || f.Lower != nil && !(f.Lower[i] >= 0 && f.Upper[i] >= v) {
			return nil
		}
	}
	out := estimation.Of(f) // W over an hour are as many Wh
	out.Wrong = wrong
	return out
}

// ChargingParameters of S3.
type ChargingParameters struct {
	Zone        string                        `json:"zone,omitempty"`
	Chargers    []ChargingPoint               `json:"chargers,omitempty" doc:"Default: every sensor of active power below the subject, with the counter of its device" maxItems:"500"`
	Assignments []charging.ChargingAssignment `json:"assignments,omitempty" maxItems:"20000"`
	Price       *Price                        `json:"price,omitempty" doc:"Default: what is assigned to the subject"`
	Prices      []bill.ServiceQuotes          `json:"prices,omitempty" maxItems:"20"`
	Blocking    *charging.ChargingBlocking    `json:"blocking,omitempty"`
	Demand      *charging.ChargingDemand      `json:"demand,omitempty"`
}

// ChargingPoint is a charger by its objects.
type ChargingPoint struct {
	ID        string                  `json:"id" maxLength:"200"`
	Name      string                  `json:"name,omitempty" maxLength:"500"`
	Power     object.ID               `json:"power" doc:"Its active power"`
	Register  object.ID               `json:"register,omitempty" doc:"Its counter of energy"`
	Plug      object.ID               `json:"plug,omitempty" doc:"Whether a vehicle is plugged in"`
	Cards     []charging.ChargingCard `json:"cards,omitempty" maxItems:"20000"`
	Width     float64                 `json:"width,omitempty"`
	Threshold float64                 `json:"threshold,omitempty"`
	Hold      int64                   `json:"hold,omitempty"`
	MaxAge    int64                   `json:"maxAge,omitempty"`
}

// before is how much of the time before a period is looked at, for a session that
// began in it.
const before = record.Millis(2 * series.Day)

func (g *gather) charging(ctx context.Context) error {
	var p ChargingParameters
	if err := g.parameters(&p); err != nil {
		return err
	}
	from, to := g.span(31 * series.Day)
	in := charging.ChargingInput{From: from, To: to, Zone: g.zone(p.Zone), Assignments: p.Assignments, Blocking: p.Blocking, Demand: p.Demand}
	points := p.Chargers
	if points == nil {
		points = g.chargers()
	}
	if len(points) == 0 || len(points) > charging.MaxChargers {
		return asked("chargers: %d are not from 1 to %d", len(points), charging.MaxChargers)
	}
	t, err := g.price(ctx, "price", p.Price, g.Subject, from)
	if err != nil {
		return err
	}
	in.Tariff = *t
	if in.Prices, err = g.quotes(ctx, p.Prices, from-before, to, t); err != nil {
		return err
	}
	for _, x := range points {
		c := charging.ChargingCharger{ID: x.ID, Name: x.Name, Cards: x.Cards, Width: x.Width, Threshold: x.Threshold, Hold: x.Hold, MaxAge: x.MaxAge}
		if c.Power, err = g.samples(ctx, rolePower, x.Power, from-before, to); err != nil {
			return err
		}
		if x.Register != "" {
			if c.Register, err = g.samples(ctx, roleRegister, x.Register, from-before, to); err != nil {
				return err
			}
		}
		if x.Plug != "" {
			if c.Plug, err = g.samples(ctx, rolePlug, x.Plug, from-before, to); err != nil {
				return err
			}
		}
		in.Chargers = append(in.Chargers, c)
	}
	if len(g.Previous) > 0 {
		in.Previous = new(charging.ChargingOutput)
		if err := json.Unmarshal(g.Previous, in.Previous); err != nil {
			return fmt.Errorf("read the revision before: %w", err)
		}
	}
	out, err := charging.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result, g.out.Revision = out, out.Revision
	return nil
}

// chargers are the sensors of power below the subject, each with the counter of its
// device.
func (g *gather) chargers() []ChargingPoint {
	var out []ChargingPoint
	powers := g.World.OfClass("brick:Active_Power_Sensor", g.Subject)
	if ids := g.Roles[roleChargers]; len(ids) > 0 { // charging stations are groups of what they measure
		powers = nil
		for _, id := range ids {
			powers = append(powers, g.World.OfClass("brick:Active_Power_Sensor", id)...)
		}
	}
	if o, ok := g.World.Object(g.Subject); ok && !o.Composite {
		powers = []*object.Object{o}
	}
	for _, o := range powers {
		if o.Composite || o.Quantity != record.ActivePower {
			continue
		}
		id, _ := o.ID.Sensor()
		x := ChargingPoint{ID: string(id), Name: o.Name, Power: o.ID}
		if o.Device != "" {
			for _, d := range g.World.OfDevice(o.Device) {
				if d.Quantity == record.Energy && !d.Composite && x.Register == "" {
					x.Register = d.ID
				}
			}
		}
		out = append(out, x)
	}
	return out
}

// samples gives the readings of a sensor, and where it had none and something stood
// in for it, what that said, marked.
func (g *gather) samples(ctx context.Context, role string, id object.ID, from, to record.Millis) ([]charging.ChargingSample, error) {
	o, err := g.known(role, id)
	if err != nil {
		return nil, err
	}
	sensor, ok := id.Sensor()
	if !ok {
		return nil, asked("%s: %q is a group, and has no readings", role, id)
	}
	all, err := g.Source.Samples(ctx, sensor, from, to, charging.MaxSamples)
	if err != nil {
		return nil, err
	}
	var in []float64
	if g.StandIns != nil && role == rolePower {
		if in, err = g.StandIns.StoodIn(ctx, id, from, to); err != nil {
			return nil, err
		}
	}
	var count series.QualityCount
	out := make([]charging.ChargingSample, 0, len(all))
	put := func(s charging.ChargingSample) {
		count.Note(s.Quality)
		out = append(out, s)
	}
	next := 0 // quarter of an hour that may be filled
	fill := func(until record.Millis) {
		for ; next < len(in); next++ {
			at := from + record.Millis(next)*record.Millis(series.Quarter)
			if at >= until {
				return
			}
			if !math.IsNaN(in[next]) && (len(out) == 0 || out[len(out)-1].At < at) && len(out) < charging.MaxSamples {
				put(charging.ChargingSample{At: at, Value: in[next], Quality: energy.Substituted})
			}
		}
	}
	age := record.Millis(max(o.MaxAge, o.Interval))
	for i, s := range all {
		if i == 0 || s.At-all[i-1].At > age+record.Millis(series.Quarter) {
			fill(s.At - record.Millis(series.Quarter))
		}
		next = max(next, int((s.At-from)/record.Millis(series.Quarter))+1)
		x := charging.ChargingSample{At: s.At, Value: s.Value, Quality: energy.Measured}
		if math.IsNaN(s.Value) {
			x.Value, x.Quality = 0, energy.None
		}
		put(x)
	}
	fill(to)
	g.out.Rests = append(g.out.Rests, Rested{role, id, count})
	return out, nil
}

// SharingParameters of S4.
type SharingParameters struct {
	Zone    string               `json:"zone,omitempty"`
	Key     string               `json:"key,omitempty" enum:"static,consumption,dynamic" doc:"How what is made is allocated; default dynamic"`
	Members []SharingMember      `json:"members,omitempty" doc:"Default: the groups directly below the subject, with the generation sensors below each" maxItems:"500"`
	Inside  *Price               `json:"inside,omitempty" doc:"What energy costs within the community; needed for two members and more"`
	Grid    *Price               `json:"grid,omitempty" doc:"What the grid costs; default what is assigned to the subject"`
	Prices  []bill.ServiceQuotes `json:"prices,omitempty" maxItems:"20"`
}

// SharingMember is a member by its objects.
type SharingMember struct {
	ID         string      `json:"id" maxLength:"200"`
	Name       string      `json:"name,omitempty" maxLength:"500"`
	Load       object.ID   `json:"load" doc:"What counts what it uses"`
	Generation []object.ID `json:"generation,omitempty" doc:"What counts what it makes" maxItems:"500"`
	Registers  bool        `json:"registers,omitempty" doc:"The series are those of the meter at the connection"`
	Share      int64       `json:"share,omitempty"`
	Grid       *Price      `json:"grid,omitempty" doc:"Its own tariff of the grid"`
}

func (g *gather) sharing(ctx context.Context) error {
	p := SharingParameters{Key: sharing.Dynamic}
	if err := g.parameters(&p); err != nil {
		return err
	}
	from, to := g.span(31 * series.Day)
	in := sharing.SharingInput{Community: string(g.Subject), From: from, To: to, Zone: g.zone(p.Zone), Key: p.Key}
	members := p.Members
	if members == nil {
		members = g.members()
	}
	if len(members) == 0 || len(members) > sharing.MaxMembers {
		return asked("members: %d are not from 1 to %d", len(members), sharing.MaxMembers)
	}
	grid, err := g.price(ctx, "grid", p.Grid, g.Subject, from)
	if err != nil {
		return err
	}
	in.Grid = *grid
	if p.Inside != nil {
		if in.Inside, err = g.price(ctx, "inside", p.Inside, "", from); err != nil {
			return err
		}
	}
	if in.Prices, err = g.quotes(ctx, p.Prices, from, to, grid, in.Inside); err != nil {
		return err
	}
	for _, x := range members {
		m := sharing.SharingMember{ID: x.ID, Name: x.Name, Registers: x.Registers, Share: x.Share}
		load, err := g.amounts(ctx, roleLoad, x.Load, from, to)
		if err != nil {
			return err
		}
		m.Load = *positive(&load)
		made, err := g.made(ctx, x.Generation, from, to)
		if err != nil {
			return err
		}
		m.Generation = positive(made)
		if x.Grid != nil {
			if m.Grid, err = g.price(ctx, "grid of "+x.ID, x.Grid, "", from); err != nil {
				return err
			}
			if in.Prices, err = g.quotes(ctx, in.Prices, from, to, m.Grid); err != nil {
				return err
			}
		}
		in.Members = append(in.Members, m)
	}
	if len(g.Previous) > 0 {
		in.Previous = new(sharing.SharingOutput)
		if err := json.Unmarshal(g.Previous, in.Previous); err != nil {
			return fmt.Errorf("read the revision before: %w", err)
		}
	}
	out, err := sharing.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result, g.out.Revision = out, out.Revision
	return nil
}

// members are the groups directly below the subject.
func (g *gather) members() []SharingMember {
	var out []SharingMember
	o, ok := g.World.Object(g.Subject)
	if !ok {
		o = new(object.Object)
	}
	for _, id := range o.Members {
		group, ok := id.Group()
		if m, there := g.World.Object(id); ok && there && counts(m) {
			out = append(out, SharingMember{ID: string(group), Name: m.Name, Load: id, Generation: g.makers(id)})
		}
	}
	if len(out) > 0 {
		return out
	}
	// Without groups every counter of what is taken is a member, with what its device
	// gives.
	for _, id := range g.Roles[roleImports] {
		m, ok := g.World.Object(id)
		if !ok || m.Composite || !counts(m) || m.Class.Is("brick:Generation_Sensor") {
			continue
		}
		sensor, _ := id.Sensor()
		x := SharingMember{ID: string(sensor), Name: m.Name, Load: id}
		if m.Device != "" {
			for _, d := range g.World.OfDevice(m.Device) {
				if counts(d) && d.Class.Is("brick:Generation_Sensor") {
					x.Generation, x.Registers = append(x.Generation, d.ID), true
				}
			}
		}
		out = append(out, x)
	}
	return out
}
