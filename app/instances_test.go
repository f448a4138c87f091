package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

func instancesOf(t *testing.T, in datadir.Instance) Instances {
	t.Helper()
	code, body := get(t, in, "/api/v1/instances")
	var all Instances
	if err := json.Unmarshal([]byte(body), &all); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	return all
}

// put changes something as a command on this machine.
func put(t *testing.T, in datadir.Instance, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, in.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+in.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
}

// work finds what is said of a share.
func (all *Instances) work(share string) SharedWork {
	for _, w := range all.Work {
		if w.Share == share {
			return w
		}
	}
	return SharedWork{}
}

// settled tells whether everything has an owner that reads, and all have
// answered.
func (all *Instances) settled(processes, aggregating int) bool {
	w := all.work("partitions")
	whole := len(all.Instances) == processes && w.Takers == aggregating && len(w.Unowned) == 0
	readers := make(map[string]int)
	for _, r := range all.Readers {
		readers[r.Reader]++
	}
	whole = whole && readers["aggregate"] == w.Pieces && readers["history"] == w.Pieces
	for _, x := range all.Instances {
		whole = whole && x.Answered && len(x.Unready) == 0
		for _, o := range x.Owns {
			whole = whole && (o.Share != "partitions" || len(o.Pieces) == w.Pieces/aggregating)
		}
	}
	return whole
}

func awaitInstances(t *testing.T, in datadir.Instance, processes, aggregating int) Instances {
	t.Helper()
	// Until there is a model, nobody sums up.
	put(t, in, "/api/v1/sensors/kettle", `{"id":"kettle","quantity":"active_power"}`)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		all := instancesOf(t, in)
		if all.settled(processes, aggregating) {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", all)
		}
	}
}

func TestInstancesOfOneProcess(t *testing.T) {
	c := smallConfig(t)
	c.Name, c.Bus.Partitions = "alone", 4
	in := runProcess(t, c)
	all := awaitInstances(t, in, 1, 1)
	x := all.Instances[0]
	if x.Name != "alone" || !x.Here || x.Seen != nil || !slices.Contains(x.Modules, "history") {
		t.Errorf("%+v", x)
	}
	if w := all.work("partitions"); w.Module != "aggregate" || w.Pieces != 4 || w.Unowned == nil {
		t.Errorf("%+v", w)
	}
}

func TestInstancesOfManyProcesses(t *testing.T) {
	url := natstest.Start(t, natstest.Options{}).URL()
	begin := func(name string, modules ...string) datadir.Instance {
		c := smallConfig(t, modules...)
		c.Name, c.Bus.NATS, c.Bus.Partitions = name, url, 4
		return runProcess(t, c)
	}
	head := begin("head", "registry", "history", "gateway")
	begin("left", "aggregate")
	begin("right", "aggregate")
	all := awaitInstances(t, head, 3, 2)
	for _, x := range all.Instances {
		if x.Seen == nil || x.Here != (x.Name == "head") {
			t.Errorf("%+v", x)
		}
	}
	by := make(map[string][]string)
	for _, r := range all.Readers {
		if !slices.Contains(by[r.Reader], r.Instance) {
			by[r.Reader] = append(by[r.Reader], r.Instance)
		}
	}
	if len(by["aggregate"]) != 2 || len(by["history"]) != 1 {
		t.Errorf("read by %v", by)
	}
	code, body := get(t, head, "/api/v1/doctor")
	var d Diagnosis
	if err := json.Unmarshal([]byte(body), &d); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	if d.has("pieces-unowned") || d.has("share-uneven") {
		t.Errorf("%+v", d.Findings)
	}
	owners := strings.Join(d.Owners, "\n")
	for _, want := range []string{"left works on partition", "right works on partition", "head does the work of history."} {
		if !strings.Contains(owners, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, owners)
		}
	}
}
