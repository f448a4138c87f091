package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/internal/smltest"
)

// capture is what two telegrams of a meter of the model look like, with rubbish before them.
func capture(t *testing.T, model string, locked bool) []byte {
	t.Helper()
	m, ok := smltest.Find(model)
	if !ok {
		t.Fatalf("there is no model %s", model)
	}
	s := smltest.State{Import: 20431047, Export: 12, Power: 19300, Seconds: 54831925}
	data := []byte("rubbish")
	for range 2 {
		data = append(data, m.Telegram(s, locked)...)
		s.Import, s.Seconds = s.Import+1, s.Seconds+2
	}
	return data
}

func TestMeterDecode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "capture.bin")
	if err := os.WriteFile(file, capture(t, "MT681", false), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := wattwerk(t, "meter", "decode", "--stats", file)
	if code != ExitOK || !strings.Contains(errs, "2 telegrams of which 0 were salvaged, 2 frames whole and 0 broken") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	golden(t, "testdata/meter_decode.golden", out)
	for line := range strings.Lines(out) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		for _, member := range []string{"obis", "value", "unit", "scaler", "raw", "status", "flags"} {
			if _, ok := v[member]; !ok {
				t.Errorf("%s has no %s", line, member)
			}
		}
	}
}

func TestMeterDecodeStandardInput(t *testing.T) {
	var out, errs bytes.Buffer
	code := Execute(t.Context(), []string{"meter", "decode", "-"}, IO{In: bytes.NewReader(capture(t, "MT681", true)), Out: &out, Err: &errs})
	if want := `"value":2043000,"unit":"Wh","scaler":3,"raw":2043,"status":1835268,"flags":["locked"]`; code != ExitOK || errs.Len() > 0 || !strings.Contains(out.String(), want) {
		t.Errorf("exit code %d, %s; it prints\n%s", code, errs.String(), out.String())
	}
}

func TestMeterDecodeFindsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "capture.bin")
	if err := os.WriteFile(file, capture(t, "MT681", false)[:60], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, says string }{
		{file, "no telegram in 60 bytes: 0 frames are whole and 1 broken"},
		{file + ".gone", "open capture"},
	} {
		code, out, errs := wattwerk(t, "meter", "decode", c.file)
		if code != ExitFailed || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit code %d, %s%s", c.file, code, out, errs)
		}
	}
}
