package record

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestIdentifiers(t *testing.T) {
	for _, id := range []string{"a", "server 1", "ä€😀", "日本", "a/b?c#d", `"`, strings.Repeat("x", MaxIDBytes), "e\u0301"} {
		if err := SensorID(id).Validate(); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, says := range map[string]string{
		"":                                  "empty",
		"/":                                 "path",
		".":                                 "path",
		"..":                                "path",
		strings.Repeat("x", MaxIDBytes+1):   "201 bytes",
		" a":                                "space",
		"a ":                                "space",
		"a\tb":                              "U+0009",
		"a\u200bb":                          "U+200B",
		"a\u202eb":                          "U+202E",
		"\xff":                              "UTF-8",
		"a\ufffdb":                          "U+FFFD",
		"a\x00":                             "U+0000",
		"a\u00a0b":                          "U+00A0",
		strings.Repeat("ä", MaxIDBytes/2+1): "202 bytes",
	} {
		if err := SensorID(id).Validate(); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "sensor identifier") {
			t.Errorf("%q: %v, want it to say %q", id, err, says)
		}
	}
}

// TestPartitionNeverChanges holds what is stored together: a sensor whose
// partition changed would continue in another stream.
func TestPartitionNeverChanges(t *testing.T) {
	var got strings.Builder
	for _, id := range []SensorID{"", "a", "b", "server1", "server2", "ä€😀", "plant/hall1/machine17", SensorID(strings.Repeat("x", MaxIDBytes))} {
		for _, n := range []int{1, 2, 3, 16, 1024} {
			fmt.Fprintf(&got, "%d ", Partition(id, n))
		}
		got.WriteString("\n")
	}
	const want = `0 1 0 1 961 
0 0 1 0 192 
0 1 1 9 745 
0 1 0 13 557 
0 0 1 4 52 
0 0 1 4 964 
0 1 1 13 61 
0 1 2 9 201 
`
	if got.String() != want {
		t.Errorf("partitions are\n%s", got.String())
	}
}

func TestPartitionsAreEven(t *testing.T) {
	var n [16]int
	for i := range 160_000 {
		n[Partition(SensorID(fmt.Sprintf("sensor-%06d", i)), 16)]++
	}
	for p, k := range n {
		if k < 9_000 || k > 11_000 {
			t.Errorf("partition %d has %d of 160000", p, k)
		}
	}
}

func TestRecordsAreBounded(t *testing.T) {
	for _, c := range []struct {
		r    Record
		want error
	}{
		{Record{"a", 0, 0}, nil},
		{Record{"a", MaxTime, -MaxValue}, nil},
		{Record{"a", 0, math.NaN()}, ErrNotFinite},
		{Record{"a", 0, math.Inf(-1)}, ErrNotFinite},
		{Record{"a", 0, 2 * MaxValue}, ErrTooLarge},
		{Record{"a", -1, 0}, ErrTimeBounds},
		{Record{"a", MaxTime + 1, 0}, ErrTimeBounds},
	} {
		if err := c.r.Validate(); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%v: %v, want %v", c.r, err, c.want)
		}
	}
	if err := (Record{"", 0, 0}).Validate(); err == nil {
		t.Error("a record without sensor is taken")
	}
}

func TestMillis(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 123_999_999, time.FixedZone("", 3600))
	m := MillisOf(at)
	if m.String() != "2024-02-29T11:00:00.123Z" || !m.Time().Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%v became %v", at, m)
	}
}

func TestColumns(t *testing.T) {
	c := NewColumns[int](100)
	looked := 0
	look := func() []int { looked++; return []int{looked} }
	for range 3 {
		c.Get([]byte("column"), look)
	}
	raw := []byte("other")
	c.Get(raw, look)
	copy(raw, "overw") // what was kept is a copy
	if got := c.Get([]byte("other"), look); looked != 2 || got[0] != 2 {
		t.Errorf("looked %d times, got %v", looked, got)
	}
	c.Forget()
	c.Get([]byte("column"), look)
	if looked != 3 {
		t.Error("what was forgotten is still known")
	}
	for i := range 1000 {
		c.Get(fmt.Appendf(nil, "column %d", i), look)
		if len(c.known) > 10 {
			t.Fatalf("%d columns kept in 100 bytes", len(c.known))
		}
	}
}

func FuzzValidateID(f *testing.F) {
	for _, s := range []string{"", "a", " a", "ä€😀", "\xff", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := ValidateID("group", s)
		if err == nil && (s == "" || len(s) > MaxIDBytes || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n\r\t\ufffd")) {
			t.Fatalf("%q is taken", s)
		}
		if err != nil && (len(err.Error()) > 1500 || !utf8.ValidString(err.Error())) {
			t.Fatalf("the sentence about %q is %q", s, err)
		}
		if p := Partition(SensorID(s), 7); p < 0 || p >= 7 {
			t.Fatal(p)
		}
	})
}
