package occupancy

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// Bounds of what is taken.
const (
	MaxSources = 100
	MaxLoads   = 100
)

// What a source shows, and what a load is for.
const (
	Count    = "count"
	Movement = "movement"
	HVAC     = "hvac"
	Lighting = "lighting"
	Other    = "other"
)

// OccupancyInput is who was there, and what was used.
type OccupancyInput struct {
	Subject  string            `json:"subject" doc:"Identifier of the room or building" maxLength:"200"`
	Zone     string            `json:"zone,omitempty" doc:"IANA time zone of its clock" example:"Europe/Berlin"`
	Sources  []OccupancySource `json:"sources" minItems:"1" maxItems:"100"`
	Loads    []OccupancyLoad   `json:"loads" minItems:"1" maxItems:"100"`
	Lead     int64             `json:"lead,omitempty" doc:"How long before people come heating and cooling have to begin, ms; default 60 minutes" minimum:"0"`
	Trail    int64             `json:"trail,omitempty" doc:"How long after people have left things may run, ms; default 15 minutes" minimum:"0"`
	Rebound  float64           `json:"rebound,omitempty" doc:"Part of the saving of heating and cooling that is used to bring the room back; default 0.2, which is a guess" minimum:"0" maximum:"0.99"`
	Band     float64           `json:"band,omitempty" doc:"How much of what happens the bands shall hold; default 0.8" minimum:"0" maximum:"0.98"`
	Price    tariff.Decimal    `json:"price,omitempty" doc:"Price of a kWh" example:"0.30"`
	Currency string            `json:"currency,omitempty" example:"EUR" maxLength:"20"`
}

// OccupancySource is a sensor that sees people.
type OccupancySource struct {
	ID     string             `json:"id" maxLength:"200"`
	Kind   string             `json:"kind" enum:"count,movement"`
	Series series.GaugeSeries `json:"series" doc:"People, or movement from 0 to 1; with the step of the loads, or a part of it"`
	Hold   int64              `json:"hold,omitempty" doc:"How long after a movement somebody is there, ms; default 30 minutes" minimum:"0"`
}

// OccupancyLoad is what something used.
type OccupancyLoad struct {
	ID     string              `json:"id" maxLength:"200"`
	Kind   string              `json:"kind" enum:"hvac,lighting,other"`
	Energy series.EnergySeries `json:"energy" doc:"All loads have one step, of a quarter of an hour to an hour"`
}

// OccupancyUse is what a load used, by who was there, in kWh.
type OccupancyUse struct {
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`
	Occupied bill.Quantity `json:"occupied" doc:"kWh while somebody was there"`
	Empty    bill.Quantity `json:"empty" doc:"kWh while nobody was there"`
	Unknown  bill.Quantity `json:"unknown" doc:"kWh while it is not known"`
	BaseW    float64       `json:"baseW" doc:"Power that is always there, W"`
	Waste    float64       `json:"wasteKWh" doc:"Above it while nobody was there, and outside of lead time"`
	Hours    float64       `json:"hours" doc:"Hours in which it took more than twice its base, or 50 W more, while nobody was there"`
	Money    *bill.Money   `json:"money" doc:"What the waste cost; null without a price"`
}

// OccupancyDay is a schedule for a day of the week.
type OccupancyDay struct {
	Day     int     `json:"day" doc:"0 is Monday"`
	Off     bool    `json:"off" doc:"Nobody comes as a rule"`
	Start   string  `json:"start,omitempty" example:"06:45"`
	Stop    string  `json:"stop,omitempty" doc:"24:00 is the end of the day" example:"18:30"`
	Of      int     `json:"of" doc:"On how many days it rests"`
	Covered float64 `json:"covered" doc:"Part of the occupied time that it holds"`
	Now     string  `json:"now,omitempty" doc:"From when to when heating and cooling run now, as a rule" example:"05:00-22:00"`
}

// OccupancyHour is an hour of the week.
type OccupancyHour struct {
	Day      int     `json:"day" doc:"0 is Monday"`
	Hour     int     `json:"hour"`
	Known    float64 `json:"known" doc:"Hours that are known"`
	Occupied float64 `json:"occupied" doc:"Part of them in which somebody was there"`
	Waste    float64 `json:"wasteKWh" doc:"kWh wasted in it over all weeks"`
}

// OccupancySaving is what the schedule is expected to save in a year.
type OccupancySaving struct {
	Low      float64     `json:"lowKWh"`
	Mean     float64     `json:"meanKWh"`
	High     float64     `json:"highKWh"`
	Weeks    int         `json:"weeks" doc:"On how many weeks it rests"`
	Money    *bill.Money `json:"money" doc:"Of the mean; null without a price"`
	Currency string      `json:"currency,omitempty"`
}

// OccupancyOutput is waste, schedules and savings.
type OccupancyOutput struct {
	Subject  string           `json:"subject"`
	From     record.Millis    `json:"from"`
	To       record.Millis    `json:"to"`
	Occupied float64          `json:"occupiedHours"`
	Empty    float64          `json:"emptyHours"`
	Unknown  float64          `json:"unknownHours"`
	Loads    []OccupancyUse   `json:"loads"`
	Schedule []OccupancyDay   `json:"schedule" doc:"By day of the week; empty where too little is known"`
	Week     []OccupancyHour  `json:"week" doc:"All 168 hours"`
	Saving   *OccupancySaving `json:"saving,omitempty" doc:"Absent where no week is known well enough"`
	Reasons  []string         `json:"reasons"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "occupancy", Class: "brick:Occupancy_Sensor", Also: []string{"brick:Occupancy_Count_Sensor", "brick:Motion_Sensor"}, Min: 1, Max: MaxSources, Interval: series.Hour, History: 28 * series.Day, Why: "who is there: counts or movement; gaps are unknown"},
		{Role: "hvac", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 0, Max: MaxLoads, Interval: series.Hour, History: 28 * series.Day, Why: "heating, ventilation and cooling, with lead time"},
		{Role: "lighting", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 0, Max: MaxLoads, Interval: series.Hour, History: 28 * series.Day, Why: "light, without lead time; one load at least is needed"},
		{Role: "price", Min: 0, Max: 1, Why: "what waste costs; without it the energy alone is said"},
	}
}
