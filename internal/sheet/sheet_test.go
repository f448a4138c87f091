package sheet

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

func TestTable(t *testing.T) {
	w, err := New("readings", "name", "time", "value", "nothing")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	zone := time.FixedZone("", 2*3600)
	if err := w.Row("=1+1", time.Date(2026, 3, 29, 3, 15, 30, 0, zone), 1234.567891, math.NaN()); err != nil {
		t.Fatal(err)
	}
	if err := w.Row(nil, nil, 7, "x"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.Write(&out); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for cell, want := range map[string]string{"A1": "name", "A2": "=1+1", "B2": "2026-03-29 03:15:30", "C2": "1234.567891", "D2": "", "A3": "", "C3": "7", "D3": "x"} {
		if got, err := f.GetCellValue("readings", cell); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", cell, got, err, want)
		}
	}
	if text, err := f.GetCellFormula("readings", "A2"); err != nil || text != "" {
		t.Errorf("a text is a formula: %q %v", text, err)
	}
}

func TestNothingIsCutOff(t *testing.T) {
	w, err := New("x", "n")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range Most {
		if err := w.Row(i); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := w.Row(0); !errors.Is(err, ErrRows) {
		t.Error(err)
	}
}
