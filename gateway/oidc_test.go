package gateway

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/access"
)

// fakeProvider is a small OpenID provider that everybody may sign in at.
type fakeProvider struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any // beside the usual ones
	change func(claims map[string]any)

	nonce, challenge, redirect string
}

func raw(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func newFakeProvider(t *testing.T) *fakeProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProvider{key: key}
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		e := big.NewInt(int64(key.E)).Bytes()
		say(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": raw(key.N.Bytes()), "e": raw(e)}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p.nonce, p.challenge, p.redirect = q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")
		if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "wattwerk" {
			t.Errorf("asked with %v", q)
		}
		http.Redirect(w, r, p.redirect+"?"+url.Values{"code": {"the-code"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if r.FormValue("code") != "the-code" || raw(sum[:]) != p.challenge {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		claims := map[string]any{"iss": p.URL, "aud": "wattwerk", "sub": "42", "nonce": p.nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		for k, v := range p.claims {
			claims[k] = v
		}
		if p.change != nil {
			p.change(claims)
		}
		say(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(t, claims)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *fakeProvider) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := raw([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + raw(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + raw(sig)
}

// signIn goes the whole way and gives where the browser ends.
func signInAt(t *testing.T, w *world, p *fakeProvider, c *http.Client) string {
	t.Helper()
	a := w.do(t, c, "GET", "/auth/oidc", "")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), p.URL+"/authorize?") {
		t.Fatalf("sent to %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	res, err := c.Get(a.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back := res.Header.Get("Location")
	if !strings.HasPrefix(back, "http://wattwerk.example/auth/oidc/callback?") {
		t.Fatalf("the provider was given the way back %s", back)
	}
	a = w.do(t, c, "GET", strings.TrimPrefix(back, "http://wattwerk.example"), "")
	return a.Header.Get("Location")
}

func TestOIDC(t *testing.T) {
	p := newFakeProvider(t)
	w := start(t, func(o *Options) {
		o.PublicURL, o.NoPasswords = "http://wattwerk.example", true
		o.OIDC = &OIDC{
			Issuer: p.URL, ClientID: "wattwerk", ClientSecret: "s", Name: "Company",
			Roles: map[string]access.Role{"energy": access.Operator, "it": access.Administrator},
		}
	}, routes)
	if a := w.do(t, nil, "GET", "/api/v1/sign-in", ""); !strings.Contains(a.body, `"name":"Company"`) || !strings.Contains(a.body, `"passwords":false`) {
		t.Errorf("the ways to sign in: %s", a.body)
	}
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/login", `{"name":"admin","password":"`+adminPassword+`"}`), 403, "provider")
	for _, c := range []struct {
		name   string
		claims map[string]any
		change func(map[string]any)
		lands  string
		role   string
	}{
		{"in a group", map[string]any{"groups": []string{"sports", "energy"}, "preferred_username": "eva"}, nil, "http://wattwerk.example/", "operator"},
		{"the highest role counts", map[string]any{"groups": []string{"it", "energy"}, "preferred_username": "eva"}, nil, "http://wattwerk.example/", "administrator"},
		{"one group as text", map[string]any{"groups": "energy"}, nil, "http://wattwerk.example/", "operator"},
		{"in no group", map[string]any{"groups": []string{"sports"}}, nil, "http://wattwerk.example/#/sign-in?why=denied", ""},
		{"no groups at all", nil, nil, "http://wattwerk.example/#/sign-in?why=denied", ""},
		{"another sign-in", map[string]any{"groups": "it"}, func(m map[string]any) { m["nonce"] = "other" }, "http://wattwerk.example/#/sign-in?why=provider", ""},
		{"for another program", map[string]any{"groups": "it"}, func(m map[string]any) { m["aud"] = "other" }, "http://wattwerk.example/#/sign-in?why=provider", ""},
		{"from another issuer", map[string]any{"groups": "it"}, func(m map[string]any) { m["iss"] = "https://evil.example" }, "http://wattwerk.example/#/sign-in?why=provider", ""},
		{"expired", map[string]any{"groups": "it"}, func(m map[string]any) { m["exp"] = 1 }, "http://wattwerk.example/#/sign-in?why=provider", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.claims, p.change = c.claims, c.change
			client := w.client(t)
			if got := signInAt(t, w, p, client); got != c.lands {
				t.Fatalf("lands at %s, want %s", got, c.lands)
			}
			a := w.do(t, client, "GET", "/api/v1/me", "")
			if c.role == "" {
				wantProblem(t, a, 401, "")
			} else if !strings.Contains(a.body, `"role":"`+c.role+`"`) {
				t.Errorf("signed in as %s", a.body)
			}
		})
	}
	us, err := w.store.Users(t.Context())
	if err != nil || len(us) != 2 {
		t.Errorf("the same person became %+v, %v", us, err)
	}
}

func TestOIDCRefusesForgedAnswers(t *testing.T) {
	p := newFakeProvider(t)
	p.claims = map[string]any{"groups": "it"}
	w := start(t, func(o *Options) {
		o.PublicURL = "http://wattwerk.example"
		o.OIDC = &OIDC{Issuer: p.URL, ClientID: "wattwerk", DefaultRole: access.Viewer}
	}, routes)
	for _, path := range []string{
		"/auth/oidc/callback", "/auth/oidc/callback?state=x&code=the-code",
	} {
		c := w.client(t)
		if a := w.do(t, c, "GET", path, ""); a.Header.Get("Location") != "http://wattwerk.example/#/sign-in?why=provider" {
			t.Errorf("%s without beginning lands at %s", path, a.Header.Get("Location"))
		}
		w.do(t, c, "GET", "/auth/oidc", "")
		if a := w.do(t, c, "GET", path, ""); a.Header.Get("Location") != "http://wattwerk.example/#/sign-in?why=provider" {
			t.Errorf("%s with another state lands at %s", path, a.Header.Get("Location"))
		}
	}
	c := w.client(t)
	a := w.do(t, c, "GET", "/auth/oidc", "")
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	back := "/auth/oidc/callback?error=access_denied&state=" + to.Query().Get("state")
	if a := w.do(t, c, "GET", back, ""); a.Header.Get("Location") != "http://wattwerk.example/#/sign-in?why=denied" {
		t.Errorf("a refusal lands at %s", a.Header.Get("Location"))
	}
	if a := w.do(t, c, "GET", "/auth/oidc/callback", "", "Cookie: wattwerk_oidc=!!!"); !strings.HasSuffix(a.Header.Get("Location"), "why=provider") {
		t.Errorf("a damaged cookie lands at %s", a.Header.Get("Location"))
	}
}

func TestOIDCProviderOutOfReach(t *testing.T) {
	p := newFakeProvider(t)
	address := p.URL
	p.Close()
	w := start(t, func(o *Options) {
		o.PublicURL = "http://wattwerk.example"
		o.OIDC = &OIDC{Issuer: address, ClientID: "wattwerk", DefaultRole: access.Viewer}
	}, routes)
	if a := w.do(t, nil, "GET", "/auth/oidc", ""); a.Header.Get("Location") != "http://wattwerk.example/#/sign-in?why=provider" {
		t.Errorf("lands at %s", a.Header.Get("Location"))
	}
}
