package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// Who may read without signing in what is answered for guests.
const (
	GuestsNever    = "never"
	GuestsLoopback = "loopback" // programs on the same machine, when the port is open to nobody else
	GuestsAnybody  = "anybody"  // everybody who reaches the port
)

// placeholder is what the page of the Titan Control Center sends as its token.
const placeholder = "{token}"

// Guests says who may ask the interfaces of other programs that are answered
// here, beside those who have a token or are signed in.
type Guests struct {
	Anonymous string   // who may read without either; default [GuestsNever]
	Origins   []string // pages that may read from elsewhere, as https://titan.example.org; "*": of everywhere
}

// Check says in a sentence what is wrong with the settings.
func (g *Guests) Check() error {
	switch g.Anonymous {
	case "", GuestsNever, GuestsLoopback, GuestsAnybody:
	default:
		return fmt.Errorf("anonymous is %q; it can be %q, %q or %q", g.Anonymous, GuestsNever, GuestsLoopback, GuestsAnybody)
	}
	for _, o := range g.Origins {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != o) {
			return fmt.Errorf("the origin %q is not like https://titan.example.org", o)
		}
	}
	return nil
}

// Guest lets guests read what next answers, and tells browsers which pages may.
// What next checks with [Require] holds for all others. Changing anything always
// needs a token or a session.
func (s *Service) Guest(g Guests, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(access.VoucherHeader) != "" { // from another process of ours, which has done all this
			next.ServeHTTP(w, r)
			return
		}
		if g.share(w, r) {
			return
		}
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		ctx := r.Context()
		who, known := access.From(ctx)
		_, refused := ctx.Value(refusedKey{}).(string)
		open := g.Anonymous == GuestsAnybody || g.Anonymous == GuestsLoopback && s.fromHere(r)
		if reads && open && !refused && (!known || who.Kind == access.KindAnonymous && !who.Has(access.Read)) {
			r = r.WithContext(access.With(ctx, access.Identity{Kind: access.KindAnonymous, Name: "anonymous", Scopes: []access.Scope{access.Read}}))
		}
		next.ServeHTTP(w, r)
	})
}

// share tells the browser of a page from elsewhere that it may read, and answers
// when that was the question.
func (g *Guests) share(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	h := w.Header()
	if len(g.Origins) > 0 {
		h.Add("Vary", "Origin")
	}
	all := slices.Contains(g.Origins, "*")
	if origin == "" || !all && !slices.Contains(g.Origins, origin) {
		if r.Method == http.MethodOptions {
			h.Set("Allow", "GET, HEAD")
			problem.Write(w, http.StatusForbidden, "pages of this origin may not read here")
			return true
		}
		return false
	}
	if all {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return false
	}
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	// The connection is all that can fail here.
	_, _ = w.Write([]byte("OK"))
	return true
}

// single takes out slashes that follow one another in the paths of interfaces:
// reverse proxies that join addresses make them, and a redirect to the right
// path would name one that is not the proxy's. Slashes that are written %2F
// belong to a name and stay.
func single(r *http.Request) *http.Request {
	path := r.URL.EscapedPath()
	if !strings.Contains(path, "//") || !isAPI("/"+strings.TrimLeft(r.URL.Path, "/")) {
		return r
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	u := *r.URL
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path) // it was escaped well before
	out := r.WithContext(r.Context())
	out.URL = &u
	return out
}
