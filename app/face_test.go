package app

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/survey/identity"
)

// get asks as a command on this machine.
func get(t *testing.T, in datadir.Instance, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+in.Secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// smallConfig is for a process that disturbs no other.
func smallConfig(t *testing.T, modules ...string) Config {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions, c.Modules = t.TempDir(), "127.0.0.1:0", "off", 1, modules
	return c
}

// linked gives a process the end of a link between an edge and its centre that
// the module needs.
func linked(t *testing.T, c *Config, module string) {
	t.Helper()
	if module == surveyModule {
		c.Survey.Listen, c.Survey.AuthorityDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "issuer")
		if err := identity.Init(filepath.Join(t.TempDir(), "root"), c.Survey.AuthorityDir); err != nil {
			t.Fatal(err)
		}
	}
	if module != uplinkModule && module != landingModule {
		return
	}
	dir := t.TempDir()
	ca, err := certs.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.Server(dir, []string{"127.0.0.1"})
	c.Bus.Leaf = LeafConfig{Listen: "127.0.0.1:0"}
	if module == uplinkModule { // its centre is not there at this moment
		own, err = authority.Edge(dir, "kiel")
		c.Bus.Leaf = LeafConfig{URL: "tls://127.0.0.1:1", Site: "kiel"}
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Bus.Leaf.CertFile, c.Bus.Leaf.KeyFile, c.Bus.Leaf.CAFile = own.Cert, own.Key, ca.Cert
}

// TestEachModuleAlone starts every module by itself: it works, answers, and
// stops.
func TestEachModuleAlone(t *testing.T) {
	paths := map[string]string{
		"registry": "/api/v1/model", "history": "/prometheus/api/v1/labels", "aggregate": "/api/v1/aggregation",
		"bridge": "/ping", "gateway": "/api/v1/me",
	}
	for _, name := range moduleNames() {
		if name == edgeModule { // alone it is a device, without what the others share: TestDevice
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := smallConfig(t, name)
			linked(t, &c, name)
			in := runProcess(t, c)
			for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/api/v1/system": 200} {
				if code, body := get(t, in, path); code != want {
					t.Errorf("%s answers %d %s", path, code, body)
				}
			}
			if path := paths[name]; path != "" {
				if code, body := get(t, in, path); code/100 != 2 {
					t.Errorf("%s answers %d %s", path, code, body)
				}
			}
		})
	}
}

// TestGatewayAlone describes what all modules answer, though it runs none of
// them, and says which are missing.
func TestGatewayAlone(t *testing.T) {
	whole := runProcess(t, smallConfig(t))
	alone := runProcess(t, smallConfig(t, "gateway"))
	_, all := get(t, whole, "/openapi.json")
	code, some := get(t, alone, "/openapi.json")
	if d := cmp.Diff(all, some); d != "" || code != http.StatusOK {
		t.Errorf("%d, the documents differ:\n%s", code, d)
	}
	code, ready := get(t, alone, "/readyz")
	if code != http.StatusOK || !strings.Contains(ready, `"history":"no process runs it"`) || !strings.Contains(ready, `"bridge":"no process runs it"`) {
		t.Errorf("ready: %d %s", code, ready)
	}
	if code, ready := get(t, whole, "/readyz"); code != http.StatusOK || strings.Contains(ready, "no process") {
		t.Errorf("ready: %d %s", code, ready)
	}
	code, body := get(t, alone, "/api/v1/latest")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "the module history cannot be reached: no process runs it") {
		t.Errorf("%d %s", code, body)
	}
}

// TestOnlyGatewaysMakeUsers: behind a gateway nobody signs in.
func TestOnlyGatewaysMakeUsers(t *testing.T) {
	for name, want := range map[string]bool{"gateway": true, "aggregate": false} {
		if code, users := get(t, runProcess(t, smallConfig(t, name)), "/api/v1/users"); code != 200 || strings.Contains(users, "administrator") != want {
			t.Errorf("the users of a process with %s: %d %s", name, code, users)
		}
	}
}

func TestAdvertised(t *testing.T) {
	address, err := outside()
	if err != nil {
		t.Log(err) // a machine without a network
	}
	for _, c := range []struct {
		addr, advertise, cert, want string
	}{
		{"127.0.0.1:80", "", "", "http://127.0.0.1:80"},
		{"[::1]:80", "", "cert.pem", "https://[::1]:80"},
		{"127.0.0.1:80", "https://one.example.org:8443", "", "https://one.example.org:8443"},
		{"0.0.0.0:80", "", "", "http://" + net.JoinHostPort(address, "80")},
		{"[::]:80", "", "", "http://" + net.JoinHostPort(address, "80")},
	} {
		g := GatewayConfig{Advertise: c.advertise, TLSCertFile: c.cert}
		got, err := g.advertised(c.addr)
		if strings.Contains(c.want, "//:") {
			c.want = "" // nobody could reach it
		}
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s %s gives %q, %v; want %q", c.addr, c.advertise, got, err, c.want)
		}
	}
	for _, bad := range []string{"10.0.0.7:8080", "http://", "ftp://x", "http://x/y", "http://u@x"} {
		c := DefaultConfig()
		c.Gateway.Advertise = bad
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "gateway.advertise") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
