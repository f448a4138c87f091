package app

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/settlement"
)

// TestSettleSaysWhoCancelled has a span settled again that somebody else cancels,
// and one that nobody does, after something was cancelled before.
func TestSettleSaysWhoCancelled(t *testing.T) {
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	before := &settlement.CancelBody{Number: 3, At: at.Add(-time.Hour), Who: "linus", Marks: 7}
	for name, k := range map[string]struct {
		answers []settlement.StatusBody
		out     string
		err     string
	}{
		"nobody": {[]settlement.StatusBody{{Asked: 80, Cancelled: before}, {Cancelled: before}}, "120 ranges were settled again", ""},
		"grace": {
			[]settlement.StatusBody{{Asked: 80, Cancelled: before}, {Cancelled: &settlement.CancelBody{Number: 4, At: at, Who: "grace", Marks: 60}}}, "",
			"settling was cancelled by grace at 2026-05-04T10:00:00Z: 60 of 120 ranges were settled again, 60 were not",
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body any = settlement.MarkedBody{Marks: 120, After: 3}
				if r.Method == http.MethodGet {
					body = k.answers[min(asked, len(k.answers)-1)]
					asked++
				}
				_ = json.NewEncoder(w).Encode(body)
			}))
			defer srv.Close()
			var out, errs bytes.Buffer
			c := SettleCmd{From: "2026-01-01", To: "2026-02-01"}
			c.URL = srv.URL
			err := c.Run(context.Background(), IO{Out: &out, Err: &errs})
			if (k.err == "") != (err == nil) || err != nil && err.Error() != k.err || !strings.Contains(out.String(), k.out) || k.err != "" && strings.Contains(out.String(), "were settled again") {
				t.Errorf("it says %q, %v", out.String(), err)
			}
		})
	}
}
