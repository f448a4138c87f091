package alert

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/recipients"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// desk has an engine's transitions stored and its messages sent, by hand.
type desk struct {
	t      *testing.T
	worker *worker
	engine *rule.Engine
	at     record.Millis
	answer func(m Message) error // of the sink
	taken  []Message
}

// everywhere runs a test on both databases, with a rule for above 100 W.
func everywhere(t *testing.T, test func(d *desk)) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
		},
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			store, err := Open(t.Context(), where(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			doc, err := model.ReadYAML([]byte("sensors: [{id: a, quantity: active_power, interval: 1m}]"))
			if err != nil {
				t.Fatal(err)
			}
			m, err := model.New(doc)
			if err != nil {
				t.Fatal(err)
			}
			d := &desk{t: t, at: 990_000}
			s, err := New(Options{Bus: new(bus.Bus), Catalog: new(catalog.Catalog), Store: store, Sinks: map[string]Sink{"box": sinkFunc(d.take)}})
			if err != nil {
				t.Fatal(err)
			}
			d.worker = &worker{Service: s}
			d.engine = rule.NewEngine(func(t rule.Transition) {
				d.worker.out = append(d.worker.out, told{t, t.Case(time.UTC)})
			})
			d.worker.engine = d.engine
			r := rule.Rule{ID: "r", Subject: rule.Subject{Sensor: "a"}, Condition: rule.Condition{Kind: rule.Above, Limit: 100}}
			d.engine.SetPlan(rule.NewPlan([]rule.Rule{r.Complete()}, m, zone))
			d.engine.Clock(1_000_000)
			test(d)
		})
	}
}

func (d *desk) take(m Message) error {
	if d.answer != nil {
		if err := d.answer(m); err != nil {
			return err
		}
	}
	d.taken = append(d.taken, m)
	return nil
}

