package home

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
)

// BenchmarkAnew carries each service out with nothing kept, from the plan to the text of the
// answer.
func BenchmarkAnew(b *testing.B) {
	h, err := New(record.MillisOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)))
	if err != nil {
		b.Fatal(err)
	}
	e, err := h.Instance(Options{Anew: true})
	if err != nil {
		b.Fatal(err)
	}
	for _, sid := range []string{"S1", "S2", "S3", "S4", "S5", "S6"} {
		var body struct {
			Subject    object.ID
			To         time.Time
			Parameters json.RawMessage
		}
		if err := json.Unmarshal([]byte(h.Request(sid)), &body); err != nil {
			b.Fatal(err)
		}
		r := execution.Request{To: record.MillisOf(body.To), Parameters: body.Parameters}
		r.SID, r.Subject = sid, body.Subject
		b.Run(sid, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				done, err := e.Execute(b.Context(), r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(e.Body(done)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
