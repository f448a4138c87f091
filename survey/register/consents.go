package register

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// ReceiptKey is the name of the key that signs receipts.
const ReceiptKey = "receipts"

type textRow struct {
	bun.BaseModel `bun:"table:survey_texts,alias:t"`
	Version       string `bun:"version,pk"`
	Body          string `bun:"body"`
	Digest        string `bun:"digest"`
	At            int64  `bun:"at"`
	Who           string `bun:"who"`
}

// AddText puts a text into force. A version that is there already keeps its text:
// the same again is fine, another one is ErrInvalid.
func (s *Store) AddText(ctx context.Context, t consent.Text, who string) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("add text: %w: %w", ErrInvalid, err)
	}
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		var last textRow
		err := tx.NewSelect().Model(&last).Where("version = ?", t.Version).Scan(ctx)
		switch {
		case err == nil && last.Digest == t.Digest():
			return nil
		case err == nil:
			return fmt.Errorf("%w: version %s has another text already; give this one a version of its own", ErrInvalid, t.Version)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		at := millis(s.now())
		if err := tx.NewSelect().Model(&last).Order("at DESC").Limit(1).Scan(ctx); err == nil {
			at = max(at, last.At+1)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return all(ctx, tx, []textRow{{Version: t.Version, Body: t.Body, Digest: t.Digest(), At: at, Who: who}})
	})
	if err != nil {
		return fmt.Errorf("add text: %w", err)
	}
	return nil
}

// Text gives the text in force; ErrNotFound: there is none.
func (s *Store) Text(ctx context.Context) (consent.Text, error) {
	t, err := text(ctx, s.db)
	if err != nil {
		return consent.Text{}, fmt.Errorf("read text: %w", err)
	}
	return consent.Text{Version: t.Version, Body: t.Body}, nil
}

func text(ctx context.Context, db bun.IDB) (textRow, error) {
	var t textRow
	err := db.NewSelect().Model(&t).Order("at DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no text yet that people could consent to", ErrNotFound)
	}
	return t, err
}

type consentRow struct {
	bun.BaseModel `bun:"table:survey_consents,alias:c"`
	Household     string `bun:"household,pk"`
	State         string `bun:"state,pk"`
	Receipt       string `bun:"receipt"`
}

// Grant notes that a household consents to the text of a version, which must be the
// one in force: ErrText. Who has granted already gets the same receipt again.
func (s *Store) Grant(ctx context.Context, id, version, who string) (r consent.Receipt, err error) {
	key, err := s.Key(ctx, ReceiptKey)
	if err != nil {
		return r, err
	}
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		h, err := living(ctx, tx, id)
		if errors.Is(err, ErrGone) {
			return consent.ErrRevoked
		}
		if err != nil {
			return err
		}
		if consent.State(h.State) == consent.Granted {
			var row consentRow
			if err := tx.NewSelect().Model(&row).Where("household = ? AND state = ?", id, h.State).Scan(ctx); err != nil {
				return err
			}
			return json.Unmarshal([]byte(row.Receipt), &r)
		}
		t, err := text(ctx, tx)
		if err != nil {
			return err
		}
		if t.Version != version {
			return fmt.Errorf("%w: version %s", ErrText, t.Version)
		}
		now := s.now()
		r = consent.Sign(key, id, consent.Granted, t.Version, t.Digest, now)
		if err := all(ctx, tx, []consentRow{{Household: id, State: string(consent.Granted), Receipt: encode(r)}}); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model((*householdRow)(nil)).Set("state = ?", string(consent.Granted)).Set("version = ?", t.Version).
			Set("granted = ?", millis(now)).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return s.note(ctx, tx, id, who, "consent granted")
	})
	if err != nil {
		return consent.Receipt{}, fmt.Errorf("grant consent: %w", err)
	}
	return r, nil
}

// Placed is what a household is called on the bus.
type Placed struct {
	Group  string
	Points []string // of its meters
}

// Revoke ends the consent of a household and anonymises it, in one transaction. The
// receipt is the last word that names the household as it was. What it was called
// on the bus is given, so that its group can be removed there.
func (s *Store) Revoke(ctx context.Context, id string) (r consent.Receipt, was Placed, err error) {
	key, err := s.Key(ctx, ReceiptKey)
	if err != nil {
		return r, was, err
	}
	err = s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		h, err := living(ctx, tx, id)
		if errors.Is(err, ErrGone) {
			return consent.ErrRevoked
		}
		if err != nil {
			return err
		}
		if err := consent.State(h.State).Next(consent.Revoked); err != nil {
			return err
		}
		if err := s.overwrite(ctx, tx); err != nil {
			return err
		}
		t := textRow{Version: h.Version}
		if err := tx.NewSelect().Model(&t).WherePK().Scan(ctx); err != nil {
			return err
		}
		r = consent.Sign(key, id, consent.Revoked, t.Version, t.Digest, s.now())
		was, err = s.anonymise(ctx, tx, h, r)
		return err
	})
	if err != nil {
		return consent.Receipt{}, Placed{}, fmt.Errorf("revoke consent: %w", err)
	}
	if err := s.emptyLog(ctx); err != nil {
		return r, was, fmt.Errorf("revoke consent: it is done; %w", err)
	}
	return r, was, nil
}

