package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// demonstrated runs a demo until it has written a text, and looks at its register then.
func demonstrated(t *testing.T, data, until string, look func(s *register.Store, url string)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out said
	done := make(chan int, 1)
	go func() {
		done <- Execute(ctx, []string{"survey", "demo", "--data", data, "--addr", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--speed", "60", "--log-level", "warn"},
			IO{In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{"WATTWERK_BUS_MQTT=off"}})
	}()
	for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(out.String(), until); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) || len(done) > 0 {
			t.Fatalf("%q was not written:\n%s", until, out.String())
		}
	}
	c := DefaultConfig()
	c.Data = data
	s, err := c.openSurvey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(out.String(), "the data service is at ")
	url, _, _ = strings.Cut(url, ".\n")
	look(s, url)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if code := <-done; code != ExitOK {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// TestSurveyDemo: ten households are a survey in one process, and go on where they were.
func TestSurveyDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "survey")
	seen := make(map[string]int)
	demonstrated(t, data, "All 10 devices have delivered.", func(s *register.Store, _ string) {
		if err := eachHousehold(t.Context(), s, func(h household.Household) error {
			if h.Consent.State != consent.Granted || len(h.Devices) != 1 || h.Devices[0].LastMeasurement == nil {
				t.Errorf("%+v", h)
			}
			for _, m := range h.Meters {
				all, err := s.Measurements(t.Context(), h.ID, m.ID, time.Now().Add(-time.Hour), time.Now(), 100)
				if err != nil {
					return err
				}
				if seen[m.ID] = len(all); len(all) == 0 {
					t.Errorf("nothing came of the meter %s of a %s", m.Name, m.Model)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	if len(seen) != 12 {
		t.Errorf("%d meters, want those of ten households of which two have a heat pump", len(seen))
	}
	demonstrated(t, data, "wattwerk survey report", func(s *register.Store, url string) {
		_, n, err := s.Households(t.Context(), "", 1)
		if n != 10 || err != nil {
			t.Errorf("%d households after another start, %v", n, err)
		}
		testAccess(t, data, url, s)
	})
	code, out, errs := wattwerk(t, "survey", "report", "--data", data, "--format", "json")
	var report struct {
		Measured struct{ Percent *float64 }
	}
	if err := json.Unmarshal([]byte(out), &report); code != ExitOK || err != nil {
		t.Errorf("exit code %d, %v, %s", code, err, errs)
	}
	for _, c := range []struct{ says, flag, value string }{{"backwards", "--speed", "2"}, {"between 1", "-n", "0"}, {"between 0", "--loss", "1"}} {
		if code, _, errs := wattwerk(t, "survey", "demo", "--data", data, c.flag, c.value); code != ExitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%s %s: exit code %d, %s", c.flag, c.value, code, errs)
		}
	}
}

// testAccess looks at a device of a demo that runs, by the commands of who looks after it and an SSH client.
func testAccess(t *testing.T, data, url string, s *register.Store) {
	t.Helper()
	all, _, err := s.Households(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, known := filepath.Join(t.TempDir(), "id.pub"), filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(public, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	access := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := wattwerk(t, append([]string{"survey", "access"}, append(args, "--data", data)...)...)
		if code != want {
			t.Fatalf("survey access %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errs)
		}
		return out + errs
	}
	device := all[0].Devices[0].ID
	access(ExitUsage, "grant", device, "--for", "48h", "--reason", "to see", "--key", public)
	access(ExitUsage, "grant", "nobody", "--reason", "to see", "--key", public)
	access(ExitUsage, "revoke", "nothing")
	grant := strings.Fields(access(ExitOK, "grant", device, "--reason", "to see", "--key", public, "--who", "anna"))[1]

	ours, theirs := net.Pipe()
	done := make(chan int, 1)
	var errs said
	go func() {
		done <- Execute(t.Context(), []string{"survey", "access", "open", grant, "--data", data, "--url", url, "--known-hosts", known}, IO{In: theirs, Out: theirs, Err: &errs})
		theirs.Close()
	}()
	c, channels, requests, err := ssh.NewClientConn(ours, "", &ssh.ClientConfig{
		User: "device", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			data, err := os.ReadFile(known)
			if err == nil && string(data) != grant+" "+string(ssh.MarshalAuthorizedKey(k)) {
				err = errors.New("the device has another key")
			}
			return err
		},
	})
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	client := ssh.NewClient(c, channels, requests)
	for line, says := range map[string]string{"status": device, "log 20": "", "config": "diagnose", "incidents": "[", "machine": "memoryBytes", "send": "being sent"} {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := session.Output(line); err != nil || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v, %s", line, err, out)
		}
	}
	access(ExitOK, "revoke", grant)
	if err := client.Wait(); err == nil {
		t.Error("the connection ended by itself")
	}
	if code := <-done; code != ExitOK {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
	out := access(ExitOK, "list")
	for _, says := range []string{"ended by " + commandLine, "granted by anna: to see", "the device came", "status", "comes in"} {
		if !strings.Contains(out, says) {
			t.Errorf("%q is not in\n%s", says, out)
		}
	}
}
