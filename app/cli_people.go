package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/datadir"
)

// TokenCmd is "wattwerk token".
type TokenCmd struct {
	Create TokenCreateCmd `cmd:"" help:"Make a token and print it, and nothing else, on standard output."`
	List   TokenListCmd   `cmd:"" help:"List the tokens; their secrets are not kept and cannot be shown."`
	Revoke TokenRevokeCmd `cmd:"" help:"End a token, at once."`
}

// Help is shown by --help.
func (*TokenCmd) Help() string {
	return `Tokens let programs in: they go into the header "Authorization: Bearer TOKEN", or where a
program has a field for a password or an InfluxDB token. These commands work on the data
directory, while a wattwerk is running on it and while none is.

Examples:
  wattwerk token create --role operator --name telegraf
  wattwerk token list
  wattwerk token revoke t_1f6c2a`
}

// TokenCreateCmd is "wattwerk token create".
type TokenCreateCmd struct {
	settingsFlags
	Role    string `help:"viewer (read), operator (read, send, change the model), researcher (read, look after a survey) or administrator." placeholder:"ROLE"`
	Scopes  string `help:"Instead of a role: some of read, ingest, operate, admin, of a survey account, household, consent, measurement-read, measurement-write, with commas." placeholder:"A,B"`
	Name    string `help:"What it is for." default:"command line"`
	Expires string `help:"How long it is good for, as 90d or 12h (default: for ever)." placeholder:"TIME"`
}

// Help is shown by --help.
func (*TokenCreateCmd) Help() string {
	return `Examples:
  TOKEN=$(wattwerk token create --role operator)
  wattwerk token create --scopes ingest --name "meter box 3" --expires 365d`
}

// Run prints the token.
func (c *TokenCreateCmd) Run(ctx context.Context, sys IO) error {
	if c.Role == "" && c.Scopes == "" {
		return usageError{errors.New("say what the token may do: --role viewer, operator or administrator, or --scopes")}
	}
	spec := access.TokenSpec{Name: c.Name, Role: access.Role(c.Role), By: "command line"}
	for s := range strings.SplitSeq(c.Scopes, ",") {
		if s = strings.TrimSpace(s); s != "" {
			spec.Scopes = append(spec.Scopes, access.Scope(s))
		}
	}
	if c.Expires != "" {
		var d config.Duration
		if err := d.UnmarshalText([]byte(c.Expires)); err != nil {
			return usageError{err}
		}
		spec.Expires = time.Now().Add(d.Std())
	}
	return withAccess(ctx, c.settingsFlags, sys, true, func(s *access.Store) error {
		secret, _, err := s.CreateToken(ctx, spec)
		if errors.Is(err, access.ErrInvalid) {
			return usageError{err}
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(sys.Out, secret)
		return err
	})
}

// TokenListCmd is "wattwerk token list".
type TokenListCmd struct{ settingsFlags }

// Help is shown by --help.
func (*TokenListCmd) Help() string { return "Example:\n  wattwerk token list --data /var/lib/wattwerk" }

// Run prints a table.
func (c *TokenListCmd) Run(ctx context.Context, sys IO) error {
	return withAccess(ctx, c.settingsFlags, sys, false, func(s *access.Store) error {
		tokens, err := s.Tokens(ctx)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tNAME\tSCOPES\tCREATED\tLAST USED\tEXPIRES") //nolint:errcheck // Flush reports
		for _, k := range tokens {
			scopes := make([]string, len(k.Scopes))
			for i, sc := range k.Scopes {
				scopes[i] = string(sc)
			}
			created := k.Created
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // Flush reports
				k.ID, k.Name, strings.Join(scopes, ","), day(&created), day(k.Used), day(k.Expires))
		}
		return t.Flush()
	})
}

func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// TokenRevokeCmd is "wattwerk token revoke".
type TokenRevokeCmd struct {
	settingsFlags
	ID string `arg:"" help:"As 'wattwerk token list' shows it."`
}

// Help is shown by --help.
func (*TokenRevokeCmd) Help() string { return "Example:\n  wattwerk token revoke t_1f6c2a" }

// Run ends the token.
func (c *TokenRevokeCmd) Run(ctx context.Context, sys IO) error {
	return withAccess(ctx, c.settingsFlags, sys, false, func(s *access.Store) error { return s.RevokeToken(ctx, c.ID) })
}

// UserCmd is "wattwerk user".
type UserCmd struct {
	List     UserListCmd     `cmd:"" help:"List the users."`
	Password UserPasswordCmd `cmd:"" help:"Set a password; the way back in when it is lost."`
	Link     UserLinkCmd     `cmd:"" help:"Print a link that signs a user in once."`
	Move     UserMoveCmd     `cmd:"" help:"Take users, tokens, rules and corrections from the data directory into PostgreSQL."`
}

// Help is shown by --help.
func (*UserCmd) Help() string {
	return `These commands work on the data directory, or the PostgreSQL of the settings, while a wattwerk is
running on it and while none is.

Examples:
  wattwerk user list
  wattwerk user password admin            make a new password and print it
  wattwerk user password admin --stdin    read it from standard input
  wattwerk user link admin`
}

