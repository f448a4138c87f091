package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

// Errors. They are wrapped with a sentence that can be shown.
var (
	ErrNotFound = errors.New("not found")
	ErrInvalid  = errors.New("invalid")
)

// Enough is the least completeness of both sides of a comparison, and of what
// an indicator is computed from.
const Enough = 0.9

// Amount is an amount in JSON: a decimal in the coherent unit with every digit.
type Amount energy.Amount

// MarshalJSON writes a decimal.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(energy.Amount(a).String()), nil }

// UnmarshalJSON reads a decimal of at most 6 places.
func (a *Amount) UnmarshalJSON(b []byte) error {
	text := string(b)
	whole, places, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(places) > 6 || whole == "" {
		return fmt.Errorf("%.40q is no amount", text)
	}
	n, err := strconv.ParseInt(whole+places+strings.Repeat("0", 6-len(places)), 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is no amount", text)
	}
	if text[0] == '-' {
		n = -n
	}
	*a = Amount(n)
	return nil
}

// Schema describes it in OpenAPI.
func (Amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true}
}

// Figure is an amount with what it stands on.
type Figure struct {
	Amount         *Amount        `json:"amount" doc:"In the unit of the report; null: not known"`
	Estimated      *Amount        `json:"estimated" doc:"The part of it, without sign, that was not measured in its own window"`
	EstimatedShare *float64       `json:"estimatedShare" doc:"The same as a part of the amount, 0 to 1; null when the amount is unknown or zero"`
	Completeness   float64        `json:"completeness" doc:"Part of the time, and of the members, that readings speak of, 0 to 1"`
	Adjusted       float64        `json:"adjusted" doc:"Part of the time in windows that are corrected, substituted or estimated in any part, 0 to 1"`
	Quality        energy.Quality `json:"quality" doc:"The worst of what it is made of: none, measured, corrected, substituted or estimated"`
}

// Known tells whether there is an amount, and gives it.
func (f *Figure) Known() (energy.Amount, bool) {
	if f.Amount == nil {
		return 0, false
	}
	return energy.Amount(*f.Amount), true
}

// Reasons why something is null.
const (
	WhyOpen       = "open"       // the period is not over, or not settled yet
	WhyUnknown    = "unknown"    // there is no amount
	WhyIncomplete = "incomplete" // less than Enough is known of one of both
	WhyZero       = "zero"       // nothing was used then
	WhyNone       = "none"       // there is no such period a year ago
)

// Comparison is the same for another period.
type Comparison struct {
	Period     *Period  `json:"period" doc:"Null when there is none"`
	Figure     Figure   `json:"figure"`
	Difference *Amount  `json:"difference" doc:"The report's amount less this one; null when they cannot be compared"`
	Change     *float64 `json:"change" doc:"The difference by this amount: 0.1 is a tenth more"`
	Why        string   `json:"why,omitempty" enum:"open,unknown,incomplete,zero,none" doc:"Why there is no difference or no change"`
}

// Child is a member of the group.
type Child struct {
	Kind    string   `json:"kind" enum:"sensor,group"`
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Sign    int8     `json:"sign" doc:"1 or -1, by which it counts"`
	ByMeter string   `json:"byMeter,omitempty" doc:"The meter by which a group counts"`
	Figure  Figure   `json:"figure" doc:"What it adds to the sum, with its sign"`
	Share   *float64 `json:"share" doc:"Part of the total; null when that is unknown or zero"`
}

// Stretch is a row of the table of sub-periods.
type Stretch struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Figure Figure    `json:"figure"`
}

// Peak is the quarter of an hour of which the most was used.
type Peak struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Power  float64   `json:"power" doc:"Its amount by its length, in the power unit of the report"`
	Figure Figure    `json:"figure"`
}

// Decision is what somebody decided about readings of the period.
type Decision struct {
	ID        string     `json:"id"`
	Sensor    string     `json:"sensor"`
	Kind      string     `json:"kind" example:"exclude"`
	From      time.Time  `json:"from"`
	To        *time.Time `json:"to,omitempty" doc:"Absent: a single reading"`
	Who       string     `json:"who"`
	At        time.Time  `json:"at" doc:"When it was decided"`
	Why       string     `json:"why"`
	UndoneWho string     `json:"undoneWho,omitempty"`
	UndoneAt  *time.Time `json:"undoneAt,omitempty" doc:"Absent: it is in force"`
	UndoneWhy string     `json:"undoneWhy,omitempty"`
}

// Note is how an odd reading of a counter was understood.
type Note struct {
	Sensor   string    `json:"sensor"`
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind" example:"reset"`
	Sentence string    `json:"sentence"`
}

