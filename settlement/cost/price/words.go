package price

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Refusal is an error that says what cannot be answered, or done, and why.
type Refusal struct {
	Status int // of HTTP
	Text   string
	Faults []string // all of them, when there are several
}

// Error is a sentence for people.
func (e *Refusal) Error() string { return e.Text }

// Refused tells whether an error says what cannot be priced as things are: to
// ask again is in vain, and the error a sentence for people.
func Refused(err error) bool {
	no, ok := errors.AsType[*Refusal](err)
	return ok && no.Status == http.StatusUnprocessableEntity
}

// Refuse makes a refusal.
func Refuse(status int, format string, a ...any) error {
	return &Refusal{Status: status, Text: fmt.Sprintf(format, a...)}
}

// Basis is what is asked for: what something costs, or what it emits.
type Basis string

// The bases: money by a tariff, and grams of CO2 equivalent by the two kinds of
// factors.
const (
	Cost     Basis = "cost"
	Location Basis = Basis(tariff.Location)
	Market   Basis = Basis(tariff.Market)
)

// Kind is the kind of documents that say it.
func (b Basis) Kind() contract.Kind {
	if b == Cost {
		return contract.Tariff
	}
	return contract.Factors
}

// Bases are those that documents of a kind say something of.
func Bases(k contract.Kind) []Basis {
	if k == contract.Factors {
		return []Basis{Location, Market}
	}
	return []Basis{Cost}
}

// Cut is the time two spans have in common; see [Empty].
func Cut(a, b window.Span) window.Span {
	return window.Span{From: max(a.From, b.From), To: min(a.To, b.To)}
}

// Empty tells that there is no time in a span.
func Empty(a window.Span) bool { return a.From >= a.To }

// NameOf says what a point is, for people.
func NameOf(p ledger.Point) string {
	if p.Hierarchy == "" {
		return "sensor " + p.Name
	}
	return "group " + p.Name
}
