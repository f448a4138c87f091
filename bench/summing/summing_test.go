package summing

import (
	"bytes"
	"strings"
	"testing"
)

// TestRun measures a little: every result is right, and each set-up has a row.
func TestRun(t *testing.T) {
	out, err := Run(Options{Sensors: 100, Groups: 10, Rounds: 20, Seconds: 20, Levels: 3})
	if err != nil {
		t.Fatal(err)
	}
	if out.All == 0 || out.Exact != out.All || len(out.rows) != 4 {
		t.Errorf("%d of %d results are exact in %d set-ups", out.Exact, out.All, len(out.rows))
	}
	var b bytes.Buffer
	if err := out.Print(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"group results exact", "backlog, moving", "CPU µs/record"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
