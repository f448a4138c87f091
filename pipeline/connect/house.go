package connect

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// House is what the settings of a process say of all its ends. It does not
// change and may be used at the same time.
type House struct {
	// Secrets is the directory of the files that parameters of type secret name;
	// empty: there are none.
	Secrets string
	// Files is the directory below which sinks may write files; empty: they must not.
	Files string
	// Private allows addresses of this machine and of private networks.
	Private bool
	// Hosts are names, addresses and networks (10.1.0.0/16) that ends may reach
	// wherever they are.
	Hosts []string
	// Only allows nothing but Hosts.
	Only bool
	// Retry is the first pause before trying again; default 1 s. Pauses grow to a
	// minute.
	Retry time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Time is what the clock says.
func (h *House) Time() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}

// maxSecret bounds the bytes of a secret.
const maxSecret = 64 << 10

// Secret reads a file of the directory of secrets, without the end of its last
// line. A name that leads elsewhere, by links too, is refused. Nothing of the
// content is in an error.
func (h *House) Secret(name string) (secret []byte, err error) {
	if h.Secrets == "" {
		return nil, errors.New("the settings name no directory of secrets")
	}
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) || len(name) > 200 {
		return nil, fmt.Errorf("%.60q is not the name of a file in the directory of secrets", name)
	}
	root, err := os.OpenRoot(h.Secrets)
	if err != nil {
		return nil, errors.New("the directory of secrets cannot be opened")
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// A pipe would be waited for.
	if i, err := root.Stat(name); err != nil || !i.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no readable file %.60q in the directory of secrets", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("there is no readable file %.60q in the directory of secrets", name)
	}
	defer f.Close() //nolint:errcheck // it was only read
	secret, err = io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("the secret %.60q cannot be read", name)
	}
	if len(secret) > maxSecret {
		return nil, fmt.Errorf("the secret %.60q is larger than %d bytes", name, maxSecret)
	}
	return bytes.TrimRight(secret, "\r\n"), nil
}

// ErrReach says that an end leads where the settings do not allow.
var ErrReach = errors.New("the settings do not allow to go there: the address is of this machine or of a private network, or its host is not listed")

// among are networks that look public and lead to private addresses, or belong
// to nobody: between providers and customers, IPv4 in IPv6 (NAT64, 6to4, Teredo),
// tests of devices, what is reserved.
var among = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// public tells whether an address is one of the Internet.
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(among, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// listed tells whether a host is among Hosts by its name.
func (h *House) listed(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(h.Hosts, func(s string) bool { return strings.EqualFold(strings.TrimSuffix(s, "."), host) })
}

// within tells whether an address is in one of Hosts' networks or one of its
// addresses.
func (h *House) within(ip netip.Addr) bool {
	return slices.ContainsFunc(h.Hosts, func(s string) bool {
		if p, err := netip.ParsePrefix(s); err == nil {
			return p.Contains(ip)
		}
		a, err := netip.ParseAddr(s)
		return err == nil && a.Unmap() == ip
	})
}

// DialContext connects where the settings allow it. Addresses are judged when
// names are resolved, so no name leads around it. An error for that wraps
// [ErrReach].
func (h *House) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	if !h.listed(host) {
		d.Control = func(_, to string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(to)
			if err != nil {
				return err
			}
			ip := at.Addr().Unmap().WithZone("")
			if h.within(ip) || !h.Only && (h.Private || public(ip)) {
				return nil
			}
			return ErrReach
		}
	}
	return d.DialContext(ctx, network, address)
}

// Dial is DialContext for those who have no context.
func (h *House) Dial(network, address string) (net.Conn, error) {
	return h.DialContext(context.Background(), network, address)
}

// TLS makes settings of TLS 1.2 and newer of the parameters ca, cert and certKey,
// each a secret, for connections to a host.
func (e *End) TLS(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	ca, err := e.Secret("ca")
	if err != nil {
		return nil, err
	}
	if ca != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("read ca: there is no certificate in PEM in it")
		}
	}
	cert, err := e.Secret("cert")
	if err != nil {
		return nil, err
	}
	key, err := e.Secret("certKey")
	if err != nil {
		return nil, err
	}
	if (cert == nil) != (key == nil) {
		return nil, errors.New("cert and certKey are only given together")
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(append(cert, '\n'), append(key, '\n'))
		if err != nil {
			return nil, errors.New("read cert: it and certKey are no pair in PEM")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
