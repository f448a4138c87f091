package run

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// diary notes what happens in which order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, s)
}

func (d *diary) service(name string, needs ...string) Service {
	return Service{
		Name: name, Needs: needs,
		Start: func(context.Context) error { d.note("start " + name); return nil },
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second) // work that is still under way
			d.note("end " + name)
			return ctx.Err()
		},
		Stop: func(context.Context) error { d.note("stop " + name); return nil },
	}
}

func TestStartsInOrderAndStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g, err := New(quiet, 0, d.service("gateway", "registry", "history"), d.service("history", "registry"), d.service("registry"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { result <- g.Run(ctx) }()
		synctest.Wait()
		if err := g.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		cancel()
		if err := <-result; err != nil {
			t.Error(err)
		}
		want := []string{
			"start registry", "start history", "start gateway",
			"end gateway", "stop gateway", "end history", "stop history", "end registry", "stop registry",
		}
		if !slices.Equal(d.lines, want) {
			t.Errorf("got  %q\nwant %q", d.lines, want)
		}
		if g.State("history") != Ended {
			t.Errorf("history is %s", g.State("history"))
		}
	})
}

func TestFirstErrorWinsAndNamesItsService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		bad := d.service("bridge", "registry")
		boom := errors.New("boom")
		bad.Run = func(context.Context) error { time.Sleep(time.Minute); return boom }
		late := d.service("history", "registry")
		late.Stop = func(context.Context) error { return errors.New("later trouble") }
		g, err := New(quiet, 0, d.service("registry"), bad, late)
		if err != nil {
			t.Fatal(err)
		}
		err = g.Run(t.Context())
		if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "bridge: ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestStartFailureStopsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		bad := Service{Name: "bridge", Needs: []string{"registry"}, Start: func(context.Context) error { return errors.New("no port") }}
		never := d.service("gateway", "bridge")
		g, err := New(quiet, 0, d.service("registry"), bad, never)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context()); err == nil || err.Error() != "bridge: no port" {
			t.Errorf("got %v", err)
		}
		if want := []string{"start registry", "end registry", "stop registry"}; !slices.Equal(d.lines, want) {
			t.Errorf("got %q", d.lines)
		}
		if g.State("gateway") != Ended {
			t.Errorf("gateway is %s", g.State("gateway"))
		}
	})
}

// TestInterruptedStartIsNoFailure ends the context while something starts, which
// says so in words of its own.
func TestInterruptedStartIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		slow := Service{Name: "bridge", Needs: []string{"registry"}, Start: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("the connection was closed")
		}}
		g, err := New(quiet, 0, d.service("registry"), slow, d.service("gateway", "bridge"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
		if want := []string{"start registry", "end registry", "stop registry"}; !slices.Equal(d.lines, want) {
			t.Errorf("got %q", d.lines)
		}
	})
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		stuck := Service{Name: "stuck", Needs: []string{"registry"}, Run: func(context.Context) error { <-release; return nil }}
		g, err := New(quiet, 5*time.Second, d.service("registry"), stuck)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err = g.Run(ctx)
		if err == nil || err.Error() != "stuck: did not stop within 5s" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("took %v", took)
		}
		close(release)
	})
}

func TestEndingTooSoonIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(quiet, 0, Service{Name: "bridge", Run: func(context.Context) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context()); err == nil || err.Error() != "bridge: ended without being told to" {
			t.Errorf("got %v", err)
		}
	})
}

func TestNeedsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []Service
		want string
	}{
		{"unknown", []Service{{Name: "a", Needs: []string{"b"}}}, "order services: a needs b, which is not there"},
		{"circle", []Service{{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}, {Name: "c"}}, "order services: a, b wait for one another"},
		{"twice", []Service{{Name: "a"}, {Name: "a"}}, `order services: the name "a" is empty or used twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(quiet, 0, c.in...); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
