package estimation

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
)

// EstimationInput is what is known of a home or building.
type EstimationInput struct {
	Subject    string               `json:"subject" doc:"Identifier of the home or building" maxLength:"200"`
	Zone       string               `json:"zone,omitempty" doc:"IANA time zone of its clock" example:"Europe/Berlin"`
	Now        record.Millis        `json:"now" doc:"Up to when things are known"`
	Day        string               `json:"day,omitempty" doc:"Which day; the one after now unless said" example:"2026-06-01"`
	Load       series.EnergySeries  `json:"load" doc:"What it took, up to now; 3 days at least, 5 weeks are best"`
	Generation *series.EnergySeries `json:"generation,omitempty" doc:"What it made"`
	Irradiance *series.GaugeSeries  `json:"irradiance,omitempty" doc:"W/m², of the past and, as a forecast, of the day"`
	Capacity   float64              `json:"capacity,omitempty" doc:"Largest power of the generation in W; 0: not known" minimum:"0"`
	Band       float64              `json:"band,omitempty" doc:"How much of what happens the bands shall hold; default 0.8" minimum:"0" maximum:"0.98"`

	LoadForecast       *EstimationForecast `json:"loadForecast,omitempty" doc:"Made elsewhere, and used instead of the models here"`
	GenerationForecast *EstimationForecast `json:"generationForecast,omitempty" doc:"Made elsewhere, and used instead of the models here"`
}

// EstimationForecast is a forecast from elsewhere. What is of longer intervals than the
// load is divided by what the models here say of each step.
type EstimationForecast struct {
	Method string           `json:"method" doc:"Who made it, and how" maxLength:"200"`
	Start  record.Millis    `json:"start"`
	Step   int64            `json:"step,omitempty" doc:"Length of an interval in ms, an hour at most; default that of the load"`
	Days   int              `json:"days,omitempty" doc:"On how many days before it was tried"`
	Wrong  *float64         `json:"wape,omitempty" doc:"How wrong it was on them: Σ|error| / Σ amount"`
	Values []EstimationBand `json:"values" doc:"One for each interval, in Wh" maxItems:"2000"`
}

// EstimationBand is an expected amount in Wh, and between what it is likely to lie.
type EstimationBand struct {
	Low  float64 `json:"low" doc:"Wh"`
	Mean float64 `json:"mean" doc:"Wh"`
	High float64 `json:"high" doc:"Wh"`
}

// EstimationInterval is one interval of the day.
type EstimationInterval struct {
	From       record.Millis   `json:"from"`
	Load       EstimationBand  `json:"load"`
	Generation *EstimationBand `json:"generation,omitempty" doc:"Absent where nothing is known of a generation"`
	OwnUse     float64         `json:"ownUse" doc:"Wh of the generation that are used in the home"`
	Import     float64         `json:"import" doc:"Wh"`
	Export     float64         `json:"export" doc:"Wh"`
	Surplus    float64         `json:"surplus" doc:"How likely more is made than used, 0 to 1"`
}

// EstimationSurplus is a time in which more is made than used, more likely than
// not.
type EstimationSurplus struct {
	From record.Millis `json:"from"`
	To   record.Millis `json:"to"`
	Wh   float64       `json:"wh" doc:"What is expected to be left over in it"`
}

// EstimationRest is what is left of today.
type EstimationRest struct {
	From       record.Millis   `json:"from" doc:"The first interval that has not begun"`
	To         record.Millis   `json:"to"`
	SoFar      float64         `json:"soFar" doc:"Wh taken today, as far as they are known"`
	Load       EstimationBand  `json:"load" doc:"What is still to be taken"`
	Generation *EstimationBand `json:"generation,omitempty" doc:"What is still to be made"`
}

// EstimationModel is a model, and how wrong it was.
type EstimationModel struct {
	Name  string   `json:"name"`
	Days  int      `json:"days" doc:"On how many days it was tried"`
	Wrong *float64 `json:"wape" doc:"Σ|error| / Σ amount on them; null where it could not be tried"`
}

// EstimationOutput is the estimation of a day.
type EstimationOutput struct {
	Subject    string               `json:"subject"`
	From       record.Millis        `json:"from"`
	To         record.Millis        `json:"to"`
	Step       int64                `json:"step"`
	Intervals  []EstimationInterval `json:"intervals" doc:"92 to 100 quarters of an hour, or 23 to 25 hours"`
	Load       EstimationBand       `json:"load" doc:"Of the day"`
	Generation *EstimationBand      `json:"generation,omitempty" doc:"Of the day"`
	OwnUse     float64              `json:"ownUse" doc:"Wh"`
	Import     float64              `json:"import" doc:"Wh"`
	Export     float64              `json:"export" doc:"Wh"`
	Autarky    *float64             `json:"autarky" doc:"Own use / load; null without a generation"`
	SelfUse    *float64             `json:"selfUse" doc:"Own use / generation; null without one"`
	Surplus    []EstimationSurplus  `json:"surplus"`
	Rest       *EstimationRest      `json:"rest,omitempty" doc:"What is left of today; absent on its last interval"`
	LoadModel  EstimationModel      `json:"loadModel"`
	MadeModel  *EstimationModel     `json:"generationModel,omitempty"`
	Quality    series.QualityCount  `json:"quality" doc:"On what the load of the past rests"`
	Reasons    []string             `json:"reasons"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "load", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 1, Max: 1, Interval: series.Hour, History: 35 * series.Day, Why: "what it takes; 3 days at least"},
		{Role: "generation", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 0, Max: 1, Interval: series.Hour, History: 35 * series.Day, Why: "what it makes; without it capacity and irradiance are used, and without those nothing is said of generation"},
		{Role: "irradiance", Class: "brick:Solar_Irradiance_Sensor", Min: 0, Max: 1, Interval: series.Hour, History: 30 * series.Day, Why: "past and forecast; without it generation goes by the days before"},
	}
}
