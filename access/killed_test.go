package access

import (
	"errors"
	"testing"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

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
