package forward

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// places are instances that a test moves about.
type places struct {
	mu      sync.Mutex
	urls    []string
	changed chan struct{}
}

func at(urls ...string) *places { return &places{urls: urls, changed: make(chan struct{})} }

func (p *places) URLs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.urls...)
}

func (p *places) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *places) set(urls ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.urls = urls
	close(p.changed)
	p.changed = make(chan struct{})
}

func notary(t *testing.T) *access.Notary {
	t.Helper()
	n, err := access.NewNotary(bytes.Repeat([]byte{7}, access.NotaryKey))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var eva = access.Identity{Kind: access.KindUser, ID: "u_1", Name: "eva", Role: access.Operator, Scopes: access.Operator.Scopes()}

// front is a server that forwards everything as eva. Requests that begin with
// /twice may be answered twice.
func front(t *testing.T, o Options) string {
	t.Helper()
	o.Module = "history"
	o.Notary = notary(t)
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("X-Outer", "kept")
		r = r.WithContext(access.With(r.Context(), eva))
		if strings.HasPrefix(r.URL.Path, "/twice") {
			f.Repeatable().ServeHTTP(w, r)
			return
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		f.Close()
	})
	return s.URL
}

// back is an instance.
func back(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// refusing is an address at which nothing listens, and nothing will: it is
// taken.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
}

// breaking takes requests and breaks the connection before it answers.
func breaking(t *testing.T, count *atomic.Int64) string {
	return back(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		count.Add(1)
		panic(http.ErrAbortHandler)
	})
}

func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

func TestRequestsGoThrough(t *testing.T) {
	n := notary(t)
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, r *http.Request) {
		who, err := n.Check(r.Header.Get(access.VoucherHeader), r.Method, r.RequestURI)
		if err != nil || !cmp.Equal(who, eva) {
			t.Errorf("vouched for %v, %v", who, err)
		}
		for _, h := range []string{"Authorization", "Cookie", "Origin", "Sec-Fetch-Site", "Connection", "X-Hop", "Keep-Alive", "Te"} {
			if v := r.Header.Values(h); len(v) > 0 {
				t.Errorf("%s arrived: %q", h, v)
			}
		}
		if r.Header.Get("X-Forwarded-For") != "127.0.0.1" {
			t.Errorf("forwarded for %q", r.Header.Get("X-Forwarded-For"))
		}
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTeapot)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %q %s", r.Method, r.RequestURI, body, r.Header.Get("Content-Type"))
	}))})
	for _, path := range []string{"/a/b%2Fc?q=1&q=%20", "/twice/a?x"} {
		resp, body := send(t, "PUT", url+path, "hello", "Content-Type", "text/x", "Authorization", "Bearer secret", "Cookie", "a=b",
			"Origin", "http://x", "Sec-Fetch-Site", "same-origin", "Connection", "X-Hop", "X-Hop", "1", "Keep-Alive", "5", "X-Forwarded-For", "6.6.6.6")
		if resp.StatusCode != http.StatusTeapot || body != `PUT `+path+` "hello" text/x` {
			t.Errorf("answered %d %s", resp.StatusCode, body)
		}
		if got := resp.Header.Values("X-Frame-Options"); len(got) != 1 || resp.Header.Get("X-Outer") != "kept" || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("headers %v", resp.Header)
		}
	}
	if resp, _ := send(t, "HEAD", url+"/", ""); resp.StatusCode != http.StatusTeapot {
		t.Errorf("HEAD answered %d", resp.StatusCode)
	}
	if resp, _ := send(t, "DELETE", url+"/twice", ""); resp.StatusCode != http.StatusTeapot {
		t.Errorf("DELETE answered %d", resp.StatusCode)
	}
}

