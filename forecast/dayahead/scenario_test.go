package dayahead

import (
	"fmt"
	"testing"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/window"
)

// reports are of series by name: both scenarios ask for the same.
var reports = make(map[string]Report)

func backtest(t *testing.T, r replay.Series) Report {
	t.Helper()
	name := fmt.Sprintln(r.Name, r.Step)
	if rep, ok := reports[name]; ok {
		return rep
	}
	rep, err := Backtest(Series{r.Start, r.Step, r.Floats()}, window.In(r.Zone), 0.2)
	if err != nil {
		t.Fatal(r.Name, err)
	}
	reports[name] = rep
	return rep
}

// measured are the series that forecasts are tried on, in hours.
func measured() (ausgrid replay.Series, offices, homes []replay.Series, sum replay.Series) {
	for _, h := range replay.Homes() {
		homes = append(homes, h.Load)
	}
	return replay.Ausgrid().Load.Coarser(2), replay.Offices(), homes, replay.Sum("their sum", homes...)
}

// TestScenarioF1 forecasts the days of the last fifth of each series at their
// midnight. The figures to compare with were measured elsewhere, on the same series
// where these are here: the home of Ausgrid, and the two buildings of Building Data
// Genome 2. Of the 17 homes of CityLearn five are here, so their own mean of 7
// days is what they are compared with; the demand of Victoria is not here.
func TestScenarioF1(t *testing.T) {
	ausgrid, offices, homes, sum := measured()
	const near = 1.02

	r := backtest(t, ausgrid)
	if c := r.Chosen; c.MASE > 0.671*near || c.NRMSE > 0.293*near {
		t.Errorf("Ausgrid: MASE %.3f, NRMSE %.2f %%", c.MASE, 100*c.NRMSE)
	}
	// The simple models say the same as elsewhere: it is the same test.
	for k, want := range map[Kind]float64{Yesterday: 0.890, LastWeek: 0.991, Mean7: 0.738, Profile: 0.776} {
		if got := r.Of(k).MASE; got < want-0.0006 || got > want+0.0006 {
			t.Errorf("Ausgrid, %s: MASE %.4f, want %.3f", k, got, want)
		}
	}

	var mase, nrmse, week float64
	for _, o := range offices {
		r := backtest(t, o)
		neverWorse(t, o.Name, r)
		mase, nrmse, week = mase+r.Chosen.MASE/2, nrmse+r.Chosen.NRMSE/2, week+r.Of(LastWeek).MASE/2
	}
	if mase > 0.452*near || nrmse > 0.0412*near || mase > 0.70*week {
		t.Errorf("offices: MASE %.3f, NRMSE %.2f %%, %.2f of a week before", mase, 100*nrmse, mase/week)
	}

	var chosen, blend, seven float64
	for _, h := range homes {
		r := backtest(t, h)
		neverWorse(t, h.Name, r)
		chosen, blend, seven = chosen+r.Chosen.MASE, blend+r.Of(Blend).MASE, seven+r.Of(Mean7).MASE
	}
	if chosen > 0.99*seven || blend > 0.95*seven {
		t.Errorf("homes: %.3f, a blend %.3f of a mean of 7 days", chosen/seven, blend/seven)
	}
	neverWorse(t, ausgrid.Name, r)
	neverWorse(t, sum.Name, backtest(t, sum))
}

// neverWorse compares with the best of the models that only repeat.
func neverWorse(t *testing.T, name string, r Report) {
	t.Helper()
	for _, s := range r.Scores {
		if s.Kind.Naive() && r.Chosen.MASE > 1.02*s.MASE {
			t.Errorf("%s: MASE %.3f, and %s has %.3f", name, r.Chosen.MASE, s.Kind, s.MASE)
		}
	}
}

// TestScenarioF2 counts the values within the bounds that were said before, of every
// series by itself, in hours, half and quarter hours.
func TestScenarioF2(t *testing.T) {
	ausgrid, offices, homes, sum := measured()
	roof, works := replay.Ausgrid().PV, replay.SteelWorks()
	roof.Values, works.Values = roof.Values[:48*150], works.Values[:96*100] // enough to see it, of many
	all := append(append(offices, homes...), ausgrid, sum, roof, works)
	for _, s := range all {
		if r := backtest(t, s); r.Coverage < 0.75 || r.Coverage > 0.85 {
			t.Errorf("%s: %.1f %% lie within the bounds", s.Name, 100*r.Coverage)
		}
	}
}
