package feed

import (
	"context"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/appliance"
	"github.com/wattwerk/wattwerk/service/occupancy"
	"github.com/wattwerk/wattwerk/service/saving"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// ApplianceParameters of S2.
type ApplianceParameters struct {
	Zone     string         `json:"zone,omitempty"`
	Power    object.ID      `json:"power,omitempty" doc:"What measures the appliance; default the subject, or the first sensor of power below it"`
	Level    float64        `json:"level,omitempty" doc:"W from which on it is on; found unless given"`
	MinRun   int64          `json:"minRun,omitempty" doc:"Shortest cycle in ms"`
	MaxPause int64          `json:"maxPause,omitempty" doc:"Longest pause within a cycle in ms"`
	Price    tariff.Decimal `json:"price,omitempty" doc:"Price of a kWh, for the cost of standby"`
	Currency string         `json:"currency,omitempty"`
	Band     float64        `json:"band,omitempty"`
}

func (g *gather) appliance(ctx context.Context) error {
	var p ApplianceParameters
	if err := g.parameters(&p); err != nil {
		return err
	}
	power := p.Power
	if o, ok := g.World.Object(g.Subject); power == "" && ok && !o.Composite {
		power = g.Subject
	}
	if power == "" {
		for _, id := range g.Roles[roleAppliances] {
			if o, ok := g.World.Object(id); ok && !o.Composite {
				power = id
				break
			}
		}
	}
	if power == "" {
		return asked("power: there is no appliance below %q; name one", g.Subject)
	}
	from, to := g.span(57 * series.Day)
	in := appliance.ApplianceInput{
		Subject: string(power), Zone: g.zone(p.Zone), Now: to, Level: p.Level, MinRun: p.MinRun, MaxPause: p.MaxPause,
		Price: p.Price, Currency: p.Currency, Band: p.Band,
	}
	var err error
	if in.Power, err = g.levels(ctx, rolePower, power, from, to); err != nil {
		return err
	}
	out, err := appliance.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result = out
	return nil
}

// OccupancyParameters of S5.
type OccupancyParameters struct {
	Zone     string            `json:"zone,omitempty"`
	Sources  []OccupancySource `json:"sources,omitempty" doc:"Who sees people; default the sensors of occupancy, of counts and of movement below the subject, or where it is" maxItems:"100"`
	Loads    []OccupancyLoad   `json:"loads,omitempty" doc:"What uses energy; default the subject, as other" maxItems:"100"`
	Lead     int64             `json:"lead,omitempty"`
	Trail    int64             `json:"trail,omitempty"`
	Rebound  float64           `json:"rebound,omitempty"`
	Band     float64           `json:"band,omitempty"`
	Price    tariff.Decimal    `json:"price,omitempty" doc:"Price of a kWh"`
	Currency string            `json:"currency,omitempty"`
}

// OccupancySource is a sensor that sees people.
type OccupancySource struct {
	ID   object.ID `json:"id"`
	Kind string    `json:"kind,omitempty" enum:"count,movement" doc:"Default by its class"`
	Hold int64     `json:"hold,omitempty"`
}

// OccupancyLoad is something that uses energy.
type OccupancyLoad struct {
	ID   object.ID `json:"id"`
	Kind string    `json:"kind" enum:"hvac,lighting,other"`
}

func (g *gather) occupancy(ctx context.Context) error {
	var p OccupancyParameters
	if err := g.parameters(&p); err != nil {
		return err
	}
	from, to := g.span(29 * series.Day)
	in := occupancy.OccupancyInput{
		Subject: string(g.Subject), Zone: g.zone(p.Zone), Lead: p.Lead, Trail: p.Trail, Rebound: p.Rebound, Band: p.Band, Price: p.Price, Currency: p.Currency,
	}
	sources := p.Sources
	if sources == nil {
		seen := make(map[object.ID]bool)
		for _, role := range []string{roleOccupancy, rolePeople, roleMotion} {
			for _, id := range g.Roles[role] {
				if !seen[id] && len(sources) < occupancy.MaxSources {
					seen[id] = true
					sources = append(sources, OccupancySource{ID: id})
				}
			}
		}
	}
	if len(sources) == 0 || len(sources) > occupancy.MaxSources {
		return asked("sources: %d are not from 1 to %d", len(sources), occupancy.MaxSources)
	}
	for _, s := range sources {
		o, err := g.known(roleOccupancy, s.ID)
		if err != nil {
			return err
		}
		if s.Kind == "" {
			s.Kind = occupancy.Movement
			if o.Class.Is("brick:Occupancy_Count_Sensor") || o.Quantity == record.Pieces {
				s.Kind = occupancy.Count
			}
		}
		levels, err := g.levels(ctx, roleOccupancy, s.ID, from, to)
		if err != nil {
			return err
		}
		in.Sources = append(in.Sources, occupancy.OccupancySource{ID: string(s.ID), Kind: s.Kind, Series: levels, Hold: s.Hold})
	}
	loads := p.Loads
	if loads == nil {
		loads = []OccupancyLoad{{g.first("", roleLoad), occupancy.Other}}
	}
	if len(loads) > occupancy.MaxLoads {
		return asked("loads: %d are more than %d", len(loads), occupancy.MaxLoads)
	}
	for _, l := range loads {
		amounts, err := g.amounts(ctx, roleLoad, l.ID, from, to)
		if err != nil {
			return err
		}
		in.Loads = append(in.Loads, occupancy.OccupancyLoad{ID: string(l.ID), Kind: l.Kind, Energy: *positive(&amounts)})
	}
	out, err := occupancy.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result = out
	return nil
}

// SavingParameters of S6.
type SavingParameters struct {
	Zone         string                 `json:"zone,omitempty"`
	Energy       object.ID              `json:"energy,omitempty" doc:"What counts the energy; default the subject"`
	Temperature  object.ID              `json:"temperature,omitempty" doc:"The temperature outdoors; default what the plan found"`
	BaselineFrom *time.Time             `json:"baselineFrom,omitempty" doc:"Default: the begin of the span"`
	BaselineTo   *time.Time             `json:"baselineTo,omitempty" doc:"Default: since, or the end of the span"`
	Since        *time.Time             `json:"since,omitempty" doc:"From when on the measure is in force; absent: there is none yet"`
	Holidays     []string               `json:"holidays,omitempty" maxItems:"2000"`
	Measures     []saving.SavingMeasure `json:"measures,omitempty" doc:"What might be done" maxItems:"50"`
	Price        tariff.Decimal         `json:"price,omitempty" doc:"Price of a kWh"`
	Currency     string                 `json:"currency,omitempty"`
	MaxCVRMSE    float64                `json:"maxCvrmse,omitempty"`
	MaxNMBE      float64                `json:"maxNmbe,omitempty"`
}

func (g *gather) saving(ctx context.Context) error {
	var p SavingParameters
	if err := g.parameters(&p); err != nil {
		return err
	}
	from, to := g.span(400 * series.Day)
	in := saving.SavingInput{
		Subject: string(g.Subject), Zone: g.zone(p.Zone), BaselineFrom: from, BaselineTo: to, Now: to,
		Holidays: p.Holidays, Measures: p.Measures, Price: p.Price, Currency: p.Currency, MaxCVRMSE: p.MaxCVRMSE, MaxNMBE: p.MaxNMBE,
	}
	if p.Since != nil {
		in.Since = record.MillisOf(*p.Since)
		in.BaselineTo = in.Since
	}
	if p.BaselineFrom != nil {
		in.BaselineFrom = record.MillisOf(*p.BaselineFrom)
	}
	if p.BaselineTo != nil {
		in.BaselineTo = record.MillisOf(*p.BaselineTo)
	}
	// Nothing of the series is in what comes out.
	g.energies.given, g.gauges.given = true, true
	defer g.energies.leave(&amountRooms)
	defer g.gauges.leave(&levelRooms)
	energy := g.first(p.Energy, roleHistory)
	if in.Subject == "" {
		in.Subject = string(energy)
	}
	amounts, err := g.amounts(ctx, roleHistory, energy, from, to)
	if err != nil {
		return err
	}
	in.Energy = *positive(&amounts)
	temperature := p.Temperature
	if ids := g.Roles[roleOutdoor]; temperature == "" && len(ids) > 0 {
		temperature = ids[0]
	}
	if temperature != "" {
		if _, ok := g.World.Object(temperature); ok || p.Temperature != "" {
			levels, err := g.levels(ctx, roleOutdoor, temperature, from, to)
			if err != nil {
				return err
			}
			in.Temperature = &levels
		}
	}
	out, err := saving.Run(in)
	if err != nil {
		return asked("%v", err)
	}
	g.out.Result = out
	return nil
}
