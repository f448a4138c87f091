package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/run"
	surveyclient "github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// SurveyAccessCmd is "wattwerk survey access".
type SurveyAccessCmd struct {
	Grant  SurveyAccessGrantCmd  `cmd:"" help:"Allow an SSH key to look at a device, for a while, and print the grant."`
	List   SurveyAccessListCmd   `cmd:"" help:"List grants, and what was done by them."`
	Open   SurveyAccessOpenCmd   `cmd:"" help:"Connect standard input and output to a device that has come, for ssh."`
	Revoke SurveyAccessRevokeCmd `cmd:"" help:"End a grant, and who is there by it."`
}

// Help is shown by --help.
func (*SurveyAccessCmd) Help() string {
	return `A device is behind the router of its household, and nobody can reach it. When there is a grant for it
that is signed, it opens a tunnel to the data service within two minutes, answers SSH inside, and
lets one key in, to a fixed list of commands. The household sees who, why and what, and can end it.
docs/survey.md explains it.

Examples:
  wattwerk survey access grant 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11 --for 1h --reason "no measurements" --key ~/.ssh/id_ed25519.pub
  ssh -o ProxyCommand="wattwerk survey access open GRANT --known-hosts known" -o UserKnownHostsFile=known -o HostKeyAlias=GRANT device status
  wattwerk survey access list
  wattwerk survey access revoke GRANT`
}

// SurveyAccessGrantCmd is "wattwerk survey access grant".
type SurveyAccessGrantCmd struct {
	settingsFlags
	Device string   `arg:"" help:"The device, as 'wattwerk survey household list' shows it."`
	For    string   `default:"1h" placeholder:"TIME" help:"How long it is good for, 24h at most."`
	In     string   `default:"0s" placeholder:"TIME" help:"How long until it is good."`
	Reason string   `required:"" placeholder:"TEXT" help:"Why; the household sees it."`
	Key    string   `required:"" placeholder:"FILE" help:"The SSH key that may come in: its public half." type:"existingfile"`
	May    []string `name:"may" placeholder:"COMMAND" sep:"none" help:"What may be done beyond looking: restart, 'meter read', shell. May be said several times."`
	Who    string   `placeholder:"NAME" help:"Who allows it; the household sees it (default: the name of this user)."`
}

// Help is shown by --help.
func (*SurveyAccessGrantCmd) Help() string {
	return `The issuer of the survey signs it. It is good once: for one tunnel.

Example:
  wattwerk survey access grant 6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11 --for 1h --reason "no measurements since Monday" --key ~/.ssh/id_ed25519.pub`
}

// Run grants.
func (c *SurveyAccessGrantCmd) Run(ctx context.Context, sys IO) error {
	var life, in config.Duration
	if life.UnmarshalText([]byte(c.For)) != nil || in.UnmarshalText([]byte(c.In)) != nil || life <= 0 || in < 0 {
		return usageError{errors.New("--for and --in are times, as 1h")}
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	who := c.Who
	if who == "" {
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
	}
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	authority, err := identity.Open(cfg.authorityDir())
	if err != nil {
		return err
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		from := time.Now().UTC().Add(in.Std()).Truncate(time.Second)
		g := visit.Grant{ID: household.NewID(), Device: c.Device, From: from, Until: from.Add(life.Std()), Who: who, Why: c.Reason, Key: strings.TrimSpace(string(key)), May: c.May}
		signed, err := visit.Sign(g, authority.Sign)
		if errors.Is(err, visit.ErrInvalid) {
			return usageError{err}
		}
		if err != nil {
			return err
		}
		if err := s.Visits().Add(ctx, g, signed); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "grant %s for the device %s until %s\n", g.ID, g.Device, g.Until.Format(time.RFC3339))
		return err
	})
}

// SurveyAccessListCmd is "wattwerk survey access list".
type SurveyAccessListCmd struct {
	settingsFlags
	Device string `placeholder:"DEVICE" help:"Those of one device."`
}

// Help is shown by --help.
func (*SurveyAccessListCmd) Help() string {
	return "Of households that revoked their consent nothing is left.\n\nExample:\n  wattwerk survey access list"
}

// Run prints.
func (c *SurveyAccessListCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		all, err := s.Visits().List(ctx, c.Device)
		if err != nil {
			return err
		}
		t := newColumns(sys.Out, "GRANT", "DEVICE", "FROM", "UNTIL", "WHO", "WHY", "STATE")
		for _, v := range all {
			t.row(v.ID, v.Device, v.From.Format(time.RFC3339), v.Until.Format(time.RFC3339), v.Who, v.Why, stateOf(v))
			for _, e := range v.Events {
				t.row("", e.At.Format(time.RFC3339), e.What, "", "", "", "")
			}
		}
		return t.flush()
	})
}

