package seriestest

import (
	"encoding/json"
	"testing"
)

// Fuzz gives a service any input that can be written down, the given one first: it is
// refused, or what comes out can be written down, too (no number in it is none), and is
// the same again.
func Fuzz[In, Out any](f *testing.F, in In, run func(In) (Out, error)) {
	f.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in In
		if len(data) > 1<<18 || json.Unmarshal(data, &in) != nil {
			return
		}
		out, err := run(in)
		if err != nil {
			return
		}
		first, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		again, err := run(in)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Fatalf("%s\nand %s: %v", first, second, err)
		}
	})
}
