package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/edge/buffer"
	"github.com/wattwerk/wattwerk/edge/sender"
	"github.com/wattwerk/wattwerk/edge/slot"
	updating "github.com/wattwerk/wattwerk/edge/update"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/meter/light"
	"github.com/wattwerk/wattwerk/meter/obis"
	"github.com/wattwerk/wattwerk/survey/household"
)

// edgeModule runs where there is a data service to send to.
const edgeModule = "edge"

// What may be done from afar.
const (
	accessOff      = "off"
	accessDiagnose = "diagnose"
)

// Whom metrics are told.
const (
	metricsOff   = "off"
	metricsLocal = "local"
	metricsPage  = "page"
)

// EdgeConfig is a measurement device of a field survey.
type EdgeConfig struct {
	URL            string          `koanf:"url" doc:"Where the data service of the survey is, as https://survey.example.org:8443; empty: this is no measurement device."`
	RootFile       string          `koanf:"root_file" doc:"Certificate of the survey (PEM), root.crt, by which the data service is trusted."`
	Meters         []string        `koanf:"meters" doc:"The meters it reads, each 'KIND ADDRESS', as 'sml /dev/ttyUSB0', and what else is needed: id=UUID, by which the survey knows the meter and which may be left out where a household has one; name=TEXT for the page; unit=N of Modbus; model=NAME, pin=FILE as 'wattwerk meter pin' makes it, and lamp=LAMP as 'wattwerk meter unlock' takes it, to enter its PIN; user=NAME, password_file=FILE and the like, as bridge.meters takes them, where a meter has a password."`
	Codes          []string        `koanf:"codes" doc:"The OBIS codes that are measured, of those that a meter tells."`
	Interval       config.Duration `koanf:"interval" doc:"Between two measurements, on the clock: 15m, or a multiple that divides a day."`
	Within         config.Duration `koanf:"within" doc:"How long after the beginning of its slot a measurement may be taken, as when the device was started in it; 0: until its end."`
	Send           config.Duration `koanf:"send" doc:"How often measurements are sent."`
	BufferSize     config.Bytes    `koanf:"buffer_size" doc:"How much may wait to be sent. The oldest is dropped when it is more."`
	BufferAge      config.Duration `koanf:"buffer_age" doc:"How long it may wait. What is older is dropped."`
	UpdateRootFile string          `koanf:"update_root_file" doc:"The root of updates, 1.root.json, as 'wattwerk survey update init' makes it; empty: no updates are taken. They need 'wattwerk edge launch'."`
	UpdateEvery    config.Duration `koanf:"update_every" doc:"How often it is asked for updates, about."`
	Page           string          `koanf:"page" doc:"Host and port of the page for the household; empty: there is none."`
	PageHosts      []string        `koanf:"page_hosts" doc:"Names by which the page is reached, beside localhost and IP addresses."`
	PagePassword   string          `koanf:"page_password_file" doc:"File with the password that the page asks for; needed where others can reach it."`
	Metrics        string          `koanf:"metrics" doc:"Whom the page tells, at /metrics, how the device does, for Prometheus: 'off', nobody; 'local', programs of this machine; 'page', whoever reaches the page. The password of the page is asked for here, too."`
	Access         string          `koanf:"access" doc:"What those who look after the survey may do from afar, by a grant that is signed and expires: 'off', nothing; 'diagnose', see how the device is and what it logs, and have it send what it has. What its grant names, it may also restart the device and read a meter. The household sees when, why and what."`
	ShellUser      string          `koanf:"shell_user" doc:"User of this machine as whom a shell is run from afar, for a grant that names it; neither root nor the user of this program, which then needs the right to become that user; empty: there is no shell."`
}

// DefaultEdgeConfig is no device.
func DefaultEdgeConfig() EdgeConfig {
	c := EdgeConfig{
		Interval: config.Duration(household.Quarter), Send: config.Duration(sender.DefaultEvery), BufferSize: buffer.DefaultMaxBytes, BufferAge: config.Duration(buffer.DefaultMaxAge),
		Page: "127.0.0.1:8081", Metrics: metricsOff, Access: accessDiagnose, UpdateEvery: config.Duration(updating.DefaultEvery),
	}
	for _, o := range slot.DefaultCodes() {
		c.Codes = append(c.Codes, o.Short())
	}
	return c
}

// deviceMeter is a meter as the settings name it.
type deviceMeter struct {
	kind.Settings

	id, name         string
	model, pin, lamp string // of what enters its PIN; model is empty: nothing does
}

