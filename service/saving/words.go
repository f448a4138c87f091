package saving

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// Bounds of what is taken.
const (
	MinDays     = 60 // of a baseline
	MaxDays     = 366 * 4
	MaxHolidays = 2_000
	MaxMeasures = 50
)

// Limits of a model unless others are given: those of ASHRAE Guideline 14 for data of
// hours.
const (
	MaxCVRMSE = 0.30
	MaxNMBE   = 0.10
)

// Kinds of measures.
const (
	Standby = "standby"
	Share   = "share"
)

// SavingInput is what is known of a building and of measures.
type SavingInput struct {
	Subject      string              `json:"subject" doc:"Identifier of the building" maxLength:"200"`
	Zone         string              `json:"zone,omitempty" doc:"IANA time zone of its clock" example:"Europe/Berlin"`
	Energy       series.EnergySeries `json:"energy" doc:"What it took, in steps of an hour or shorter"`
	Temperature  *series.GaugeSeries `json:"temperature,omitempty" doc:"Outdoors, °C, in steps of an hour or shorter"`
	BaselineFrom record.Millis       `json:"baselineFrom" doc:"First ms of the time before the measure; a year is best"`
	BaselineTo   record.Millis       `json:"baselineTo" doc:"First ms after it"`
	Since        record.Millis       `json:"since,omitempty" doc:"From when on the measure is in force; 0: there is none yet"`
	Now          record.Millis       `json:"now" doc:"Up to when things are known"`
	Holidays     []string            `json:"holidays,omitempty" doc:"Days that count as weekend" example:"[\"2026-12-25\"]" maxItems:"2000"`
	Measures     []SavingMeasure     `json:"measures,omitempty" doc:"What might be done" maxItems:"50"`
	Price        tariff.Decimal      `json:"price,omitempty" doc:"Price of a kWh" example:"0.30"`
	Currency     string              `json:"currency,omitempty" example:"EUR" maxLength:"20"`
	MaxCVRMSE    float64             `json:"maxCvrmse,omitempty" doc:"Above, the model is refused; default 0.30" minimum:"0"`
	MaxNMBE      float64             `json:"maxNmbe,omitempty" doc:"Above, the model is refused; default 0.10" minimum:"0"`
}

// SavingMeasure is something that might be done.
type SavingMeasure struct {
	ID    string  `json:"id" maxLength:"200"`
	Title string  `json:"title,omitempty" example:"Standby off at night" maxLength:"500"`
	Kind  string  `json:"kind" enum:"standby,share"`
	From  string  `json:"from" doc:"By the clock" example:"22:00"`
	To    string  `json:"to" doc:"By the clock; before from: on the next day" example:"06:00"`
	Days  string  `json:"days,omitempty" enum:"all,workdays,weekend" doc:"On which days it begins; default all"`
	Keep  float64 `json:"keep,omitempty" doc:"standby: power that has to stay on, W" minimum:"0"`
	Share float64 `json:"share,omitempty" doc:"share: which part is saved, 0 to 1" minimum:"0" maximum:"1"`
}

// SavingFit is how good a model is.
type SavingFit struct {
	CVRMSE float64 `json:"cvrmse"`
	NMBE   float64 `json:"nmbe"`
	R2     float64 `json:"r2"`
}

// SavingModel is a model of the baseline.
type SavingModel struct {
	Text      string    `json:"text" doc:"As a formula, kWh of a day"`
	Days      int       `json:"days" doc:"n: days it was fitted to"`
	LeftOut   int       `json:"leftOut" doc:"Days of the baseline of which something is not known"`
	Terms     int       `json:"parameters" doc:"p, with the constant"`
	Base      float64   `json:"base" doc:"b0, kWh of a day"`
	Heating   float64   `json:"heating" doc:"b1, kWh of a day and K; 0: not in the model"`
	HeatPoint float64   `json:"heatingBelow" doc:"Th, °C"`
	Cooling   float64   `json:"cooling" doc:"b2, kWh of a day and K; 0: not in the model"`
	CoolPoint float64   `json:"coolingAbove" doc:"Tc, °C"`
	Free      float64   `json:"weekend" doc:"b3, kWh of a weekend or holiday more than of a workday; 0: not in the model"`
	Mean      float64   `json:"mean" doc:"kWh of a day"`
	Coldest   float64   `json:"coldest" doc:"°C, mean of a day"`
	Hottest   float64   `json:"hottest"`
	Within    SavingFit `json:"within" doc:"Over the days it was fitted to"`
	Outside   SavingFit `json:"outside" doc:"Over days left out: every fifth week in turn"`
	Rho       float64   `json:"rho" doc:"Correlation of the errors of one day and the next"`
	LimitCV   float64   `json:"limitCvrmse"`
	LimitNMBE float64   `json:"limitNmbe"`
	Good      bool      `json:"good" doc:"It is within the limits"`
}

