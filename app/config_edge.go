package app

import (
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/bus"
)

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