// UserListCmd is "wattwerk user list".
type UserListCmd struct{ settingsFlags }

// Help is shown by --help.
func (*UserListCmd) Help() string { return "Example:\n  wattwerk user list --data /var/lib/wattwerk" }

// Run prints a table.
func (c *UserListCmd) Run(ctx context.Context, sys IO) error {
	return withAccess(ctx, c.settingsFlags, sys, false, func(s *access.Store) error {
		users, err := s.Users(ctx)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tROLE\tCREATED") //nolint:errcheck // Flush reports
		for _, u := range users {
			created := u.Created
			fmt.Fprintf(t, "%s\t%s\t%s\n", u.Name, u.Role, day(&created)) //nolint:errcheck // Flush reports
		}
		return t.Flush()
	})
}

// UserPasswordCmd is "wattwerk user password".
type UserPasswordCmd struct {
	settingsFlags
	Name  string `arg:"" help:"The user."`
	Stdin bool   `help:"Read the password from standard input instead of making one."`
}

// Help is shown by --help.
func (*UserPasswordCmd) Help() string {
	return `Setting a password ends all sessions of the user.

Examples:
  wattwerk user password admin
  wattwerk user password admin --stdin < password.txt`
}

// Run sets the password.
func (c *UserPasswordCmd) Run(ctx context.Context, sys IO) error {
	password := newPassword()
	if c.Stdin {
		line, err := firstLine(sys.In)
		if err != nil {
			return err
		}
		password = line
	}
	return withAccess(ctx, c.settingsFlags, sys, false, func(s *access.Store) error {
		u, err := s.UserByName(ctx, c.Name)
		if err != nil {
			return err
		}
		if err := s.SetPassword(ctx, u.ID, password); err != nil {
			return err
		}
		if !c.Stdin {
			_, err = fmt.Fprintln(sys.Out, password)
		}
		return err
	})
}

func newPassword() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// UserLinkCmd is "wattwerk user link".
type UserLinkCmd struct {
	settingsFlags
	Name string `arg:"" optional:"" default:"admin" help:"The user."`
}

// Help is shown by --help.
func (*UserLinkCmd) Help() string {
	return "The link works once, within 15 minutes.\n\nExample:\n  wattwerk user link admin"
}

// Run prints the link.
func (c *UserLinkCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	in, err := datadir.Running(cfg.Data)
	if err != nil {
		return err
	}
	return withAccess(ctx, c.settingsFlags, sys, false, func(s *access.Store) error {
		u, err := s.UserByName(ctx, c.Name)
		if err != nil {
			return err
		}
		once, err := s.NewLink(ctx, u.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(sys.Out, signInLink(in.URL, once))
		return err
	})
}

// UserMoveCmd is "wattwerk user move".
type UserMoveCmd struct{ settingsFlags }

// Help is shown by --help.
func (*UserMoveCmd) Help() string {
	return `Users, sessions and tokens, alert rules and corrections go from wattwerk.db in the data directory into
the PostgreSQL that sql.url_file or sql.url names, which must be empty; passwords, sessions and tokens
stay valid. Windows are settled anew there. The file is renamed to wattwerk.db.moved. Stop the process on the directory first.

The way back: 'wattwerk backup', and 'wattwerk restore' without the setting.

Example:
  wattwerk user move --data /var/lib/wattwerk --config wattwerk.yaml`
}

// Run moves the users.
func (c *UserMoveCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	if at, err := cfg.SQL.url(); err != nil || at == "" {
		return errors.Join(err, usageError{errors.New("name the PostgreSQL to move to in sql.url_file or sql.url")})
	}
	if !hasUsersFile(cfg.Data) {
		return fmt.Errorf("there is no %s in %s", access.FileName, cfg.Data)
	}
	dir, err := datadir.Open(cfg.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	n, name, err := cfg.moveBooks(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Err, "%d users, alert rules and corrections moved to %s\n", n, name)
	return err
}

func signInLink(base, once string) string {
	return strings.TrimSuffix(base, "/") + "/login?once=" + once
}

// hasUsersFile tells whether there is a file of users in a data directory.
func hasUsersFile(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, access.FileName))
	return err == nil
}

// withAccess opens the users and tokens, wherever the settings say they are. A directory
// that has none is an error, unless one may be made: a mistyped --data should
// not leave a directory behind.
func withAccess(ctx context.Context, f settingsFlags, sys IO, create bool, do func(*access.Store) error) (err error) {
	cfg, err := f.load(sys, nil)
	if err != nil {
		return err
	}
	at, err := cfg.SQL.url()
	if err != nil {
		return err
	}
	if at == "" && !hasUsersFile(cfg.Data) && !create {
		return fmt.Errorf("there is no wattwerk in %s; name its data directory with --data", cfg.Data)
	}
	s, err := cfg.openUsers(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}