// Costs are what the period cost, by the tariffs that are assigned.
type Costs struct {
	Amount         string   `json:"amount" doc:"Decimal, less what is credited; empty: not known" example:"1234.56"`
	Currency       string   `json:"currency" example:"EUR"`
	EstimatedShare *float64 `json:"estimatedShare" doc:"The part of it that rests on estimated amounts, 0 to 1; null: not known"`
	Completeness   *float64 `json:"completeness" doc:"Part of the time, and of the members, that readings speak of and that has a price, 0 to 1; null: not known"`
	Tariff         string   `json:"tariff,omitempty" doc:"Tariffs that held"`
	Why            string   `json:"why,omitempty" doc:"Why the costs are not known"`
}

// Topic is what the report is of.
type Topic struct {
	Kind      string `json:"kind" enum:"sensor,group"`
	ID        string `json:"id"`
	Hierarchy string `json:"hierarchy,omitempty" doc:"Of a group"`
	Name      string `json:"name,omitempty"`
	Meter     string `json:"meter,omitempty" doc:"Its own meter, by which it counts"`
	Quantity  string `json:"quantity" doc:"What it measures"`
}

// Issue says which of the kept reports of a period it is.
type Issue struct {
	ID         string `json:"id"`
	Definition string `json:"definition"`
	Version    int    `json:"version" doc:"1: the first of the period; more: revised, as late readings or corrections changed its figures"`
	Superseded bool   `json:"superseded,omitempty" doc:"A later version is kept, too"`
}

// Report is a report.
type Report struct {
	Title       string                `json:"title,omitempty"`
	Subject     Topic                 `json:"subject"`
	Period      Period                `json:"period"`
	Unit        string                `json:"unit" doc:"Coherent unit of every amount" example:"Wh"`
	PowerUnit   string                `json:"powerUnit" doc:"Unit of the peak" example:"W"`
	Made        time.Time             `json:"made" doc:"When the report was made"`
	Revision    uint64                `json:"revision" doc:"Revision of the model when it was made"`
	Settled     time.Time             `json:"settled" doc:"Up to when windows are settled; later readings are open"`
	Since       time.Time             `json:"since" doc:"From when on; older readings may still be to come"`
	Open        bool                  `json:"open" doc:"Not all of the period is settled"`
	Waiting     int                   `json:"waiting" doc:"Ranges of the period that are to be settled again"`
	Issue       *Issue                `json:"issue,omitempty" doc:"Of a report that is kept"`
	Total       Figure                `json:"total" doc:"Of a group with a meter of its own what that says, else the sum of its members"`
	Sum         *Figure               `json:"sum,omitempty" doc:"Of a group: the sum of its members"`
	Unaccounted *Figure               `json:"unaccounted,omitempty" doc:"Of a group with a meter: what that says less the sum, over the quarters of an hour that readings speak of in full, for the meter and every member; completeness is the part of the time that those are"`
	Previous    *Comparison           `json:"previous,omitempty" doc:"The period before"`
	YearAgo     *Comparison           `json:"yearAgo,omitempty" doc:"The same period of the year before"`
	Members     []Child               `json:"members,omitempty"`
	Rest        *Figure               `json:"rest,omitempty" doc:"What the sum has beside the members above: members of other times, as the tree was changed within the period, and those beyond the first 500"`
	MembersMore int                   `json:"membersMore,omitempty" doc:"Members beyond the first 500"`
	PartSize    string                `json:"partSize,omitempty" enum:"1h,1d,1M" doc:"How long the parts are"`
	Parts       []Stretch             `json:"parts,omitempty"`
	Peak        *Peak                 `json:"peak,omitempty" doc:"Absent when nothing is known"`
	Decisions   []Decision            `json:"decisions,omitempty" doc:"Newest first"`
	Notes       []Note                `json:"notes,omitempty" doc:"In order of time"`
	NotesCut    bool                  `json:"notesCut,omitempty" doc:"There are more decisions or notes, or too many counters to look at in one report"`
	Indicators  []indicator.Indicator `json:"indicators,omitempty"`
	Costs       *Costs                `json:"costs,omitempty"`
}

// Digest tells two reports apart by what they say: not by when they were made,
// nor by what things are called.
func (r *Report) Digest() (string, error) {
	c := *r
	c.Title, c.Subject.Name, c.Made, c.Revision, c.Settled, c.Since, c.Waiting, c.Issue = "", "", time.Time{}, 0, time.Time{}, time.Time{}, 0, nil
	c.Members = append([]Child(nil), r.Members...)
	for i := range c.Members {
		c.Members[i].Name = ""
	}
	c.Indicators = append([]indicator.Indicator(nil), r.Indicators...)
	for i := range c.Indicators {
		c.Indicators[i].Name = ""
	}
	text, err := json.Marshal(&c)
	if err != nil {
		return "", fmt.Errorf("digest report: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Read reads a report that was kept as JSON.
func Read(text []byte) (*Report, error) {
	r := new(Report)
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return r, nil
}
