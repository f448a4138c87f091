package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/wattwerk/wattwerk/meter"
)

// agent answers GetBulk for the integers it has, and nobody who says another community.
type agent struct {
	values map[string]int
	asked  int
}

// numbers gives an identifier in a form that is in order.
func numbers(oid string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(oid, "."), ".") {
		fmt.Fprintf(&b, "%10s.", part)
	}
	return b.String()
}

func (a *agent) serve(t *testing.T) (address string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ order, name string }
	var rows []row
	for name := range a.values {
		rows = append(rows, row{numbers(name), name})
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.order, b.order) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		decoder := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			a.asked++
			request, err := decoder.SnmpDecodePacket(buf[:n])
			if err != nil || request.Community != "secret" || len(request.Variables) != 1 {
				continue
			}
			answer := *request
			answer.PDUType, answer.Variables, answer.Error, answer.NonRepeaters, answer.MaxRepetitions = gosnmp.GetResponse, nil, 0, 0, 0
			asked := numbers(request.Variables[0].Name)
			first := sort.Search(len(rows), func(i int) bool { return rows[i].order > asked })
			for _, r := range rows[first:min(first+10, len(rows))] {
				answer.Variables = append(answer.Variables, gosnmp.SnmpPDU{Name: r.name, Type: gosnmp.Integer, Value: a.values[r.name]})
			}
			if len(answer.Variables) < 10 {
				answer.Variables = append(answer.Variables, gosnmp.SnmpPDU{Name: ".1.3.6.1.9", Type: gosnmp.EndOfMibView})
			}
			out, err := answer.MarshalMsg()
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.WriteTo(out, from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return "snmp://" + c.LocalAddr().String()
}

// sensors are rows of type, scale, precision, value, status.
func sensors(rows ...[5]int) map[string]int {
	values := map[string]int{}
	for i, row := range rows {
		for j, v := range row {
			values[fmt.Sprintf(".1.3.6.1.2.1.99.1.1.1.%d.%d", j+1, i+1)] = v
		}
	}
	return values
}

func show(t *meter.Telegram) (lines []string) {
	for _, r := range t.Readings {
		lines = append(lines, fmt.Sprintf("%s %se%d %s", r.Point, r.Raw, r.Scaler, r.Unit.Symbol()))
	}
	return lines
}

func TestReader(t *testing.T) {
	pdu := map[string]int{
		".1.3.6.1.4.1.318.1.1.26.4.3.1.5.1": 123, ".1.3.6.1.4.1.318.1.1.26.4.3.1.9.1": 45678, ".1.3.6.1.4.1.318.1.1.26.6.3.1.5.1": 57,
		".1.3.6.1.4.1.318.1.1.26.6.3.1.6.1": -1, ".1.3.6.1.2.1.1.3.0": 5,
	}
	for n := range 25 { // more than one answer holds
		pdu[fmt.Sprintf(".1.3.6.1.4.1.318.1.1.26.9.4.3.1.7.%d", n+1)] = 0
	}
	outlets := []string{}
	for n := range 25 {
		outlets = append(outlets, fmt.Sprintf("rPDU2OutletMeteredStatusPower.%d 0e0 W", n+1))
	}
	slices.Sort(outlets)
	for name, c := range map[string]struct {
		tables Tables
		values map[string]int
		want   []string
	}{
		"sensors": {Sensors, sensors([5]int{6, 9, 1, 12345, 1}, [5]int{4, 9, 0, 231, 1}, [5]int{5, 8, 0, 5700, 1}, [5]int{6, 9, 0, 5, 2}, [5]int{10, 9, 0, 3000, 1}, [5]int{6, 10, -2, 7, 1}, [5]int{6, 9, 0, 1_000_000_000, 1}),
			[]string{"entPhySensorValue.1 12345e-1 W", "entPhySensorValue.2 231e0 V", "entPhySensorValue.3 5700e-3 A", "entPhySensorValue.6 7e3 W"}},
		"apc": {APC, pdu, append([]string{"rPDU2DeviceStatusPower.1 123e1 W", "rPDU2DeviceStatusEnergy.1 45678e2 Wh", "rPDU2PhaseStatusCurrent.1 57e-1 A"}, outlets...)},
	} {
		r, err := NewReader(c.tables, (&agent{values: c.values}).serve(t), Login{Community: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		r.client.Timeout = time.Minute
		for range 2 {
			if err := r.Read(t.Context(), func(m *meter.Telegram) {
				if d := cmp.Diff(c.want, show(m)); d != "" {
					t.Errorf("%s: %s", name, d)
				}
			}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoDevice(t *testing.T) {
	none := func(*meter.Telegram) { t.Error("there is a telegram") }
	r, err := NewReader(Sensors, (&agent{}).serve(t), Login{Community: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	r.client.Timeout = time.Minute
	if err := r.Read(t.Context(), none); err == nil || !strings.Contains(err.Error(), "none of the sensors") {
		t.Errorf("got %v", err)
	}
	many := map[string]int{}
	for n := range MaxRows + 5 {
		many[fmt.Sprintf(".1.3.6.1.2.1.99.1.1.1.1.%d", n+1)] = 6
	}
	r, err = NewReader(Sensors, (&agent{values: many}).serve(t), Login{Community: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	r.client.Timeout = time.Minute
	if err := r.Read(t.Context(), none); err == nil || !strings.Contains(err.Error(), "more than 2000 rows") {
		t.Errorf("got %v", err)
	}
	// Who says another community gets no answer.
	r, err = NewReader(Sensors, (&agent{values: sensors([5]int{6, 9, 1, 12345, 1})}).serve(t), Login{Community: "not-it"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Read(ctx, none); err == nil || strings.Contains(err.Error(), "not-it") {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := r.Read(ctx, none); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	for _, address := range []string{"", "pdu", "snmp://", "snmp://pdu:0", "snmp://pdu:99999", "snmp://pdu/x", "http://pdu", "snmp://me@pdu", ":"} {
		if _, err := NewReader(APC, address, Login{}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

func FuzzSensors(f *testing.F) {
	f.Add(int64(6), int64(9), int64(1), int64(12345), int64(1))
	f.Fuzz(func(t *testing.T, kind, scale, precision, value, status int64) {
		found := make(cells)
		for column, v := range map[string]int64{sensorType: kind, sensorScale: scale, sensorPrecision: precision, sensorValue: value, sensorStatus: status} {
			found.set(column, "1", v)
		}
		var m meter.Telegram
		Sensors.decode(found, &m)
		for _, r := range m.Readings {
			if r.Scaler < -33 || r.Scaler > 24 {
				t.Errorf("%s has scaler %d", r.Point, r.Scaler)
			}
		}
	})
}
