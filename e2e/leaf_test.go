package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/internal/natstest"
)

// leafLink is the link of an edge to a cluster of NATS that is somebody's own,
// with the settings that docs/edge.md gives.
type leafLink struct {
	t       *testing.T
	certs   string // directory
	host    string // of the node that listens for edges
	plant   string // file: who the modules are
	landing string // file: who the module landing is, where edges are answered
	doc     string // the settings
}

const (
	leafPort = ":7422"
	leafSite = "plant-kiel" // as the samples call it
)

func newLeafLink(t *testing.T, certs, host string) *leafLink {
	t.Helper()
	for _, args := range [][]string{{"init"}, {"centre", host}, {"edge", leafSite}} {
		if _, err := command(t, append([]string{"certs"}, append(args, "--dir", certs)...)...); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../docs/edge.md")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := strings.Cut(string(page), "\n```\nleafnodes {")
	doc, _, _ = strings.Cut(doc, "\n```\n")
	l := &leafLink{t, certs, host, filepath.Join(certs, "plant-login"), filepath.Join(certs, "landing-login"), "leafnodes {" + doc}
	for _, name := range []string{"plant", "landing"} {
		if err := os.WriteFile(filepath.Join(certs, name+"-login"), []byte(name+":s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *leafLink) file(name string) string { return filepath.Join(l.certs, name) }

// config is what a node of the cluster has besides: what docs/edge.md says.
func (l *leafLink) config(n *natstest.Node) string {
	link, accounts, ok := strings.Cut(l.doc, "accounts {")
	if !ok {
		l.t.Fatal("docs/edge.md has no accounts for a NATS of one's own")
	}
	text := "accounts {" + accounts
	if n.Host == l.host {
		text = link + text
	}
	return strings.NewReplacer("0.0.0.0"+leafPort, l.host+leafPort, `"..."`, `"s3cret"`,
		"centre.crt", l.file("centre.crt"), "centre.key", l.file("centre.key"), "ca.crt", l.file("ca.crt")).Replace(text)
}

// edge is the settings of the edge.
func (l *leafLink) edge() []string {
	return []string{
		"WATTWERK_BUS_LEAF_URL=tls://" + l.host + leafPort,
		"WATTWERK_BUS_LEAF_CERT_FILE=" + l.file(leafSite+".crt"), "WATTWERK_BUS_LEAF_KEY_FILE=" + l.file(leafSite+".key"), "WATTWERK_BUS_LEAF_CA_FILE=" + l.file("ca.crt"),
	}
}
