package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// TokenPrefix begins every token, so that one can be recognised where it
// should not be.
const TokenPrefix = "ww_"

// Token is what is known of a token; its secret is not.
type Token struct {
	ID        string
	Name      string // what it is for
	Role      Role   // empty: scopes of its own
	Scopes    []Scope
	Created   time.Time
	CreatedBy string     // the name of who made it
	Used      *time.Time // the last time, to the minute; nil: never
	Expires   *time.Time // nil: never
}

// TokenSpec is what a new token is to be. Either Role or Scopes is given.
type TokenSpec struct {
	Name    string
	Role    Role
	Scopes  []Scope
	Expires time.Time // zero: never
	By      string    // the name of who makes it
}

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`

	ID        string `bun:"id,pk"`
	Name      string `bun:"name"`
	Hash      string `bun:"hash"`
	Role      string `bun:"role"`
	Scopes    string `bun:"scopes"`
	Created   int64  `bun:"created"`
	CreatedBy string `bun:"created_by"`
	Used      *int64 `bun:"used"`
	Expires   *int64 `bun:"expires"`
}

func (r *tokenRow) token() Token {
	return Token{
		ID: r.ID, Name: r.Name, Role: Role(r.Role), Scopes: splitScopes(r.Scopes), Created: timeOf(r.Created),
		CreatedBy: r.CreatedBy, Used: timeOrNil(r.Used), Expires: timeOrNil(r.Expires),
	}
}

// CreateToken makes a token and gives its secret, which is not stored.
func (s *Store) CreateToken(ctx context.Context, spec TokenSpec) (string, Token, error) {
	if err := checkName("token", spec.Name); err != nil {
		return "", Token{}, err
	}
	scopes := spec.Scopes
	switch {
	case spec.Role != "" && len(scopes) > 0:
		return "", Token{}, fmt.Errorf("%w: a token has a role or scopes, not both", ErrInvalid)
	case spec.Role != "":
		if _, err := ParseRole(string(spec.Role)); err != nil {
			return "", Token{}, err
		}
		scopes = spec.Role.Scopes()
	case len(scopes) == 0:
		return "", Token{}, fmt.Errorf("%w: a token needs a role or at least one scope", ErrInvalid)
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	for _, sc := range scopes {
		if _, err := ParseScope(string(sc)); err != nil {
			return "", Token{}, err
		}
	}
	sec := secret(TokenPrefix)
	row := &tokenRow{
		ID: newID("t_"), Name: spec.Name, Hash: hashSecret(sec), Role: string(spec.Role),
		Scopes: joinScopes(scopes), Created: s.millis(), CreatedBy: spec.By,
	}
	if !spec.Expires.IsZero() {
		ms := spec.Expires.UnixMilli()
		if ms <= row.Created {
			return "", Token{}, fmt.Errorf("%w: the token would have expired already", ErrInvalid)
		}
		row.Expires = &ms
	}
	if _, err := s.db.NewInsert().Model(row).Exec(ctx); err != nil {
		return "", Token{}, fmt.Errorf("create token: %w", err)
	}
	return sec, row.token(), nil
}

// Token gives who a token stands for. ErrDenied when it is unknown, expired
// or revoked.
func (s *Store) Token(ctx context.Context, sec string) (Identity, error) {
	hash := hashSecret(sec)
	return s.lookUp(hash, func() (Identity, error) {
		now := s.millis()
		row := new(tokenRow)
		err := s.db.NewSelect().Model(row).Where("hash = ? AND (expires IS NULL OR expires > ?)", hash, now).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return Identity{}, fmt.Errorf("%w: the token is unknown, expired or revoked", ErrDenied)
		}
		if err != nil {
			return Identity{}, fmt.Errorf("find token: %w", err)
		}
		if row.Used == nil || now-*row.Used > seenGrain.Milliseconds() {
			// A note, not a condition: a full disk must not lock machines out.
			_, _ = s.db.NewUpdate().Model((*tokenRow)(nil)).Set("used = ?", now).Where("id = ?", row.ID).Exec(ctx)
		}
		return Identity{Kind: KindToken, ID: row.ID, Name: row.Name, Role: Role(row.Role), Scopes: splitScopes(row.Scopes)}, nil
	})
}

// Tokens gives all tokens, newest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	var rows []tokenRow
	if err := s.db.NewSelect().Model(&rows).Order("created DESC", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	out := make([]Token, len(rows))
	for i := range rows {
		out[i] = rows[i].token()
	}
	return out, nil
}

// RevokeToken ends a token for good.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	defer s.forget()
	if !storable(id) {
		return fmt.Errorf("%w: there is no token %q", ErrNotFound, id)
	}
	res, err := s.db.NewDelete().Model((*tokenRow)(nil)).Where("id = ?", id).Exec(ctx)
	return one(res, err, "there is no token "+id)
}
