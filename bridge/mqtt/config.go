package mqtt

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/clock"
	"github.com/wattwerk/wattwerk/record"
)

// Config says which topics carry what.
type Config struct {
	Topics  []Topic  `yaml:"topics" json:"topics"`   // at our own listener, and at brokers that state none; the first that matches counts
	Brokers []Broker `yaml:"brokers" json:"brokers"` // of others, to subscribe at
}

// Topic says what messages on matching topics are.
type Topic struct {
	Topic  string `yaml:"topic" json:"topic"`   // MQTT topic filter: + is one level, # at the end is the rest
	Format string `yaml:"format" json:"format"` // tasmota, shelly, json or number
	// Sensor is the template of the identifier: {topic} or {topic.2}, its second
	// level. Tasmota and Shelly append what was measured: ".power", ".energy".
	Sensor   string          `yaml:"sensor,omitempty" json:"sensor,omitempty"`
	Unit     string          `yaml:"unit,omitempty" json:"unit,omitempty"`         // of numbers
	Quantity record.Quantity `yaml:"quantity,omitempty" json:"quantity,omitempty"` // of numbers, where the unit does not tell
	Zone     string          `yaml:"zone,omitempty" json:"zone,omitempty"`         // of Tasmota's local times; default UTC
	JSON     *bridge.Mapping `yaml:"json,omitempty" json:"json,omitempty"`         // of json; default {"sensor","value","time"?,"unit"?}
}

// Broker is an MQTT 5 broker of others.
type Broker struct {
	Name         string  `yaml:"name" json:"name"`                               // in counters and logs: lower case, digits, hyphens
	URL          string  `yaml:"url" json:"url"`                                 // mqtt://host:1883, tls://host:8883, ws://…
	ClientID     string  `yaml:"client_id,omitempty" json:"client_id,omitempty"` // names the session; default "wattwerk-" and Name
	User         string  `yaml:"user,omitempty" json:"user,omitempty"`
	PasswordFile string  `yaml:"password_file,omitempty" json:"password_file,omitempty"`
	Topics       []Topic `yaml:"topics,omitempty" json:"topics,omitempty"` // default: those of the config
}

// DefaultConfig takes what common devices send, and two topics of our own:
// readings/… with JSON as HTTP takes it, and power/<sensor> with a number of watts.
func DefaultConfig() Config {
	return Config{Topics: []Topic{
		{Topic: "tele/+/SENSOR", Format: "tasmota", Sensor: "{topic.2}"},
		{Topic: "+/events/rpc", Format: "shelly", Sensor: "{topic.1}"},
		{Topic: "readings/#", Format: "json"},
		{Topic: "power/+", Format: "number", Sensor: "{topic.2}", Unit: "W"},
	}}
}

// Validate says in a sentence what is wrong, or nil. It reads no files.
func (c Config) Validate() error {
	if _, err := compile(c.Topics); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, b := range c.Brokers {
		if b.Name == "" || strings.Trim(b.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("mqtt broker %q: the name is made of lower case letters, digits and hyphens", b.Name)
		}
		if names[b.Name] {
			return fmt.Errorf("mqtt broker %q is declared twice", b.Name)
		}
		names[b.Name] = true
		u, err := url.Parse(b.URL)
		if err != nil || u.Host == "" {
			return fmt.Errorf("mqtt broker %s: the address is not like mqtt://host:1883", b.Name)
		}
		switch u.Scheme {
		case "mqtt", "tcp", "tls", "mqtts", "ssl", "ws", "wss":
		default:
			return fmt.Errorf("mqtt broker %s: the address begins with %q instead of mqtt, tls, ws or wss", b.Name, u.Scheme)
		}
		if u.User != nil {
			return fmt.Errorf("mqtt broker %s: user and password have their own settings, user and password_file", b.Name)
		}
		if _, err := compile(b.Topics); err != nil {
			return fmt.Errorf("mqtt broker %s: %w", b.Name, err)
		}
	}
	return nil
}

func (b *Broker) password() ([]byte, error) {
	if b.PasswordFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(b.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("mqtt broker %s: read the password: %w", b.Name, err)
	}
	return []byte(strings.TrimRight(string(data), "\r\n")), nil
}

// topics is a compiled list.
type topics []topic

type topic struct {
	Topic
	flow bridge.Flow[bridge.Reading]
}

func compile(list []Topic) (topics, error) {
	var out topics
	for _, t := range list {
		if err := validFilter(t.Topic); err != nil {
			return nil, err
		}
		flow, err := t.flow()
		if err != nil {
			return nil, fmt.Errorf("mqtt topic %s: %w", t.Topic, err)
		}
		out = append(out, topic{t, flow})
	}
	return out, nil
}

func (t Topic) flow() (bridge.Flow[bridge.Reading], error) {
	var none bridge.Flow[bridge.Reading]
	if t.Format == "json" {
		m := bridge.DefaultMapping()
		if t.JSON != nil {
			m = *t.JSON
		}
		if m.Name == "" {
			m.Name = "mqtt"
		}
		if err := m.Validate(); err != nil {
			return none, err
		}
		return bridge.JSON(m).Flow, nil
	}
	sensor, err := bridge.ParseTemplate(t.Sensor)
	if err != nil {
		return none, fmt.Errorf("sensor: %w", err)
	}
	if _, ok := record.LookupUnit(t.Unit); t.Unit != "" && !ok {
		return none, fmt.Errorf("unit %q is unknown", t.Unit)
	}
	parser, err := clock.NewParser(clock.Format{Zone: t.Zone})
	if err != nil {
		return none, err
	}
	switch t.Format {
	case "number":
		return number(sensor, t.Unit, t.Quantity), nil
	case "tasmota":
		return tasmota(sensor, parser), nil
	case "shelly":
		return shelly(sensor), nil
	}
	return none, fmt.Errorf("format %q is none of tasmota, shelly, json, number", t.Format)
}

// find gives the number of the first topic that matches, -1 for none.
func (ts topics) find(name string) int {
	for i := range ts {
		if matches(ts[i].Topic.Topic, name) {
			return i
		}
	}
	return -1
}

// bridge is the bridge over all topics.
func (ts topics) bridge(name string) bridge.Bridge {
	return bridge.Bridge{Name: name, Flow: bridge.Choose(func(m *bridge.Message) (f bridge.Flow[bridge.Reading], ok bool) {
		i := ts.find(m.Topic)
		if i < 0 {
			return f, false
		}
		return ts[i].flow, true
	})}
}

func validFilter(f string) error {
	levels := strings.Split(f, "/")
	for i, l := range levels {
		switch {
		case l == "#" && (i < len(levels)-1 || i == 0):
			return fmt.Errorf("mqtt topic %q: # stands at the end, after a level", f)
		case l != "#" && l != "+" && strings.ContainsAny(l, "#+"):
			return fmt.Errorf("mqtt topic %q: + and # stand alone in their level", f)
		}
	}
	if f == "" || strings.HasPrefix(f, "$") || strings.ContainsAny(f, " \t\r\n\f\x00\x7f") {
		return fmt.Errorf("mqtt topic %q: topics are not empty, have no spaces and do not begin with $", f)
	}
	return nil
}

// matches tells whether a topic filter matches a topic, as MQTT defines it.
func matches(filter, name string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		n, nrest, nmore := strings.Cut(name, "/")
		if f != "+" && f != n {
			return false
		}
		if !nmore {
			return !fmore || frest == "#"
		}
		if !fmore {
			return false
		}
		filter, name = frest, nrest
	}
}
