package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/backup"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// BackupCmd is "wattwerk backup".
type BackupCmd struct {
	serverFlags
	File string `arg:"" help:"The file to write, as wattwerk.tar.zst; '-' writes to standard output."`
}

// Help is shown by --help.
func (*BackupCmd) Help() string {
	return `The file holds every reading, the model with its revisions, users and tokens, alert rules, corrections. While a wattwerk
runs on the data directory it is asked for the copy and goes on working; what was accepted before
the command began is in the file. While none runs the directory is read.

Keep the file as safe as the directory: it holds the same secrets, as hashes.

Examples:
  wattwerk backup wattwerk.tar.zst
  wattwerk backup --url https://power.example.org --token-file token.txt copy.tar.zst
  wattwerk backup - | ssh vault 'cat > wattwerk.tar.zst'`
}

// Run writes the file.
func (c *BackupCmd) Run(ctx context.Context, sys IO) error {
	if c.File == "-" {
		return c.copyTo(ctx, sys, sys.Out)
	}
	if _, err := os.Stat(c.File); err == nil {
		return usageError{fmt.Errorf("%s exists; a backup does not overwrite anything", c.File)}
	}
	part := c.File + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p := newProgress(sys, "backup", 0)
	err = errors.Join(c.copyTo(ctx, sys, io.MultiWriter(f, p)), f.Sync(), f.Close())
	p.end()
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, c.File); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Err, "%s written, %s\n", c.File, byteCount(p.n))
	return err
}

func (c *BackupCmd) copyTo(ctx context.Context, sys IO, w io.Writer) error {
	server, err := c.connect(sys)
	if errors.Is(err, datadir.ErrNotRunning) {
		return c.offline(ctx, sys, w)
	}
	if err != nil {
		return err
	}
	resp, err := server.do(ctx, http.MethodPost, "/api/v1/backup", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the copy broke off, and is of no use: %w", err)
	}
	return nil
}

// offline copies a directory on which nothing runs.
func (c *BackupCmd) offline(ctx context.Context, sys IO, w io.Writer) (err error) {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	if empty, eerr := datadir.Empty(cfg.Data); eerr != nil || empty {
		return errors.Join(eerr, fmt.Errorf("there is nothing in %s", cfg.Data))
	}
	dir, err := datadir.Open(cfg.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	o, err := cfg.Bus.external()
	if err != nil {
		return err
	}
	o.Dir = dir.Path()
	b, err := bus.Open(ctx, o)
	if err != nil {
		return err
	}
	defer b.Close()
	return backup.Source{Dir: dir.Path(), Bus: b, Books: cfg.copyBooks, Version: Version()}.Write(ctx, w)
}

// RestoreCmd is "wattwerk restore".
type RestoreCmd struct {
	settingsFlags
	File string `arg:"" help:"A file that 'wattwerk backup' wrote; '-' reads from standard input."`
}

// Help is shown by --help.
func (*RestoreCmd) Help() string {
	return `The data directory must be empty or missing; nothing is ever overwritten. When the settings name a
PostgreSQL that is empty, users, rules and corrections of the backup go there. With bus.nats in the settings what was on
the bus goes to that NATS, which nobody may have used yet, with as many copies as bus.replicas says.
A file that was cut off is recognised, and leaves nothing behind. When the restoring itself is killed, nothing starts on
what is there; restore once more, which begins anew.

Examples:
  wattwerk restore wattwerk.tar.zst --data /var/lib/wattwerk
  wattwerk run --data /var/lib/wattwerk`
}

// Run restores the file.
func (c *RestoreCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	to := bus.Options{Replicas: 1}
	if cfg.Bus.NATS != "" {
		if to, err = cfg.Bus.external(); err != nil {
			return err
		}
	}
	in, size := sys.In, int64(0)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		in = f
	}
	p := newProgress(sys, "restore", size)
	err = backup.Restore(ctx, io.TeeReader(in, p), cfg.Data, to)
	p.end()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(sys.Err, "restored into %s\n", cfg.Data); err != nil {
		return err
	}
	at, err := cfg.SQL.url()
	if err != nil || at == "" || !hasUsersFile(cfg.Data) {
		return err
	}
	n, name, err := cfg.moveBooks(ctx)
	switch {
	case errors.Is(err, sqldb.ErrNotEmpty):
		_, err = fmt.Fprintf(sys.Err, "users, rules and corrections of the backup stay in %s: %v\n", filepath.Join(cfg.Data, access.FileName), err)
	case err == nil:
		_, err = fmt.Fprintf(sys.Err, "%d users, rules and corrections restored into %s\n", n, name)
	}
	return err
}
