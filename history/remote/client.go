package remote

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/history"
)

// Replica says where one copy of the database is.
type Replica struct {
	// Write takes remote write, as http://vminsert:8480/insert/0/prometheus/api/v1/write.
	Write string
	// Query is what /api/v1/query follows, as http://vmselect:8481/select/0/prometheus.
	Query string
	// Read answers remote read, as http://mimir/prometheus/api/v1/read. Empty:
	// raw samples are asked for by /api/v1/export, which VictoriaMetrics has.
	Read string
	// Storage are the addresses of all storage nodes, as http://vmstorage:8482.
	// They are asked to write to their disks, and whether they have. Empty: Settle
	// is waited for instead.
	Storage []string
}

// Access is how a database is reached.
type Access struct {
	BearerTokenFile   string // read before every request
	BasicUser         string
	PasswordFile      string // of BasicUser; read before every request
	CAFile            string // who signed the certificates of the database; empty: the system knows
	CertFile, KeyFile string // who we are
	Tenant            string // X-Scope-OrgID, of Mimir and its like
}

// mostError is how much of an error page is read.
const mostError = 1000

// statusError is an answer other than 2xx.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string {
	hint := ""
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = " (are the credentials right?)"
	case http.StatusNotFound:
		hint = " (is the path of the address right?)"
	}
	return fmt.Sprintf("answered %d%s: %s", e.status, hint, e.text)
}

// client speaks HTTP with the databases.
type client struct {
	http    *http.Client
	access  Access
	timeout time.Duration
}

func newClient(a Access, timeout time.Duration) (*client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	t.DisableCompression = true // the network between them is faster than gzip
	t.ResponseHeaderTimeout = timeout
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: there is no certificate in it", a.CAFile)
		}
	}
	if a.CertFile != "" {
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
			return &c, err
		}
		if _, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile); err != nil {
			return nil, err
		}
	}
	return &client{http: &http.Client{Transport: t}, access: a, timeout: timeout}, nil
}

// do sends a request and gives the body of a 2xx answer. ctx must hold until
// the body is closed.
func (c *client) do(ctx context.Context, method, address, kind string, body []byte, header ...string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if err := c.sign(req); err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 == 2 {
		return res.Body, nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, mostError)) // it is for people
	return nil, errors.Join(&statusError{res.StatusCode, strings.TrimSpace(string(text))}, res.Body.Close())
}

func (c *client) sign(req *http.Request) error {
	req.Header.Set("User-Agent", "wattwerk")
	if c.access.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", c.access.Tenant)
	}
	if f := c.access.BearerTokenFile; f != "" {
		token, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	if c.access.BasicUser != "" {
		var password []byte
		if f := c.access.PasswordFile; f != "" {
			var err error
			if password, err = os.ReadFile(f); err != nil {
				return err
			}
		}
		req.SetBasicAuth(c.access.BasicUser, strings.TrimSpace(string(password)))
	}
	return nil
}

// form posts a form.
func (c *client) form(ctx context.Context, address string, v url.Values) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodPost, address, "application/x-www-form-urlencoded", []byte(v.Encode()))
}

// mostAnswer bounds the answers that are read as a whole.
const mostAnswer = 256 << 20

// api posts a form to Prometheus' API and decodes the data of the answer.
func (c *client) api(ctx context.Context, address string, v url.Values, data any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, err := c.form(ctx, address, v)
	if err != nil {
		return err
	}
	var out struct {
		Status  string          `json:"status"`
		Error   string          `json:"error"`
		Partial bool            `json:"isPartial"`
		Data    json.RawMessage `json:"data"`
	}
	err = json.NewDecoder(io.LimitReader(body, mostAnswer)).Decode(&out)
	switch err := errors.Join(err, body.Close()); {
	case err != nil:
		return fmt.Errorf("%s: not an answer of a Prometheus API: %w", address, err)
	case out.Status != "success":
		return fmt.Errorf("%s: %s", address, out.Error)
	case out.Partial:
		return fmt.Errorf("%s: a storage node is missing, the answer is not whole", address)
	}
	if err := json.Unmarshal(out.Data, data); err != nil {
		return fmt.Errorf("%s: not an answer of a Prometheus API: %w", address, err)
	}
	return nil
}

// show has a storage node show what it has taken.
func (c *client) show(ctx context.Context, storage string) error {
	body, err := c.do(ctx, http.MethodGet, storage+"/internal/force_flush", "", nil)
	if err != nil {
		return err
	}
	return body.Close()
}

// snapshot makes a snapshot on a storage node, and removes it. By that the node
// writes to its disk what it has in memory, but for what it is merging or taking
// in at that moment.
func (c *client) snapshot(ctx context.Context, storage string) error {
	var made struct {
		Status   string `json:"status"`
		Snapshot string `json:"snapshot"`
	}
	body, err := c.do(ctx, http.MethodGet, storage+"/snapshot/create", "", nil)
	if err != nil {
		return err
	}
	err = json.NewDecoder(io.LimitReader(body, mostError)).Decode(&made)
	if err := errors.Join(err, body.Close()); err != nil || made.Status != "ok" {
		return fmt.Errorf("%s/snapshot/create: not the answer of a VictoriaMetrics storage: %w", storage, err)
	}
	if body, err = c.do(ctx, http.MethodGet, storage+"/snapshot/delete?snapshot="+url.QueryEscape(made.Snapshot), "", nil); err != nil {
		return err
	}
	return body.Close()
}

// What a storage node tells of itself in its metrics.
const (
	startedMetric = "vm_app_start_timestamp"
	rowsMetric    = `vm_rows{type="storage/inmemory"}`
	indexMetric   = `vm_rows{type="indexdb/inmemory"}`
)

// state tells since when a storage node runs, and whether everything that it
// shows is on its disk.
func (c *client) state(ctx context.Context, storage string) (started string, onDisk bool, err error) {
	body, err := c.do(ctx, http.MethodGet, storage+"/metrics", "", nil)
	if err != nil {
		return "", false, err
	}
	values := make(map[string]string)
	s := bufio.NewScanner(body)
	for s.Scan() {
		for _, name := range []string{startedMetric, rowsMetric, indexMetric} {
			if v, ok := strings.CutPrefix(s.Text(), name+" "); ok {
				values[name] = v
			}
		}
	}
	if err := errors.Join(s.Err(), body.Close()); err != nil || len(values) != 3 {
		return "", false, fmt.Errorf("%s/metrics: not those of a VictoriaMetrics storage: %w", storage, err)
	}
	return values[startedMetric], values[rowsMetric] == "0" && values[indexMetric] == "0", nil
}

// away marks what is worth trying again.
func away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", history.ErrAway, err)
}

// checkURL tells what is wrong with an address.
func checkURL(what, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s %q is not like http://host:8428/path", what, s)
	}
	if u.User != nil {
		return fmt.Errorf("%s holds a password; it belongs in a file", what)
	}
	return nil
}
