// Package connecttest opens the ends of protocols in tests as a router does, and
// stores what they read in memory. It is for tests only.
package connecttest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

// Within is how long anything may take on a slow machine.
const Within = 2 * time.Minute

// House allows addresses of this machine, and tries again soon.
func House() *connect.House {
	return &connect.House{Private: true, Retry: 20 * time.Millisecond}
}

// End makes an end of a protocol, as the engine does. Values are pairs of a name
// and a text. Those that a manifest could not have are given to the driver as they
// are: it must not rely on being told right things only.
func End(t testing.TB, p connect.Protocol, house *connect.House, kind manifest.Kind, values ...string) connect.End {
	t.Helper()
	given := manifest.Values{}
	for i := 0; i < len(values); i += 2 {
		if !slices.ContainsFunc(p.Parameters, func(d manifest.Parameter) bool { return d.Name == values[i] }) {
			t.Fatalf("%s has no parameter %s", p.Name, values[i])
		}
		raw, err := json.Marshal(values[i+1])
		if err != nil {
			t.Fatal(err)
		}
		given[values[i]] = raw
	}
	complete, err := manifest.Complete(p.Parameters, given)
	if err != nil {
		if complete, err = manifest.Complete(optional(p.Parameters), nil); err != nil {
			t.Fatal(err)
		}
		maps.Copy(complete, given)
	}
	return connect.End{
		ID: "5ca1ab1e-0000-4000-8000-00000000000a", Name: "test", Protocol: p.Name, Values: complete, Kind: kind,
		House: house, Log: slog.New(slog.DiscardHandler),
	}
}

// optional are parameters of which none must be given.
func optional(params []manifest.Parameter) []manifest.Parameter {
	all := slices.Clone(params)
	for i := range all {
		all[i].Required = false
	}
	return all
}

// Store keeps what was stored, and knows what was stored before. Its methods may
// be used at the same time.
type Store struct {
	mu       sync.Mutex
	recent   connect.Recent
	pieces   []connect.Piece
	bad      []connect.Bad
	skipped  int
	statuses []connect.Status
	changed  chan struct{}
	// Fail, where it is set, is asked before and after storing. An error before:
	// nothing is stored. An error after: it is, and the reader hears of the error
	// only.
	Fail func(stored bool, messages []connect.Message) error
}

// Store stores messages, those that are told again once.
func (s *Store) Store(_ context.Context, messages ...connect.Message) error {
	if s.Fail != nil {
		if err := s.Fail(false, messages); err != nil {
			return err
		}
	}
	s.mu.Lock()
	for i := range messages {
		m := &messages[i]
		if s.recent.Stored(m) {
			s.skipped++
			continue
		}
		s.recent.Note(m.ID)
		s.pieces = append(s.pieces, m.Pieces...)
		s.bad = append(s.bad, m.Bad...)
	}
	s.signal()
	s.mu.Unlock()
	if s.Fail != nil {
		return s.Fail(true, messages)
	}
	return nil
}

// Status notes how the reader is.
func (s *Store) Status(st connect.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, st)
	s.signal()
}

func (s *Store) signal() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Until waits until what is asked for is so.
func (s *Store) Until(t testing.TB, what string, ok func(pieces []connect.Piece, bad []connect.Bad, statuses []connect.Status) bool) {
	t.Helper()
	late := time.After(Within)
	for {
		s.mu.Lock()
		if ok(s.pieces, s.bad, s.statuses) {
			s.mu.Unlock()
			return
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("it never came to: %s; there are %d pieces, %d bad, statuses %+v", what, len(s.pieces), len(s.bad), s.statuses[max(0, len(s.statuses)-3):])
		}
	}
}

// Connected waits until the last status says so.
func (s *Store) Connected(t testing.TB) {
	t.Helper()
	s.Until(t, "connected", func(_ []connect.Piece, _ []connect.Bad, all []connect.Status) bool {
		return len(all) > 0 && all[len(all)-1].Connected
	})
}

// Broken waits until a status after the first so many has an error with a text.
func (s *Store) Broken(t testing.TB, after int, text string) {
	t.Helper()
	s.Until(t, "broken: "+text, func(_ []connect.Piece, _ []connect.Bad, all []connect.Status) bool {
		return slices.ContainsFunc(all[min(after, len(all)):], func(st connect.Status) bool { return !st.Connected && strings.Contains(st.Error, text) })
	})
}

// Statuses counts the statuses until now.
func (s *Store) Statuses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.statuses)
}

// Pieces waits for so many pieces and gives all, each as KEY VALUE.
func (s *Store) Pieces(t testing.TB, n int) []string {
	t.Helper()
	var got []string
	s.Until(t, fmt.Sprintf("%d pieces", n), func(all []connect.Piece, _ []connect.Bad, _ []connect.Status) bool {
		if len(all) < n {
			return false
		}
		for _, p := range all {
			got = append(got, strings.TrimSpace(fmt.Sprint(p.Key, " ", p.Value)))
		}
		return true
	})
	return got
}

// Bad waits for so many bad parts and gives all, each as REASON: SAMPLE.
func (s *Store) Bad(t testing.TB, n int) []string {
	t.Helper()
	var got []string
	s.Until(t, fmt.Sprintf("%d bad", n), func(_ []connect.Piece, all []connect.Bad, _ []connect.Status) bool {
		if len(all) < n {
			return false
		}
		for _, b := range all {
			got = append(got, fmt.Sprintf("%s: %s", b.Reason, b.Sample))
		}
		return true
	})
	return got
}

// Skipped is how many messages were told again.
func (s *Store) Skipped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped
}

// Run opens a source and reads it until stop is called, or the test ends.
func Run(t testing.TB, p connect.Protocol, e connect.End, s *Store) (stop func()) {
	t.Helper()
	r, err := p.Reader(e)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Read(ctx, s.Store, s.Status) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("read: %v", err)
				}
			case <-time.After(Within):
				t.Error("the reader does not end")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// Write opens a sink, which is closed when the test ends.
func Write(t testing.TB, p connect.Protocol, e connect.End) connect.Writer {
	t.Helper()
	w, err := p.Writer(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}
