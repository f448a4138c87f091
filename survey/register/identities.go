package register

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// TokenLife is how long an enrolment token is good.
const TokenLife = 14 * 24 * time.Hour

// mostCredentials is how many certificates of a device may be good at a time.
const mostCredentials = 20

type tokenRow struct {
	bun.BaseModel `bun:"table:survey_tokens,alias:t"`
	Hash          string `bun:"hash,pk"`
	Device        string `bun:"device"`
	Expires       int64  `bun:"expires"`
	Used          *int64 `bun:"used"`
	Key           string `bun:"key"`
	Chain         string `bun:"chain"`
}

type credentialRow struct {
	bun.BaseModel `bun:"table:survey_credentials,alias:c"`
	ID            string `bun:"id,pk"`
	Device        string `bun:"device"`
	Scopes        string `bun:"scopes"`
	Issued        int64  `bun:"issued"`
	Expires       int64  `bun:"expires"`
	Revoked       *int64 `bun:"revoked"`
}

// Token makes an enrolment token for a device. Those made for it before, and not
// used, are good no more.
func (s *Store) Token(ctx context.Context, device, who string) (token string, expires time.Time, err error) {
	token = "enrol_" + rand.Text()
	expires = s.now().Add(TokenLife).UTC().Truncate(time.Second)
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		d, err := deviceOf(ctx, tx, device)
		if err != nil {
			return err
		}
		if household.Kind(d.Kind) != household.Edge {
			return fmt.Errorf("%w: it is no edge; other sources get a signed token", ErrInvalid)
		}
		if _, err := living(ctx, tx, d.Household); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*tokenRow)(nil)).Where("device = ? AND used IS NULL", device).Exec(ctx); err != nil {
			return err
		}
		if err := all(ctx, tx, []tokenRow{{Hash: digest(token), Device: device, Expires: millis(expires)}}); err != nil {
			return err
		}
		return s.note(ctx, tx, d.Household, who, "enrolment token made")
	})
	if err != nil {
		return "", expires, fmt.Errorf("make enrolment token: %w", err)
	}
	return token, expires, nil
}

func deviceOf(ctx context.Context, tx bun.IDB, id string) (*deviceRow, error) {
	d := deviceRow{ID: id}
	err := tx.NewSelect().Model(&d).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: there is no such device", ErrNotFound)
	}
	return &d, err
}

// Credential is what a device shows: a certificate, or a signed token.
type Credential struct {
	ID      string // serial number of the certificate, or what the token is called
	Key     string // SHA-256 of the certificate's key
	Chain   string // of certificates, PEM
	Issued  time.Time
	Expires time.Time
}

// Enrol uses an enrolment token. issue makes the certificate of the device. A token
// that was used already gives the same certificate again to the same key, should the
// answer have been lost, and is ErrToken to any other.
func (s *Store) Enrol(ctx context.Context, token, key string, issue func(device string) (Credential, error)) (device, chain string, err error) {
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		t := tokenRow{Hash: digest(token)}
		err := tx.NewSelect().Model(&t).WherePK().Scan(ctx)
		switch now := millis(s.now()); {
		case errors.Is(err, sql.ErrNoRows):
			return ErrToken
		case err != nil:
			return err
		case t.Expires < now, t.Used != nil && t.Key != key:
			return ErrToken
		case t.Used != nil:
			device, chain = t.Device, t.Chain
			return nil
		}
		c, err := issue(t.Device)
		if err != nil {
			return err
		}
		device, chain = t.Device, c.Chain
		if _, err := tx.NewUpdate().Model(&t).Set("used = ?", millis(s.now())).Set("key = ?", key).Set("chain = ?", chain).WherePK().Exec(ctx); err != nil {
			return err
		}
		return s.keep(ctx, tx, t.Device, "", c)
	})
	if err != nil {
		return "", "", fmt.Errorf("enrol device: %w", err)
	}
	return device, chain, nil
}

