package alert

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/alert/rule"
)

// TestExamplesOfThePage holds the rules in docs/alerts.md to what is possible.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```json\n")
	if len(parts) < 4 {
		t.Fatal("the page has lost its examples")
	}
	for _, part := range parts[1:] {
		text, _, _ := strings.Cut(part, "```")
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		var r rule.Rule
		if err := d.Decode(&r); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r.ID = "example"
		r = r.Complete()
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
