package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/alert/sink"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// receiver keeps what it is told, by its Idempotency-Key.
type receiver struct {
	mu     sync.Mutex
	got    map[string][]byte
	asked  int
	refuse func(n int, body []byte) int // 0: take it
	header http.Header
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	r.header = req.Header
	if r.refuse != nil {
		if code := r.refuse(r.asked, body); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	if r.got == nil {
		r.got = make(map[string][]byte)
	}
	r.got[req.Header.Get("Idempotency-Key")] = body
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) values(t *testing.T) (all map[float64]int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all = make(map[float64]int)
	for _, b := range r.got {
		var list []struct{ Value float64 }
		if json.Unmarshal(b, &list) != nil {
			var one struct{ Value float64 }
			if err := json.Unmarshal(b, &one); err != nil {
				t.Fatal(err)
			}
			list = append(list, one)
		}
		for _, v := range list {
			all[v.Value]++
		}
	}
	return all
}

func results(n int) (all []connect.Written) {
	for i := range n {
		all = append(all, connect.Written{Manifest: "m", Processor: "p", Key: fmt.Sprint("box", i%5), Time: 1_772_000_000_000, Value: float64(i)})
		all[i].Time += 1000 * 60
		all[i].Manifest = fmt.Sprint(i)
	}
	return all
}

func open(t *testing.T, r *receiver, kind manifest.Kind, house *connect.House, values ...string) connect.Writer {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, kind, append([]string{"url", s.URL + "/in"}, values...)...))
}

func TestPosts(t *testing.T) {
	house := connecttest.House()
	house.Secrets = t.TempDir()
	secret := "a secret that is long"
	if err := os.WriteFile(filepath.Join(house.Secrets, "s"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Each request fails once, and is told again.
	failed := map[string]bool{}
	r := &receiver{refuse: func(_ int, body []byte) int {
		if !failed[string(body)] {
			failed[string(body)] = true
			return http.StatusBadGateway
		}
		return 0
	}}
	w := open(t, r, manifest.Kind{}, house, "batch", "30", "secret", "s", "token", "s")
	for range 2 { // told again after a crash: the same requests
		if err := w.Write(t.Context(), results(100)); err != nil {
			t.Fatal(err)
		}
	}
	all := r.values(t)
	if len(all) != 100 || len(r.got) != 4 {
		t.Errorf("%d values in %d requests", len(all), len(r.got))
	}
	for v, n := range all {
		if n != 1 {
			t.Errorf("%v came %d times", v, n)
		}
	}
	// Signed as messages of alerts are.
	var at int64
	var sum string
	if _, err := fmt.Sscanf(strings.Replace(r.header.Get("Wattwerk-Signature"), ",v1=", " ", 1), "t=%d %s", &at, &sum); err != nil {
		t.Fatal(err, r.header)
	}
	if body := r.got[r.header.Get("Idempotency-Key")]; sum != sink.Sign([]byte(secret), at, body) {
		t.Error("the signature is another one")
	}
	if r.header.Get("Authorization") != "Bearer "+secret || r.header.Get("Content-Type") != "application/json" {
		t.Error(r.header)
	}
}

// TestOneThatIsNotTaken has a receiver that does not like some results.
func TestOneThatIsNotTaken(t *testing.T) {
	r := &receiver{refuse: func(_ int, body []byte) int {
		if strings.Contains(string(body), `"value":13`) || strings.Contains(string(body), `"value":77`) {
			return http.StatusUnprocessableEntity
		}
		return 0
	}}
	w := open(t, r, manifest.Kind{}, connecttest.House())
	err := w.Write(t.Context(), results(100))
	var refused *connect.Refused
	if !errors.As(err, &refused) || len(refused.Results) != 2 || refused.Results[0].Result.Value != 13 || refused.Results[1].Result.Value != 77 {
		t.Fatal(err)
	}
	if all := r.values(t); len(all) != 98 {
		t.Errorf("%d values", len(all))
	}
}

func TestWhatAFormatCannotSay(t *testing.T) {
	r := new(receiver)
	w := open(t, r, manifest.Kind{Format: "senml"}, connecttest.House())
	all := results(3)
	all[1].Key = "no name"
	var refused *connect.Refused
	if err := w.Write(t.Context(), all); !errors.As(err, &refused) || len(refused.Results) != 1 || refused.Results[0].Result != all[1] {
		t.Fatal(err)
	}
	if len(r.got) != 1 || r.header.Get("Content-Type") != "application/senml+json" {
		t.Error(r.got)
	}
	text := new(receiver)
	w = open(t, text, manifest.Kind{Format: "text"}, connecttest.House())
	if err := w.Write(t.Context(), results(3)); err != nil || len(text.got) != 3 {
		t.Error(err, text.got)
	}
}

func TestGivesUpForNow(t *testing.T) {
	r := &receiver{refuse: func(int, []byte) int { return http.StatusServiceUnavailable }}
	w := open(t, r, manifest.Kind{}, connecttest.House())
	if err := w.Write(t.Context(), results(1)); err == nil || !strings.Contains(err.Error(), "503") || r.asked != tries {
		t.Error(err, r.asked)
	}
	shut := new(receiver)
	w = open(t, shut, manifest.Kind{}, new(connect.House))
	if err := w.Write(t.Context(), results(1)); !errors.Is(err, connect.ErrReach) || shut.asked != 0 {
		t.Error(err, shut.asked)
	}
	moved := &receiver{refuse: func(int, []byte) int { return http.StatusTemporaryRedirect }}
	w = open(t, moved, manifest.Kind{}, connecttest.House())
	if err := w.Write(t.Context(), results(1)); err == nil || !strings.Contains(err.Error(), "307") {
		t.Error(err)
	}
	for _, values := range [][]string{{"url", "ftp://h"}, {"url", "http://u:p@h"}, {"url", "http://h", "secret", "none"}} {
		if _, err := newWriter(t.Context(), connecttest.End(t, Protocol(), connecttest.House(), manifest.Kind{}, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
}

// TestOtherBatches posts the same results again after a restart that cut them in
// another way: by their identifiers the receiver has each once, in all formats that
// say more than a value.
func TestOtherBatches(t *testing.T) {
	for _, name := range []string{"json", "csv", "senml", "dataset", "observation"} {
		seen := make(map[string]int)
		id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
		r := &receiver{refuse: func(_ int, body []byte) int {
			here := make(map[string]bool) // a data set says it twice
			for _, x := range id.FindAllString(string(body), -1) {
				here[x] = true
			}
			for x := range here {
				seen[x]++
			}
			return http.StatusNoContent
		}}
		w := open(t, r, manifest.Kind{Format: name}, connecttest.House(), "batch", "30")
		all := results(100)
		for _, from := range []int{0, 17, 0} {
			if err := w.Write(t.Context(), all[from:]); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 100 {
			t.Errorf("%s: %d identifiers of 100 results", name, len(seen))
		}
		for x, n := range seen {
			if n != 2 && n != 3 {
				t.Errorf("%s: %s came %d times", name, x, n)
			}
		}
	}
}
