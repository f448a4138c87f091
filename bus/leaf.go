package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Leaf is one end of the link between an edge and its centre, for an embedded
// server. Both ends show a certificate that an authority of the deployment has
// signed. The zero value is no link.
//
// The link joins one account at the edge with one at the centre, in which
// there is nothing but the requests of the edge and their answers. Neither
// side reaches a stream of the other.
type Leaf struct {
	URL    string   // the edge: where the centre listens, as tls://energy.example.org:7422
	Listen string   // the centre: HOST:PORT
	Site   string   // the edge: its name, which is the common name of its certificate
	Sites  []string // the centre: who may come; empty: who has a certificate

	Cert, Key string // files (PEM) of one's own certificate
	CA        string // file (PEM) of the authority of the other side's
}

// Enabled tells whether there is a link.
func (l *Leaf) Enabled() bool { return l.URL != "" || l.Listen != "" }

// Validate says what is wrong or missing.
func (l *Leaf) Validate() error {
	if !l.Enabled() {
		return nil
	}
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	bad(l.URL != "" && l.Listen != "", "a link is listened for at the centre or made at the edge; one process does one of both")
	bad(l.Cert == "" || l.Key == "" || l.CA == "", "the link needs a certificate, its key, and the authority of the other side: it is never open")
	if l.URL != "" {
		u, err := url.Parse(l.URL)
		bad(err != nil || u.Scheme != "tls" || u.Port() == "" || u.User != nil, "the centre's address %q is not like tls://energy.example.org:7422", l.URL)
		errs = append(errs, ValidateSite(l.Site))
	}
	if l.Listen != "" {
		_, _, err := splitHostPort(l.Listen)
		errs = append(errs, err)
	}
	for _, s := range l.Sites {
		errs = append(errs, ValidateSite(s))
	}
	return errors.Join(errs...)
}

var siteName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// ValidateSite says what is wrong with the name of a site as an edge: it is
// part of subjects and of certificates.
func ValidateSite(site string) error {
	if !siteName.MatchString(site) {
		return fmt.Errorf("site %q: 1 to 40 small letters, digits and hyphens are a name, with no hyphen at either end", site)
	}
	return nil
}

// Names of the link. They are protocol: both sides must agree.
const (
	edgesAccount = "EDGES"  // at the centre: where requests of all edges are answered
	siteAccount  = "EDGE-"  // at the centre: begins the account of one edge
	linkAccount  = "UPLINK" // at the edge
	landing      = "landing."
	landed       = "landed."
)

// LandingSubject is where a site sends what the centre is to store.
func LandingSubject(site string) string { return landing + site }

// LandingSubjects are those of all sites.
const LandingSubjects = landing + "*"

// SiteOf is the site that sent to a landing subject.
func SiteOf(subject string) string { return subject[min(len(landing), len(subject)):] }

// Link is the connection to the account in which edges and their centre meet;
// nil when this process has no end of the link.
func (b *Bus) Link() *nats.Conn { return b.link }

// LinkAddr is where the centre listens for edges; empty when it does not.
func (b *Bus) LinkAddr() string {
	if b.server == nil || b.opts.Leaf.Listen == "" {
		return ""
	}
	v, err := b.server.Varz(nil)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", v.LeafNode.Host, v.LeafNode.Port)
}

// How fast a link that hangs is noticed, and how long reaching the centre may take.
const (
	linkPing    = 15 * time.Second
	linkDial    = 10 * time.Second
	linkConnect = time.Second
)

// leafOptions adds the end of the link to the settings of the server.
func (b *Bus) leafOptions(so *server.Options) error {
	l := b.opts.Leaf
	if err := l.Validate(); err != nil || !l.Enabled() {
		return err
	}
	conf, err := l.tls()
	if err != nil {
		return err
	}
	so.PingInterval = linkPing
	so.LeafNode.TLSTimeout, so.LeafNode.AuthTimeout = linkDial.Seconds(), linkDial.Seconds()
	if l.URL != "" {
		u, err := url.Parse(l.URL)
		if err != nil {
			return err
		}
		conf.ServerName = u.Hostname()
		// The centre tells edges by account and server name, operators by domain.
		so.ServerName, so.JetStreamDomain = "wattwerk-"+l.Site, l.Site
		so.Accounts = append(so.Accounts, server.NewAccount(linkAccount))
		so.LeafNode.ReconnectInterval, so.LeafNode.DialTimeout = linkConnect, linkDial
		so.LeafNode.Remotes = []*server.RemoteLeafOpts{{
			LocalAccount: linkAccount, URLs: []*url.URL{u}, TLS: true, TLSConfig: conf, TLSHandshakeFirst: true,
			TLSTimeout: linkDial.Seconds(), FirstInfoTimeout: linkDial, IgnoreDiscoveredServers: true,
		}}
		return nil
	}
	host, port, err := splitHostPort(l.Listen)
	if err != nil {
		return err
	}
	so.LeafNode.Host, so.LeafNode.Port, so.LeafNode.NoAdvertise = host, port, true
	so.LeafNode.TLSConfig, so.LeafNode.TLSHandshakeFirst = conf, true
	return nil
}

