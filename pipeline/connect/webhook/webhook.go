package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

const (
	patience  = 25 * time.Second // for an answer
	minSecret = 16               // bytes
	tries     = 4                // of one request, before Write says that it went wrong
)

// Protocol posts by HTTP.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "webhook",
		Summary: "Results are posted to another program.",
		Details: "The body is a list of results in the format of the kind; 2xx says that they are stored. The header `Idempotency-Key` is the same when the same results are posted again. After a restart they may be posted in other batches: " +
			"so each result has an `id` (in plain text the header is all there is), which is the same whenever it is posted, and a receiver that keeps one of each `id` has everything once. " +
			"With a secret `Wattwerk-Signature` is `t=SECONDS,v1=HEX`: the HMAC-SHA256 of SECONDS, a dot and the body. What the receiver answers 400, 413, 415 or 422 to becomes a dead letter; " +
			"everything else is tried again. Redirects are not followed.",
		Example: `interfaces:
  - name: Told by HTTP
    protocol: webhook
kinds:
  - name: Results
    quantityKind: TotalRealPower
    format: json
    unit: W
sourceDefinitions:
  - {name: Told results, interface: Told by HTTP, kinds: [Results]}
sources:
  - name: Planning
    definition: Told results
    parameters: {url: "https://planning.example.org/wattwerk", secret: planning-secret}
`,
		Parameters: []manifest.Parameter{
			{Name: "url", Description: "Where results are posted.", Required: true},
			{Name: "batch", Type: manifest.Int, Description: "How many results are posted at once, at most; in plain text it is one.", Default: connect.Default(500), Min: number(1), Max: number(10_000)},
			{Name: "secret", Type: manifest.Secret, Description: "File of the secret, of at least 16 bytes, that requests are signed with. Absent: they are not."},
			{Name: "token", Type: manifest.Secret, Description: "File of a token to log in with (Bearer)."},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the receiver's must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the receiver wants one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		},
		Check:  check,
		Writer: newWriter,
	}
}

func number(f float64) *float64 { return &f }

type writer struct {
	end    connect.End
	url    string
	batch  int
	secret []byte
	token  []byte
	client *http.Client
	format *format.Format
}

func check(v manifest.Values) error { return connect.CheckURL(v.Text("url")) }

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	w := &writer{end: e, url: e.Text("url"), batch: max(e.Int("batch"), 1)}
	err := check(e.Values)
	if err == nil {
		w.secret, err = e.Secret("secret")
	}
	if err == nil && w.secret != nil && len(w.secret) < minSecret {
		err = errors.New("the secret is shorter than 16 bytes")
	}
	if err == nil {
		w.token, err = e.Secret("token")
	}
	if err == nil {
		w.format, err = format.New(&w.end)
	}
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	c, err := e.TLS("")
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	w.client = connect.Client(e.House, c, patience)
	w.format.Identify()
	if w.format.Single() {
		w.batch = 1
	}
	return w, nil
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	var refused connect.Refused
	for len(results) > 0 {
		n := min(len(results), w.batch)
		if err := w.post(ctx, w.sayable(results[:n], &refused), &refused); err != nil {
			return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
		}
		results = results[n:]
	}
	return refused.Err()
}

// sayable leaves out what the format cannot say.
func (w *writer) sayable(results []connect.Written, refused *connect.Refused) []connect.Written {
	var never connect.Refused
	if w.format.Write(nil, results, &never); len(never.Results) == 0 {
		return results
	}
	refused.Results = append(refused.Results, never.Results...)
	var rest []connect.Written
	next := 0
	for _, r := range results {
		if next < len(never.Results) && never.Results[next].Result == r {
			next++
			continue
		}
		rest = append(rest, r)
	}
	return rest
}

// errNever says that the receiver will never take it.
var errNever = errors.New("the receiver does not take it")

// post posts results, and tries again what may go better.
func (w *writer) post(ctx context.Context, results []connect.Written, refused *connect.Refused) error {
	if len(results) == 0 {
		return nil
	}
	body, id := w.format.Write(nil, results, refused), key(results)
	pause := w.end.House.Retry
	if pause <= 0 {
		pause = time.Second
	}
	for try := 1; ; try++ {
		after, err := w.once(ctx, id, body)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errNever) && len(results) == 1:
			refused.Add(results[0], err.Error())
			return nil
		case errors.Is(err, errNever):
			// One of many may be what it does not like.
			half := len(results) / 2
			if err := w.post(ctx, results[:half], refused); err != nil {
				return err
			}
			return w.post(ctx, results[half:], refused)
		case ctx.Err() != nil || try == tries || errors.Is(err, connect.ErrReach):
			return err
		}
		if !run.Pause(ctx, max(after, pause)) {
			return err
		}
		pause *= 2
	}
}

// key is the same for the same results, and for no others.
func key(results []connect.Written) string {
	h := sha256.New()
	for i := range results {
		_, _ = io.WriteString(h, format.ID(&results[i]))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// once posts once; after is how long the receiver wants not to be asked again.
func (w *writer) once(ctx context.Context, id string, body []byte) (after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", w.format.ContentType())
	req.Header.Set("User-Agent", "wattwerk")
	req.Header.Set("Idempotency-Key", id)
	if w.secret != nil {
		t := w.end.House.Time().Unix()
		req.Header.Set("Wattwerk-Signature", "t="+strconv.FormatInt(t, 10)+",v1="+sign(w.secret, t, body))
	}
	if w.token != nil {
		req.Header.Set("Authorization", "Bearer "+string(w.token))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // the address may hold a secret
		}
		return 0, fmt.Errorf("the receiver is not reached: %w", err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // what it says only helps
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return 0, nil
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnsupportedMediaType, code == http.StatusUnprocessableEntity:
		return 0, fmt.Errorf("%w: it answers %s, %q", errNever, resp.Status, said)
	default:
		n, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return min(time.Duration(max(n, 0))*time.Second, time.Minute), fmt.Errorf("the receiver answers %s", resp.Status)
	}
}

// sign gives the signature of a body that is sent at t, in seconds since 1970.
func sign(secret []byte, t int64, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write(strconv.AppendInt(nil, t, 10))
	h.Write([]byte{'.'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

func (w *writer) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
