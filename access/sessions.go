package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	Hash    string `bun:"hash,pk"`
	UserID  string `bun:"user_id"`
	Created int64  `bun:"created"`
	Seen    int64  `bun:"seen"`
	Expires int64  `bun:"expires"`
}

type linkRow struct {
	bun.BaseModel `bun:"table:links,alias:l"`

	Hash    string `bun:"hash,pk"`
	UserID  string `bun:"user_id"`
	Expires int64  `bun:"expires"`
}

// SignIn checks a name and a password. remote is the address the attempt comes
// from. The error wraps ErrDenied, which does not tell whether the user
// exists, or is a [*TooMany].
func (s *Store) SignIn(ctx context.Context, name, password, remote string) (User, error) {
	if err := s.limits.take(s.now(), name, remote); err != nil {
		return User{}, err
	}
	if len(password) > MaxPassword {
		return User{}, denied()
	}
	row, err := s.userRow(ctx, "folded", strings.ToLower(name))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, err
	}
	phc := s.dummy
	if row != nil && row.Password != "" {
		phc = row.Password
	}
	ok, err := s.match(ctx, phc, password)
	if err != nil {
		return User{}, err
	}
	if !ok || row == nil || row.Password == "" {
		return User{}, denied()
	}
	s.limits.giveBack(s.now(), name, remote)
	return row.user(), nil
}

func denied() error {
	return phrase.Errorf(phrase.SignInRefused, nil, "%w: the name or the password is wrong", ErrDenied)
}

// NewSession begins a session and gives its secret, for a cookie.
func (s *Store) NewSession(ctx context.Context, userID string) (string, error) {
	sec := secret("")
	now := s.millis()
	err := s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Whoever signs in sweeps what has ended, so nothing else has to.
		if _, err := tx.NewDelete().Model((*sessionRow)(nil)).
			Where("expires < ? OR seen < ?", now, now-SessionIdle.Milliseconds()).Exec(ctx); err != nil {
			return err
		}
		res, err := tx.NewUpdate().Model((*userRow)(nil)).Set("signed_in = ?", now).Where("id = ?", userID).Exec(ctx)
		if err := one(res, err, "there is no user "+userID); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&sessionRow{
			Hash: hashSecret(sec), UserID: userID, Created: now, Seen: now, Expires: now + SessionLife.Milliseconds(),
		}).Exec(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("begin session: %w", err)
	}
	return sec, nil
}

// Session gives who the session of that secret belongs to. ErrDenied when it
// is unknown or has ended.
func (s *Store) Session(ctx context.Context, sec string) (Identity, error) {
	hash := hashSecret(sec)
	return s.lookUp(hash, func() (Identity, error) {
		now := s.millis()
		var row struct {
			userRow
			Seen int64 `bun:"seen"`
		}
		err := s.db.NewSelect().Model((*sessionRow)(nil)).
			ColumnExpr("u.*, s.seen").Join("JOIN users AS u ON u.id = s.user_id").
			Where("s.hash = ? AND s.expires > ? AND s.seen > ?", hash, now, now-SessionIdle.Milliseconds()).
			Scan(ctx, &row)
		if errors.Is(err, sql.ErrNoRows) {
			return Identity{}, fmt.Errorf("%w: the session has ended", ErrDenied)
		}
		if err != nil {
			return Identity{}, fmt.Errorf("find session: %w", err)
		}
		if now-row.Seen > seenGrain.Milliseconds() {
			// A note, not a condition: a full disk must not lock people out.
			_, _ = s.db.NewUpdate().Model((*sessionRow)(nil)).Set("seen = ?", now).Where("hash = ?", hash).Exec(ctx)
		}
		return row.user().Identity(), nil
	})
}

// EndSession signs out. Ending what has ended is not an error.
func (s *Store) EndSession(ctx context.Context, sec string) error {
	defer s.forget()
	if _, err := s.db.NewDelete().Model((*sessionRow)(nil)).Where("hash = ?", hashSecret(sec)).Exec(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// NewLink makes a secret that signs the user in once within [LinkLife].
func (s *Store) NewLink(ctx context.Context, userID string) (string, error) {
	sec := secret("")
	now := s.millis()
	if _, err := s.db.NewDelete().Model((*linkRow)(nil)).Where("expires < ?", now).Exec(ctx); err != nil {
		return "", fmt.Errorf("make link: %w", err)
	}
	row := &linkRow{Hash: hashSecret(sec), UserID: userID, Expires: now + LinkLife.Milliseconds()}
	if _, err := s.db.NewInsert().Model(row).Exec(ctx); err != nil {
		return "", fmt.Errorf("make link: %w", err)
	}
	return sec, nil
}

// Redeem uses a link up. ErrDenied when it was used, has expired or never was.
func (s *Store) Redeem(ctx context.Context, sec string) (User, error) {
	var rows []linkRow
	err := s.db.NewDelete().Model(&rows).Where("hash = ?", hashSecret(sec)).Returning("*").Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return User{}, fmt.Errorf("redeem link: %w", err)
	}
	if len(rows) == 0 || rows[0].Expires <= s.millis() {
		return User{}, phrase.Errorf(phrase.LinkOver, nil, "%w: the link was used already or has expired", ErrDenied)
	}
	return s.UserByID(ctx, rows[0].UserID)
}
