package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/rule"
)

// errPrivate says that an address is not one of the public Internet.
var errPrivate = errors.New("the address is of this machine or of a private network, where nothing goes unless the settings allow it")

// shared is 100.64.0.0/10, between a provider and its customers.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// outside refuses addresses that are not of the public Internet. It is asked
// when the name has been resolved, so no name leads around it.
func outside(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return errPrivate
	}
	return nil
}

// client makes requests that end, and go where they may.
func client(private bool) *http.Client {
	d := &net.Dialer{Timeout: 10 * time.Second}
	t := &http.Transport{TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if !private {
		d.Control = outside
	} else {
		t.Proxy = http.ProxyFromEnvironment
	}
	t.DialContext = d.DialContext
	return &http.Client{
		Transport: t, Timeout: 25 * time.Second,
		// A receiver that has moved is for people to look at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckURL tells what is wrong with the address of a web server.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it is not like https://example.org/path")
	}
	if u.User != nil {
		return errors.New("it holds a password, and settings are shown")
	}
	return nil
}

// do sends a request, and judges the answer.
func do(c *http.Client, req *http.Request) error {
	resp, err := c.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // the address may be a secret
		}
		if errors.Is(err, errPrivate) {
			return fmt.Errorf("%w: %w", alert.ErrRefused, errPrivate)
		}
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code/100 == 5:
		return fmt.Errorf("the receiver answers %s", resp.Status)
	default:
		return fmt.Errorf("%w: it answers %s, %q", alert.ErrRefused, resp.Status, said)
	}
}

// Webhook sends messages as JSON to a program.
type Webhook struct {
	url    string
	secret []byte
	client *http.Client
	now    func() time.Time
}

// NewWebhook makes a sink that posts to a URL, signed with the secret. private
// allows addresses that are not of the public Internet.
func NewWebhook(at string, secret []byte, private bool) (*Webhook, error) {
	if err := CheckURL(at); err != nil {
		return nil, fmt.Errorf("open webhook: %w", err)
	}
	if len(secret) < 16 {
		return nil, errors.New("open webhook: the secret is shorter than 16 bytes")
	}
	return &Webhook{url: at, secret: secret, client: client(private), now: time.Now}, nil
}

// Send posts the message. The header Wattwerk-Signature is t=SECONDS,v1=HEX:
// the HMAC-SHA256 of SECONDS, a dot and the body, see [Sign]; Idempotency-Key
// is the message's identifier.
func (w *Webhook) Send(ctx context.Context, m alert.Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return w.Post(ctx, m.ID, body)
}

// Post posts JSON that is not about an alert, signed as Send signs; id is the
// same when it is sent again.
func (w *Webhook) Post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	t := w.now().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	req.Header.Set("Wattwerk-Signature", "t="+strconv.FormatInt(t, 10)+",v1="+Sign(w.secret, t, body))
	return do(w.client, req)
}

// Sign gives the signature of a body that is sent at t, in seconds since 1970.
func Sign(secret []byte, t int64, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write(strconv.AppendInt(nil, t, 10))
	h.Write([]byte{'.'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// Ntfy sends messages to a topic of an ntfy server, and by it to phones.
type Ntfy struct {
	url, topic, token string
	language          string
	client            *http.Client
}

// NewNtfy makes a sink for a topic, in a language; at is its whole address, as
// https://ntfy.sh/topic. The token may be empty.
func NewNtfy(at, token, language string, private bool) (*Ntfy, error) {
	if err := CheckURL(at); err != nil {
		return nil, fmt.Errorf("open ntfy: %w", err)
	}
	server, topic, ok := cutLast(strings.TrimSuffix(at, "/"))
	if !ok || topic == "" {
		return nil, errors.New("open ntfy: the address has no topic at its end")
	}
	return &Ntfy{url: server + "/", topic: topic, token: token, language: language, client: client(private)}, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 || strings.HasSuffix(s[:i], "/") {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Send publishes the message.
func (n *Ntfy) Send(ctx context.Context, m alert.Message) error {
	priority := map[rule.Severity]int{rule.Info: 2, rule.Warning: 3, rule.Critical: 5}[m.Severity]
	tag := "warning"
	if m.Change == rule.Resolved || m.Change == rule.Withdrawn {
		priority, tag = 2, "white_check_mark"
	}
	title, sentence := m.Say(n.language)
	body, err := json.Marshal(map[string]any{
		"topic": n.topic, "title": title, "message": text(sentence, &m), "priority": max(priority, 1), "tags": []string{tag},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}
	return do(n.client, req)
}

// text is the message for people.
func text(sentence string, m *alert.Message) string {
	if m.Text == "" {
		return sentence
	}
	return sentence + "\n\n" + m.Text
}
