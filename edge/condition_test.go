package edge_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/survey/household"
)

// counting is a reader of a meter of which three frames were whole and one was broken.
type counting struct{ meter.Reader }

func (counting) Stats() meter.Stats { return meter.Stats{Frames: 3, Broken: 1} }

// TestCondition has a device say what it consists of and how its meter is read.
func TestCondition(t *testing.T) {
	ctx := t.Context()
	w, dir := start(t, "MT175"), t.TempDir()
	w.enrol(dir)
	s, err := edge.New(edge.Options{
		Dir: dir, URL: "https://" + w.link.Addr(), Roots: w.roots, Slots: slot.Settings{Collect: time.Millisecond}, Version: "test", Now: w.now, Log: w.log, Tick: tick,
		Components: []household.Component{{Name: "go", Version: runtime.Version()}},
		Meters: []edge.Meter{{Open: func() (meter.Reader, error) {
			r, err := kind.NewReader(kind.Settings{Kind: "sml", Address: w.meters[0]})
			return counting{r}, err
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.background(s.Run)
	w.until("the consent", func() bool { _, err := s.Grant(ctx, "2026-1"); return err == nil })
	said := func() *household.Condition {
		h, err := w.store.Household(context.WithoutCancel(ctx), w.home.ID)
		if err != nil {
			t.Fatal(err)
		}
		return h.Devices[0].Condition
	}
	w.measure(s)
	w.sent(s)
	want := &household.Condition{Components: []household.Component{{Name: "program", Version: "test"}, {Name: "go", Version: runtime.Version()}}}
	if diff := cmp.Diff(want, said()); diff != "" { // no hour has passed, in which frames were counted
		t.Error(diff)
	}
	before := w.now()
	w.until("a count of frames", func() bool {
		w.measure(s)
		w.sent(s)
		return len(said().Frames) > 0
	})
	if m := s.Status().Meters[0]; m.Frames != 3 || m.Errors.Frame != 1 || m.Errors.Open != 0 || s.Status().Measured == 0 {
		t.Errorf("%+v", s.Status())
	}
	want.Frames = []household.Frames{{Meter: w.home.Meters[0].ID, Whole: 3, Broken: 1}}
	got := said()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(household.Frames{}, "Until")); diff != "" || got.Frames[0].Until.Before(before) {
		t.Error(diff, got.Frames[0].Until)
	}
	if share, ok := got.Frames[0].Rate(); share != 0.25 || !ok {
		t.Errorf("%v of the frames are broken", share)
	}
}
