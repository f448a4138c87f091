package connect

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Client makes requests that end within patience, go where the settings allow,
// and are not led elsewhere by redirects or proxies.
func Client(h *House, c *tls.Config, patience time.Duration) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: h.DialContext, TLSClientConfig: c, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckURL tells what is wrong with the address of a web server.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the url is not like https://example.org/path")
	}
	if u.User != nil {
		return errors.New("the url holds a password, and parameters are shown")
	}
	return nil
}
