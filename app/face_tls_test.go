package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// selfSigned writes a certificate for this machine and its key.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

// TestGatewayReachesOthersByTLS has a gateway that knows who signed the
// certificate of the registry, and one that does not.
func TestGatewayReachesOthersByTLS(t *testing.T) {
	url := natstest.Start(t, natstest.Options{}).URL()
	cert, key := selfSigned(t)
	process := func(set func(*GatewayConfig), module string) Config {
		c := smallConfig(t, module)
		c.Bus.NATS = url
		set(&c.Gateway)
		return c
	}
	runProcess(t, process(func(g *GatewayConfig) { g.TLSCertFile, g.TLSKeyFile = cert, key }, "registry"))
	knows := runProcess(t, process(func(g *GatewayConfig) { g.InnerCAFile = cert }, "gateway"))
	doubts := runProcess(t, process(func(*GatewayConfig) {}, "gateway"))
	// Each finds the registry first; a request waits for it, too.
	until := func(in datadir.Instance, status int, words string) {
		t.Helper()
		deadline := time.Now().Add(2 * time.Minute)
		for {
			code, body := get(t, in, "/api/v1/model")
			if code == status && strings.Contains(body, words) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d %s", code, body)
			}
		}
	}
	until(knows, http.StatusOK, "")
	until(doubts, http.StatusServiceUnavailable, "the processes that run it do not answer")
}
