package appliance

import (
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// ApplianceInput is what is known of an appliance.
type ApplianceInput struct {
	Subject  string             `json:"subject" doc:"Identifier of the appliance" maxLength:"200"`
	Zone     string             `json:"zone,omitempty" doc:"IANA time zone of its clock" example:"Europe/Berlin"`
	Now      record.Millis      `json:"now" doc:"Up to when things are known"`
	Power    series.GaugeSeries `json:"power" doc:"W, in intervals of 15 minutes or shorter; three days at least, eight weeks are best"`
	Level    float64            `json:"level,omitempty" doc:"W from which on it is on; found unless given" minimum:"0"`
	MinRun   int64              `json:"minRun,omitempty" doc:"Shortest cycle in ms; default one interval" minimum:"0"`
	MaxPause int64              `json:"maxPause,omitempty" doc:"Longest pause within a cycle in ms; default 10 minutes" minimum:"0"`
	Price    tariff.Decimal     `json:"price,omitempty" doc:"Price of a kWh, for the cost of standby" example:"0.30"`
	Currency string             `json:"currency,omitempty" example:"EUR" maxLength:"20"`
	Band     float64            `json:"band,omitempty" doc:"How much of what happens the bands shall hold; default 0.8" minimum:"0" maximum:"0.98"`
}

// ApplianceCycle is one run.
type ApplianceCycle struct {
	From    record.Millis  `json:"from"`
	To      record.Millis  `json:"to" doc:"So far, of one that runs"`
	Wh      float64        `json:"wh"`
	MaxW    float64        `json:"maxW"`
	Quality energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated"`
	Running bool           `json:"running,omitempty"`
	Cut     bool           `json:"cut,omitempty" doc:"It begins or ends where nothing is known"`
}

// ApplianceHour is an hour of the week, by the clock.
type ApplianceHour struct {
	Day   int     `json:"day" doc:"0 is Monday"`
	Hour  int     `json:"hour"`
	Weeks int     `json:"weeks" doc:"In how many weeks it is known"`
	Wh    float64 `json:"wh" doc:"Mean energy"`
	Begin float64 `json:"begin" doc:"How likely a run begins in it"`
	On    float64 `json:"on" doc:"Share of the time that it runs"`
}

// ApplianceDay is what a day is expected to take.
type ApplianceDay struct {
	Day    string  `json:"day" example:"2026-06-01"`
	Low    float64 `json:"low" doc:"Wh"`
	Mean   float64 `json:"mean" doc:"Wh"`
	High   float64 `json:"high" doc:"Wh"`
	Cycles float64 `json:"cycles" doc:"How many runs are expected"`
	Of     int     `json:"of" doc:"On how many days it rests"`
}

// ApplianceStandby is what it takes when it is off.
type ApplianceStandby struct {
	Watts    float64     `json:"watts" doc:"Median of the power when it is off"`
	KWhYear  float64     `json:"kwhYear"`
	CostYear *bill.Money `json:"costYear" doc:"Null without a price"`
	Currency string      `json:"currency,omitempty"`
}

// ApplianceToday is what today is like, up to now.
type ApplianceToday struct {
	Wh     float64  `json:"wh"`
	Cycles int      `json:"cycles"`
	Low    float64  `json:"low" doc:"Wh by this time on such days: 5 %"`
	High   float64  `json:"high" doc:"Wh by this time on such days: 95 %"`
	Known  float64  `json:"known" doc:"Share of today up to now that is known"`
	Usual  *bool    `json:"usual" doc:"Null where too little is known"`
	Why    []string `json:"why" doc:"What is not usual"`
}

// ApplianceOutput is what an appliance does and is going to do.
type ApplianceOutput struct {
	Subject  string              `json:"subject"`
	Switches bool                `json:"switches" doc:"Whether it is on and off; one that runs all the time has no cycles"`
	Level    float64             `json:"level" doc:"W from which on it is on"`
	State    string              `json:"state" enum:"on,off,unknown" doc:"In the last interval"`
	Cycles   []ApplianceCycle    `json:"cycles" doc:"The last 500"`
	Count    int                 `json:"count" doc:"All that were found, whole ones"`
	MeanWh   *float64            `json:"meanWh" doc:"Of a whole cycle; null without one"`
	MeanMs   *float64            `json:"meanMs" doc:"How long a whole cycle lasts"`
	Week     []ApplianceHour     `json:"week" doc:"All 168 hours"`
	Next     []ApplianceDay      `json:"next" doc:"The seven days after today"`
	NextRun  *record.Millis      `json:"nextRun" doc:"The hour of the next seven days in which a run is most likely to begin; null if none ever did"`
	Standby  *ApplianceStandby   `json:"standby,omitempty" doc:"Absent where it is never seen off"`
	Today    ApplianceToday      `json:"today"`
	Quality  series.QualityCount `json:"quality"`
	Reasons  []string            `json:"reasons"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "power", Class: "brick:Active_Power_Sensor", Min: 1, Max: 1, Interval: series.Quarter, History: 56 * series.Day, Why: "when it runs; three days at least"},
		{Role: "price", Min: 0, Max: 1, Why: "what standby costs; without it the energy alone is said"},
	}
}
