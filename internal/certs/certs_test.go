package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"testing"
)

func pool(t *testing.T, f Files) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(f.Cert)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		t.Fatal("no certificate")
	}
	return p
}

func pair(t *testing.T, f Files) []tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{c}
}

// shake makes a connection and gives what either side says of it, and whom the
// server saw.
func shake(t *testing.T, ca *x509.CertPool, server, client []tls.Certificate, host string) (seen string, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s := tls.Server(a, &tls.Config{Certificates: server, ClientCAs: ca, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12})
	c := tls.Client(b, &tls.Config{Certificates: client, RootCAs: ca, ServerName: host, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12})
	result := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err != nil {
			a.Close()
		}
		result <- err
	}()
	err = c.Handshake()
	b.Close()
	if serr := <-result; err == nil {
		err = serr
	}
	if err == nil {
		seen = s.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	return seen, err
}

func TestEdgeAndCentreKnowEachOther(t *testing.T) {
	dir := t.TempDir() + "/made"
	ca, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	centre, err := a.Server(dir, []string{"energy.example.org", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	kiel, err := a.Edge(dir, "kiel")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Files{ca, centre, kiel} {
		if info, err := os.Stat(f.Key); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Key, info.Mode(), err)
		}
	}
	trusted, server, client := pool(t, ca), pair(t, centre), pair(t, kiel)
	for _, host := range []string{"energy.example.org", "127.0.0.1"} {
		if who, err := shake(t, trusted, server, client, host); err != nil || who != "kiel" {
			t.Errorf("%s: %q, %v", host, who, err)
		}
	}
	if _, err := shake(t, trusted, server, client, "elsewhere.example.org"); err == nil {
		t.Error("the certificate is good for every host")
	}
	if _, err := shake(t, trusted, server, server, "127.0.0.1"); err == nil {
		t.Error("a server's certificate was good for an edge")
	}
	if _, err := shake(t, trusted, client, client, "kiel"); err == nil {
		t.Error("an edge's certificate was good for a server")
	}
	strangers, err := Create(t.TempDir() + "/other")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shake(t, pool(t, strangers), server, client, "127.0.0.1"); err == nil {
		t.Error("a certificate of another authority was taken")
	}
}

func TestNothingIsWrittenOver(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil {
		t.Error("opened an authority that is not there")
	}
	if _, err := Create(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("made a second authority in its place: %v", err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Server(dir, nil); err == nil {
		t.Error("a certificate for nobody")
	}
	if _, err := a.Edge(dir, "kiel"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Edge(dir, "kiel"); err == nil {
		t.Error("a second certificate was written over the first")
	}
}
