package plug

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
)

// Answers in the form that the makers document.
const (
	tasmota = `{"StatusSNS":{"Time":"2026-06-01T12:00:00","ENERGY":{"TotalStartTime":"2024-01-01T00:00:00","Total":12.345,"Power":[100,-20.5],"Voltage":230},"SML":{"Total_in":4711.1234,"Power_curr":-312,"Total_out":null},"TempUnit":"C"}}`
	shelly  = `{"em:0":{"id":0,"a_act_power":100.5,"a_voltage":230.1,"total_act_power":312.25},"emdata:0":{"id":0,"total_act":123456.78,"total_act_ret":0.0,"a_total_act_energy":1e3},"switch:0":{"apower":0,"aenergy":{"total":99.9,"by_minute":[1,2]}},"sys":{"mac":"A8032ABE54DC","unixtime":1780315200}}`
	shelly1 = `{"mac":"98CDAC000000","unixtime":1780315200,"meters":[{"power":60.5,"is_valid":true,"total":120061}],"emeters":[{"power":-5.25,"reactive":1.5,"voltage":231.2,"is_valid":true,"total":1000.1,"total_returned":7},{"power":3,"is_valid":false}]}`
)

func show(t *meter.Telegram) (lines []string) {
	for _, r := range t.Readings {
		lines = append(lines, fmt.Sprintf("%s %se%d %s", r.Point, r.Raw, r.Scaler, r.Unit.Symbol()))
	}
	return lines
}

// TestReader reads each kind of device over HTTP.
func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		d    Dialect
		body string
		who  string
		want []string
	}{
		"tasmota": {TasmotaHTTP, tasmota, "", []string{"ENERGY.Power.1 100e0 W", "ENERGY.Power.2 -205e-1 W", "ENERGY.Total 12345e0 Wh", "SML.Power_curr -312e0 W", "SML.Total_in 47111234e-1 Wh"}},
		"shelly": {Shelly, shelly, "A8032ABE54DC", []string{
			"em:0.a_act_power 1005e-1 W", "em:0.total_act_power 31225e-2 W", "emdata:0.a_total_act_energy 1e3 Wh", "emdata:0.total_act 12345678e-2 Wh", "emdata:0.total_act_ret 0e-1 Wh",
			"switch:0.aenergy.total 999e-1 Wh", "switch:0.apower 0e0 W",
		}},
		"shelly1": {Shelly1, shelly1, "98CDAC000000", []string{
			"meters.0.power 605e-1 W", "meters.0.total 2001017e-3 Wh",
			"emeters.0.power -525e-2 W", "emeters.0.reactive 15e-1 var", "emeters.0.voltage 2312e-1 V", "emeters.0.total 10001e-1 Wh", "emeters.0.total_returned 7e0 Wh",
		}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RequestURI() != c.d.path {
				t.Errorf("%s: it is asked for %s", name, r.URL.RequestURI())
			}
			fmt.Fprint(w, c.body)
		}))
		r, err := NewReader(c.d, s.URL, Login{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := r.Read(t.Context(), func(m *meter.Telegram) {
				if d := cmp.Diff(c.want, show(m)); d != "" || string(m.Meter) != c.who {
					t.Errorf("%s of %q: %s", name, m.Meter, d)
				}
				if c.who != "" && m.Readings[0].Time != (meter.Time{Clock: meter.Wall, Seconds: 1780315200}) {
					t.Errorf("%s: the time is %+v", name, m.Readings[0].Time)
				}
			}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

func TestWhatIsNoDevice(t *testing.T) {
	for says, answer := range map[string]func(w http.ResponseWriter){
		"401":            func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"302":            func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(http.StatusFound) },
		"more than":      func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat(" ", 2*MaxBody)) },
		"not an answer":  func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		"nothing of pow": func(w http.ResponseWriter) { fmt.Fprint(w, `{"em:0":{"act_power":null}}`) },
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
		r, err := NewReader(Shelly, s.URL, Login{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(t.Context(), func(*meter.Telegram) { t.Errorf("%s: there is a telegram", says) }); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	for _, address := range []string{"", "plug", "ftp://plug", "http://", "http://user@plug", "http://plug/x", "http://plug?x=1", ":"} {
		if _, err := NewReader(Shelly, address, Login{}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{tasmota, shelly, shelly1, `{"em:0":{"act_power":1e99}}`, `[]`, `{"meters":[null]}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, d := range []Dialect{TasmotaHTTP, Shelly, Shelly1} {
			var m meter.Telegram
			if err := d.decode(body, &m); err != nil && len(m.Readings) > 0 {
				t.Errorf("%v, and %d readings", err, len(m.Readings))
			}
			for _, r := range m.Readings {
				if r.Scaler > 50 || r.Scaler < -90 {
					t.Errorf("%s has scaler %d", r.Point, r.Scaler)
				}
			}
		}
	})
}
