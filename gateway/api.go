package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// Me is who is signed in.
type Me struct {
	Kind   string   `json:"kind" enum:"user,token,anonymous" doc:"A person with a session, a machine with a token, or nobody known"`
	ID     string   `json:"id,omitempty"`
	Name   string   `json:"name" example:"admin"`
	Role   string   `json:"role,omitempty" enum:"viewer,operator,researcher,administrator"`
	Scopes []string `json:"scopes" doc:"What may be done: read, ingest, operate, admin, and what a survey has"`
}

// SignInWays says how people can sign in here.
type SignInWays struct {
	Required  bool          `json:"required" doc:"False when sign-in is switched off"`
	Passwords bool          `json:"passwords" doc:"Name and password are taken"`
	Provider  *ProviderLink `json:"provider,omitempty" doc:"The OpenID provider, if there is one"`
}

// ProviderLink leads to the OpenID provider.
type ProviderLink struct {
	Name string `json:"name" example:"Company account"`
	Path string `json:"path" doc:"Where to send the browser, relative to the page" example:"auth/oidc"`
}

// UserView is a user as the API shows one.
type UserView struct {
	ID       string     `json:"id" example:"u_k3j2h4g5f6d7"`
	Name     string     `json:"name" example:"eva"`
	Role     string     `json:"role" enum:"viewer,operator,researcher,administrator"`
	External bool       `json:"external" doc:"Signs in at the OpenID provider, which also gives the role"`
	Created  time.Time  `json:"created"`
	SignedIn *time.Time `json:"signedIn" doc:"The last time; null: never"`
}

// TokenView is a token as the API shows one.
type TokenView struct {
	ID        string     `json:"id" example:"t_k3j2h4g5f6d7"`
	Name      string     `json:"name" doc:"What it is for" example:"telegraf"`
	Role      string     `json:"role,omitempty"`
	Scopes    []string   `json:"scopes"`
	Created   time.Time  `json:"created"`
	CreatedBy string     `json:"createdBy"`
	Used      *time.Time `json:"used" doc:"The last time, to the minute; null: never"`
	Expires   *time.Time `json:"expires" doc:"Null: never"`
}

type out[T any] struct{ Body T }

type list[T any] struct {
	Body struct {
		Items []T `json:"items"`
	}
}

type cookieOut[T any] struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      T
}

type byID struct {
	ID string `path:"id" maxLength:"100"`
}

// from keeps what an input needs of the request itself.
type from struct {
	remote string
	cookie string
}

type loginIn struct {
	from
	Body struct {
		Name     string `json:"name" maxLength:"200" example:"admin"`
		Password string `json:"password" maxLength:"2000" format:"password"`
	}
}

// Resolve keeps the address for the limit of attempts.
func (in *loginIn) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func (s *Service) registerAccess() {
	tags := []string{"access"}
	huma.Register(s.api, huma.Operation{
		OperationID: "sign-in-ways", Method: http.MethodGet, Path: "/api/v1/sign-in", Tags: tags,
		Summary: "How people can sign in",
	}, s.ways)
	huma.Register(s.api, huma.Operation{
		OperationID: "me", Method: http.MethodGet, Path: "/api/v1/me", Tags: tags, Security: Needs(),
		Summary: "Who is signed in", Errors: []int{http.StatusUnauthorized},
	}, s.me)
	if s.opts.NoSignIn {
		return
	}
	huma.Register(s.api, huma.Operation{
		OperationID: "login", Method: http.MethodPost, Path: "/api/v1/login", Tags: tags, MaxBodyBytes: 16 << 10,
		Summary:     "Sign in with a password",
		Description: "Begins a session, kept in a cookie. Too many attempts are answered with 429 and Retry-After.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests},
	}, s.login)
	huma.Register(s.api, huma.Operation{
		OperationID: "logout", Method: http.MethodPost, Path: "/api/v1/logout", Tags: tags,
		Summary: "Sign out", DefaultStatus: http.StatusNoContent,
	}, s.logout)
	huma.Register(s.api, huma.Operation{
		OperationID: "change-password", Method: http.MethodPost, Path: "/api/v1/me/password", Tags: tags, Security: Needs(),
		Summary:     "Change one's own password",
		Description: "Ends all one's other sessions and begins a new one.",
		Errors:      []int{http.StatusUnauthorized, http.StatusTooManyRequests},
	}, s.changePassword)
	s.mux.HandleFunc("GET /login", s.redeem)
	s.registerUsers(tags)
	s.registerTokens(tags)
	if s.provider != nil {
		s.mux.HandleFunc("GET /auth/oidc", s.startOIDC)
		s.mux.HandleFunc("GET /auth/oidc/callback", s.finishOIDC)
	}
}

