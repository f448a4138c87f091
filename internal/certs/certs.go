package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long certificates are valid.
const (
	AuthorityLife = 10 * 365 * 24 * time.Hour
	Life          = 2 * 365 * 24 * time.Hour
)

// Files are the two files of a certificate.
type Files struct{ Cert, Key string }

// Of gives the files of a name in a directory: name.crt and name.key.
func Of(dir, name string) Files {
	return Files{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
}

const authorityName = "ca"

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	now  func() time.Time
}

// Create makes an authority in the directory, ca.crt and ca.key, and the
// directory when it is missing.
func Create(dir string) (Files, error) {
	f := Of(dir, authorityName)
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Wattwerk edges"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, fmt.Errorf("make authority: %w", err)
	}
	if err := issue(f, t, AuthorityLife, time.Now(), nil); err != nil {
		return f, fmt.Errorf("make authority: %w", err)
	}
	return f, nil
}

// Open reads the authority that [Create] made in the directory.
func Open(dir string) (*Authority, error) {
	f := Of(dir, authorityName)
	block, err := readPEM(f.Cert, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return nil, fmt.Errorf("open authority: %s: %w", f.Cert, err)
	}
	if block, err = readPEM(f.Key, "PRIVATE KEY"); err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, fmt.Errorf("open authority: %s: %w", f.Key, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("open authority: %s holds no key that can sign", f.Key)
	}
	return &Authority{cert: cert, key: signer, now: time.Now}, nil
}

// Server makes the certificate with which the centre listens, centre.crt and
// centre.key in dir, valid for the hosts: names or IP addresses by which edges
// reach it.
func (a *Authority) Server(dir string, hosts []string) (Files, error) {
	f := Of(dir, "centre")
	if len(hosts) == 0 {
		return f, errors.New("make server certificate: name at least one host by which edges reach it")
	}
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: hosts[0]},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	if err := issue(f, t, Life, a.now(), a); err != nil {
		return f, fmt.Errorf("make server certificate: %w", err)
	}
	return f, nil
}

// Edge makes the certificate of a site, SITE.crt and SITE.key in dir. The
// site's name is its common name, and who it is to the centre.
func (a *Authority) Edge(dir, site string) (Files, error) {
	f := Of(dir, site)
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: site},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := issue(f, t, Life, a.now(), a); err != nil {
		return f, fmt.Errorf("make certificate of %s: %w", site, err)
	}
	return f, nil
}

// issue makes a key and its certificate, signed by a, or by itself.
func issue(f Files, t *x509.Certificate, life time.Duration, now time.Time, a *Authority) error {
	for _, name := range []string{f.Cert, f.Key} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s is there already; move it away first", name)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	// Clocks at an edge may be a little behind.
	t.NotBefore, t.NotAfter = now.Add(-time.Hour), now.Add(life)
	parent, signer := t, crypto.Signer(key)
	if a != nil {
		parent, signer = a.cert, a.key
		if t.NotAfter.After(parent.NotAfter) {
			t.NotAfter = parent.NotAfter
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(f.Key, "PRIVATE KEY", secret, 0o600); err != nil {
		return err
	}
	return writePEM(f.Cert, "CERTIFICATE", cert, 0o644)
}

func writePEM(name, kind string, data []byte, mode os.FileMode) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: data}); err != nil {
		return err
	}
	return f.Sync()
}

func readPEM(name, kind string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s holds no %s in PEM", name, kind)
	}
	return block.Bytes, nil
}
