package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMeterUnlock: what refuses refuses before anything is lit, and no PIN shows anywhere.
func TestMeterUnlock(t *testing.T) {
	dir := t.TempDir()
	pin, loose, sealed := filepath.Join(dir, "pin"), filepath.Join(dir, "loose"), filepath.Join(dir, "pin.sealed")
	for path, mode := range map[string]os.FileMode{pin: 0o600, loose: 0o644} {
		if err := os.WriteFile(path, []byte("4711\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := wattwerk(t, "meter", "pin", "--pin-file", pin, sealed); code != ExitOK || out+errs != "" {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	open := simulated(t, "--model", "MT681", "--fast")[0]
	locked := simulated(t, "--model", "MT681", "--fast", "--locked", "--pin-file", pin)[0]
	data := filepath.Join(dir, "data")
	shown := ""
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
		says string
	}{
		"open":           {[]string{"--model", "MT681", "--lamp", locked.Lamp, "--pin-file", pin, open.Address}, "", ExitOK, "the meter is open"},
		"unverified":     {[]string{"--model", "MT681", "--lamp", locked.Lamp, "--sealed", sealed, open.Address}, "", ExitOK, "not confirmed for the MT681: Flashes, On, Off"},
		"asked":          {[]string{"--model", "EASY", "--lamp", locked.Lamp, open.Address}, "4711\n", ExitOK, "the meter is open"},
		"no PIN":         {[]string{"--model", "EASY", "--lamp", locked.Lamp, open.Address}, "47x1\n", ExitUsage, "four digits"},
		"no lamp":        {[]string{"--model", "MT681", "--pin-file", pin, locked.Address}, "", ExitFailed, "a converter passes no light on"},
		"others read it": {[]string{"--model", "MT681", "--pin-file", loose, locked.Address}, "", ExitUsage, "can be read by others"},
		"no key":         {[]string{"--model", "MT681", "--sealed", sealed, "--key", pin + ".gone", locked.Address}, "", ExitFailed, "key of the device"},
		"two files":      {[]string{"--model", "MT681", "--sealed", sealed, "--pin-file", pin, locked.Address}, "", ExitUsage, "in one file"},
		"no such model":  {[]string{"--model", "XY", locked.Address}, "", ExitUsage, "must be one of"},
		"no such lamp":   {[]string{"--model", "MT681", "--lamp", "led", "--pin-file", pin, locked.Address}, "", ExitUsage, "lamp"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"meter", "unlock", "--data", data}, c.args...)
		code := Execute(t.Context(), args, IO{In: strings.NewReader(c.in), Out: &out, Err: &errs})
		if code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit code %d, %s", name, code, errs.String())
		}
		shown += out.String() + errs.String()
	}
	if strings.Contains(shown, "4711") || strings.Contains(shown, "47x1") {
		t.Errorf("the PIN shows:\n%s", shown)
	}
}

// opener opens at once, and counts.
type opener struct {
	kept int
	err  error
}

func (o *opener) Unlock(context.Context) error { return o.err }

func (o *opener) KeepOpen(context.Context) error {
	o.kept++
	return nil
}

func (*opener) Every() time.Duration { return 90 * time.Second }

func TestMeterIsKeptOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		o := &opener{}
		began := time.Now()
		if err := unlockMeter(t.Context(), IO{Err: &errs}, "EASY", o, time.Hour); err != nil || o.kept != 40 || time.Since(began) != time.Hour {
			t.Errorf("%d flashes in %v, %v", o.kept, time.Since(began), err)
		}
		o.err = errors.New("dark")
		if err := unlockMeter(t.Context(), IO{Err: &errs}, "EASY", o, time.Hour); err == nil || o.kept != 40 {
			t.Errorf("got %v", err)
		}
	})
}
