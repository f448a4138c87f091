package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/router"
	"github.com/wattwerk/wattwerk/record"
)

const within = time.Minute

// script is a reader that says what it is told to.
type script struct {
	say  chan connect.Message
	done chan error
}

func (s *script) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	status(connect.Status{Connected: true, At: time.Now()})
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-s.say:
			s.done <- store(ctx, m)
		}
	}
}

type world struct {
	t      *testing.T
	bus    *bus.Bus
	router *router.Router
	script *script
	end    *manifest.End
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.MakeObservations(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bus: b, script: &script{say: make(chan connect.Message), done: make(chan error)}}
	w.end = &manifest.End{Source: &manifest.Source{Common: manifest.Common{ID: "s", Name: "meter"}}, Interface: &manifest.Interface{Protocol: "script"}, Kind: &manifest.Kind{}}
	w.begin()
	return w
}

// begin has a new router read the source, as after a restart.
func (w *world) begin() {
	w.t.Helper()
	if w.router != nil {
		w.router.Set(context.Background(), "", nil, nil)
	}
	var err error
	w.router, err = router.New(router.Options{
		Bus: w.bus, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		Open: func(*manifest.End) (connect.Reader, error) { return w.script, nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.router.Set(w.t.Context(), "", []*manifest.End{w.end}, func(any) string { return "same" })
	w.t.Cleanup(func() { w.router.Set(context.Background(), "", nil, nil) })
}

func (w *world) tell(m connect.Message) error {
	w.t.Helper()
	select {
	case w.script.say <- m:
	case <-time.After(within):
		w.t.Fatal("nobody reads")
	}
	return <-w.script.done
}

// stored gives what is in the stream of the source, as text.
func (w *world) stored() (out []string) {
	w.t.Helper()
	last, ok, err := w.bus.LastObservations(w.t.Context(), "s")
	if err != nil {
		w.t.Fatal(err)
	}
	if !ok {
		return nil
	}
	enough := errors.New("enough")
	err = w.bus.ReadObservationsOf(w.t.Context(), "s", 1, func(m bus.Message) error {
		keys, items, err := observation.Decode(m.Data, nil)
		if err != nil {
			return err
		}
		for _, it := range items {
			out = append(out, fmt.Sprintf("%q %d %v %d", keys[it.Series], it.Time, it.Value, it.Marks))
		}
		if m.Seq >= last.Seq {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		w.t.Fatal(err)
	}
	return out
}

func piece(key string, at record.Millis, v float64) connect.Piece {
	return connect.Piece{Key: key, Time: at, Value: v}
}

func TestStoredOnce(t *testing.T) {
	w := newWorld(t)
	for _, m := range []connect.Message{
		{ID: "1", Pieces: []connect.Piece{piece("a", 1000, 1), piece("b", 1000, 2)}},
		{ID: "1", Pieces: []connect.Piece{piece("a", 1000, 1), piece("b", 1000, 2)}}, // again
		{ID: "2", Pieces: []connect.Piece{piece("a", 2000, 3)}},
		{Pieces: []connect.Piece{piece("", 3000, 4)}},
		{Pieces: []connect.Piece{piece("", 3000, 4)}},                        // nobody can tell
		{ID: "2", Fresh: true, Pieces: []connect.Piece{piece("a", 4000, 5)}}, // another with an old name
	} {
		if err := w.tell(m); err != nil {
			t.Fatal(err)
		}
	}
	w.begin()
	if err := w.tell(connect.Message{ID: "2", Pieces: []connect.Piece{piece("a", 2000, 3)}}); err != nil { // after a restart, too
		t.Fatal(err)
	}
	want := []string{`"a" 1000 1 0`, `"b" 1000 2 0`, `"a" 2000 3 0`, `"" 3000 4 0`, `"" 3000 4 0`, `"a" 4000 5 0`}
	if d := cmp.Diff(want, w.stored()); d != "" {
		t.Error(d)
	}
	if s := w.router.Statuses()["s"]; !s.Connected || s.Items != 0 || s.Bad != 0 {
		t.Errorf("after the restart %+v", s)
	}
}

func TestBadIsBuried(t *testing.T) {
	w := newWorld(t)
	now := record.MillisOf(time.Now())
	if err := w.tell(connect.Message{
		Bad: []connect.Bad{{Reason: "it is no number", Sample: []byte("\xff\xfe")}},
		Pieces: []connect.Piece{
			piece("", now+2*3600*1000, 1), piece(strings.Repeat("k", 201), now, 2), piece("", now, 1e19), piece("", now, 5),
			{Time: now, Marks: observation.Null}, {Value: 6},
		},
	}); err != nil {
		t.Fatal(err)
	}
	got := w.stored()
	if len(got) != 3 || !strings.HasSuffix(got[0], " 5 0") || !strings.HasSuffix(got[1], fmt.Sprintf(" 0 %d", observation.Null)) || !strings.HasSuffix(got[2], " 6 0") {
		t.Errorf("stored: %v", got)
	}
	letters, err := w.bus.DeadLetters(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, l := range letters {
		reasons = append(reasons, l.Reason)
		if l.Code != phrase.SourceOdd || l.Params["reason"] == nil {
			t.Errorf("%q is said by the code %q and %v", l.Reason, l.Code, l.Params)
		}
	}
	for _, want := range []string{"it is no number", "more than an hour in the future", "longer than 200 bytes", "larger than any real quantity"} {
		if !strings.Contains(strings.Join(reasons, "\n"), `data source "meter": `) || !strings.Contains(strings.Join(reasons, "\n"), want) {
			t.Errorf("no dead letter says %q: %q", want, reasons)
		}
	}
	if s := w.router.Statuses()["s"]; s.Items != 3 || s.Bad != 4 {
		t.Errorf("%+v", s)
	}
}

// A message with more values than a batch may have is stored in several.
func TestLargeMessage(t *testing.T) {
	w := newWorld(t)
	m := connect.Message{ID: "large"}
	for i := range observation.MaxItems + 5 {
		m.Pieces = append(m.Pieces, piece("", record.Millis(1000+i), float64(i)))
	}
	if err := w.tell(m); err != nil {
		t.Fatal(err)
	}
	if n := len(w.stored()); n != len(m.Pieces) {
		t.Errorf("%d values of %d", n, len(m.Pieces))
	}
}
