package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
)

func eachDatabase(t *testing.T, f func(t *testing.T, where sqldb.Options)) {
	t.Run("sqlite", func(t *testing.T) { f(t, sqldb.Options{File: filepath.Join(t.TempDir(), "wattwerk.db")}) })
	t.Run("postgresql", func(t *testing.T) { f(t, sqldb.Options{URL: pgtest.Database(t)}) })
}

func open(t *testing.T, where sqldb.Options) *checkpoint.Store {
	t.Helper()
	s, err := checkpoint.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestCheckpoints(t *testing.T) {
	eachDatabase(t, func(t *testing.T, where sqldb.Options) {
		s, ctx := open(t, where), t.Context()
		epoch, err := s.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(1543000000000).UTC()
		var many []checkpoint.Checkpoint
		want := make(map[string]checkpoint.Checkpoint)
		for i := range 450 {
			c := checkpoint.Checkpoint{Manifest: string(rune('a'+i%26)) + string(rune('A'+i/26)), Seq: uint64(i), State: []byte{1, byte(i)}, Saved: at}
			if i == 7 {
				c.State = nil
			}
			if i%3 == 0 {
				c.Standing, c.Waiting = checkpoint.Standing(i/3%3), []byte{2, byte(i)}
			}
			many = append(many, c)
			want[c.Manifest] = c
		}
		if err := s.Save(ctx, epoch, many, nil); err != nil {
			t.Fatal(err)
		}
		again := checkpoint.Checkpoint{Manifest: "aA", Seq: 1 << 40, State: []byte("more"), Saved: at}
		want["aA"] = again
		delete(want, "bA")
		if err := s.Save(ctx, epoch, []checkpoint.Checkpoint{again}, []string{"bA", "nobody"}); err != nil {
			t.Fatal(err)
		}
		got, err := open(t, where).All(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// Who was outrun stores nothing any more.
func TestOutrun(t *testing.T) {
	eachDatabase(t, func(t *testing.T, where sqldb.Options) {
		s, ctx := open(t, where), t.Context()
		first, err := s.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Begin(ctx)
		if err != nil || second <= first {
			t.Fatalf("epoch %d after %d: %v", second, first, err)
		}
		if err := s.Save(ctx, first, []checkpoint.Checkpoint{{Manifest: "m", Saved: time.UnixMilli(1)}}, nil); !errors.Is(err, checkpoint.ErrOutrun) {
			t.Errorf("the first one saves: %v", err)
		}
		if err := s.SaveStatuses(ctx, first, map[string]string{"m": "{}"}); !errors.Is(err, checkpoint.ErrOutrun) {
			t.Errorf("the first one tells: %v", err)
		}
		if all, err := s.All(ctx); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
	})
}

func TestStatuses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, where sqldb.Options) {
		s, ctx := open(t, where), t.Context()
		epoch, err := s.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SaveStatuses(ctx, epoch, map[string]string{"a": "1", "b": "2", "c": "3"}); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveStatuses(ctx, epoch, map[string]string{"a": "4", "b": ""}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Statuses(ctx)
		if d := cmp.Diff(map[string]string{"a": "4", "c": "3"}, all); d != "" || err != nil {
			t.Error(d, err)
		}
		some, err := s.Statuses(ctx, "c", "b")
		if d := cmp.Diff(map[string]string{"c": "3"}, some); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestGateways(t *testing.T) {
	eachDatabase(t, func(t *testing.T, where sqldb.Options) {
		s, ctx, at := open(t, where), t.Context(), time.UnixMilli(1543000000000).UTC()
		for _, g := range []struct{ id, doc string }{{"a", "1"}, {"b", "2"}, {"a", "3"}} {
			if err := s.SaveGateway(ctx, g.id, g.doc, at); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.Gateways(ctx)
		if d := cmp.Diff(map[string]checkpoint.Told{"a": {Doc: "3", At: at}, "b": {Doc: "2", At: at}}, all); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}
