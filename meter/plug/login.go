package plug

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Login is who asks a device that has a password.
type Login struct {
	User     string // empty: admin, as all of them call who owns them
	Password string // empty: the device has none
}

// maxLogin is how long a user or a password may be, in bytes.
const maxLogin = 200

func (l *Login) complete() error {
	if l.User == "" {
		l.User = "admin"
	}
	if len(l.User) > maxLogin || len(l.Password) > maxLogin || strings.ContainsAny(l.User, ":\"\\\r\n") {
		return errors.New("the user or the password of a device is too long, or the user has a character that no device takes")
	}
	return nil
}

// errLogin is what a device says to somebody else.
var errLogin = errors.New("it wants a user and a password, or others than these")

// A way is how a device is shown a password. It may learn from a refusal.
type way interface {
	// show puts it into a request.
	show(req *http.Request) error
	// again tells whether the same request is to be sent once more after an answer.
	again(resp *http.Response, body []byte) (bool, error)
}

// none is the way of who has no password.
type none struct{}

func (none) show(*http.Request) error { return nil }

func (none) again(*http.Response, []byte) (bool, error) { return false, nil }

// basic is RFC 7617: the first generation of Shelly.
type basic struct{ Login }

func (b *basic) show(req *http.Request) error {
	req.SetBasicAuth(b.User, b.Password)
	return nil
}

func (*basic) again(resp *http.Response, _ []byte) (bool, error) {
	if resp.StatusCode == http.StatusUnauthorized {
		return false, errLogin
	}
	return false, nil
}

// query is Tasmota: a header, which newer ones know, or else a part of the address.
type query struct {
	Login

	address bool
}

func (q *query) show(req *http.Request) error {
	if !q.address {
		req.SetBasicAuth(q.User, q.Password)
		return nil
	}
	req.URL.RawQuery = "user=" + url.QueryEscape(q.User) + "&password=" + url.QueryEscape(q.Password) + "&" + req.URL.RawQuery
	return nil
}

// wantsQuery is what the ones say that do not know the header.
var wantsQuery = []byte("Need user=")

func (q *query) again(resp *http.Response, body []byte) (bool, error) {
	if resp.StatusCode != http.StatusUnauthorized && !bytes.Contains(body, wantsQuery) {
		return false, nil
	}
	if q.address {
		return false, errLogin
	}
	q.address = true
	return true, nil
}

// digest is RFC 7616 with SHA-256: Shelly since the second generation.
type digest struct {
	Login

	realm, nonce, opaque string
	count                uint32 // how often the nonce was used
}

func (d *digest) show(req *http.Request) error {
	if d.nonce == "" {
		return nil // the device has to be asked for one first
	}
	d.count++
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	client, count := hex.EncodeToString(random[:]), fmt.Sprintf("%08x", d.count)
	uri := req.URL.RequestURI()
	header := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=SHA-256, qop=auth, nc=%s, cnonce="%s", response="%s"`,
		d.User, d.realm, d.nonce, uri, count, client, d.response(req.Method, uri, count, client))
	if d.opaque != "" {
		header += fmt.Sprintf(`, opaque="%s"`, d.opaque)
	}
	req.Header.Set("Authorization", header)
	return nil
}

func (d *digest) response(method, uri, count, client string) string {
	return hash(hash(d.User+":"+d.realm+":"+d.Password) + ":" + d.nonce + ":" + count + ":" + client + ":auth:" + hash(method+":"+uri))
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (d *digest) again(resp *http.Response, _ []byte) (bool, error) {
	if resp.StatusCode != http.StatusUnauthorized {
		return false, nil
	}
	for _, h := range resp.Header.Values("WWW-Authenticate") {
		c, ok := parseChallenge(h)
		if !ok || !strings.EqualFold(c["algorithm"], "SHA-256") || !offers(c["qop"], "auth") || c["nonce"] == "" {
			continue
		}
		if c["nonce"] == d.nonce && !strings.EqualFold(c["stale"], "true") {
			return false, errLogin
		}
		d.realm, d.nonce, d.opaque, d.count = c["realm"], c["nonce"], c["opaque"], 0
		return true, nil
	}
	return false, errors.New("it wants a password in a way that is not known: not by digest with SHA-256")
}

// offers tells whether a list with commas has a word.
func offers(list, word string) bool {
	for x := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(x), word) {
			return true
		}
	}
	return false
}

// maxChallenge is how long a challenge may be, in bytes.
const maxChallenge = 2048

// parseChallenge reads what a device says to who has no digest: names in small letters, with their values. Values with characters that could
// not be sent back as they are make it none.
func parseChallenge(header string) (map[string]string, bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Digest") || len(header) > maxChallenge {
		return nil, false
	}
	out := make(map[string]string)
	for rest = strings.TrimLeft(rest, " ,"); rest != ""; rest = strings.TrimLeft(rest, " ,") {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" {
			return nil, false
		}
		var value string
		if quoted, ok := strings.CutPrefix(strings.TrimLeft(after, " "), `"`); ok {
			if value, rest, ok = strings.Cut(quoted, `"`); !ok {
				return nil, false
			}
		} else {
			end := strings.IndexAny(after, ", ")
			if end < 0 {
				end = len(after)
			}
			value, rest = after[:end], after[end:]
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '"' }) {
			return nil, false
		}
		if _, twice := out[name]; twice {
			return nil, false
		}
		out[name] = value
	}
	return out, true
}
