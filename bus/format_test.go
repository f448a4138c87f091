package bus

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

func TestNewerDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	open := func() (*Bus, error) {
		return Open(t.Context(), Options{Dir: dir, Partitions: 1, MinFree: 1, Version: "v1.0.0"})
	}
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.KV(t.Context(), settingsKV)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok, err := readMark(t.Context(), kv); err != nil || !ok || m != (datadir.Mark{Format: Format, Program: "v1.0.0"}) {
		t.Errorf("the mark is %+v, %v, %v", m, ok, err)
	}
	put := func(b *Bus, text string) {
		t.Helper()
		kv, err := b.KV(context.Background(), settingsKV)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), formatKey, []byte(text)); err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
	put(b, `{"format":7,"program":"v9.1.0"}`)
	_, err = open()
	var newer *datadir.NewerError
	if !errors.As(err, &newer) || newer.Mark.Format != 7 {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"on the bus", "wattwerk v9.1.0", "format 7", "up to 1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