// tls is what both sides insist on. Files are read at every handshake, so that
// a certificate can be renewed without a restart; those of the authority once.
func (l *Leaf) tls() (*tls.Config, error) {
	own := func() (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of the link: %w", err)
		}
		return &c, nil
	}
	if _, err := own(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(l.CA)
	if err != nil {
		return nil, fmt.Errorf("read the authority of the link: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read the authority of the link: %s holds no certificate in PEM", l.CA)
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		RootCAs:              authority,
		ClientCAs:            authority,
		ClientAuth:           tls.RequireAndVerifyClientCert,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() },
	}, nil
}

// prepareLink makes the accounts of the link and lets the door know of them.
func (b *Bus) prepareLink() error {
	l, d := b.opts.Leaf, b.door
	if l.URL != "" {
		acc, err := b.server.LookupAccount(linkAccount)
		if err != nil {
			return err
		}
		d.linked = acc
	}
	if l.Listen != "" {
		acc, err := b.server.RegisterAccount(edgesAccount)
		if err != nil {
			return err
		}
		if err := acc.AddServiceExport(LandingSubjects, nil); err != nil {
			return err
		}
		d.linked, d.server, d.sites = acc, b.server, l.Sites
	}
	return nil
}

// connectLink reaches the account of the link.
func (b *Bus) connectLink(opts []nats.Option) error {
	// Answers come where the edge alone may listen.
	if s := b.opts.Leaf.Site; s != "" {
		opts = append(opts, nats.CustomInboxPrefix(landed+s))
	}
	var err error
	switch {
	case b.door != nil && b.door.linked != nil:
		opts = append(opts, nats.UserInfo(b.door.link.User, b.door.link.Password))
		b.link, err = nats.Connect("", opts...)
	case b.opts.URL != "" && b.opts.LinkLogin != (Login{}):
		opts = append(opts, nats.UserInfo(b.opts.LinkLogin.User, b.opts.LinkLogin.Password))
		b.link, err = nats.Connect(b.opts.URL, opts...)
	}
	if err != nil {
		return fmt.Errorf("reach the account of the link: %w", err)
	}
	return nil
}

// admitEdge decides about a server that connects as an edge: its certificate
// alone says which site it is. It may send on its own landing subject and hear
// its own answers, in an account of its own.
func (d *door) admitEdge(c server.ClientAuthentication) bool {
	state := c.GetTLSConnectionState()
	if d.server == nil || state == nil || len(state.VerifiedChains) == 0 {
		return false
	}
	site := state.VerifiedChains[0][0].Subject.CommonName
	if ValidateSite(site) != nil || len(d.sites) > 0 && !slices.Contains(d.sites, site) {
		return false
	}
	acc, err := d.accountOf(site)
	if err != nil {
		return false
	}
	c.RegisterUser(&server.User{Username: site, Account: acc, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{LandingSubject(site)}},
		Subscribe: &server.SubjectPermission{Allow: []string{landed + site + ".>"}},
	}})
	return true
}

// accountOf gives the account of a site, from which its landing subject leads
// to where all edges are answered.
func (d *door) accountOf(site string) (*server.Account, error) {
	d.edges.Lock()
	defer d.edges.Unlock()
	if acc, ok := d.accounts[site]; ok {
		return acc, nil
	}
	acc, _ := d.server.LookupOrRegisterAccount(siteAccount + site)
	if err := acc.AddServiceImport(d.linked, LandingSubject(site), LandingSubject(site)); err != nil {
		return nil, err
	}
	if d.accounts == nil {
		d.accounts = make(map[string]*server.Account)
	}
	d.accounts[site] = acc
	return acc, nil
}
