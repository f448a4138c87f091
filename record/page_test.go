package record

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the units of the page again")

// The page converts values for display and asks nobody for it: it has the
// quantities and units as a table, which is held to the one here.
func TestUnitsOfThePage(t *testing.T) {
	type unit struct {
		Code   string  `json:"code"`
		Symbol string  `json:"symbol"`
		Mul    float64 `json:"mul"`
		Add    float64 `json:"add"`
		Div    float64 `json:"div"`
	}
	type quantity struct {
		Quantity Quantity `json:"quantity"`
		Counter  bool     `json:"counter"`
		Units    []unit   `json:"units"`
	}
	out := bytes.NewBufferString("[\n")
	for i, q := range Quantities() {
		x := quantity{Quantity: q, Counter: q.Counter()}
		for _, u := range q.Units() {
			x.Units = append(x.Units, unit{u.Code, u.Symbol, u.mul, u.add, u.div})
		}
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out.WriteString(",\n")
		}
		out.Write(b)
	}
	out.WriteString("\n]\n")
	const path = "../web/ui/src/lib/quantities.json"
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, out.Bytes()) {
		t.Errorf("%s has other quantities or units than package record; go test ./record -run %s -update writes it again", path, t.Name())
	}
}
