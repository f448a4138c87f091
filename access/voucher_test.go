package access

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func notary(t *testing.T, fill byte, now time.Time) *Notary {
	t.Helper()
	n, err := NewNotary(bytes.Repeat([]byte{fill}, NotaryKey))
	if err != nil {
		t.Fatal(err)
	}
	n.now = func() time.Time { return now }
	return n
}

func TestVoucher(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	n := notary(t, 1, now)
	eva := Identity{Kind: KindUser, ID: "u_1", Name: "Éva \n.", Role: Operator, Scopes: Operator.Scopes()}
	for _, who := range []Identity{eva, {}, {Kind: KindAnonymous, Name: "anonymous", Scopes: []Scope{Ingest}}} {
		got, err := n.Check(n.Vouch(who, "GET", "/api/v1/me?x=1"), "GET", "/api/v1/me?x=1")
		if err != nil || !cmp.Equal(got, who) {
			t.Errorf("%v became %v, %v", who, got, err)
		}
	}

	good := n.Vouch(eva, "PUT", "/api/v1/groups/a?b=c")
	said, sum, _ := strings.Cut(good, ".")
	// The same words with more rights, and the sum of before.
	data, err := base64.RawURLEncoding.DecodeString(said)
	if err != nil {
		t.Fatal(err)
	}
	raised := base64.RawURLEncoding.EncodeToString(bytes.Replace(data, []byte("operate"), []byte("admin"), 1))
	for _, c := range []struct {
		name, voucher, method, target string
		by                            *Notary
		want                          error
	}{
		{"as it is", good, "PUT", "/api/v1/groups/a?b=c", n, nil},
		{"other method", good, "DELETE", "/api/v1/groups/a?b=c", n, ErrForged},
		{"other path", good, "PUT", "/api/v1/groups/b?b=c", n, ErrForged},
		{"other query", good, "PUT", "/api/v1/groups/a?b=d", n, ErrForged},
		{"query cut off", good, "PUT", "/api/v1/groups/a", n, ErrForged},
		{"method and path moved", good, "PUT\n", "/api/v1/groups/a?b=c", n, ErrForged},
		{"other key", good, "PUT", "/api/v1/groups/a?b=c", notary(t, 2, now), ErrForged},
		{"more rights", raised + "." + sum, "PUT", "/api/v1/groups/a?b=c", n, ErrForged},
		{"no sum", said, "PUT", "/api/v1/groups/a?b=c", n, ErrForged},
		{"empty sum", said + ".", "PUT", "/api/v1/groups/a?b=c", n, ErrForged},
		{"empty", "", "PUT", "/api/v1/groups/a?b=c", n, ErrForged},
		{"noise", "a.b.c", "PUT", "/api/v1/groups/a?b=c", n, ErrForged},
		{"just in time", good, "PUT", "/api/v1/groups/a?b=c", notary(t, 1, now.Add(VoucherLife-1)), nil},
		{"too late", good, "PUT", "/api/v1/groups/a?b=c", notary(t, 1, now.Add(VoucherLife)), ErrExpired},
		{"clock behind", good, "PUT", "/api/v1/groups/a?b=c", notary(t, 1, now.Add(-VoucherLife)), nil},
		{"clock far behind", good, "PUT", "/api/v1/groups/a?b=c", notary(t, 1, now.Add(-VoucherLife-time.Second)), ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			who, err := c.by.Check(c.voucher, c.method, c.target)
			if !errors.Is(err, c.want) || (err != nil && who.Kind != "") {
				t.Errorf("got %v, %v; want %v", who, err, c.want)
			}
		})
	}
	if _, err := NewNotary(make([]byte, NotaryKey-1)); err == nil {
		t.Error("a short key was taken")
	}
}
