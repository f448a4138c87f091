package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/problem"
)

const adminPassword = "a long password"

// world is a gateway that answers on a real port.
type world struct {
	*Service
	store *access.Store
	admin access.User
}

func start(t *testing.T, change func(*Options), routes func(*Service)) *world {
	t.Helper()
	store, err := access.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	admin, _, err := store.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetPassword(t.Context(), admin.ID, adminPassword); err != nil {
		t.Fatal(err)
	}
	o := Options{Addr: "127.0.0.1:0", Access: store, Version: "1.2.3", Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "page")
	})}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if routes != nil {
		routes(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{Service: s, store: store, admin: admin}
}

type answer struct {
	*http.Response
	body string
}

func (w *world) client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// do asks with headers given as "Name: value".
func (w *world) do(t *testing.T, c *http.Client, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if k == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	if c == nil {
		c = w.client(t)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(data)}
}

func (w *world) token(t *testing.T, scopes ...access.Scope) string {
	t.Helper()
	sec, _, err := w.store.CreateToken(t.Context(), access.TokenSpec{Name: "test", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return sec
}

// wantProblem checks that an error is a problem document of that status.
func wantProblem(t *testing.T, a answer, status int, words string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("answered %d %s %s, want %d", a.StatusCode, a.Header.Get("Content-Type"), a.body, status)
		return
	}
	var d problem.Details
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || d.Status != status || d.Title == "" || !strings.Contains(d.Detail, words) {
		t.Errorf("the problem is %s (%v), want %q in it", a.body, err, words)
	}
}

func routes(s *Service) {
	type body struct{ Body struct{ Who string } }
	for path, scope := range map[string]access.Scope{"/api/v1/things/{id}": access.Read, "/api/v1/operate/{id}": access.Operate} {
		huma.Register(s.API(), huma.Operation{OperationID: path, Method: http.MethodGet, Path: path, Security: Needs(scope)},
			func(ctx context.Context, in *struct {
				ID string `path:"id"`
			}) (*body, error) {
				who, _ := access.From(ctx)
				o := new(body)
				o.Body.Who = who.Name + " " + in.ID
				return o, nil
			})
	}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			problem.Write(w, http.StatusRequestEntityTooLarge, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	s.Handle("POST /write", Require(access.Ingest, echo))
	s.Handle("POST /api/v1/ingest/json", Require(access.Ingest, echo))
	s.Handle("GET /api/v1/broken", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("ouch") }))
}

func TestErrorsAreProblems(t *testing.T) {
	w := start(t, func(o *Options) { o.MaxBody = 1000 }, routes)
	tok := "Authorization: Bearer " + w.token(t, access.Read)
	wantProblem(t, w.do(t, nil, "GET", "/api/v1/nothing", ""), 404, "/api/v1/nothing")
	a := w.do(t, nil, "DELETE", "/api/v1/things/x", "")
	wantProblem(t, a, 405, "DELETE")
	if a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
	wantProblem(t, w.do(t, nil, "GET", "/write", ""), 405, "POST")
	wantProblem(t, w.do(t, nil, "POST", "/some/page", ""), 405, "GET")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/login", "{"), 400, "")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/login", `{"name":1}`), 422, "validation")
	wantProblem(t, w.do(t, nil, "GET", "/api/v1/broken", "", tok), 500, "fault")
	wantProblem(t, w.do(t, nil, "POST", "/write", strings.Repeat("x", 1001)), 413, "1001")
	if a := w.do(t, nil, "GET", "/some/page", ""); a.StatusCode != 200 || a.body != "page" {
		t.Errorf("the page answered %d %s", a.StatusCode, a.body)
	}
	// An identifier may be any text, in one segment.
	if a := w.do(t, nil, "GET", "/api/v1/things/a%2Fb%20%C3%BC%2E%2E", "", tok); !strings.Contains(a.body, "test a/b ü..") {
		t.Errorf("the identifier arrived as %s", a.body)
	}
}

