package bus

import (
	"bytes"
	"sync"
	"testing"
)

// TestSecretIsOne asks for it at once from many sides.
func TestSecretIsOne(t *testing.T) {
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			s, err := b.Secret(t.Context(), "one", 32)
			if err != nil {
				t.Error(err)
			}
			got[i] = s
		})
	}
	wg.Wait()
	for _, s := range got {
		if len(s) != 32 || !bytes.Equal(s, got[0]) {
			t.Errorf("%x and %x", s, got[0])
		}
	}
	other, err := b.Secret(t.Context(), "two", 32)
	if err != nil || bytes.Equal(other, got[0]) {
		t.Errorf("%x, %v", other, err)
	}
}
