package connecttest

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

// Trusting is a house whose secrets are the certificates of two authorities, ca and foreign, and what put adds; the first of them can vouch
// for servers.
func Trusting(t *testing.T) (house *connect.House, authority *certs.Authority, put func(name, text string)) {
	t.Helper()
	house = House()
	house.Secrets = t.TempDir()
	put = func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(house.Secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"foreign", "ca"} {
		dir := t.TempDir()
		ca, err := certs.Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(ca.Cert)
		if err != nil {
			t.Fatal(err)
		}
		put(name, string(text))
		if authority, err = certs.Open(dir); err != nil {
			t.Fatal(err)
		}
	}
	return house, authority, put
}

// Secured is a server that takes only those who show a certificate of its authority
// and a token; the directory has the secrets of an end that may, and of one that may
// not.
func Secured(t *testing.T, h http.Handler) (url string, house *connect.House) {
	t.Helper()
	house = House()
	house.Secrets = t.TempDir()
	dir := house.Secrets
	if _, err := certs.Create(dir); err != nil {
		t.Fatal(err)
	}
	authority, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.Server(dir, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Edge(dir, "client"); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "foreign")
	if _, err := certs.Create(other); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"good": "correct horse", "wrong": "battery staple"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(certs.Of(dir, "ca").Cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer correct horse" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, house
}

// Wrongs are what may be wrong with an end, and what is to be said of it.
var Wrongs = []struct {
	Want string   // part of the error
	More []string // settings
}{
	{"401", []string{"token", "wrong"}},
	{"certificate signed by unknown authority", []string{"ca", "foreign/ca.crt"}},
	{"certificate", []string{"cert", "", "certKey", ""}},
}

// Rights are the settings of an end that may.
var Rights = []string{"token", "good", "ca", "ca.crt", "cert", "client.crt", "certKey", "client.key"}