// SavingMeasured is what was saved since the measure.
type SavingMeasured struct {
	Days        int         `json:"days" doc:"m: days that are known"`
	LeftOut     int         `json:"leftOut" doc:"Days of which something is not known"`
	Beyond      int         `json:"beyond" doc:"Days hotter or colder than any of the baseline"`
	Expected    float64     `json:"expectedKWh" doc:"Without the measure, by the model"`
	Used        float64     `json:"usedKWh"`
	Saved       float64     `json:"savedKWh"`
	Uncertainty float64     `json:"uncertaintyKWh" doc:"At 90 %"`
	Part        float64     `json:"part" doc:"Saved / expected"`
	Certain     bool        `json:"certain" doc:"The saving is larger than its uncertainty"`
	Money       *bill.Money `json:"money" doc:"Null without a price"`
	Estimated   int         `json:"estimatedDays" doc:"Days that rest on substituted or estimated amounts in part"`
}

// SavingYear is what the next year is expected to be.
type SavingYear struct {
	Without float64     `json:"withoutKWh" doc:"Without the measure"`
	With    float64     `json:"withKWh"`
	Low     float64     `json:"savedLowKWh"`
	Mean    float64     `json:"savedKWh"`
	High    float64     `json:"savedHighKWh"`
	Money   *bill.Money `json:"money" doc:"Of the mean; null without a price"`
}

// SavingPotential is what a measure might save in a year.
type SavingPotential struct {
	ID    string      `json:"id"`
	Title string      `json:"title,omitempty"`
	Of    int         `json:"of" doc:"On how many days it rests"`
	Watts float64     `json:"watts" doc:"Mean power that is saved while it acts"`
	Low   float64     `json:"lowKWh" doc:"As on the lowest tenth of days"`
	Mean  float64     `json:"meanKWh"`
	High  float64     `json:"highKWh" doc:"As on the highest tenth of days"`
	Money *bill.Money `json:"money" doc:"Of the mean; null without a price"`
}

// SavingOutput is model, saving and prediction.
type SavingOutput struct {
	Subject  string            `json:"subject"`
	Model    SavingModel       `json:"model"`
	Refused  string            `json:"refused,omitempty" doc:"Why nothing is said of what was saved, with the numbers"`
	Measured *SavingMeasured   `json:"measured,omitempty" doc:"Absent without a measure, or when the model is refused"`
	Year     *SavingYear       `json:"year,omitempty" doc:"Absent where it cannot be said"`
	Measures []SavingPotential `json:"measures"`
	Currency string            `json:"currency,omitempty"`
	Reasons  []string          `json:"reasons"`
}

// Needs says what the service must be given.
func Needs() []series.ServiceNeed {
	return []series.ServiceNeed{
		{Role: "energy", Class: "brick:Electric_Energy_Sensor", Also: series.Settling(), Min: 1, Max: 1, Interval: series.Hour, History: 365 * series.Day, Why: "what the building took before and since the measure; 60 days at least"},
		{Role: "temperature", Class: "brick:Outside_Air_Temperature_Sensor", Min: 0, Max: 1, Interval: series.Hour, History: 365 * series.Day, Why: "what the weather explains; without it the calendar alone does, and a model is often refused"},
		{Role: "price", Min: 0, Max: 1, Why: "what savings are worth; without it the energy alone is said"},
	}
}
