package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// VoucherHeader carries a voucher from one process of an installation to
// another. What a client sends in it is refused unless it was written by a
// [Notary] with the same key.
const VoucherHeader = "X-Wattwerk-Voucher"

// VoucherLife is how long a voucher is good for. The clocks of the machines of
// one installation may differ by as much.
const VoucherLife = time.Minute

// NotaryKey is how many bytes a key has at least.
const NotaryKey = 32

// Errors of reading a voucher.
var (
	ErrForged  = errors.New("the identity was not vouched for by a process of this installation, or for another request")
	ErrExpired = errors.New("the identity was vouched for too long ago, or the clocks of the machines differ")
)

// Notary vouches for identities between the processes of one installation,
// which share its key. A voucher is good for one method, one request target
// (path and query) and [VoucherLife]; it says nothing of the body. It is not
// secret, but whoever can read it on its way can use it for the same request
// until it expires.
//
// A Notary is safe for concurrent use.
type Notary struct {
	key []byte
	now func() time.Time
}

// NewNotary takes a key of at least [NotaryKey] bytes, which the caller does
// not change afterwards.
func NewNotary(key []byte) (*Notary, error) {
	if len(key) < NotaryKey {
		return nil, fmt.Errorf("make notary: the key has %d bytes, it needs %d", len(key), NotaryKey)
	}
	return &Notary{key: key, now: time.Now}, nil
}

// vouched is what a voucher says.
type vouched struct {
	Kind    Kind   `json:"k,omitempty"`
	ID      string `json:"i,omitempty"`
	Name    string `json:"n,omitempty"`
	Role    Role   `json:"r,omitempty"`
	Scopes  string `json:"s,omitempty"`
	Expires int64  `json:"e"` // ms since 1970 UTC
}

// Vouch writes a voucher for an identity; the zero Identity is nobody. The
// target is what stands in the request line: path and query, as sent.
func (n *Notary) Vouch(who Identity, method, target string) string {
	// Strings and a number can always be written.
	data, _ := json.Marshal(vouched{who.Kind, who.ID, who.Name, who.Role, joinScopes(who.Scopes), n.now().Add(VoucherLife).UnixMilli()})
	said := base64.RawURLEncoding.EncodeToString(data)
	return said + "." + base64.RawURLEncoding.EncodeToString(n.sum(said, method, target))
}

// Check reads a voucher. The identity is the zero one when the voucher says
// that nobody is signed in.
//
// Errors: [ErrForged], [ErrExpired].
func (n *Notary) Check(voucher, method, target string) (Identity, error) {
	said, sum, _ := strings.Cut(voucher, ".")
	got, err := base64.RawURLEncoding.DecodeString(sum)
	if err != nil || !hmac.Equal(got, n.sum(said, method, target)) {
		return Identity{}, ErrForged
	}
	data, err := base64.RawURLEncoding.DecodeString(said)
	if err != nil {
		return Identity{}, ErrForged
	}
	var v vouched
	if err := json.Unmarshal(data, &v); err != nil {
		return Identity{}, ErrForged
	}
	// From another machine, whose clock may be ahead or behind.
	if left := time.UnixMilli(v.Expires).Sub(n.now()); left <= 0 || left > 2*VoucherLife {
		return Identity{}, ErrExpired
	}
	return Identity{Kind: v.Kind, ID: v.ID, Name: v.Name, Role: v.Role, Scopes: splitScopes(v.Scopes)}, nil
}

// sum separates its parts by what none of them can contain: a method is a
// token, a target and base64 have no line breaks.
func (n *Notary) sum(said, method, target string) []byte {
	h := hmac.New(sha256.New, n.key)
	h.Write([]byte("wattwerk voucher 1\n" + method + "\n" + target + "\n" + said))
	return h.Sum(nil)
}
