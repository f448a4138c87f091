package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/release"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// Options of a client.
type Options struct {
	URL     string        // of the service, as https://survey.example.org:8443
	Roots   []byte        // certificates to trust, PEM: root.crt of the survey
	Chain   []byte        // the device's certificate and that of its issuer, PEM; with Key
	Key     []byte        // the device's key, PEM
	Token   string        // of another source, instead of Chain and Key
	Timeout time.Duration // of a request; default 30 s
}

// Client speaks to a service.
type Client struct {
	url, token string
	http       *http.Client

	mu   sync.Mutex
	cert *tls.Certificate
}

// maxAnswer is how long an answer may be, in bytes.
const maxAnswer = 16 << 20

// New makes a client. Nothing is sent.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return nil, fmt.Errorf("open survey client: the address of the service is like https://survey.example.org:8443, not %q", o.URL)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(o.Roots) {
		return nil, errors.New("open survey client: there is no certificate to trust")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	c := &Client{url: strings.TrimSuffix(o.URL, "/"), token: o.Token}
	if len(o.Chain) > 0 {
		if err := c.Use(o.Chain, o.Key); err != nil {
			return nil, err
		}
	}
	c.http = &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.cert == nil {
					return new(tls.Certificate), nil
				}
				return c.cert, nil
			}},
			MaxIdleConns: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 20 * time.Second, ResponseHeaderTimeout: o.Timeout,
		},
	}
	return c, nil
}

// Close ends connections that wait.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Use shows another certificate from now on, as after it was renewed.
func (c *Client) Use(chain, key []byte) error {
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("use certificate: %w", err)
	}
	c.mu.Lock()
	c.cert = &cert
	c.mu.Unlock()
	if c.http != nil {
		c.http.CloseIdleConnections() // they have shown the old one
	}
	return nil
}

