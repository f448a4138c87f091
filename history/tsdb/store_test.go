package tsdb

import (
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
)

func TestConformance(t *testing.T) {
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		s, err := Open(Options{Dir: dir, MinFree: 1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
