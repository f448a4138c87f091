package poll

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

const (
	shortest = 100 * time.Millisecond // interval
	patience = time.Minute            // for an answer, whole
	longest  = time.Hour              // that a server may ask us to wait
)

// Protocol asks by HTTP.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "poll",
		Summary: "A server is asked by HTTP in an interval.",
		Details: "An answer whose values have times is read once, however often the server gives it, by its ETag or by what it says. Values without a time are new with every answer. " +
			"A server that answers 429 or 503 is asked again when its `Retry-After` says so. Redirects are not followed.",
		Example: `interfaces:
  - name: Asked over HTTP
    protocol: poll
kinds:
  - name: Power as JSON
    quantityKind: TotalRealPower
    format: json
    unit: W
sourceDefinitions:
  - {name: Asked power, interface: Asked over HTTP, kinds: [Power as JSON]}
sources:
  - name: Meter of hall 4
    definition: Asked power
    parameters: {url: "https://meter-4.example.org/status", interval: 10s, value: /emeters/0/power, time: unixtime}
`,
		Parameters: append([]manifest.Parameter{
			{Name: "url", Description: "What is asked for.", Required: true},
			{Name: "interval", Type: manifest.Duration, Description: "How often, at most ten times a second.", Default: connect.Default("10s")},
			{Name: "user", Description: "Name to log in with (Basic)."},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "token", Type: manifest.Secret, Description: "File of a token to log in with (Bearer)."},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the server's must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the server wants one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		}, format.Parameters()...),
		Check:  check,
		Reader: newReader,
	}
}

type reader struct {
	end      connect.End
	url      string
	interval time.Duration
	user     string
	password []byte
	token    []byte
	tls      *tls.Config
	format   *format.Format
}

func check(v manifest.Values) error {
	if d := v.Duration("interval"); d < shortest {
		return fmt.Errorf("the interval %v is shorter than %v", d, shortest)
	}
	return connect.CheckURL(v.Text("url"))
}

func newReader(e connect.End) (connect.Reader, error) {
	r := &reader{end: e, url: e.Text("url"), interval: e.Duration("interval"), user: e.Text("user")}
	err := check(e.Values)
	if err == nil {
		r.password, err = e.Secret("password")
	}
	if err == nil {
		r.token, err = e.Secret("token")
	}
	if err == nil {
		r.tls, err = e.TLS("")
	}
	if err == nil {
		r.format, err = format.New(&r.end)
	}
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	return r, nil
}

// last is what a server said last.
type last struct {
	etag, modified string
	sum            [sha256.Size]byte
	any            bool
	timed          bool // its values have times of their own
}

// wait is an answer that asks for patience.
type wait struct {
	status string
	until  time.Duration
}

func (w *wait) Error() string { return "the server answers " + w.status }

func (r *reader) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	client := connect.Client(r.end.House, r.tls, patience)
	defer client.CloseIdleConnections()
	var seen last
	return r.end.Keep(ctx, status, func(ctx context.Context, up func()) error {
		tick := time.NewTicker(r.interval)
		defer tick.Stop()
		for first := true; ; first = false {
			err := r.ask(ctx, client, &seen, store)
			var w *wait
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.As(err, &w):
				status(connect.Status{Error: err.Error(), At: r.end.House.Time()})
				if !run.Pause(ctx, w.until) {
					return nil
				}
				return err
			case err != nil:
				return err
			case first:
				up()
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

// ask asks once, and stores what is new.
func (r *reader) ask(ctx context.Context, client *http.Client, seen *last, store connect.Store) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return connect.Forever(err)
	}
	req.Header.Set("Accept", r.format.ContentType()+", */*;q=0.5")
	req.Header.Set("User-Agent", "wattwerk")
	switch {
	case r.token != nil:
		req.Header.Set("Authorization", "Bearer "+string(r.token))
	case r.user != "":
		req.SetBasicAuth(r.user, string(r.password))
	}
	if seen.timed {
		if seen.etag != "" {
			req.Header.Set("If-None-Match", seen.etag)
		}
		if seen.modified != "" {
			req.Header.Set("If-Modified-Since", seen.modified)
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // the address may hold a secret
		}
		return fmt.Errorf("the server is not reached: %w", err)
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusNotModified:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		n, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &wait{resp.Status, min(time.Duration(max(n, 0))*time.Second, longest)}
	case code/100 == 3:
		return fmt.Errorf("the server answers %s and points elsewhere, where nobody follows", resp.Status)
	case code != http.StatusOK:
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, connect.MaxBody+1))
	if err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	if len(body) > connect.MaxBody {
		return errors.New("the answer is larger than 8 MiB")
	}
	sum := sha256.Sum256(body)
	if !seen.any || !seen.timed || sum != seen.sum {
		var m connect.Message
		r.format.Read(&m, body, "", record.MillisOf(r.end.House.Time()))
		timed := !slices.ContainsFunc(m.Pieces, func(p connect.Piece) bool { return p.Time == 0 })
		if timed {
			// After a restart the answer may be the one that was stored before. One that was
			// there before the last counts again.
			m.ID, m.Fresh = "poll/"+hex.EncodeToString(sum[:16]), seen.any
		}
		if !r.end.Insist(ctx, store, m) {
			return ctx.Err()
		}
		seen.timed = timed
	}
	seen.any, seen.sum = true, sum
	seen.etag, seen.modified = header(resp, "ETag"), header(resp, "Last-Modified")
	return nil
}

// header gives a header that is not unreasonable.
func header(resp *http.Response, name string) string {
	if s := strings.TrimSpace(resp.Header.Get(name)); len(s) < 1000 {
		return s
	}
	return ""
}
