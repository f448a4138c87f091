package consent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestStatesGoOneWay(t *testing.T) {
	for _, x := range []struct {
		from, to State
		want     error
	}{
		{NotGranted, Granted, nil},
		{Granted, Granted, nil},
		{Granted, Revoked, nil},
		{Revoked, Revoked, nil},
		{Revoked, Granted, ErrRevoked},
		{Revoked, NotGranted, ErrState},
		{Granted, NotGranted, ErrState},
		{NotGranted, Revoked, ErrNotGranted},
		{Granted, "maybe", ErrState},
	} {
		if err := x.from.Next(x.to); !errors.Is(err, x.want) {
			t.Errorf("%s to %s: %v, want %v", x.from, x.to, err, x.want)
		}
	}
}

func TestReceipt(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	text := Text{"2026-1", "We measure."}
	r := Sign(key, "h1", Granted, text.Version, text.Digest(), time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600)))
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Receipt
	if err := json.Unmarshal(data, &back); err != nil || back.Verify(public) != nil {
		t.Fatalf("%s: %v, %v", data, err, back.Verify(public))
	}
	want := "wattwerk consent 1\nh1\ngranted\n2026-1\n" + text.Digest() + "\n2026-03-01T11:00:00Z\n"
	if string(r.Signed()) != want {
		t.Errorf("%q is signed, want %q", r.Signed(), want)
	}
	for name, forge := range map[string]func(*Receipt){
		"household": func(r *Receipt) { r.Household = "h2" },
		"state":     func(r *Receipt) { r.State = Revoked },
		"version":   func(r *Receipt) { r.Version = "2026-2" },
		"digest":    func(r *Receipt) { r.Digest = strings.Repeat("0", 64) },
		"time":      func(r *Receipt) { r.At = r.At.Add(time.Second) },
		"signature": func(r *Receipt) { r.Signature = "" },
	} {
		f := back
		forge(&f)
		if err := f.Verify(public); !errors.Is(err, ErrForged) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	if err := r.Verify(other.Public().(ed25519.PublicKey)); !errors.Is(err, ErrForged) {
		t.Errorf("another key: %v", err)
	}
	if err := r.Verify(nil); !errors.Is(err, ErrForged) {
		t.Errorf("no key: %v", err)
	}
}

func TestText(t *testing.T) {
	for _, x := range []Text{{"", "x"}, {"a b", "x"}, {"1", " \n"}, {"1", strings.Repeat("x", MaxText+1)}, {"1", "\xff"}, {strings.Repeat("1", 41), "x"}} {
		if x.Validate() == nil {
			t.Errorf("version %.50q, %d bytes are taken", x.Version, len(x.Body))
		}
	}
	if err := (Text{"2026-1", "We measure."}).Validate(); err != nil {
		t.Error(err)
	}
}
