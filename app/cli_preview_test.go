package app

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestImportPreview shows how a file of strangers is written and what it
// holds, with nothing running.
func TestImportPreview(t *testing.T) {
	var out bytes.Buffer
	sys := IO{In: strings.NewReader(""), Out: &out, Err: io.Discard}
	c := ImportCmd{Preview: true, Files: []string{"../history/transfer/testdata/strangers/grid-operator.csv", "../history/transfer/testdata/strangers/broken.csv"}}
	if err := c.Run(t.Context(), sys); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"grid-operator.csv: 96 rows, 0 rows or values that cannot be read",
		`--encoding "latin-1" --delimiter ";" --decimal "comma" --skip "3" --date "Datum" --time "Uhrzeit" --layout "2.1.2006 15:04" --stamp "end"`,
		"Verbrauch (kWh)  counter", "2023-10-29T00:00:00Z", `line 7 : time \"never\" does not have`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x00\x1b") || !utf8.ValidString(out.String()) {
		t.Error("bytes of the file reach the terminal")
	}
	nothing := filepath.Join(t.TempDir(), "nothing.csv")
	if err := os.WriteFile(nothing, []byte("\x1b[31mhello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&ImportCmd{Preview: true, Files: []string{nothing}}).Run(t.Context(), sys); err == nil || !strings.Contains(err.Error(), "no character parts the lines") {
		t.Errorf("nothing in it: %v", err)
	}
	if err := (&ImportCmd{Preview: true, Files: []string{"-"}}).Run(t.Context(), sys); !errors.As(err, new(usageError)) {
		t.Errorf("from standard input: %v", err)
	}
}
