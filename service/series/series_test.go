package series

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/window"
)

func TestChecks(t *testing.T) {
	good := func() EnergySeries {
		return EnergySeries{Start: 900_000, Step: Quarter, Values: []EnergyValue{Measured(5, Quarter), {}, {Amount: 7, Estimated: 3, Quality: energy.Estimated}}}
	}
	for _, x := range []struct {
		do   func(*EnergySeries)
		want string
	}{
		{func(*EnergySeries) {}, ""},
		{func(s *EnergySeries) { s.Step = 7 }, "load: a step of 7 ms is none of 1, 5, 10, 15, 30 and 60 minutes"},
		{func(s *EnergySeries) { s.Start++ }, "load: the start 1970-01-01T00:15:00.001Z is no multiple of its step of 900000 ms"},
		{func(s *EnergySeries) { s.Start = -900_000 }, "load: it is not between 1970 and 2100"},
		{func(s *EnergySeries) { s.Values = make([]EnergyValue, MaxValues+1) }, "load: 140001 values are more than 140000"},
		{func(s *EnergySeries) { s.Values[1].Quality = 9 }, "load: value 2 has no known quality"},
		{func(s *EnergySeries) { s.Values[0].Amount = 6e16 }, "load: value 1, 60000000000 Wh, is larger than any meter shows in an interval"},
		{func(s *EnergySeries) { s.Values[0].Covered = Quarter + 1 }, "load: value 1 is covered for 900001 ms of a step of 900000"},
		{func(s *EnergySeries) { s.Values[2].Estimated = 8 }, "load: value 3 has an estimated part of 0.000008 Wh in 0.000007 Wh"},
		{func(s *EnergySeries) { s.Values[0].Amount = -5 }, "load: value 1, at 1970-01-01T00:15:00.000Z, is below zero: -0.000005 Wh; hand over what flowed the other way as a series of its own"},
	} {
		s := good()
		x.do(&s)
		got := ""
		if err := s.CheckPositive("load"); err != nil {
			got = err.Error()
		}
		if got != x.want {
			t.Errorf("%s\nwant %s", got, x.want)
		}
	}
}

// TestNullIsNotZero adds up a span in which something is not known.
func TestNullIsNotZero(t *testing.T) {
	s := EnergySeries{Start: 900_000, Step: Quarter, Values: []EnergyValue{Measured(5, Quarter), {}, {Amount: 7, Quality: energy.Substituted}}}
	if v := s.Sum(s.Span()); v.Known() {
		t.Errorf("%+v", v)
	}
	if v, whole := s.Part(s.Span()); whole || v.Amount != 12 || v.Quality != energy.Substituted || v.Estimated != 7 {
		t.Errorf("%+v %v", v, whole)
	}
	if v := s.Sum(s.At(2)); v.Amount != 7 || v.Quality != energy.Substituted {
		t.Errorf("%+v", v)
	}
	if v := s.Sum(window.Span{From: 0, To: 1_800_000}); v.Known() {
		t.Errorf("before the series nothing is known: %+v", v)
	}
	g := GaugeSeries{Start: 0, Step: Hour, Values: []GaugeValue{{Value: 3, Quality: energy.Measured}, {}, {Value: 5, Quality: energy.Estimated}}}
	if mean, known := g.Mean(window.Span{From: 0, To: 4 * 3_600_000}); mean != 4 || known != 0.5 {
		t.Error(mean, known)
	}
	if g.Of(-1).Known() || g.Of(3*3_600_000).Known() || !g.Of(0).Known() {
		t.Error("what is outside is known")
	}
}

func TestJSONReadsBack(t *testing.T) {
	in := EnergySeries{Start: 900_000, Step: Quarter, Values: []EnergyValue{Measured(5, Quarter), {}, {Amount: 7, Estimated: 3, Quality: energy.Estimated}}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out EnergySeries
	if err := json.Unmarshal(text, &out); err != nil || cmp.Diff(in, out) != "" {
		t.Errorf("%s: %v", text, err)
	}
}
