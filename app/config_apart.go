package app

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// apart are warnings for processes that share the work with others.
func (c *Config) apart() []string {
	var out []string
	warn := func(when bool, format string, a ...any) {
		if when {
			out = append(out, fmt.Sprintf(format, a...))
		}
	}
	host, _, _ := net.SplitHostPort(c.Addr)
	ip := net.ParseIP(host)
	shared := c.Bus.NATS != "" || c.Bus.Listen != ""
	inner := shared && !c.has("gateway")
	g := &c.Gateway
	at, err := url.Parse(g.Advertise)
	warn(err == nil && at.Scheme == "http" && !loopback(at.Hostname()),
		"gateway.advertise is plain HTTP: what other processes send here, readings and who asks, can be read on the way. Use https, with gateway.tls_cert_file here and gateway.inner_ca_file at the gateways, or keep it inside a network of your own.")
	warn(inner && g.Advertise == "" && ip != nil && ip.IsUnspecified(),
		"addr is every address of this machine: gateways are told the first that others can reach, which may not be the right one. Set gateway.advertise.")
	first, _, _ := strings.Cut(c.Bus.NATS, ",")
	nats, err := url.Parse(first)
	warn(inner && g.Advertise == "" && loopback(host) && err == nil && nats.Host != "" && !loopback(nats.Hostname()),
		"addr is reached from this machine only, and bus.nats is on another: gateways on other machines do not reach this process. Set addr.")
	spoken := c.Bus.MQTT != "auto" && c.Bus.MQTT != "off"
	warn(spoken && c.Bus.NATS != "", "bus.mqtt is set, and only the embedded NATS speaks MQTT here: with bus.nats sensors publish nowhere. Name a broker in bridge.mappings_file.")
	warn(spoken && c.Bus.NATS == "" && !c.has("bridge"), "bus.mqtt is set, and the module bridge, which takes what sensors publish, does not run here: it is off.")
	warn(c.Bus.Listen != "" && c.Bus.NATS != "", "bus.listen is set, and only the embedded NATS listens: with bus.nats it does nothing.")
	for _, key := range c.unneeded() {
		warn(true, "%s is set, and nothing in this process needs it: the modules here are %s.", key, strings.Join(c.chosen(), ", "))
	}
	return out
}

// chosen are the modules that run here, of those that can be chosen.
func (c *Config) chosen() []string {
	return slices.DeleteFunc(moduleNames(), func(n string) bool { return !c.has(n) })
}

// unneeded are the settings that differ from the defaults and that no module
// of this process reads.
func (c *Config) unneeded() []string {
	var out []string
	is, was := reflect.ValueOf(c).Elem(), reflect.ValueOf(DefaultConfig())
	for i := range is.NumField() {
		section := is.Type().Field(i).Tag.Get("koanf")
		if findModule(section) == nil || is.Field(i).Kind() != reflect.Struct || c.has(section) {
			continue
		}
		for j := range is.Field(i).NumField() {
			key := is.Field(i).Type().Field(j).Tag.Get("koanf")
			if section == "gateway" && !slices.Contains(peopleKeys, key) {
				continue
			}
			if !reflect.DeepEqual(is.Field(i).Field(j).Interface(), was.Field(i).Field(j).Interface()) {
				out = append(out, section+"."+key)
			}
		}
	}
	return out
}

// peopleKeys are settings of the section gateway that only a process with the
// module needs; the others are about every address.
var peopleKeys = []string{"public_url", "passwords", "base_path", "inner_ca_file", "vite", "oidc"}
