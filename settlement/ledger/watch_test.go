package ledger_test

import (
	"os"
	"testing"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestNotes notes what is watched, and nothing else, in order.
func TestNotes(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "postgres": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s, err := ledger.Open(ctx, ledger.Options{Dir: t.TempDir(), URL: url, NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, b := ledger.SensorPoint("a"), ledger.GroupPoint("h", "b")
			ids, err := s.IDs(ctx, []ledger.Point{a, b}, true)
			if err != nil {
				t.Fatal(err)
			}
			const quarter = record.Millis(900_000)
			write := func(points ...int64) {
				t.Helper()
				var all []ledger.Change
				for _, p := range points {
					for i := range record.Millis(3) {
						all = append(all, ledger.Change{Point: p, Row: ledger.Row{Start: 1_000*quarter + i*quarter}})
					}
				}
				if err := s.Write(ctx, ledger.Quarters, all); err != nil {
					t.Fatal(err)
				}
			}
			notes := func(after int64, want int) []ledger.Note {
				t.Helper()
				all, err := s.Notes(ctx, after, 100)
				if err != nil || len(all) != want {
					t.Fatalf("%d notes, not %d: %+v %v", len(all), want, all, err)
				}
				return all
			}
			write(ids...)
			notes(0, 0)
			if err := s.Watch(ctx, []ledger.Point{b, b}); err != nil {
				t.Fatal(err)
			}
			write(ids...)
			if n := notes(0, 1)[0]; n != (ledger.Note{Number: 1, Point: ids[1], Begin: 1_000 * quarter, End: 1_003 * quarter}) {
				t.Errorf("%+v", n)
			}
			write(ids[0])
			notes(1, 0)
			if err := s.Watch(ctx, []ledger.Point{a}); err != nil {
				t.Fatal(err)
			}
			write(ids[0])
			if n := notes(1, 1)[0]; n.Number != 2 || n.Point != ids[0] {
				t.Errorf("%+v", n)
			}
			newest, touched, err := s.LastNote(ctx, 1, ids[0], 1_001*quarter)
			if err != nil || newest != 2 || !touched {
				t.Error(newest, touched, err)
			}
			for _, c := range []struct {
				after  int64
				point  int64
				before record.Millis
			}{{2, ids[0], 1_001 * quarter}, {1, ids[1], 1_001 * quarter}, {1, ids[0], 1_000 * quarter}} {
				if _, touched, err := s.LastNote(ctx, c.after, c.point, c.before); touched || err != nil {
					t.Errorf("%+v: %v %v", c, touched, err)
				}
			}
			if err := s.DropNotes(ctx, 2); err != nil {
				t.Fatal(err)
			}
			write(ids...)
			if all := notes(0, 3); all[0].Number != 2 || all[1].Number != 3 || all[2].Number != 4 {
				t.Errorf("%+v", all)
			}
		})
	}
}
