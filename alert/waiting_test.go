package alert

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/sqldb"
)

func TestWaiting(t *testing.T) {
	s, err := Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "wattwerk.db"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if all, err := s.waiting(t.Context()); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	rows := []queueRow{
		{ID: "a", Sink: "mail", Created: 3000}, {ID: "b", Sink: "mail", Created: 2000, Attempts: 4, Error: "refused"}, {ID: "a", Sink: "ntfy", Created: 4000},
	}
	if _, err := s.db.NewInsert().Model(&rows).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.waiting(t.Context())
	want := []Waiting{{"mail", 2, time.UnixMilli(2000).UTC(), "refused"}, {"ntfy", 1, time.UnixMilli(4000).UTC(), ""}}
	if err != nil || len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Errorf("%v, %v", all, err)
	}
}