// measure has the engine take a batch, and stores what becomes of it.
func (d *desk) measure(values ...float64) {
	d.t.Helper()
	for _, v := range values {
		d.at += 1000
		d.engine.Reading("a", d.at, v)
	}
	if err := d.worker.save(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// send tries all that is due, in one round.
func (d *desk) send() {
	d.t.Helper()
	if _, err := d.worker.some(d.t.Context(), "box", sinkFunc(d.take)); err != nil {
		d.t.Fatal(err)
	}
}

// set changes what waits.
func (d *desk) set(how string, args ...any) {
	d.t.Helper()
	if _, err := d.worker.opts.Store.db.NewUpdate().Model((*queueRow)(nil)).Set(how, args...).Where("1 = 1").Exec(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// told is what the sink took, and what became of each message.
func (d *desk) told() (taken, noted string) {
	d.t.Helper()
	var rows []deliveryRow
	if err := d.worker.opts.Store.db.NewSelect().Model(&rows).Order("at", "change").Scan(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	var a, b []string
	for _, m := range d.taken {
		a = append(a, string(m.Change))
	}
	for _, r := range rows {
		b = append(b, strings.TrimSuffix(r.Change+" "+r.Status+": "+r.Error, ": "))
	}
	slices.Sort(b)
	return strings.Join(a, ", "), strings.Join(b, ", ")
}

// TestBatch tells of an alert that is raised, over and raised again within one
// batch of readings: all of it, in this order, as two incidents.
func TestBatch(t *testing.T) {
	everywhere(t, func(d *desk) {
		d.measure(150, 50, 150)
		d.send()
		taken, noted := d.told()
		if taken != "fired, resolved, fired" || noted != "fired sent, fired sent, resolved sent" {
			d.t.Fatalf("told %q, noted %q", taken, noted)
		}
		if m := d.taken; m[0].Incident != m[1].Incident || m[0].Incident == m[2].Incident || m[0].ID == m[2].ID {
			d.t.Errorf("got %+v", m)
		}
		var rows []incidentRow
		if err := d.worker.opts.Store.db.NewSelect().Model(&rows).Order("status").Scan(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
		if len(rows) != 2 || rows[0].Status != "firing" || rows[0].ID != d.taken[2].Incident || rows[1].Status != "resolved" {
			d.t.Errorf("noted are %+v", rows)
		}
	})
}

// TestOrder never tells that an alert is raised after it was told that it is over.
func TestOrder(t *testing.T) {
	const later = "a later message about the same was sent before"
	everywhere(t, func(d *desk) {
		d.answer = func(Message) error { return errors.New("no route to host") }
		d.measure(150)
		for range 12 {
			d.set("due = 0")
			d.send()
		}
		// The sink is back before the next try. What is over is told at once, and
		// before it that it began.
		d.answer = nil
		d.send()
		d.measure(50)
		d.send()
		if taken, noted := d.told(); taken != "fired, resolved" || noted != "fired sent, resolved sent" {
			d.t.Errorf("told %q, noted %q", taken, noted)
		}
	})
	everywhere(t, func(d *desk) {
		// One message is not taken, for whatever reason: those after it are.
		d.answer = func(m Message) error {
			if m.Change == rule.Fired && *m.Value == 150 {
				return errors.New("500 cannot")
			}
			return nil
		}
		d.measure(150, 50, 160)
		d.send()
		d.answer = nil
		d.set("due = 0")
		d.send()
		if taken, noted := d.told(); taken != "resolved, fired" || noted != "fired given_up: 500 cannot; "+later+", fired sent, resolved sent" {
			d.t.Errorf("told %q, noted %q", taken, noted)
		}
	})
}

// TestPatience gives up two days after a message was due, however long it was
// held back before.
func TestPatience(t *testing.T) {
	everywhere(t, func(d *desk) {
		d.measure(150)
		d.send()
		d.answer = func(Message) error { return errors.New("503") }
		d.at += 60_000
		now := record.MillisOf(time.Now())
		d.engine.Reading("a", d.at, 50)
		d.worker.out[0].After = now + 60*3_600_000 // the weekend is quiet
		d.measure()
		d.set("created = created - 216000000")
		d.set("wanted = wanted - 216000000")
		d.set("due = due - 216000000")
		d.send()
		if _, noted := d.told(); noted != "fired sent, resolved waiting: 503" {
			d.t.Errorf("noted %q", noted)
		}
		d.set("wanted = wanted - ?", giveUp.Milliseconds()+1)
		d.set("due = 0")
		d.send()
		if _, noted := d.told(); noted != "fired sent, resolved given_up: 503" {
			d.t.Errorf("noted %q", noted)
		}
	})
}

// TestPartly sends again to those alone who have not got it, and notes who does
// not get it at all.
func TestPartly(t *testing.T) {
	everywhere(t, func(d *desk) {
		var to []string
		answers := []error{
			&recipients.Partly{Left: []string{"eva", "max"}, Why: errors.New("eva: 451, max: 451"), Refused: []string{"tom: 550"}},
			&recipients.Partly{Left: []string{"eva"}, Why: errors.New("eva: 451")},
			errors.New("no route to host"),
			nil,
		}
		d.answer = func(m Message) error {
			to = append(to, fmt.Sprint(m.To))
			err := answers[0]
			answers = answers[1:]
			return err
		}
		d.measure(150)
		for _, want := range []string{
			"fired waiting: tom: 550; eva: 451, max: 451", "fired waiting: tom: 550; eva: 451", "fired waiting: tom: 550; no route to host", "fired sent: tom: 550",
		} {
			d.set("due = 0")
			d.send()
			if _, noted := d.told(); noted != want {
				d.t.Errorf("noted %q, not %q", noted, want)
			}
		}
		if got := strings.Join(to, " "); got != "[] [eva max] [eva] [eva]" {
			d.t.Errorf("sent to %s", got)
		}
		// Some have that it is over: that it began is not told any more to the others.
		answers = []error{&recipients.Partly{Left: []string{"eva"}, Why: errors.New("eva: 451")}, errors.New("eva: 451"), &recipients.Partly{Refused: []string{"eva: 550"}}}
		d.measure(50)
		d.send()
		d.measure(150)
		d.send()
		if _, noted := d.told(); noted != "fired sent: eva: 550, fired sent: tom: 550, resolved sent: eva: 451; a later message about the same was sent before" {
			d.t.Errorf("noted %q", noted)
		}
		// Who has it has it, also when the others never do.
		answers = []error{&recipients.Partly{Left: []string{"eva"}, Why: errors.New("eva: 451")}, fmt.Errorf("%w: eva: 550", ErrRefused)}
		d.measure(50)
		d.send()
		d.set("due = 0")
		d.send()
		if _, noted := d.told(); !strings.Contains(noted, "resolved sent: the receiver refuses it: eva: 550") {
			d.t.Errorf("noted %q", noted)
		}
	})
}
