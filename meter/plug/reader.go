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
	way     way
	client  http.Client
}

var _ meter.Reader = (*Reader)(nil)

// NewReader gives the reader of the device at the address, "http://plug.example.org", with its password, if it has one; nothing is asked yet.
func NewReader(d Dialect, address string, l Login) (*Reader, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("address of a device is not like http://HOST") // it may hold a password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, errors.New("address of a device is not like http://HOST; a password is in a file that settings name")
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	r := &Reader{dialect: d, url: u.Scheme + "://" + u.Host + d.path, way: none{}}
	if l.Password != "" {
		r.way = d.login(l)
	}
	r.client = http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{MaxIdleConns: 1, MaxResponseHeaderBytes: 16 << 10, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// mostTries is how often a device is asked: by a digest whose nonce was forgotten, and anew.
const mostTries = 2

// Read asks the device.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) error {
	for try := 1; ; try++ {
		resp, body, err := r.ask(ctx)
		if err != nil {
			return err
		}
		again, err := r.way.again(resp, body)
		switch {
		case again && try < mostTries:
			continue
		case again:
			err = errLogin
		case err == nil && resp.StatusCode != http.StatusOK:
			err = fmt.Errorf("it says %s", resp.Status)
		}
		var t meter.Telegram
		if err == nil {
			err = r.dialect.decode(body, &t)
		}
		if err == nil && len(t.Readings) == 0 {
			err = errNothing
		}
		if err != nil {
			return fmt.Errorf("read answer of device: %w", err)
		}
		take(&t)
		return nil
	}
}

// ask asks once. No error has the address that was asked in it, where a password may be.
func (r *Reader) ask(ctx context.Context) (resp *http.Response, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err == nil {
		err = r.way.show(req)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask device: %w", err)
	}
	if resp, err = r.client.Do(req); err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return nil, nil, fmt.Errorf("ask device: %w", err)
	}
	answer := resp.Body
	defer func() { err = errors.Join(err, answer.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(resp.Body, MaxBody+1)); err != nil {
		return nil, nil, fmt.Errorf("read answer of device: %w", err)
	}
	if len(body) > MaxBody {
		return nil, nil, fmt.Errorf("read answer of device: it has more than %d bytes", MaxBody)
	}
	return resp, body, nil
}

// Close lets go of the connection.
func (r *Reader) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