func (s *Service) ways(context.Context, *struct{}) (*out[SignInWays], error) {
	w := SignInWays{Required: !s.opts.NoSignIn, Passwords: !s.opts.NoSignIn && !s.opts.NoPasswords}
	if s.provider != nil {
		w.Provider = &ProviderLink{Name: s.provider.opts.Name, Path: "auth/oidc"}
	}
	return &out[SignInWays]{w}, nil
}

func meOf(who access.Identity) Me {
	return Me{Kind: string(who.Kind), ID: who.ID, Name: who.Name, Role: string(who.Role), Scopes: names(who.Scopes)}
}

func (s *Service) me(ctx context.Context, _ *struct{}) (*out[Me], error) {
	who, ok := access.From(ctx)
	if !ok || who.Kind == access.KindAnonymous && !s.opts.NoSignIn {
		_, sentence := refuse(ctx, access.Read)
		return nil, huma.Error401Unauthorized(sentence)
	}
	return &out[Me]{meOf(who)}, nil
}

func (s *Service) login(ctx context.Context, in *loginIn) (*cookieOut[Me], error) {
	if s.opts.NoPasswords {
		return nil, problem.Typed(phrase.PasswordsOff, huma.Error403Forbidden("passwords are not taken here; sign in at the provider"))
	}
	user, err := s.opts.Access.SignIn(ctx, in.Body.Name, in.Body.Password, in.remote)
	if err != nil {
		s.opts.Log.Warn("sign-in refused", "user", in.Body.Name, "remote", in.remote, "error", err)
		return nil, status(err)
	}
	return s.begin(ctx, user, in.remote)
}

func (s *Service) begin(ctx context.Context, user access.User, remote string) (*cookieOut[Me], error) {
	sec, err := s.opts.Access.NewSession(ctx, user.ID)
	if err != nil {
		return nil, status(err)
	}
	s.opts.Log.Info("signed in", "user", user.Name, "remote", remote)
	return &cookieOut[Me]{SetCookie: *s.cookie(sec, access.SessionLife), Body: meOf(user.Identity())}, nil
}

type cookieIn struct{ from }

// Resolve keeps the session cookie, whose name depends on the settings.
func (in *cookieIn) Resolve(ctx huma.Context) []error {
	in.cookie = ctx.Header("Cookie")
	return nil
}

type logoutOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Service) logout(ctx context.Context, in *cookieIn) (*logoutOut, error) {
	cookies, err := http.ParseCookie(in.cookie)
	if err == nil {
		for _, c := range cookies {
			if c.Name != s.cookieName() {
				continue
			}
			if err := s.opts.Access.EndSession(ctx, c.Value); err != nil {
				return nil, status(err)
			}
		}
	}
	return &logoutOut{SetCookie: *s.cookie("", -1)}, nil
}

type passwordIn struct {
	from
	Body struct {
		Old string `json:"old" maxLength:"2000" format:"password"`
		New string `json:"new" minLength:"10" maxLength:"500" format:"password"`
	}
}

