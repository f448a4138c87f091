package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/access"
)

// TestAnswersEndWithWhoAsked has a stream go on for a while, and then ends what it
// was asked with.
func TestAnswersEndWithWhoAsked(t *testing.T) {
	const password = "another long password"
	type asked struct {
		store  *access.Store
		user   access.User
		secret string // of the session or token
		token  access.Token
	}
	for name, c := range map[string]struct {
		token bool
		end   func(context.Context, *asked) error
		stays bool
	}{
		"signed out":       {end: func(ctx context.Context, a *asked) error { return a.store.EndSession(ctx, a.secret) }},
		"user removed":     {end: func(ctx context.Context, a *asked) error { return a.store.DeleteUser(ctx, a.user.ID) }},
		"password changed": {end: func(ctx context.Context, a *asked) error { return a.store.SetPassword(ctx, a.user.ID, password+"!") }},
		"role lowered":     {end: func(ctx context.Context, a *asked) error { return a.store.SetRole(ctx, a.user.ID, access.Viewer) }},
		"role raised": {end: func(ctx context.Context, a *asked) error {
			return a.store.SetRole(ctx, a.user.ID, access.Administrator)
		}, stays: true},
		"token revoked":        {token: true, end: func(ctx context.Context, a *asked) error { return a.store.RevokeToken(ctx, a.token.ID) }},
		"another's token":      {end: func(ctx context.Context, a *asked) error { return a.store.RevokeToken(ctx, a.token.ID) }, stays: true},
		"the database is away": {end: func(_ context.Context, a *asked) error { return a.store.Close() }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				store, err := access.Open(ctx, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				a := &asked{store: store}
				if _, _, err := store.FirstStart(ctx); err != nil {
					t.Fatal(err)
				}
				if a.user, err = store.CreateUser(ctx, "bob", password, access.Operator); err != nil {
					t.Fatal(err)
				}
				if a.secret, err = store.NewSession(ctx, a.user.ID); err != nil {
					t.Fatal(err)
				}
				token, made, err := store.CreateToken(ctx, access.TokenSpec{Name: "wall", Scopes: []access.Scope{access.Read}})
				if err != nil {
					t.Fatal(err)
				}
				a.token = made
				s, err := New(Options{Addr: "127.0.0.1:0", Access: store})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				s.Handle("GET /api/v1/ticks", Require(access.Read, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for tick := time.NewTicker(time.Second); ; {
						select {
						case <-r.Context().Done():
							return
						case at := <-tick.C:
							if _, err := fmt.Fprintln(w, at.Unix()); err != nil {
								return
							}
						}
					}
				})))
				r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/ticks", nil)
				if c.token {
					r.Header.Set("Authorization", "Bearer "+token)
				} else {
					r.AddCookie(&http.Cookie{Name: s.cookieName(), Value: a.secret})
				}
				broken := make(chan bool, 1)
				go func() {
					defer func() {
						err, _ := recover().(error)
						broken <- errors.Is(err, http.ErrAbortHandler)
					}()
					s.Handler().ServeHTTP(httptest.NewRecorder(), r)
				}()
				select {
				case <-broken:
					t.Fatal("the stream does not last")
				case <-time.After(time.Minute):
				}
				if err := c.end(ctx, a); err != nil {
					t.Fatal(err)
				}
				select {
				case off := <-broken:
					if c.stays || !off {
						t.Errorf("the stream ended, broken off: %v", off)
					}
				case <-time.After(askAgain + time.Second):
					if !c.stays {
						t.Error("the stream goes on")
					}
				}
				leave()
				if c.stays && <-broken {
					t.Error("whoever goes away by themselves is broken off")
				}
			})
		})
	}
}

// TestAnswerBegunLate has a request end the session it was asked with: what it
// answers then is still told.
func TestAnswerBegunLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := access.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		token, made, err := store.CreateToken(t.Context(), access.TokenSpec{Name: "itself", Scopes: []access.Scope{access.Admin}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Addr: "127.0.0.1:0", Access: store})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Handle("POST /api/v1/slow", Require(access.Admin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := store.RevokeToken(r.Context(), made.ID); err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
			_, _ = io.WriteString(w, "revoked")
		})))
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/slow", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Body.String() != "revoked" {
			t.Errorf("answered %d %q", w.Code, w.Body)
		}
	})
}