func stateOf(v register.Visit) string {
	switch {
	case v.Ended != nil:
		return v.Outcome
	case !time.Now().Before(v.Until):
		return "expired"
	case v.Opened != nil:
		return "the device is there"
	}
	return "waits for the device"
}

// SurveyAccessRevokeCmd is "wattwerk survey access revoke".
type SurveyAccessRevokeCmd struct {
	settingsFlags
	Grant string `arg:"" help:"As 'wattwerk survey access list' shows it."`
}

// Help is shown by --help.
func (*SurveyAccessRevokeCmd) Help() string {
	return "A tunnel that is open is closed within seconds.\n\nExample:\n  wattwerk survey access revoke 0d6c8f3e-52a1-4f0b-8a0e-9b1f1f6f2c77"
}

// Run ends it.
func (c *SurveyAccessRevokeCmd) Run(ctx context.Context, sys IO) error {
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error { return s.Visits().End(ctx, c.Grant, commandLine) })
}

// SurveyAccessOpenCmd is "wattwerk survey access open".
type SurveyAccessOpenCmd struct {
	settingsFlags
	Grant      string        `arg:"" help:"As 'wattwerk survey access grant' printed it."`
	KnownHosts string        `placeholder:"FILE" help:"Write the key of the device here, by the name of the grant, before anything else." type:"path"`
	Wait       time.Duration `default:"5m" help:"How long to wait for the device."`
	URL        string        `name:"url" placeholder:"URL" help:"Of the data service (default: as in the settings)."`
	TokenFile  string        `placeholder:"FILE" help:"A token of a researcher or administrator (default: that of the wattwerk that runs on the data directory)." type:"existingfile"`
}

// Help is shown by --help.
func (*SurveyAccessOpenCmd) Help() string {
	return `For ssh, as its ProxyCommand. The key by which the device is known came over its tunnel, which its
certificate vouches for.

Example:
  ssh -o ProxyCommand="wattwerk survey access open GRANT --known-hosts known" -o UserKnownHostsFile=known -o HostKeyAlias=GRANT device status`
}

// Run connects.
func (c *SurveyAccessOpenCmd) Run(ctx context.Context, sys IO) (err error) {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	service, err := c.service(&cfg)
	if err != nil {
		return err
	}
	defer service.Close()
	s, err := cfg.openSurvey(ctx)
	if err != nil {
		return err
	}
	v, err := c.wait(ctx, s)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if c.KnownHosts != "" {
		if err := os.WriteFile(c.KnownHosts, []byte(v.ID+" "+v.HostKey+"\n"), 0o600); err != nil {
			return err
		}
	}
	conn, err := service.Enter(ctx, v.ID)
	if err != nil {
		return err
	}
	visit.Join(ctx, conn, terminal{sys})
	return nil
}

// terminal is standard input and output as one.
type terminal struct{ sys IO }

func (t terminal) Read(p []byte) (int, error)  { return t.sys.In.Read(p) }
func (t terminal) Write(p []byte) (int, error) { return t.sys.Out.Write(p) }

// Close makes a read return, where that can be.
func (t terminal) Close() error {
	if c, ok := t.sys.In.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// wait returns when the device has come.
func (c *SurveyAccessOpenCmd) wait(ctx context.Context, s *register.Store) (register.Visit, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	for {
		v, err := s.Visits().Read(ctx, c.Grant)
		switch {
		case errors.Is(err, register.ErrNotFound):
			return v, usageError{err}
		case err != nil:
			return v, err
		case v.Ended != nil:
			return v, fmt.Errorf("enter: the visit is over: %s", v.Outcome)
		case !time.Now().Before(v.Until):
			return v, visit.ErrExpired
		case v.Opened != nil:
			return v, nil
		}
		if !run.Pause(ctx, time.Second) {
			return v, visit.ErrAbsent
		}
	}
}

// service is the data service, for staff.
func (c *SurveyAccessOpenCmd) service(cfg *Config) (*surveyclient.Client, error) {
	at := c.URL
	if at == "" {
		host, port, err := net.SplitHostPort(cfg.Survey.Listen)
		if err != nil {
			return nil, usageError{errors.New("the settings do not say where the data service is; say --url")}
		}
		if len(cfg.Survey.Hosts) > 0 {
			host = cfg.Survey.Hosts[0]
		}
		at = "https://" + net.JoinHostPort(host, port)
	}
	var token string
	if c.TokenFile != "" {
		data, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, err
		}
		token = strings.TrimSpace(string(data))
	} else {
		in, err := datadir.Running(cfg.Data)
		if err != nil {
			return nil, err
		}
		token = in.Secret
	}
	roots, err := os.ReadFile(filepath.Join(cfg.authorityDir(), identity.RootCert))
	if err != nil {
		return nil, err
	}
	return surveyclient.New(surveyclient.Options{URL: at, Roots: roots, Token: token})
}