// Resolve keeps the address for the limit of attempts.
func (in *passwordIn) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func (s *Service) changePassword(ctx context.Context, in *passwordIn) (*cookieOut[Me], error) {
	who, ok := access.From(ctx)
	if !ok || who.Kind != access.KindUser {
		return nil, huma.Error401Unauthorized("only a person who is signed in has a password")
	}
	user, err := s.opts.Access.SignIn(ctx, who.Name, in.Body.Old, in.remote)
	if err != nil {
		return nil, status(err)
	}
	if err := s.opts.Access.SetPassword(ctx, user.ID, in.Body.New); err != nil {
		return nil, status(err)
	}
	// The session that asks has ended by this, and what it may still do with it.
	return s.begin(context.WithoutCancel(ctx), user, in.remote)
}

// redeem signs in by a one-time link; without one it leads to the page.
func (s *Service) redeem(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	once := r.URL.Query().Get("once")
	if once == "" {
		s.home(w, r, "#/sign-in")
		return
	}
	user, err := s.opts.Access.Redeem(r.Context(), once)
	if err != nil {
		s.opts.Log.Warn("sign-in link refused", "remote", remoteHost(r), "error", err)
		if sqldb.Down(err) { // the link is still good
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
			problem.WriteAs(w, http.StatusServiceUnavailable, phrase.DatabaseAway, away)
			return
		}
		s.home(w, r, "#/sign-in?why=link")
		return
	}
	s.enter(w, r, user)
}

// enter begins a session and leads to the page.
func (s *Service) enter(w http.ResponseWriter, r *http.Request, user access.User) {
	o, err := s.begin(r.Context(), user, remoteHost(r))
	if err != nil {
		s.opts.Log.Error("session not begun", "error", err)
		s.home(w, r, "#/sign-in?why=error")
		return
	}
	http.SetCookie(w, &o.SetCookie)
	s.home(w, r, "")
}

func (s *Service) home(w http.ResponseWriter, r *http.Request, fragment string) {
	to := s.base + "/"
	if s.public != nil {
		to = s.public.String() + "/"
	}
	http.Redirect(w, r, to+fragment, http.StatusSeeOther)
}

// cookieName has the port in it, because cookies do not: two programs on one
// machine would sign each other out.
func (s *Service) cookieName() string {
	if s.public != nil {
		return "wattwerk"
	}
	if _, port, err := net.SplitHostPort(s.listener.Addr().String()); err == nil {
		return "wattwerk_" + port
	}
	return "wattwerk"
}

func (s *Service) cookie(value string, life time.Duration) *http.Cookie {
	path := "/"
	if s.public != nil {
		path = s.public.Path + "/"
	} else if s.base != "" {
		path = s.base + "/"
	}
	c := &http.Cookie{
		Name: s.cookieName(), Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: s.opts.TLSCert != "" || s.public != nil && s.public.Scheme == "https", MaxAge: int(life.Seconds()),
	}
	if life < 0 {
		c.MaxAge = -1
	}
	return c
}

// status is the one place that turns the kinds of errors of access into HTTP.
func status(err error) error {
	var many *access.TooMany
	switch {
	case errors.As(err, &many):
		seconds := int((many.After + time.Second - 1) / time.Second)
		return huma.ErrorWithHeaders(problem.Typed(phrase.ManyAttempts, huma.Error429TooManyRequests(err.Error())), http.Header{"Retry-After": {strconv.Itoa(seconds)}})
	case errors.Is(err, access.ErrDenied):
		return problem.Typed(phrase.Of(err).Code, huma.Error401Unauthorized(err.Error()))
	case errors.Is(err, access.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, access.ErrExists), errors.Is(err, access.ErrLast):
		return problem.Typed(phrase.Of(err).Code, huma.Error409Conflict(err.Error()))
	case errors.Is(err, access.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case sqldb.Down(err):
		return problem.Later(retryAfter, phrase.DatabaseAway, away)
	}
	return err
}

// What is said while the users are in a database that is away.
const (
	away       = "the database of users does not answer; try again in a moment, nobody has been signed out"
	retryAfter = 5 // seconds
)

func names(ss []access.Scope) []string {
	list := make([]string, len(ss))
	for i, s := range ss {
		list[i] = string(s)
	}
	return list
}
