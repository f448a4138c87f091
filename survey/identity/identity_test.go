package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func authority(t *testing.T) (*Authority, string, string) {
	t.Helper()
	offline, online := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "issuer")
	if err := Init(offline, online); err != nil {
		t.Fatal(err)
	}
	a, err := Open(online)
	if err != nil {
		t.Fatal(err)
	}
	return a, offline, online
}

func request(t *testing.T, key crypto.Signer, r x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &r, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func issue(t *testing.T, a *Authority) []*x509.Certificate {
	t.Helper()
	r, err := ParseRequest(request(t, key(t), x509.CertificateRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	i, err := a.Device("d1", r)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ParseCerts(i.Chain)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// TestDevice: a certificate says which device it is of, and nothing that its
// request asked for.
func TestDevice(t *testing.T) {
	a, _, _ := authority(t)
	u, _ := url.Parse(URI("another"))
	r, err := ParseRequest(request(t, key(t), x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "root"}, DNSNames: []string{"survey.example.org"}, EmailAddresses: []string{"a@example.org"}, URIs: []*url.URL{u},
	}))
	if err != nil {
		t.Fatal(err)
	}
	i, err := a.Device("d1", r)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ParseCerts(i.Chain)
	if err != nil || len(chain) != 2 {
		t.Fatal(chain, err)
	}
	c := chain[0]
	if c.Subject.String() != "" || len(c.DNSNames)+len(c.EmailAddresses)+len(c.IPAddresses) != 0 || len(c.URIs) != 1 || c.URIs[0].String() != "urn:wattwerk:device:d1" || c.IsCA {
		t.Errorf("%v, %v, %v, %v", c.Subject, c.DNSNames, c.EmailAddresses, c.URIs)
	}
	if d := time.Until(i.NotAfter); d > Life || d < Life-time.Hour || Serial(c) != i.Serial {
		t.Errorf("valid for %v, serial %s, %s", d, Serial(c), i.Serial)
	}
	if got, err := a.Check(chain); err != nil || got != "d1" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := a.Check(chain[:1]); err != nil || got != "d1" {
		t.Errorf("without the issuer beside it: %q, %v", got, err)
	}
}

func TestCheckRefuses(t *testing.T) {
	a, offline, online := authority(t)
	other, _, _ := authority(t)
	mine := issue(t, a)
	for name, x := range map[string]struct {
		by    *Authority
		shown []*x509.Certificate
		want  error
	}{
		"nothing":           {a, nil, ErrCA},
		"another authority": {a, issue(t, other), ErrCA},
		"another authority with our issuer beside": {a, append(issue(t, other)[:1], mine[1]), ErrCA},
		"expired":           {a.WithClock(func() time.Time { return time.Now().Add(Life + time.Minute) }), mine, ErrExpired},
		"not yet":           {a.WithClock(func() time.Time { return time.Now().Add(-2 * time.Hour) }), mine, ErrEarly},
		"expired of others": {a.WithClock(func() time.Time { return time.Now().Add(Life + time.Minute) }), issue(t, other), ErrCA},
		"the issuer":        {a, mine[1:], ErrPurpose},
	} {
		if d, err := x.by.Check(x.shown); !errors.Is(err, x.want) || d != "" {
			t.Errorf("%s: %q, %v, want %v", name, d, err, x.want)
		}
	}
	l, err := a.Listener([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Check([]*x509.Certificate{l.Leaf}); !errors.Is(err, ErrPurpose) {
		t.Errorf("the listener's: %v", err)
	}
	// An issuer that follows another one: certificates of both are good.
	if err := NewIssuer(offline, online); err != nil {
		t.Fatal(err)
	}
	next, err := Open(online)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := next.Check(mine); err != nil || d != "d1" {
		t.Errorf("of the issuer before: %q, %v", d, err)
	}
}

// TestIssuerMakesNoIssuer: what a stolen issuer's key signs as an issuer is not
// believed.
func TestIssuerMakesNoIssuer(t *testing.T) {
	a, _, _ := authority(t)
	k := key(t)
	false1, err := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "x"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, time.Now(), Life, k.Public(), a.issuer, a.key)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(URI("d1"))
	leafKey := key(t)
	leaf, err := sign(&x509.Certificate{URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, time.Now(), Life, leafKey.Public(), false1, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Check([]*x509.Certificate{leaf, false1, a.issuer}); !errors.Is(err, ErrCA) {
		t.Error(err)
	}
}

func TestListener(t *testing.T) {
	a, _, _ := authority(t)
	now := time.Now()
	a = a.WithClock(func() time.Time { return now })
	hosts := []string{"survey.example.org", "127.0.0.1"}
	one, err := a.Listener(hosts)
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(a.Roots())
	between.AddCert(a.issuer)
	for _, h := range hosts {
		if _, err := one.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: h}); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
	now = now.Add(Renew - 2*time.Hour)
	if same, err := a.Listener(hosts); err != nil || same != one {
		t.Errorf("made anew: %v", err)
	}
	now = now.Add(3 * time.Hour)
	if next, err := a.Listener(hosts); err != nil || next == one {
		t.Errorf("not made anew at two thirds: %v", err)
	}
}

func TestParseRequest(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := request(t, key(t), x509.CertificateRequest{})
	forged, _ := pem.Decode(good)
	forged.Bytes[len(forged.Bytes)-1] ^= 1
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "RSA": request(t, weak, x509.CertificateRequest{}),
		"forged": pem.EncodeToMemory(forged), "two": append(append([]byte{}, good...), good...),
		"broken": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{0x30, 0x80}}),
	} {
		if _, err := ParseRequest(data); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRootStaysAway: a service refuses to work beside the root's key, and nothing
// is written over.
func TestRootStaysAway(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("it works beside the root's key")
	}
	if err := Init(dir, t.TempDir()); !errors.Is(err, os.ErrExist) {
		t.Errorf("a root was written over: %v", err)
	}
	i, err := os.Stat(filepath.Join(dir, RootKey))
	if err != nil || i.Mode().Perm() != 0o600 {
		t.Error(i.Mode(), err)
	}
}
