package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/internal/datadir"
)

// EdgeCmd is "wattwerk edge".
type EdgeCmd struct {
	Enrol  EdgeEnrolCmd  `cmd:"" help:"Enrol this measurement device with a token of the survey."`
	Status EdgeStatusCmd `cmd:"" help:"Show how the measurement device that runs here stands."`

	Launch   EdgeLaunchCmd   `cmd:"" help:"Run this measurement device, by the program that is to run, and take updates."`
	Programs EdgeProgramsCmd `cmd:"" help:"Show which programs this measurement device has, and which failed."`
}

// Help is shown by --help.
func (*EdgeCmd) Help() string {
	return `A measurement device reads the meters of a household and sends what they say to the data service of a
field survey; docs/measurement-device.md explains it.

Examples:
  wattwerk edge enrol --config device.yaml --token-file token
  wattwerk run --config device.yaml --modules edge
  wattwerk edge launch --config device.yaml     instead of run, where updates are taken
  wattwerk edge status --config device.yaml`
}

// EdgeEnrolCmd is "wattwerk edge enrol".
type EdgeEnrolCmd struct {
	settingsFlags
	TokenFile string `placeholder:"FILE" help:"File with the enrolment token; -: standard input." default:"-"`
}

// Help is shown by --help.
func (*EdgeEnrolCmd) Help() string {
	return `Makes a key, which never leaves this device, and gets the first certificate for it, also while the
device runs. The token is good once; 'wattwerk survey household add' and 'wattwerk survey device token' make it. Should
the answer be lost, do the same again. Prints the meters of the household with their identifiers.

Example:
  wattwerk edge enrol --config device.yaml --token-file token`
}

// Run enrols.
func (c *EdgeEnrolCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	if cfg.Edge.URL == "" || cfg.Edge.RootFile == "" {
		return usageError{errors.New("there is no data service to enrol at; set edge.url and edge.root_file")}
	}
	roots, err := cfg.Edge.roots()
	if err != nil {
		return usageError{err}
	}
	token, err := readToken(c.TokenFile, sys.In)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	cert, err := edge.Enrol(ctx, edge.Enrolment{Dir: cfg.deviceDir(), URL: cfg.Edge.URL, Roots: roots, Token: token})
	if err != nil && cert.Device == "" {
		return err
	}
	fmt.Fprintf(sys.Out, "device %s\ncertificate until %s\n", cert.Device, cert.Ends.UTC().Format(time.RFC3339)) //nolint:errcheck // the last one reports
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "METER\tMODEL\tSERIAL\tNAME") //nolint:errcheck // Flush reports
	for _, m := range cert.Meters {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.ID, m.Model, m.Serial, m.Name) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}

// readToken reads an enrolment token.
func readToken(file string, in io.Reader) (string, error) {
	if file == "-" {
		token, err := firstLine(in)
		return strings.TrimSpace(token), err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", usageError{fmt.Errorf("read token: %w", err)}
	}
	return strings.TrimSpace(string(data)), nil
}

// EdgeStatusCmd is "wattwerk edge status".
type EdgeStatusCmd struct{ settingsFlags }

// Help is shown by --help.
func (*EdgeStatusCmd) Help() string {
	return `Prints as JSON whether the device measures, what waits to be sent, and what is wrong. It asks the page of the
device that runs on the data directory.

Example:
  wattwerk edge status --config device.yaml`
}

// Run prints.
func (c *EdgeStatusCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	in, err := datadir.Running(cfg.Data)
	if err != nil {
		return err
	}
	if cfg.Edge.Page == "" {
		return usageError{errors.New("the device has no page to ask; set edge.page")}
	}
	url := "http://" + cfg.Edge.Page
	if cfg.isDevice() || strings.HasSuffix(cfg.Edge.Page, ":0") {
		url = in.URL
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/status.json", nil)
	if err != nil {
		return err
	}
	password, err := cfg.Edge.password()
	if err != nil {
		return err
	}
	if password != "" {
		r.SetBasicAuth("wattwerk", password)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask the device: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the device: it answers %s", resp.Status)
	}
	_, err = io.Copy(sys.Out, io.LimitReader(resp.Body, 1<<20))
	return err
}