// parseMeter reads one.
func parseMeter(text string) (m deviceMeter, err error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return m, fmt.Errorf("edge.meters: %q is not like 'sml /dev/ttyUSB0'", text)
	}
	m.Kind, m.Address = words[0], words[1]
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "id":
			if m.id = value; !household.ValidID(value) {
				return m, fmt.Errorf("edge.meters: in %q the id is not that of a meter of the survey", text)
			}
		case "name":
			m.name = value
		case "model":
			m.model = value
		case "pin":
			m.pin = value
		case "lamp":
			m.lamp = value
		case "unit":
			n, err := strconv.ParseUint(value, 10, 8)
			if err != nil {
				return m, fmt.Errorf("edge.meters: in %q the unit is no number up to 255", text)
			}
			m.Unit = uint8(n)
		default:
			known, err := loginWord(&m.Settings, key, value)
			if err != nil {
				return m, fmt.Errorf("edge.meters: in %q %w", text, err)
			}
			if !known {
				return m, fmt.Errorf("edge.meters: in %q %q is unknown; id=, name=, unit=, model=, pin=, lamp=, %s are not", text, w, loginWords)
			}
		}
	}
	if (m.model == "") != (m.pin == "") || m.lamp != "" && m.model == "" {
		return m, fmt.Errorf("edge.meters: in %q model= and pin= belong together", text)
	}
	if m.model != "" {
		if _, err := light.Find(m.model); err != nil {
			return m, fmt.Errorf("edge.meters: %w", err)
		}
	}
	r, err := kind.NewReader(m.Settings)
	if err != nil {
		return m, fmt.Errorf("edge.meters: %w", err)
	}
	return m, r.Close()
}

// slots are the settings of what is measured.
func (c *EdgeConfig) slots() (slot.Settings, error) {
	s := slot.Settings{Interval: c.Interval.Std(), Within: c.Within.Std()}
	for _, text := range c.Codes {
		o, err := obis.Parse(text)
		if err != nil {
			return s, fmt.Errorf("edge.codes: %w", err)
		}
		s.Codes = append(s.Codes, o)
	}
	if err := s.Complete(); err != nil {
		return s, fmt.Errorf("edge: %w", err)
	}
	return s, nil
}

// validateDevice gives what cannot work.
func (c *Config) validateDevice() error {
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	e := &c.Edge
	if _, err := e.slots(); err != nil {
		errs = append(errs, err)
	}
	bad(e.Send.Std() < time.Minute || e.Send.Std() > time.Hour, "edge.send is %v; between 1m and 1h are possible", e.Send)
	bad(e.BufferSize < 1<<20, "edge.buffer_size is %v; at least 1MiB is needed", e.BufferSize)
	bad(e.UpdateEvery.Std() < time.Minute || e.UpdateEvery.Std() > 7*24*time.Hour, "edge.update_every is %v; between 1m and 7d are possible", e.UpdateEvery)
	bad(e.BufferAge.Std() < 24*time.Hour, "edge.buffer_age is %v; at least a day is needed", e.BufferAge)
	bad(e.Metrics != metricsOff && e.Metrics != metricsLocal && e.Metrics != metricsPage, "edge.metrics is %q; off, local and page are possible", e.Metrics)
	bad(e.Metrics != metricsOff && e.Page == "", "edge.metrics is %q, and there is no page; set edge.page", e.Metrics)
	if e.Page != "" {
		host, _, err := net.SplitHostPort(e.Page)
		bad(err != nil, "edge.page %q is not HOST:PORT, as 127.0.0.1:8081", e.Page)
		bad(err == nil && !loopback(host) && e.PagePassword == "", "edge.page can be reached from other machines, and whoever reaches it could revoke the consent; set edge.page_password_file")
	}
	bad(e.Access != accessOff && e.Access != accessDiagnose, "edge.access %q is neither off nor diagnose", e.Access)
	bad(e.ShellUser == "root", "edge.shell_user is root; there is no shell for root")
	bad(e.ShellUser != "" && e.Access == accessOff, "edge.shell_user is set, and edge.access keeps everybody out")
	without := make(map[string]bool)
	for _, text := range e.Meters {
		m, err := parseMeter(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		bad(without[m.id], "edge.meters: of several meters each needs an id of its own")
		bad(m.id == "" && len(e.Meters) > 1, "edge.meters: of several meters each needs its id; 'wattwerk edge enrol' shows them")
		without[m.id] = true
	}
	if c.has(edgeModule) {
		bad(e.URL == "", "the module edge needs to know the data service; set edge.url")
		bad(e.RootFile == "", "the module edge needs the certificate of the survey; set edge.root_file")
		bad(len(e.Meters) == 0, "the module edge needs a meter to read; set edge.meters, as ['sml /dev/ttyUSB0']")
	}
	return errors.Join(errs...)
}

// deviceDir is where a measurement device keeps what it has.
func (c *Config) deviceDir() string { return filepath.Join(c.Data, edgeModule) }

// roots reads the certificate of the survey.
func (c *EdgeConfig) roots() ([]byte, error) {
	data, err := os.ReadFile(c.RootFile)
	if err != nil {
		return nil, fmt.Errorf("read edge.root_file: %w", err)
	}
	return data, nil
}

// password reads that of the page.
func (c *EdgeConfig) password() (string, error) {
	if c.PagePassword == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.PagePassword)
	if err != nil {
		return "", fmt.Errorf("read edge.page_password_file: %w", err)
	}
	p := strings.TrimRight(string(data), "\r\n")
	if len(p) < 8 {
		return "", errors.New("read edge.page_password_file: a password has at least 8 characters")
	}
	return p, nil
}
