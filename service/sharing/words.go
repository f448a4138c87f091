package sharing

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// Bounds of what is taken.
const (
	MaxMembers = 500
	MaxCells   = 6_000_000 // members × intervals
	MaxShare   = 1_000_000_000
)

// The keys by which energy is allocated.
const (
	Static      = "static"
	Consumption = "consumption"
	Dynamic     = "dynamic"
)

// SharingInput is a community and what its members used and made.
type SharingInput struct {
	Community string               `json:"community" doc:"Identifier of the community" maxLength:"200"`
	From      record.Millis        `json:"from" doc:"First ms of the period"`
	To        record.Millis        `json:"to" doc:"First ms after it"`
	Zone      string               `json:"zone,omitempty" doc:"IANA time zone of tariffs that name none" example:"Europe/Berlin"`
	Key       string               `json:"key" enum:"static,consumption,dynamic" doc:"How what is made is allocated"`
	Members   []SharingMember      `json:"members" minItems:"1" maxItems:"500"`
	Inside    *tariff.Tariff       `json:"inside,omitempty" doc:"What energy costs within the community, and what is paid for it; needed for two members and more"`
	Grid      tariff.Tariff        `json:"grid" doc:"What the grid costs those who have no tariff of their own"`
	Prices    []bill.ServiceQuotes `json:"prices,omitempty" doc:"Series of prices that the tariffs name" maxItems:"20"`
	Previous  *SharingOutput       `json:"previous,omitempty" doc:"The revision before this one"`
}

// SharingMember is a member, with series that have the step of all others and may
// begin before the period, for steps and peaks.
type SharingMember struct {
	ID         string               `json:"id" doc:"Identifier within the community" maxLength:"200"`
	Name       string               `json:"name,omitempty" maxLength:"500"`
	Load       series.EnergySeries  `json:"load" doc:"What it used; of registers what it took"`
	Generation *series.EnergySeries `json:"generation,omitempty" doc:"What it made; of registers what it gave"`
	Registers  bool                 `json:"registers,omitempty" doc:"The series are those of the meter at the connection, and not netted against one another"`
	Share      int64                `json:"share,omitempty" doc:"Its weight, for the static and the dynamic key" minimum:"0"`
	Grid       *tariff.Tariff       `json:"grid,omitempty" doc:"Its own tariff of the grid"`
}

// SharingEnergy is where energy came from and went to, in kWh, exactly.
type SharingEnergy struct {
	Load          bill.Quantity `json:"load" doc:"Used: own use + from community + from grid"`
	Generation    bill.Quantity `json:"generation" doc:"Made: own use + to community + to grid"`
	OwnUse        bill.Quantity `json:"ownUse"`
	FromCommunity bill.Quantity `json:"fromCommunity"`
	FromGrid      bill.Quantity `json:"fromGrid"`
	ToCommunity   bill.Quantity `json:"toCommunity"`
	ToGrid        bill.Quantity `json:"toGrid"`
	Autarky       *float64      `json:"autarky" doc:"The part of the load that did not come from the grid; null without a load"`
	SelfUse       *float64      `json:"selfUse" doc:"The part of the generation that did not go to the grid; null without generation"`
}

// SharingBill is the bill of a member.
type SharingBill struct {
	Member     string                 `json:"member"`
	Name       string                 `json:"name,omitempty"`
	Revision   int                    `json:"revision" doc:"From 1"`
	From       record.Millis          `json:"from"`
	To         record.Millis          `json:"to"`
	Lines      []bill.ServiceBillLine `json:"lines"`
	Totals     bill.ServiceBillTotals `json:"totals"`
	Energy     SharingEnergy          `json:"energy"`
	Load       series.QualityCount    `json:"loadQuality" doc:"On what the load rests, by intervals"`
	Generation series.QualityCount    `json:"generationQuality" doc:"On what the generation rests; no intervals without generation"`
	Shared     series.QualityCount    `json:"sharedQuality" doc:"On what its share rests, those of others included"`
	Complete   bool                   `json:"complete" doc:"All intervals are known and have a price"`
	Notes      []string               `json:"notes" doc:"What has to be known to understand the bill"`
}

// SharingOutput is the bills of a community.
type SharingOutput struct {
	Community   string                 `json:"community"`
	From        record.Millis          `json:"from"`
	To          record.Millis          `json:"to"`
	Key         string                 `json:"key"`
	Revision    int                    `json:"revision" doc:"From 1"`
	Step        int64                  `json:"step" doc:"ms of an interval"`
	Intervals   int                    `json:"intervals" doc:"How many were netted"`
	Energy      SharingEnergy          `json:"energy" doc:"Of all members"`
	Inside      []bill.ServiceBillLine `json:"inside" doc:"What was shared, as one bill: those of the members add up to it"`
	Totals      bill.ServiceBillTotals `json:"totals" doc:"Of all bills"`
	Bills       []SharingBill          `json:"bills"`
	Differences []bill.BillDifference  `json:"differences" doc:"What is another than in the revision before"`
	Reasons     []string               `json:"reasons" doc:"How it was computed, and what it rests on"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "load", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 1, Max: MaxMembers, Interval: series.Hour, Why: "what each member used; intervals without it are not billed and told"},
		{Role: "generation", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 0, Max: MaxMembers, Interval: series.Hour, Why: "what members made; without any everything comes from the grid"},
		{Role: "inside", Min: 0, Max: 1, Why: "tariff within the community; needed for two members and more"},
		{Role: "grid", Min: 1, Why: "tariff of the grid, for all or for each"},
	}
}
