package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// holdings are those of the share "s", when so many pieces have a holder and so
// many processes take part.
func holdings(t *testing.T, f *Fleet, pieces, takers int) Holding {
	t.Helper()
	for {
		f.mu.Lock()
		stir := f.stir
		f.mu.Unlock()
		for _, h := range f.Holdings() {
			if h.Share == "s" && len(h.Holders) == pieces && len(h.Takers) == takers {
				return h
			}
		}
		select {
		case <-stir:
		case <-time.After(time.Minute):
			t.Fatalf("%+v", f.Holdings())
		}
	}
}

func TestWhoHoldsWhat(t *testing.T) {
	x := newFixture(t)
	const pieces = 5
	a, b := x.start("a", pieces), x.start("b", pieces)
	x.await(pieces, "a", "b")
	ids := []string{a.fleet.Self().ID, b.fleet.Self().ID}
	slices.Sort(ids)
	ctx, end := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for _, p := range []*process{a, b} {
		h := holdings(t, p.fleet, pieces, 2)
		owners := slices.Sorted(maps.Values(h.Holders))
		if slices.Sort(h.Takers); !slices.Equal(h.Takers, ids) || !slices.Equal(slices.Compact(owners), ids) {
			t.Errorf("%v hold pieces and %v take part, of %v", h.Holders, h.Takers, ids)
		}
		if p.fleet.Seen(ids[0]).IsZero() || !p.fleet.Seen("nobody").IsZero() {
			t.Error("it is not known who was seen")
		}
		g.Go(func() {
			if err := p.fleet.Tell(ctx, func(context.Context) (any, error) { return map[string]int{"x": 1}, nil }); err != nil {
				t.Error(err)
			}
		})
	}
	// Their subscriptions are on their way.
	for deadline := time.Now().Add(time.Minute); ; {
		within, cancel := context.WithTimeout(t.Context(), time.Second)
		said, err := a.fleet.Ask(within)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(said) == 2 && string(said[ids[0]]) == `{"x":1}` {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v was said", said)
		}
	}
	end()
	g.Wait()
}

func TestAloneOneHoldsAll(t *testing.T) {
	f, err := New(Options{Alone: true, Self: Member{ID: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	var begun, ended sync.WaitGroup
	begun.Add(3)
	ended.Go(func() {
		if err := f.Share(ctx, "s", 3, func(ctx context.Context, _ int) error { begun.Done(); <-ctx.Done(); return nil }); err != nil {
			t.Error(err)
		}
	})
	begun.Wait()
	if all := f.Holdings(); len(all) != 1 || all[0].Holders[2] != "a" || len(all[0].Holders) != 3 || !slices.Equal(all[0].Takers, []string{"a"}) {
		t.Errorf("%+v", all)
	}
	if said, err := f.Ask(ctx); err != nil || len(said) != 0 {
		t.Errorf("%v, %v of who has nothing to say", said, err)
	}
	end()
	ended.Wait()
	if all := f.Holdings(); len(all) != 0 {
		t.Errorf("%+v after the end", all)
	}
}
