package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

func TestSecretsStayInTheirDirectory(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	dir := t.TempDir()
	for path, text := range map[string]string{outside: "no", filepath.Join(dir, "good"): "correct horse\n", filepath.Join(dir, "large"): strings.Repeat("x", maxSecret+1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "link")), os.Symlink("good", filepath.Join(dir, "inner"))); err != nil {
		t.Fatal(err)
	}
	h := &House{Secrets: dir}
	for _, name := range []string{"good", "inner"} {
		if got, err := h.Secret(name); err != nil || string(got) != "correct horse" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../outside", outside, "link", "missing", "large", "a\x00b", strings.Repeat("a", 300)} {
		if got, err := h.Secret(name); err == nil {
			t.Errorf("%.20q was read: %.20q", name, got)
		}
	}
	if _, err := new(House).Secret("good"); err == nil {
		t.Error("a secret without a directory")
	}
}

func TestEndsReachOnlyWhatIsAllowed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, c := range []struct {
		house House
		host  string
		good  bool
	}{
		{House{}, "127.0.0.1", false},
		{House{}, "localhost", false},
		{House{}, "::ffff:127.0.0.1", false},
		{House{}, "0.0.0.0", false},
		{House{Private: true}, "127.0.0.1", true},
		{House{Private: true, Only: true}, "127.0.0.1", false},
		{House{Private: true, Only: true, Hosts: []string{"localhost"}}, "127.0.0.1", false},
		{House{Only: true, Hosts: []string{"127.0.0.0/8"}}, "localhost", true},
		{House{Hosts: []string{"127.0.0.1"}}, "localhost", true},
		{House{Hosts: []string{"LOCALHOST."}}, "localhost", true},
		{House{Hosts: []string{"10.0.0.0/8", "example.org"}}, "localhost", false},
	} {
		conn, err := c.house.DialContext(t.Context(), "tcp", net.JoinHostPort(c.host, port))
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrReach) {
			t.Errorf("%+v, %s: %v", c.house, c.host, err)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	for _, s := range []string{"93.184.216.34", "2606:2800:220:1::1"} {
		if !public(addr(t, s)) {
			t.Errorf("%s is not public", s)
		}
	}
	for _, s := range []string{"10.1.1.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "224.0.0.1",
		"255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"} {
		if public(addr(t, s)) {
			t.Errorf("%s is public", s)
		}
	}
}

func TestValues(t *testing.T) {
	e := End{Values: manifest.Values{"port": json.RawMessage(`"8883"`), "wait": Default("1m"), "on": json.RawMessage(`true`), "text": json.RawMessage(`"true"`),
		"list": json.RawMessage(`[1]`), "whole": json.RawMessage(`5.0`), "none": json.RawMessage(`null`)}}
	if e.Int("port") != 8883 || e.Duration("wait") != time.Minute || !e.Bool("on") || !e.Bool("text") || e.Text("none") != "" || e.Int("list") != 0 || e.Int("whole") != 5 {
		t.Errorf("%s", e.Values)
	}
}

func TestKeepTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := End{House: new(House), Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began, n, connected := time.Now(), 0, 0
		var last Status
		err := e.Keep(ctx, func(s Status) {
			last = s
			if s.Connected {
				connected++
			}
		}, func(_ context.Context, up func()) error {
			if n++; n == 30 {
				up()
			}
			return errors.New("the broker is away")
		})
		if err != nil || last.Error != "the broker is away" || connected != 1 {
			t.Errorf("%v, %+v, %d", err, last, connected)
		}
		if n < 60 || n > 130 || time.Since(began) != time.Hour {
			t.Errorf("tried %d times in %v", n, time.Since(began))
		}
		err = e.Keep(t.Context(), func(Status) {}, func(context.Context, func()) error { return fmt.Errorf("open: %w", Forever(errors.New("no"))) })
		if err == nil || err.Error() != "open: no" {
			t.Error(err)
		}
	})
}

func TestRecent(t *testing.T) {
	var r Recent
	name := func(i int) string { return fmt.Sprint("topic/0/", i) }
	for i := range 2*keptIDs + 5 {
		m := Message{ID: name(i)}
		if r.Stored(&m) {
			t.Fatal(i)
		}
		r.Note(m.ID)
		if !r.Stored(&m) || r.Stored(&Message{ID: m.ID, Fresh: true}) || r.Stored(&Message{}) {
			t.Fatal(i)
		}
	}
	if r.Stored(&Message{ID: name(keptIDs + 4)}) || !r.Stored(&Message{ID: name(keptIDs + 5)}) || len(r.ids) != keptIDs {
		t.Error(len(r.ids))
	}
	// One that is noted twice is known until both are forgotten.
	r = Recent{}
	r.Note("a")
	r.Note("a")
	for i := range keptIDs - 1 {
		r.Note(name(i))
	}
	if !r.Stored(&Message{ID: "a"}) {
		t.Error("forgotten too early")
	}
	if r.Note("z"); r.Stored(&Message{ID: "a"}) {
		t.Error("not forgotten")
	}
}

func addr(t *testing.T, s string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
