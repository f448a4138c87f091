package remote

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/vmtest"
	"github.com/wattwerk/wattwerk/record"
)

func mustOpen(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, at record.Millis, v float64) []history.Refusal {
	t.Helper()
	rs, err := s.Append(t.Context(), s.Refs(nil, []history.Series{history.RecordsOf("a")}), nil, []record.Millis{at}, []float64{v})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func values(t *testing.T, s *Store) (out []float64) {
	t.Helper()
	if err := s.Scan(t.Context(), history.RecordsOf("a"), record.MinTime, record.MaxTime, func(_ []int64, vs []float64) error {
		out = append(out, vs...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// front is a server before a database, which can spoil what goes through.
type front struct {
	*httptest.Server
	spoil atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool] // true: it has answered
}

// before makes a front that takes requests below the prefixes of the paths,
// which it removes.
func before(t *testing.T, vm *vmtest.Server, prefixes ...string) *front {
	to, err := url.Parse(vm.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = nil
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := f.spoil.Load(); s != nil && (*s)(w, r) {
			return
		}
		for _, p := range prefixes {
			if rest, ok := strings.CutPrefix(r.URL.Path, p); ok {
				r.URL.Path = rest
				// A body is closed when the answer begins, and who looks for its
				// end after that breaks the answer off.
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return // nobody waits for an answer any more
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				proxy.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) set(spoil func(w http.ResponseWriter, r *http.Request) bool) {
	if spoil == nil {
		f.spoil.Store(nil)
		return
	}
	f.spoil.Store(&spoil)
}

func (f *front) replica() Replica {
	return Replica{Write: f.URL + "/api/v1/write", Query: f.URL, Storage: []string{f.URL}}
}

// TestPathsOfACluster writes and reads through the paths that vminsert,
// vmselect and vmstorage have, each of which answers nothing else.
func TestPathsOfACluster(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	only := func(path func(string) bool, prefix string) *front {
		f := before(t, vm, prefix)
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !path(r.URL.Path) {
				t.Errorf("%s is no path there", r.URL.Path)
				http.NotFound(w, r)
				return true
			}
			return false
		})
		return f
	}
	vminsert := only(func(p string) bool { return p == "/insert/7/prometheus/api/v1/write" }, "/insert/7/prometheus")
	vmselect := only(func(p string) bool { return strings.HasPrefix(p, "/select/7/prometheus/api/v1/") }, "/select/7/prometheus")
	node := func(p string) bool {
		return p == "/snapshot/create" || p == "/snapshot/delete" || p == "/internal/force_flush" || p == "/metrics"
	}
	vmstorage := []*front{only(node, ""), only(node, "")}
	o := Options{Replicas: []Replica{{
		Write: vminsert.URL + "/insert/7/prometheus/api/v1/write", Query: vmselect.URL + "/select/7/prometheus/",
		Storage: []string{vmstorage[0].URL, vmstorage[1].URL + "/"},
	}}}
	s := mustOpen(t, o)
	put(t, s, t0, 1)
	put(t, s, t0-record.Millis(80*day.Milliseconds()), 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	defer s.Close()
	if got := values(t, s); !slices.Equal(got, []float64{2, 1}) {
		t.Errorf("got %v", got)
	}
	if got, err := s.Latest(t.Context(), nil, []history.Series{history.RecordsOf("a")}); err != nil || got[0].Value != 1 {
		t.Error(got, err)
	}
	q, err := s.Queryable().Querier(0, int64(t0))
	if err != nil {
		t.Fatal(err)
	}
	if vs, _, err := q.LabelValues(t.Context(), "sensor", nil); err != nil || !slices.Equal(vs, []string{"a"}) {
		t.Error(vs, err)
	}
}

// TestTwoStores writes one series from two stores, one after the other and
// both at once, as happens when a partition is handed over.
func TestTwoStores(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	o := Options{Replicas: []Replica{on(vm)}}
	a, b := mustOpen(t, o), mustOpen(t, o)
	defer a.Close()
	defer b.Close()
	ka := []history.Series{history.RecordsOf("a")}
	refs := [2][]history.Ref{a.Refs(nil, ka), b.Refs(nil, ka)}
	offer := func(s *Store, refs []history.Ref, steps ...int) (refused int) {
		t.Helper()
		for _, n := range steps {
			rs, err := s.Append(t.Context(), refs, []uint32{0, 0}, []record.Millis{t0 + record.Millis(n), t0 + record.Millis(n)}, []float64{float64(n), -1})
			if err != nil {
				t.Fatal(err)
			}
			refused += len(rs)
		}
		return refused
	}
	flush := func(s *Store) {
		t.Helper()
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Both read the same stream, and one is behind: each refuses what the other does.
	if n := offer(a, refs[0], 1, 2, 3, 4) + offer(b, refs[1], 1, 2, 3) + offer(a, refs[0], 5) + offer(b, refs[1], 4, 5, 6); n != 11 {
		t.Errorf("%d refused, want 11", n)
	}
	flush(a)
	flush(b)
	want := []float64{1, 2, 3, 4, 5, 6}
	for _, s := range []*Store{a, b} {
		if got := values(t, s); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	}
	// b goes on alone, and then a takes over: it must not believe what it knew.
	offer(b, refs[1], 7, 8, 9)
	flush(b)
	a.Forget()
	if rs, err := a.Append(t.Context(), refs[0], []uint32{0, 0}, []record.Millis{t0 + 8, t0 + 10}, []float64{800, 10}); err != nil || len(rs) != 1 || rs[0].Stored != 8 {
		t.Errorf("got %v, %v", rs, err)
	}
	flush(a)
	if got, err := b.Latest(t.Context(), nil, []history.Series{history.RecordsOf("nobody"), ka[0]}); err != nil || got[1].Time < t0+9 {
		t.Errorf("got %v, %v", got, err)
	}
	want = append(want, 7, 8, 9, 10)
	if got := values(t, b); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestDatabaseHangs stops the process of the database for a while.
func TestDatabaseHangs(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	s := mustOpen(t, Options{Replicas: []Replica{on(vm)}, Timeout: time.Second, MaxPending: 100})
	refs := s.Refs(nil, []history.Series{history.RecordsOf("a")})
	append1 := func(n int) error {
		_, err := s.Append(t.Context(), refs, nil, []record.Millis{t0 + record.Millis(n)}, []float64{float64(n)})
		return err
	}
	if err := append1(0); err != nil {
		t.Fatal(err)
	}
	vm.Signal(syscall.SIGSTOP)
	n := 1
	for ; n < 200; n++ {
		if err := append1(n); err != nil {
			if !errors.Is(err, history.ErrAway) {
				t.Error(err)
			}
			break
		}
	}
	if n != 100 {
		t.Errorf("it took %d samples, want 100", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Flush(ctx); !errors.Is(err, history.ErrAway) && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := s.Scan(t.Context(), history.RecordsOf("a"), t0, t0, func([]int64, []float64) error { return nil }); !errors.Is(err, history.ErrAway) {
		t.Error(err)
	}
	vm.Signal(syscall.SIGCONT)
	for err := s.Flush(t.Context()); err != nil; err = s.Flush(t.Context()) {
		if !errors.Is(err, history.ErrAway) { // it may be slow at first
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Replicas: []Replica{on(vm)}})
	defer s.Close()
	if got := values(t, s); len(got) != 100 {
		t.Errorf("%d samples, want 100", len(got))
	}
}

// TestBadAnswers has the database answer everything but what it should, for a
// while. Nothing is lost, and errors say what it was.
func TestBadAnswers(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	f := before(t, vm, "")
	status := func(code int, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, text, code)
			return true
		}
	}
	onlyRead := func(spoil func(w http.ResponseWriter, r *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/api/v1/export") && spoil(w, r)
		}
	}
	s := mustOpen(t, Options{Replicas: []Replica{f.replica()}})
	n := 0
	for name, c := range map[string]struct {
		spoil func(http.ResponseWriter, *http.Request) bool
		want  string
	}{
		"unavailable": {status(503, "no quorum"), "answered 503: no quorum"},
		"forbidden":   {status(403, "go away"), "are the credentials right?"},
		"wrong path":  {status(404, "what?"), "is the path of the address right?"},
		"bad request": {status(400, "cannot parse"), "cannot parse"},
		"no export":   {onlyRead(status(200, "<html>a login page</html>\n")), "not an export"},
		"broken off":  {onlyRead(status(200, `{"metric":{"__name__":"wattwerk_rec`)), "not an export"},
		"cut lines": {onlyRead(func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"metric":{},"values":[1],"timestamps":[1]}`))
			return err == nil
		}), "broke off"},
		"no snapshots": {func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/snapshot") && status(200, "{}")(w, r)
		}, "not the answer of a VictoriaMetrics storage"},
		"no metrics": {func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/metrics" && status(200, "go_goroutines 7\n")(w, r)
		}, "not those of a VictoriaMetrics storage"},
	} {
		n++
		put(t, s, t0+record.Millis(n), float64(n))
		f.set(c.spoil)
		// It tries to write again and again; what it says meanwhile is enough.
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			s.failing(ctx, s.replicas[0])
			cancel()
		}()
		err := s.Flush(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		f.set(nil)
		if err := s.Flush(t.Context()); err != nil {
			t.Errorf("%s, afterwards: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Replicas: []Replica{on(vm)}})
	defer s.Close()
	if got := values(t, s); len(got) != n {
		t.Errorf("%d samples, want %d", len(got), n)
	}
}

// failing waits until a replica takes nothing, or ctx ends.
func (s *Store) failing(ctx context.Context, r *replica) {
	for {
		s.mu.Lock()
		fails, changed := r.fails, s.changed
		s.mu.Unlock()
		if fails != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// TestTooLarge has the database take small requests only.
func TestTooLarge(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	f := before(t, vm, "")
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/v1/write" && r.ContentLength > 2000 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	})
	s := mustOpen(t, Options{Replicas: []Replica{f.replica()}, Zstd: true})
	defer s.Close()
	const n = 5000
	var times []record.Millis
	var vs []float64
	for i := range n {
		times, vs = append(times, t0+record.Millis(i*i%7777)+record.Millis(i)*10_000), append(vs, float64(i)*1.1)
	}
	if _, err := s.Append(t.Context(), s.Refs(nil, []history.Series{history.RecordsOf("a")}), make([]uint32, n), times, vs); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := values(t, s); len(got) != n {
		t.Errorf("%d samples, want %d", len(got), n)
	}
}

// TestOutsideOfRetention has a database that drops what is old: a flush must
// not say that it is there.
func TestOutsideOfRetention(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{Args: []string{"-retentionPeriod=1y"}})
	s := mustOpen(t, Options{Replicas: []Replica{on(vm)}})
	put(t, s, t0-record.Millis(50*365*day.Milliseconds()), 1)
	if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "outside of its retention") {
		t.Error(err)
	}
	s.closed.Store(true)
	s.stop()
	s.workers.Wait()
	s = mustOpen(t, Options{Replicas: []Replica{on(vm)}, Retention: 300 * day})
	defer s.Close()
	put(t, s, record.MillisOf(time.Now()), 1)
	b, err := s.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.OnRefused(func(_ history.Series, _ history.Sample, r history.Refusal) {
		if !errors.Is(r.Reason, history.ErrExpired) {
			t.Error(r.Reason)
		}
	})
	if err := b.Add(history.RecordsOf("a"), []record.Millis{t0}, []float64{1}); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Commit(); err != nil || r.Refused != 1 || r.Stored != 0 {
		t.Error(r, err)
	}
}

// TestWithoutStorageURLs waits for the database's own interval instead.
func TestWithoutStorageURLs(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{Args: []string{"-inmemoryDataFlushInterval=1s"}})
	r := on(vm)
	r.Storage = nil
	s := mustOpen(t, Options{Replicas: []Replica{r}, Settle: 3 * time.Second})
	put(t, s, t0, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// At once, as Mimir: what is not shown yet is waited for.
	s = mustOpen(t, Options{Replicas: []Replica{r}, Settle: -1})
	defer s.Close()
	put(t, s, t0+1, 2)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := values(t, s); !slices.Equal(got, []float64{1, 2}) {
		t.Errorf("got %v", got)
	}
}

// TestCredentials sends what the database asks for.
func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := file("secret", "sesame\n")
	var want, tenant string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != want || r.Header.Get("X-Scope-OrgID") != tenant {
			http.Error(w, got, http.StatusUnauthorized)
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	ca := file("ca", string(pemOf(srv)))
	replicas := []Replica{{Write: srv.URL, Query: srv.URL}}
	for _, c := range []struct {
		access       Access
		want, tenant string
	}{
		{Access{CAFile: ca}, "", ""},
		{Access{CAFile: ca, BearerTokenFile: secret, Tenant: "plant"}, "Bearer sesame", "plant"},
		{Access{CAFile: ca, BasicUser: "me", PasswordFile: secret}, "Basic bWU6c2VzYW1l", ""},
	} {
		want, tenant = c.want, c.tenant
		mustOpen(t, Options{Replicas: replicas, Access: c.access}).Close()
	}
	want = "Bearer other"
	for name, o := range map[string]Options{
		"credentials right?": {Replicas: replicas, Access: Access{CAFile: ca, BearerTokenFile: secret}},
		"no such file":       {Replicas: replicas, Access: Access{CAFile: ca, BearerTokenFile: filepath.Join(dir, "none")}},
		"certificate":        {Replicas: replicas},
		"no database":        {},
		"is not like":        {Replicas: []Replica{{Write: "vm:8428", Query: srv.URL}}},
		"holds a password":   {Replicas: []Replica{{Write: srv.URL, Query: "http://me:secret@vm"}}},
	} {
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// TestNotThereYet opens a store whose database answers only the third time, as
// after a power cut; but not one that does not let it in.
func TestNotThereYet(t *testing.T) {
	var asked atomic.Int32
	answer := func(early int) *httptest.Server {
		asked.Store(0)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) < 3 {
				w.WriteHeader(early)
			}
		}))
		t.Cleanup(s.Close)
		return s
	}
	open := func(s *httptest.Server, wait time.Duration) error {
		store, err := Open(t.Context(), Options{Wait: wait, Replicas: []Replica{{Write: s.URL + "/api/v1/write", Query: s.URL}}})
		if err != nil {
			return err
		}
		return store.Close()
	}
	if err := open(answer(http.StatusServiceUnavailable), time.Minute); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		early int
		wait  time.Duration
		want  string
	}{
		{http.StatusServiceUnavailable, 0, "answered 503"},
		{http.StatusServiceUnavailable, time.Nanosecond, "after waiting for 1ns: "},
		{http.StatusUnauthorized, time.Minute, "answered 401 (are the credentials right?)"},
	} {
		if err := open(answer(c.early), c.wait); err == nil || !strings.Contains(err.Error(), c.want) || asked.Load() != 1 {
			t.Errorf("%d, wait %v: after %d questions %v, want %q", c.early, c.wait, asked.Load(), err, c.want)
		}
	}
}
