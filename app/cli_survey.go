package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/dataset"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// SurveyCmd is "wattwerk survey".
type SurveyCmd struct {
	CA        SurveyCACmd        `cmd:"" name:"ca" help:"Make the authority that signs the certificates of devices."`
	Text      SurveyTextCmd      `cmd:"" help:"Put the text into force that people consent to."`
	Household SurveyHouseholdCmd `cmd:"" help:"Register and list households, revoke a consent."`
	Device    SurveyDeviceCmd    `cmd:"" help:"Make an enrolment token, revoke a device, add another source."`
	Update    SurveyUpdateCmd    `cmd:"" help:"Sign programs that devices take, and have them go to more of them."`
	Status    SurveyStatusCmd    `cmd:"" help:"Say how the devices are, and what there is to do."`
	Report    SurveyReportCmd    `cmd:"" help:"Say how much of what was to be measured was measured."`
	Access    SurveyAccessCmd    `cmd:"" help:"Look at a measurement device from afar, by a grant."`
	Demo      SurveyDemoCmd      `cmd:"" help:"Run a whole survey of made-up households, to try it."`
	Export    SurveyExportCmd    `cmd:"" help:"Write the data set for research, with a dictionary."`
}

// Help is shown by --help.
func (*SurveyCmd) Help() string {
	return `A field survey reads the meters of households. These commands work on the data directory, or the
PostgreSQL of the settings, while a wattwerk is running on it and while none is; docs/survey.md
explains all of it.

Examples:
  wattwerk survey demo                                a survey of ten made-up households, to try it
  wattwerk survey ca init --offline /media/stick      once; take the stick away
  wattwerk survey text consent.txt --version 2026-1
  wattwerk survey household add miller.yaml           prints the enrolment token, once
  wattwerk survey status
  wattwerk survey report --every week
  wattwerk survey export survey-2026`
}

// SurveyCACmd is "wattwerk survey ca".
type SurveyCACmd struct {
	Init   SurveyCAInitCmd   `cmd:"" help:"Make the root, and the first issuer below it."`
	Issuer SurveyCAIssuerCmd `cmd:"" help:"Make another issuer, when the one before is about to expire or was stolen."`
}

// Help is shown by --help.
func (*SurveyCACmd) Help() string {
	return `The key of the root belongs on something that is kept in a safe; the issuer works where the data
service runs, for two years.

Examples:
  wattwerk survey ca init --offline /media/stick
  wattwerk survey ca issuer --offline /media/stick`
}

type offline struct {
	settingsFlags
	Offline string `required:"" placeholder:"DIR" help:"Directory for the root and its key, on what you take away." type:"path"`
}

// SurveyCAInitCmd is "wattwerk survey ca init".
type SurveyCAInitCmd struct{ offline }

// Help is shown by --help.
func (*SurveyCAInitCmd) Help() string {
	return "Nothing is written over.\n\nExample:\n  wattwerk survey ca init --offline /media/stick --data /var/lib/wattwerk"
}

// Run makes the root.
func (c *SurveyCAInitCmd) Run(sys IO) error { return c.issue(sys, identity.Init) }

// SurveyCAIssuerCmd is "wattwerk survey ca issuer".
type SurveyCAIssuerCmd struct{ offline }

// Help is shown by --help.
func (*SurveyCAIssuerCmd) Help() string {
	return "Certificates by the issuer before stay good. Restart the data service afterwards.\n\nExample:\n  wattwerk survey ca issuer --offline /media/stick --data /var/lib/wattwerk"
}

// Run makes an issuer.
func (c *SurveyCAIssuerCmd) Run(sys IO) error { return c.issue(sys, identity.NewIssuer) }

func (c *offline) issue(sys IO, f func(offline, online string) error) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	online := cfg.authorityDir()
	if filepath.Clean(c.Offline) == filepath.Clean(online) {
		return usageError{errors.New("--offline is where the service works; name a directory on what you take away")}
	}
	if err := f(c.Offline, online); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%s\n%s\n%s\n", filepath.Join(c.Offline, identity.RootKey), filepath.Join(online, identity.RootCert), filepath.Join(online, identity.IssuerKey))
	return err
}

// withSurvey opens the survey for a command.
func withSurvey(ctx context.Context, f settingsFlags, sys IO, do func(*register.Store) error) (err error) {
	cfg, err := f.load(sys, nil)
	if err != nil {
		return err
	}
	s, err := cfg.openSurvey(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = do(s)
	if errors.Is(err, register.ErrInvalid) || errors.Is(err, register.ErrNotFound) {
		return usageError{err}
	}
	return err
}

const commandLine = "command line"

// SurveyTextCmd is "wattwerk survey text".
type SurveyTextCmd struct {
	settingsFlags
	File    string `arg:"" help:"The text, UTF-8." type:"existingfile"`
	Version string `required:"" placeholder:"V" help:"What it is called, for ever, as 2026-1."`
}

// Help is shown by --help.
func (*SurveyTextCmd) Help() string {
	return `Who has consented to a text before stays with that one; who consents from now on consents to this one.

Example:
  wattwerk survey text consent.txt --version 2026-1`
}

// Run adds the text.
func (c *SurveyTextCmd) Run(ctx context.Context, sys IO) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		return s.AddText(ctx, consent.Text{Version: c.Version, Body: string(data)}, commandLine)
	})
}

