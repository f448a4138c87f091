package access

import (
	"path/filepath"
	"testing"
)

func TestACopyHasTheSameUsers(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
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
	c, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.SignIn(t.Context(), FirstUser, password, "test"); err != nil {
		t.Error(err)
	}
}
