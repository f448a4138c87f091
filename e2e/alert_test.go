package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is a program that alerts are told to. It remembers the identifiers
// of what it is told, and takes nothing while it is closed.
type receiver struct {
	mu     sync.Mutex
	closed bool
	held   chan struct{} // while set, answers wait until it is closed
	told   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	closed, held := r.closed, r.held
	r.told = append(r.told, req.Header.Get("Idempotency-Key"))
	r.mu.Unlock()
	if held != nil {
		<-held
	}
	if closed {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (r *receiver) set(closed bool, held chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.held = closed, held
}

// heard waits until something that ends like that was told more than so often.
func (r *receiver) heard(t *testing.T, end string, more int) (id string) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		n := 0
		for _, x := range r.told {
			if strings.HasSuffix(x, end) {
				id = x
				n++
			}
		}
		if n <= more {
			return fmt.Errorf("%q was told %d times: %v", end, n, r.told)
		}
		return nil
	})
	return id
}

func (r *receiver) times(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(r.told), func(x string) bool { return x != id }))
}

// all lists what was told.
func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// TestOutageSurvives kills who tells of alerts while a group is silent: the
// sensors below it stay hushed, and of the outage there is one message when it
// began and one when it is over.
func TestOutageSurvives(t *testing.T) { everywhere(t, testOutageSurvives) }

func testOutageSurvives(t *testing.T, kind string) {
	r := new(receiver)
	server := httptest.NewServer(r)
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, kind, "WATTWERK_ALERT_PRIVATE=true", "WATTWERK_ALERT_WEBHOOK_URL="+server.URL+"/hook", "WATTWERK_ALERT_WEBHOOK_SECRET_FILE="+secret)
	defer d.says()
	face := d.face()
	for _, id := range []string{"press", "oven"} {
		face.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"quantity":"active_power","interval":"3s"}`, id), nil)
	}
	face.call("PUT", "/api/v1/groups/hall", `{"id":"hall","members":[{"sensor":"press"},{"sensor":"oven"}]}`, nil)
	face.call("PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall"}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/hook", `{"condition":{"kind":"external"}}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/out", `{"condition":{"kind":"missing"},"subject":{"group":"hall"}}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/silent", `{"condition":{"kind":"missing","intervals":4},"subject":{"below":"hall"}}`, nil)
	active := func(want ...string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() error {
			var got struct {
				Alerts []struct {
					Rule, Status string
					Subject      struct{ Sensor, Group string }
				}
			}
			if err := d.other().try("GET", "/api/v1/alerts", nil, &got); err != nil {
				return err
			}
			var all []string
			for _, a := range got.Alerts {
				all = append(all, strings.Join([]string{a.Rule, a.Subject.Sensor + a.Subject.Group, a.Status}, " "))
			}
			if slices.Sort(all); !slices.Equal(all, want) {
				return fmt.Errorf("active are %q, not %q", all, want)
			}
			return nil
		})
	}
	outage := []string{"out hall firing", "silent oven hushed", "silent press hushed"}
	active(outage...)
	fired := r.heard(t, "-fired-1", 0)
	for round := range 2 {
		eventually(t, 2*time.Minute, func() error { // what was heard is known to be sent, and is not sent again
			a, err := d.other().send("GET", "/api/v1/alerts/history", nil, nil)
			if err == nil && strings.Contains(string(a.body), `"status":"waiting"`) {
				err = fmt.Errorf("the history is %s", a.body)
			}
			return err
		})
		d.called("alert")[0].process().kill()
		d.start()
		// When it tells of something else, it has looked at the silence, too.
		d.face().call("POST", "/api/v1/alerts/rules/hook/signal", `{"firing":true}`, nil)
		r.heard(t, "-fired-1", 1+round)
		active(append([]string{"hook  firing"}, outage...)...)
		d.face().call("POST", "/api/v1/alerts/rules/hook/signal", `{"firing":false}`, nil)
		r.heard(t, "-resolved-2", round)
		active(outage...)
	}
	told := r.all()
	over := strings.TrimSuffix(fired, "-fired-1") + "-resolved-2"
	eventually(t, 2*time.Minute, func() error {
		if err := d.face().try("POST", "/api/v1/ingest/json", fmt.Sprintf(`[{"sensor":"press","time":%[1]d,"value":1},{"sensor":"oven","time":%[1]d,"value":1}]`, time.Now().UnixMilli()), nil); err != nil {
			return err
		}
		if r.times(over) == 0 {
			return fmt.Errorf("%s was not told", over)
		}
		return nil
	})
	if got := r.all(); !slices.Equal(got[:len(told)+1], append(told, over)) || len(told) != 5 || r.times(fired) != 1 {
		t.Errorf("it was told %q", got)
	}
	d.stop()
}

// TestAlertsSurvive kills who tells of alerts between two attempts to deliver a
// message, and again while the receiver has it and has not answered: nothing is
// lost, and what may have come is sent again under the same name.
func TestAlertsSurvive(t *testing.T) { everywhere(t, testAlertsSurvive) }

func testAlertsSurvive(t *testing.T, kind string) {
	r := new(receiver)
	server := httptest.NewServer(r)
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, kind, "WATTWERK_ALERT_PRIVATE=true", "WATTWERK_ALERT_WEBHOOK_URL="+server.URL+"/hook", "WATTWERK_ALERT_WEBHOOK_SECRET_FILE="+secret)
	defer d.says()
	kill := func() {
		t.Helper()
		d.called("alert")[0].process().kill()
		d.start()
	}
	history := func(want string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() error {
			a, err := d.other().send("GET", "/api/v1/alerts/history", nil, nil)
			if err == nil && !strings.Contains(string(a.body), want) {
				err = fmt.Errorf("the history is %s, without %s", a.body, want)
			}
			return err
		})
	}
	d.face().call("PUT", "/api/v1/alerts/rules/hook", `{"condition":{"kind":"external"}}`, nil)
	// Between two attempts.
	r.set(true, nil)
	d.face().call("POST", "/api/v1/alerts/rules/hook/signal", `{"firing":true}`, nil)
	fired := r.heard(t, "-fired-1", 0)
	history(`"status":"waiting"`)
	kill()
	history(`"status":"waiting"`)
	r.set(false, nil)
	r.heard(t, "-fired-1", r.times(fired))
	history(`"status":"sent"`)
	if n := r.times(fired); n < 2 {
		t.Errorf("it was told %d times", n)
	}
	// While the receiver has it.
	held := make(chan struct{})
	r.set(false, held)
	d.face().call("POST", "/api/v1/alerts/rules/hook/signal", `{"firing":false}`, nil)
	resolved := r.heard(t, "-resolved-2", 0)
	if strings.TrimSuffix(resolved, "-resolved-2") != strings.TrimSuffix(fired, "-fired-1") {
		t.Errorf("%s is not the end of %s", resolved, fired)
	}
	d.called("alert")[0].process().kill()
	r.set(false, nil)
	close(held)
	d.start()
	r.heard(t, "-resolved-2", 1)
	history(`"change":"resolved","status":"sent"`)
	history(`"status":"resolved"`)
	d.stop()
}
