package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// How long a device's certificate is valid. It is renewed at two thirds.
const (
	Life  = 30 * 24 * time.Hour
	Renew = Life * 2 / 3
)

// urn begins the URI that names a device.
const urn = "urn:wattwerk:device:"

// URI names a device in a certificate.
func URI(device string) string { return urn + device }

// Reasons a certificate or a request is refused.
var (
	ErrRequest = errors.New("the request for a certificate (PKCS #10) cannot be used")
	ErrCA      = errors.New("the certificate is not of this survey's authority")
	ErrExpired = errors.New("the certificate has expired")
	ErrEarly   = errors.New("the certificate is not valid yet")
	ErrPurpose = errors.New("the certificate is not that of a device")
)

// Authority issues certificates, and checks them.
type Authority struct {
	roots    *x509.CertPool
	rootsPEM []byte
	issuer   *x509.Certificate
	key      crypto.Signer
	now      func() time.Time

	mu     sync.Mutex
	served map[string]*tls.Certificate // of the listener, by its hosts
}

// Open reads the directory in which [Init] has put an issuer. A file with the key
// of a root in it is refused: that must not be where a service runs.
func Open(dir string) (*Authority, error) {
	if _, err := readKey(filepath.Join(dir, RootKey)); err == nil {
		return nil, fmt.Errorf("open issuer: %s is here, where the service runs; take it away and keep it safe", filepath.Join(dir, RootKey))
	}
	roots, err := readCerts(filepath.Join(dir, RootCert))
	if err != nil {
		return nil, fmt.Errorf("open issuer: %w", err)
	}
	own, err := readCerts(filepath.Join(dir, IssuerCert))
	if err != nil {
		return nil, fmt.Errorf("open issuer: %w", err)
	}
	key, err := readKey(filepath.Join(dir, IssuerKey))
	if err != nil {
		return nil, fmt.Errorf("open issuer: %w", err)
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(own[0].PublicKey) {
		return nil, fmt.Errorf("open issuer: %s and %s do not belong together", IssuerCert, IssuerKey)
	}
	a := &Authority{roots: x509.NewCertPool(), issuer: own[0], key: key, now: time.Now, served: make(map[string]*tls.Certificate)}
	for _, c := range roots {
		a.roots.AddCert(c)
		a.rootsPEM = append(a.rootsPEM, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if _, err := a.issuer.Verify(x509.VerifyOptions{Roots: a.roots, CurrentTime: a.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return nil, fmt.Errorf("open issuer: %s is not below the root in %s: %w", IssuerCert, RootCert, err)
	}
	return a, nil
}

// WithClock gives the same authority by another clock.
func (a *Authority) WithClock(now func() time.Time) *Authority {
	return &Authority{roots: a.roots, rootsPEM: a.rootsPEM, issuer: a.issuer, key: a.key, now: now, served: make(map[string]*tls.Certificate)}
}

// Roots gives the certificates that devices trust, in PEM.
func (a *Authority) Roots() []byte { return a.rootsPEM }

// Expires is when the issuer's own certificate does.
func (a *Authority) Expires() time.Time { return a.issuer.NotAfter }

// Issued is a certificate of a device.
type Issued struct {
	Chain     []byte // PEM: its own, then the issuer's
	Serial    string // hexadecimal
	Key       string // SHA-256 of its public key, hexadecimal
	NotBefore time.Time
	NotAfter  time.Time
}

// ParseRequest reads a request in PEM and checks that who made it has the key.
func ParseRequest(data []byte) (*x509.CertificateRequest, error) {
	b, rest := pem.Decode(data)
	if b == nil || b.Type != "CERTIFICATE REQUEST" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%w: it is not one in PEM", ErrRequest)
	}
	r, err := x509.ParseCertificateRequest(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: its signature is wrong", ErrRequest)
	}
	switch k := r.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return nil, fmt.Errorf("%w: of ECDSA keys those on P-256 and P-384 are taken", ErrRequest)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("%w: its key is neither ECDSA nor Ed25519", ErrRequest)
	}
	return r, nil
}

// Device makes the certificate of a device for the key of a request. Nothing else
// of the request is used. It is not valid longer than the issuer.
func (a *Authority) Device(device string, r *x509.CertificateRequest) (Issued, error) {
	u, err := url.Parse(URI(device))
	if err != nil {
		return Issued{}, fmt.Errorf("issue certificate: %w", err)
	}
	now := a.now()
	cert, err := sign(&x509.Certificate{
		URIs: []*url.URL{u}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, now, min(Life, a.issuer.NotAfter.Sub(now)), r.PublicKey, a.issuer, a.key)
	if err != nil {
		return Issued{}, fmt.Errorf("issue certificate: %w", err)
	}
	return Issued{
		Chain:  append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.issuer.Raw})...),
		Serial: Serial(cert), Key: KeyDigest(r.RawSubjectPublicKeyInfo), NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
	}, nil
}

// Serial is the number of a certificate, hexadecimal.
func Serial(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// KeyDigest names a public key by its SHA-256, hexadecimal.
func KeyDigest(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// Check tells whose a certificate is that a client has shown, and the rest of what
// it has shown. The handshake has proved that the client has the key.
func (a *Authority) Check(shown []*x509.Certificate) (device string, err error) {
	if len(shown) == 0 {
		return "", ErrCA
	}
	between := x509.NewCertPool()
	between.AddCert(a.issuer)
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	c, now := shown[0], a.now()
	// Who signed it comes first: of a stranger's certificate nothing is told.
	at := now
	if at.Before(c.NotBefore) {
		at = c.NotBefore
	} else if at.After(c.NotAfter) {
		at = c.NotAfter
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: a.roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return "", ErrCA
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: a.roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return "", ErrPurpose
	}
	if len(c.URIs) != 1 || c.IsCA {
		return "", ErrPurpose
	}
	device, ok := strings.CutPrefix(c.URIs[0].String(), urn)
	switch {
	case !ok || device == "":
		return "", ErrPurpose
	case now.Before(c.NotBefore):
		return "", ErrEarly
	case now.After(c.NotAfter):
		return "", ErrExpired
	}
	return device, nil
}

// Listener gives the certificate of the listener that devices speak to, good for
// the hosts: names or IP addresses. It is made when it is first asked for, and anew
// at two thirds of its life.
func (a *Authority) Listener(hosts []string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := strings.Join(hosts, " ")
	now := a.now()
	if c := a.served[name]; c != nil && now.Before(c.Leaf.NotBefore.Add(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)*2/3)) {
		return c, nil
	}
	t := &x509.Certificate{
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("issue the listener's certificate: %w", err)
	}
	cert, err := sign(t, now, min(Life, a.issuer.NotAfter.Sub(now)), key.Public(), a.issuer, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue the listener's certificate: %w", err)
	}
	a.served[name] = &tls.Certificate{Certificate: [][]byte{cert.Raw, a.issuer.Raw}, PrivateKey: key, Leaf: cert}
	return a.served[name], nil
}

// Sign signs a message by the key of the issuer, and gives its certificate in PEM: an ECDSA key signs the SHA-256 of it (ASN.1), an Ed25519 key all of it.
// A message begins with what it is for; that of no certificate does.
func (a *Authority) Sign(message []byte) (signature []byte, chain string, err error) {
	digest, hash := message, crypto.Hash(0)
	if _, ok := a.key.Public().(*ecdsa.PublicKey); ok {
		sum := sha256.Sum256(message)
		digest, hash = sum[:], crypto.SHA256
	}
	if signature, err = a.key.Sign(rand.Reader, digest, hash); err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	return signature, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.issuer.Raw})), nil
}
