package home

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/keep"
)

// TestHome: all six services can be carried out, and each says something.
func TestHome(t *testing.T) {
	h, err := New(record.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	e, err := h.Instance(Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	for sid, want := range map[string]string{"S1": `"load"`, "S2": `"cycles"`, "S3": `"sessions"`, "S4": `"result"`, "S5": `"hours"`, "S6": `"model"`} {
		ask := func() string {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/services/"+sid+"/execute", strings.NewReader(h.Request(sid)))
			r.Header.Set("Content-Type", "application/json")
			rw := httptest.NewRecorder()
			if mux.ServeHTTP(rw, r); rw.Code != http.StatusOK || !strings.Contains(rw.Body.String(), want) {
				t.Errorf("%s: %d %.1500s", sid, rw.Code, rw.Body)
			}
			var x struct{ How string }
			if err := json.Unmarshal(rw.Body.Bytes(), &x); err != nil {
				t.Error(err)
			}
			return x.How
		}
		if first, second := ask(), ask(); first != keep.Made || second != keep.Found {
			t.Errorf("%s is %s, then %s", sid, first, second)
		}
		h.Late()
		if how := ask(); how != keep.Made {
			t.Errorf("%s is %s though everything has changed", sid, how)
		}
	}
}

// TestInstances (scenario D9): of three instances the one that the plan names carries a
// service out, whoever was asked; when it does not answer, the one that was asked does,
// and says why.
func TestInstances(t *testing.T) {
	h, err := New(record.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(ctx context.Context, m execution.Member, path string, body []byte) (int, http.Header, []byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(execution.HereHeader, m.ID)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, nil, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header, text, err
	}
	const n = 3
	muxes, servers, members := make([]*http.ServeMux, n), make([]*httptest.Server, n), make([]execution.Member, n)
	for i := range n {
		muxes[i] = http.NewServeMux()
		servers[i] = httptest.NewServer(muxes[i])
		defer servers[i].Close()
		members[i] = execution.Member{ID: fmt.Sprint("i", i), Name: fmt.Sprint("instance ", i), URL: servers[i].URL}
	}
	for i := range n {
		e, err := h.Instance(Options{Members: append(members[i:i+1:i+1], slices.Concat(members[:i], members[i+1:])...), Elsewhere: elsewhere})
		if err != nil {
			t.Fatal(err)
		}
		e.Register(humago.New(muxes[i], huma.DefaultConfig("test", "1")))
	}
	ask := func(sid string) (x execution.ServiceResult) {
		resp, err := http.Post(servers[0].URL+"/api/v1/services/"+sid+"/execute", "application/json", strings.NewReader(h.Request(sid)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&x); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode, err)
		}
		return x
	}
	by := make(map[string]int)
	for range 4 {
		for i := range 6 {
			x := ask(fmt.Sprint("S", i+1))
			if by[x.Process]++; x.Instead != "" || x.Result == nil {
				t.Errorf("%+v", x)
			}
		}
	}
	for _, m := range members {
		if by[m.Name] != 8 {
			t.Errorf("%v", by)
		}
	}
	servers[1].Close()
	instead := 0
	for range 6 {
		if x := ask("S1"); strings.Contains(x.Instead, "instance 1 was asked") && x.Process == "instance 0" {
			instead++
		} else if x.Process == "instance 1" {
			t.Error("it does not live")
		}
	}
	if instead != 2 {
		t.Errorf("%d of 6 were carried out by another one", instead)
	}
}