// SurveyHouseholdCmd is "wattwerk survey household".
type SurveyHouseholdCmd struct {
	Add    SurveyAddCmd    `cmd:"" help:"Register a household, and print the enrolment tokens of its devices, once."`
	List   SurveyListCmd   `cmd:"" help:"List the households."`
	Revoke SurveyRevokeCmd `cmd:"" help:"Revoke the consent of a household, which makes it anonymous for ever."`
}

// Help is shown by --help.
func (*SurveyHouseholdCmd) Help() string {
	return `Examples:
  wattwerk survey household add miller.yaml
  wattwerk survey household list
  wattwerk survey household revoke 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11 --yes`
}

// SurveyAddCmd is "wattwerk survey household add".
type SurveyAddCmd struct {
	settingsFlags
	File string `arg:"" help:"The questionnaire (YAML or JSON)." type:"existingfile"`
}

// Help is shown by --help.
func (*SurveyAddCmd) Help() string {
	return `Example of a questionnaire, of which all but the meters may be left out:
  participant: {name: A. Miller, email: a.miller@example.org}
  address: {street: Main Street 1, postcode: "24103", city: Kiel, country: DE}
  location: {latitude: 54.32, longitude: 10.14}
  metadata: {children: 1, adults: 2, employedAdults: 2, charger: false, heatPump: true, battery: false}
  pvSystems: [{name: roof, nominalPower: 9.86, azimuth: 170, tilt: 35, installed: 2019-05-17}]
  meters: [{model: MT175, pvSystem: roof}]

  wattwerk survey household add miller.yaml`
}

// Run registers.
func (c *SurveyAddCmd) Run(ctx context.Context, sys IO) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	var r household.Registration
	if err := strict.YAML(data, &r); err != nil {
		return usageError{fmt.Errorf("read %s: %w", c.File, err)}
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		h, err := s.Register(ctx, r, commandLine)
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "household %s\n", h.ID) //nolint:errcheck // the last one reports
		for _, m := range h.Meters {
			fmt.Fprintf(sys.Out, "meter %s %s\n", m.ID, m.Model) //nolint:errcheck // the last one reports
		}
		for _, d := range h.Devices {
			if err := printToken(ctx, sys, s, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func printToken(ctx context.Context, sys IO, s *register.Store, device string) error {
	token, expires, err := s.Token(ctx, device, commandLine)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "device %s token %s until %s\n", device, token, expires.Format(time.RFC3339))
	return err
}

// eachHousehold hands all households to f.
func eachHousehold(ctx context.Context, s *register.Store, f func(household.Household) error) error {
	for after := ""; ; {
		all, _, err := s.Households(ctx, after, 200)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, h := range all {
			if err := f(h); err != nil {
				return err
			}
			after = h.ID
		}
	}
}

// SurveyListCmd is "wattwerk survey household list".
type SurveyListCmd struct{ settingsFlags }

// Help is shown by --help.
func (*SurveyListCmd) Help() string { return "Example:\n  wattwerk survey household list" }

// Run prints a table.
func (c *SurveyListCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "HOUSEHOLD\tPARTICIPANT\tCONSENT\tMETERS\tDEVICE\tLAST SEEN\tCERTIFICATE UNTIL") //nolint:errcheck // Flush reports
		if err := eachHousehold(ctx, s, func(h household.Household) error {
			name := "-"
			if h.Participant != nil {
				name = h.Participant.Name
			}
			for _, d := range h.Devices {
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", h.ID, name, h.Consent.State, len(h.Meters), d.ID, day(d.LastSeen), day(d.Expires)) //nolint:errcheck // Flush reports
			}
			return nil
		}); err != nil {
			return err
		}
		return t.Flush()
	})
}

// SurveyRevokeCmd is "wattwerk survey household revoke".
type SurveyRevokeCmd struct {
	settingsFlags
	ID  string `arg:"" help:"As 'wattwerk survey household list' shows it."`
	Yes bool   `help:"Really: it cannot be undone."`
}

// Help is shown by --help.
func (*SurveyRevokeCmd) Help() string {
	return `For who asks by telephone or letter. Prints the signed receipt, which is for the participant. Delete
backups that were made before.

Example:
  wattwerk survey household revoke 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11 --yes`
}

