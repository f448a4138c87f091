package app

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/uplink"
)

// Names of modules that run when there is a link for them.
const (
	uplinkModule  = "uplink"
	landingModule = "landing"
)

// UplinkConfig is what an edge sends.
type UplinkConfig struct {
	Sensors  []string        `koanf:"sensors" doc:"Sensors to send; * stands for any text."`
	Groups   []string        `koanf:"groups" doc:"Groups whose sensors are sent too, with those of the groups below; * stands for any text."`
	Except   []string        `koanf:"except" doc:"Sensors not to send, whatever else says; * stands for any text."`
	Interval config.Duration `koanf:"interval" doc:"One record per sensor and interval instead of all, as 1m: the mean of a gauge, the last reading of a counter; 0: every record as it is."`
	Known    float64         `koanf:"known" doc:"The least share of an interval that must be known for its mean to be sent, 0 to 1. An interval of which less is known stays a gap."`

	Sums       []string `koanf:"sums" doc:"Groups whose sums are sent, as the edge adds them up; * stands for any text. Needs the module aggregate at the edge."`
	SumAs      string   `koanf:"sum_as" doc:"The sensor that a sum becomes at the centre; {group} and {hierarchy} stand for themselves."`
	CoverageAs string   `koanf:"coverage_as" doc:"The sensor that says which share of the members a sum knows, 0 to 1, as {group}/coverage; empty: it is not sent."`
	Coverage   float64  `koanf:"coverage" doc:"The least share of a group's members that must be known for its sum to be sent, 0 to 1. A sum that is null is never sent."`
}

// DefaultUplinkConfig sends every record as it is.
func DefaultUplinkConfig() UplinkConfig {
	c := uplink.All()
	return UplinkConfig{Sensors: c.Sensors, Known: c.Known, SumAs: c.SumAs}
}

func (c *UplinkConfig) choice() uplink.Choice {
	return uplink.Choice{
		Sensors: c.Sensors, Groups: c.Groups, Except: c.Except, Interval: c.Interval.Std().Milliseconds(), Known: c.Known,
		Sums: c.Sums, SumAs: c.SumAs, CoverageAs: c.CoverageAs, Coverage: c.Coverage,
	}
}

// Validate gives what cannot work.
func (c *UplinkConfig) Validate() error {
	choice := c.choice()
	if err := choice.Validate(); err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	return nil
}

// LandingConfig is what a centre makes of what edges send.
type LandingConfig struct {
	Prefix string `koanf:"prefix" doc:"Put before the identifier of every sensor of an edge, as '{site}/': then no edge can write a sensor of another; empty: identifiers stay as they are."`
}

// DefaultLandingConfig leaves identifiers as they are.
func DefaultLandingConfig() LandingConfig { return LandingConfig{} }

// validateEdge checks what concerns several parts.
func (c *Config) validateEdge() error {
	var errs []error
	bad := func(when bool, sentence string) {
		if when {
			errs = append(errs, errors.New(sentence))
		}
	}
	if c.has(uplinkModule) {
		bad(c.Bus.Leaf.Site == "", "the module uplink needs to know its site; set bus.leaf.site")
		bad(c.Bus.Leaf.URL == "" && c.Bus.LinkLoginFile == "", "the module uplink needs the link; set bus.leaf.url, or with an external NATS bus.link_login_file")
		bad(!slices.Contains(c.Bus.Readers, uplink.Reader), "the module uplink runs here and is not among bus.readers: records would be removed before the centre has them")
	}
	bad(c.has(landingModule) && c.Bus.Leaf.Listen == "" && c.Bus.LinkLoginFile == "", "the module landing needs the link; set bus.leaf.listen, or with an external NATS bus.link_login_file")
	return errors.Join(append(errs, c.Uplink.Validate())...)
}

// LeafConfig is one end of the link between an edge and its centre.
type LeafConfig struct {
	URL      string   `koanf:"url" doc:"The edge: where the centre listens, as tls://energy.example.org:7422; empty: this is no edge."`
	Site     string   `koanf:"site" doc:"The edge: the name of its site, as its certificate says it: small letters, digits, hyphens."`
	Listen   string   `koanf:"listen" doc:"The centre: host and port on which it listens for edges, as 0.0.0.0:7422; empty: this is no centre."`
	Sites    []string `koanf:"sites" doc:"The centre: the sites that may come; empty: all that have a certificate. Whose name is taken off stays out."`
	CertFile string   `koanf:"cert_file" doc:"Own certificate (PEM); 'wattwerk certs' makes them. It is read at every connection, so it can be renewed in place."`
	KeyFile  string   `koanf:"key_file" doc:"Its key (PEM)."`
	CAFile   string   `koanf:"ca_file" doc:"Certificate (PEM) of the authority that the other side's certificate must be from."`
}

func (c *LeafConfig) options() bus.Leaf {
	return bus.Leaf{URL: c.URL, Site: c.Site, Listen: c.Listen, Sites: c.Sites, Cert: c.CertFile, Key: c.KeyFile, CA: c.CAFile}
}

// Validate gives what cannot work.
func (c *LeafConfig) Validate() error {
	o := c.options()
	if err := o.Validate(); err != nil {
		return fmt.Errorf("bus.leaf: %w", err)
	}
	return nil
}

// validateLeaf checks the link together with the rest of the bus.
func (c *BusConfig) validateLeaf() error {
	leaf := c.Leaf.options()
	if c.NATS != "" && leaf.Enabled() {
		return errors.New("bus.leaf is for the embedded NATS; with bus.nats the link is in the settings of that NATS, see docs/edge.md, and bus.link_login_file says who this process is there")
	}
	if c.NATS == "" && c.LinkLoginFile != "" {
		return errors.New("bus.link_login_file is for an external NATS; with the embedded one bus.leaf is enough")
	}
	return c.Leaf.Validate()
}
