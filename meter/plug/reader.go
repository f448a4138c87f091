package plug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/wattwerk/wattwerk/meter"
)

// MaxBody is how many bytes an answer may have; those of the largest devices have some 4,000.
const MaxBody = 64 << 10

// patience is how long a device has for an answer.
const patience = 10 * time.Second

// Reader reads a device by HTTP.
type Reader struct {
	dialect Dialect
	url     string
	client  http.Client
}

var _ meter.Reader = (*Reader)(nil)

// NewReader gives the reader of the device at the address, "http://plug.example.org"; nothing is asked yet.
func NewReader(d Dialect, address string) (*Reader, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("address of a device: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, fmt.Errorf("address %.60q of a device is not like http://HOST", address)
	}
	r := &Reader{dialect: d, url: u.Scheme + "://" + u.Host + d.path}
	r.client = http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{MaxIdleConns: 1, MaxResponseHeaderBytes: 16 << 10, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// Read asks the device.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return fmt.Errorf("ask device: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask device: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("read answer of device: %w", err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("read answer of device: it says %s", resp.Status)
	case len(body) > MaxBody:
		return fmt.Errorf("read answer of device: it has more than %d bytes", MaxBody)
	}
	var t meter.Telegram
	if err := r.dialect.decode(body, &t); err != nil {
		return fmt.Errorf("read answer of device: %w", err)
	}
	if len(t.Readings) == 0 {
		return fmt.Errorf("read answer of device: %w", errNothing)
	}
	take(&t)
	return nil
}

// Close lets go of the connection.
func (r *Reader) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
