package sharing

import (
	"encoding/json"
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// TestPageJSON holds the bill on the page for users to what is stored.
func TestPageJSON(t *testing.T) {
	out, err := Run(input(t, seriestest.Given(t)))
	if err != nil {
		t.Fatal(err)
	}
	b := out.Bills[1]
	b.Lines = b.Lines[:1]
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	seriestest.Page(t, "sharing-json", string(text))
}
