package history

import (
	"testing"
	"time"
)

func TestWhen(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"now":                       "2026-05-04T12:00:00Z",
		"now-15m":                   "2026-05-04T11:45:00Z",
		"now-7d":                    "2026-04-27T12:00:00Z",
		"now+1h":                    "2026-05-04T13:00:00Z",
		"now 1h":                    "2026-05-04T13:00:00Z", // now+1h, not encoded
		"2026-05-04T12:00:00+02:00": "2026-05-04T10:00:00Z",
		"2026-05-04T12:00:00 02:00": "2026-05-04T10:00:00Z",
		"0":                         "1970-01-01T00:00:00Z",
	} {
		at, err := when(s, now)
		if err != nil || at.Time().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v; want %s", s, at.Time(), err, want)
		}
	}
	for _, s := range []string{"", "now-", "now1h", "now--1h", "now-+1h", "now+-1h", "now++1h", "now  1h", "now-100000d", "now+20000w", "now-2000000h", "-1", "yesterday"} {
		if at, err := when(s, now); err == nil {
			t.Errorf("%q is %v", s, at)
		}
	}
}
