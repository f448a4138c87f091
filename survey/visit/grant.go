package visit

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Longest is how long a grant is good for at most.
const Longest = 24 * time.Hour

// Purpose is what is put before a grant when it is signed, so that no signature for anything else is one.
const Purpose = "wattwerk survey: visit of a device, 1\n"

// Reasons why a grant is not good.
var (
	ErrForged  = errors.New("the grant is not signed by this survey")
	ErrOther   = errors.New("the grant is for another device")
	ErrEarly   = errors.New("the grant is not good yet")
	ErrExpired = errors.New("the grant has expired")
	ErrInvalid = errors.New("the grant is not complete")
)

// Grant allows to look at one device.
type Grant struct {
	ID     string    `json:"id"` // used once
	Device string    `json:"device"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Who    string    `json:"who"` // allows it
	Why    string    `json:"why"`
	Key    string    `json:"key"` // that may come in, as a line of authorized_keys
	// May names what may be done beyond looking, as "restart": commands that are refused to a grant that does not name them.
	May []string `json:"may,omitempty"`
}

// mostMay is how much a grant may name.
const mostMay = 8

var commands = regexp.MustCompile(`^[a-z]{1,20}( [a-z]{1,20})?$`)

// Names tells whether the grant names a command.
func (g *Grant) Names(command string) bool { return slices.Contains(g.May, command) }

// Signed is a grant as it travels.
type Signed struct {
	Document  string `json:"document" doc:"The grant (JSON), as it was signed"`
	Signature []byte `json:"signature" doc:"By the issuer, of what the document is for and the document"`
	Chain     string `json:"chain" doc:"Certificate of the issuer (PEM)"`
}

// Validate says in a sentence what is missing.
func (g *Grant) Validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }
	switch {
	case g.ID == "" || g.Device == "":
		return bad("it has no identifier, or no device")
	case strings.TrimSpace(g.Who) == "" || len(g.Who) > 200:
		return bad("who allows it is 1 to 200 bytes")
	case strings.TrimSpace(g.Why) == "" || len(g.Why) > 500:
		return bad("the reason, which the household sees, is 1 to 500 bytes")
	case len(g.May) > mostMay || slices.ContainsFunc(g.May, func(c string) bool { return !commands.MatchString(c) }):
		return bad(fmt.Sprintf("what may be done is up to %d names of commands, as restart", mostMay))
	case !g.Until.After(g.From) || g.Until.Sub(g.From) > Longest:
		return bad(fmt.Sprintf("it is good for longer than nothing, and for %v at most", Longest))
	}
	_, err := g.PublicKey()
	return err
}

// PublicKey is the key that may come in.
func (g *Grant) PublicKey() (ssh.PublicKey, error) {
	k, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(g.Key))
	if err != nil || len(rest) > 0 || len(options) > 0 || len(g.Key) > 8<<10 {
		return nil, fmt.Errorf("%w: the key is one line of a public key, as of id_ed25519.pub", ErrInvalid)
	}
	return k, nil
}

// Sign signs a grant. sign is that of the issuer, over the SHA-256 of what it is given, or, by an Ed25519 key, over all of it; chain is
// its certificate.
func Sign(g Grant, sign func([]byte) (signature []byte, chain string, err error)) (Signed, error) {
	if err := g.Validate(); err != nil {
		return Signed{}, err
	}
	document, err := json.Marshal(g)
	if err != nil {
		return Signed{}, fmt.Errorf("sign grant: %w", err)
	}
	s := Signed{Document: string(document)}
	if s.Signature, s.Chain, err = sign([]byte(Purpose + s.Document)); err != nil {
		return Signed{}, fmt.Errorf("sign grant: %w", err)
	}
	return s, nil
}

// Check reads a grant for a device, which trusts the roots.
func Check(s Signed, roots *x509.CertPool, device string, now time.Time) (Grant, error) {
	b, _ := pem.Decode([]byte(s.Chain))
	if b == nil || b.Type != "CERTIFICATE" {
		return Grant{}, ErrForged
	}
	cert, err := x509.ParseCertificate(b.Bytes)
	if err != nil || !cert.IsCA { // a device's own certificate is below the root, too
		return Grant{}, ErrForged
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrForged, err)
	}
	message := []byte(Purpose + s.Document)
	good := false
	switch k := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		good = ecdsa.VerifyASN1(k, sum[:], s.Signature)
	case ed25519.PublicKey:
		good = ed25519.Verify(k, message, s.Signature)
	}
	var g Grant
	if !good || json.Unmarshal([]byte(s.Document), &g) != nil {
		return Grant{}, ErrForged
	}
	switch {
	case g.Validate() != nil:
		return g, g.Validate()
	case g.Device != device:
		return g, ErrOther
	case now.Before(g.From):
		return g, ErrEarly
	case !now.Before(g.Until):
		return g, ErrExpired
	}
	return g, nil
}