// NewKey makes the key of a device, in PEM (ECDSA P-256, PKCS #8).
func NewKey() ([]byte, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// request makes the request for a certificate by a key in PEM.
func request(key []byte) (string, error) {
	b, _ := pem.Decode(key)
	if b == nil {
		return "", errors.New("ask for certificate: there is no key")
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return "", fmt.Errorf("ask for certificate: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, new(x509.CertificateRequest), k)
	if err != nil {
		return "", fmt.Errorf("ask for certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// Enrol gets the first certificate for a key, by the enrolment token, and shows it
// from now on. Should the answer be lost, the same call is answered the same.
func (c *Client) Enrol(ctx context.Context, token string, key []byte) (out household.Certificate, err error) {
	r, err := request(key)
	if err != nil {
		return out, err
	}
	if out, err = do[household.Certificate](ctx, c, http.MethodPost, "/enrol", household.Enrolment{Token: token, Request: r}); err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	return out, c.Use([]byte(out.Chain), key)
}

// Renew gets the next certificate for a key, the same or a new one, and shows it
// from now on. It is due at Certificate.Renew.
func (c *Client) Renew(ctx context.Context, key []byte) (out household.Certificate, err error) {
	r, err := request(key)
	if err != nil {
		return out, err
	}
	if out, err = do[household.Certificate](ctx, c, http.MethodPost, "/renew", household.Renewal{Request: r}); err != nil {
		return out, fmt.Errorf("renew certificate: %w", err)
	}
	return out, c.Use([]byte(out.Chain), key)
}

// Account is who takes part, and where.
type Account struct {
	Participant *household.Participant `json:"participant"`
	Address     *household.Address     `json:"address"`
	Location    *household.Location    `json:"location"`
}

// Household is that of the device.
type Household struct {
	ID         string             `json:"id"`
	Registered time.Time          `json:"registered"`
	Metadata   household.Metadata `json:"metadata"`
	Device     string             `json:"device"`
	Lease      household.Lease    `json:"lease"`
}

// list is a list as it comes.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// Account tells who takes part.
func (c *Client) Account(ctx context.Context) (Account, error) {
	return named[Account](ctx, c, "read account", http.MethodGet, "/account", nil)
}

// Household tells about the household, and until when to measure: its Lease.
func (c *Client) Household(ctx context.Context) (Household, error) {
	return named[Household](ctx, c, "read household", http.MethodGet, "/household", nil)
}

// Text is what there is to consent to.
func (c *Client) Text(ctx context.Context) (consent.Text, error) {
	return named[consent.Text](ctx, c, "read text", http.MethodGet, "/consent_text", nil)
}

// Grant grants the consent, to the text of the version that was shown.
func (c *Client) Grant(ctx context.Context, version string) (consent.Receipt, error) {
	return named[consent.Receipt](ctx, c, "grant consent", http.MethodPost, "/household/consent", map[string]string{"version": version})
}

// Revoke revokes the consent, for ever. Afterwards everything is answered by the
// action stop, and this by the same receipt.
func (c *Client) Revoke(ctx context.Context) (consent.Receipt, error) {
	return named[consent.Receipt](ctx, c, "revoke consent", http.MethodDelete, "/household/consent", nil)
}

// Devices lists the measurement devices of the household.
func (c *Client) Devices(ctx context.Context) ([]household.Device, error) {
	l, err := named[list[household.Device]](ctx, c, "read devices", http.MethodGet, "/household/measurement_device", nil)
	return l.Items, err
}

// Meters lists the meters of the household.
func (c *Client) Meters(ctx context.Context) ([]household.Meter, error) {
	l, err := named[list[household.Meter]](ctx, c, "read meters", http.MethodGet, "/household/meter", nil)
	return l.Items, err
}

// PVSystems lists the PV systems of the household.
func (c *Client) PVSystems(ctx context.Context) ([]household.PVSystem, error) {
	l, err := named[list[household.PVSystem]](ctx, c, "read PV systems", http.MethodGet, "/household/pv_system", nil)
	return l.Items, err
}

// Measurements gives those of a meter that the service has, from a slot on and before
// another, in order of time. limit is at most how many are asked for at a time; 0:
// 1000.
func (c *Client) Measurements(ctx context.Context, meter string, from, to time.Time, limit int) ([]household.Measurement, error) {
	if limit == 0 {
		limit = 1000
	}
	var all []household.Measurement
	for at := from.UTC().Format(time.RFC3339Nano); ; {
		q := url.Values{"from": {at}, "to": {to.UTC().Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(limit)}}
		l, err := named[list[household.Measurement]](ctx, c, "read measurements", http.MethodGet, "/household/meter/"+url.PathEscape(meter)+"/measurement?"+q.Encode(), nil)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if l.Next == "" || len(l.Items) == 0 {
			return all, nil
		}
		at = l.Next
	}
}

// Send sends a batch. When it returns an answer, all that the batch holds is stored,
// or never will be: it can be forgotten.
func (c *Client) Send(ctx context.Context, b household.Batch) (household.Answer, error) {
	if b.Measurements == nil {
		b.Measurements = []household.Measurement{}
	}
	a, err := named[household.Answer](ctx, c, "send measurements", http.MethodPost, "/household/meter/measurement", b)
	if err == nil && a.Sequence != b.Sequence {
		return a, errors.New("send measurements: the answer is to another batch")
	}
	return a, err
}

// Incidents lists those of a meter.
func (c *Client) Incidents(ctx context.Context, meter string) ([]household.Incident, error) {
	l, err := named[list[household.Incident]](ctx, c, "read incidents", http.MethodGet, "/household/meter/"+url.PathEscape(meter)+"/incident", nil)
	return l.Items, err
}

// Report reports an incident of a meter; one of the type that is open already stays.
func (c *Client) Report(ctx context.Context, meter string, r household.Report) (household.Incident, error) {
	return named[household.Incident](ctx, c, "report incident", http.MethodPost, "/household/meter/"+url.PathEscape(meter)+"/incident/report", r)
}

// Resolve ends the open incident of a type, if there is one.
func (c *Client) Resolve(ctx context.Context, meter string, t household.IncidentType) error {
	_, err := named[json.RawMessage](ctx, c, "resolve incident", http.MethodPost, "/household/meter/"+url.PathEscape(meter)+"/incident/resolve", household.Report{Type: t})
	return err
}

// UpdateMetadata gives a file of metadata of updates of the program. The error is fs.ErrNotExist when
// there is none of that name.
func (c *Client) UpdateMetadata(ctx context.Context, name string) ([]byte, error) {
	return c.update(ctx, "/update/"+url.PathEscape(name), release.MaxMetadata)
}

// UpdateProgram gives a part of a program, from an offset in bytes on; an empty one at its end.
func (c *Client) UpdateProgram(ctx context.Context, name string, offset int64) ([]byte, error) {
	return c.update(ctx, "/update/targets/"+url.PathEscape(name)+"?offset="+strconv.FormatInt(offset, 10), release.MaxPart)
}

func (c *Client) update(ctx context.Context, path string, most int64) ([]byte, error) {
	data, err := c.raw(ctx, http.MethodGet, path, nil, most)
	var p *household.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read update: %w", err)
	}
	return data, nil
}

// Visits gives the grants by which the device may be looked at from afar, now.
func (c *Client) Visits(ctx context.Context) ([]visit.Signed, error) {
	l, err := named[list[visit.Signed]](ctx, c, "ask for grants", http.MethodGet, "/visit", nil)
	return l.Items, err
}

// Tunnel opens the tunnel of a grant; hostKey is that of the device inside, as a line of authorized_keys. What is closed by the caller
// outlives ctx.
func (c *Client) Tunnel(ctx context.Context, id, hostKey string) (io.ReadWriteCloser, error) {
	return c.upgrade(ctx, "open tunnel", "/visit/"+url.PathEscape(id)+"/tunnel", http.Header{visit.HostKey: {strings.TrimSpace(hostKey)}})
}

// Enter enters a tunnel that a device has opened for a grant, with the token of staff.
func (c *Client) Enter(ctx context.Context, id string) (io.ReadWriteCloser, error) {
	return c.upgrade(ctx, "enter tunnel", "/management/visit/"+url.PathEscape(id)+"/enter", http.Header{})
}

// upgrade makes a connection of a request.
func (c *Client) upgrade(ctx context.Context, what, path string, header http.Header) (io.ReadWriteCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	r.Header = header
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", visit.Protocol)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	lasting := *c.http
	lasting.Timeout = 0 // the transport bounds the time until it is answered
	resp, err := lasting.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		return conn, nil
	}
	defer resp.Body.Close()
	p := household.Refuse(resp.StatusCode, "", "", http.StatusText(resp.StatusCode))
	if data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10)); err == nil {
		_ = json.Unmarshal(data, p) // what is not understood is left as it was
		p.Status = resp.StatusCode
	}
	return nil, fmt.Errorf("%s: %w", what, p)
}

// ActionOf says what a device is to do after an error; None when there is none.
func ActionOf(err error) household.Action {
	var p *household.Problem
	switch {
	case err == nil:
		return household.None
	case errors.As(err, &p) && p.Action != "":
		return p.Action
	case p != nil && p.Status < 500 && p.Status != http.StatusTooManyRequests && p.Status != http.StatusRequestTimeout:
		return household.None // the request itself is wrong
	}
	return household.Retry
}

func named[T any](ctx context.Context, c *Client, what, method, path string, in any) (T, error) {
	out, err := do[T](ctx, c, method, path, in)
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return out, err
}

func do[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	data, err := c.raw(ctx, method, path, in, maxAnswer)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("the answer is not understood: %w", err)
	}
	return out, nil
}

// raw gives an answer as it is, of at most so many bytes.
func (c *Client) raw(ctx context.Context, method, path string, in any, most int64) ([]byte, error) {
	var send io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		send = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, send)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var data []byte
	if n := resp.ContentLength; n > 0 && n <= most { // growing by and by needs several times as much memory
		data = make([]byte, n)
		_, err = io.ReadFull(resp.Body, data)
	} else {
		data, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
	}
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, errors.New("the answer is too long")
	case resp.StatusCode/100 == 2:
		return data, nil
	}
	p := household.Refuse(resp.StatusCode, "", "", http.StatusText(resp.StatusCode))
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		_ = json.Unmarshal(data, p) // what is not understood is left as it was
		p.Status = resp.StatusCode
	}
	return nil, p
}
