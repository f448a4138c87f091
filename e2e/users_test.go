package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestGatewaysShareUsers runs two gateways on one PostgreSQL and one external
// NATS: who signs in at one is known at the other, and is still after the
// PostgreSQL was killed and came back.
func TestGatewaysShareUsers(t *testing.T) {
	server := pgtest.Start(t)
	nats := natstest.Start(t, natstest.Options{})
	secret := filepath.Join(t.TempDir(), "postgresql.url")
	if err := os.WriteFile(secret, []byte(server.Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := []string{"WATTWERK_SQL_URL_FILE=" + secret}
	a := launch(t, t.TempDir(), settings, "--modules", "registry,gateway", "--nats", nats.URL())
	b := launch(t, t.TempDir(), settings, "--modules", "gateway", "--nats", nats.URL())
	a.ready()
	b.ready()
	// Both began at once, and one of them made the administrator.
	var password string
	eventually(t, time.Minute, func() error {
		both := a.output() + b.output()
		made := regexp.MustCompile(`password +(\S+)\n`).FindAllStringSubmatch(both, -1)
		if len(made) != 1 || strings.Count(both, "/login?once=") != 2 {
			return fmt.Errorf("%d passwords were made: %s", len(made), both)
		}
		password = made[0][1]
		return nil
	})

	in, err := a.send("POST", "/api/v1/login", http.Header{"Authorization": {""}}, map[string]string{"name": "admin", "password": password})
	if err != nil || in.status != http.StatusOK {
		t.Fatalf("sign in: %d %s, %v", in.status, in.body, err)
	}
	cookie, err := http.ParseSetCookie(in.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	me := func(p *process) (answer, error) {
		// Without a public URL the name of the cookie tells the ports apart.
		name := "wattwerk_" + p.url[strings.LastIndex(p.url, ":")+1:]
		return p.send("GET", "/api/v1/me", http.Header{"Authorization": {""}, "Cookie": {name + "=" + cookie.Value}}, nil)
	}
	known := func(p *process) error {
		got, err := me(p)
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("%d: %s", got.status, got.body)
		}
		return err
	}
	if err := known(b); err != nil {
		t.Fatalf("the other gateway does not know who signed in: %v", err)
	}
	a.call("POST", "/api/v1/users", `{"name":"eva","password":"long enough 1","role":"viewer"}`, nil)
	var users struct{ Items []struct{ Name string } }
	b.call("GET", "/api/v1/users", nil, &users)
	if len(users.Items) != 2 {
		t.Errorf("the other gateway knows %v", users.Items)
	}

	server.Kill(t)
	for _, p := range []*process{a, b} {
		eventually(t, time.Minute, func() error { // what it knows from before is good for some seconds
			got, err := me(p)
			switch {
			case err != nil:
				return err
			case got.status == http.StatusUnauthorized || got.header.Get("Set-Cookie") != "":
				t.Fatalf("signed out because the database is away: %d %s", got.status, got.body)
			case got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "":
				return fmt.Errorf("%d: %s", got.status, got.body)
			}
			return nil
		})
	}
	server.Start(t)
	for _, p := range []*process{a, b} {
		eventually(t, time.Minute, func() error { return known(p) })
	}
}