// Run revokes.
func (c *SurveyRevokeCmd) Run(ctx context.Context, sys IO) error {
	if !c.Yes {
		return usageError{errors.New("this makes the household anonymous and cannot be undone; say --yes")}
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		r, _, err := s.Revoke(ctx, c.ID)
		if r.Signature != "" {
			_, perr := fmt.Fprintf(sys.Out, "%skey %s\nsignature %s\n", r.Signed(), r.Key, r.Signature)
			err = errors.Join(err, perr)
		}
		return err
	})
}

// SurveyDeviceCmd is "wattwerk survey device".
type SurveyDeviceCmd struct {
	Token  SurveyTokenCmd        `cmd:"" help:"Make an enrolment token for a device, and print it, once."`
	Revoke SurveyDeviceRevokeCmd `cmd:"" help:"End all certificates and tokens of a device, at once."`
	Source SurveySourceCmd       `cmd:"" help:"Add another source of data to a household, and print its signed token, once."`
}

// Help is shown by --help.
func (*SurveyDeviceCmd) Help() string {
	return `Examples:
  wattwerk survey device token 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11
  wattwerk survey device revoke 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11
  wattwerk survey device source 0d6c8f3e-52a1-4f0b-8a0e-9b1f1f6f2c77 --name inverter`
}

// SurveyTokenCmd is "wattwerk survey device token".
type SurveyTokenCmd struct {
	settingsFlags
	ID string `arg:"" help:"The device."`
}

// Help is shown by --help.
func (*SurveyTokenCmd) Help() string {
	return "The one before it is good no more.\n\nExample:\n  wattwerk survey device token 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11"
}

// Run prints the token.
func (c *SurveyTokenCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error { return printToken(ctx, sys, s, c.ID) })
}

// SurveyDeviceRevokeCmd is "wattwerk survey device revoke".
type SurveyDeviceRevokeCmd struct {
	settingsFlags
	ID string `arg:"" help:"The device."`
}

// Help is shown by --help.
func (*SurveyDeviceRevokeCmd) Help() string {
	return "Example:\n  wattwerk survey device revoke 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11"
}

// Run revokes.
func (c *SurveyDeviceRevokeCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error { return s.RevokeDevice(ctx, c.ID, commandLine) })
}

// SurveySourceCmd is "wattwerk survey device source".
type SurveySourceCmd struct {
	settingsFlags
	Household string `arg:"" help:"The household."`
	Name      string `required:"" help:"What the source is called."`
	Scopes    string `default:"measurement-write" help:"Some of account, household, consent, measurement-read, measurement-write, with commas." placeholder:"A,B"`
	Expires   string `default:"365d" help:"How long the token is good for." placeholder:"TIME"`
}

// Help is shown by --help.
func (*SurveySourceCmd) Help() string {
	return "Example:\n  wattwerk survey device source 0d6c8f3e-52a1-4f0b-8a0e-9b1f1f6f2c77 --name inverter --expires 90d"
}

// Run prints the token.
func (c *SurveySourceCmd) Run(ctx context.Context, sys IO) error {
	var life config.Duration
	if err := life.UnmarshalText([]byte(c.Expires)); err != nil || life <= 0 {
		return usageError{fmt.Errorf("--expires %q is no time, as 90d", c.Expires)}
	}
	scopes := strings.Split(c.Scopes, ",")
	for _, x := range scopes {
		switch x {
		case survey.Account, survey.Household, survey.Consent, survey.MeasurementRead, survey.MeasurementWrite:
		default:
			return usageError{fmt.Errorf("there is no scope %q; there are account, household, consent, measurement-read and measurement-write", x)}
		}
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		d, err := s.AddDevice(ctx, c.Household, household.Source, c.Name, commandLine)
		if err != nil {
			return err
		}
		key, err := s.Key(ctx, survey.TokenKey)
		if err != nil {
			return err
		}
		id, now := household.NewID(), time.Now()
		token, err := survey.SignSource(key, d.ID, id, scopes, now, now.Add(life.Std()))
		if err != nil {
			return err
		}
		if err := s.Keep(ctx, d.ID, scopes, register.Credential{ID: id, Expires: now.Add(life.Std())}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "device %s token %s\n", d.ID, token)
		return err
	})
}

// SurveyExportCmd is "wattwerk survey export".
type SurveyExportCmd struct {
	settingsFlags
	Dir    string `arg:"" help:"Directory to make, with the files." type:"path"`
	Format string `enum:"csv,parquet" default:"csv" help:"csv or parquet."`
}

// Help is shown by --help.
func (*SurveyExportCmd) Help() string {
	return `Writes CSV or Parquet files: households, PV systems, meters, measurements; and what their columns
mean, dictionary.csv. There are no contacts, no addresses, no serial numbers in them, and no place but
those of anonymised households.

Example:
  wattwerk survey export survey-2026
  wattwerk survey export survey-2026 --format parquet`
}

// Run writes.
func (c *SurveyExportCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		n, err := dataset.Write(ctx, s, c.Dir, dataset.Format(c.Format))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%d households, %d measurements in %s\n", n.Households, n.Measurements, c.Dir)
		return err
	})
}
