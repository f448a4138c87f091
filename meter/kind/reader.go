package kind

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/gpio"
	"github.com/wattwerk/wattwerk/meter/iec62056"
	"github.com/wattwerk/wattwerk/meter/lamp"
	"github.com/wattwerk/wattwerk/meter/light"
	"github.com/wattwerk/wattwerk/meter/listen"
	"github.com/wattwerk/wattwerk/meter/modbus"
	"github.com/wattwerk/wattwerk/meter/plug"
	"github.com/wattwerk/wattwerk/meter/port"
	"github.com/wattwerk/wattwerk/meter/pulse"
	"github.com/wattwerk/wattwerk/meter/snmp"
	"github.com/wattwerk/wattwerk/meter/sunspec"
)

// devices are the kinds that are asked by a protocol of their own, at an address of its own.
var devices = []struct {
	name string
	make func(s Settings) (meter.Reader, error)
}{
	{"tasmota", plugged(plug.TasmotaHTTP)},
	{"shelly", plugged(plug.Shelly)},
	{"shelly1", plugged(plug.Shelly1)},
	{"snmp", managed(snmp.Sensors)},
	{"snmp-apc", managed(snmp.APC)},
	{"s0", pulses},
}

func plugged(d plug.Dialect) func(Settings) (meter.Reader, error) {
	return func(s Settings) (meter.Reader, error) {
		return plug.NewReader(d, s.Address, plug.Login{User: s.User, Password: s.Password})
	}
}

func managed(t snmp.Tables) func(Settings) (meter.Reader, error) {
	return func(s Settings) (meter.Reader, error) {
		return snmp.NewReader(t, s.Address, snmp.Login{Community: s.Community, User: s.User, Auth: s.Auth, AuthBy: s.AuthBy, Privacy: s.Privacy, PrivacyBy: s.PrivacyBy})
	}
}

// Settings say which meter a reader is of.
type Settings struct {
	Kind      string // one of [ReaderNames]
	Address   string // as [port.Parse] reads it, http://HOST, snmp://HOST:161, or gpio:/dev/gpiochip0/17 for S0
	Unit      uint8  // of Modbus; 0: 1
	User      string // of HTTP, empty: admin; of SNMP 3, empty: SNMP 2c is spoken
	Password  string // of HTTP; empty: there is none
	Community string // of SNMP 2c; empty: public
	Auth      string // SNMP 3: passphrase by which messages are authentic
	AuthBy    string // as [snmp.Login] names it; empty: SHA-256
	Privacy   string // SNMP 3: passphrase by which they are encrypted
	PrivacyBy string // as [snmp.Login] names it; empty: AES
	PerKWh    uint32 // pulses for a kilowatt hour, of S0; 0: 1000
	Total     uint64 // pulses counted before, of S0
	Export    bool   // what S0 counts is fed in
}

// readers are the kinds of meters that are read where they are, with how characters
// usually look on their line, and whether they are asked.
var readers = []struct {
	name  string
	baud  int
	frame string
	asked bool
	make  func(s Settings, at port.Address) (meter.Reader, error)
}{
	{"sml", 9600, "8N1", false, listening},
	{"dsmr", 115200, "8N1", false, listening},
	{"iec62056", 9600, "7E1", false, listening},
	{"iec62056-ask", 300, "7E1", true, func(_ Settings, at port.Address) (meter.Reader, error) {
		o := iec62056.Options{Open: func(ctx context.Context) (iec62056.Port, error) { return at.Open(ctx) }}
		if at.Network() {
			o.MaxBaud = at.Baud()
		}
		return iec62056.NewReader(o)
	}},
	{"sunspec", 9600, "8N1", true, func(s Settings, at port.Address) (meter.Reader, error) {
		o := modbus.Options{Framing: modbus.RTU, Dial: func(ctx context.Context) (modbus.Conn, error) { return at.Open(ctx) }}
		if at.Network() {
			o.Framing = modbus.TCP
		}
		return sunspec.NewReader(modbus.NewClient(o), max(s.Unit, 1)), nil
	}},
}