func TestScopes(t *testing.T) {
	w := start(t, nil, routes)
	read, ingest := w.token(t, access.Read), w.token(t, access.Ingest)
	basic := func(token string) string {
		r, _ := http.NewRequest("GET", "/", nil)
		r.SetBasicAuth("anyone", token)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	far := "X-Forwarded-For: 192.0.2.1" // not certainly from this machine
	for _, c := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"nobody reads", "GET", "/api/v1/things/x", nil, 401},
		{"bearer", "GET", "/api/v1/things/x", []string{"Authorization: Bearer " + read}, 200},
		{"case of the word", "GET", "/api/v1/things/x", []string{"Authorization: bearer " + read}, 200},
		{"influx 2", "POST", "/write", []string{"Authorization: Token " + ingest}, 204},
		{"influx 1 in a header", "POST", "/write", []string{"Authorization: Token me:" + ingest}, 204},
		{"basic", "POST", "/write", []string{basic(ingest)}, 204},
		{"influx 1 in the query", "POST", "/write?u=me&p=" + ingest, []string{far}, 204},
		{"the query is for influx alone", "GET", "/api/v1/things/x?p=" + read, nil, 401},
		{"too little", "GET", "/api/v1/operate/x", []string{"Authorization: Bearer " + read}, 403},
		{"too little, plain", "POST", "/write", []string{"Authorization: Bearer " + read}, 403},
		{"wrong", "GET", "/api/v1/things/x", []string{"Authorization: Bearer ww_wrong"}, 401},
		{"wrong, though anonymous would do", "POST", "/write", []string{"Authorization: Token wrong"}, 401},
		{"anonymous from here", "POST", "/write", nil, 204},
		{"anonymous through a proxy", "POST", "/write", []string{far}, 401},
		{"anonymous by a name that points here", "POST", "/write", []string{"Host: evil.example:80"}, 401},
		{"a web page elsewhere", "POST", "/write", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		{"an old browser elsewhere", "POST", "/write", []string{"Origin: https://evil.example"}, 403},
	} {
		a := w.do(t, nil, c.method, c.path, "", c.headers...)
		if a.StatusCode != c.want {
			t.Errorf("%s: answered %d %s, want %d", c.name, a.StatusCode, a.body, c.want)
		}
		if c.want >= 400 {
			wantProblem(t, a, c.want, "")
		}
		if c.want == 401 && a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", c.name)
		}
	}
	never := start(t, func(o *Options) { o.AnonymousIngest = AnonymousNever }, routes)
	wantProblem(t, never.do(t, nil, "POST", "/write", ""), 401, "ingest")
}

