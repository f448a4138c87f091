package charging

import (
	"encoding/json"
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// FuzzRun takes any input that can be written down: it is refused, or what comes out can
// be written down, too (no number in it is none), and is the same again.
func FuzzRun(f *testing.F) {
	in := input(f, seriestest.Given(f))
	text, err := json.Marshal(in)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in ChargingInput
		if len(data) > 1<<18 || json.Unmarshal(data, &in) != nil {
			return
		}
		out, err := Run(in)
		if err != nil {
			return
		}
		first, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Fatalf("%s\nand %s: %v", first, second, err)
		}
	})
}
