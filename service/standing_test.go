package service

import (
	"context"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
)

// waves is a history in which b is always twice a, and both go up and down by the
// day, until it ends.
type waves struct {
	end record.Millis
	// bUntil is up to when b measured.
	bUntil record.Millis
}

func wave(t record.Millis) float64 {
	day := float64(t%86_400_000) / 86_400_000
	// A week whose days differ, so that yesterday says little.
	return 100 + 50*math.Sin(2*math.Pi*day) + 40*math.Sin(float64(t/3_600_000)*1.7)
}

func (w *waves) Means(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	out := make([]float64, (to-from)/stand.Quarter)
	for i := range out {
		t := from + record.Millis(i)*stand.Quarter
		out[i] = math.NaN()
		switch {
		case t >= w.end || t < w.end-20*86_400_000:
		case id == "sensor/a":
			out[i] = wave(t - t%stand.Hour)
		case id == "sensor/b" && t < w.bUntil:
			out[i] = 2 * wave(t-t%stand.Hour)
		}
	}
	return out, nil
}

func (w *waves) Settled(context.Context) (record.Millis, error) { return w.end, nil }

type standing struct {
	Substitutions []SubstitutionItem
	Able          bool
}

// TestStandIn has a sensor go away, be stood in for by what it always was twice of,
// and come back.
func TestStandIn(t *testing.T) {
	onBoth(t, func(t *testing.T, where sqldb.Options) {
		now := clock()
		h := &waves{end: now - now%stand.Quarter, bUntil: now - 5*stand.Hour}
		p := build(t, where, strings.NewReplacer("id: a, name: Boiler, site: kiel, quantity: active_power, interval: 1m", "id: a, quantity: active_power, interval: 1s, maxAge: unlimited",
			"id: b, site: kiel, quantity: active_power, interval: 1m", "id: b, quantity: active_power, interval: 1s").Replace(hallModel))
		p.more = func(o *Options) { o.History = h; o.Log = slog.New(slog.NewTextHandler(t.Output(), nil)) }
		stop := p.work()
		until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
		until(p, "/api/v1/substitutions", func(x standing) bool { return x.Able && len(x.Substitutions) == 0 })
		p.send("a", time.Now(), 130)
		p.send("b", time.Now().Add(-4*time.Hour-50*time.Minute), 260)
		got := until(p, "/api/v1/substitutions?active=true", func(x standing) bool { return len(x.Substitutions) == 1 })
		x := got.Substitutions[0]
		if x.Object != "sensor/b" || x.State != "substituted" || len(x.From) != 1 || x.From[0] != "sensor/a" || x.Expected.Relative > 1e-6 || x.Unit != "W" {
			t.Errorf("%+v", x)
		}
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool {
			return o.State == "substituted" && o.StandIn != nil && o.StandIn.Value != nil && math.Abs(*o.StandIn.Value-260) < 1e-6
		})
		until(p, "/api/v1/objects/group/hall", func(o ObjectDetail) bool { return *o.Usable == 2 })
		values := until(p, "/api/v1/objects/sensor/b/values?from="+(now-10*stand.Hour).Time().Format(time.RFC3339), func(v ObjectValues) bool { return v.Put > 0 })
		for _, v := range values.Values {
			at := record.MillisOf(v.Time)
			switch {
			case at+stand.Hour > h.end:
			case v.Value == nil || math.Abs(*v.Value-2*wave(at)) > 1e-6:
				t.Errorf("%+v, want %v", v, 2*wave(at))
			case at+stand.Hour <= h.bUntil && v.Source != "live", at >= h.bUntil && v.Source != "substituted":
				t.Errorf("%+v, and it measured until %v", v, h.bUntil.Time())
			}
		}
		c := until(p, "/api/v1/objects/sensor/b/candidates", func(CandidateList) bool { return true })
		if len(c.Candidates) == 0 || !c.Candidates[0].Usable || !strings.Contains(p.want(200, "GET", "/api/v1/objects/sensor/b/candidates", "", "", nil), "ratio") {
			t.Errorf("%+v", c)
		}
		stop()

		// Another process goes on with it.
		stop = p.work()
		defer stop()
		if again := until(p, "/api/v1/substitutions?active=true", func(x standing) bool { return len(x.Substitutions) == 1 }); again.Substitutions[0].ID != x.ID {
			t.Errorf("%+v", again)
		}
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool { return o.State == "substituted" })
		// It is believed after some good readings.
		until(p, "/api/v1/substitutions?object=sensor/b", func(x standing) bool {
			p.send("b", time.Now(), 256)
			return len(x.Substitutions) == 1 && x.Substitutions[0].Ended != nil
		})
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool { return o.State.Own() && o.StandIn == nil })
	})
}

// TestScenarioS11 has a sensor say the same for longer than it ever did: it is not believed any
// more, something stands in for it, and when it says other things again it is believed.
func TestScenarioS11(t *testing.T) {
	onBoth(t, func(t *testing.T, where sqldb.Options) {
		now := clock()
		h := &waves{end: now - now%stand.Quarter, bUntil: now - now%stand.Hour - 8*stand.Hour}
		p := build(t, where, strings.NewReplacer("id: a, name: Boiler, site: kiel, quantity: active_power, interval: 1m", "id: a, quantity: active_power, interval: 1s, maxAge: unlimited",
			"id: b, site: kiel, quantity: active_power, interval: 1m", "id: b, quantity: active_power, interval: 1s, maxAge: unlimited").Replace(hallModel))
		p.more = func(o *Options) { o.History = h }
		defer p.work()()
		until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
		p.send("a", time.Now(), 130)
		p.send("b", time.Now(), 260)
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool { return o.State == "live" })
		store, err := book.Open(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		stuck := book.Anomaly{Object: "sensor/b", Kind: "stuck", Began: h.bUntil, Ended: h.bUntil + 6*stand.Hour, Found: now, Lasts: 1, Values: 6, Value: new(260.0)}
		if err := store.Find(t.Context(), []book.Anomaly{stuck}, nil, nil, true); err != nil {
			t.Fatal(err)
		}
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool {
			return o.State == "substituted" && strings.Contains(o.Doubt, "it has said 260 W since") && o.StandIn != nil && o.StandIn.By[0] == "sensor/a"
		})
		got := until(p, "/api/v1/substitutions?object=sensor/b", func(x standing) bool { return len(x.Substitutions) == 1 })
		if x := got.Substitutions[0]; record.MillisOf(x.Known) >= h.bUntil {
			t.Errorf("what it said while it was stuck is known until %v", x.Known)
		}
		n := 0.0
		until(p, "/api/v1/substitutions?object=sensor/b", func(x standing) bool {
			n++
			p.send("b", time.Now(), 250+n)
			return len(x.Substitutions) == 1 && x.Substitutions[0].Ended != nil
		})
		until(p, "/api/v1/objects/sensor/b", func(o ObjectDetail) bool { return o.State.Own() && o.Doubt == "" && o.StandIn == nil })
	})
}

// TestNothingStandsIn says so where there is no history.
func TestNothingStandsIn(t *testing.T) {
	p := build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, hallModel)
	defer p.work()()
	until(p, "/api/v1/substitutions", func(x standing) bool { return !x.Able })
	until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
	if said := p.want(422, "GET", "/api/v1/objects/sensor/b/candidates", "", "", nil); !strings.Contains(said, "run settlement") {
		t.Error(said)
	}
}