// TestStreams needs both directions to go through piece by piece.
func TestStreams(t *testing.T) {
	gone := make(chan struct{})
	got := make(chan string)
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(gone)
			return
		}
		for s := bufio.NewScanner(r.Body); s.Scan(); {
			got <- s.Text()
		}
		fmt.Fprint(w, "all")
	}))})

	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/echo", in)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		for _, word := range []string{"a", "b", "c"} {
			if _, err := io.WriteString(out, word+"\n"); err != nil {
				wrote <- err
				return
			}
			// The next piece is sent when this one has arrived.
			if there := <-got; there != word {
				wrote <- fmt.Errorf("%q arrived as %q", word, there)
				return
			}
		}
		wrote <- out.Close()
	}()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "all" {
		t.Errorf("%q, %v", body, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err = http.NewRequestWithContext(ctx, "GET", url+"/endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: 1\n" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%q, %v", line, err)
	}
	cancel()
	<-gone // the instance sees that nobody listens any more
}

// TestAnswerBeginsEarly has an instance answer as soon as it has read what the
// length says, before the end of the body was seen on this side.
func TestAnswerBeginsEarly(t *testing.T) {
	answer := bytes.Repeat([]byte("wattwerk"), 16<<10)
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, r.ContentLength)); err != nil {
			t.Error(err)
		}
		_, _ = w.Write(answer)
	}))})
	for range 150 {
		res, err := http.Post(url, "text/plain", strings.NewReader("question"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%d of %d bytes: %v", len(got), len(answer), err)
		}
	}
}

// TestReadersSlowWriters lets nobody read, and sees that the writer is held up.
func TestReadersSlowWriters(t *testing.T) {
	const size = 1 << 30
	var written atomic.Int64
	ended := make(chan struct{})
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for p := make([]byte, 1<<20); written.Load() < size; written.Add(int64(len(p))) {
			if _, err := w.Write(p); err != nil {
				return
			}
		}
	}))})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	if n := written.Load(); n >= size {
		t.Errorf("%d bytes were written for a reader of 4 MiB", n)
	}
}

func TestBrokenAnswerIsBroken(t *testing.T) {
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half an answer looks whole: %q", body)
	}
}

// TestExpect refuses before the body is sent.
func TestExpect(t *testing.T) {
	url := front(t, Options{Instances: at(back(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, len(body))
	}))})
	for path, want := range map[string]string{"/no": "413", "/yes": "200", "/twice": "200"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", path)
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusContinue {
			fmt.Fprint(c, "hello")
			if resp, err = http.ReadResponse(in, nil); err != nil {
				t.Fatal(err)
			}
		} else if want == "200" {
			t.Errorf("%s was not told to continue: %s", path, resp.Status)
		}
		if !strings.HasPrefix(resp.Status, want) {
			t.Errorf("%s answered %s", path, resp.Status)
		}
	}
}

func wantProblem(t *testing.T, resp *http.Response, body string, status int, words string) {
	t.Helper()
	var p problem.Details
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("no problem, but %s %q: %v", resp.Header.Get("Content-Type"), body, err)
	}
	if resp.StatusCode != status || p.Status != status || !strings.Contains(p.Detail, words) {
		t.Errorf("answered %d %q, want %d with %q", resp.StatusCode, p.Detail, status, words)
	}
	if got := resp.Header.Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%d with Retry-After %q", status, got)
	}
}

func TestWhatIsRepeated(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body, first string
		status                          int
		broken                          int64
	}{
		{"nobody listens", "POST", "/", "x", "refuses", 200, 0},
		{"nobody listens, repeatable", "POST", "/twice", "x", "refuses", 200, 0},
		{"read", "GET", "/", "", "breaks", 200, 1},
		{"change", "POST", "/", "x", "breaks", 502, 1},
		{"change without body", "POST", "/", "", "breaks", 502, 1},
		{"removal", "DELETE", "/", "", "breaks", 502, 1},
		{"repeatable", "POST", "/twice", "x", "breaks", 200, 1},
		{"repeatable without body", "POST", "/twice", "", "breaks", 200, 1},
		{"too long to be held", "POST", "/twice", strings.Repeat("x", maxHeld+1), "breaks", 502, 1},
		{"busy", "POST", "/twice", "x", "busy", 200, 0},
		{"busy and not repeatable", "POST", "/", "x", "busy", 503, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var broken atomic.Int64
			good := back(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != c.body {
					t.Errorf("got %d bytes of %d, %v", len(body), len(c.body), err)
				}
				w.WriteHeader(http.StatusOK)
			})
			first := ""
			switch c.first {
			case "refuses":
				first = refusing(t)
			case "breaks":
				first = breaking(t, &broken)
			case "busy":
				first = back(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "1")
					problem.Write(w, http.StatusServiceUnavailable, "stopping")
				})
			}
			resp, body := send(t, c.method, front(t, Options{Instances: at(first, good)})+c.path, c.body)
			if resp.StatusCode != c.status || broken.Load() != c.broken {
				t.Errorf("answered %d %s; %d requests broke", resp.StatusCode, body, broken.Load())
			}
			if c.status == 502 {
				wantProblem(t, resp, body, 502, "module history")
			}
		})
	}
}