// debounce is for how long a contact of S0 has to keep still; the standard has pulses of 30 ms and more.
const debounce = 5 * time.Millisecond

// contact is a line of GPIO as a contact.
type contact struct{ *gpio.Input }

func (c contact) Next() (bool, time.Duration, error) {
	e, err := c.Input.Next()
	return e.Closed, e.At, err
}

// pulses makes the reader of an S0 output at a line of GPIO.
func pulses(s Settings) (meter.Reader, error) {
	name, ok := strings.CutPrefix(s.Address, "gpio:")
	if !ok {
		return nil, fmt.Errorf("address %.60q of a contact is not like gpio:/dev/gpiochip0/17", s.Address)
	}
	line, err := gpio.ParseLine(name)
	if err != nil {
		return nil, err
	}
	if s.PerKWh == 0 {
		s.PerKWh = 1000
	}
	return pulse.NewReader(pulse.ReaderOptions{
		Options: pulse.Options{PerKWh: s.PerKWh, Total: s.Total, Export: s.Export}, Name: name,
		Open: func() (pulse.Contact, error) {
			in, err := gpio.OpenInput(line, debounce)
			return contact{in}, err
		},
	})
}

// listening makes the reader of a meter that sends on its own.
func listening(s Settings, at port.Address) (meter.Reader, error) {
	d, err := NewDecoder(s.Kind)
	if err != nil {
		return nil, err
	}
	return listen.New(listen.Options{Decoder: d, Open: func(ctx context.Context) (io.ReadCloser, error) { return at.Open(ctx) }}), nil
}

// ReaderNames lists the kinds that [NewReader] knows.
func ReaderNames() []string {
	names := make([]string, 0, len(readers)+len(devices))
	for _, r := range readers {
		names = append(names, r.name)
	}
	for _, d := range devices {
		names = append(names, d.name)
	}
	return names
}

// Asked tells whether a meter of the kind is asked, at any pace, or sends at its own.
func Asked(name string) bool {
	for _, r := range readers {
		if r.name == name {
			return r.asked
		}
	}
	return true
}

// NewReader makes the reader of a meter. Nothing is opened yet.
func NewReader(s Settings) (meter.Reader, error) {
	for _, r := range readers {
		if r.name != s.Kind {
			continue
		}
		at, err := port.Parse(s.Address, r.baud, r.frame)
		if err != nil {
			return nil, err
		}
		return r.make(s, at)
	}
	for _, d := range devices {
		if d.name == s.Kind {
			return d.make(s)
		}
	}
	return nil, fmt.Errorf("no meters of the kind %.40q are known, but %s", s.Kind, strings.Join(ReaderNames(), ", "))
}

// UnlockSettings say how a meter is unlocked.
type UnlockSettings struct {
	Model   string    // one of light.Programs
	PIN     light.PIN // of the meter
	Lamp    string    // as [lamp.New] reads it; empty: the serial port by which the meter is read
	Journal string    // file in which tries are noted
}

// NewUnlocker makes what unlocks the meter of the reader. It is closed with the function.
func NewUnlocker(s UnlockSettings, r meter.Reader) (u meter.Unlocker, end func() error, err error) {
	p, err := light.Find(s.Model)
	if err != nil {
		return nil, nil, err
	}
	o := light.Options{Program: p, PIN: s.PIN, Reader: r, Journal: light.NewJournal(s.Journal)}
	end = func() error { return nil }
	if s.Lamp != "" {
		l, err := lamp.New(s.Lamp)
		if err != nil {
			return nil, nil, err
		}
		o.Lamp, end = l, l.Close
	} else {
		var ok bool
		if o.Lamp, ok = r.(light.Lamp); !ok {
			return nil, nil, listen.ErrNoLamp
		}
	}
	u, err = light.NewUnlocker(o)
	return u, end, err
}