// year is 1 January of the year of a time in ms.
func year(ms int64) int64 {
	return millis(time.Date(time.UnixMilli(ms).UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC))
}

// anonymise leaves of a household what research may keep, under new identifiers.
func (s *Store) anonymise(ctx context.Context, tx bun.Tx, h *householdRow, r consent.Receipt) (was Placed, err error) {
	was.Group = h.Group
	next := householdRow{ID: household.NewID(), Registered: year(h.Registered), State: string(consent.Revoked), Version: h.Version, Revoked: new(year(millis(s.now())))}
	if h.Granted != nil {
		next.Granted = new(year(*h.Granted))
	}
	var m household.Metadata
	if err := json.Unmarshal([]byte(h.Metadata), &m); err != nil {
		return was, err
	}
	next.Metadata = encode(m.Anonymous())
	if next.Location, err = s.elsewhere(h.Location); err != nil {
		return was, err
	}
	var pvs []pvRow
	var meters []meterRow
	var devices []deviceRow
	for _, q := range []*bun.SelectQuery{tx.NewSelect().Model(&pvs), tx.NewSelect().Model(&meters), tx.NewSelect().Model(&devices)} {
		if err := q.Where("household = ?", h.ID).Scan(ctx); err != nil {
			return was, err
		}
	}
	var ended []endedRow
	for _, d := range devices {
		ended = append(ended, endedRow{Hash: digest(d.ID), Receipt: encode(r)})
		if err := eraseDevice(ctx, tx, d.ID); err != nil {
			return was, err
		}
	}
	systems := make(map[string]string)
	for i := range pvs {
		p := pvs[i].system().Anonymous()
		systems[p.ID] = household.NewID()
		pvs[i] = pvRow{ID: systems[p.ID], Household: next.ID, NominalPower: p.NominalPower, Azimuth: p.Azimuth, Tilt: p.Tilt, Installed: p.Installed}
	}
	for i := range meters {
		old := meters[i]
		was.Points = append(was.Points, old.Point)
		meters[i] = meterRow{ID: household.NewID(), Household: next.ID, PVSystem: systems[old.PVSystem], Model: old.Model}
		if _, err := tx.NewUpdate().Table("survey_measurements").Set("meter = ?", meters[i].ID).Where("meter = ?", old.ID).Exec(ctx); err != nil {
			return was, err
		}
		if _, err := tx.NewDelete().Table("survey_incidents").Where("meter = ?", old.ID).Exec(ctx); err != nil {
			return was, err
		}
	}
	for i := range devices {
		devices[i] = deviceRow{ID: household.NewID(), Household: next.ID, Kind: devices[i].Kind, Registered: next.Registered}
	}
	if err := eraseHousehold(ctx, tx, h.ID); err != nil {
		return was, err
	}
	for _, err := range []error{
		all(ctx, tx, []householdRow{next}), all(ctx, tx, pvs), all(ctx, tx, meters), all(ctx, tx, devices), all(ctx, tx, ended),
	} {
		if err != nil {
			return was, err
		}
	}
	return was, nil
}

// elsewhere draws the place that stands for one from now on. Of a place that is not
// known, or from which none can be drawn, nothing is left: nobody has to stay known
// for that.
func (s *Store) elsewhere(location string) (string, error) {
	if location == "" {
		return "", nil
	}
	var l household.Location
	if err := json.Unmarshal([]byte(location), &l); err != nil {
		return "", err
	}
	to, ring, err := anonymise.Draw(l.Place, s.people)
	if err != nil {
		return "", nil //nolint:nilerr // see above
	}
	return encode(household.Location{
		Place: to, Anonymised: true, NUTS: ring.NUTS, Inner: ring.Inner, Outer: ring.Outer, People: ring.People, Widened: ring.Widened,
	}), nil
}

type endedRow struct {
	bun.BaseModel `bun:"table:survey_ended,alias:e"`
	Hash          string `bun:"hash,pk"`
	Receipt       string `bun:"receipt"`
}

// Ended gives the receipt by which the household of a device ended; ErrNotFound: it
// did not, or there was no such device.
func (s *Store) Ended(ctx context.Context, device string) (r consent.Receipt, err error) {
	row := endedRow{Hash: digest(device)}
	err = s.db.NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(row.Receipt), &r)
	}
	if err != nil {
		return r, fmt.Errorf("read receipt: %w", err)
	}
	return r, nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
