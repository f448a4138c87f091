package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// Scheme is the name operations give in their Security.
const Scheme = "wattwerk"

// Needs is the Security of an operation that needs the scopes.
func Needs(scopes ...access.Scope) []map[string][]string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return []map[string][]string{{Scheme: names}}
}

type refusedKey struct{}

// identify puts who asks into the context. Credentials that are wrong leave a
// sentence there instead, which [Require] answers with.
func (s *Service) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if said := r.Header.Values(access.VoucherHeader); len(said) > 0 {
			who, err := s.vouched(r, said)
			if err != nil {
				s.opts.Log.Warn("identity refused", "remote", remoteHost(r), "path", r.URL.Path, "error", err)
				// It tells another process of ours that this is not about the person.
				w.Header().Set(access.VoucherHeader, "refused")
				w.Header().Set("WWW-Authenticate", challenge)
				problem.Write(w, http.StatusUnauthorized, err.Error())
				return
			}
			if who.Kind != "" {
				ctx = access.With(ctx, who)
			}
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		who, still, ok, err := s.who(r)
		switch {
		case errors.Is(err, access.ErrDenied):
			ctx = context.WithValue(ctx, refusedKey{}, err.Error())
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			s.opts.Log.Error("identity unknown", "error", err)
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
			problem.WriteAs(w, http.StatusServiceUnavailable, phrase.DatabaseAway, "who you are could not be looked up; try again in a moment")
			return
		case ok:
			ctx = access.With(ctx, who)
		}
		if still != nil && ok {
			s.serveWhile(w, r.WithContext(ctx), who, still, next)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// vouched is who another process of the installation says it is. Nothing else
// that the request brings counts then.
func (s *Service) vouched(r *http.Request, said []string) (access.Identity, error) {
	var n *access.Notary
	if s.opts.Notary != nil {
		n = s.opts.Notary()
	}
	if n == nil || len(said) != 1 {
		return access.Identity{}, access.ErrForged
	}
	// Not r.URL, from which the base path has been taken.
	return n.Check(said[0], r.Method, r.RequestURI)
}

func (s *Service) who(r *http.Request) (who access.Identity, still proof, ok bool, err error) {
	if s.opts.NoSignIn {
		return access.Identity{Kind: access.KindAnonymous, Name: "anonymous", Role: access.Administrator, Scopes: access.Scopes()}, nil, true, nil
	}
	if token := tokenOf(r); token != "" {
		still = func(ctx context.Context) (access.Identity, error) { return s.opts.Access.Token(ctx, token) }
		who, err = still(r.Context())
		return who, still, err == nil, err
	}
	if c, err := r.Cookie(s.cookieName()); err == nil && c.Value != "" {
		still = func(ctx context.Context) (access.Identity, error) { return s.opts.Access.Session(ctx, c.Value) }
		who, err := still(r.Context())
		if err == nil || !errors.Is(err, access.ErrDenied) {
			return who, still, err == nil, err
		}
		// An ended session is as good as none.
	}
	if s.opts.AnonymousIngest == AnonymousLoopback && s.fromHere(r) {
		return access.Identity{Kind: access.KindAnonymous, Name: "anonymous", Scopes: []access.Scope{access.Ingest}}, nil, true, nil
	}
	return access.Identity{}, nil, false, nil
}

// tokenOf finds a token: as Bearer, as InfluxDB 2 clients send it (Token), as
// the password of Basic, and on the paths of InfluxDB 1 as the parameter p.
func tokenOf(r *http.Request) string {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, value, _ := strings.Cut(h, " ")
		switch strings.ToLower(scheme) {
		case "bearer", "token":
			value = strings.TrimSpace(value)
			// Some clients send "user:token" here.
			if _, after, ok := strings.Cut(value, ":"); ok {
				value = after
			}
			if value == placeholder { // as good as none
				return ""
			}
			return value
		case "basic":
			_, password, _ := r.BasicAuth()
			return password
		}
		return ""
	}
	switch r.URL.Path {
	case "/write", "/query", "/ping", "/api/v2/write":
		return r.URL.Query().Get("p")
	}
	return ""
}

// fromHere tells whether a request certainly comes from a program on this
// machine: not through a reverse proxy, and not from a web page of a name that
// was made to point here.
func (s *Service) fromHere(r *http.Request) bool {
	if !s.loopback || s.public != nil {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !ap.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return isLoopback(strings.Trim(host, "[]"))
}

// Require lets only those through who have the scope.
func Require(scope access.Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, detail := refuse(r.Context(), scope); status != 0 {
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			problem.Write(w, status, detail)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const challenge = `Bearer realm="wattwerk"`

// refuse gives a status other than 0 when who asks may not.
func refuse(ctx context.Context, scopes ...access.Scope) (int, string) {
	who, ok := access.From(ctx)
	for _, scope := range scopes {
		if ok && who.Has(scope) {
			continue
		}
		if sentence, bad := ctx.Value(refusedKey{}).(string); bad {
			return http.StatusUnauthorized, sentence
		}
		if !ok || who.Kind == access.KindAnonymous {
			return http.StatusUnauthorized, "sign in, or send a token with the scope " + string(scope)
		}
		return http.StatusForbidden, who.Name + " may not do this: the scope " + string(scope) + " is missing"
	}
	return 0, ""
}

// authorise checks the scopes an operation names.
func (s *Service) authorise(ctx huma.Context, next func(huma.Context)) {
	for _, alternative := range ctx.Operation().Security {
		names, ok := alternative[Scheme]
		if !ok {
			continue
		}
		scopes := make([]access.Scope, len(names))
		for i, n := range names {
			scopes[i] = access.Scope(n)
		}
		if status, detail := refuse(ctx.Context(), scopes...); status != 0 {
			if status == http.StatusUnauthorized {
				ctx.SetHeader("WWW-Authenticate", challenge)
			}
			// The connection is all that can fail here.
			_ = huma.WriteErr(s.api, ctx, status, detail)
			return
		}
	}
	next(ctx)
}
