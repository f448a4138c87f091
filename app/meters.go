package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bridge/meters"
	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
)

// How often a meter that is asked is asked unless it is said.
const meterEvery = 10 * time.Second

// bridgeMeter is a meter as bridge.meters names it.
type bridgeMeter struct {
	kind.Settings

	name  string
	every time.Duration
}

// parseBridgeMeter reads one. The files it names are read, too.
func parseBridgeMeter(text string) (m bridgeMeter, err error) {
	wrong := func(format string, a ...any) error {
		return fmt.Errorf("bridge.meters: in %q %w", text, fmt.Errorf(format, a...))
	}
	words := strings.Fields(text)
	if len(words) < 2 {
		return m, fmt.Errorf("bridge.meters: %q is not like 'sml /dev/ttyUSB0 name=house'", text)
	}
	m.Kind, m.Address = words[0], words[1]
	if kind.Asked(m.Kind) {
		m.every = meterEvery
	}
	number := func(value string, bits int) (uint64, error) {
		n, err := strconv.ParseUint(value, 10, bits)
		if err != nil || n == 0 {
			return 0, wrong("%q is no number from 1 to %d", value, uint64(1)<<bits-1)
		}
		return n, nil
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		var n uint64
		switch key {
		case "name":
			m.name = value
		case "every":
			if m.every, err = time.ParseDuration(value); err != nil || m.every < time.Second || m.every > time.Hour {
				return m, wrong("every= is no time between 1s and 1h")
			}
		case "unit":
			if n, err = number(value, 8); err != nil {
				return m, err
			}
			m.Unit = uint8(n)
		case "per_kwh":
			if n, err = number(value, 32); err != nil {
				return m, err
			}
			m.PerKWh = uint32(n)
		default:
			known, err := loginWord(&m.Settings, key, value)
			if err != nil {
				return m, wrong("%w", err)
			}
			if !known {
				return m, wrong("%q is unknown; name=, every=, unit=, per_kwh=, %s are not", w, loginWords)
			}
		}
	}
	if m.name == "" {
		return m, wrong("name= is missing, with which the identifiers of its sensors begin")
	}
	r, err := kind.NewReader(m.Settings)
	if err != nil {
		return m, fmt.Errorf("bridge.meters: %w", err)
	}
	return m, r.Close()
}

// loginWords are those by which meters are told who asks.
const loginWords = "user=, password_file=, community_file=, auth_file=, auth=, priv_file= and priv="

// loginWord takes a word by which a meter is told who asks. Passwords are in files.
func loginWord(s *kind.Settings, key, value string) (known bool, err error) {
	switch key {
	case "user":
		s.User = value
	case "auth":
		s.AuthBy = value
	case "priv":
		s.PrivacyBy = value
	case "password_file":
		s.Password, err = secretLine(value)
	case "community_file":
		s.Community, err = secretLine(value)
	case "auth_file":
		s.Auth, err = secretLine(value)
	case "priv_file":
		s.Privacy, err = secretLine(value)
	default:
		return false, nil
	}
	return true, err
}

// secretLine is the first line of a file.
func secretLine(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return firstLine(io.LimitReader(f, 1024))
}

// meters are those that this process reads.
func (c *BridgeConfig) meters() (all []meters.Meter, err error) {
	names := map[string]bool{}
	for _, text := range c.Meters {
		m, err := parseBridgeMeter(text)
		if err != nil {
			return nil, err
		}
		if names[m.name] {
			return nil, fmt.Errorf("bridge.meters: two meters are called %q", m.name)
		}
		names[m.name] = true
		all = append(all, meters.Meter{
			Name: m.name, Address: m.Address, Asked: kind.Asked(m.Kind), Every: m.every,
			Here: strings.HasPrefix(m.Address, "/") || strings.HasPrefix(m.Address, "gpio:"),
			Open: func() (meter.Reader, error) { return kind.NewReader(m.Settings) },
		})
	}
	if len(all) > meters.MaxMeters {
		return nil, errors.New("bridge.meters: more than " + strconv.Itoa(meters.MaxMeters))
	}
	return all, nil
}

// newMeters makes what reads the meters of the settings.
func (p *process) newMeters() (*meters.Service, error) {
	all, err := p.config.Bridge.meters()
	if err != nil {
		return nil, err
	}
	return meters.New(meters.Options{
		Bridge: p.bridge, Meters: all, Log: p.logger("bridge"), Registerer: p.metrics, Exclusive: p.exclusive,
	})
}

// exclusive works where no other process does work of that name.
func (p *process) exclusive(ctx context.Context, name string, work func(context.Context) error) error {
	return p.fleet.Share(ctx, name, 1, func(ctx context.Context, _ int) error { return work(ctx) })
}

// brokenMeters are those that this process cannot read.
func (p *process) brokenMeters() (out []doctor.Meter) {
	if p.meters == nil {
		return nil
	}
	for _, m := range p.meters.Broken() {
		out = append(out, doctor.Meter{Name: m.Name, Address: m.Address, Why: m.Why, Since: m.Since})
	}
	return out
}
