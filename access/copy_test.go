package access

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

func TestACopyHasTheSameUsers(t *testing.T) { onEach(t, testACopyHasTheSameUsers) }

func testACopyHasTheSameUsers(t *testing.T, p place) {
	s := p.open(t)
	_, password, err := s.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := s.CopyTo(t.Context(), filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if err := s.CopyTo(t.Context(), filepath.Join(dir, FileName)); err == nil {
		t.Error("a copy was overwritten")
	}
	c := place{dir: dir}.open(t)
	must[User](t)(c.SignIn(t.Context(), FirstUser, password, "test"))
}

// TestMove takes users from a file into PostgreSQL, where all that they have
// stays valid.
func TestMove(t *testing.T) {
	ctx := t.Context()
	from, to := place{dir: t.TempDir()}.open(t), place{url: pgtest.Database(t)}.open(t)
	admin, password, err := from.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	must[User](t)(from.External(ctx, "https://id.example", "42", "O'Neill \\ \"x\" ?", Viewer))
	session := must[string](t)(from.NewSession(ctx, admin.ID))
	link := must[string](t)(from.NewLink(ctx, admin.ID))
	token, _, err := from.CreateToken(ctx, TokenSpec{Name: "meter", Scopes: []Scope{Ingest}})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := from.Move(ctx, to); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	must[User](t)(to.SignIn(ctx, FirstUser, password, "test"))
	must[Identity](t)(to.Session(ctx, session))
	must[Identity](t)(to.Token(ctx, token))
	must[User](t)(to.Redeem(ctx, link))
	if u := must[User](t)(to.External(ctx, "https://id.example", "42", "x", Viewer)); u.Name != "O'Neill \\ \"x\" ?" {
		t.Errorf("the name became %q", u.Name)
	}
	if _, err := from.Move(ctx, to); !errors.Is(err, ErrExists) {
		t.Errorf("moving to where users are: %v", err)
	}
}

// TestDatabaseKilled uses a PostgreSQL that is killed and comes back.
func TestDatabaseKilled(t *testing.T) {
	server := pgtest.Start(t)
	s := place{url: server.Database(t)}.open(t)
	ctx := t.Context()
	admin, _, err := s.FirstStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	session := must[string](t)(s.NewSession(ctx, admin.ID))
	link := must[string](t)(s.NewLink(ctx, admin.ID))
	for range 2 {
		server.Kill(t)
		s.forget()
		if _, err := s.Session(ctx, session); !sqldb.Down(err) || errors.Is(err, ErrDenied) {
			t.Errorf("a session while the database is away: %v", err)
		}
		if _, err := s.Redeem(ctx, link); !sqldb.Down(err) || errors.Is(err, ErrDenied) {
			t.Errorf("a link while the database is away: %v", err)
		}
		if err := s.SetRole(ctx, admin.ID, Administrator); !sqldb.Down(err) {
			t.Errorf("a change while the database is away: %v", err)
		}
		server.Start(t)
		must[Identity](t)(s.Session(ctx, session))
		if err := s.SetRole(ctx, admin.ID, Administrator); err != nil {
			t.Error(err)
		}
	}
	must[User](t)(s.Redeem(ctx, link))
}
