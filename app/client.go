package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// serverFlags say which running wattwerk a command talks to.
type serverFlags struct {
	settingsFlags
	URL       string `name:"url" placeholder:"URL" help:"A wattwerk on another machine; default: the one that runs on the data directory."`
	TokenFile string `placeholder:"FILE" help:"File with a token for it (or set WATTWERK_TOKEN)."`
}

// client talks to a running wattwerk.
type client struct {
	base  string
	token string
	http  *http.Client
}

// connect finds the instance. With a URL it is that one, else the one on the
// data directory, which needs no token.
func (f serverFlags) connect(sys IO) (*client, error) {
	if f.URL != "" {
		u, err := url.Parse(f.URL)
		if err != nil || u.Host == "" {
			return nil, usageError{fmt.Errorf("--url %q is not like http://127.0.0.1:8080", f.URL)}
		}
		c := &client{base: strings.TrimSuffix(f.URL, "/"), http: http.DefaultClient}
		for _, e := range sys.Environ {
			if v, ok := strings.CutPrefix(e, "WATTWERK_TOKEN="); ok {
				c.token = v
			}
		}
		if f.TokenFile != "" {
			data, err := os.ReadFile(f.TokenFile)
			if err != nil {
				return nil, fmt.Errorf("read token: %w", err)
			}
			c.token = strings.TrimSpace(string(data))
		}
		return c, nil
	}
	cfg, err := f.load(sys, nil)
	if err != nil {
		return nil, err
	}
	in, err := datadir.Running(cfg.Data)
	if err != nil {
		return nil, err
	}
	return &client{base: in.URL, token: in.Secret, http: localHTTP(in.URL)}, nil
}

// localHTTP does not check the certificate of our own process on this machine:
// it is made out to the public name, and the address is from a file that only
// its owner can write.
func localHTTP(base string) *http.Client {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || !loopback(u.Hostname()) && net.ParseIP(u.Hostname()) == nil {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}}
}

// busyError is an answer that says: not now.
type busyError struct {
	detail string
	after  time.Duration
}

func (e *busyError) Error() string { return e.detail }

// do sends a request, with more headers as name and value; an answer that is
// not 2xx becomes an error with the server's own words, a *busyError when it
// asks to try again.
func (c *client) do(ctx context.Context, method, path, contentType string, body io.Reader, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	var problem struct{ Title, Detail string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&problem); err != nil || problem.Detail+problem.Title == "" {
		return nil, fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if problem.Detail == "" {
		problem.Detail = problem.Title
	}
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		return nil, &busyError{problem.Detail, time.Duration(after) * time.Second}
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("%s (see 'wattwerk token --help')", problem.Detail)
	}
	return nil, errors.New(problem.Detail)
}
