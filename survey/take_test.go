package survey_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/survey/household"
)

// TestReplay: the same batch is answered the same, stored once, and handed to the bus
// once; a bus that fails leaves nothing behind.
func TestReplay(t *testing.T) {
	w := start(t, sqlite(t))
	ctx := t.Context()
	c, h, _ := w.device()
	if _, err := c.Grant(ctx, "2026-1"); err != nil {
		t.Fatal(err)
	}
	b := w.batch(h, 5)
	for _, x := range []struct {
		fails error
		code  string
	}{{errors.New("no room: full"), "full"}, {errors.New("away"), "unavailable"}} {
		w.mu.Lock()
		w.fails = x.fails
		w.mu.Unlock()
		_, err := c.Send(ctx, b)
		refusal(t, err, 503, x.code, household.Retry)
	}
	w.mu.Lock()
	w.fails = nil
	w.mu.Unlock()
	first, err := c.Send(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if again, err := c.Send(ctx, b); err != nil || cmp.Diff(first, again) != "" {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
	all.Wait()
	w.mu.Lock()
	if len(w.records) != 4 {
		t.Errorf("%d records", len(w.records))
	}
	w.mu.Unlock()
	other := w.batch(h, 5)
	other.Measurements[0].Raw++
	_, err = c.Send(ctx, other)
	refusal(t, err, 409, "sequence_used", household.None)
	// Many devices' batches at a time are all stored.
	for i := range 50 {
		all.Go(func() {
			b := w.batch(h, int64(100+i))
			for j := range b.Measurements {
				b.Measurements[j].OBIS = fmt.Sprintf("0100%02x0700ff", 100+i)
				b.Measurements[j].Unit = "V"
			}
			if _, err := c.Send(ctx, b); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := c.Measurements(ctx, h.Meters[0].ID, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10_000)
	if err != nil || len(list) != 54 {
		t.Errorf("%d measurements, %v", len(list), err)
	}
}

// TestGoneWhileStored: who sent a batch goes away while it is stored. Sent again, it is answered as what it is: taken, once.
func TestGoneWhileStored(t *testing.T) {
	w := start(t, sqlite(t))
	c, h, _ := w.device()
	if _, err := c.Grant(t.Context(), "2026-1"); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	w.mu.Lock()
	w.holds = func() {
		leave()
		for w.told("wattwerk_survey_batches_total")["again"] == 0 {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
	w.mu.Unlock()
	b := w.batch(h, 1)
	if _, err := c.Send(ctx, b); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.holds = nil
	w.mu.Unlock()
	if a, err := c.Send(t.Context(), b); err != nil || a.Accepted != 4 || len(a.Refused) > 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if got := w.told("wattwerk_survey_batches_total"); got["again"] != 1 || got["taken"] != 1 {
		t.Error(got)
	}
	if got := w.told("wattwerk_survey_measurements_total"); got["accepted"] != 4 {
		t.Error("who has gone was told:", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.records) != 4 {
		t.Errorf("%d records", len(w.records))
	}
}