// Keep notes a credential of a device that is to be good from now on.
func (s *Store) Keep(ctx context.Context, device string, scopes []string, c Credential) error {
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		d, err := deviceOf(ctx, tx, device)
		if err != nil {
			return err
		}
		if _, err := living(ctx, tx, d.Household); err != nil {
			return err
		}
		return s.keep(ctx, tx, device, strings.Join(scopes, " "), c)
	})
	if err != nil {
		return fmt.Errorf("keep credential: %w", err)
	}
	return nil
}

func (s *Store) keep(ctx context.Context, tx bun.Tx, device, scopes string, c Credential) error {
	now := millis(s.now())
	if _, err := tx.NewDelete().Model((*credentialRow)(nil)).Where("device = ? AND expires < ?", device, now).Exec(ctx); err != nil {
		return err
	}
	n, err := tx.NewSelect().Model((*credentialRow)(nil)).Where("device = ? AND revoked IS NULL", device).Count(ctx)
	if err != nil {
		return err
	}
	if n >= mostCredentials {
		return fmt.Errorf("%w: the device has %d certificates that are good; more are not made", ErrInvalid, n)
	}
	return all(ctx, tx, []credentialRow{{ID: c.ID, Device: device, Scopes: scopes, Issued: now, Expires: millis(c.Expires)}})
}

// Bearer is whose credential it is.
type Bearer struct {
	Device    string
	Household string
	Kind      household.Kind
	Scopes    []string
	Consent   household.Consent
}

// ErrRevoked says that a credential is good no more.
var ErrRevoked = errors.New("the credential was revoked")

// Bearer tells who shows a credential, which is asked for every request: what was
// revoked is refused at once. Errors: ErrRevoked; ErrGone when the household has
// revoked its consent; ErrNotFound for a device that there is not.
func (s *Store) Bearer(ctx context.Context, device, credential string) (Bearer, error) {
	var row struct {
		Device    string
		Household string
		Kind      string
		Scopes    string
		Revoked   *int64
		Expires   int64
		State     string
		Version   string
		Granted   *int64
	}
	err := s.db.NewSelect().TableExpr("survey_credentials AS c").
		Join("JOIN survey_devices AS d ON d.id = c.device").Join("JOIN survey_households AS h ON h.id = d.household").
		ColumnExpr("c.device AS device, d.household AS household, d.kind AS kind, c.scopes AS scopes, c.revoked AS revoked, c.expires AS expires, h.state AS state, h.version AS version, h.granted AS granted").
		Where("c.id = ? AND c.device = ?", credential, device).Scan(ctx, &row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if _, err := s.Ended(ctx, device); err == nil {
			return Bearer{}, ErrGone
		} else if !errors.Is(err, ErrNotFound) {
			return Bearer{}, err
		}
		return Bearer{}, ErrNotFound
	case err != nil:
		return Bearer{}, fmt.Errorf("look up credential: %w", err)
	case row.Revoked != nil || row.Expires < millis(s.now()):
		return Bearer{}, ErrRevoked
	}
	return Bearer{
		Device: row.Device, Household: row.Household, Kind: household.Kind(row.Kind), Scopes: strings.Fields(row.Scopes),
		Consent: household.Consent{State: consent.State(row.State), Version: row.Version, Granted: moment(row.Granted)},
	}, nil
}

// RevokeDevice ends all credentials of a device, and its enrolment tokens.
func (s *Store) RevokeDevice(ctx context.Context, device, who string) error {
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		d, err := deviceOf(ctx, tx, device)
		if err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model((*credentialRow)(nil)).Set("revoked = ?", millis(s.now())).Where("device = ? AND revoked IS NULL", device).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*tokenRow)(nil)).Where("device = ?", device).Exec(ctx); err != nil {
			return err
		}
		return s.note(ctx, tx, d.Household, who, "device revoked")
	})
	if err != nil {
		return fmt.Errorf("revoke device: %w", err)
	}
	return nil
}
