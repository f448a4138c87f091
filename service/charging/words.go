package charging

import (
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// Bounds of what is taken.
const (
	MaxChargers    = 500
	MaxSamples     = 150_000 // of one charger, of each kind
	MaxAssignments = 20_000
	MaxSessions    = 20_000
)

// Defaults of what a charger leaves open.
const (
	DefaultThreshold = 200.0 // W: below is what electronics take
	DefaultHold      = 15 * series.Minute
	DefaultMaxAge    = 15 * series.Minute
)

// ChargingInput is what chargers measured, who charged, and what it costs.
type ChargingInput struct {
	From        record.Millis        `json:"from" doc:"First ms of the period; sessions that end in it are billed"`
	To          record.Millis        `json:"to" doc:"First ms after it"`
	Zone        string               `json:"zone,omitempty" doc:"IANA time zone of months, blocking times and of a tariff that names none" example:"Europe/Berlin"`
	Chargers    []ChargingCharger    `json:"chargers" minItems:"1" maxItems:"500"`
	Assignments []ChargingAssignment `json:"assignments,omitempty" doc:"Who charged" maxItems:"20000"`
	Tariff      tariff.Tariff        `json:"tariff" doc:"Without demand charges and steps"`
	Prices      []bill.ServiceQuotes `json:"prices,omitempty" doc:"Series of prices that the tariff names" maxItems:"20"`
	Blocking    *ChargingBlocking    `json:"blocking,omitempty"`
	Demand      *ChargingDemand      `json:"demand,omitempty"`
	Previous    *ChargingOutput      `json:"previous,omitempty" doc:"The revision before this one"`
}

// ChargingCharger is a charging point and what it measured, in the order of time,
// from before the period on if a session may have begun there.
type ChargingCharger struct {
	ID        string           `json:"id" maxLength:"200"`
	Name      string           `json:"name,omitempty" maxLength:"500"`
	Power     []ChargingSample `json:"power" doc:"Power in W; holds until the next" maxItems:"150000"`
	Register  []ChargingSample `json:"register,omitempty" doc:"Counter in Wh" maxItems:"150000"`
	Plug      []ChargingSample `json:"plug,omitempty" doc:"1: a vehicle is plugged in, 0: none is; holds until the next" maxItems:"150000"`
	Cards     []ChargingCard   `json:"cards,omitempty" doc:"Cards that were held to it" maxItems:"20000"`
	Width     float64          `json:"width,omitempty" doc:"Wh at which the register begins again at zero; 0: not known"`
	Threshold float64          `json:"threshold,omitempty" doc:"W from which on it charges; default 200"`
	Hold      int64            `json:"hold,omitempty" doc:"Longest pause within a session, ms; default 15 minutes"`
	MaxAge    int64            `json:"maxAge,omitempty" doc:"How long a sample of the power holds at most, ms; default 15 minutes"`
}

// ChargingSample is a value at a time.
type ChargingSample struct {
	At      record.Millis  `json:"at"`
	Value   float64        `json:"value"`
	Quality energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated" doc:"none: it is not known from here on"`
}

// ChargingCard is a card that was held to a charger.
type ChargingCard struct {
	At   record.Millis `json:"at"`
	Card string        `json:"card" maxLength:"200"`
}

// ChargingAssignment says who charges. Of several that fit, the one that names both card
// and charger goes before one that names the card, and that before one that names
// the charger; of equal ones the first.
type ChargingAssignment struct {
	Charger   string        `json:"charger,omitempty" doc:"Empty: at any charger"`
	Card      string        `json:"card,omitempty" doc:"Empty: with any card, or none"`
	From      record.Millis `json:"from" doc:"First ms it holds for"`
	To        record.Millis `json:"to,omitempty" doc:"First ms that it does not hold for; 0: open"`
	User      string        `json:"user" doc:"Who pays" maxLength:"200"`
	Vehicle   string        `json:"vehicle,omitempty" maxLength:"200"`
	Household string        `json:"household,omitempty" maxLength:"200"`
}

// ChargingBlocking is what it costs to stay plugged in without charging.
type ChargingBlocking struct {
	Free      int64          `json:"free" doc:"Minutes that are free" example:"240"`
	PerMinute tariff.Decimal `json:"perMinute" doc:"Price of each further one, taxes included" example:"0.10"`
	Max       tariff.Decimal `json:"max,omitempty" doc:"Most of a session; absent: no bound" example:"12"`
	Times     []string       `json:"times,omitempty" doc:"From-to by the clock, in which minutes count; absent: always" example:"[\"08:00-22:00\"]" maxItems:"24"`
}

// ChargingDemand is a demand charge of the site, of which charging pays its part.
type ChargingDemand struct {
	Quarter record.Millis  `json:"quarter" doc:"When the quarter hour of the peak began"`
	Site    energy.Amount  `json:"site" doc:"What the site took in it, µWh"`
	Money   tariff.Decimal `json:"money" doc:"What the peak costs" example:"842.50"`
}

// ChargingSession is a session.
type ChargingSession struct {
	ID        string         `json:"id" doc:"Charger and beginning" example:"garage-1@1767225600000"`
	Charger   string         `json:"charger"`
	Card      string         `json:"card,omitempty"`
	User      string         `json:"user" doc:"Empty: it belongs to nobody"`
	Vehicle   string         `json:"vehicle,omitempty"`
	Household string         `json:"household,omitempty"`
	From      record.Millis  `json:"from"`
	To        record.Millis  `json:"to" doc:"So far, of one that runs"`
	Running   bool           `json:"running,omitempty" doc:"It has not ended, and is not billed"`
	Energy    bill.Quantity  `json:"energy" doc:"kWh"`
	Charging  int64          `json:"chargingMs" doc:"ms in which it charged"`
	Idle      *int64         `json:"idleMs" doc:"ms from the last charging to the pulling out; null where the plug is not known"`
	MaxPower  float64        `json:"maxPower" doc:"W"`
	Quality   energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated"`
	Money     bill.Money     `json:"money" doc:"Of its receipt, with blocking"`
	Notes     []string       `json:"notes,omitempty"`
}

// ChargingBill is the bill of a user.
type ChargingBill struct {
	User     string                 `json:"user" doc:"Empty: what belongs to nobody"`
	Revision int                    `json:"revision"`
	From     record.Millis          `json:"from"`
	To       record.Millis          `json:"to"`
	Sessions []string               `json:"sessions" doc:"Identifiers"`
	Energy   bill.Quantity          `json:"energy" doc:"kWh"`
	Lines    []bill.ServiceBillLine `json:"lines"`
	Totals   bill.ServiceBillTotals `json:"totals"`
	Complete bool                   `json:"complete" doc:"All of it has a price"`
	Notes    []string               `json:"notes"`
}

// ChargingReport is what was charged by somebody, somewhere, in a month.
type ChargingReport struct {
	User     string        `json:"user"`
	Charger  string        `json:"charger"`
	Month    string        `json:"month" doc:"In which the sessions ended" example:"2026-03"`
	Sessions int           `json:"sessions"`
	Energy   bill.Quantity `json:"energy" doc:"kWh"`
	Marked   bill.Quantity `json:"marked" doc:"kWh of it in sessions that rest on estimates or substitutes"`
	Charging int64         `json:"chargingMs"`
	Plugged  int64         `json:"pluggedMs"`
	Money    bill.Money    `json:"money" doc:"Of the receipts"`
}

// ChargingPoint is what became of the register of a charger.
type ChargingPoint struct {
	Charger  string        `json:"charger"`
	Register bill.Quantity `json:"register" doc:"By how much the register rose, as far as it is known, kWh"`
	Sessions bill.Quantity `json:"sessions" doc:"Of it in sessions"`
	Outside  bill.Quantity `json:"outside" doc:"Of it outside of sessions: standby, or a session that nothing told of"`
	Notes    []string      `json:"notes"`
}

// ChargingOutput is sessions, bills and reports.
type ChargingOutput struct {
	From        record.Millis          `json:"from"`
	To          record.Millis          `json:"to"`
	Revision    int                    `json:"revision"`
	Sessions    []ChargingSession      `json:"sessions"`
	Bills       []ChargingBill         `json:"bills"`
	Report      []ChargingReport       `json:"report"`
	Chargers    []ChargingPoint        `json:"chargers"`
	Totals      bill.ServiceBillTotals `json:"totals"`
	Differences []bill.BillDifference  `json:"differences"`
	Reasons     []string               `json:"reasons"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "power", Class: "brick:Active_Power_Sensor", Min: 1, Max: MaxChargers, Interval: series.Quarter, Why: "when a charger charges, and how energy is divided at the edges of bands"},
		{Role: "register", Class: "brick:Electric_Energy_Sensor", Min: 0, Max: MaxChargers, Why: "what was charged; without it energy is power over time, and estimated"},
		{Role: "plug", Class: "brick:Occupancy_Sensor", Min: 0, Max: MaxChargers, Why: "whether a vehicle is plugged in; without it there is no blocking fee, and a long pause ends a session"},
		{Role: "assignments", Min: 0, Why: "who charged; sessions of nobody are told"},
		{Role: "tariff", Min: 1, Max: 1, Why: "what it costs"},
	}
}
