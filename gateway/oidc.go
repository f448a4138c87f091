package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/wattwerk/wattwerk/access"
)

// OIDC is an OpenID Connect provider where people may sign in: code flow with
// PKCE. The groups the provider names decide the role, at every sign-in.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string                 // empty for a public client
	Name         string                 // what the button says; default: the issuer's host
	Scopes       []string               // besides openid; default profile, email
	GroupsClaim  string                 // default "groups"
	Roles        map[string]access.Role // group to role; the highest counts
	DefaultRole  access.Role            // for people in no such group; empty: they may not come in
	Client       *http.Client           // default: one that waits 10 s
}

// provider reaches the OIDC provider when it is first needed, so that the
// program starts without it.
type provider struct {
	opts OIDC

	mu   sync.Mutex
	oidc *oidc.Provider
}

func newProvider(o OIDC) (*provider, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the OpenID issuer %q is not a URL", o.Issuer)
	}
	if o.ClientID == "" {
		return nil, errors.New("the OpenID provider needs a client id")
	}
	if o.Name == "" {
		o.Name = u.Hostname()
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"profile", "email"}
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	roles := []access.Role{}
	for _, r := range o.Roles {
		roles = append(roles, r)
	}
	if o.DefaultRole != "" {
		roles = append(roles, o.DefaultRole)
	}
	if len(roles) == 0 {
		return nil, errors.New("the OpenID provider needs roles for groups or a default role, or nobody could come in")
	}
	for _, r := range roles {
		if _, err := access.ParseRole(string(r)); err != nil {
			return nil, fmt.Errorf("the OpenID provider: %w", err)
		}
	}
	return &provider{opts: o}, nil
}

func (p *provider) get(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.oidc != nil {
		return p.oidc, nil
	}
	// The provider keeps the context for fetching keys, so not the request's.
	o, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.opts.Client), p.opts.Issuer)
	if err != nil {
		return nil, fmt.Errorf("reach the OpenID provider: %w", err)
	}
	p.oidc = o
	return o, nil
}

func (s *Service) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: s.provider.opts.ClientID, ClientSecret: s.provider.opts.ClientSecret, Endpoint: p.Endpoint(),
		// The address comes from the settings: a Host header can be made up.
		RedirectURL: s.public.String() + "/auth/oidc/callback",
		Scopes:      append([]string{oidc.ScopeOpenID}, s.provider.opts.Scopes...),
	}
}

// flow is what the browser keeps while it is at the provider.
type flow struct {
	State, Nonce, Verifier string
}

const flowLife = 10 * time.Minute

func (s *Service) flowCookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: "wattwerk_oidc", Value: value, Path: s.public.Path + "/auth/oidc", MaxAge: age, HttpOnly: true,
		Secure: s.public.Scheme == "https", SameSite: http.SameSiteLaxMode, // the way back is a link from another site
	}
}

func (s *Service) startOIDC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.provider.get(r.Context())
	if err != nil {
		s.opts.Log.Error("OpenID provider out of reach", "error", err)
		s.home(w, r, "#/sign-in?why=provider")
		return
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	raw, err := json.Marshal(f)
	if err != nil {
		s.home(w, r, "#/sign-in?why=error")
		return
	}
	http.SetCookie(w, s.flowCookie(base64.RawURLEncoding.EncodeToString(raw), int(flowLife.Seconds())))
	to := s.oauth(p).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Service) finishOIDC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, s.flowCookie("", -1))
	user, err := s.external(r)
	switch {
	case errors.Is(err, access.ErrDenied):
		s.opts.Log.Warn("sign-in at the provider refused", "remote", remoteHost(r), "error", err)
		s.home(w, r, "#/sign-in?why=denied")
	case err != nil:
		s.opts.Log.Warn("sign-in at the provider went wrong", "remote", remoteHost(r), "error", err)
		s.home(w, r, "#/sign-in?why=provider")
	default:
		s.enter(w, r, user)
	}
}

// external checks what came back from the provider, and who it is.
func (s *Service) external(r *http.Request) (access.User, error) {
	var f flow
	c, err := r.Cookie("wattwerk_oidc")
	if err != nil {
		return access.User{}, errors.New("sign-in was not begun in this browser, or took too long")
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(raw, &f) != nil || f.State == "" || f.Nonce == "" || f.Verifier == "" {
		return access.User{}, errors.New("the sign-in cookie is damaged")
	}
	q := r.URL.Query()
	if q.Get("state") != f.State {
		return access.User{}, errors.New("the provider answers another sign-in")
	}
	if e := q.Get("error"); e != "" {
		return access.User{}, fmt.Errorf("%w by the provider: %s", access.ErrDenied, e)
	}
	p, err := s.provider.get(r.Context())
	if err != nil {
		return access.User{}, err
	}
	ctx := oidc.ClientContext(r.Context(), s.provider.opts.Client)
	tok, err := s.oauth(p).Exchange(ctx, q.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return access.User{}, fmt.Errorf("exchange the code: %w", err)
	}
	rawID, ok := tok.Extra("id_token").(string)
	if !ok {
		return access.User{}, errors.New("the provider sent no identity")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: s.provider.opts.ClientID}).Verify(ctx, rawID)
	if err != nil {
		return access.User{}, fmt.Errorf("verify the identity: %w", err)
	}
	if id.Nonce != f.Nonce {
		return access.User{}, errors.New("the identity belongs to another sign-in")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return access.User{}, fmt.Errorf("read the identity: %w", err)
	}
	role := s.provider.role(claims)
	if role == "" {
		return access.User{}, fmt.Errorf("%w: %s is in no group that may come in", access.ErrDenied, id.Subject)
	}
	return s.opts.Access.External(r.Context(), id.Issuer, id.Subject, displayName(claims, id.Subject), role)
}

// role gives the highest role of the groups, "" for none.
func (p *provider) role(claims map[string]any) access.Role {
	role := p.opts.DefaultRole
	rank := []access.Role{"", access.Viewer, access.Operator, access.Administrator}
	for _, g := range texts(claims[p.opts.GroupsClaim]) {
		if r := p.opts.Roles[g]; slices.Index(rank, r) > slices.Index(rank, role) {
			role = r
		}
	}
	return role
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func displayName(claims map[string]any, subject string) string {
	for _, k := range []string{"preferred_username", "email", "name"} {
		if s, ok := claims[k].(string); ok && s != "" {
			return s
		}
	}
	return subject
}
