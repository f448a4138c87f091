package app

import (
	"bytes"
	"encoding/json"
	"net"
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

func TestMeterDecodeFormats(t *testing.T) {
	p1 := "/KMP5 KA6U001234567890\r\n\r\n0-0:96.1.1(204B413655303031323334353637383930)\r\n1-0:1.8.1(00015.694*kWh)\r\n!\r\n"
	for _, c := range []struct {
		format string
		code   int
		says   string
	}{
		{"auto", ExitOK, `"obis":"0100010801ff","code":"1-0:1.8.1*255","value":15694,"unit":"Wh","scaler":0,"raw":15694,"status":null,"flags":["unchecked"]`},
		{"dsmr", ExitOK, `"value":15694`},
		{"sml", ExitFailed, "no telegram in"},
		{"morse", ExitUsage, "must be one of"},
	} {
		var out, errs bytes.Buffer
		code := Execute(t.Context(), []string{"meter", "decode", "--format", c.format, "-"}, IO{In: strings.NewReader(p1), Out: &out, Err: &errs})
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%s: exit code %d, %s%s", c.format, code, out.String(), errs.String())
		}
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

func TestMeterRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, err := c.Write(capture(t, "MT175", false)); err != nil {
			t.Error(err)
		}
	}()
	code, out, errs := wattwerk(t, "meter", "read", "tcp://"+l.Addr().String())
	if code != ExitOK || errs != "" || !strings.Contains(out, `"obis":"0100010800ff","code":"1-0:1.8.0*255","value":2043104.7,"unit":"Wh"`) {
		t.Errorf("exit code %d, %s; it prints\n%s", code, errs, out)
	}
	<-done
	for _, args := range [][]string{{"ttyUSB0"}, {"--kind", "morse", "/dev/ttyUSB0"}, {"--count", "-1", "/dev/ttyUSB0"}} {
		if code, _, errs := wattwerk(t, append([]string{"meter", "read"}, args...)...); code != ExitUsage {
			t.Errorf("%q: exit code %d, %s", args, code, errs)
		}
	}
	if code, _, errs := wattwerk(t, "meter", "read", "/dev/meter-that-is-not-there"); code != ExitFailed || !strings.Contains(errs, "open meter") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}
