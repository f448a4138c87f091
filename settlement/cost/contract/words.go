package contract

import (
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
)

// Errors of changes.
var (
	ErrChanged  = errors.New("something was changed by somebody else in the meantime")
	ErrNotFound = errors.New("there is no such thing")
)

// Kind is what a document is.
type Kind string

// The kinds.
const (
	Tariff  Kind = "tariff"
	Factors Kind = "factors"
)

// By says by what a group is priced; it is empty for a sensor.
type By string

// The ways: by the sum of its members, or by the meter of its own.
const (
	ByMembers By = "members"
	ByMeter   By = "meter"
)

// Name names a document.
type Name struct {
	Kind Kind
	ID   tariff.ID
}

// Document is a revision of a tariff or of a set of factors.
type Document struct {
	Name
	Revision int64
	Body     string      // JSON
	Gone     bool        // it was removed with this revision
	Since    tariff.Date // first day that it prices otherwise than the revision before; empty: none
	Who      string
	Why      string // of a correction
	At       time.Time
}

// Assignment says what prices a sensor or group from a day on, until the next
// one does.
type Assignment struct {
	ID        string
	Number    int64 // of those from one day on, the greatest holds
	Kind      Kind
	Point     ledger.Point
	From      tariff.Date
	Document  tariff.ID       // empty: from then on nothing
	Export    record.SensorID // counts what is given back; empty: nothing does
	By        By
	Who, Why  string
	At        time.Time
	UndoneWho string
	UndoneWhy string
	UndoneAt  *time.Time // nil: it is in force
}

// Put is what was said of a series of prices at once.
type Put struct {
	Series     string
	Number     int64
	Unit       string
	Begin, End record.Millis
	Quotes     int // given
	Replaced   int // others, that had another value
	Who, Why   string
	At         time.Time
}

// Book is all that holds, at one number of [Store.Changes]; quotes are read when
// they are needed.
type Book struct {
	Number      int64
	Documents   map[Name]Document // the newest revisions, without those that are gone
	Assignments []Assignment      // in force, those of a point and kind in order
	Series      map[string]Put    // the newest put of each; Begin and End are of all its quotes
}

// Day is what a whole day costs: the bill of the day.
type Day struct {
	Start, Until record.Millis
	Date         tariff.Date // in the zone of the document
	Zone         string      // IANA name of that
	Point        int64
	By           By
	Document     tariff.ID
	Revision     int64
	Currency     string
	Known        bool // else Cost, Credit, Total and Estimated have no meaning
	Cost, Credit tariff.Money
	Total        tariff.Money
	Estimated    tariff.Money
	Taken, Given int64 // millionths of the coherent unit; meaningless when nothing was measured
	Measured     int64 // ms
	Unpriced     int64 // ms
	Missing      int64 // millionths of the coherent unit, taken and given back without a price
	Completeness float64
}

// State is by what the days of an assignment were computed.
type State struct {
	Assignment string           `json:"-"`
	Basis      string           `json:"-"`
	Revision   int64            `json:"revision"`         // of the document
	Series     map[string]int64 `json:"series,omitempty"` // the newest put of each series
	Terms      string           `json:"terms"`            // what else they depend on
	From       record.Millis    `json:"from"`             // the days are from here
	Until      record.Millis    `json:"until"`            // to here
}
