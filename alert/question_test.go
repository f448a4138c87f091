package alert

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// answers are given to what rules ask of settled windows.
type answers struct {
	mu   sync.Mutex
	used Used
	from record.Millis
	zone string
	past []Deviation // before odd, when more than that is asked for
	odd  Deviation
}

func (a *answers) set(f func(*answers)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func (a *answers) Amount(_ context.Context, _ rule.Ref, from, _ record.Millis, zone *time.Location) (Used, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from, a.zone = from, zone.String()
	return a.used, nil
}

func (a *answers) Settled(context.Context) (record.Millis, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.odd.To, nil
}

func (a *answers) Deviations(_ context.Context, _ rule.Ref, _ int, _ *time.Location, from, to record.Millis) ([]Deviation, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if to != a.odd.To || to-from != 7*24*3_600_000 {
		return nil, fmt.Errorf("asked from %v to %v", from, to)
	}
	return append(slices.Clone(a.past), a.odd), nil
}

// TestQuestions asks what was used, in energy and in money, and what is usual.
func TestQuestions(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
		},
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { questions(open(t, where(t))) })
	}
}

func questions(w *world) {
	t := w.t
	settled := time.Date(2026, 5, 4, 12, 15, 0, 0, time.UTC)
	energy := &answers{used: Used{Amount: 2_500_000, Estimated: 125_000, Completeness: 0.987, Settled: record.MillisOf(settled)}}
	money := &answers{used: Used{Amount: 812.5, Unit: "EUR", Completeness: 1, Settled: record.MillisOf(settled)}}
	usual := &answers{odd: Deviation{
		From: record.MillisOf(settled.Add(-15 * time.Minute)), To: record.MillisOf(settled), Demand: 9000, Usual: 4000, Spread: 500, Weeks: 8, Unit: "W",
	}}
	w.more = func(o *Options) { o.Amounts, o.Profiles = energy, usual }
	stop := w.work()
	budget := `{"condition":{"kind":"budget","period":"week","limit":2000000},"subject":{"group":"hall"},"severity":"info"}`
	w.want(200, "PUT", "/rules/energy", budget, "")
	m := w.box.next(t)
	if want := "group hall has used 2.5 MWh, more than 2 MWh, settled until 2026-05-04 14:15, 98 % complete, 5 % estimated"; m.Rule != "energy" || !strings.Contains(m.Sentence, want) {
		t.Errorf("got %q, not %q", m.Sentence, want)
	}
	var monday time.Time
	energy.set(func(a *answers) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil || a.zone != "Europe/Berlin" {
			t.Error(a.zone, err)
		}
		monday = time.UnixMilli(int64(a.from)).In(berlin)
	})
	if monday.Weekday() != time.Monday || monday.Hour() != 0 || time.Since(monday) > 8*24*time.Hour {
		t.Errorf("the week began %s", monday)
	}
	costs := `{"condition":{"kind":"budget","of":"cost","period":"month","limit":800},"subject":{"group":"hall"}}`
	if said := w.want(422, "PUT", "/rules/money", costs, ""); !strings.Contains(said, "need costs") {
		t.Error(said)
	}
	w.want(200, "PUT", "/rules/odd", `{"condition":{"kind":"deviation","limit":6,"least":1000},"subject":{"group":"hall"}}`, "")
	m = w.box.next(t)
	if want := "group hall is not as usual, by 10 times the usual spread, from 14:00 to 14:15 it was 9 kW, usual at this hour of the week are 1 kW to 7 kW (8 weeks)"; m.Rule != "odd" || !strings.Contains(m.Sentence, want) {
		t.Errorf("got %q, not %q", m.Sentence, want)
	}
	stop()
	// What is not known is neither more nor less: nothing ends. A rule for which
	// nobody answers any more stays as it is.
	energy.set(func(a *answers) { a.used.Amount = math.NaN() })
	usual.set(func(a *answers) { a.odd.Usual = math.NaN(); a.odd.To += 900_000 })
	w.more = func(o *Options) { o.Amounts, o.Costs = energy, money }
	stop = w.work()
	w.want(200, "PUT", "/rules/money", costs, "")
	m = w.box.next(t)
	if want := "group hall has used 812.5 EUR, more than 800 EUR"; m.Rule != "money" || !strings.Contains(m.Sentence, want) {
		t.Errorf("got %q, not %q", m.Sentence, want)
	}
	stop()
	// A new week; and what was odd is smaller than what matters.
	energy.set(func(a *answers) { a.used.Amount = 10 })
	usual.set(func(a *answers) { a.odd.Usual = 8100; a.odd.To += 900_000 })
	w.more = func(o *Options) { o.Amounts, o.Costs, o.Profiles = energy, money, usual }
	stop = w.work()
	defer func() { stop() }()
	got := map[string]string{}
	for range 2 {
		m := w.box.next(t)
		got[m.Rule] = m.Sentence
	}
	if !strings.HasPrefix(got["energy"], "Resolved") || !strings.HasPrefix(got["odd"], "Resolved") {
		t.Errorf("got %q", got)
	}
	// Late readings: what had been odd was not. Rules are asked at once when one changes.
	usual.set(func(a *answers) {
		for at := record.MillisOf(settled); at <= a.odd.To; at += 900_000 {
			d := a.odd
			d.From, d.To = at-900_000, at
			a.past = append(a.past, d)
		}
		a.odd.From, a.odd.To = a.odd.To, a.odd.To+900_000
	})
	w.want(200, "PUT", "/rules/energy", budget, "")
	if m := w.box.next(t); m.Rule != "odd" || m.Change != "withdrawn" || m.Count != 3 || m.Title != "Withdrawn: odd" || !strings.Contains(m.Sentence, "settled again, it does not hold") {
		t.Errorf("got %+v", m)
	}
	w.await("/history?rule=odd", `"withdrawn":true`)
	for body, want := range map[string]string{
		`{"condition":{"kind":"budget","of":"meter","period":"day"},"subject":{"group":"hall"}}`:        "condition.of says nothing",
		`{"condition":{"kind":"above","of":"cost"},"subject":{"group":"hall"}}`:                         "condition.of says nothing",
		`{"condition":{"kind":"budget","period":"day","limit":1},"subject":{"below":"hall"}}`:           "one sensor or group",
		`{"condition":{"kind":"deviation","weeks":2},"subject":{"group":"hall"}}`:                       "between 4 and 52",
		`{"condition":{"kind":"deviation","limit":0.5},"subject":{"group":"hall"}}`:                     "the usual spread, 1, at least",
		`{"condition":{"kind":"deviation"},"subject":{"below":"hall"}}`:                                 "one sensor or group",
		`{"condition":{"kind":"budget","period":"hour","limit":1},"subject":{"group":"hall"}}`:          "expected value to be one of",
		`{"condition":{"kind":"budget","period":"day","limit":1,"clear":1},"subject":{"group":"hall"}}`: "condition.clear says nothing",
		`{"condition":{"kind":"deviation","limit":5,"clear":6},"subject":{"group":"hall"}}`:             "must not be above the limit",
	} {
		if said := w.want(422, "PUT", "/rules/bad", body, ""); !strings.Contains(said, want) {
			t.Errorf("%s is refused by %s, without %q", body, said, want)
		}
	}
}
