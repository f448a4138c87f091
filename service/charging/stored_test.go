package charging

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// TestStored reads bills as they were stored once.
func TestStored(t *testing.T) {
	out, err := Run(input(t, seriestest.Given(t)))
	if err != nil {
		t.Fatal(err)
	}
	var back ChargingOutput
	if err := json.Unmarshal(seriestest.Stored(t, out), &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(out, back); d != "" {
		t.Error(d)
	}
}
