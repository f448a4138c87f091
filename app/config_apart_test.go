package app

import (
	"strings"
	"testing"
)

// TestWarningsOfProcessesApart sets what works and may not be meant.
func TestWarningsOfProcessesApart(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Config)
		want string // empty: no warning
	}{
		{"all modules", func(c *Config) { c.History.Late *= 2 }, ""},
		{"inner on this machine", func(c *Config) { c.Modules, c.Bus.NATS = []string{"history"}, "nats://127.0.0.1:4222" }, ""},
		{"inner on another machine", func(c *Config) { c.Modules, c.Bus.NATS = []string{"history"}, "nats://bus1:4222,nats://bus2:4222" }, "Set addr"},
		{"inner on all addresses", func(c *Config) {
			c.Modules, c.Bus.NATS, c.Addr, c.Gateway.TLSCertFile = []string{"history"}, "nats://bus:4222", "0.0.0.0:80", "x"
		}, "Set gateway.advertise"},
		{"plain HTTP", func(c *Config) {
			c.Modules, c.Bus.NATS, c.Gateway.Advertise = []string{"history"}, "nats://bus:4222", "http://10.0.0.7:80"
		}, "gateway.inner_ca_file"},
		{"HTTPS", func(c *Config) {
			c.Modules, c.Bus.NATS, c.Gateway.Advertise = []string{"history"}, "nats://bus:4222", "https://10.0.0.7:80"
		}, ""},
		{"history set without history", func(c *Config) {
			c.Modules, c.Bus.NATS, c.History.Late = []string{"bridge"}, "nats://127.0.0.1:4222", 0
		}, "history.late is set, and nothing in this process needs it: the modules here are bridge."},
		{"page set without gateway", func(c *Config) {
			c.Modules, c.Bus.NATS, c.Gateway.Vite = []string{"bridge"}, "nats://127.0.0.1:4222", "http://x"
		}, "gateway.vite is set"},
		{"TLS without gateway", func(c *Config) {
			c.Modules, c.Bus.NATS, c.Gateway.TLSCertFile = []string{"bridge"}, "nats://127.0.0.1:4222", "x"
		}, ""},
		{"MQTT without embedded NATS", func(c *Config) { c.Bus.NATS, c.Bus.MQTT = "nats://127.0.0.1:4222", "127.0.0.1:1883" }, "only the embedded NATS speaks MQTT"},
		{"MQTT without bridge", func(c *Config) { c.Modules, c.Bus.MQTT = []string{"gateway"}, "127.0.0.1:1883" }, "it is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.set(&cfg)
			got := strings.Join(cfg.Warnings(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
