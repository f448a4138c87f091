package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBridgeMeters: what a meter sends is a reading of a sensor that nobody made,
// and a meter that is not there is told of by the diagnosis.
func TestBridgeMeters(t *testing.T) {
	played := simulated(t, "--fast")
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	c.Bridge.Meters = []string{"sml " + played[0].Address + " name=house", "sml /dev/there-is-none name=gone"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	in := runProcess(t, c)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(time.Minute)
	wait := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			select {
			case <-deadline:
				t.Fatalf("waited in vain until %s", what)
			case <-again.C:
			}
		}
	}
	wait("the meter is read", func() bool {
		var seen struct {
			Items []struct{ Sensor, Source, Quantity string }
		}
		ask(t, in, "GET", "/api/v1/unassigned", "", &seen)
		for _, s := range seen.Items {
			if s.Sensor == "house.1.8.0" && s.Source == "meter-house" && s.Quantity == "energy" {
				return true
			}
		}
		return false
	})
	wait("the other is told of", func() bool {
		var d struct{ Findings []struct{ Rule, What string } }
		ask(t, in, "GET", "/api/v1/doctor", "", &d)
		for _, f := range d.Findings {
			if f.Rule == "meter-unreadable" && strings.Contains(f.What, "Meter gone at /dev/there-is-none") {
				return true
			}
		}
		return false
	})
}

func TestBridgeMetersRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "community")
	if err := os.WriteFile(secret, []byte("private\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(long, []byte("long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, says string }{
		{"sml /dev/ttyUSB0 name=a", ""},
		{"sunspec tcp://h:502 name=pv unit=3 every=1s", ""},
		{"snmp snmp://h name=pdu community_file=" + secret, ""},
		{"s0 gpio:/dev/gpiochip0/17 name=water per_kwh=500", ""},
		{"shelly http://h name=plug password_file=" + secret, ""},
		{"tasmota http://h name=plug user=me password_file=" + secret, ""},
		{"snmp snmp://h name=pdu user=me auth_file=" + long + " priv_file=" + long + " auth=SHA-512 priv=AES-256", ""},
		{"snmp snmp://h name=pdu user=me auth_file=" + long, "both are needed"},
		{"snmp snmp://h name=pdu user=me auth_file=" + long + " priv_file=" + long + " priv=DES", `"DES"`},
		{"shelly http://h name=plug password=open", `"password=open" is unknown`},
		{"shelly http://me:open@h name=plug", "in a file that settings name"},
		{"sml", "is not like"},
		{"sml /dev/ttyUSB0", "name= is missing"},
		{"sml /dev/ttyUSB0 name=a every=1ms", "every="},
		{"sml /dev/ttyUSB0 name=a unit=900", "from 1 to 255"},
		{"sml /dev/ttyUSB0 name=a pin=1234", `"pin=1234" is unknown`},
		{"morse /dev/ttyUSB0 name=a", "no meters of the kind"},
		{"sml ftp://x name=a", "ftp"},
		{"snmp snmp://h name=pdu community_file=/there/is/none", "no such file"},
	} {
		b := BridgeConfig{Meters: []string{c.text}}
		if err := b.Validate(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	twice := BridgeConfig{Meters: []string{"sml /dev/ttyUSB0 name=a", "sml /dev/ttyUSB1 name=a"}}
	if err := twice.Validate(); err == nil {
		t.Error("two of the same name are taken")
	}
}
