package clock

import (
	"strings"
	"testing"
	"time"
)

func TestLocal(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	lord, err := time.LoadLocation("Australia/Lord_Howe") // half an hour, southern
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		wall  string
		zone  *time.Location
		want  string
		again bool
	}{
		{"2006-12-16 17:24", paris, "2006-12-16T16:24:00Z", false},
		{"2024-07-01 12:00", paris, "2024-07-01T10:00:00Z", false},
		{"2024-03-31 01:59", paris, "2024-03-31T00:59:00Z", false},
		{"2024-03-31 02:30", paris, "2024-03-31T01:30:00Z", false}, // never shown
		{"2024-03-31 03:00", paris, "2024-03-31T01:00:00Z", false},
		{"2024-10-27 01:59", paris, "2024-10-26T23:59:00Z", false},
		{"2024-10-27 02:30", paris, "2024-10-27T00:30:00Z", true}, // shown twice
		{"2024-10-27 03:00", paris, "2024-10-27T02:00:00Z", false},
		{"2024-04-07 01:45", lord, "2024-04-06T14:45:00Z", true},
		{"2024-10-06 02:15", lord, "2024-10-05T15:45:00Z", false},
		{"2024-10-27 02:30", time.UTC, "2024-10-27T02:30:00Z", false},
	} {
		wall, err := time.Parse("2006-01-02 15:04", c.wall)
		if err != nil {
			t.Fatal(err)
		}
		got, again := Local(wall, c.zone)
		if got.UTC().Format(time.RFC3339) != c.want || again != c.again {
			t.Errorf("%s in %s: %s, %v, want %s, %v", c.wall, c.zone, got.UTC(), again, c.want, c.again)
		}
	}
}

func TestParser(t *testing.T) {
	for _, c := range []struct{ format, zone, in, want string }{
		{"", "", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05.000Z"},
		{"", "", "2024-01-02T03:04:05.678+01:00", "2024-01-02T02:04:05.678Z"},
		{"", "Europe/Berlin", "2024-01-02T03:04:05", "2024-01-02T02:04:05.000Z"},
		{"", "Europe/Berlin", "2024-01-02 03:04", "2024-01-02T02:04:00.000Z"},
		{"", "", "1704164645", "2024-01-02T03:04:05.000Z"},
		{"", "", "1704164645.5", "2024-01-02T03:04:05.500Z"},
		{"", "", "1631266595.44", "2021-09-10T09:36:35.440Z"},
		{"", "", "1704164645678", "2024-01-02T03:04:05.678Z"},
		{"", "", "1704164645678901", "2024-01-02T03:04:05.678Z"},
		{"", "", "1704164645678901234", "2024-01-02T03:04:05.678Z"},
		{"ms", "", "1000", "1970-01-01T00:00:01.000Z"},
		{"s", "", "x", "!not a number"},
		{"", "", "yesterday", "!neither"},
		{"", "", "NaN", "!neither"},
		{"s", "", "1e300", "!outside"},
		{"2/1/2006 15:04", "Asia/Seoul", "3/2/2018 0:15", "2018-02-02T15:15:00.000Z"},
		{"2/1/2006 15:04", "", "31/31/2018 0:15", "!is not like"},
	} {
		p, err := NewParser(Format{c.format, c.zone})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Parse(c.in)
		if wrong, ok := strings.CutPrefix(c.want, "!"); ok {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%q: %v, %v, want %q", c.in, got, err, wrong)
			}
		} else if err != nil || got.String() != c.want {
			t.Errorf("%q: %v, %v, want %s", c.in, got, err, c.want)
		}
	}
	for _, f := range []Format{{"", "Mars/Olympus"}, {"nonsense", ""}, {"2006", ""}, {"", "Local"}} {
		if _, err := NewParser(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2024-01-02T03:04:05", "Europe/Berlin", "")
	f.Add("1704164645.5", "", "s")
	f.Add("3/2/2018 0:15", "Asia/Seoul", "2/1/2006 15:04")
	f.Fuzz(func(t *testing.T, text, zone, format string) {
		p, err := NewParser(Format{format, zone})
		if err != nil {
			return
		}
		if _, err := p.Parse(text); err != nil && err.Error() == "" {
			t.Error("an empty reason")
		}
	})
}