func TestNobodyIsThere(t *testing.T) {
	p := at()
	url := front(t, Options{Instances: p, Wait: time.Millisecond})
	resp, body := send(t, "GET", url, "")
	wantProblem(t, resp, body, 503, "module history cannot be reached: no process runs it")
	resp, body = send(t, "POST", url+"/twice", "x")
	wantProblem(t, resp, body, 503, "module history")
	p.set(refusing(t), refusing(t))
	resp, body = send(t, "POST", url, "x")
	wantProblem(t, resp, body, 503, "module history")
	// All that run it break what they are given.
	var broken atomic.Int64
	p.set(breaking(t, &broken))
	url = front(t, Options{Instances: p, Wait: time.Hour})
	resp, body = send(t, "GET", url, "")
	wantProblem(t, resp, body, 502, "module history")
	if broken.Load() != mostSent {
		t.Errorf("%d times", broken.Load())
	}
}

// TestWaitsForOne begins when nobody is there.
func TestWaitsForOne(t *testing.T) {
	p := at(refusing(t))
	url := front(t, Options{Instances: p, Wait: time.Hour})
	done := make(chan string, 1)
	go func() {
		resp, err := http.Post(url, "text/plain", strings.NewReader("hello"))
		if err != nil {
			done <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		done <- string(body)
	}()
	p.set(back(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	if got := <-done; got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestTurns(t *testing.T) {
	var counts [3]atomic.Int64
	var urls []string
	for i := range counts {
		urls = append(urls, back(t, func(http.ResponseWriter, *http.Request) { counts[i].Add(1) }))
	}
	spread, first := front(t, Options{Instances: at(urls...), Spread: true}), front(t, Options{Instances: at(urls...)})
	for range 30 {
		send(t, "GET", spread, "")
	}
	for i := range counts {
		if n := counts[i].Load(); n != 10 {
			t.Errorf("instance %d had %d of 30", i, n)
		}
	}
	for range 30 {
		send(t, "GET", first, "")
	}
	if n := counts[0].Load(); n != 40 {
		t.Errorf("the preferred one had %d of 30", n-10)
	}
}

func TestOneThatBreaksIsLeftOut(t *testing.T) {
	var broken atomic.Int64
	good := back(t, func(http.ResponseWriter, *http.Request) {})
	url := front(t, Options{Instances: at(breaking(t, &broken), good)})
	for range 20 {
		if resp, _ := send(t, "GET", url, ""); resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
	}
	if n := broken.Load(); n == 20 {
		t.Error("one that breaks had every request first")
	}
}

// TestVouchersDoNotTravel sends what another process would send.
func TestVouchersDoNotTravel(t *testing.T) {
	url := front(t, Options{Instances: at(back(t, func(http.ResponseWriter, *http.Request) { t.Error("forwarded") }))})
	resp, body := send(t, "GET", url, "", access.VoucherHeader, "x.y")
	wantProblem(t, resp, body, 503, "does not run the module history")
	resp, body = send(t, "GET", front(t, Options{Wait: time.Millisecond, Instances: at(back(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(access.VoucherHeader, "refused")
		problem.Write(w, http.StatusUnauthorized, "forged")
	}))}), "")
	wantProblem(t, resp, body, 503, "does not believe")
	resp, body = send(t, "POST", front(t, Options{Wait: time.Millisecond, Instances: at(back(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(access.VoucherHeader, "refused")
		problem.Write(w, http.StatusUnauthorized, "forged")
	}))}), "x")
	wantProblem(t, resp, body, 503, "does not believe")
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS != nil) }))
	t.Cleanup(s.Close)
	known := x509.NewCertPool()
	known.AddCert(s.Certificate())
	if resp, body := send(t, "GET", front(t, Options{Instances: at(s.URL), TLS: &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12}}), ""); resp.StatusCode != 200 || body != "true" {
		t.Errorf("%s %s", resp.Status, body)
	}
	resp, body := send(t, "GET", front(t, Options{Instances: at(s.URL), Wait: time.Millisecond}), "")
	wantProblem(t, resp, body, 503, "module history")
}

// TestSenderBreaksOff says whose fault it was.
func TestSenderBreaksOff(t *testing.T) {
	url := front(t, Options{Instances: at(back(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }))})
	for _, path := range []string{"/", "/twice"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", path)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		wantProblem(t, resp, string(body), 400, "read the body")
	}
}
