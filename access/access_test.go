package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// place is where stores of a test are, which are on the same users.
type place struct {
	dir string // of a file
	url string // of a PostgreSQL
}

func (p place) open(t *testing.T) *Store {
	t.Helper()
	var s *Store
	var err error
	if p.url != "" {
		s, err = OpenShared(t.Context(), p.url, 0)
	} else {
		s, err = Open(t.Context(), p.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, f func(t *testing.T, p place)) {
	t.Run("sqlite", func(t *testing.T) { f(t, place{dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { f(t, place{url: pgtest.Database(t)}) })
}

// clock lets a test move the store's time.
func clock(s *Store) *time.Time {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return at }
	return &at
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestFirstStartGivesOnePassword(t *testing.T) { onEach(t, testFirstStartGivesOnePassword) }

func testFirstStartGivesOnePassword(t *testing.T, p place) {
	a, b := p.open(t), p.open(t)
	var mu sync.Mutex
	var passwords []string
	var wg sync.WaitGroup
	for _, s := range []*Store{a, b, a, b} {
		wg.Go(func() {
			_, password, err := s.FirstStart(context.Background())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if password != "" {
				passwords = append(passwords, password)
			}
		})
	}
	wg.Wait()
	if len(passwords) != 1 {
		t.Fatalf("%d passwords were given, want one", len(passwords))
	}
	u := must[User](t)(a.SignIn(t.Context(), "Admin", passwords[0], "127.0.0.1"))
	if u.Role != Administrator || u.Name != FirstUser {
		t.Errorf("signed in as %+v", u)
	}
	if p.dir == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(p.dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), passwords[0]) {
		t.Error("the password stands in the file")
	}
	st, err := os.Stat(filepath.Join(p.dir, FileName))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", st.Mode(), err)
	}
}

func TestUsers(t *testing.T) { onEach(t, testUsers) }

func testUsers(t *testing.T, p place) {
	s := p.open(t)
	ctx := t.Context()
	admin, _, err := s.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, password string
		role           Role
		want           error
	}{
		{"", "long enough 1", Viewer, ErrInvalid},
		{" x", "long enough 1", Viewer, ErrInvalid},
		{"a\x00b", "long enough 1", Viewer, ErrInvalid},
		{strings.Repeat("x", 101), "long enough 1", Viewer, ErrInvalid},
		{"eva", "short", Viewer, ErrInvalid},
		{"eva", strings.Repeat("x", 501), Viewer, ErrInvalid},
		{"eva", "long enough 1", "king", ErrInvalid},
		{"ADMIN", "long enough 1", Viewer, ErrExists},
		{"Eva Müller", "long enough 1", Viewer, nil},
		{"eva müller", "long enough 1", Viewer, ErrExists},
	} {
		_, err := s.CreateUser(ctx, c.name, c.password, c.role)
		if !errors.Is(err, c.want) {
			t.Errorf("CreateUser(%q, %q, %q) = %v, want %v", c.name, c.password, c.role, err, c.want)
		}
	}
	eva := must[User](t)(s.UserByName(ctx, "EVA MÜLLER"))
	if err := s.DeleteUser(ctx, admin.ID); !errors.Is(err, ErrLast) {
		t.Errorf("deleting the last administrator: %v", err)
	}
	if err := s.SetRole(ctx, admin.ID, Viewer); !errors.Is(err, ErrLast) {
		t.Errorf("demoting the last administrator: %v", err)
	}
	if err := s.SetRole(ctx, eva.ID, Administrator); err != nil {
		t.Error(err)
	}
	if err := s.DeleteUser(ctx, admin.ID); err != nil {
		t.Error(err)
	}
	if err := s.SetRole(ctx, admin.ID, Viewer); !errors.Is(err, ErrNotFound) {
		t.Errorf("changing who is gone: %v", err)
	}
	if us := must[[]User](t)(s.Users(ctx)); len(us) != 1 || us[0].Name != "Eva Müller" {
		t.Errorf("users: %+v", us)
	}
}

func TestSession(t *testing.T) { onEach(t, testSession) }

func testSession(t *testing.T, p place) {
	s := p.open(t)
	at := clock(s)
	ctx := t.Context()
	u, _, err := s.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sec := must[string](t)(s.NewSession(ctx, u.ID))
	who := must[Identity](t)(s.Session(ctx, sec))
	if who.Name != FirstUser || !who.Has(Admin) || who.Kind != KindUser {
		t.Errorf("session is of %+v", who)
	}
	if _, err := s.Session(ctx, "guess"); !errors.Is(err, ErrDenied) {
		t.Errorf("a guessed session: %v", err)
	}
	// Used every six days it lasts 30 days, not longer.
	for range 4 {
		*at = at.Add(6 * 24 * time.Hour)
		must[Identity](t)(s.Session(ctx, sec))
	}
	*at = at.Add(6*24*time.Hour + time.Minute)
	if _, err := s.Session(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("a session of 30 days: %v", err)
	}
	sec = must[string](t)(s.NewSession(ctx, u.ID))
	*at = at.Add(SessionIdle + time.Minute)
	if _, err := s.Session(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("an idle session: %v", err)
	}
	sec = must[string](t)(s.NewSession(ctx, u.ID))
	must[Identity](t)(s.Session(ctx, sec))
	if err := s.EndSession(ctx, sec); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("an ended session: %v", err)
	}
	sec = must[string](t)(s.NewSession(ctx, u.ID))
	must[Identity](t)(s.Session(ctx, sec))
	if err := s.SetPassword(ctx, u.ID, "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("a session from before the password changed: %v", err)
	}
	must[User](t)(s.SignIn(ctx, FirstUser, "another password", "127.0.0.1"))
}

func TestRoleChangeReachesSessionAtOnce(t *testing.T) { onEach(t, testRoleChangeReachesSessionAtOnce) }

func testRoleChangeReachesSessionAtOnce(t *testing.T, p place) {
	s := p.open(t)
	ctx := t.Context()
	if _, _, err := s.FirstStart(ctx); err != nil {
		t.Fatal(err)
	}
	u := must[User](t)(s.CreateUser(ctx, "eva", "long enough 1", Operator))
	sec := must[string](t)(s.NewSession(ctx, u.ID))
	if who := must[Identity](t)(s.Session(ctx, sec)); !who.Has(Operate) {
		t.Fatalf("an operator cannot operate: %+v", who)
	}
	if err := s.SetRole(ctx, u.ID, Viewer); err != nil {
		t.Fatal(err)
	}
	if who := must[Identity](t)(s.Session(ctx, sec)); who.Has(Operate) {
		t.Error("a viewer can operate")
	}
	if err := s.DeleteUser(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("the session of a deleted user: %v", err)
	}
}

func TestLinkWorksOnce(t *testing.T) { onEach(t, testLinkWorksOnce) }

func testLinkWorksOnce(t *testing.T, p place) {
	s := p.open(t)
	at := clock(s)
	ctx := t.Context()
	u, _, err := s.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sec := must[string](t)(s.NewLink(ctx, u.ID))
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 8 {
		wg.Go(func() {
			_, err := s.Redeem(context.Background(), sec)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				good++
			case !errors.Is(err, ErrDenied):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("the link worked %d times", good)
	}
	sec = must[string](t)(s.NewLink(ctx, u.ID))
	*at = at.Add(LinkLife)
	if _, err := s.Redeem(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("an old link: %v", err)
	}
}

func TestToken(t *testing.T) { onEach(t, testToken) }

func testToken(t *testing.T, p place) {
	s, other := p.open(t), p.open(t)
	at := clock(s)
	ctx := t.Context()
	for _, spec := range []TokenSpec{
		{Name: "x"},
		{Name: "", Role: Viewer},
		{Name: "x", Role: "king"},
		{Name: "x", Scopes: []Scope{"fly"}},
		{Name: "x", Role: Viewer, Scopes: []Scope{Read}},
		{Name: "x", Role: Viewer, Expires: at.Add(-time.Second)},
	} {
		if _, _, err := s.CreateToken(ctx, spec); !errors.Is(err, ErrInvalid) {
			t.Errorf("CreateToken(%+v) = %v", spec, err)
		}
	}
	// Made by another process, used in this one.
	sec, tok, err := other.CreateToken(ctx, TokenSpec{Name: "telegraf", Scopes: []Scope{Read, Ingest, Read}, By: "eva"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sec, TokenPrefix) {
		t.Errorf("the token is %q", sec)
	}
	who := must[Identity](t)(s.Token(ctx, sec))
	want := Identity{Kind: KindToken, ID: tok.ID, Name: "telegraf", Scopes: []Scope{Ingest, Read}}
	if diff := cmp.Diff(want, who); diff != "" {
		t.Error(diff)
	}
	if ts := must[[]Token](t)(s.Tokens(ctx)); len(ts) != 1 || ts[0].Used == nil || ts[0].CreatedBy != "eva" {
		t.Errorf("tokens: %+v", ts)
	}
	// Revoked elsewhere: believed for at most CacheTime.
	if err := other.RevokeToken(ctx, tok.ID); err != nil {
		t.Fatal(err)
	}
	*at = at.Add(CacheTime)
	if _, err := s.Token(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("a token revoked elsewhere: %v", err)
	}
	if err := s.RevokeToken(ctx, tok.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoking twice: %v", err)
	}
	sec, tok, err = s.CreateToken(ctx, TokenSpec{Name: "short", Role: Viewer, Expires: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	must[Identity](t)(s.Token(ctx, sec))
	*at = at.Add(time.Hour)
	if _, err := s.Token(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("an expired token: %v", err)
	}
	sec, tok, err = s.CreateToken(ctx, TokenSpec{Name: "here", Role: Viewer})
	if err != nil {
		t.Fatal(err)
	}
	must[Identity](t)(s.Token(ctx, sec))
	if err := s.RevokeToken(ctx, tok.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(ctx, sec); !errors.Is(err, ErrDenied) {
		t.Errorf("a token revoked here: %v", err)
	}
}

func TestSignInIsLimited(t *testing.T) { onEach(t, testSignInIsLimited) }

func testSignInIsLimited(t *testing.T, p place) {
	s := p.open(t)
	at := clock(s)
	s.hashing = make(chan struct{}, 8)
	ctx := t.Context()
	_, password, err := s.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Right passwords never use attempts up.
	for range 10 {
		must[User](t)(s.SignIn(ctx, FirstUser, password, "192.0.2.1:4711"))
	}
	for i := range 8 {
		if _, err := s.SignIn(ctx, FirstUser, "wrong", fmt.Sprintf("192.0.2.1:%d", i+1)); !errors.Is(err, ErrDenied) {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	_, err = s.SignIn(ctx, FirstUser, password, "192.0.2.1:1")
	var many *TooMany
	if !errors.As(err, &many) || !errors.Is(err, ErrTooMany) || many.After <= 0 || many.After > 30*time.Second {
		t.Fatalf("the ninth attempt: %v", err)
	}
	must[User](t)(s.SignIn(ctx, FirstUser, password, "192.0.2.2:1"))
	*at = at.Add(30 * time.Second)
	must[User](t)(s.SignIn(ctx, FirstUser, password, "192.0.2.1:1"))
	for _, name := range []string{"nobody", "no\x00body", "no\xffbody", "' OR 1=1 --"} {
		if _, err := s.SignIn(ctx, name, password, "192.0.2.2:1"); !errors.Is(err, ErrDenied) {
			t.Errorf("an unknown user %q: %v", name, err)
		}
	}
}

func TestLimiterStaysSmall(t *testing.T) {
	l := newLimiter()
	now := time.Now()
	for i := range bucketLimit + 10 {
		if err := l.take(now, fmt.Sprint(i), fmt.Sprintf("2001:db8:%x:%x::1", i/60000, i%60000)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.buckets) > bucketLimit+10 {
		t.Errorf("%d buckets are kept", len(l.buckets))
	}
}

func TestExternal(t *testing.T) { onEach(t, testExternal) }

func testExternal(t *testing.T, p place) {
	s := p.open(t)
	ctx := t.Context()
	if _, _, err := s.FirstStart(ctx); err != nil {
		t.Fatal(err)
	}
	u := must[User](t)(s.External(ctx, "https://id.example", "42", "admin", Viewer))
	if u.Name == FirstUser || u.Role != Viewer || !u.External {
		t.Errorf("a provider's admin became %+v", u)
	}
	again := must[User](t)(s.External(ctx, "https://id.example", "42", "renamed", Operator))
	if again.ID != u.ID || again.Role != Operator {
		t.Errorf("the second time: %+v", again)
	}
	if _, err := s.SignIn(ctx, u.Name, "", "192.0.2.1"); !errors.Is(err, ErrDenied) {
		t.Errorf("signing in without a password: %v", err)
	}
	if err := s.SetPassword(ctx, u.ID, "long enough 1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("giving a provider's user a password: %v", err)
	}
	if _, err := s.External(ctx, "https://id.example", "", "x", Viewer); !errors.Is(err, ErrInvalid) {
		t.Errorf("no subject: %v", err)
	}
}

// TestOneAdministratorStays lets two processes remove each other's last but one
// administrator at the same time.
func TestOneAdministratorStays(t *testing.T) { onEach(t, testOneAdministratorStays) }

func testOneAdministratorStays(t *testing.T, p place) {
	a, b := p.open(t), p.open(t)
	ctx := t.Context()
	first, _, err := a.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := must[User](t)(a.CreateUser(ctx, "eva", "long enough 1", Administrator))
	for range 5 {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { errs[0] = a.SetRole(ctx, first.ID, Viewer) })
		wg.Go(func() { errs[1] = b.SetRole(ctx, second.ID, Viewer) })
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrLast) {
			t.Fatalf("one is to be refused: %v", errs)
		}
		for _, u := range []User{first, second} {
			if err := a.SetRole(ctx, u.ID, Administrator); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzMatchPassword(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "x")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$", "x")
	f.Add("$$$$$", "")
	f.Add("", "")
	f.Fuzz(func(_ *testing.T, phc, p string) {
		if strings.Contains(phc, "m=") && len(phc) > 60 && !strings.Contains(phc, "m=8,") {
			return // real work; what is tested is the reading
		}
		matchPassword(phc, p)
	})
}

func TestPasswordHash(t *testing.T) {
	h := hashPassword("Straße 12 ⚡")
	if !matchPassword(h, "Straße 12 ⚡") || matchPassword(h, "Strasse 12 ⚡") || matchPassword("", "") {
		t.Error("passwords are mixed up")
	}
	if a, b := hashPassword("x"), hashPassword("x"); a == b {
		t.Error("no salt")
	}
}
