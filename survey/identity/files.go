package identity

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
	"os"
	"path/filepath"
	"time"
)

// How long the certificates above the devices' are valid.
const (
	RootLife   = 20 * 365 * 24 * time.Hour
	IssuerLife = 2 * 365 * 24 * time.Hour
)

// Files of an authority in a directory. Of the root's key there is none where the
// service runs.
const (
	RootCert   = "root.crt"
	RootKey    = "root.key"
	IssuerCert = "issuer.crt"
	IssuerKey  = "issuer.key"
)

// Init makes a root, with its certificate and its key in the directory offline, and
// below it the first issuer in the directory online, which gets the root's
// certificate too. What is there already is not written over.
func Init(offline, online string) error {
	now := time.Now()
	key, err := newKey()
	if err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Wattwerk survey root"}, IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := sign(t, now, RootLife, key.Public(), t, key)
	if err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	for _, dir := range []string{offline, online} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make root: %w", err)
		}
	}
	if err := write(filepath.Join(offline, RootKey), 0o600, nil, key); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	if err := write(filepath.Join(offline, RootCert), 0o644, [][]byte{cert.Raw}, nil); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	return NewIssuer(offline, online)
}

// NewIssuer makes another issuer below the root in the directory offline, for the
// directory online. Certificates by the issuer before it stay good. Files of an
// issuer that is there are kept beside, as issuer.crt.old and issuer.key.old.
func NewIssuer(offline, online string) error {
	roots, err := readCerts(filepath.Join(offline, RootCert))
	if err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	rootKey, err := readKey(filepath.Join(offline, RootKey))
	if err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	key, err := newKey()
	if err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	cert, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Wattwerk survey issuer"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, time.Now(), IssuerLife, key.Public(), roots[0], rootKey)
	if err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	if err := os.MkdirAll(online, 0o700); err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	for _, name := range []string{IssuerCert, IssuerKey} {
		path := filepath.Join(online, name)
		if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make issuer: %w", err)
		}
	}
	if filepath.Clean(online) != filepath.Clean(offline) {
		known, err := readCerts(filepath.Join(online, RootCert))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make issuer: %w", err)
		}
		var all [][]byte
		for _, c := range append([]*x509.Certificate{roots[0]}, known...) {
			if len(all) == 0 || !c.Equal(roots[0]) {
				all = append(all, c.Raw)
			}
		}
		if err := os.Remove(filepath.Join(online, RootCert)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make issuer: %w", err)
		}
		if err := write(filepath.Join(online, RootCert), 0o644, all, nil); err != nil {
			return fmt.Errorf("make issuer: %w", err)
		}
	}
	if err := write(filepath.Join(online, IssuerKey), 0o600, nil, key); err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	if err := write(filepath.Join(online, IssuerCert), 0o644, [][]byte{cert.Raw}, nil); err != nil {
		return fmt.Errorf("make issuer: %w", err)
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// sign makes a certificate, an hour into the past for clocks that are late.
func sign(t *x509.Certificate, now time.Time, life time.Duration, public crypto.PublicKey, parent *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial.Add(serial, big.NewInt(1))
	t.NotBefore, t.NotAfter = now.Add(-time.Hour).UTC().Truncate(time.Second), now.Add(life).UTC().Truncate(time.Second)
	raw, err := x509.CreateCertificate(rand.Reader, t, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// write makes a file of certificates, or of a key, that must not be there.
func write(path string, mode os.FileMode, certs [][]byte, key *ecdsa.PrivateKey) error {
	var data []byte
	for _, c := range certs {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	if key != nil {
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		data = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func readCerts(path string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := ParseCerts(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// ParseCerts reads certificates in PEM, of which there is at least one.
func ParseCerts(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return all, nil
}

func readKey(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(data)
	if b == nil || b.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s: there is no key in it", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: the key cannot sign", path)
	}
	return s, nil
}
