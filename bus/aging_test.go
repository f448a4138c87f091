package bus

import (
	"testing"
	"time"
)

// TestAgingKV gives an age to a bucket that was made without.
func TestAgingKV(t *testing.T) {
	b := open(t, Options{NoSync: true})
	old, err := b.KV(t.Context(), "marks")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Put(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"marks", "others"} {
		kv, err := b.AgingKV(t.Context(), name, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), "b", []byte("2")); err != nil {
			t.Fatal(err)
		}
		s, err := kv.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.TTL() != time.Hour || s.History() != 1 {
			t.Errorf("%s keeps %d values of a key for %v", name, s.History(), s.TTL())
		}
	}
	if e, err := old.Get(t.Context(), "a"); err != nil || string(e.Value()) != "1" {
		t.Errorf("what was there is %v, %v", e, err)
	}
}
