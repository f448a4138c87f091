package tariff

import "github.com/wattwerk/wattwerk/record"

// ID names a tariff or a set of factors. It obeys the rules of
// [record.SensorID].
type ID string

// Tariff is what something costs, as people write and read it, as JSON or YAML.
type Tariff struct {
	ID        ID              `json:"id" yaml:"id" required:"false" doc:"Identifier" example:"home-2026" maxLength:"200"`
	Name      string          `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Currency  string          `json:"currency" yaml:"currency" doc:"Currency, best by its ISO 4217 code" example:"EUR" maxLength:"20"`
	Zone      string          `json:"zone,omitempty" yaml:"zone,omitempty" doc:"IANA time zone of its dates and times; that of the site when empty" example:"Europe/Berlin"`
	Quantity  record.Quantity `json:"quantity,omitempty" yaml:"quantity,omitempty" doc:"What is measured: energy, volume, …; default energy" example:"energy"`
	Unit      string          `json:"unit,omitempty" yaml:"unit,omitempty" doc:"Unit the prices are for; default kWh for energy, else the coherent unit of the quantity" example:"kWh"`
	Calendars []Calendar      `json:"calendars,omitempty" yaml:"calendars,omitempty" doc:"Calendars that divide the time into bands" maxItems:"20"`
	Versions  []Version       `json:"versions" yaml:"versions" doc:"Prices, each with the days on which they are in force, in order of time" maxItems:"500"`
}

// Calendar divides all time into bands. The first rule that fits decides, and the
// last one has no conditions.
type Calendar struct {
	ID       string    `json:"id" yaml:"id" doc:"Identifier within the tariff" example:"ht-nt" maxLength:"200"`
	Holidays *Holidays `json:"holidays,omitempty" yaml:"holidays,omitempty" doc:"Days that count as holiday instead of as their day of the week"`
	Bands    []Band    `json:"bands" yaml:"bands" doc:"Rules; the first that fits a time says its band" maxItems:"64"`
}

// Holidays are days that count as holiday.
type Holidays struct {
	Rules []string `json:"rules,omitempty" yaml:"rules,omitempty" doc:"Named sets of holidays; there is germany: those of all of Germany" example:"[\"germany\"]" maxItems:"10"`
	Dates []Date   `json:"dates,omitempty" yaml:"dates,omitempty" doc:"Further holidays, by date" maxItems:"2000"`
}

// Band is a rule of a calendar: at such times it is this band. Conditions that
// are absent fit always; several rules may lead to one band.
type Band struct {
	Name    string   `json:"name" yaml:"name" doc:"Name of the band" example:"peak" maxLength:"100"`
	Days    []string `json:"days,omitempty" yaml:"days,omitempty" doc:"Days: mon, tue, wed, thu, fri, sat, sun, holiday; a holiday is no day of the week" maxItems:"8"`
	Times   []string `json:"times,omitempty" yaml:"times,omitempty" doc:"From-to by the clock of the zone; from later than to: the early and the late hours of the same day" example:"[\"06:00-22:00\"]" maxItems:"48"`
	Months  []string `json:"months,omitempty" yaml:"months,omitempty" doc:"Months: jan, feb, mar, …" maxItems:"12"`
	Seasons []Season `json:"seasons,omitempty" yaml:"seasons,omitempty" doc:"Parts of the year" maxItems:"12"`
}

// Season is a part of every year.
type Season struct {
	From string `json:"from" yaml:"from" doc:"First day, month-day" example:"10-15"`
	To   string `json:"to" yaml:"to" doc:"First day that is out of it again, month-day" example:"03-15"`
}

// Version is a set of prices with the days on which it is in force.
type Version struct {
	From       Date        `json:"from" yaml:"from" doc:"First day" example:"2026-01-01"`
	To         Date        `json:"to,omitempty" yaml:"to,omitempty" doc:"First day on which it is out of force; absent: until the next version, or open" example:"2027-01-01"`
	Conversion Decimal     `json:"conversion,omitempty" yaml:"conversion,omitempty" doc:"How many of the unit are in one coherent unit of the quantity, where the unit is of another quantity: kWh in a m³ of gas" example:"10.5432"`
	Components []Component `json:"components" yaml:"components" doc:"What the price is made of, in the order of the bill" maxItems:"50"`
}

// Kind says what a component charges for.
type Kind string

// The kinds of components.
const (
	Energy   Kind = "energy"   // what was taken
	FeedIn   Kind = "feed_in"  // what was given back; it is credited
	Standing Kind = "standing" // days
	Demand   Kind = "demand"   // the highest quarter of an hour
	Tax      Kind = "tax"      // percent of other components
)

// Every is a length of time prices and peaks are for.
type Every string

// The lengths of time.
const (
	Day     Every = "day"
	Month   Every = "month"
	Year    Every = "year"
	Rolling Every = "rolling" // twelve months up to and with the month in question; for peaks
)

// Component is one part of the price. Energy and feed-in have exactly one of
// price, prices, steps and series.
type Component struct {
	ID       string             `json:"id" yaml:"id" doc:"Identifier within the version" example:"energy" maxLength:"200"`
	Name     string             `json:"name,omitempty" yaml:"name,omitempty" doc:"As the bill calls it" maxLength:"500"`
	Kind     Kind               `json:"kind" yaml:"kind" doc:"What it charges for" enum:"energy,feed_in,standing,demand,tax"`
	Price    Decimal            `json:"price,omitempty" yaml:"price,omitempty" doc:"Price: for a unit (energy, feed_in), for 'per' (standing), for a unit of power and 'per' (demand)" example:"0.30125"`
	Prices   map[string]Decimal `json:"prices,omitempty" yaml:"prices,omitempty" doc:"Price for a unit in each band of the calendar"`
	Calendar string             `json:"calendar,omitempty" yaml:"calendar,omitempty" doc:"The calendar of the bands; may be absent when there is one calendar alone"`
	Steps    *Steps             `json:"steps,omitempty" yaml:"steps,omitempty" doc:"Prices for a unit that change with the amount taken in a month or year"`
	Series   *Series            `json:"series,omitempty" yaml:"series,omitempty" doc:"Price for a unit from a series, as of a spot market"`
	Per      Every              `json:"per,omitempty" yaml:"per,omitempty" doc:"Time the price is for: day, month or year (standing), month or year (demand)" enum:"day,month,year"`
	Peak     Every              `json:"peak,omitempty" yaml:"peak,omitempty" doc:"Demand: highest quarter of an hour of the month, of the year, or of the twelve months up to and with the month" enum:"month,year,rolling"`
	Bands    []string           `json:"bands,omitempty" yaml:"bands,omitempty" doc:"Demand: bands in which peaks count; absent: always" maxItems:"64"`
	Above    Decimal            `json:"above,omitempty" yaml:"above,omitempty" doc:"Demand: power that is free; what exceeds it is charged" example:"30"`
	Minimum  Decimal            `json:"minimum,omitempty" yaml:"minimum,omitempty" doc:"Demand: power that is charged at least" example:"50"`
	Percent  Decimal            `json:"percent,omitempty" yaml:"percent,omitempty" doc:"Tax: percent" example:"19"`
	On       []string           `json:"on,omitempty" yaml:"on,omitempty" doc:"Tax: components above it that it is on; absent: all of them but feed-in" maxItems:"50"`
}

// Steps are prices that change with the amount taken since the month or year
// began.
type Steps struct {
	Per Every  `json:"per" yaml:"per" doc:"When counting begins anew: month or year" enum:"month,year"`
	Of  []Step `json:"of" yaml:"of" doc:"The steps, from the lowest; the last one has no end" maxItems:"20"`
}

// Step is one of them.
type Step struct {
	UpTo  Decimal `json:"upTo,omitempty" yaml:"upTo,omitempty" doc:"Amount up to which the price holds, in the unit of the prices" example:"1000"`
	Price Decimal `json:"price" yaml:"price" doc:"Price for a unit" example:"0.28"`
}

// Series refers to a series of prices that whoever asks for a bill hands over.
// The price for a unit is value × factor + markup.
type Series struct {
	Name   string  `json:"name" yaml:"name" doc:"Name of the series" example:"day-ahead-de" maxLength:"200"`
	Factor Decimal `json:"factor,omitempty" yaml:"factor,omitempty" doc:"What values are multiplied with, as 0.001 from MWh to kWh; default 1" example:"0.001"`
	Markup Decimal `json:"markup,omitempty" yaml:"markup,omitempty" doc:"What is added, for a unit; default 0" example:"0.0185"`
}
