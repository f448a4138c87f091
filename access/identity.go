package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Scope is one kind of thing that can be done.
type Scope string

// The scopes there are.
const (
	Read    Scope = "read"    // see readings, sums, the model
	Ingest  Scope = "ingest"  // send readings
	Operate Scope = "operate" // change the model, see dead letters
	Admin   Scope = "admin"   // manage users and tokens

	// Of a field survey.
	Account          Scope = "account"           // see and register who takes part, and where
	Household        Scope = "household"         // see households and their devices
	Consent          Scope = "consent"           // grant and revoke consents
	MeasurementRead  Scope = "measurement-read"  // see what was measured in a household
	MeasurementWrite Scope = "measurement-write" // send it
)

// Scopes gives every scope.
func Scopes() []Scope {
	return []Scope{Read, Ingest, Operate, Admin, Account, Household, Consent, MeasurementRead, MeasurementWrite}
}

// ParseScope takes the name of a scope.
func ParseScope(s string) (Scope, error) {
	if slices.Contains(Scopes(), Scope(s)) {
		return Scope(s), nil
	}
	return "", fmt.Errorf("%w: there is no scope %q; there are read, ingest, operate and admin, and of a survey account, household, consent, measurement-read and measurement-write", ErrInvalid, s)
}

// Role is a named set of scopes, what users have.
type Role string

// The roles there are.
const (
	Viewer        Role = "viewer"
	Operator      Role = "operator"
	Researcher    Role = "researcher" // looks after a field survey
	Administrator Role = "administrator"
)

// ParseRole takes the name of a role.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Viewer, Operator, Researcher, Administrator:
		return r, nil
	}
	return "", fmt.Errorf("%w: there is no role %q; there are viewer, operator, researcher and administrator", ErrInvalid, s)
}

// Scopes gives what the role allows; nothing for an unknown role.
func (r Role) Scopes() []Scope {
	switch r {
	case Viewer:
		return []Scope{Read}
	case Operator:
		return []Scope{Read, Ingest, Operate}
	case Researcher:
		return []Scope{Read, Account, Household, Consent, MeasurementRead}
	case Administrator:
		return Scopes()
	}
	return nil
}

// Kind says what an identity is.
type Kind string

// The kinds there are.
const (
	KindUser      Kind = "user"      // a person with a session
	KindToken     Kind = "token"     // a machine with a token
	KindAnonymous Kind = "anonymous" // nobody known, allowed by the settings
)

// Identity is who makes a request.
type Identity struct {
	Kind   Kind
	ID     string // of the user or token; empty for anonymous
	Name   string // for people: revisions and logs carry it
	Role   Role   // empty for tokens with scopes of their own
	Scopes []Scope
}

// Has tells whether the identity may do what needs the scope.
func (i Identity) Has(s Scope) bool { return slices.Contains(i.Scopes, s) }

type contextKey struct{}

// With puts the identity into the context of a request.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// From gives the identity of a request; false when nobody is signed in.
func From(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(contextKey{}).(Identity)
	return i, ok
}

func joinScopes(ss []Scope) string {
	parts := make([]string, len(ss))
	for i, s := range ss {
		parts[i] = string(s)
	}
	return strings.Join(parts, " ")
}

func splitScopes(s string) []Scope {
	var out []Scope
	for f := range strings.FieldsSeq(s) {
		out = append(out, Scope(f))
	}
	return out
}
