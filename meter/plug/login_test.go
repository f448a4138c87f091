package plug

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
)

// secret has characters that mean something in addresses and headers.
const secret = `p&ss "w=rd":%3F#ä`

// simulated is a device with a password: it answers who shows it and refuses the others as such a device does.
type simulated struct {
	body   string
	knows  func(r *http.Request) bool
	refuse func(w http.ResponseWriter)
	asked  int
}

func (s *simulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked++
	if !s.knows(r) {
		s.refuse(w)
		return
	}
	fmt.Fprint(w, s.body)
}

func byHeader(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == "admin" && password == secret
}

func byQuery(r *http.Request) bool {
	q := r.URL.Query()
	return q.Get("user") == "admin" && q.Get("password") == secret && q.Get("cmnd") == "Status 10"
}

// digesting is a device of Shelly whose nonces are good so many times.
type digesting struct {
	good, used, number int
	counts             map[string]bool
}

func (d *digesting) nonce() string { return fmt.Sprintf("nonce-%d", d.number) }

func (d *digesting) refuse(w http.ResponseWriter) {
	d.number++
	d.used, d.counts = 0, make(map[string]bool)
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest qop="auth", realm="shellypro3em-a8032abe54dc", nonce="%s", algorithm=SHA-256`, d.nonce()))
	w.WriteHeader(http.StatusUnauthorized)
}

func (d *digesting) knows(r *http.Request) bool {
	c, ok := parseChallenge(r.Header.Get("Authorization"))
	if !ok || c["nonce"] != d.nonce() || c["username"] != "admin" || c["realm"] != "shellypro3em-a8032abe54dc" || c["qop"] != "auth" || c["uri"] != r.URL.RequestURI() || d.used >= d.good || d.counts[c["nc"]] {
		return false
	}
	d.used++
	d.counts[c["nc"]] = true
	// As the specification writes it, not as login.go does.
	a1 := hash("admin:shellypro3em-a8032abe54dc:" + secret)
	a2 := hash("GET:/rpc/Shelly.GetStatus")
	return c["response"] == hash(strings.Join([]string{a1, c["nonce"], c["nc"], c["cnonce"], "auth", a2}, ":"))
}

// TestPasswords reads each kind of device that has a password, with the right one and with a wrong one.
func TestPasswords(t *testing.T) {
	unauthorized := func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }
	warning := func(w http.ResponseWriter) { fmt.Fprint(w, `{"WARNING":"Need user=<username>&password=<password>"}`) }
	once := &digesting{good: 3}
	for name, c := range map[string]struct {
		d      Dialect
		device *simulated
		asked  int // in five readings
	}{
		"shelly1":                          {Shelly1, &simulated{body: shelly1, knows: byHeader, refuse: unauthorized}, 5},
		"tasmota by header":                {TasmotaHTTP, &simulated{body: tasmota, knows: byHeader, refuse: unauthorized}, 5},
		"tasmota by address":               {TasmotaHTTP, &simulated{body: tasmota, knows: byQuery, refuse: unauthorized}, 6},
		"tasmota by address, with warning": {TasmotaHTTP, &simulated{body: tasmota, knows: byQuery, refuse: warning}, 6},
		"shelly, nonces for three":         {Shelly, &simulated{body: shelly, knows: once.knows, refuse: once.refuse}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.device)
			defer s.Close()
			read := func(l Login, times int) (int, error) {
				r, err := NewReader(c.d, s.URL, l)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				n := 0
				for range times {
					if err := r.Read(t.Context(), func(m *meter.Telegram) { n += min(1, len(m.Readings)) }); err != nil {
						return n, err
					}
				}
				return n, nil
			}
			if n, err := read(Login{Password: secret}, 5); n != 5 || err != nil || c.device.asked != c.asked {
				t.Errorf("%d readings, asked %d times, want %d: %v", n, c.device.asked, c.asked, err)
			}
			for _, l := range []Login{{Password: "not-it"}, {User: "anna", Password: secret}} {
				c.device.asked = 0
				if n, err := read(l, 1); n != 0 || err == nil || !strings.Contains(err.Error(), "user and a password") || strings.Contains(err.Error(), l.Password) || c.device.asked > 2 {
					t.Errorf("%d readings, asked %d times: %v", n, c.device.asked, err)
				}
			}
			if n, err := read(Login{}, 1); n != 0 || err == nil {
				t.Errorf("without a password: %d readings, %v", n, err)
			}
			s.Close()
			if _, err := read(Login{Password: "not-it"}, 1); err == nil || strings.Contains(err.Error(), "not-it") || strings.Contains(err.Error(), "password=") {
				t.Errorf("of a device that is gone: %v", err)
			}
		})
	}
}

// TestWeakWays: a device that wants less than a digest with SHA-256 does not get the password, and one that says no is not asked again and again.
func TestWeakWays(t *testing.T) {
	for header, says := range map[string]string{
		`Digest qop="auth", realm="x", nonce="1", algorithm=MD5`:           "not by digest with SHA-256",
		`Digest realm="x", nonce="1"`:                                      "not by digest with SHA-256",
		`Basic realm="x"`:                                                  "not by digest with SHA-256",
		`Digest qop="auth-int", realm="x", nonce="1", algorithm=SHA-256`:   "not by digest with SHA-256",
		`Digest qop="auth", realm="x\"", nonce="1", algorithm=SHA-256`:     "not by digest with SHA-256",
		`Digest qop="auth", realm="x", nonce="1", algorithm=SHA-256`:       "user and a password", // the same again
		`Digest qop=auth,realm=x,nonce=1,algorithm="SHA-256",stale="true"`: "user and a password",
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; strings.Contains(r.Header.Get("Authorization"), "Basic") {
				t.Errorf("%s: the password is sent in plain text", header)
			}
			w.Header().Set("WWW-Authenticate", header)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		r, err := NewReader(Shelly, s.URL, Login{Password: secret})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(t.Context(), func(*meter.Telegram) { t.Errorf("%s: there is a telegram", header) }); err == nil || !strings.Contains(err.Error(), says) || asked > 2 {
			t.Errorf("%s: asked %d times, %v", header, asked, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	for _, l := range []Login{{User: "a:b", Password: "x"}, {User: "a\"", Password: "x"}, {User: "a\n", Password: "x"}, {Password: strings.Repeat("x", maxLogin+1)}} {
		if _, err := NewReader(Shelly, "http://plug", l); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}

// TestDigest computes the example of RFC 7616, section 3.9.1.
func TestDigest(t *testing.T) {
	d := digest{Login: Login{"Mufasa", "Circle of Life"}, realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"}
	got := d.response("GET", "/dir/index.html", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
	if diff := cmp.Diff("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", got); diff != "" {
		t.Error(diff)
	}
}

func FuzzChallenge(f *testing.F) {
	for _, s := range []string{
		`Digest qop="auth", realm="shellypro4pm-f008d1d8b8b8", nonce="60dc2c6b", algorithm=SHA-256`, `Digest a=,b="c",,`, `Basic realm="x"`, `Digest a="`, `digest A=b A=c`, "Digest a=\"\x00\"", "Digest =",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := parseChallenge(s)
		for k, v := range c {
			if !ok || k == "" || strings.ContainsAny(v, "\"\\\r\n") {
				t.Errorf("%q: %q is %q", s, k, v)
			}
		}
	})
}
