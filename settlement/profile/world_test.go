package profile

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// everywhere runs a test with both databases.
func everywhere(t *testing.T, f func(t *testing.T, s *ledger.Store)) {
	t.Run("sqlite", func(t *testing.T) { f(t, sqlite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, open(t, "", pgtest.Database(t))) })
}

// trees stand for the settlement.
type trees struct {
	calendar window.Calendar
	members  []tree.Member
}

func (x trees) Calendar(ledger.Point) window.Calendar { return x.calendar }

func (x trees) Members(context.Context, string, string, record.Millis) ([]tree.Member, record.SensorID, error) {
	return x.members, "", nil
}

// serve answers questions about a plant of two sensors and a group, and gives
// what asks: a path, and where the answer goes or, for errors, nil.
func serve(t *testing.T, s *ledger.Store, x trees, now time.Time) func(path string, into any) string {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-c.Ready()
	d, err := model.ReadYAML([]byte(`
sites: [{id: kiel, zone: ` + x.calendar.Zone().String() + `}]
sensors:
  - {id: a, name: Press, site: kiel, quantity: active_power, interval: 1m}
  - {id: b, site: kiel, quantity: energy, interval: 1m}
  - {id: halls, site: kiel, quantity: active_power, interval: 1m}
  - {id: volts, site: kiel, quantity: voltage, interval: 1m}
groups:
  - {id: plant, members: [{sensor: a}, {group: hall, sign: -1}]}
  - {id: hall, name: Hall, members: [{sensor: halls, meter: true}]}
hierarchies: [{id: place, site: kiel, root: plant}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{Store: s, Catalog: c, Calendars: x, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return func(path string, into any) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/settled/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if into != nil {
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s answers %d %s", path, resp.StatusCode, text)
			}
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		return resp.Status[:3] + " " + strings.TrimSpace(string(text))
	}
}
