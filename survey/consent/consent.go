package consent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// State is how a consent stands.
type State string

// The states there are, in the order in which they follow one another.
const (
	NotGranted State = "not_granted"
	Granted    State = "granted"
	Revoked    State = "revoked"
)

// Reasons a state does not change. They are for who is asked.
var (
	ErrRevoked    = errors.New("the consent was revoked, which is for ever: who wants to take part again registers anew")
	ErrNotGranted = errors.New("there is no consent that could be revoked")
	ErrState      = errors.New("a consent is granted or revoked, nothing else")
)

// Next tells whether a state may become another. The same state again is fine and
// changes nothing.
func (s State) Next(to State) error {
	switch {
	case to != Granted && to != Revoked:
		return ErrState
	case s == to:
		return nil
	case s == Revoked:
		return ErrRevoked
	case s == NotGranted && to == Revoked:
		return ErrNotGranted
	}
	return nil
}

// MaxText is how long a text may be, in bytes.
const MaxText = 64 << 10

// Text is what people consent to. A version never gets another text.
type Text struct {
	Version string `json:"version" doc:"What this text is called, for ever" example:"2026-1" minLength:"1" maxLength:"40"`
	Body    string `json:"body" doc:"The text itself" minLength:"1" maxLength:"65536"`
}

// Digest is the SHA-256 of the text, in hexadecimal.
func (t Text) Digest() string {
	sum := sha256.Sum256([]byte(t.Body))
	return hex.EncodeToString(sum[:])
}

// Validate says in a sentence what is wrong with the text, or nil.
func (t Text) Validate() error {
	switch {
	case t.Version == "" || len(t.Version) > 40 || strings.ContainsFunc(t.Version, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("the version of a text is 1 to 40 printable characters without a space, and %.60q is not", t.Version)
	case strings.TrimSpace(t.Body) == "":
		return errors.New("the text is empty")
	case len(t.Body) > MaxText:
		return fmt.Errorf("the text has %d bytes; at most %d are taken", len(t.Body), MaxText)
	case !utf8.ValidString(t.Body):
		return errors.New("the text is not valid UTF-8")
	}
	return nil
}

// Receipt proves a change of a consent.
type Receipt struct {
	Household string    `json:"household" doc:"Whose consent, by the identifier of then"`
	State     State     `json:"state" enum:"granted,revoked" doc:"What it changed to"`
	Version   string    `json:"version" doc:"Of the text that was consented to"`
	Digest    string    `json:"digest" doc:"SHA-256 of that text, hexadecimal"`
	At        time.Time `json:"at" doc:"When, to the second"`
	Key       string    `json:"key" doc:"The public key, Ed25519, base64"`
	Signature string    `json:"signature" doc:"Of the lines \"wattwerk consent 1\", household, state, version, digest and time, each ended by a line feed; base64"`
}

// Signed gives the bytes that are signed.
func (r Receipt) Signed() []byte {
	return []byte(strings.Join([]string{
		"wattwerk consent 1", r.Household, string(r.State), r.Version, r.Digest, r.At.UTC().Format(time.RFC3339), "",
	}, "\n"))
}

// Sign makes the receipt of a change.
func Sign(key ed25519.PrivateKey, household string, state State, version, digest string, at time.Time) Receipt {
	r := Receipt{Household: household, State: state, Version: version, Digest: digest, At: at.UTC().Truncate(time.Second)}
	if public, ok := key.Public().(ed25519.PublicKey); ok {
		r.Key = base64.StdEncoding.EncodeToString(public)
	}
	r.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, r.Signed()))
	return r
}

// ErrForged says that a receipt was not signed by the key, or changed since.
var ErrForged = errors.New("the receipt was not signed by this key as it is")

// Verify checks a receipt against the public key of a survey.
func (r Receipt) Verify(key ed25519.PublicKey) error {
	signature, err := base64.StdEncoding.DecodeString(r.Signature)
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, r.Signed(), signature) {
		return ErrForged
	}
	return nil
}
