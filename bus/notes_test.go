package bus

import (
	"errors"
	"fmt"
	"testing"
)

func TestNotesAreWrittenByOne(t *testing.T) {
	b := open(t, Options{})
	one, err := b.ReadNote(t.Context(), "landing.kiel")
	if err != nil || one.Data != nil {
		t.Fatalf("%+v, %v", one, err)
	}
	two, err := b.ReadNote(t.Context(), "landing.kiel")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		one.Data = fmt.Append(nil, i)
		if err := b.WriteNote(t.Context(), "landing.kiel", one); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.WriteNote(t.Context(), "landing.kiel", two); !errors.Is(err, ErrOvertaken) {
		t.Errorf("a second writer got %v", err)
	}
	three, err := b.ReadNote(t.Context(), "landing.kiel")
	if err != nil || string(three.Data) != "2" {
		t.Errorf("%q, %v", three.Data, err)
	}
	if err := b.WriteNote(t.Context(), "landing.kiel", three); err != nil {
		t.Error(err)
	}
}

// TestANoteKeepsRecords: what a note holds stays though all readers have it,
// and can be found.
func TestANoteKeepsRecords(t *testing.T) {
	b := open(t, Options{})
	for i := range 10 {
		if err := b.PublishRecordsOnce(t.Context(), 0, []byte("batch"), fmt.Sprint("id-", i)); err != nil {
			t.Fatal(err)
		}
		if err := b.PublishRecordsOnce(t.Context(), 0, []byte("batch"), fmt.Sprint("id-", i)); err != nil {
			t.Fatal(err)
		}
	}
	n := &Note{Behind: map[int]uint64{0: 4}}
	if err := b.WriteNote(t.Context(), "a", n); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteNote(t.Context(), "b", &Note{Behind: map[int]uint64{0: 7}}); err != nil {
		t.Fatal(err)
	}
	if err := b.SavePosition(t.Context(), "history", 0, 9); err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint64{5, 8, 10} {
		if err := b.TrimRecords(t.Context(), "history"); err != nil {
			t.Fatal(err)
		}
		x, err := b.RecordsExtent(t.Context(), 0)
		if err != nil || x.First != want || x.Last != 10 {
			t.Fatalf("%d to %d are there, %v; %d is the first to stay", x.First, x.Last, err, want)
		}
		for i := range 11 {
			after := uint64(4)
			found, err := b.StoredOnce(t.Context(), 0, after, fmt.Sprint("id-", i))
			if err != nil || found != (i >= int(want)-1 && i < 10) {
				t.Errorf("id-%d of %d to %d: %v, %v", i, x.First, x.Last, found, err)
			}
		}
		switch want {
		case 5:
			n.Behind = nil
			err = b.WriteNote(t.Context(), "a", n)
		case 8:
			var other *Note
			if other, err = b.ReadNote(t.Context(), "b"); err == nil {
				other.Behind = nil
				err = b.WriteNote(t.Context(), "b", other)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
