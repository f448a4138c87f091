package kind

import (
	"net"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/modbus"
)

// TestReaders reads a meter of each kind that sends on its own, over TCP.
func TestReaders(t *testing.T) {
	for name, data := range samples(t) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte(data)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}()
		r, err := NewReader(Settings{Kind: name, Address: "tcp://" + l.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if err := r.Read(t.Context(), func(m *meter.Telegram) { got += len(m.Readings) }); err != nil || got == 0 {
			t.Errorf("%s: %d readings, %v", name, got, err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		<-done
		l.Close()
		if Asked(name) {
			t.Errorf("%s is asked", name)
		}
	}
}

func TestReadersOfMetersThatAreAsked(t *testing.T) {
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bank := &modbus.Bank{}
	inverter := make([]uint16, 50)
	inverter[12] = 1500
	bank.SetHolding(40000, append([]uint16{'S'<<8 | 'u', 'n'<<8 | 'S', 101, 50}, append(inverter, 0xffff, 0)...)...)
	done := make(chan error, 1)
	go func() { done <- modbus.Listen(t.Context(), here, modbus.TCP, map[uint8]*modbus.Bank{1: bank}) }()
	r, err := NewReader(Settings{Kind: "sunspec", Address: "tcp://" + here.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	err = r.Read(t.Context(), func(m *meter.Telegram) {
		for _, v := range m.Readings {
			found = found || v.Point == "101.W" && v.Value() == 1500
		}
	})
	if err != nil || !found || !Asked("sunspec") {
		t.Errorf("found %v, %v", found, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	here.Close()
	if err := <-done; err == nil {
		t.Error("a listener that was closed is no error")
	}
}

func TestSettings(t *testing.T) {
	for _, name := range ReaderNames() {
		address := "/dev/ttyUSB0"
		switch name {
		case "tasmota", "shelly", "shelly1":
			address = "http://plug"
		case "snmp", "snmp-apc":
			address = "snmp://pdu"
		case "s0":
			address = "gpio:/dev/gpiochip-that-is-not-there/17"
		}
		if r, err := NewReader(Settings{Kind: name, Address: address}); err != nil || r.Close() != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewReader(Settings{Kind: name, Address: "ttyUSB0"}); err == nil {
			t.Errorf("%s: an address that is none is taken", name)
		}
	}
	r, err := NewReader(Settings{Kind: "s0", Address: "gpio:/dev/gpiochip-that-is-not-there/17"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "count pulses: open GPIO line 17") {
		t.Errorf("got %v", err)
	}
	if _, err := NewReader(Settings{Kind: "morse"}); err == nil || !strings.Contains(err.Error(), "sunspec") {
		t.Errorf("got %v", err)
	}
}
