package app

import (
	"fmt"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/certs"
)

// CertsCmd is "wattwerk certs".
type CertsCmd struct {
	Init   CertsInitCmd   `cmd:"" help:"Make the authority, once; its key stays where it is."`
	Centre CertsCentreCmd `cmd:"" help:"Make the certificate with which the centre listens for edges."`
	Edge   CertsEdgeCmd   `cmd:"" help:"Make the certificate of a site."`
}

// Help is shown by --help.
func (*CertsCmd) Help() string {
	return `An edge and its centre speak over one encrypted connection, and each must show a certificate of an
authority of yours. The name in an edge's certificate is the site it speaks for.

Examples:
  wattwerk certs init                         ca.crt and ca.key in ./certs
  wattwerk certs centre energy.example.org    for the address that edges connect to
  wattwerk certs edge plant-kiel              plant-kiel.crt and plant-kiel.key

Bring an edge its two files and ca.crt, never ca.key. docs/edge.md goes on from there.`
}

// certsDir is where the files are.
type certsDir struct {
	Dir string `placeholder:"DIR" default:"certs" help:"Where the authority is, and certificates are written (default: ./certs)."`
}

func (d certsDir) made(sys IO, f certs.Files, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%s\n%s\n", f.Cert, f.Key)
	return err
}

// CertsInitCmd is "wattwerk certs init".
type CertsInitCmd struct{ certsDir }

// Run makes the authority.
func (c *CertsInitCmd) Run(sys IO) error {
	f, err := certs.Create(c.Dir)
	return c.made(sys, f, err)
}

// CertsCentreCmd is "wattwerk certs centre".
type CertsCentreCmd struct {
	certsDir
	Hosts []string `arg:"" help:"Names or IP addresses by which edges reach the centre."`
}

// Run makes the certificate.
func (c *CertsCentreCmd) Run(sys IO) error {
	a, err := certs.Open(c.Dir)
	if err != nil {
		return err
	}
	f, err := a.Server(c.Dir, c.Hosts)
	return c.made(sys, f, err)
}

// CertsEdgeCmd is "wattwerk certs edge".
type CertsEdgeCmd struct {
	certsDir
	Site string `arg:"" help:"Name of the site, which is bus.leaf.site in its settings."`
}

// Run makes the certificate.
func (c *CertsEdgeCmd) Run(sys IO) error {
	if err := bus.ValidateSite(c.Site); err != nil {
		return usageError{err}
	}
	a, err := certs.Open(c.Dir)
	if err != nil {
		return err
	}
	f, err := a.Edge(c.Dir, c.Site)
	return c.made(sys, f, err)
}
