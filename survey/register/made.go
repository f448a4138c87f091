package register

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Made is a made-up household that has consented, with a meter and a device, under identifiers that are given.
type Made struct {
	Household  string
	Meter      string
	Model      string // of the meter
	Device     string
	Version    string // of the text
	Credential Credential
}

// Make stores made-up households, as many as a statement holds, for who measures how many a survey can have. There is no receipt of
// their consents, so it is not for households that there are.
func (s *Store) Make(ctx context.Context, list []Made) error {
	at := millis(s.now())
	homes, meters, devices, credentials := make([]householdRow, len(list)), make([]meterRow, len(list)), make([]deviceRow, len(list)), make([]credentialRow, len(list))
	for i, m := range list {
		homes[i] = householdRow{ID: m.Household, Group: "survey." + household.NewID(), Registered: at, State: string(consent.Granted), Version: m.Version, Granted: &at, Metadata: encode(household.Metadata{})}
		meters[i] = meterRow{ID: m.Meter, Household: m.Household, Point: "survey." + household.NewID(), Model: m.Model}
		devices[i] = deviceRow{ID: m.Device, Household: m.Household, Kind: string(household.Edge), Name: "made", Registered: at}
		credentials[i] = credentialRow{ID: m.Credential.ID, Device: m.Device, Issued: at, Expires: millis(m.Credential.Expires)}
	}
	err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		for _, err := range []error{all(ctx, tx, homes), all(ctx, tx, meters), all(ctx, tx, devices), all(ctx, tx, credentials)} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make households: %w", err)
	}
	return nil
}
