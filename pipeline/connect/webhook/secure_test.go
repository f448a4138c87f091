package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// secured is a server that takes only those who show a certificate of its authority
// and a token; the directory has the secrets of an end that may, and of one that may
// not.
func secured(t *testing.T, h http.Handler) (url string, house *connect.House) {
	t.Helper()
	house = connecttest.House()
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

// wrongs are what may be wrong with an end, and what is to be said of it.
var wrongs = []struct {
	want string
	more []string
}{
	{"401", []string{"token", "wrong"}},
	{"certificate signed by unknown authority", []string{"ca", "foreign/ca.crt"}},
	{"certificate", []string{"cert", "", "certKey", ""}},
}

var rights = []string{"token", "good", "ca", "ca.crt", "cert", "client.crt", "certKey", "client.key"}

func TestSecured(t *testing.T) {
	r := new(receiver)
	url, house := secured(t, r)
	house.Retry = time.Millisecond
	write := func(more ...string) error {
		return connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, slices.Concat([]string{"url", url}, rights, more)...)).Write(t.Context(), results(3))
	}
	if err := write(); err != nil || len(r.values(t)) != 3 {
		t.Error(err, r.values(t))
	}
	for _, c := range wrongs {
		if err := write(c.more...); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "battery") {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}
