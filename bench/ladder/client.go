package ladder

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// request is what is sent, written once.
type request struct {
	host string // HOST:PORT
	text []byte
}

// requests writes all there are of a plan: each address with the bodies that come to
// it in turn.
func requests(p *Plan) ([]request, error) {
	n := len(p.URLs)
	if b := len(p.Bodies); b > 0 { // the least number after which both are at their begin again
		for n%b != 0 {
			n += len(p.URLs)
		}
	}
	if n > mostRequests {
		return nil, fmt.Errorf("%d addresses and %d bodies are more than %d requests", len(p.URLs), len(p.Bodies), mostRequests)
	}
	out := make([]request, n)
	for i := range out {
		u, err := url.Parse(p.URLs[i%len(p.URLs)])
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("the address %.200q is not like http://HOST/PATH", p.URLs[i%len(p.URLs)])
		}
		var body io.Reader
		method := http.MethodGet
		if len(p.Bodies) > 0 {
			method, body = http.MethodPost, bytes.NewReader([]byte(p.Bodies[i%len(p.Bodies)]))
		}
		r, err := http.NewRequest(method, u.String(), body) //nolint:noctx // it is only written down
		if err != nil {
			return nil, err
		}
		if body != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		for k, v := range p.Headers {
			r.Header.Set(k, v)
		}
		var text bytes.Buffer
		if err := r.Write(&text); err != nil {
			return nil, err
		}
		out[i] = request{u.Host, text.Bytes()}
		if u.Port() == "" {
			out[i].host = net.JoinHostPort(u.Hostname(), "80")
		}
	}
	return out, nil
}

const mostRequests = 1_000_000

// client asks one request after another on connections of its own, one to each host:
// what it costs is not to be measured, so it reads of an answer no more than where it
// ends.
type client struct {
	timeout time.Duration
	conns   map[string]*conn
}

type conn struct {
	net.Conn

	r *bufio.Reader
}

func (c *client) close() {
	for _, x := range c.conns {
		_ = x.Close()
	}
}

// ask sends a request and reads the whole answer.
func (c *client) ask(ctx context.Context, q *request) (int, error) {
	deadline := time.Now().Add(c.timeout)
	x := c.conns[q.host]
	if x == nil {
		d := net.Dialer{Deadline: deadline}
		made, err := d.DialContext(ctx, "tcp", q.host)
		if err != nil {
			return 0, err
		}
		if c.conns == nil {
			c.conns = make(map[string]*conn)
		}
		x = &conn{made, bufio.NewReaderSize(made, 8<<10)}
		c.conns[q.host] = x
	}
	status, again, err := x.ask(q, deadline)
	if err != nil || !again {
		_ = x.Close()
		delete(c.conns, q.host)
	}
	return status, err
}

func (x *conn) ask(q *request, deadline time.Time) (status int, again bool, err error) {
	if err := x.SetDeadline(deadline); err != nil {
		return 0, false, err
	}
	if _, err := x.Write(q.text); err != nil {
		return 0, false, err
	}
	line, err := x.r.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if status, err = statusOf(line); err != nil {
		return 0, false, err
	}
	length, chunked, again := int64(-1), false, true
	for {
		if line, err = x.r.ReadSlice('\n'); err != nil {
			return 0, false, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "Content-Length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || length < 0 {
				return 0, false, errAnswer
			}
		case is(name, "Transfer-Encoding"):
			chunked = is(value, "chunked")
		case is(name, "Connection"):
			again = !is(value, "close")
		}
	}
	switch {
	case status < 200:
		return 0, false, fmt.Errorf("%w: status %d is no answer", errAnswer, status)
	case status == http.StatusNoContent || status == http.StatusNotModified:
	case chunked:
		err = x.chunks()
	case length >= 0:
		err = x.skip(length)
	default:
		_, err = io.Copy(io.Discard, x.r)
		again = false
	}
	return status, again, err
}

// is compares without regard to case.
func is(b []byte, name string) bool { return len(b) == len(name) && bytes.EqualFold(b, []byte(name)) }

// errAnswer says that something is no answer of HTTP.
var errAnswer = errors.New("the answer is no HTTP")

func statusOf(line []byte) (int, error) {
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return 0, errAnswer
	}
	n := 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return 0, errAnswer
		}
		n = 10*n + int(c-'0')
	}
	return n, nil
}

func (x *conn) skip(n int64) error {
	for n > 0 {
		some, err := x.r.Discard(int(min(n, 1<<20)))
		if err != nil {
			return err
		}
		n -= int64(some)
	}
	return nil
}

// chunks reads a body in chunks to its end.
func (x *conn) chunks() error {
	for {
		line, err := x.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
		if err != nil || n < 0 {
			return errAnswer
		}
		if n == 0 { // trailers
			for {
				line, err := x.r.ReadSlice('\n')
				if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
					return err
				}
			}
		}
		if err := x.skip(n + 2); err != nil {
			return err
		}
	}
}