func TestPasswordSignIn(t *testing.T) {
	w := start(t, nil, routes)
	c := w.client(t)
	wantProblem(t, w.do(t, c, "GET", "/api/v1/me", ""), 401, "sign in")
	wrong := w.do(t, c, "POST", "/api/v1/login", `{"name":"admin","password":"wrong"}`)
	if wantProblem(t, wrong, 401, "wrong"); !strings.Contains(wrong.body, `"type":"urn:wattwerk:problem:sign-in-refused"`) {
		t.Errorf("the problem is %s", wrong.body)
	}
	a := w.do(t, c, "POST", "/api/v1/login", `{"name":"admin","password":"`+adminPassword+`"}`)
	if a.StatusCode != 200 || !strings.Contains(a.body, "administrator") {
		t.Fatalf("signing in: %d %s", a.StatusCode, a.body)
	}
	cookie := a.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || cookie.MaxAge <= 0 {
		t.Errorf("the cookie is %v", cookie)
	}
	if a := w.do(t, c, "GET", "/api/v1/operate/x", ""); a.StatusCode != 200 {
		t.Errorf("with the session: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, c, "POST", "/api/v1/me/password", `{"old":"wrong","new":"another password"}`), 401, "")
	if a := w.do(t, c, "POST", "/api/v1/me/password", `{"old":"`+adminPassword+`","new":"another password"}`); a.StatusCode != 200 {
		t.Errorf("changing the password: %d %s", a.StatusCode, a.body)
	}
	if a := w.do(t, c, "GET", "/api/v1/me", ""); a.StatusCode != 200 {
		t.Errorf("after changing the password: %d %s", a.StatusCode, a.body)
	}
	if a := w.do(t, c, "POST", "/api/v1/logout", ""); a.StatusCode != 204 {
		t.Errorf("signing out: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, c, "GET", "/api/v1/me", ""), 401, "")
	for range 8 {
		w.do(t, c, "POST", "/api/v1/login", `{"name":"eva","password":"wrong"}`)
	}
	a = w.do(t, c, "POST", "/api/v1/login", `{"name":"eva","password":"wrong"}`)
	wantProblem(t, a, 429, "too many")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestOneTimeLink(t *testing.T) {
	w := start(t, nil, routes)
	link, err := w.SignInURL(t.Context(), w.admin.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(link, "http://"+w.Addr()+"/login?once=") {
		t.Fatalf("the link is %s", link)
	}
	path := strings.TrimPrefix(link, "http://"+w.Addr())
	c := w.client(t)
	a := w.do(t, c, "GET", path, "")
	if a.StatusCode != 303 || a.Header.Get("Location") != "/" {
		t.Fatalf("the link answered %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := w.do(t, c, "GET", "/api/v1/me", ""); a.StatusCode != 200 {
		t.Errorf("after the link: %d", a.StatusCode)
	}
	a = w.do(t, nil, "GET", path, "")
	if a.Header.Get("Location") != "/#/sign-in?why=link" || len(a.Cookies()) != 0 {
		t.Errorf("the second time: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := w.do(t, nil, "GET", "/login", ""); a.Header.Get("Location") != "/#/sign-in" {
		t.Errorf("without a link: %s", a.Header.Get("Location"))
	}
}

func TestUsersAndTokensOverHTTP(t *testing.T) {
	w := start(t, nil, routes)
	admin := "Authorization: Bearer " + w.token(t, access.Admin)
	wantProblem(t, w.do(t, nil, "GET", "/api/v1/users", "", "Authorization: Bearer "+w.token(t, access.Operate)), 403, "admin")
	a := w.do(t, nil, "POST", "/api/v1/users", `{"name":"eva","password":"long enough 1","role":"viewer"}`, admin)
	var user UserView
	if err := json.Unmarshal([]byte(a.body), &user); err != nil || a.StatusCode != 201 {
		t.Fatalf("creating: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/users", `{"name":"EVA","password":"long enough 1","role":"viewer"}`, admin), 409, "EVA")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/users", `{"name":"x","password":"short","role":"viewer"}`, admin), 422, "")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/users", `{"name":" x","password":"long enough 1","role":"viewer"}`, admin), 422, "spaces")
	if a := w.do(t, nil, "PATCH", "/api/v1/users/"+user.ID, `{"role":"operator"}`, admin); !strings.Contains(a.body, "operator") {
		t.Errorf("changing: %d %s", a.StatusCode, a.body)
	}
	a = w.do(t, nil, "POST", "/api/v1/users/"+user.ID+"/link", "", admin)
	var link LinkView
	if err := json.Unmarshal([]byte(a.body), &link); err != nil || !strings.Contains(link.URL, "once=") {
		t.Errorf("a link: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "DELETE", "/api/v1/users/"+w.admin.ID, "", admin), 409, "last administrator")
	if a := w.do(t, nil, "DELETE", "/api/v1/users/"+user.ID, "", admin); a.StatusCode != 204 {
		t.Errorf("deleting: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "PATCH", "/api/v1/users/"+user.ID, `{"role":"operator"}`, admin), 404, "")

	a = w.do(t, nil, "POST", "/api/v1/tokens", `{"name":"telegraf","scopes":["ingest"]}`, admin)
	var tok NewTokenView
	if err := json.Unmarshal([]byte(a.body), &tok); err != nil || a.StatusCode != 201 {
		t.Fatalf("a token: %d %s", a.StatusCode, a.body)
	}
	if a := w.do(t, nil, "POST", "/write", "", "Authorization: Token "+tok.Secret); a.StatusCode != 204 {
		t.Errorf("using it: %d", a.StatusCode)
	}
	if a := w.do(t, nil, "GET", "/api/v1/tokens", "", admin); !strings.Contains(a.body, "telegraf") || strings.Contains(a.body, tok.Secret) {
		t.Errorf("the list: %s", a.body)
	}
	if a := w.do(t, nil, "DELETE", "/api/v1/tokens/"+tok.ID, "", admin); a.StatusCode != 204 {
		t.Errorf("revoking: %d", a.StatusCode)
	}
	wantProblem(t, w.do(t, nil, "POST", "/write", "", "Authorization: Token "+tok.Secret), 401, "revoked")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/tokens", `{"name":"x","role":"viewer","scopes":["read"]}`, admin), 422, "both")
	wantProblem(t, w.do(t, nil, "POST", "/api/v1/tokens", `{"name":"x","scopes":["fly"]}`, admin), 422, "")
}

func TestRefusesWhatIsUnsafe(t *testing.T) {
	store, err := access.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Addr: "0.0.0.0:0", NoSignIn: true}, "sign-in is switched off"},
		{Options{Addr: ":0", NoSignIn: true}, "sign-in is switched off"},
		{Options{Addr: "[::]:0", NoSignIn: true}, "sign-in is switched off"},
		{Options{Addr: "example.org:0", NoSignIn: true}, "sign-in is switched off"},
		{Options{Addr: "127.0.0.1:0"}, "no store of users"},
		{Options{Addr: "8080", Access: store}, "HOST:PORT"},
		{Options{Addr: "127.0.0.1:0", Access: store, AnonymousIngest: "always"}, "anonymous ingest"},
		{Options{Addr: "127.0.0.1:0", Access: store, BasePath: "x"}, "base path"},
		{Options{Addr: "127.0.0.1:0", Access: store, PublicURL: "power.example.org"}, "public URL"},
		{Options{Addr: "127.0.0.1:0", Access: store, TLSCert: "x"}, "key"},
		{Options{Addr: "127.0.0.1:0", Access: store, NoPasswords: true}, "provider"},
		{Options{Addr: "127.0.0.1:0", Access: store, OIDC: &OIDC{Issuer: "https://id.example", ClientID: "x", DefaultRole: access.Viewer}}, "public URL"},
		{Options{Addr: "127.0.0.1:0", Access: store, PublicURL: "https://x.example", OIDC: &OIDC{Issuer: "https://id.example", ClientID: "x"}}, "nobody could come in"},
	} {
		s, err := New(c.o)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v) = %v, want %q", c.o, err, c.want)
		}
	}
}

func TestWithoutSignIn(t *testing.T) {
	w := start(t, func(o *Options) { o.Access, o.NoSignIn = nil, true }, routes)
	if a := w.do(t, nil, "GET", "/api/v1/operate/x", ""); a.StatusCode != 200 {
		t.Errorf("answered %d %s", a.StatusCode, a.body)
	}
	if a := w.do(t, nil, "GET", "/api/v1/me", ""); a.StatusCode != 200 || !strings.Contains(a.body, "anonymous") {
		t.Errorf("me: %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "POST", "/write", "", "Sec-Fetch-Site: cross-site"), 403, "another web site")
}

func TestPlainPages(t *testing.T) {
	var bad error
	w := start(t, func(o *Options) {
		o.Ready = []Check{{Name: "bus", Ask: func(context.Context) error { return nil }}, {Name: "history", Ask: func(context.Context) error { return bad }}}
	}, routes)
	for path, words := range map[string]string{
		"/healthz": "ok", "/readyz": `"history":"ok"`, "/metrics": "wattwerk_http_requests_running", "/docs": "docs/docs.js",
		"/docs/docs.js": "openapi.json", "/docs/docs.css": "details", "/openapi.json": `"openapi":"3.1.0"`, "/openapi.yaml": "openapi: 3.1.0",
	} {
		a := w.do(t, nil, "GET", path, "")
		if a.StatusCode != 200 || !strings.Contains(a.body, words) {
			t.Errorf("%s answered %d without %q: %.200s", path, a.StatusCode, words, a.body)
		}
		if strings.Contains(a.body, "://cdn") || strings.Contains(a.body, "unpkg") {
			t.Errorf("%s loads from elsewhere", path)
		}
		csp := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'self';") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s has the headers %v", path, a.Header)
		}
	}
	wantProblem(t, w.do(t, nil, "GET", "/metrics", "", "X-Forwarded-For: 192.0.2.1"), 401, "read")
	bad = errors.New("/secret/place is full")
	wantProblem(t, w.do(t, nil, "GET", "/readyz", ""), 503, "history: /secret/place is full")
	a := w.do(t, nil, "GET", "/readyz", "", "X-Forwarded-For: 192.0.2.1")
	if wantProblem(t, a, 503, "history"); strings.Contains(a.body, "secret") {
		t.Errorf("a stranger learns %s", a.body)
	}
	doc, err := w.OpenAPI()
	if err != nil || !strings.Contains(string(doc), `"/api/v1/things/{id}"`) {
		t.Errorf("the document: %v", err)
	}
}

func TestBasePathAndPublicURL(t *testing.T) {
	w := start(t, func(o *Options) { o.BasePath, o.PublicURL = "/power/", "https://example.org/power" }, routes)
	if got := w.URL(); got != "https://example.org/power" {
		t.Errorf("the URL is %s", got)
	}
	for path, want := range map[string]int{"/power": 308, "/power/": 200, "/power/healthz": 200, "/healthz": 200, "/power/api/v1/nothing": 404} {
		if a := w.do(t, nil, "GET", path, ""); a.StatusCode != want {
			t.Errorf("%s answered %d, want %d", path, a.StatusCode, want)
		}
	}
	a := w.do(t, nil, "POST", "/power/api/v1/login", `{"name":"admin","password":"`+adminPassword+`"}`)
	if len(a.Cookies()) != 1 || !a.Cookies()[0].Secure || a.Cookies()[0].Path != "/power/" {
		t.Errorf("the cookies are %v", a.Cookies())
	}
	if a := w.do(t, nil, "POST", "/power/write", "", "Origin: https://example.org"); a.StatusCode != 401 {
		t.Errorf("the own page behind a proxy, unsigned: %d", a.StatusCode)
	}
	tok := "Authorization: Bearer " + w.token(t, access.Read)
	if a := w.do(t, nil, "GET", "/power/api/v1/things/a%2Fb", "", tok); !strings.Contains(a.body, "a/b") {
		t.Errorf("an escaped identifier: %d %s", a.StatusCode, a.body)
	}
}

// TestPublicPath: who names the public URL alone has named the path, whether the
// proxy takes it off or not.
func TestPublicPath(t *testing.T) {
	w := start(t, func(o *Options) { o.PublicURL = "https://example.org/power/" }, routes)
	for path, want := range map[string]int{"/power": 308, "/power/": 200, "/power/healthz": 200, "/healthz": 200, "/powerful": 200, "/power/api/v1/nothing": 404} {
		if a := w.do(t, nil, "GET", path, ""); a.StatusCode != want {
			t.Errorf("%s answered %d, want %d", path, a.StatusCode, want)
		}
	}
	link, err := w.SignInURL(t.Context(), w.admin.ID)
	if err != nil || !strings.HasPrefix(link, "https://example.org/power/login?once=") {
		t.Fatalf("the link is %s, %v", link, err)
	}
	a := w.do(t, nil, "GET", strings.TrimPrefix(link, "https://example.org"), "")
	if a.StatusCode != 303 || a.Header.Get("Location") != "https://example.org/power/" || len(a.Cookies()) != 1 || a.Cookies()[0].Path != "/power/" {
		t.Errorf("the link leads to %d %s with %v", a.StatusCode, a.Header.Get("Location"), a.Cookies())
	}
}

func TestStreamOutlivesTheDeadlineAndEndsWithTheService(t *testing.T) {
	began := make(chan struct{})
	ended := make(chan struct{})
	w := start(t, nil, func(s *Service) {
		s.Handle("GET /api/v1/forever", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			close(began)
			<-r.Context().Done()
			close(ended)
		}))
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+w.Addr()+"/api/v1/forever", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	_ = res.Body.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler does not see that nobody reads")
	}
}

func TestTLSNeedsItsFiles(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0", NoSignIn: true, TLSCert: "missing.pem", TLSKey: "missing.key"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("the URL is %s", s.URL())
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("a missing certificate: %v", err)
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "localhost": true, "": false, "0.0.0.0": false, "::": false, "192.0.2.1": false, "localhost.evil.example": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %v", host, got)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"", "Bearer x", "Token a:b", "Basic Og==", "Basic !", "bearer", "  "} {
		f.Add(s, "/write?p=x")
	}
	f.Fuzz(func(_ *testing.T, header, target string) {
		u, err := url.Parse(target)
		if err != nil {
			return
		}
		tokenOf(&http.Request{Header: http.Header{"Authorization": {header}}, URL: u})
	})
}

// TestVouchers lets another process of the installation say who asks.
func TestVouchers(t *testing.T) {
	n, err := access.NewNotary(bytes.Repeat([]byte{1}, access.NotaryKey))
	if err != nil {
		t.Fatal(err)
	}
	other, err := access.NewNotary(bytes.Repeat([]byte{2}, access.NotaryKey))
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, func(o *Options) { o.Notary = func() *access.Notary { return n } }, routes)
	none := start(t, nil, routes)
	eva := access.Identity{Kind: access.KindUser, ID: "u_1", Name: "eva", Role: access.Viewer, Scopes: access.Viewer.Scopes()}
	said := func(by *access.Notary, who access.Identity, method, target string) string {
		return access.VoucherHeader + ": " + by.Vouch(who, method, target)
	}
	if a := w.do(t, nil, "GET", "/api/v1/me?x=1", "", said(n, eva, "GET", "/api/v1/me?x=1")); a.StatusCode != 200 || !strings.Contains(a.body, `"eva"`) {
		t.Errorf("answered %d %s", a.StatusCode, a.body)
	}
	// Nobody stays nobody, though the process would let programs on its machine in.
	if a := w.do(t, nil, "POST", "/write", "x"); a.StatusCode/100 != 2 {
		t.Errorf("without a voucher answered %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "POST", "/write", "x", said(n, access.Identity{}, "POST", "/write")), 401, "sign in")
	wantProblem(t, w.do(t, nil, "POST", "/write", "x", said(n, eva, "POST", "/write")), 403, "eva may not")
	secret := w.token(t, access.Scopes()...)
	for name, header := range map[string]string{
		"other path":   said(n, eva, "GET", "/api/v1/model"),
		"other query":  said(n, eva, "GET", "/api/v1/me?x=2"),
		"other method": said(n, eva, "POST", "/api/v1/me?x=1"),
		"other key":    said(other, eva, "GET", "/api/v1/me?x=1"),
		"noise":        access.VoucherHeader + ": admin",
	} {
		a := w.do(t, nil, "GET", "/api/v1/me?x=1", "", header, "Authorization: Bearer "+secret)
		if wantProblem(t, a, 401, "vouched"); a.Header.Get(access.VoucherHeader) != "refused" {
			t.Errorf("%s: the other process is not told", name)
		}
		// It opens nothing that is open to all either.
		wantProblem(t, w.do(t, nil, "GET", "/healthz?x=1", "", header), 401, "vouched")
	}
	wantProblem(t, none.do(t, nil, "GET", "/api/v1/me?x=1", "", said(n, eva, "GET", "/api/v1/me?x=1")), 401, "vouched")
}

// TestElsewhere registers operations that another handler answers.
func TestElsewhere(t *testing.T) {
	there := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := access.From(r.Context())
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, who.Name+" "+r.URL.RequestURI())
	})
	register := func(_ *Service, api huma.API) {
		huma.Register(api, huma.Operation{OperationID: "far", Method: "PUT", Path: "/api/v1/far/{id}", Security: Needs(access.Read)},
			func(context.Context, *struct {
				ID   string `path:"id" maxLength:"1"`
				Body struct{ Number int }
			}) (*struct{}, error) {
				t.Error("the function was called")
				return nil, nil
			})
	}
	w := start(t, nil, func(s *Service) { register(s, s.Elsewhere(there)) })
	same := start(t, nil, func(s *Service) { register(s, s.API()) })
	secret := "Authorization: Bearer " + w.token(t, access.Read)
	if a := w.do(t, nil, "PUT", "/api/v1/far/long%2Fname?q=1", "no number", secret); a.StatusCode != 202 || a.body != "test /api/v1/far/long%2Fname?q=1" {
		t.Errorf("answered %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, w.do(t, nil, "PUT", "/api/v1/far/a", ""), 401, "sign in")
	wantProblem(t, w.do(t, nil, "PUT", "/api/v1/far/a", "", "Authorization: Bearer "+w.token(t, access.Ingest)), 403, "scope read")
	wantProblem(t, w.do(t, nil, "GET", "/api/v1/far/a", "", secret), 405, "PUT")
	one, err := w.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	two, err := same.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(one), string(two)); d != "" {
		t.Errorf("the documents differ:\n%s", d)
	}
}

// TestReadyNamesWhatIsMissing and stays ready for the rest.
func TestReadyNamesWhatIsMissing(t *testing.T) {
	w := start(t, func(o *Options) {
		o.Ready = []Check{{Name: "history", Elsewhere: true, Ask: func(context.Context) error { return errors.New("no process runs it") }}}
	}, nil)
	if a := w.do(t, nil, "GET", "/readyz", ""); a.StatusCode != 200 || !strings.Contains(a.body, `"history":"no process runs it"`) {
		t.Errorf("answered %d %s", a.StatusCode, a.body)
	}
	if a := w.do(t, nil, "GET", "/readyz", "", "X-Forwarded-For: 6.6.6.6"); a.StatusCode != 200 || !strings.Contains(a.body, `"history":"missing"`) {
		t.Errorf("answered %d %s", a.StatusCode, a.body)
	}
}
